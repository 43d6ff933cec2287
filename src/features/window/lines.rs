//! Least-squares lines of one column on time.

use std::ops::Range;

use super::{Kernel, add, means, run, strided_lanes, unless_flat};

/// The least-squares line of n values on 0, 1 .. n-1, as its sums of squares and products about the means.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    n: usize,
    time: f64,
    product: f64,
    values: f64,
}

impl Line {
    /// Change of the value a step; 0 for a flat window.
    #[inline]
    pub fn slope(&self) -> f64 {
        if self.values == 0.0 { 0.0 } else { self.product / self.time }
    }

    /// The share of the variance that the line explains, 0 to 1; 0 for a flat window.
    #[inline]
    pub fn r2(&self) -> f64 {
        if self.values == 0.0 {
            return 0.0;
        }
        (self.product * self.product / (self.time * self.values)).clamp(0.0, 1.0)
    }

    /// The slope over its standard error `sqrt(SSE / (n - 2) / Sxx)`; 0 for a flat window. Values that lie on the line
    /// but for rounding are taken to lie 1e-12 of their spread off it, so the statistic stays finite.
    #[inline]
    pub fn t_statistic(&self) -> f64 {
        if self.values == 0.0 {
            return 0.0;
        }
        let explained = self.product * self.product / self.time;
        let (left, least) = (self.values - explained, super::FLAT * self.values);
        let squares = if left < least { least } else { left };
        self.slope() / (squares / (self.n - 2) as f64 / self.time).sqrt()
    }
}

/// What `of` makes of the line through the last n values that lie `STRIDE` rows apart, the newest at the row itself; a
/// row needs `(n - 1) * STRIDE` rows before it.
pub fn line<const STRIDE: usize>(x: &[f64], n: usize, rows: Range<usize>, out: &mut [f64], of: impl Fn(Line) -> f64) {
    struct Lines<'a, F, const STRIDE: usize>(&'a [f64], usize, F);
    impl<F: Fn(Line) -> f64, const STRIDE: usize> Kernel for Lines<'_, F, STRIDE> {
        #[inline]
        fn at<const L: usize>(&self, first: usize) -> [f64; L] {
            let Self(x, n, of) = self;
            let mean: [f64; L] = means(strided_lanes::<L, STRIDE>(x, first, *n), *n);
            let (mut product, mut values) = ([0.0; L], [0.0; L]);
            let mut time = -((*n - 1) as f64) / 2.0;
            for v in strided_lanes::<L, STRIDE>(x, first, *n) {
                let d: [f64; L] = std::array::from_fn(|k| v[k] - mean[k]);
                add(&mut product, |k| time * d[k]);
                add(&mut values, |k| d[k] * d[k]);
                time += 1.0;
            }
            let steps = *n as f64;
            let time = steps * (steps * steps - 1.0) / 12.0;
            std::array::from_fn(|k| of(Line { n: *n, time, product: product[k], values: unless_flat(values[k], *n, mean[k]) }))
        }
    }
    run(&Lines::<_, STRIDE>(x, n, of), (n - 1) * STRIDE + 1, rows, out);
}
