//! The fan-out: one task compares each new snapshot with the one before, writes what changed down once, and hands the
//! same bytes to every stream. A ring of them lets a console that was away for a moment take up where it was.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::engine::{Delta, LogFilter, LogLevel, LogRecord, LogRing, Snapshot};

/// Frames a slow stream may be behind before it must fetch a whole snapshot: 25 s of a busy run.
const BEHIND: usize = 256;
/// How often the log is looked at while no snapshot comes.
const LOOK: Duration = Duration::from_millis(200);
/// Log records in one frame.
const RECORDS_A_FRAME: usize = 250;
/// Most log records a stream begins with.
const RECORDS_AT_START: usize = 2_000;

/// One piece of a stream, as it goes over the wire.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    /// State.
    State(Bytes),
    /// Log records.
    Logs(Bytes),
}

/// A place in the sequence of snapshots: the `id` of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    /// Which engine process.
    pub epoch: String,
    /// [`Snapshot::seq`].
    pub seq: u64,
}

impl Place {
    fn of(snapshot: &Snapshot) -> Self {
        Self { epoch: snapshot.epoch.clone(), seq: snapshot.seq }
    }

    /// Reads `<epoch>-<seq>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, seq) = text.rsplit_once('-')?;
        Some(Self { epoch: epoch.to_owned(), seq: seq.parse().ok()? })
    }
}

/// What a stream begins with, and where it goes on.
pub(super) struct Subscription {
    pub backlog: VecDeque<Bytes>,
    pub live: broadcast::Receiver<Frame>,
}

/// The fan-out's state.
pub(super) struct Hub {
    inner: Mutex<Inner>,
    live: broadcast::Sender<Frame>,
    capacity: usize,
    sent: AtomicU64,
    logs: Arc<LogRing>,
}

struct Inner {
    current: Arc<Snapshot>,
    since: tokio::time::Instant,
    /// Steps, oldest first: where each starts and its frame. They follow each other without a gap.
    ring: VecDeque<(u64, Bytes)>,
    /// Newest log record handed out.
    logged: u64,
}

impl Hub {
    /// A fan-out that begins at `current` and keeps `capacity` steps.
    pub fn new(current: Arc<Snapshot>, logs: Arc<LogRing>, capacity: usize) -> Self {
        let inner = Inner { current, since: tokio::time::Instant::now(), ring: VecDeque::new(), logged: logs.last() };
        Self { inner: Mutex::new(inner), live: broadcast::channel(BEHIND).0, capacity, sent: AtomicU64::new(0), logs }
    }

    /// Follows the engine until `shutdown`, or until the engine is gone.
    pub async fn follow(&self, mut state: watch::Receiver<Arc<Snapshot>>, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                changed = state.changed() => match changed {
                    Ok(()) => {
                        let next = Arc::clone(&state.borrow_and_update());
                        self.take(next);
                    }
                    Err(_) => return,
                },
                _ = look.tick() => {}
            }
            self.take_logs();
        }
    }

    /// The snapshot that the streams stand at.
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.lock().current)
    }

    /// How long ago the engine last published.
    pub fn silence(&self) -> Duration {
        self.lock().since.elapsed()
    }

    /// Streams attached.
    pub fn streams(&self) -> usize {
        self.live.receiver_count()
    }

    /// Steps written down since the start.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// A stream that goes on after `last`, with the log from after `logs` if it is wanted.
    pub fn subscribe(&self, last: Option<&Place>, logs: Option<u64>) -> Subscription {
        let inner = self.lock();
        let mut backlog = inner.after(last).unwrap_or_else(|| VecDeque::from([resync(&inner.current)]));
        if let Some(after) = logs {
            let filter = LogFilter { level: LogLevel::Trace, source: None, text: None, after, limit: RECORDS_AT_START };
            let (mut records, _) = self.logs.read(&filter);
            // Newer ones are on their way to all streams.
            records.retain(|r| r.seq <= inner.logged);
            backlog.extend(records.chunks(RECORDS_A_FRAME).map(log_frame));
        }
        Subscription { backlog, live: self.live.subscribe() }
    }

    /// The frame that tells a stream to fetch a whole snapshot.
    pub fn resync(&self) -> Bytes {
        resync(&self.lock().current)
    }

    fn take(&self, next: Arc<Snapshot>) {
        let mut inner = self.lock();
        inner.since = tokio::time::Instant::now();
        if Place::of(&inner.current) == Place::of(&next) {
            return;
        }
        let frame = if let Some(delta) = Delta::between(&inner.current, &next) {
            let frame = event("delta", Some(&Place::of(&next)), &delta);
            if inner.ring.len() == self.capacity {
                inner.ring.pop_front();
            }
            inner.ring.push_back((delta.from, frame.clone()));
            self.sent.fetch_add(1, Ordering::Relaxed);
            frame
        } else {
            inner.ring.clear();
            resync(&next)
        };
        inner.current = next;
        // No stream is a normal state.
        drop(self.live.send(Frame::State(frame)));
    }

    fn take_logs(&self) {
        let mut inner = self.lock();
        if self.logs.last() == inner.logged {
            return;
        }
        let filter = LogFilter { level: LogLevel::Trace, source: None, text: None, after: inner.logged, limit: RECORDS_AT_START };
        let (records, _) = self.logs.read(&filter);
        for chunk in records.chunks(RECORDS_A_FRAME) {
            drop(self.live.send(Frame::Logs(log_frame(chunk))));
        }
        inner.logged = records.last().map_or(inner.logged, |r| r.seq);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each change of the inner state is one assignment at its end, so a panic leaves it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The steps after `last`; `None` when they are not all there.
    fn after(&self, last: Option<&Place>) -> Option<VecDeque<Bytes>> {
        let last = last.filter(|p| p.epoch == self.current.epoch)?;
        if last.seq == self.current.seq {
            return Some(VecDeque::new());
        }
        let at = self.ring.binary_search_by_key(&last.seq, |(from, _)| *from).ok()?;
        Some(self.ring.range(at..).map(|(_, frame)| frame.clone()).collect())
    }
}

fn resync(current: &Snapshot) -> Bytes {
    let place = Place::of(current);
    event("resync", Some(&place), &place)
}

fn log_frame(records: &[LogRecord]) -> Bytes {
    event("logs", None, &records)
}

/// An event as text/event-stream has it. JSON has no line breaks, so its data is one line.
fn event(name: &str, id: Option<&Place>, data: &impl Serialize) -> Bytes {
    let id = id.map(|p| format!("id: {}-{}\n", p.epoch, p.seq)).unwrap_or_default();
    match serde_json::to_string(data) {
        Ok(json) => format!("{id}event: {name}\ndata: {json}\n\n").into(),
        Err(e) => {
            tracing::error!(target: "control", error = %e, "A change could not be written down, the streams start over");
            Bytes::from_static(b"event: resync\ndata: {}\n\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(seq: u64) -> Arc<Snapshot> {
        Arc::new(Snapshot { seq, epoch: "a-b".into(), issues: seq, ..Snapshot::default() })
    }

    fn hub(capacity: usize, until: u64) -> Hub {
        let hub = Hub::new(snapshot(1), Arc::new(LogRing::new(10)), capacity);
        (2..=until).for_each(|seq| hub.take(snapshot(seq)));
        hub
    }

    fn ids(frames: &VecDeque<Bytes>) -> Vec<String> {
        let first = |f: &Bytes| String::from_utf8(f.to_vec()).unwrap().lines().take(2).collect::<Vec<_>>().join(" ");
        frames.iter().map(first).collect()
    }

    fn at(epoch: &str, seq: u64) -> Place {
        Place { epoch: epoch.into(), seq }
    }

    #[test]
    fn a_stream_takes_up_where_it_was() {
        let hub = hub(4, 8);
        let begins = |last: Option<Place>| ids(&hub.subscribe(last.as_ref(), None).backlog);
        assert_eq!(begins(Some(at("a-b", 6))), ["id: a-b-7 event: delta", "id: a-b-8 event: delta"]);
        assert_eq!(begins(Some(at("a-b", 4))).len(), 4, "the oldest that is kept");
        assert!(begins(Some(at("a-b", 8))).is_empty());
        let resync = ["id: a-b-8 event: resync"];
        for elsewhere in [None, Some(at("a-b", 3)), Some(at("a-b", 9)), Some(at("other", 7)), Some(at("a-b", u64::MAX))] {
            assert_eq!(begins(elsewhere), resync);
        }
    }

    #[test]
    fn another_process_makes_all_streams_start_over() {
        let hub = hub(4, 3);
        let mut stream = hub.subscribe(Some(&at("a-b", 3)), None);
        hub.take(Arc::new(Snapshot { seq: 1, epoch: "c".into(), ..Snapshot::default() }));
        let Ok(Frame::State(frame)) = stream.live.try_recv() else { panic!("nothing came") };
        assert!(frame.starts_with(b"id: c-1\nevent: resync\n"));
    }

    #[test]
    fn log_records_come_once_each() {
        let logs = Arc::new(LogRing::new(10));
        let hub = Hub::new(snapshot(1), Arc::clone(&logs), 4);
        let push = |text: &str| logs.push(0, LogLevel::Info, "engine", text.to_owned());
        push("One");
        push("Two");
        hub.take_logs();
        push("Three");
        let mut stream = hub.subscribe(Some(&at("a-b", 1)), Some(1));
        hub.take_logs();
        let text = |f: &Bytes| String::from_utf8(f.to_vec()).unwrap();
        let begin: Vec<String> = stream.backlog.iter().map(text).collect();
        assert!(begin.len() == 1 && begin[0].contains("Two") && !begin[0].contains("One") && !begin[0].contains("Three"), "{begin:?}");
        let Ok(Frame::Logs(live)) = stream.live.try_recv() else { panic!("no record came") };
        assert!(text(&live).contains("Three") && !text(&live).contains("Two"));
    }

    #[test]
    fn places_are_read_from_ids() {
        assert_eq!(Place::parse("a-b-7"), Some(at("a-b", 7)));
        for text in ["", "7", "a-b-", "a-b-x", "a--1x"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
