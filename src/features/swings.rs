//! The last swing high and low of each bar: Williams fractals, a bar beyond the two bars on either side, known two bars
//! later. Four columns of `price_patterns` are made of them.

use std::ops::Range;

use super::frame::{Frame, fill, ratio};
use super::ranges::{highs, lows};
use super::recursive::Track;

/// Bars after which a swing is forgotten. Without one, the extreme of this many bars takes its place, at this age.
const CAP: usize = 60;

/// A swing as one bar knows it.
#[derive(Clone, Copy)]
struct Swing {
    level: f64,
    /// Bars since it.
    age: f64,
}

/// The last swing of each row, where `beyond` says that one price lies beyond another and `extreme` is each row's
/// furthest price of [`CAP`] bars.
fn last(x: &[f64], rows: Range<usize>, extreme: &[f64], beyond: fn(f64, f64) -> bool) -> Vec<Swing> {
    let is_swing = |i: usize| beyond(x[i], x[i - 1]) && beyond(x[i], x[i + 1]) && beyond(x[i], x[i - 2]) && beyond(x[i], x[i + 2]);
    let mut last = (rows.start - CAP..rows.start - 2).rev().find(|&i| is_swing(i));
    let known = |(t, &extreme): (usize, &f64)| {
        if is_swing(t - 2) {
            last = Some(t - 2);
        }
        match last {
            Some(i) if t - i <= CAP => Swing { level: x[i], age: (t - i) as f64 },
            _ => Swing { level: extreme, age: CAP as f64 },
        }
    };
    rows.zip(extreme).map(known).collect()
}

fn last_highs(f: &Frame<'_>, rows: &Range<usize>) -> Vec<Swing> {
    last(f.high, rows.clone(), &highs(f, CAP, rows), |a, b| a > b)
}

fn last_lows(f: &Frame<'_>, rows: &Range<usize>) -> Vec<Swing> {
    last(f.low, rows.clone(), &lows(f, CAP, rows), |a, b| a < b)
}

/// What `of` makes of today's close and the last swing high and low, in units of ATR14; 0 while that is 0.
fn in_atr(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64], of: impl Fn(f64, Swing, Swing) -> f64) {
    let (high, low, first) = (last_highs(f, &rows), last_lows(f, &rows), rows.start);
    let atr = f.track(Track::Atr14);
    fill(rows, out, |t| ratio(of(f.close[t], high[t - first], low[t - first]), atr[t], 0.0));
}

/// Column `swing_high_dist`.
pub(super) fn high_dist(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    in_atr(f, rows, out, |close, high, _| high.level - close);
}

/// Column `swing_low_dist`.
pub(super) fn low_dist(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    in_atr(f, rows, out, |close, _, low| close - low.level);
}

/// Column `swing_recency`.
pub(super) fn recency(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let ages = last_highs(f, &rows).into_iter().zip(last_lows(f, &rows));
    for (cell, (high, low)) in out.iter_mut().zip(ages) {
        *cell = (low.age - high.age) / CAP as f64;
    }
}

/// Column `fib_618_dist`: the close against the 61.8 % retracement of the leg between the two last swings.
pub(super) fn fib_618_dist(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    in_atr(f, rows, out, |close, high, low| {
        let leg = 0.618 * (high.level - low.level);
        close - if high.age < low.age { high.level - leg } else { low.level + leg }
    });
}
