//! The arithmetic of pacing, on instants handed in: no clock, no waiting, no sharing.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::Gauge;

/// What the pacer enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Messages in any one second. IB: 50 over all clients, three strikes end the session.
    pub(crate) messages_per_second: u32,
    /// Requests in flight to begin with.
    pub(crate) in_flight_start: u32,
    /// Most requests in flight. IB: 50, streams included.
    pub(crate) in_flight_max: u32,
    /// Requests for one contract, exchange and kind of data in [`Self::burst_window`]. IB: fewer than 6 in 2 s.
    pub(crate) burst: u32,
    /// See [`Self::burst`].
    pub(crate) burst_window: Duration,
    /// Least time between two identical requests. IB: 15 s.
    pub(crate) identical_gap: Duration,
    /// First pause after a pacing error; doubles with each further one, and halves with each such pause of peace.
    pub(crate) penalty_first: Duration,
    /// Longest pause after a pacing error.
    pub(crate) penalty_most: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            messages_per_second: 40,
            in_flight_start: 6,
            in_flight_max: 16,
            burst: 5,
            burst_window: Duration::from_secs(2),
            identical_gap: Duration::from_secs(15),
            penalty_first: Duration::from_secs(30),
            penalty_most: Duration::from_mins(5),
        }
    }
}

/// What the burst rule counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Burst {
    /// IB's contract id.
    pub(crate) con_id: i32,
    /// A hash of exchange and kind of data.
    pub(crate) route: u64,
}

/// A request that wants to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// Its burst group; contract look-ups have none.
    pub(crate) burst: Option<Burst>,
    /// A hash of everything in it, for the rule on repeats; `None` exempts it.
    pub(crate) identity: Option<u64>,
}

/// Why a request may not be sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not before this instant.
    Until(Instant),
    /// Until another request ends.
    Slot,
}

/// All counters.
#[derive(Debug)]
pub(super) struct Rules {
    limits: Limits,
    /// Instants of the messages of the last second, and whether a rule admitted them: a withdrawal cannot wait.
    messages: VecDeque<(Instant, bool)>,
    bursts: HashMap<Burst, VecDeque<Instant>>,
    identical: HashMap<u64, Instant>,
    sweep_at: usize,
    in_flight: u32,
    limit: u32,
    answered_since_growth: u32,
    /// The last time that the limit was halved: requests sent before it cannot halve it again.
    halved_at: Option<Instant>,
    /// End of the current or last penalty, and the number of doublings it had.
    penalty: Option<(Instant, u32)>,
}

const SECOND: Duration = Duration::from_secs(1);

/// Messages are spread over the second: one part of [`PARTS`] of the limit in one part of a second. A delay on the way
/// (ours, the network's, the gateway's) puts messages that left apart into the same second of the gateway's count; in
/// bursts, a delay of a few milliseconds would add a whole burst to it.
const PARTS: u32 = 10;

impl Rules {
    pub(super) fn new(limits: Limits) -> Self {
        let most = limits.in_flight_max.max(1);
        Self {
            limits: Limits { in_flight_max: most, messages_per_second: limits.messages_per_second.max(1), ..limits },
            messages: VecDeque::new(),
            bursts: HashMap::new(),
            identical: HashMap::new(),
            sweep_at: 1_024,
            in_flight: 0,
            limit: limits.in_flight_start.clamp(1, most),
            answered_since_growth: 0,
            halved_at: None,
            penalty: None,
        }
    }

    /// Takes a slot and a message for `ask`, or says how long to wait. Returns the instant it was issued.
    pub(super) fn take(&mut self, now: Instant, ask: &Ask) -> Result<Instant, Wait> {
        if let Some((until, _)) = self.penalty.filter(|(until, _)| *until > now) {
            return Err(Wait::Until(until));
        }
        if self.in_flight >= self.limit {
            return Err(Wait::Slot);
        }
        let burst = ask.burst.and_then(|b| self.burst_ready(now, b));
        let identical = ask.identity.and_then(|i| self.identical.get(&i)).map(|t| *t + self.limits.identical_gap);
        let ready = [burst, identical, self.message_ready(now)].into_iter().flatten().max();
        if let Some(at) = ready.filter(|at| *at > now) {
            return Err(Wait::Until(at));
        }
        self.in_flight += 1;
        self.messages.push_back((now, true));
        if let Some(b) = ask.burst {
            self.bursts.entry(b).or_default().push_back(now);
        }
        if let Some(i) = ask.identity {
            self.identical.insert(i, now);
        }
        self.sweep(now);
        Ok(now)
    }

    /// Takes a message without a slot.
    pub(super) fn message(&mut self, now: Instant) -> Result<(), Instant> {
        if let Some(at) = self.message_ready(now).filter(|at| *at > now) {
            return Err(at);
        }
        self.messages.push_back((now, true));
        Ok(())
    }

    /// Counts a message that cannot wait (a withdrawal).
    pub(super) fn count_message(&mut self, now: Instant) {
        self.messages.push_back((now, false));
    }

    fn message_ready(&mut self, now: Instant) -> Option<Instant> {
        while self.messages.front().is_some_and(|(t, _)| *t + SECOND <= now) {
            self.messages.pop_front();
        }
        let most = self.limits.messages_per_second;
        // The instant when the message that stands `count` before this one leaves a window of length `window`.
        let leaves = |count: u32, window: Duration| {
            let index = self.messages.len().checked_sub(count as usize)?;
            self.messages.get(index).map(|(t, _)| *t + window)
        };
        leaves(most, SECOND).max(leaves(most.div_ceil(PARTS), SECOND / PARTS))
    }

    fn burst_ready(&mut self, now: Instant, burst: Burst) -> Option<Instant> {
        let Limits { burst: most, burst_window, .. } = self.limits;
        let sent = self.bursts.get_mut(&burst)?;
        while sent.front().is_some_and(|t| *t + burst_window <= now) {
            sent.pop_front();
        }
        let over = sent.len().checked_sub(most as usize)?;
        sent.get(over).map(|t| *t + burst_window)
    }

    /// Forgets what no rule looks at any more, each time the tables have doubled.
    fn sweep(&mut self, now: Instant) {
        if self.bursts.len() + self.identical.len() < self.sweep_at {
            return;
        }
        let Limits { burst_window, identical_gap, .. } = self.limits;
        self.bursts.retain(|_, sent| sent.back().is_some_and(|t| *t + burst_window > now));
        self.identical.retain(|_, t| *t + identical_gap > now);
        self.sweep_at = (2 * (self.bursts.len() + self.identical.len())).max(1_024);
    }

    pub(super) fn release(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Additive increase: one more slot after as many answers as there are slots.
    pub(super) fn answered(&mut self) {
        self.answered_since_growth += 1;
        if self.answered_since_growth >= self.limit {
            self.answered_since_growth = 0;
            self.limit = (self.limit + 1).min(self.limits.in_flight_max);
        }
    }

    /// Multiplicative decrease.
    pub(super) fn timed_out(&mut self, issued: Instant, now: Instant) {
        if self.halved_at.is_none_or(|at| issued >= at) {
            self.halved_at = Some(now);
            self.limit = (self.limit / 2).max(1);
            self.answered_since_growth = 0;
        }
    }

    /// A pacing error for a request issued at `issued`. Errors of requests sent before the penalty began do not
    /// lengthen it: they report the same offence.
    pub(super) fn too_fast(&mut self, issued: Instant, now: Instant) {
        self.timed_out(issued, now);
        let doublings = match self.penalty {
            Some((until, _)) if issued < until => return,
            Some((until, doublings)) => {
                let peace = now.duration_since(until).as_secs_f64() / self.limits.penalty_first.as_secs_f64().max(1e-3);
                (doublings + 1).saturating_sub(peace as u32)
            }
            None => 0,
        };
        let pause = self.limits.penalty_first.saturating_mul(1 << doublings.min(16)).min(self.limits.penalty_most);
        self.penalty = Some((now + pause, doublings.min(16)));
    }

    pub(super) fn gauge(&self, now: Instant) -> Gauge {
        let penalty = self.penalty.map(|(until, _)| until.saturating_duration_since(now)).filter(|d| !d.is_zero());
        let admitted = self.messages.iter().filter(|(t, admitted)| *admitted && *t + SECOND > now).count() as u32;
        Gauge { in_flight: self.in_flight, limit: self.limit, penalty, admitted }
    }
}
