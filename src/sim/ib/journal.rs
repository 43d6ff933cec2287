//! What the gateway was asked and how it fared: for tests, benches and the summary of `nightdesk sim`.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// Requests kept; older ones are forgotten.
const KEPT: usize = 10_000;

/// One message received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, milliseconds since the epoch by the simulator's clock.
    pub at_ms: i64,
    /// From which client.
    pub client_id: i32,
    /// The protocol's message id (20 = historical data).
    pub message: i32,
    /// The request in a few words.
    pub what: String,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
    /// Sessions that completed the handshake and `START_API`.
    pub sessions: u64,
    /// Messages received.
    pub messages: u64,
    /// Historical requests received.
    pub history_requests: u64,
    /// Contract-details requests received.
    pub contract_requests: u64,
    /// Head-timestamp requests received.
    pub head_requests: u64,
    /// Historical requests answered with bars or a schedule.
    pub answered: u64,
    /// Bars sent.
    pub bars: u64,
    /// Errors sent for a request.
    pub errors: u64,
    /// Historical requests cancelled while open.
    pub cancelled: u64,
    /// Historical requests open now.
    pub open_history: u32,
    /// Most historical requests open at once.
    pub max_open_history: u32,
    /// Messages beyond 50 in a second.
    pub rate_violations: u64,
    /// Historical requests beyond 50 open at once.
    pub open_violations: u64,
    /// Requests against the rules for bars of 30 seconds and less.
    pub small_bar_violations: u64,
}

impl Counters {
    /// Pacing rules broken, of any kind.
    pub fn violations(&self) -> u64 {
        self.rate_violations + self.open_violations + self.small_bar_violations
    }
}

/// The journal of one gateway.
#[derive(Debug)]
pub struct Journal {
    counters: watch::Sender<Counters>,
    entries: Mutex<VecDeque<Entry>>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { counters: watch::Sender::new(Counters::default()), entries: Mutex::default() }
    }
}

impl Journal {
    /// The counts now.
    pub fn counters(&self) -> Counters {
        *self.counters.borrow()
    }

    /// Waits until the counts satisfy `reached`.
    pub async fn wait(&self, reached: impl FnMut(&Counters) -> bool) -> Counters {
        let mut changes = self.counters.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        changes.wait_for(reached).await.map_or_else(|_| self.counters(), |c| *c)
    }

    /// The last messages received, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counters)) {
        self.counters.send_modify(change);
    }

    pub(super) fn record(&self, entry: Entry) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(entry);
    }
}
