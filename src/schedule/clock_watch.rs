//! Notices when the wall clock jumps: it moved otherwise than the monotonic clock since the last look.

use crate::market::Clock;

/// Smaller differences are the clock being slewed, or the time between two readings.
const JUMP_MS: i64 = 2_000;

/// The wall clock moved against the monotonic one; a machine that slept looks the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// How far, milliseconds; negative = backwards.
    pub ms: i64,
}

/// Compares the two clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockWatch {
    wall_minus_mono_ms: i64,
}

impl ClockWatch {
    pub fn new(clock: &dyn Clock) -> Self {
        Self { wall_minus_mono_ms: difference(clock) }
    }

    /// The jump since the last look.
    pub fn look(&mut self, clock: &dyn Clock) -> Option<Jump> {
        let before = std::mem::replace(&mut self.wall_minus_mono_ms, difference(clock));
        let ms = self.wall_minus_mono_ms - before;
        (ms.abs() > JUMP_MS).then_some(Jump { ms })
    }
}

fn difference(clock: &dyn Clock) -> i64 {
    clock.now_ms() - clock.mono().as_millis() as i64
}
