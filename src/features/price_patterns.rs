//! The columns of the category `price_patterns`: pivots, the shape of bars, ranges, swings. Read by the engine.

use std::ops::Range;

use super::frame::{ColumnFn, Frame, fill, leading, ratio};
use super::ranges::{highs, lows, order, over_range, position, sign};
use super::recursive::Track;
use super::swings;
use super::window;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[
    ("pivot_r1_dist", |f, r, o| pivot(f, r, o, |p, _, low, close| 2.0 * p - low - close)),
    ("pivot_s1_dist", |f, r, o| pivot(f, r, o, |p, high, _, close| close - (2.0 * p - high))),
    ("pivot_r2_dist_5", |f, r, o| pivot_5(f, r, o, |p, range, close| p + range - close)),
    ("pivot_s2_dist_5", |f, r, o| pivot_5(f, r, o, |p, range, close| close - (p - range))),
    ("body_ratio", |f, r, o| fill(r, o, |t| ratio(f.close[t] - f.open[t], f.high[t] - f.low[t], 0.0))),
    ("upper_shadow_ratio", |f, r, o| fill(r, o, |t| upper_shadow(f, t))),
    ("lower_shadow_ratio", |f, r, o| fill(r, o, |t| lower_shadow(f, t))),
    ("body_atr", |f, r, o| in_atr(f, r, o, |t| f.close[t] - f.open[t])),
    ("range_atr", |f, r, o| in_atr(f, r, o, |t| f.high[t] - f.low[t])),
    ("gap_atr", |f, r, o| in_atr(f, r, o, |t| f.open[t] - f.close[t - 1])),
    ("gap_fill_ratio", gap_fill_ratio),
    ("engulfing", engulfing),
    ("inside_outside_bar", inside_outside_bar),
    ("reversal_wick_score", reversal_wick_score),
    ("range_rank_7", range_rank_7),
    ("three_bar_thrust", three_bar_thrust),
    ("clv_mean_5", |f, r, o| window::mean(&f.close_location, 5, r, o)),
    ("range_position_10", |f, r, o| position(f, 10, r, o)),
    ("range_position_40", |f, r, o| position(f, 40, r, o)),
    ("range_position_120", |f, r, o| position(f, 120, r, o)),
    ("swing_high_dist", swings::high_dist),
    ("swing_low_dist", swings::low_dist),
    ("swing_recency", swings::recency),
    ("fib_618_dist", swings::fib_618_dist),
    ("fib_nearest_dist_55", fib_nearest_dist_55),
];

/// A price difference in units of yesterday's ATR14; 0 while that is 0: before the price first moves, and
/// after it has stood still for long.
fn in_atr(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64], of: impl Fn(usize) -> f64) {
    let atr = f.track(Track::Atr14);
    fill(rows, out, |t| ratio(of(t), atr[t - 1], 0.0));
}

/// What `of` makes of yesterday's floor pivot P = (H1 + L1 + C1) / 3, H1, L1 and today's close.
fn pivot(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64], of: impl Fn(f64, f64, f64, f64) -> f64) {
    in_atr(f, rows, out, |t| of(f.typical[t - 1], f.high[t - 1], f.low[t - 1], f.close[t]));
}

/// What `of` makes of the pivot of the five bars before today, their range and today's close.
fn pivot_5(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64], of: impl Fn(f64, f64, f64) -> f64) {
    let first = rows.start;
    let before = first - 1..rows.end - 1;
    let (high, low) = (highs(f, 5, &before), lows(f, 5, &before));
    in_atr(f, rows, out, |t| {
        let (high, low) = (high[t - first], low[t - first]);
        of((high + low + f.close[t - 1]) / 3.0, high - low, f.close[t])
    });
}

fn upper_shadow(f: &Frame<'_>, t: usize) -> f64 {
    ratio(f.high[t] - f.open[t].max(f.close[t]), f.high[t] - f.low[t], 0.0)
}

fn lower_shadow(f: &Frame<'_>, t: usize) -> f64 {
    ratio(f.open[t].min(f.close[t]) - f.low[t], f.high[t] - f.low[t], 0.0)
}

/// How much of the gap between yesterday's close and today's open the day has traded back through, 0 to 1.
fn gap_fill_ratio(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |t| {
        let (open, before) = (f.open[t], f.close[t - 1]);
        if open > before {
            ((open - f.low[t]) / (open - before)).min(1.0)
        } else if open < before {
            ((f.high[t] - open) / (before - open)).min(1.0)
        } else {
            0.0
        }
    });
}

fn engulfing(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |t| {
        let (open, close, open1, close1) = (f.open[t], f.close[t], f.open[t - 1], f.close[t - 1]);
        let larger = (close - open).abs() > (close1 - open1).abs();
        if larger && close > open && close1 < open1 && close >= open1 && open <= close1 {
            1.0
        } else if larger && close < open && close1 > open1 && close <= open1 && open >= close1 {
            -1.0
        } else {
            0.0
        }
    });
}

fn inside_outside_bar(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |t| {
        if f.high[t] <= f.high[t - 1] && f.low[t] >= f.low[t - 1] {
            -1.0
        } else if f.high[t] > f.high[t - 1] && f.low[t] < f.low[t - 1] {
            1.0
        } else {
            0.0
        }
    });
}

fn reversal_wick_score(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |t| (lower_shadow(f, t) - upper_shadow(f, t)) * -order(f.close[t - 1], f.sma10[t - 1]));
}

/// Ranges are differences of prices: two equal ones may differ by rounding, hence the tolerance.
fn range_rank_7(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let range = leading(&rows, 6, |t| f.high[t] - f.low[t]);
    let today: Vec<f64> = range[6..].iter().map(|range| range * (1.0 + 1e-9)).collect();
    window::share(&range, &today, 7, 6..range.len(), out, |range, today| range <= today);
}

fn three_bar_thrust(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let thrust = leading(&rows, 2, |t| {
        let body = f.close[t] - f.open[t];
        if body.abs() >= 0.5 * (f.high[t] - f.low[t]) * (1.0 - 1e-9) { sign(body) } else { 0.0 }
    });
    window::mean(&thrust, 3, 2..thrust.len(), out);
}

/// Signed distance, in ranges of 55 bars, from the nearest retracement level; the lower of two equally near.
fn fib_nearest_dist_55(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    over_range(f, 55, rows, out, |t, high, low| {
        let place = ratio(f.close[t] - low, high - low, 0.5);
        let levels = [0.236, 0.382, 0.5, 0.618, 0.786, 1.0];
        levels.into_iter().map(|level| place - level).fold(place, |nearest, d| if d.abs() < nearest.abs() { d } else { nearest })
    });
}
