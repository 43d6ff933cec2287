//! The permits a request needs before it is sent. One pacer serves all tasks of a source.
//!
//! IB punishes haste in four ways (messages a second, open requests, bursts on one contract, repeats), each with its
//! own rule here; a pacing error closes all of it for a while. Requests wait their turn here, before their deadline
//! starts, so that none is sent only to be withdrawn. [`rules`] holds the arithmetic, this file the waiting.

mod rules;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

pub(super) use rules::{Ask, Burst, Limits};
use rules::{Rules, Wait};

/// Hands out permits.
#[derive(Debug)]
pub(super) struct Pacer {
    rules: Mutex<Rules>,
    released: Notify,
}

/// What a request reports back of how it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feedback {
    /// Answered: the limit may grow.
    Answered,
    /// No answer in time: the limit halves.
    TimedOut,
    /// A pacing error: the limit halves, and nothing is sent for a while.
    TooFast,
    /// Failed for a reason that says nothing of our pace.
    Failed,
}

/// The pacer's figures for the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gauge {
    pub(super) in_flight: u32,
    pub(super) limit: u32,
    pub(super) penalty: Option<Duration>,
    /// Messages admitted within the last second; never above the limit that the rule enforces.
    pub(super) admitted: u32,
}

impl Pacer {
    pub(super) fn new(limits: Limits) -> Self {
        Self { rules: Mutex::new(Rules::new(limits)), released: Notify::new() }
    }

    /// Waits until `ask` may be sent. Cancel-safe: a permit is taken in the same step that returns it.
    pub(super) async fn acquire(&self, ask: &Ask) -> Permit<'_> {
        loop {
            let released = self.released.notified();
            tokio::pin!(released);
            // Listening begins before the rules are asked, so that no release falls between the two.
            released.as_mut().enable();
            let wait = self.lock().take(Instant::now(), ask);
            match wait {
                Ok(issued) => return Permit { pacer: self, issued, counted: true },
                Err(Wait::Slot) => released.await,
                Err(Wait::Until(at)) => {
                    tokio::select! {
                        () = sleep_until(at) => {}
                        () = &mut released => {}
                    }
                }
            }
        }
    }

    /// Waits for a message's turn without an in-flight slot: for watchdog pings, which must go out even when all
    /// slots are taken.
    pub(super) async fn message(&self) {
        loop {
            let wait = self.lock().message(Instant::now());
            match wait {
                Ok(()) => return,
                Err(at) => sleep_until(at).await,
            }
        }
    }

    /// Reports a pacing error that belongs to no request (error 100).
    pub(super) fn strike(&self) {
        let now = Instant::now();
        self.lock().too_fast(now, now);
        self.released.notify_waiters();
    }

    pub(super) fn gauge(&self) -> Gauge {
        self.lock().gauge(Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's slot in flight; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    pacer: &'a Pacer,
    issued: Instant,
    counted: bool,
}

impl Permit<'_> {
    /// Gives the slot back with what became of the request.
    pub(super) fn finish(mut self, feedback: Feedback) {
        let now = Instant::now();
        {
            let mut rules = self.pacer.lock();
            match feedback {
                Feedback::Answered => rules.answered(),
                Feedback::TimedOut => rules.timed_out(self.issued, now),
                Feedback::TooFast => rules.too_fast(self.issued, now),
                Feedback::Failed => {}
            }
            if feedback == Feedback::TimedOut {
                // The withdrawal goes over the wire as well.
                rules.count_message(now);
            }
        }
        self.give_back();
    }

    fn give_back(&mut self) {
        if std::mem::take(&mut self.counted) {
            self.pacer.lock().release();
            self.pacer.released.notify_waiters();
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.counted {
            // Dropped in mid-flight: the crate sends a withdrawal.
            self.pacer.lock().count_message(Instant::now());
        }
        self.give_back();
    }
}

#[cfg(test)]
mod tests;
