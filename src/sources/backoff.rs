//! Growing pauses between tries, spread out so that many callers do not come back at the same instant.
//!
//! The IB session supervisor uses it between connections, the hybrid between tries of one window.

use std::time::Duration;

/// Doubling pauses between `first` and `most`, each within ±20 % of its nominal length.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    step: u32,
    state: u64,
}

impl Backoff {
    /// `seed` decides the jitter; two callers should not share one.
    pub(crate) const fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self { first, most, step: 0, state: seed }
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let nominal = self.first.saturating_mul(1_u32 << self.step.min(16)).min(self.most);
        self.step = self.step.saturating_add(1);
        nominal.mul_f64(0.8 + 0.4 * unit(splitmix(&mut self.state))).min(self.most)
    }

    /// Starts again from the shortest pause; the jitter goes on.
    pub(crate) const fn reset(&mut self) {
        self.step = 0;
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014): one step of a 64-bit generator whose output passes `BigCrush`.
const fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The top 53 bits as a number in `0.0..1.0`.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_double_within_a_fifth_and_never_pass_the_ceiling(seed: u64) {
            let mut b = Backoff::new(Duration::from_secs(1), Duration::from_mins(1), seed);
            for k in 0..12 {
                let nominal = f64::from(1_u32 << k).min(60.0);
                let p = b.pause().as_secs_f64();
                prop_assert!(p >= nominal * 0.8 - 1e-9 && p <= (nominal * 1.2).min(60.0) + 1e-9, "{k}: {p}");
            }
            b.reset();
            prop_assert!(b.pause() <= Duration::from_millis(1_200));
        }
    }

    #[test]
    fn two_seeds_do_not_march_in_step() {
        let mut a = Backoff::new(Duration::from_secs(1), Duration::from_mins(1), 1);
        let mut b = Backoff::new(Duration::from_secs(1), Duration::from_mins(1), 2);
        assert_ne!(a.pause(), b.pause());
    }
}
