//! The two-sample test of Kolmogorov and Smirnov.

/// Below this the series of the distribution function converges too slowly to be summed, and p is 1 to 12 digits.
const LEAST: f64 = 0.2;

/// Distance of two samples, and how likely it is without a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KolmogorovSmirnov {
    /// Largest distance of the distribution functions, 0 to 1.
    pub distance: f64,
    /// Asymptotic p with the correction of Stephens (1970). Holds for independent values: optimistic for a market.
    pub p: f64,
}

/// Compares two samples in any order; NaN is not looked at. `None` if one is empty.
pub fn kolmogorov_smirnov(x: &[f64], y: &[f64]) -> Option<KolmogorovSmirnov> {
    let [x, y] = [x, y].map(ascending);
    let (n, m) = (x.len() as f64, y.len() as f64);
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while let (Some(&a), Some(&b)) = (x.get(i), y.get(j)) {
        // Equal values of both samples are passed together: the functions are compared between values.
        let at = a.min(b);
        i += x[i..].iter().take_while(|v| **v <= at).count();
        j += y[j..].iter().take_while(|v| **v <= at).count();
        distance = distance.max((i as f64 / n - j as f64 / m).abs());
    }
    KolmogorovSmirnov::of_distance(distance, n, m)
}

impl KolmogorovSmirnov {
    /// The test of a distance between samples of `n` and `m` values; `None` if one is empty.
    pub(super) fn of_distance(distance: f64, n: f64, m: f64) -> Option<Self> {
        let rows = (n * m / (n + m)).sqrt();
        (rows > 0.0).then(|| Self { distance, p: survival((rows + 0.12 + 0.11 / rows) * distance) })
    }
}

/// Values in ascending order, without NaN. Sorted as integers, which takes half the time of [`f64::total_cmp`] for the same order.
pub(super) fn ascending(values: &[f64]) -> Vec<f64> {
    let mut keys: Vec<i64> = values.iter().filter(|v| !v.is_nan()).map(|v| flipped(v.to_bits() as i64)).collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| f64::from_bits(flipped(key) as u64)).collect()
}

/// The bits of a number as an integer of the same order, and back: the magnitude of negative ones is turned round.
const fn flipped(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// Chance that Kolmogorov's limit law exceeds `lambda`: 2 sum (-1)^(k-1) exp(-2 k^2 lambda^2).
fn survival(lambda: f64) -> f64 {
    if lambda < LEAST {
        return 1.0;
    }
    let term = |k: i32| (if k % 2 == 1 { 2.0 } else { -2.0 }) * (-2.0 * (f64::from(k) * lambda).powi(2)).exp();
    // At the least lambda the 25th term is below 1e-21.
    (1..=25).map(term).sum::<f64>().clamp(0.0, 1.0)
}
