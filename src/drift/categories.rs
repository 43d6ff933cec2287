//! Distances of columns whose values are names.

use std::collections::BTreeMap;

use super::distance::{divergence, shares, stability};

/// Two samples of names in the same bins: one a name of the reference, one for other names, one for missing values.
#[derive(Clone, Debug, PartialEq)]
pub struct Categories {
    /// Names of the reference, ascending.
    pub names: Vec<String>,
    /// How often the reference has each; then 0 for other names, and its missing ones.
    pub reference: Vec<f64>,
    /// How often the current sample has each; then other names, and its missing ones.
    pub current: Vec<f64>,
}

impl Categories {
    /// Counts names; `None` is a missing one.
    pub fn of<'a>(reference: impl IntoIterator<Item = Option<&'a str>>, current: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let (mut counts, mut missing, mut other) = (BTreeMap::<&str, [f64; 2]>::new(), [0.0; 2], 0.0);
        for value in reference {
            match value {
                None => missing[0] += 1.0,
                Some(name) => counts.entry(name).or_default()[0] += 1.0,
            }
        }
        for value in current {
            match value.map(|name| counts.get_mut(name)) {
                None => missing[1] += 1.0,
                Some(None) => other += 1.0,
                Some(Some(known)) => known[1] += 1.0,
            }
        }
        let (names, counted): (Vec<String>, Vec<[f64; 2]>) = counts.into_iter().map(|(name, n)| (name.to_owned(), n)).unzip();
        let side = |k: usize, other: f64| counted.iter().map(|n| n[k]).chain([other, missing[k]]).collect();
        Self { names, reference: side(0, 0.0), current: side(1, other) }
    }

    /// Population stability index and Kullback-Leibler divergence of the current from the reference, `smoothing` added to each
    /// bin.
    pub fn distances(&self, smoothing: f64) -> (f64, f64) {
        let (now, then) = (shares(&self.current, smoothing), shares(&self.reference, smoothing));
        (stability(&now, &then), divergence(&now, &then))
    }
}
