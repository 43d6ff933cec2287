//! How the values of a feature lie: counts in bins of equal width, and the figures that describe them.

use serde::{Deserialize, Serialize};

/// Fewest and most bins.
const BINS: (f64, f64) = (8.0, 40.0);
/// Share of the values at each end that may lie outside the bins: a few wild ones would press all others into one bin.
const OUTSIDE: f64 = 0.005;

/// Counts of values in bins of equal width.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Histogram {
    /// Finite values.
    pub values: u64,
    /// Missing ones.
    pub missing: u64,
    /// Where the first bin begins and the last one ends.
    pub range: (f64, f64),
    /// Values a bin, from the lowest; none when there is no value.
    pub bins: Vec<u32>,
    /// Values under the first bin and over the last one.
    pub outside: (u32, u32),
    /// Smallest and largest value.
    pub extremes: (f64, f64),
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation; 0 of one value.
    pub deviation: f64,
    /// Lower, middle and upper quartile, by nearest rank.
    pub quartiles: [f64; 3],
}

impl Histogram {
    /// Counts `values`; what is not finite is missing.
    pub fn of(mut values: Vec<f64>) -> Self {
        let all = values.len();
        values.retain(|v| v.is_finite());
        values.sort_by(f64::total_cmp);
        let missing = (all - values.len()) as u64;
        let ([min, .., max], n) = (&values[..], values.len() as f64) else {
            let one = values.first().map(|&v| Self {
                range: (v, v),
                bins: vec![1],
                extremes: (v, v),
                mean: v,
                quartiles: [v; 3],
                ..Self::default()
            });
            return Self { values: values.len() as u64, missing, ..one.unwrap_or_default() };
        };
        let rank = |share: f64| values[((n - 1.0) * share).round() as usize];
        let range = (rank(OUTSIDE), rank(1.0 - OUTSIDE));
        let mean = values.iter().sum::<f64>() / n;
        let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let (bins, outside) = count(&values, range);
        Self {
            values: values.len() as u64,
            missing,
            range,
            bins,
            outside,
            extremes: (*min, *max),
            mean,
            deviation: square.sqrt(),
            quartiles: [0.25, 0.5, 0.75].map(rank),
        }
    }

    /// The bin that `value` falls into; those outside fall into the nearest.
    pub fn bin(&self, value: f64) -> usize {
        place(value, self.range, self.bins.len())
    }
}

fn count(values: &[f64], range: (f64, f64)) -> (Vec<u32>, (u32, u32)) {
    // All values that count are one: one bin holds them.
    let mut bins = vec![0; if range.0 < range.1 { rice(values.len()) } else { 1 }];
    let mut outside = (0, 0);
    for &v in values {
        if v < range.0 {
            outside.0 += 1;
        } else if v > range.1 {
            outside.1 += 1;
        } else {
            let at = place(v, range, bins.len());
            bins[at] += 1;
        }
    }
    (bins, outside)
}

/// Rice's rule: so many bins that a smooth distribution looks smooth.
fn rice(values: usize) -> usize {
    (2.0 * (values as f64).cbrt()).ceil().clamp(BINS.0, BINS.1) as usize
}

fn place(value: f64, (low, high): (f64, f64), bins: usize) -> usize {
    if low >= high {
        return 0;
    }
    let at = (value - low) / (high - low) * bins as f64;
    (at.max(0.0) as usize).min(bins.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_few_wild_values_lie_outside_and_are_counted() {
        let mut values: Vec<f64> = (0..1000).map(f64::from).collect();
        values.extend([1e9, f64::NAN]);
        let h = Histogram::of(values);
        assert_eq!((h.values, h.missing, h.bins.len(), h.extremes), (1001, 1, 21, (0.0, 1e9)));
        assert_eq!((h.range, h.outside, h.quartiles[1]), ((5.0, 995.0), (5, 5), 500.0));
        assert_eq!((h.bin(-7.0), h.bin(500.0), h.bin(f64::INFINITY)), (0, 10, 20));
    }

    #[test]
    fn one_value_and_none_need_no_width() {
        assert_eq!(Histogram::of(vec![f64::NAN]), Histogram { missing: 1, ..Histogram::default() });
        let one = Histogram::of(vec![3.0]);
        assert_eq!((one.values, one.bins, one.mean, one.deviation), (1, vec![1], 3.0, 0.0));
        let flat = Histogram::of(vec![2.0; 9]);
        assert_eq!((flat.bins, flat.deviation, flat.quartiles), (vec![9], 0.0, [2.0; 3]));
    }

    proptest! {
        #[test]
        fn every_value_is_counted_once(values in prop::collection::vec(prop_oneof![-1e6..1e6_f64, Just(f64::NAN)], 0..300)) {
            let h = Histogram::of(values.clone());
            prop_assert_eq!(h.values + h.missing, values.len() as u64);
            let inside: u64 = h.bins.iter().map(|n| u64::from(*n)).sum();
            prop_assert_eq!(inside + u64::from(h.outside.0) + u64::from(h.outside.1), h.values);
        }
    }
}
