//! The columns of the category `volume`: units traded, alone and beside price. An unknown volume in the window makes
//! a sum NaN and the value missing. Read by the engine.

use std::ops::Range;

use super::frame::{ColumnFn, Frame, copy, fill, floored, leading, over, ratio};
use super::recursive::Track;
use super::window;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[
    ("obv_flow_20", |f, rows, out| per_volume(f, 20, rows, out, |i| direction(f, i))),
    ("obv_flow_60", |f, rows, out| per_volume(f, 60, rows, out, |i| direction(f, i))),
    ("chaikin_oscillator_norm", |f, rows, out| {
        let oscillator = f.track(Track::ChaikinOscillator);
        fill(rows, out, |i| ratio(oscillator[i], f.volume20[i], 0.0));
    }),
    ("cmf_20", |f, rows, out| per_volume(f, 20, rows, out, |i| f.close_location[i])),
    ("vwap_distance_20", |f, rows, out| {
        let vwap = vwap(f, 20, &rows);
        for ((cell, row), vwap) in out.iter_mut().zip(rows).zip(vwap) {
            *cell = f.close[row] / vwap - 1.0;
        }
    }),
    ("vwap_sma_spread_60", |f, rows, out| {
        let (vwap, mean) = (vwap(f, 60, &rows), over(window::mean, &f.typical, 60, &rows));
        fill(0..out.len(), out, |i| 100.0 * (vwap[i] / mean[i] - 1.0));
    }),
    ("volume_ratio_5", |f, rows, out| volume_ratio(f, 5, rows, out)),
    ("volume_ratio_20", |f, rows, out| volume_ratio(f, 20, rows, out)),
    ("volume_ratio_50", |f, rows, out| volume_ratio(f, 50, rows, out)),
    ("volume_trend_5_20", |f, rows, out| volume_trend(f, (5, 20), &rows, out)),
    ("volume_trend_20_60", |f, rows, out| volume_trend(f, (20, 60), &rows, out)),
    ("log_volume_zscore_60", |f, rows, out| {
        window::spread(&f.log_volume, 60, rows, out, |s| ratio(s.newest - s.mean, s.sd(1), 0.0));
    }),
    ("force_index_13", |f, rows, out| {
        let (force, atr) = (f.track(Track::ForceEma13), f.track(Track::Atr14));
        fill(rows, out, |i| ratio(force[i], atr[i] * f.volume20[i], 0.0));
    }),
    ("nvi_distance_50", |f, rows, out| copy(f.track(Track::NegativeVolume), rows, out)),
    ("pvi_distance_50", |f, rows, out| copy(f.track(Track::PositiveVolume), rows, out)),
    ("vpt_flow_20", |f, rows, out| per_volume(f, 20, rows, out, |i| 100.0 * (f.close[i] / f.close[i - 1] - 1.0))),
    ("ease_of_movement_14", ease_of_movement),
    ("pvo_12_26", |f, rows, out| copy(f.track(Track::VolumeOscillator), rows, out)),
    ("volume_return_corr_20", |f, rows, out| {
        window::pairs(&f.log_volume, &f.log_return, 20, rows, out, |pairs| pairs.correlation());
    }),
    ("volume_range_corr_20", |f, rows, out| {
        let range = leading(&rows, 19, |i| f.true_range[i] / f.close[i]);
        let volume = &f.log_volume[rows.start - 19..rows.end];
        window::pairs(volume, &range, 20, 19..range.len(), out, |pairs| pairs.correlation());
    }),
];

/// 1 on a day that closed higher, -1 lower, 0 unchanged.
fn direction(f: &Frame<'_>, i: usize) -> f64 {
    f64::from(f.close[i] > f.close[i - 1]) - f64::from(f.close[i] < f.close[i - 1])
}

/// The mean of `of` over n bars, weighted by volume; 0 when nothing traded.
fn per_volume(f: &Frame<'_>, n: usize, rows: Range<usize>, out: &mut [f64], of: impl Fn(usize) -> f64) {
    let weighted = leading(&rows, n - 1, |i| of(i) * f.volume[i]);
    let (sum, volume) = (over(window::sum, &weighted, n, &(n - 1..weighted.len())), over(window::sum, f.volume, n, &rows));
    fill(0..out.len(), out, |i| ratio(sum[i], volume[i], 0.0));
}

/// The volume-weighted mean typical price of n bars; the plain mean when nothing traded.
fn vwap(f: &Frame<'_>, n: usize, rows: &Range<usize>) -> Vec<f64> {
    let traded = leading(rows, n - 1, |i| f.typical[i] * f.volume[i]);
    let (traded, volume) = (over(window::sum, &traded, n, &(n - 1..traded.len())), over(window::sum, f.volume, n, rows));
    let plain = over(window::mean, &f.typical, n, rows);
    (0..rows.len()).map(|i| ratio(traded[i], volume[i], plain[i])).collect()
}

/// Log of today's volume over the mean of the n days before, each at least one unit.
fn volume_ratio(f: &Frame<'_>, n: usize, rows: Range<usize>, out: &mut [f64]) {
    let before = over(window::mean, f.volume, n, &(rows.start - 1..rows.end - 1));
    for ((cell, row), before) in out.iter_mut().zip(rows).zip(before) {
        *cell = (floored(f.volume[row]) / floored(before)).ln();
    }
}

/// Log of a short mean volume over a long one, each at least one unit.
fn volume_trend(f: &Frame<'_>, (short, long): (usize, usize), rows: &Range<usize>, out: &mut [f64]) {
    let (short, long) = (over(window::mean, f.volume, short, rows), over(window::mean, f.volume, long, rows));
    fill(0..out.len(), out, |i| (floored(short[i]) / floored(long[i])).ln());
}

fn ease_of_movement(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let middle = |i: usize| f64::midpoint(f.high[i], f.low[i]);
    let ease = leading(&rows, 13, |i| {
        let per_unit = ratio(f.volume20[i], f.volume[i], 0.0);
        1e4 * (middle(i) / middle(i - 1) - 1.0) * ((f.high[i] - f.low[i]) / f.close[i]) * per_unit
    });
    window::mean(&ease, 14, 13..ease.len(), out);
}
