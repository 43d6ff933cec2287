//! Bringing features to one scale, with limits taken from training rows only.
//!
//! Training fits one [`Normaliser`] a fold and stores it with the model as plain numbers; the scanner applies that one to
//! each night's rows. Rows of a test block or the hold-out are never fitted.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Columns that are read together: a cache line of a row.
const LINE: usize = 16;

/// How one feature is cut off and scaled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Values below become this.
    pub low: f64,
    /// Values above become this.
    pub high: f64,
    /// Mean after cutting off.
    pub mean: f64,
    /// Standard deviation (n) after cutting off; 0 for a feature that does not vary, which becomes 0 throughout.
    pub deviation: f64,
}

/// How each feature is cut off and scaled, in the order of the features.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Normaliser {
    /// One a feature.
    pub scales: Vec<Scale>,
}

impl Normaliser {
    /// Fits the limits at `percent` (0.5: the 0.5th and 99.5th percentile, interpolated as numpy's "linear") and the mean and
    /// deviation within them, on the given `rows` of the row-major matrix `features`. A row that is drawn several times is
    /// given once. NaN is passed over; a feature without any value becomes 0 throughout.
    pub fn fit(features: &[f32], width: usize, rows: &[usize], percent: f64) -> Self {
        let scales = |block: usize| {
            let columns = block * LINE..width.min((block + 1) * LINE);
            let mut values = vec![Vec::with_capacity(rows.len()); columns.len()];
            for row in rows {
                let cells = &features[row * width..(row + 1) * width][columns.clone()];
                for (column, cell) in values.iter_mut().zip(cells).filter(|(_, cell)| !cell.is_nan()) {
                    column.push(*cell);
                }
            }
            values.into_iter().map(|mut column| scale_of(&mut column, percent / 100.0))
        };
        Self { scales: (0..width.div_ceil(LINE)).into_par_iter().flat_map_iter(scales).collect() }
    }

    /// Cuts off and scales one row in place. A missing value stays missing.
    pub fn apply(&self, row: &mut [f32]) {
        for (value, s) in row.iter_mut().zip(&self.scales) {
            if !value.is_nan() {
                let cut = f64::from(*value).max(s.low).min(s.high);
                *value = if s.deviation > 0.0 { ((cut - s.mean) / s.deviation) as f32 } else { 0.0 };
            }
        }
    }
}

fn scale_of(values: &mut [f32], share: f64) -> Scale {
    if values.is_empty() {
        return Scale { low: 0.0, high: 0.0, mean: 0.0, deviation: 0.0 };
    }
    let (low, high) = (quantile(values, share), quantile(values, 1.0 - share));
    let n = values.len() as f64;
    let cut = |v: &f32| f64::from(*v).max(low).min(high);
    let mean = values.iter().map(cut).sum::<f64>() / n;
    let variance = values.iter().map(|v| (cut(v) - mean).powi(2)).sum::<f64>() / n;
    // Rounding of a constant feature's mean leaves a deviation that is none.
    let deviation = if low == high { 0.0 } else { variance.sqrt() };
    Scale { low, high, mean, deviation }
}

/// Linear interpolation between the two order statistics around `share` (0 to 1). Reorders `values`.
fn quantile(values: &mut [f32], share: f64) -> f64 {
    let at = share * (values.len() - 1) as f64;
    let (_, below, above) = values.select_nth_unstable_by(at as usize, f32::total_cmp);
    let below = f64::from(*below);
    let next = above.iter().copied().min_by(f32::total_cmp).map_or(below, f64::from);
    below + (next - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits_mean_and_deviation_are_numpys() {
        // numpy: percentile(range(201), [0.5, 99.5]) is [1, 199]; clipped mean 100, deviation sqrt(3365.67...).
        let features: Vec<f32> = (0_u16..201).map(f32::from).collect();
        let rows: Vec<usize> = (0..201).collect();
        let n = Normaliser::fit(&features, 1, &rows, 0.5);
        let s = n.scales[0];
        assert_eq!((s.low, s.high, s.mean), (1.0, 199.0, 100.0));
        let direct = (0..201).map(|v| (f64::from(v).clamp(1.0, 199.0) - 100.0).powi(2)).sum::<f64>() / 201.0;
        assert!((s.deviation - direct.sqrt()).abs() < 1e-12);
        let mut row = [500.0_f32];
        n.apply(&mut row);
        assert!((f64::from(row[0]) - 99.0 / s.deviation).abs() < 1e-6);
        // Between two values: the 25th percentile of 0, 10, 20, 30 is 7.5.
        assert_eq!(quantile(&mut [30.0, 0.0, 20.0, 10.0], 0.25), 7.5);
        assert_eq!(quantile(&mut [3.0], 0.995), 3.0);
    }

    #[test]
    fn only_the_given_rows_are_fitted() {
        let features = [1.0_f32, 10.0, 2.0, 20.0, 3.0, 30.0, 1e9, -1e9];
        let n = Normaliser::fit(&features, 2, &[0, 1, 2], 0.0);
        assert_eq!((n.scales[0].mean, n.scales[1].mean), (2.0, 20.0));
        assert_eq!((n.scales[0].high, n.scales[1].low), (3.0, 10.0));
    }

    #[test]
    fn every_column_of_a_wide_row_has_its_own_scale() {
        let features: Vec<f32> = (0_u16..3 * 37).map(f32::from).collect();
        let n = Normaliser::fit(&features, 37, &[0, 2], 0.0);
        let means: Vec<f64> = n.scales.iter().map(|s| s.mean).collect();
        assert_eq!(means, (0..37).map(|c| f64::from(c) + 37.0).collect::<Vec<_>>());
    }

    #[test]
    fn missing_and_constant_features_stay_what_they_are() {
        let features = [f32::NAN, 0.1, f32::NAN, 0.1, 5.0, 0.1];
        let n = Normaliser::fit(&features, 2, &[0, 1], 0.5);
        assert_eq!(n.scales[0], Scale { low: 0.0, high: 0.0, mean: 0.0, deviation: 0.0 });
        let mut row = [f32::NAN, 0.1];
        n.apply(&mut row);
        assert!(row[0].is_nan());
        assert_eq!(row[1], 0.0);
        let text = serde_json::to_string(&n).unwrap();
        assert_eq!(serde_json::from_str::<Normaliser>(&text).unwrap(), n);
    }

    proptest! {
        #[test]
        fn training_rows_get_mean_zero_and_deviation_one(values in prop::collection::vec(-1e3_f32..1e3, 20..200)) {
            let rows: Vec<usize> = (0..values.len()).collect();
            let n = Normaliser::fit(&values, 1, &rows, 1.0);
            let mut scaled = values;
            scaled.chunks_mut(1).for_each(|row| n.apply(row));
            let mean = scaled.iter().map(|v| f64::from(*v)).sum::<f64>() / scaled.len() as f64;
            let square = scaled.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / scaled.len() as f64;
            prop_assert!(mean.abs() < 1e-4 && (square - 1.0).abs() < 1e-3);
        }
    }
}
