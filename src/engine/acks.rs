//! Answers to accepted commands, kept a while: a command that is sent twice is done once.

use std::collections::{HashMap, VecDeque};

use super::Ack;

/// Command ids remembered; enough for seconds of the fastest sender, so that its retries still find theirs.
const KEPT: usize = 8_192;

/// The newest acknowledgements.
#[derive(Debug, Default)]
pub(super) struct Acks {
    by_id: HashMap<String, Ack>,
    order: VecDeque<String>,
}

impl Acks {
    /// The answer to a command that was accepted before.
    pub fn get(&self, id: &str) -> Option<&Ack> {
        self.by_id.get(id)
    }

    /// Remembers an answer and forgets the oldest.
    pub fn keep(&mut self, ack: &Ack) {
        if self.by_id.insert(ack.id.clone(), ack.clone()).is_none() {
            self.order.push_back(ack.id.clone());
        }
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut acks = Acks::default();
        let ack = |n: usize| Ack { id: n.to_string(), run_id: None, message: String::new() };
        (0..=KEPT).for_each(|n| acks.keep(&ack(n)));
        acks.keep(&ack(KEPT));
        assert!(acks.get("0").is_none() && acks.get("1").is_some());
        assert_eq!(acks.by_id.len(), acks.order.len());
    }
}
