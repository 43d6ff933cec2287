//! What a model file tells of its models: all that a night needs beside the weights to answer as they did in training.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::container::Flaw;
use crate::config::strategy::ModelName;
use crate::dataset::Normaliser;
use crate::labels::Class;
use crate::market::Strategy;
use crate::train::calibrate::Calibration;
use crate::train::metrics::Probabilities;
use crate::train::models::NamedTensor;
use crate::train::stack::{Combination, Meta};

/// The version of the format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// A base model in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaseModel {
    /// Which.
    pub name: ModelName,
    /// How many fits of it there are, of the seeds 0 and up; its answer is their mean.
    pub seeds: u32,
    /// Its sizes, as its code reads them: JSON.
    pub sizes: Value,
}

/// All of a model file but the weights. Numbers come back bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelHeader {
    /// Whose models.
    pub strategy: Strategy,
    /// The training run that made them.
    pub run_id: i64,
    /// Hash of the definitions of the features.
    pub definition: String,
    /// Names of the features that go in, in order.
    pub features: Vec<String>,
    /// How these are scaled, one a feature.
    pub normaliser: Normaliser,
    /// How the channels of the sequence models are scaled; `None` without such a model.
    pub channels: Option<Normaliser>,
    /// The base models, in the order in which they are combined.
    pub models: Vec<BaseModel>,
    /// What makes the ensemble's answer of theirs.
    pub combination: Combination,
    /// The meta-learner; there where it ships.
    pub meta: Option<Meta>,
    /// What makes probabilities of that answer.
    pub calibration: Calibration,
    /// Sides that give no signals, because their decisions were not worth it out of fold (gate G5).
    pub muted: Vec<Class>,
    /// Shares of the classes that decisions are held against.
    pub prior: Probabilities,
    /// Hash of the rules of labels and regimes.
    pub rules: String,
    /// Version of the training rules.
    pub config_version: u32,
    /// Their hash.
    pub config_hash: String,
    /// Seed of all randomness.
    pub seed: u32,
    /// Id of the market data.
    pub snapshot: String,
    /// Last date that the models learnt from.
    pub trained_to: NaiveDate,
    /// What computed them: JSON.
    pub environment: Value,
}

/// The name of a weight in a model file.
pub fn weight_name(model: ModelName, seed: u32, parameter: &str) -> String {
    format!("{model}/{seed}/{parameter}")
}

impl ModelHeader {
    /// Whether header and weights belong together: as many scales as features, weights of every fit and of no other.
    pub(super) fn check(&self, weights: &[NamedTensor]) -> Result<(), Flaw> {
        let fits = self.models.iter().flat_map(|m| (0..m.seeds).map(|seed| weight_name(m.name, seed, "")));
        let listed: BTreeSet<String> = fits.clone().collect();
        let of = |w: &NamedTensor| w.name.match_indices('/').nth(1).map_or_else(String::new, |(at, _)| w.name[..=at].to_owned());
        let found: BTreeSet<String> = weights.iter().map(of).collect();
        let wrong = if self.features.len() != self.normaliser.scales.len() || self.features.is_empty() {
            format!("{} features, but {} scales", self.features.len(), self.normaliser.scales.len())
        } else if self.models.is_empty() || self.models.iter().any(|m| m.seeds == 0) {
            "a base model without a fit, or none at all".to_owned()
        } else if listed.len() != fits.count() {
            "a base model is there twice".to_owned()
        } else if let Some(fit) = listed.symmetric_difference(&found).next() {
            let what = if listed.contains(fit) { "there are no weights of" } else { "there are weights of an unknown fit," };
            format!("{what} {fit}")
        } else if (self.combination == Combination::Meta) != self.meta.is_some() {
            "the meta-learner ships, but is not there; or the reverse".to_owned()
        } else if self.prior.iter().any(|p| *p <= 0.0) || (self.prior.iter().sum::<f64>() - 1.0).abs() > 1e-6 {
            "the shares of the classes do not add up to 1".to_owned()
        } else {
            return Ok(());
        };
        Err(Flaw::Inconsistent(wrong))
    }
}
