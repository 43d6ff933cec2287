//! Random numbers that are pure functions of a key: the same seed always gives the same draws, on every machine and thread.
//!
//! `sim` draws its markets from them, `train` its bootstraps and null models.

/// The output function of `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014).
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A `SplitMix64` stream keyed by numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream(u64);

impl Stream {
    pub(crate) fn new(keys: &[u64]) -> Self {
        Self(keys.iter().fold(0x9e37_79b9_7f4a_7c15, |state, &k| mix(state ^ mix(k.wrapping_add(0x9e37_79b9_7f4a_7c15)))))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in the open interval (0, 1), so that its logarithm is finite.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
    }

    /// Uniform in (`low`, `high`).
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// A whole number in `0..n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((self.uniform() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// Standard normal, by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Student's t with six degrees of freedom scaled to unit variance: fat tails with a finite kurtosis.
    pub(crate) fn fat(&mut self) -> f64 {
        let chi2 = -2.0 * (self.uniform() * self.uniform() * self.uniform()).ln();
        self.normal() / (chi2 / 6.0).sqrt() * (4.0_f64 / 6.0).sqrt()
    }

    /// Nearly normal with unit variance from one draw of bits: the sum of four 16-bit uniforms (Irwin and Hall).
    pub(crate) fn bell(&mut self) -> f64 {
        let b = self.bits();
        let sum = (b & 0xffff) + ((b >> 16) & 0xffff) + ((b >> 32) & 0xffff) + (b >> 48);
        // Four uniforms on 0..=65535: mean 131070, variance 4 * 65536^2 / 12.
        (sum as f64 - 131_070.0) * (1.0 / 37_837.227)
    }
}

/// A text as a key.
pub(crate) fn key(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_claimed() {
        let mut s = Stream::new(&[7]);
        let n = 40_000;
        for draw in [Stream::normal as fn(&mut Stream) -> f64, Stream::fat, Stream::bell] {
            let x: Vec<f64> = (0..n).map(|_| draw(&mut s)).collect();
            let mean = x.iter().sum::<f64>() / f64::from(n);
            let var = x.iter().map(|v| v * v).sum::<f64>() / f64::from(n);
            assert!(mean.abs() < 0.03, "mean {mean}");
            assert!((var - 1.0).abs() < 0.06, "variance {var}");
        }
    }

    #[test]
    fn keys_separate_streams() {
        assert_ne!(Stream::new(&[1, 2]).bits(), Stream::new(&[2, 1]).bits());
        assert_eq!(Stream::new(&[1, 2]).bits(), Stream::new(&[1, 2]).bits());
    }
}
