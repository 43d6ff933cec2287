//! The columns of the category statistical: returns, moments, regressions and ratios of returns. Read by the engine.

use std::ops::Range;

use super::frame::{ColumnFn, Frame, copy, fill, leading, over, ratio};
use super::window::{self, Line, Pairs, Shape, Spread};

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[
    ("return_1d", |f, r, o| copy(&f.log_return, r, o)),
    ("return_3d", |f, r, o| log_change(f, 3, r, o)),
    ("return_60d", |f, r, o| log_change(f, 60, r, o)),
    ("return_120d", |f, r, o| log_change(f, 120, r, o)),
    ("momentum_12_1", |f, r, o| fill(r, o, |t| (f.close[t - 21] / f.close[t - 252]).ln())),
    ("sharpe_60", |f, r, o| sharpe(f, 60, r, o)),
    ("sharpe_120", |f, r, o| sharpe(f, 120, r, o)),
    ("skew_20", |f, r, o| window::shape(&f.log_return, 20, r, o, |s: Shape| s.skewness())),
    ("skew_60", |f, r, o| window::shape(&f.log_return, 60, r, o, |s: Shape| s.skewness())),
    ("kurtosis_60", |f, r, o| window::shape(&f.log_return, 60, r, o, |s: Shape| s.kurtosis())),
    ("zscore_50", |f, r, o| window::spread(f.close, 50, r, o, |s: Spread| ratio(s.newest - s.mean, s.sd(1), 0.0))),
    ("return_zscore_20", return_zscore_20),
    ("linreg_slope_20", |f, r, o| window::line::<1>(&f.log_close, 20, r, o, |l: Line| 100.0 * l.slope())),
    ("linreg_slope_60", |f, r, o| window::line::<1>(&f.log_close, 60, r, o, |l: Line| 100.0 * l.slope())),
    ("linreg_r2_20", |f, r, o| window::line::<1>(&f.log_close, 20, r, o, |l: Line| l.r2())),
    ("autocorr_1_60", autocorr_1_60),
    ("variance_ratio_5_60", variance_ratio_5_60),
    ("efficiency_ratio_20", efficiency_ratio_20),
    ("downside_vol_ratio_60", downside_vol_ratio_60),
    ("max_drawdown_60", |f, r, o| window::worst_drawdown(f.close, 60, r, o)),
];

/// `ln(C/Cn)`.
fn log_change(f: &Frame<'_>, n: usize, rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |t| (f.close[t] / f.close[t - n]).ln());
}

/// Annualised mean of the last n log returns over their annualised deviation; 0 if flat.
fn sharpe(f: &Frame<'_>, n: usize, rows: Range<usize>, out: &mut [f64]) {
    let year = f.sessions_a_year.sqrt();
    window::spread(&f.log_return, n, rows, out, |s| year * ratio(s.mean, s.sd(1), 0.0));
}

/// Today's log return in deviations of the 20 returns before it; 0 if those are flat.
pub(super) fn return_zscore_20(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    window::spread(&f.log_return, 20, rows.start - 1..rows.end - 1, out, |s| s.sd(1));
    for (cell, t) in out.iter_mut().zip(rows) {
        *cell = ratio(f.log_return[t], *cell, 0.0);
    }
}

/// Each return beside the one before it.
fn autocorr_1_60(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let before = rows.start - 1..rows.end - 1;
    window::pairs(&f.log_return[1..], &f.log_return, 60, before, out, |p: Pairs| p.correlation());
}

/// Lo and `MacKinlay` 1988, overlapping and unbiased: variance of 5-bar returns over 5 times that of 1-bar returns, both
/// about the same mean. The 5-bar returns' squares about 5 mu are those about their own mean and the distance between.
fn variance_ratio_5_60(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    const N: f64 = 60.0;
    const Q: f64 = 5.0;
    const WIDTH: usize = 56;
    let back = WIDTH - 1;
    let changes = leading(&rows, back, |t| (f.close[t] / f.close[t - 5]).ln());
    let mean = over(window::mean, &f.log_return, 60, &rows);
    let mut variance = vec![0.0; rows.len()];
    window::spread(&f.log_return, 60, rows, &mut variance, |s| s.variance(1));
    let around = over(window::mean, &changes, WIDTH, &(back..changes.len()));
    window::spread(&changes, WIDTH, back..changes.len(), out, |s| s.squares);
    let m = Q * WIDTH as f64 * (1.0 - Q / N);
    for (i, cell) in out.iter_mut().enumerate() {
        let apart = around[i] - Q * mean[i];
        *cell = ratio((*cell + WIDTH as f64 * apart * apart) / m, variance[i], 1.0);
    }
}

/// Net move over the path walked (Kaufman).
pub(super) fn efficiency_ratio_20(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let steps = leading(&rows, 19, |t| (f.close[t] - f.close[t - 1]).abs());
    window::sum(&steps, 20, 19..steps.len(), out);
    for (cell, t) in out.iter_mut().zip(rows) {
        *cell = ratio((f.close[t] - f.close[t - 20]).abs(), *cell, 0.0);
    }
}

fn downside_vol_ratio_60(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let squares = leading(&rows, 59, |t| f.log_return[t] * f.log_return[t]);
    let below = leading(&rows, 59, |t| if f.log_return[t] < 0.0 { f.log_return[t] * f.log_return[t] } else { 0.0 });
    let all = over(window::sum, &squares, 60, &(59..squares.len()));
    window::sum(&below, 60, 59..below.len(), out);
    for (cell, all) in out.iter_mut().zip(all) {
        *cell = ratio(*cell, all, 0.5).sqrt();
    }
}
