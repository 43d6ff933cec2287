//! What several categories make of a range of bars: its highest high and lowest low, the close's place between them, and
//! the order of two numbers that were rounded on different ways.

use std::ops::Range;

use super::frame::{Frame, fill, over, ratio};
use super::window;

/// Numbers nearer than this part of their size are equal but for rounding.
pub(super) const ROUNDING: f64 = 1e-12;

/// 1 where `a` is above `b`, -1 below, 0 where they are equal but for rounding; NaN if either is. For numbers of which
/// at least one is an average: prices compare exactly as they are.
pub(super) fn order(a: f64, b: f64) -> f64 {
    sign_beyond(a - b, ROUNDING * a.abs().max(b.abs()))
}

/// The sign of a number that counts as 0 up to `least`; NaN for NaN.
pub(super) fn sign_beyond(x: f64, least: f64) -> f64 {
    if x > least {
        1.0
    } else if x < -least {
        -1.0
    } else {
        x * 0.0
    }
}

/// The sign of a number that is 0 only when it is exactly 0; NaN for NaN.
pub(super) fn sign(x: f64) -> f64 {
    sign_beyond(x, 0.0)
}

/// Highest highs of the last n bars.
pub(super) fn highs(frame: &Frame<'_>, n: usize, rows: &Range<usize>) -> Vec<f64> {
    over(window::max, frame.high, n, rows)
}

/// Lowest lows of the last n bars.
pub(super) fn lows(frame: &Frame<'_>, n: usize, rows: &Range<usize>) -> Vec<f64> {
    over(window::min, frame.low, n, rows)
}

/// What `of` makes of each row, its highest high and its lowest low of the last n bars.
pub(super) fn over_range(frame: &Frame<'_>, n: usize, rows: Range<usize>, out: &mut [f64], of: impl Fn(usize, f64, f64) -> f64) {
    let (high, low, first) = (highs(frame, n, &rows), lows(frame, n, &rows), rows.start);
    fill(rows, out, |t| of(t, high[t - first], low[t - first]));
}

/// `(C-LLn)/(HHn-LLn)`, 0 to 1; 0.5 if flat.
pub(super) fn position(frame: &Frame<'_>, n: usize, rows: Range<usize>, out: &mut [f64]) {
    over_range(frame, n, rows, out, |t, high, low| ratio(frame.close[t] - low, high - low, 0.5));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_differ_by_rounding_have_no_order_on_any_scale() {
        for scale in [1e-9, 1.0, 1e9] {
            let mean = scale * (0.1 + 0.2);
            assert_eq!(order(scale * 0.3, mean), 0.0);
            assert_eq!([order(scale, mean), order(-scale, mean)], [1.0, -1.0]);
        }
        assert_eq!([sign(-1e-300), sign(0.0), order(0.0, 0.0)], [-1.0, 0.0, 0.0]);
        assert!(order(f64::NAN, 1.0).is_nan() && order(1.0, f64::NAN).is_nan() && sign(f64::NAN).is_nan());
    }
}
