//! The columns of the category `trend`: direction and its strength. Read by the engine.

use std::ops::Range;

use super::frame::{ColumnFn, Frame, copy, fill, leading, over, ratio};
use super::recursive::Track;
use super::window;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[
    ("price_vs_sma_5", |f, rows, out| distance(f, &f.sma5, rows, out)),
    ("price_vs_sma_10", |f, rows, out| distance(f, &f.sma10, rows, out)),
    ("price_vs_sma_20", |f, rows, out| distance(f, &f.sma20, rows, out)),
    ("price_vs_sma_50", |f, rows, out| distance(f, &f.sma50, rows, out)),
    ("price_vs_sma_100", |f, rows, out| distance(f, &f.sma100, rows, out)),
    ("price_vs_sma_200", |f, rows, out| distance(f, &f.sma200, rows, out)),
    ("ema_slope_5", |f, rows, out| slope(f.track(Track::Ema5), rows, out)),
    ("ema_slope_10", |f, rows, out| slope(f.track(Track::Ema10), rows, out)),
    ("ema_slope_20", |f, rows, out| slope(f.track(Track::Ema20), rows, out)),
    ("ema_slope_50", |f, rows, out| slope(f.track(Track::Ema50), rows, out)),
    ("ema_slope_200", |f, rows, out| slope(f.track(Track::Ema200), rows, out)),
    ("macd_pct", |f, rows, out| percent_of_close(f, f.track(Track::Macd), rows, out)),
    ("macd_signal_pct", |f, rows, out| percent_of_close(f, f.track(Track::MacdSignal), rows, out)),
    ("macd_hist_atr", |f, rows, out| {
        let (histogram, atr) = (f.track(Track::MacdHistogram), f.track(Track::Atr14));
        fill(rows, out, |i| ratio(histogram[i], atr[i], 0.0));
    }),
    ("adx_14", |f, rows, out| copy(f.track(Track::Adx), rows, out)),
    ("plus_di_14", |f, rows, out| copy(f.track(Track::PlusDi), rows, out)),
    ("minus_di_14", |f, rows, out| copy(f.track(Track::MinusDi), rows, out)),
    ("sar_distance", |f, rows, out| share_of_close(f, f.track(Track::Sar), rows, out)),
    ("supertrend_distance", |f, rows, out| share_of_close(f, f.track(Track::Supertrend), rows, out)),
    ("ichimoku_tk_spread", |f, rows, out| {
        let (tenkan, kijun) = (middle(f, 9, &rows), middle(f, 26, &rows));
        for (((cell, row), tenkan), kijun) in out.iter_mut().zip(rows).zip(tenkan).zip(kijun) {
            *cell = (tenkan - kijun) / f.close[row];
        }
    }),
    ("ichimoku_cloud_distance", ichimoku_cloud),
    ("kama_distance_10", |f, rows, out| distance(f, f.track(Track::Kama), rows, out)),
    ("vortex_diff_14", vortex),
    ("sma_50_200_spread", |f, rows, out| fill(rows, out, |i| f.sma50[i] / f.sma200[i] - 1.0)),
    ("adx_slope_5", |f, rows, out| {
        let adx = f.track(Track::Adx);
        fill(rows, out, |i| adx[i] - adx[i - 5]);
    }),
];

/// How far the close lies above a mean, as a share of it.
fn distance(f: &Frame<'_>, mean: &[f64], rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |i| f.close[i] / mean[i] - 1.0);
}

/// How far the close lies above a stop, as a share of the close.
fn share_of_close(f: &Frame<'_>, stop: &[f64], rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |i| (f.close[i] - stop[i]) / f.close[i]);
}

fn percent_of_close(f: &Frame<'_>, series: &[f64], rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |i| 100.0 * series[i] / f.close[i]);
}

/// Percent by which a mean rose in 5 bars, in logs.
fn slope(mean: &[f64], rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |i| 100.0 * (mean[i] / mean[i - 5]).ln());
}

/// The middle between the highest high and the lowest low of n bars.
fn middle(f: &Frame<'_>, n: usize, rows: &Range<usize>) -> Vec<f64> {
    let (top, bottom) = (over(window::max, f.high, n, rows), over(window::min, f.low, n, rows));
    top.into_iter().zip(bottom).map(|(top, bottom)| f64::midpoint(top, bottom)).collect()
}

fn ichimoku_cloud(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    const SHIFT: usize = 26;
    let then = rows.start - SHIFT..rows.end - SHIFT;
    let (tenkan, kijun, slow) = (middle(f, 9, &then), middle(f, 26, &then), middle(f, 52, &then));
    fill(0..out.len(), out, |i| {
        let close = f.close[rows.start + i];
        (close - f64::midpoint(f64::midpoint(tenkan[i], kijun[i]), slow[i])) / close
    });
}

fn vortex(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let up = leading(&rows, 13, |i| (f.high[i] - f.low[i - 1]).abs());
    let down = leading(&rows, 13, |i| (f.low[i] - f.high[i - 1]).abs());
    let own = 13..up.len();
    let (up, down) = (over(window::sum, &up, 14, &own), over(window::sum, &down, 14, &own));
    let range = over(window::sum, &f.true_range, 14, &rows);
    fill(0..out.len(), out, |i| ratio(up[i] - down[i], range[i], 0.0));
}
