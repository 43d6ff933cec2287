//! What the last n values of a column come to, for each row: the kernels that every windowed feature is made of.
//!
//! All share one shape: `(x, n, rows, out)` writes, for each row t of `rows`, a figure of `x[t + 1 - n ..= t]` to
//! `out[t - rows.start]`. Each row must have n values behind it (`rows.start + 1 >= n`). A value that is NaN makes every row
//! NaN whose window holds it, but where values are only compared, which a NaN passes through unseen: [`share`], [`max`],
//! [`min`], [`latest_age`] and [`worst_drawdown`] are for columns without one. Nothing runs from row to row: each row is added up from its own window, oldest value
//! first, so a row has the same bits whatever slice it is computed from. The loop over the window lies outside and the
//! loop over [`LANES`] neighbouring rows inside, where their sums stay in registers and the compiler vectorises it.
//!
//! Deviations are taken from the window's oldest value before they are taken from its mean. A constant window is
//! therefore exactly flat, and one that differs only by rounding is told by [`FLAT`], which is relative: an absolute
//! threshold would give other answers after a split.

use std::ops::Range;

mod extremes;
mod lines;
mod moments;
mod pairs;
#[cfg(test)]
mod tests;

pub use extremes::{latest_age, max, min, worst_drawdown};
pub use lines::{Line, line};
pub use moments::{Shape, Spread, mean, shape, share, spread, sum};
pub use pairs::{Pairs, pairs, pairs_with_walk};

/// Rows that are worked on side by side.
const LANES: usize = 8;

/// A sum of squared deviations up to this share of the sum of squares is rounding: 1e-12 of the values' size.
const FLAT: f64 = 1e-24;

/// One figure of each row's window.
trait Kernel {
    /// The figures of `L` successive windows, the first of which begins at index `first`.
    fn at<const L: usize>(&self, first: usize) -> [f64; L];
}

/// Runs a kernel over rows whose windows span `reach` values.
fn run(kernel: &impl Kernel, reach: usize, rows: Range<usize>, out: &mut [f64]) {
    debug_assert!(rows.start + 1 >= reach && out.len() == rows.len(), "{rows:?} of windows of {reach} into {}", out.len());
    let mut first = rows.start + 1 - reach;
    let (blocks, rest) = out.as_chunks_mut::<LANES>();
    for block in blocks {
        *block = kernel.at(first);
        first += LANES;
    }
    for cell in rest {
        [*cell] = kernel.at(first);
        first += 1;
    }
}

/// Oldest to newest: the values of `L` successive windows of n values, a lane each.
#[inline]
fn lanes<const L: usize>(x: &[f64], first: usize, n: usize) -> impl Iterator<Item = &[f64; L]> {
    x[first..first + n + L - 1].array_windows()
}

/// The same of every `STRIDE`-th value.
#[inline]
fn strided_lanes<const L: usize, const STRIDE: usize>(x: &[f64], first: usize, n: usize) -> impl Iterator<Item = &[f64; L]> {
    x[first..first + (n - 1) * STRIDE + L].array_windows().step_by(STRIDE)
}

/// Adds to each lane's total.
#[inline]
fn add<const L: usize>(totals: &mut [f64; L], term: impl Fn(usize) -> f64) {
    for (lane, total) in totals.iter_mut().enumerate() {
        *total += term(lane);
    }
}

/// The mean of each lane, taken about the window's oldest value so that a constant has itself as its mean.
#[inline]
fn means<'a, const L: usize>(window: impl Iterator<Item = &'a [f64; L]>, n: usize) -> [f64; L] {
    let (mut oldest, mut sums) = ([0.0; L], [0.0; L]);
    for (i, values) in window.enumerate() {
        if i == 0 {
            oldest = *values;
        }
        add(&mut sums, |k| values[k] - oldest[k]);
    }
    std::array::from_fn(|k| oldest[k] + sums[k] / n as f64)
}

/// Zero where the squared deviations of n values from their mean are rounding, else themselves.
#[inline]
fn unless_flat(squares: f64, n: usize, mean: f64) -> f64 {
    if squares <= FLAT * (squares + n as f64 * mean * mean) { 0.0 } else { squares }
}
