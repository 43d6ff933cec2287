//! Quantiles of the columns of training rows, from which some models take thresholds and pieces.

use super::inputs::Inputs;

/// Rows that are looked at, evenly spread: the error of a quantile is then below half a percent of rank.
const SAMPLE: usize = 10_000;

/// Each column's values in ascending order, from evenly spread rows.
pub(super) fn sorted_columns(inputs: &Inputs) -> Vec<Vec<f32>> {
    let rows = inputs.rows(None);
    let sample = rows.min(SAMPLE);
    let column = |column: usize| {
        let mut values: Vec<f32> = (0..sample).map(|i| inputs.table[(i * rows / sample) * inputs.width + column]).collect();
        values.sort_unstable_by(f32::total_cmp);
        values
    };
    (0..inputs.width).map(column).collect()
}

/// The value below which a share of ascending values lies, between neighbours by straight line; 0 of none.
pub(super) fn quantile(ascending: &[f32], share: f64) -> f32 {
    let Some(last) = ascending.len().checked_sub(1) else { return 0.0 };
    let at = share.clamp(0.0, 1.0) * last as f64;
    let (low, part) = (at.floor() as usize, at.fract() as f32);
    let high = ascending[(low + 1).min(last)];
    ascending[low] + part * (high - ascending[low])
}
