//! Sums, means, spreads and shapes of one column.

use std::ops::Range;

use super::{Kernel, add, lanes, means, run, unless_flat};

/// The sum of the last n values.
pub fn sum(x: &[f64], n: usize, rows: Range<usize>, out: &mut [f64]) {
    struct Sum<'a>(&'a [f64], usize);
    impl Kernel for Sum<'_> {
        #[inline]
        fn at<const L: usize>(&self, first: usize) -> [f64; L] {
            let mut sums = [0.0; L];
            for values in lanes::<L>(self.0, first, self.1) {
                add(&mut sums, |k| values[k]);
            }
            sums
        }
    }
    run(&Sum(x, n), n, rows, out);
}

/// The mean of the last n values; of n equal values, exactly that value.
pub fn mean(x: &[f64], n: usize, rows: Range<usize>, out: &mut [f64]) {
    struct Mean<'a>(&'a [f64], usize);
    impl Kernel for Mean<'_> {
        #[inline]
        fn at<const L: usize>(&self, first: usize) -> [f64; L] {
            means(lanes(self.0, first, self.1), self.1)
        }
    }
    run(&Mean(x, n), n, rows, out);
}

/// The share of the last n values that `hold` beside the row's limit; `limits` has a cell for each of `rows`.
pub fn share(x: &[f64], limits: &[f64], n: usize, rows: Range<usize>, out: &mut [f64], hold: impl Fn(f64, f64) -> bool) {
    struct Share<'a, F> {
        x: &'a [f64],
        limits: &'a [f64],
        n: usize,
        start: usize,
        hold: F,
    }
    impl<F: Fn(f64, f64) -> bool> Kernel for Share<'_, F> {
        #[inline]
        fn at<const L: usize>(&self, first: usize) -> [f64; L] {
            let row = first + self.n - 1 - self.start;
            let limits: [f64; L] = std::array::from_fn(|k| self.limits[row + k]);
            let mut counts = [0.0; L];
            for values in lanes::<L>(self.x, first, self.n) {
                add(&mut counts, |k| if (self.hold)(values[k], limits[k]) { 1.0 } else { 0.0 });
            }
            counts.map(|count| count / self.n as f64)
        }
    }
    run(&Share { x, limits, n, start: rows.start, hold }, n, rows, out);
}

/// The newest value of each lane's window.
#[inline]
fn newest<const L: usize>(x: &[f64], first: usize, n: usize) -> [f64; L] {
    std::array::from_fn(|k| x[first + n - 1 + k])
}

/// Where the values of a window lie.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// How many values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// The sum of their squared deviations from the mean; exactly 0 for a flat window.
    pub squares: f64,
    /// The newest of them.
    pub newest: f64,
}

impl Spread {
    /// The variance with n - `ddof` in the denominator.
    #[inline]
    pub fn variance(&self, ddof: usize) -> f64 {
        self.squares / (self.n - ddof) as f64
    }

    /// The standard deviation with n - `ddof` in the denominator; exactly 0 for a flat window.
    #[inline]
    pub fn sd(&self, ddof: usize) -> f64 {
        self.variance(ddof).sqrt()
    }
}

/// What `of` makes of the spread of the last n values, found in two passes.
pub fn spread(x: &[f64], n: usize, rows: Range<usize>, out: &mut [f64], of: impl Fn(Spread) -> f64) {
    struct Spreads<'a, F>(&'a [f64], usize, F);
    impl<F: Fn(Spread) -> f64> Kernel for Spreads<'_, F> {
        #[inline]
        fn at<const L: usize>(&self, first: usize) -> [f64; L] {
            let Self(x, n, of) = self;
            let mean: [f64; L] = means(lanes(x, first, *n), *n);
            let mut squares = [0.0; L];
            for values in lanes::<L>(x, first, *n) {
                add(&mut squares, |k| (values[k] - mean[k]) * (values[k] - mean[k]));
            }
            let newest = newest::<L>(x, first, *n);
            std::array::from_fn(|k| of(Spread { n: *n, mean: mean[k], squares: unless_flat(squares[k], *n, mean[k]), newest: newest[k] }))
        }
    }
    run(&Spreads(x, n, of), n, rows, out);
}

/// Sums of powers of the deviations of a window's values from their mean.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    n: usize,
    second: f64,
    third: f64,
    fourth: f64,
}

impl Shape {
    /// Adjusted Fisher-Pearson skewness G1 (pandas `.skew`); 0 for a flat window. Needs n >= 3.
    #[inline]
    pub fn skewness(&self) -> f64 {
        let n = self.n as f64;
        if self.second == 0.0 {
            return 0.0;
        }
        n * (n - 1.0).sqrt() / (n - 2.0) * self.third / (self.second * self.second.sqrt())
    }

    /// Bias-corrected excess kurtosis G2 (pandas `.kurt`); 0 for a flat window. Needs n >= 4.
    #[inline]
    pub fn kurtosis(&self) -> f64 {
        let n = self.n as f64;
        if self.second == 0.0 {
            return 0.0;
        }
        let raw = n * (n + 1.0) * (n - 1.0) * self.fourth / (self.second * self.second);
        (raw - 3.0 * (n - 1.0) * (n - 1.0)) / ((n - 2.0) * (n - 3.0))
    }
}

/// What `of` makes of the shape of the last n values, found in two passes.
pub fn shape(x: &[f64], n: usize, rows: Range<usize>, out: &mut [f64], of: impl Fn(Shape) -> f64) {
    struct Shapes<'a, F>(&'a [f64], usize, F);
    impl<F: Fn(Shape) -> f64> Kernel for Shapes<'_, F> {
        #[inline]
        fn at<const L: usize>(&self, first: usize) -> [f64; L] {
            let Self(x, n, of) = self;
            let mean: [f64; L] = means(lanes(x, first, *n), *n);
            let (mut second, mut third, mut fourth) = ([0.0; L], [0.0; L], [0.0; L]);
            for values in lanes::<L>(x, first, *n) {
                let d: [f64; L] = std::array::from_fn(|k| values[k] - mean[k]);
                let square = d.map(|d| d * d);
                add(&mut second, |k| square[k]);
                add(&mut third, |k| square[k] * d[k]);
                add(&mut fourth, |k| square[k] * square[k]);
            }
            std::array::from_fn(|k| of(Shape { n: *n, second: unless_flat(second[k], *n, mean[k]), third: third[k], fourth: fourth[k] }))
        }
    }
    run(&Shapes(x, n, of), n, rows, out);
}
