//! The bounded ring of log records that the console and `logs` read.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// A record's level, most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the usual five")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// Fixed-width name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LogRecord {
    /// Position in the log since the process started, from 1.
    pub seq: u64,
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// How severe.
    pub level: LogLevel,
    /// Which part of Nightdesk speaks (`ingest`, `ib`, `yahoo`, `store`, `engine`, `console`).
    pub source: String,
    /// The message with its fields.
    pub message: String,
}

/// Which records to return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LogFilter {
    /// Least severe level wanted.
    pub level: LogLevel,
    /// Only this source.
    pub source: Option<String>,
    /// Only records that contain this text, ignoring case.
    pub text: Option<String>,
    /// Only records after this position.
    pub after: u64,
    /// At most this many, the newest.
    pub limit: usize,
}

/// A bounded log. Writers never wait for readers; what fell out is counted.
#[derive(Debug)]
pub struct LogRing {
    capacity: usize,
    unwritten: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: VecDeque<LogRecord>,
    last: u64,
}

impl LogRing {
    /// A ring of at most `capacity` records.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, unwritten: AtomicU64::new(0), inner: Mutex::default() }
    }

    /// Appends a record.
    pub fn push(&self, at_ms: i64, level: LogLevel, source: &str, message: String) {
        // A panic while the lock is held leaves the deque valid, so poisoning is ignored.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.last += 1;
        let seq = inner.last;
        if inner.records.len() == self.capacity {
            inner.records.pop_front();
        }
        inner.records.push_back(LogRecord { seq, at_ms, level, source: source.to_owned(), message });
    }

    /// Notes how many records so far did not reach the log file: the disk was full, or too slow.
    pub fn note_unwritten(&self, total: u64) {
        self.unwritten.store(total, Ordering::Relaxed);
    }

    /// Records that did not reach the log file since the process started.
    pub fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// Appends a record of another ring, under its own number. Numbers only grow; records that are left out count as
    /// dropped.
    pub fn mirror(&self, record: LogRecord) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if record.seq <= inner.last {
            return;
        }
        inner.last = record.seq;
        if inner.records.len() == self.capacity {
            inner.records.pop_front();
        }
        inner.records.push_back(record);
    }

    /// Records ever pushed; the newest has this `seq`.
    pub fn last(&self) -> u64 {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).last
    }

    /// The newest records that pass `filter`, oldest first, and how many records have fallen out of the ring.
    pub fn read(&self, filter: &LogFilter) -> (Vec<LogRecord>, u64) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let text = filter.text.as_ref().map(|t| t.to_lowercase());
        let passes = |r: &&LogRecord| {
            r.seq > filter.after
                && r.level <= filter.level
                && filter.source.as_ref().is_none_or(|s| *s == r.source)
                && text.as_ref().is_none_or(|t| r.message.to_lowercase().contains(t))
        };
        let mut found: Vec<LogRecord> = inner.records.iter().rev().filter(passes).take(filter.limit).cloned().collect();
        found.reverse();
        (found, inner.last - inner.records.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_counts_the_rest() {
        let ring = LogRing::new(3);
        for i in 0..5 {
            ring.push(i, if i % 2 == 0 { LogLevel::Info } else { LogLevel::Warn }, "ib", format!("Line {i}"));
        }
        let all = LogFilter { level: LogLevel::Trace, source: None, text: None, after: 0, limit: 10 };
        let (records, dropped) = ring.read(&all);
        assert_eq!(records.iter().map(|r| r.seq).collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(dropped, 2);
        assert_eq!(ring.read(&LogFilter { level: LogLevel::Warn, ..all.clone() }).0.len(), 1);
        assert_eq!(ring.read(&LogFilter { text: Some("line 4".into()), ..all.clone() }).0[0].seq, 5);
        assert_eq!(ring.read(&LogFilter { source: Some("yahoo".into()), ..all.clone() }).0.len(), 0);
        assert_eq!(ring.read(&LogFilter { limit: 1, ..all }).0[0].seq, 5);
    }

    #[test]
    fn a_mirror_keeps_the_numbers() {
        let ring = LogRing::new(2);
        for seq in [7, 8, 8, 3, 11] {
            ring.mirror(LogRecord { seq, at_ms: 0, level: LogLevel::Info, source: "ib".into(), message: format!("Line {seq}") });
        }
        let (records, dropped) = ring.read(&LogFilter { level: LogLevel::Trace, source: None, text: None, after: 0, limit: 10 });
        assert_eq!(records.iter().map(|r| r.seq).collect::<Vec<_>>(), [8, 11]);
        assert_eq!((dropped, ring.last()), (9, 11));
    }
}
