//! The one source of time. Nothing outside this file asks the operating system what time it is, so that tests and
//! the simulators can run at any instant.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// Wall time and monotonic time.
pub trait Clock: Send + Sync {
    /// Wall time in milliseconds since the epoch. It may jump; never measure a duration with it.
    fn now_ms(&self) -> i64;

    /// Time since an arbitrary start that never runs backwards.
    fn mono(&self) -> Duration;

    /// Wall time in whole seconds since the epoch.
    fn now(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Wall time as a date and time in UTC.
    fn utc(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.now_ms()).unwrap_or_default()
    }
}

/// The operating system's clocks.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A shared system clock.
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self::default())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        Utc::now().timestamp_millis()
    }

    fn mono(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that stands still until it is moved: for tests, replay and reproducible demos.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    mono_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `ts` (UTC seconds).
    pub fn at(ts: i64) -> Arc<Self> {
        Arc::new(Self { wall_ms: AtomicI64::new(ts * 1000), mono_ms: AtomicI64::new(0) })
    }

    /// Lets `by` pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let ms = by.as_millis() as i64;
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.mono_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the wall clock to `ts` (UTC seconds) without time passing: what an NTP step or an operator does.
    pub fn jump_to(&self, ts: i64) {
        self.wall_ms.store(ts * 1000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn mono(&self) -> Duration {
        Duration::from_millis(self.mono_ms.load(Ordering::SeqCst).unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_moves_the_wall_but_not_monotonic_time() {
        let c = ManualClock::at(1_000);
        c.advance(Duration::from_secs(5));
        c.jump_to(10);
        assert_eq!(c.now(), 10);
        assert_eq!(c.mono(), Duration::from_secs(5));
    }
}
