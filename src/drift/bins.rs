//! The bins of a distribution: equal mass by the reference, and one for missing values.

use super::ks::ascending;
use crate::train::metrics::quantile;

/// Right-open bins between ascending edges, the first and the last without end: a value equal to an edge lies to the
/// right of it. Missing values have the last bin.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    edges: Vec<f64>,
}

impl Bins {
    /// Edges at the quantiles that cut `reference` into `bins` parts of equal mass (by straight line between neighbours, numpy's
    /// "linear"), equal ones merged. A reference of no more than `bins` different values has an edge at each of
    /// them instead, so that a rare one keeps a bin to itself. NaN is not looked at.
    pub fn of(reference: impl IntoIterator<Item = f64>, bins: u32) -> Self {
        Self::of_ascending(&ascending(&reference.into_iter().collect::<Vec<_>>()), bins)
    }

    /// The same of values that are ascending and without NaN.
    pub fn of_ascending(values: &[f64], bins: u32) -> Self {
        let mut different: Vec<f64> = values.chunk_by(|a, b| a == b).map(|same| same[0]).take(bins as usize + 1).collect();
        if different.len() > bins as usize {
            let part = |k: u32| quantile(values, f64::from(k) / f64::from(bins));
            different = (1..bins).filter_map(part).collect();
            different.dedup();
        }
        Self { edges: different }
    }

    /// Bins between given edges, ascending.
    pub fn between(edges: &[f64]) -> Self {
        Self { edges: edges.to_vec() }
    }

    /// Ascending, without repetition.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// How many bins, that of missing values among them.
    pub fn count(&self) -> usize {
        self.edges.len() + 2
    }

    /// The bin of a value.
    pub fn of_value(&self, value: f64) -> usize {
        if value.is_nan() { self.count() - 1 } else { self.edges.partition_point(|e| *e <= value) }
    }

    /// How many values lie in each bin.
    pub fn counts(&self, values: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut counts = vec![0.0; self.count()];
        for value in values {
            counts[self.of_value(value)] += 1.0;
        }
        counts
    }
}
