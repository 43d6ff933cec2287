//! IB's limits: 50 messages a second over all clients, 50 open historical requests, and the rules for small bars.
//!
//! Figures: the "Historical Data Limitations" and "Order Limitations" pages of the TWS API.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Messages in any one second.
pub(super) const MESSAGES: usize = 50;
/// Historical requests open at once.
pub(super) const OPEN_HISTORY: u32 = 50;
/// Seconds within which a small-bar request may not be repeated.
const IDENTICAL: Duration = Duration::from_secs(15);
/// Small-bar requests of one contract, exchange and tick type in two seconds must stay below this.
const BURST: u32 = 6;
const BURST_WINDOW: Duration = Duration::from_secs(2);
/// Small-bar requests in ten minutes.
const LONG: u32 = 60;
const LONG_WINDOW: Duration = Duration::from_mins(10);

#[derive(Debug, Default)]
struct Windows {
    messages: VecDeque<Instant>,
    /// Time and weight of small-bar requests of the last ten minutes.
    small: VecDeque<(Instant, u32)>,
    bursts: HashMap<String, VecDeque<(Instant, u32)>>,
    identical: HashMap<String, Instant>,
}

/// The gateway's memory of what was asked when.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    windows: Mutex<Windows>,
}

fn expire(queue: &mut VecDeque<(Instant, u32)>, now: Instant, window: Duration) -> u32 {
    while queue.front().is_some_and(|&(t, _)| now.duration_since(t) >= window) {
        queue.pop_front();
    }
    queue.iter().map(|e| e.1).sum()
}

impl Pacer {
    /// Notes a message; false when it is one too many in this second.
    pub(super) fn message(&self, now: Instant) -> bool {
        let mut w = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        while w.messages.front().is_some_and(|&t| now.duration_since(t) >= Duration::from_secs(1)) {
            w.messages.pop_front();
        }
        if w.messages.len() >= MESSAGES {
            return false;
        }
        w.messages.push_back(now);
        true
    }

    /// Notes a request for bars of 30 seconds or less. `line` names contract, exchange and tick type, `whole` the
    /// entire request; a `BID_ASK` request weighs two. False when it breaks a rule.
    pub(super) fn small_bar(&self, now: Instant, line: &str, whole: String, weight: u32) -> bool {
        let mut guard = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let w = &mut *guard;
        w.identical.retain(|_, t| now.duration_since(*t) < IDENTICAL);
        let repeated = w.identical.insert(whole, now).is_some();
        let long = expire(&mut w.small, now, LONG_WINDOW) + weight > LONG;
        let burst = w.bursts.entry(line.to_owned()).or_default();
        let quick = expire(burst, now, BURST_WINDOW) + weight >= BURST;
        burst.push_back((now, weight));
        w.small.push_back((now, weight));
        !(repeated || long || quick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_messages_a_second_pass_and_the_next_does_not() {
        let (pacer, t) = (Pacer::default(), Instant::now());
        assert!((0..50).all(|_| pacer.message(t)));
        assert!(!pacer.message(t + Duration::from_millis(999)));
        assert!(pacer.message(t + Duration::from_secs(1)));
    }

    #[test]
    fn small_bars_have_three_rules() {
        let t = Instant::now();
        let pacer = Pacer::default();
        assert!(pacer.small_bar(t, "a", "same".into(), 1));
        assert!(!pacer.small_bar(t + Duration::from_secs(14), "a", "same".into(), 1));
        let pacer = Pacer::default();
        assert!((0..5).all(|i| pacer.small_bar(t, "a", i.to_string(), 1)));
        assert!(!pacer.small_bar(t, "a", "6".into(), 1));
        assert!(pacer.small_bar(t + Duration::from_secs(2), "a", "7".into(), 1));
        let pacer = Pacer::default();
        assert!((0..60).all(|i| pacer.small_bar(t, &i.to_string(), i.to_string(), 1)));
        assert!(!pacer.small_bar(t, "x", "x".into(), 1));
        assert!(pacer.small_bar(t + Duration::from_mins(10), "y", "y".into(), 2));
    }
}
