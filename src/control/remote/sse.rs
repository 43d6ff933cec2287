//! Reads text/event-stream, as far as our own server writes it, from pieces of any size.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// `event:`.
    pub name: String,
    /// `data:`.
    pub data: String,
}

/// Largest event; a whole state is smaller by an order of magnitude.
const LARGEST: usize = 16 << 20;

/// A stream that cannot be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream is not one of events")]
pub(super) struct NotEvents;

/// What has come of a stream and was not yet read as events.
#[derive(Debug, Default)]
pub(super) struct Parser {
    buffer: Vec<u8>,
}

impl Parser {
    /// Takes the next piece in.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), NotEvents> {
        if self.buffer.len() + piece.len() > LARGEST {
            return Err(NotEvents);
        }
        self.buffer.extend_from_slice(piece);
        Ok(())
    }

    /// The next whole event. Comments, which keep the connection alive, are passed over.
    pub fn next(&mut self) -> Result<Option<Event>, NotEvents> {
        loop {
            let Some(end) = self.buffer.windows(2).position(|w| w == b"\n\n") else { return Ok(None) };
            let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let block = std::str::from_utf8(&block).map_err(|_| NotEvents)?;
            let mut event = Event::default();
            for line in block.lines() {
                match line.split_once(": ") {
                    Some(("event", name)) => name.clone_into(&mut event.name),
                    Some(("data", data)) => data.clone_into(&mut event.data),
                    _ => {}
                }
            }
            if !event.name.is_empty() {
                return Ok(Some(event));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str =
        "id: a-1\nevent: resync\ndata: {\"seq\":1}\n\n:\n\nid: a-2\nevent: delta\ndata: {\"text\":\"ä: ö\"}\n\n:\n\nevent: lo";

    proptest! {
        /// However the network cuts it.
        #[test]
        fn events_come_whole(cuts in proptest::collection::vec(1_usize..20, 0..60)) {
            let (mut parser, mut found, mut rest) = (Parser::default(), Vec::new(), STREAM.as_bytes());
            for cut in cuts.into_iter().chain([STREAM.len()]) {
                let (piece, left) = rest.split_at(cut.min(rest.len()));
                rest = left;
                parser.feed(piece).unwrap();
                while let Some(event) = parser.next().unwrap() {
                    found.push((event.name, event.data));
                }
            }
            let want = [("resync", r#"{"seq":1}"#), ("delta", r#"{"text":"ä: ö"}"#)];
            prop_assert_eq!(found, want.map(|(n, d)| (n.to_owned(), d.to_owned())));
        }

        #[test]
        fn noise_is_no_event_and_no_panic(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut parser = Parser::default();
            parser.feed(&noise).unwrap();
            while let Ok(Some(event)) = parser.next() {
                prop_assert!(!event.name.is_empty());
            }
        }
    }

    #[test]
    fn an_event_without_end_is_cut_off() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; 1 << 20];
        assert!((0..20).any(|_| parser.feed(&piece).is_err()));
    }
}
