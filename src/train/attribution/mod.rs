//! Attribution: which features a finished model leans on, and how much.
//!
//! Two figures, which need not agree: how much worse test answers get when a feature's values are moved to other sessions
//! ([`permutation_importance`]), and how far a feature moves the probability of BUY and SELL from that of an average row
//! ([`integrated_gradients`]). Models are closures over rows, so that nothing here knows what computes them; one that
//! fails, or is told to stop, ends the work with its own error. A training run calls both after validation, and
//! [`contributions`] explains a single signal.

mod gradients;
mod importance;
mod shuffle;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::labels::Class;

pub use gradients::{Gradients, contributions, integrated_gradients};
pub use importance::{Importance, Increase, permutation_importance};

/// What a model reads, and what the columns of it are called.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Names, in the order of figures: features, or channels of a model on windows.
    pub names: &'a [String],
    /// Position in `names` of each column of a row: several columns of one name (the sessions of a channel) are one
    /// thing to lean on.
    pub columns: &'a [usize],
}

/// Test rows of a model with what came of them.
#[derive(Clone, Copy, Debug)]
pub struct TestRows<'a> {
    /// Row by row, scaled as the model reads them: 0 is the mean of the training fold.
    pub values: &'a [f32],
    /// Date of each row.
    pub dates: &'a [NaiveDate],
    /// Symbol of each row, as a number.
    pub symbols: &'a [u32],
    /// Outcome of each row.
    pub classes: &'a [Class],
}

/// What a model leans on, the most important first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// Name of the model.
    pub model: String,
    /// Its features with both figures.
    pub features: Vec<Leaning>,
    /// How far the contributions are from adding up; `None` without gradients.
    pub completeness: Option<Completeness>,
}

/// How much a model leans on a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leaning {
    /// Name of the feature or channel.
    pub name: String,
    /// What shuffling it costs.
    pub importance: Importance,
    /// Mean distance by which it moves the probability of BUY and of SELL; `None` for a model without gradients.
    pub gradient: Option<f64>,
}

/// Distance of the sum of contributions from what they explain, the change of a probability: the error of the steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completeness {
    /// Mean over rows and sides.
    pub mean: f64,
    /// Largest.
    pub worst: f64,
}

impl Inputs<'_> {
    /// Values a row.
    pub fn width(&self) -> usize {
        self.columns.len()
    }
}

impl Attribution {
    /// Puts both figures of `model` together and keeps the `top` features: those whose shuffling costs most log loss;
    /// where that is not known, or alike, those that move probabilities most.
    pub fn new(model: &str, names: &[String], importance: &[Importance], gradients: Option<&Gradients>, top: usize) -> Self {
        let moved = |i: usize| gradients.map(|g| g.moves[i]);
        let of = |(i, name): (usize, &String)| Leaning { name: name.clone(), importance: importance[i], gradient: moved(i) };
        let mut features: Vec<Leaning> = names.iter().enumerate().map(of).collect();
        let key = |l: &Leaning| [l.importance.loss.map_or(f64::NEG_INFINITY, |i| i.mean), l.gradient.unwrap_or(0.0)];
        features.sort_by(|a, b| {
            let (a, b) = (key(a), key(b));
            b[0].total_cmp(&a[0]).then(b[1].total_cmp(&a[1]))
        });
        features.truncate(top);
        Self { model: model.to_owned(), features, completeness: gradients.map(|g| g.completeness) }
    }
}

#[cfg(test)]
mod tests;
