//! How two columns move together.

use std::ops::Range;

use super::{Kernel, add, lanes, means, run, unless_flat};

/// Sums of products of the deviations of n pairs (x, y) from their means. That of a flat column is exactly 0.
#[derive(Clone, Copy, Debug)]
pub struct Pairs {
    /// How many pairs.
    pub n: usize,
    /// The sum of squares of x.
    pub xx: f64,
    /// The sum of squares of y.
    pub yy: f64,
    /// The sum of products.
    pub xy: f64,
}

impl Pairs {
    /// Pearson's correlation, -1 to 1; 0 if either column is flat.
    #[inline]
    pub fn correlation(&self) -> f64 {
        // A flat column beside one with an unknown value is no reason for a value.
        if (self.xx == 0.0 || self.yy == 0.0) && !self.xy.is_nan() {
            return 0.0;
        }
        (self.xy / (self.xx.sqrt() * self.yy.sqrt())).clamp(-1.0, 1.0)
    }

    /// The slope of the least-squares line of x on y; 0 if y is flat.
    #[inline]
    pub fn beta(&self) -> f64 {
        if self.yy == 0.0 { 0.0 } else { self.xy / self.yy }
    }

    /// The squared errors that are left of x after that line; 0 where only rounding is left, as of a symbol that is the
    /// market itself.
    #[inline]
    pub fn residual(&self) -> f64 {
        let left = self.xx - self.beta() * self.xy;
        if left <= 1e-12 * self.xx { 0.0 } else { left }
    }
}

/// What `of` makes of the last n pairs of two columns, found in two passes.
pub fn pairs(x: &[f64], y: &[f64], n: usize, rows: Range<usize>, out: &mut [f64], of: impl Fn(Pairs) -> f64) {
    struct Both<'a, F>(&'a [f64], &'a [f64], usize, F);
    impl<F: Fn(Pairs) -> f64> Kernel for Both<'_, F> {
        #[inline]
        fn at<const L: usize>(&self, first: usize) -> [f64; L] {
            let Self(x, y, n, of) = self;
            let mean_x: [f64; L] = means(lanes(x, first, *n), *n);
            let mean_y: [f64; L] = means(lanes(y, first, *n), *n);
            let (mut xx, mut yy, mut xy) = ([0.0; L], [0.0; L], [0.0; L]);
            for (a, b) in lanes::<L>(x, first, *n).zip(lanes::<L>(y, first, *n)) {
                let dx: [f64; L] = std::array::from_fn(|k| a[k] - mean_x[k]);
                let dy: [f64; L] = std::array::from_fn(|k| b[k] - mean_y[k]);
                add(&mut xx, |k| dx[k] * dx[k]);
                add(&mut yy, |k| dy[k] * dy[k]);
                add(&mut xy, |k| dx[k] * dy[k]);
            }
            std::array::from_fn(|k| {
                let xx = unless_flat(xx[k], *n, mean_x[k]);
                let yy = unless_flat(yy[k], *n, mean_y[k]);
                of(Pairs { n: *n, xx, yy, xy: xy[k] })
            })
        }
    }
    run(&Both(x, y, n, of), n, rows, out);
}

/// The same of x and a walk whose `steps` are given: within each window the walk stands at 0 on the oldest bar and adds
/// the step of every later one, so where it stood before does not matter.
pub fn pairs_with_walk(x: &[f64], steps: &[f64], n: usize, rows: Range<usize>, out: &mut [f64], of: impl Fn(Pairs) -> f64) {
    struct Walk<'a, F>(&'a [f64], &'a [f64], usize, F);
    impl<F: Fn(Pairs) -> f64> Kernel for Walk<'_, F> {
        #[inline]
        fn at<const L: usize>(&self, first: usize) -> [f64; L] {
            let Self(x, steps, n, of) = self;
            let mean_x: [f64; L] = means(lanes(x, first, *n), *n);
            let (mut walk, mut sums) = ([0.0; L], [0.0; L]);
            for step in lanes::<L>(steps, first, *n).skip(1) {
                add(&mut walk, |k| step[k]);
                add(&mut sums, |k| walk[k]);
            }
            let mean_y = sums.map(|sum| sum / *n as f64);
            let (mut walk, mut xx, mut yy, mut xy) = ([0.0; L], [0.0; L], [0.0; L], [0.0; L]);
            for (i, (a, step)) in lanes::<L>(x, first, *n).zip(lanes::<L>(steps, first, *n)).enumerate() {
                if i > 0 {
                    add(&mut walk, |k| step[k]);
                }
                let dx: [f64; L] = std::array::from_fn(|k| a[k] - mean_x[k]);
                let dy: [f64; L] = std::array::from_fn(|k| walk[k] - mean_y[k]);
                add(&mut xx, |k| dx[k] * dx[k]);
                add(&mut yy, |k| dy[k] * dy[k]);
                add(&mut xy, |k| dx[k] * dy[k]);
            }
            std::array::from_fn(|k| {
                let xx = unless_flat(xx[k], *n, mean_x[k]);
                let yy = unless_flat(yy[k], *n, mean_y[k]);
                of(Pairs { n: *n, xx, yy, xy: xy[k] })
            })
        }
    }
    run(&Walk(x, steps, n, of), n, rows, out);
}
