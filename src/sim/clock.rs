//! A clock that runs at the usual rate from another instant, so that a replay of old data can call them current.

use std::sync::Arc;
use std::time::Duration;

use crate::market::Clock;

/// Another clock, shifted by a fixed number of seconds on the wall; monotonic time is not shifted.
pub struct OffsetClock {
    base: Arc<dyn Clock>,
    offset_ms: i64,
}

impl OffsetClock {
    /// A clock that shows `ts` (UTC seconds) now and goes on from there as `base` does.
    pub fn starting_at(base: Arc<dyn Clock>, ts: i64) -> Arc<Self> {
        let offset_ms = ts * 1000 - base.now_ms();
        Arc::new(Self { base, offset_ms })
    }
}

impl Clock for OffsetClock {
    fn now_ms(&self) -> i64 {
        self.base.now_ms() + self.offset_ms
    }

    fn mono(&self) -> Duration {
        self.base.mono()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::ManualClock;

    #[test]
    fn goes_on_from_the_chosen_instant() {
        let base = ManualClock::at(1_700_000_000);
        let clock = OffsetClock::starting_at(base.clone(), 1_362_000_000);
        base.advance(Duration::from_secs(90));
        assert_eq!(clock.now(), 1_362_000_090);
        assert_eq!(clock.mono(), Duration::from_secs(90));
    }
}
