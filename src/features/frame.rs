//! What the columns of one symbol are computed from: its bars, the market beside it, and the series that several
//! features share, each computed once. Made by the engine for one run and dropped with it.

use std::ops::Range;

use super::bars::Adjusted;
use super::recursive::{Track, Tracks, close_location, true_range};
use super::window;

/// A column: writes the feature's value of each of `rows` (row numbers of the frame) to `out`, which has as many cells.
///
/// Pure, and independent of where the frame begins: a row has the same bits in every frame that holds its window. Never
/// called for a row with fewer bars before it than the feature's lookback. A value that is missing is NaN.
pub(super) type ColumnFn = fn(&Frame<'_>, Range<usize>, &mut [f64]);

/// A kernel of `window` that gives one figure a row.
type WindowFn = fn(&[f64], usize, Range<usize>, &mut [f64]);

/// How far before the first row that is asked for the recursive and the short windowed series begin.
pub const WARM: usize = 64;

/// The longest window over a shared series: a year of `hist_vol_20`.
const YEAR: usize = 252;

/// One symbol's bars and the market on the same days.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Forward-adjusted bars: from the first stored one, or from the first of a checkpoint's window.
    pub adjusted: &'a Adjusted,
    /// The market's log return on each bar's date, NaN on a date without; `None` without any market.
    pub market: Option<&'a [f64]>,
    /// The symbol's rank by 20-bar return on each bar's date, 0 to 1, NaN without; `None` without a universe.
    pub rank: Option<&'a [f64]>,
    /// What annualises a daily variance: 252, or 365 for what trades around the clock.
    pub sessions_a_year: f64,
}

/// Columns of equal length, a row a bar. Windowed series are NaN in rows with too few bars behind them, and in rows
/// that no column of the run reads.
pub(super) struct Frame<'a> {
    pub open: &'a [f64],
    pub high: &'a [f64],
    pub low: &'a [f64],
    pub close: &'a [f64],
    /// Units traded, NaN where unknown.
    pub volume: &'a [f64],
    /// See [`Input::market`].
    pub market: Option<&'a [f64]>,
    /// See [`Input::rank`].
    pub rank: Option<&'a [f64]>,
    /// See [`Input::sessions_a_year`].
    pub sessions_a_year: f64,
    /// `ln(C/C1)`; NaN in row 0, like all series that look one bar back.
    pub log_return: Vec<f64>,
    /// `ln C`.
    pub log_close: Vec<f64>,
    /// `ln(O/C1)`.
    pub overnight: Vec<f64>,
    /// `ln(C/O)`.
    pub intraday: Vec<f64>,
    /// `max(H-L, |H-C1|, |L-C1|)`.
    pub true_range: Vec<f64>,
    /// `(H+L+C)/3`.
    pub typical: Vec<f64>,
    /// `(2C-H-L)/(H-L)`, 0 on a bar without range.
    pub close_location: Vec<f64>,
    /// `ln max(V, 1)`.
    pub log_volume: Vec<f64>,
    /// Mean of the last 5 closes; the next five alike.
    pub sma5: Vec<f64>,
    pub sma10: Vec<f64>,
    pub sma20: Vec<f64>,
    pub sma50: Vec<f64>,
    pub sma100: Vec<f64>,
    pub sma200: Vec<f64>,
    /// Population standard deviation of the last 20 closes.
    pub sd20: Vec<f64>,
    /// Highest high of the last 14 bars, today included; the next three alike.
    pub high14: Vec<f64>,
    pub low14: Vec<f64>,
    pub high20: Vec<f64>,
    pub low20: Vec<f64>,
    /// Mean volume of the last 20 bars.
    pub volume20: Vec<f64>,
    /// `100 (C/C20 - 1)`.
    pub roc20: Vec<f64>,
    /// Annualised standard deviation of the last 10 log returns; the next two alike.
    pub hist_vol10: Vec<f64>,
    pub hist_vol20: Vec<f64>,
    pub hist_vol60: Vec<f64>,
    tracks: Tracks,
}

impl<'a> Frame<'a> {
    /// The frame of `input` for the columns' rows from `first` on, with `tracks` of the same bars.
    pub(super) fn new(input: &Input<'a>, first: usize, tracks: Tracks) -> Self {
        let bars = &input.adjusted.bars;
        let (open, high, low, close, volume) = (&bars.open[..], &bars.high[..], &bars.low[..], &bars.close[..], &bars.volume[..]);
        let n = close.len();
        let warm = first.saturating_sub(WARM);
        let log_return = from(1, n, |i| (close[i] / close[i - 1]).ln());
        let typical = from(0, n, |i| (high[i] + low[i] + close[i]) / 3.0);
        let over = |x: &[f64], width: usize, kernel: WindowFn| column(n, warm.max(width - 1), |rows, out| kernel(x, width, rows, out));
        let year = input.sessions_a_year.sqrt();
        let hist_vol = |width: usize, start: usize| {
            column(n, start.max(width), |rows, out| window::spread(&log_return, width, rows, out, |s| year * s.sd(1)))
        };
        Self {
            open,
            high,
            low,
            close,
            volume,
            market: input.market,
            rank: input.rank,
            sessions_a_year: input.sessions_a_year,
            log_close: close.iter().map(|close| close.ln()).collect(),
            overnight: from(1, n, |i| (open[i] / close[i - 1]).ln()),
            intraday: from(0, n, |i| (close[i] / open[i]).ln()),
            true_range: from(1, n, |i| true_range(high[i], low[i], close[i - 1])),
            close_location: from(0, n, |i| close_location(high[i], low[i], close[i])),
            log_volume: from(0, n, |i| floored(volume[i]).ln()),
            sma5: over(close, 5, window::mean),
            sma10: over(close, 10, window::mean),
            sma20: over(close, 20, window::mean),
            sma50: over(close, 50, window::mean),
            sma100: over(close, 100, window::mean),
            sma200: over(close, 200, window::mean),
            sd20: column(n, warm.max(19), |rows, out| window::spread(close, 20, rows, out, |s| s.sd(0))),
            high14: over(high, 14, window::max),
            low14: over(low, 14, window::min),
            high20: over(high, 20, window::max),
            low20: over(low, 20, window::min),
            volume20: over(volume, 20, window::mean),
            roc20: from(20, n, |i| 100.0 * (close[i] / close[i - 20] - 1.0)),
            hist_vol10: hist_vol(10, warm),
            hist_vol20: hist_vol(20, first.saturating_sub(YEAR)),
            hist_vol60: hist_vol(60, warm),
            log_return,
            typical,
            tracks,
        }
    }

    /// The recursive series `track`; NaN before the row from which the recursions ran.
    pub(super) fn track(&self, track: Track) -> &[f64] {
        self.tracks.get(track)
    }
}

/// A volume that has a logarithm: at least one unit; NaN stays NaN.
pub(super) fn floored(volume: f64) -> f64 {
    if volume < 1.0 { 1.0 } else { volume }
}

/// A column of `n` rows, NaN before row `start` and filled from there.
fn column(n: usize, start: usize, fill: impl FnOnce(Range<usize>, &mut [f64])) -> Vec<f64> {
    let mut column = vec![f64::NAN; n];
    if start < n {
        fill(start..n, &mut column[start..]);
    }
    column
}

/// A column of `n` rows, NaN before row `start` and `of` each row from there.
fn from(start: usize, n: usize, of: impl Fn(usize) -> f64) -> Vec<f64> {
    column(n, start, |rows, out| fill(rows, out, of))
}

/// Writes `of` each row.
pub(super) fn fill(rows: Range<usize>, out: &mut [f64], of: impl Fn(usize) -> f64) {
    for (cell, row) in out.iter_mut().zip(rows) {
        *cell = of(row);
    }
}

/// `of` each row from `back` rows before `rows` on: a series of one column's own. `rows` of the frame are
/// `back..` of it.
pub(super) fn leading(rows: &Range<usize>, back: usize, of: impl Fn(usize) -> f64) -> Vec<f64> {
    (rows.start - back..rows.end).map(of).collect()
}

/// `a / b`, or `neutral` where `b` is 0.
pub(super) fn ratio(a: f64, b: f64, neutral: f64) -> f64 {
    if b == 0.0 { neutral } else { a / b }
}

/// Writes the same rows of a series that the frame has.
pub(super) fn copy(series: &[f64], rows: Range<usize>, out: &mut [f64]) {
    out.copy_from_slice(&series[rows]);
}

/// A window kernel's figures of the last `n` values of `x`, for each of `rows`.
pub(super) fn over(kernel: WindowFn, x: &[f64], n: usize, rows: &Range<usize>) -> Vec<f64> {
    let mut figures = vec![0.0; rows.len()];
    kernel(x, n, rows.clone(), &mut figures);
    figures
}
