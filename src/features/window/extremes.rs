//! Highest and lowest values of a window, which are exact in any order of comparison.

use std::collections::VecDeque;
use std::ops::Range;

use super::{Kernel, lanes, run};

/// The highest of the last n values.
pub fn max(x: &[f64], n: usize, rows: Range<usize>, out: &mut [f64]) {
    extreme(x, n, rows, out, |a, b| if b > a { b } else { a });
}

/// The lowest of the last n values.
pub fn min(x: &[f64], n: usize, rows: Range<usize>, out: &mut [f64]) {
    extreme(x, n, rows, out, |a, b| if b < a { b } else { a });
}

/// Doubles the length of the windows it knows until two overlapping ones cover n values: log2(n) comparisons a row.
fn extreme(x: &[f64], n: usize, rows: Range<usize>, out: &mut [f64], choose: impl Fn(f64, f64) -> f64) {
    let mut known = x[rows.start + 1 - n..rows.end].to_vec();
    let mut length = 1;
    while 2 * length <= n {
        known = known.iter().zip(&known[length..]).map(|(&a, &b)| choose(a, b)).collect();
        length *= 2;
    }
    for ((cell, &a), &b) in out.iter_mut().zip(&known).zip(&known[n - length..]) {
        *cell = choose(a, b);
    }
}

/// How many rows ago the last n values had the one that no other `beats`; of equal ones, the latest. A queue holds the
/// values that no later one has matched yet, the best in front.
pub fn latest_age(x: &[f64], n: usize, rows: Range<usize>, out: &mut [f64], beats: impl Fn(f64, f64) -> bool) {
    let mut queue: VecDeque<usize> = VecDeque::with_capacity(n);
    for i in rows.start + 1 - n..rows.end {
        while queue.pop_back_if(|last| !beats(x[*last], x[i])).is_some() {}
        queue.push_back(i);
        queue.pop_front_if(|best| *best + n <= i);
        if let (Some(row), Some(&best)) = (i.checked_sub(rows.start), queue.front()) {
            out[row] = (i - best) as f64;
        }
    }
}

/// The deepest fall within the last n values: the least of value / highest value so far in the window, - 1. Values are
/// positive. Falls are compared as products, which saves a division a step.
pub fn worst_drawdown(x: &[f64], n: usize, rows: Range<usize>, out: &mut [f64]) {
    struct Drawdown<'a>(&'a [f64], usize);
    impl Kernel for Drawdown<'_> {
        #[inline]
        fn at<const L: usize>(&self, first: usize) -> [f64; L] {
            let mut top = [0.0; L];
            let (mut low, mut high) = ([1.0; L], [1.0; L]);
            for values in lanes::<L>(self.0, first, self.1) {
                for k in 0..L {
                    top[k] = if values[k] > top[k] { values[k] } else { top[k] };
                    let deeper = values[k] * high[k] < low[k] * top[k];
                    low[k] = if deeper { values[k] } else { low[k] };
                    high[k] = if deeper { top[k] } else { high[k] };
                }
            }
            std::array::from_fn(|k| low[k] / high[k] - 1.0)
        }
    }
    run(&Drawdown(x, n), n, rows, out);
}
