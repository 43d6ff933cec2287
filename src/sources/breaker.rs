//! The circuit breaker that keeps requests away from a source that does not answer. `hybrid` keeps one a source.

use std::time::Duration;

use tokio::time::Instant;

use super::BreakerState;

/// Counts failures, opens, and lets one probe through at a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Breaker {
    threshold: u32,
    rest: Duration,
    failures: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Closed,
    /// The instant for the task that waits, the wall time for people.
    Open {
        until: Instant,
        shown: i64,
    },
    HalfOpen,
}

impl Breaker {
    /// Opens after `threshold` consecutive failures, for `rest` at a time.
    pub(super) fn new(threshold: u32, rest: Duration) -> Self {
        Self { threshold: threshold.max(1), rest, failures: 0, state: State::Closed }
    }

    /// Whether ordinary requests may go out.
    pub(super) const fn allows(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// When the next probe is due.
    pub(super) const fn probe_due(&self) -> Option<Instant> {
        match self.state {
            State::Open { until, .. } => Some(until),
            State::Closed | State::HalfOpen => None,
        }
    }

    /// An answer came. Returns whether this closed the breaker.
    pub(super) fn success(&mut self) -> bool {
        let was_open = !self.allows();
        self.state = State::Closed;
        self.failures = 0;
        was_open
    }

    /// A request failed; `fatal` when waiting for more failures is pointless. Returns whether this opened the breaker.
    pub(super) fn failure(&mut self, fatal: bool, now: Instant, wall: i64) -> bool {
        self.failures = self.failures.saturating_add(1);
        if !self.allows() || (!fatal && self.failures < self.threshold) {
            return false;
        }
        self.open(now, wall);
        true
    }

    /// Claims the probe of an open breaker. False when it is not open, or another caller has the probe.
    pub(super) fn claim_probe(&mut self) -> bool {
        let open = matches!(self.state, State::Open { .. });
        if open {
            self.state = State::HalfOpen;
        }
        open
    }

    /// The claimed probe ended. Returns whether the breaker closed. After a good probe one more failure opens it
    /// again: a probe asks less of a source than a request does.
    pub(super) fn probed(&mut self, good: bool, now: Instant, wall: i64) -> bool {
        if self.state != State::HalfOpen {
            return false;
        }
        if good {
            self.state = State::Closed;
            self.failures = self.threshold - 1;
        } else {
            self.open(now, wall);
        }
        good
    }

    fn open(&mut self, now: Instant, wall: i64) {
        self.state = State::Open { until: now + self.rest, shown: wall + self.rest.as_secs_f64().ceil() as i64 };
    }

    /// For the console.
    pub(super) const fn shown(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { shown, .. } => BreakerState::Open { until: shown },
            State::HalfOpen => BreakerState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new(3, Duration::from_mins(1)), Instant::now())
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let (mut b, now) = breaker();
        assert!(!b.failure(false, now, 0) && !b.failure(false, now, 0));
        b.success();
        assert!(!b.failure(false, now, 0) && !b.failure(false, now, 0));
        assert!(b.failure(false, now, 100));
        assert_eq!(b.shown(), BreakerState::Open { until: 160 });
        assert_eq!(b.probe_due(), Some(now + Duration::from_mins(1)));
        assert!(!b.failure(false, now, 0), "an open breaker is not opened again");
    }

    #[test]
    fn one_caller_probes_and_a_good_probe_is_on_probation() {
        let (mut b, now) = breaker();
        assert!(!b.claim_probe(), "a closed breaker needs no probe");
        assert!(b.failure(true, now, 0), "a fatal failure needs no company");
        assert!(b.claim_probe());
        assert!(!b.claim_probe());
        assert!(!b.allows());
        assert!(!b.probed(false, now, 0));
        assert!(b.claim_probe());
        assert!(b.probed(true, now, 0));
        assert!(b.allows());
        assert!(b.failure(false, now, 0), "one failure on probation is enough");
    }

    #[test]
    fn a_late_answer_closes_it() {
        let (mut b, now) = breaker();
        b.failure(true, now, 0);
        assert!(b.success());
        assert!(b.allows() && !b.success());
    }
}
