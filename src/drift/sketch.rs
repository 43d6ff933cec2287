//! What a baseline keeps of a distribution so that later values can be compared with all of it: order statistics at equal ranks.

use super::ks::{KolmogorovSmirnov, ascending};

/// Steps from the least value to the largest.
const STEPS: usize = 1024;

/// Values of ascending ones, without NaN, at equal ranks, the least and the largest among them: all of at most 1,025, else 1,025
/// of them.
pub fn order_statistics(ascending: &[f64]) -> Vec<f64> {
    let kept = ascending.len().min(STEPS + 1);
    (0..kept).map(|k| ascending[rank(k, ascending.len())]).collect()
}

/// The rank, from 0, of kept value `k` among `n`.
fn rank(k: usize, n: usize) -> usize {
    if n <= STEPS + 1 { k } else { (k * (n - 1) + STEPS / 2) / STEPS }
}

/// The distribution of `rows` values of which [`order_statistics`] were kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sketch<'a> {
    kept: &'a [f64],
    rows: usize,
}

impl<'a> Sketch<'a> {
    /// `kept` are the order statistics of `rows` values.
    pub fn new(kept: &'a [f64], rows: u64) -> Self {
        Self { kept, rows: rows as usize }
    }

    /// The order statistics, ascending.
    pub fn kept(&self) -> &'a [f64] {
        self.kept
    }

    /// Share of the values that are at most `value`, within 1/2048: fewer than `(n - 1) / 1024` values lie between two neighbours
    /// that were kept, and half of them are taken to be passed. Exact of at most 1,025 values.
    pub fn share(&self, value: f64) -> f64 {
        self.share_after(self.kept.partition_point(|v| *v <= value))
    }

    /// Share of the values that are passed where `reached` of the kept ones are.
    fn share_after(&self, reached: usize) -> f64 {
        let n = self.rows.max(self.kept.len());
        let least = reached.checked_sub(1).map_or(0, |k| rank(k, n) + 1);
        let most = match reached {
            0 => 0,
            all if all >= self.kept.len() => n,
            next => rank(next, n),
        };
        f64::midpoint(least as f64, most as f64) / n.max(1) as f64
    }

    /// Distance of a sample, in any order, from the distribution; NaN is not looked at. Within 1/2048 of what
    /// [`kolmogorov_smirnov`](super::kolmogorov_smirnov) finds with all values at hand, as [`share`](Self::share) is. `None`
    /// if one of the two is empty.
    pub fn distance(&self, current: &[f64]) -> Option<KolmogorovSmirnov> {
        let current = ascending(current);
        let m = current.len() as f64;
        let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
        while let Some(&next) = current.get(j).filter(|_| !self.kept.is_empty()) {
            // Both are steps, so their distance is largest where one of them steps.
            let at = self.kept.get(i).map_or(next, |kept| kept.min(next));
            i += self.kept[i..].iter().take_while(|v| **v <= at).count();
            j += current[j..].iter().take_while(|v| **v <= at).count();
            distance = distance.max((self.share_after(i) - j as f64 / m).abs());
        }
        KolmogorovSmirnov::of_distance(distance, self.rows as f64, m)
    }
}
