//! A strategy's models as lists, pages and commands show them: where each stands, how good it is, and what it is made of.
//!
//! Whoever keeps the models makes these rows; the engine passes them on as answers to queries.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::gates::GateResult;
use crate::config::strategy::ProfileName;
use crate::market::Strategy;

/// Where a model stands.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ModelState {
    /// Registered, not judged yet.
    Candidate,
    /// Did not pass the gates: gives no signals, ever.
    Rejected,
    /// Passed the gates, on trial: its signals are paper.
    Shadow,
    /// In service: its signals count.
    Champion,
    /// Was a shadow or champion.
    Retired,
}

/// A model in a list: the ensemble of one training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelRow {
    /// Whose.
    pub strategy: Strategy,
    /// Its key.
    pub model_id: i64,
    /// The training run it came from.
    pub run_id: i64,
    /// Where it stands.
    pub state: ModelState,
    /// Since when, UTC seconds.
    pub state_at: i64,
    /// Why it stands there, in a sentence.
    pub reason: String,
    /// When it was made, UTC seconds.
    pub created_at: i64,
    /// The last session it has learned from.
    pub trained_to: Option<NaiveDate>,
    /// When it grows too old to give signals, UTC seconds.
    pub expires_at: Option<i64>,
    /// Log loss saved against the prior out of fold, as a share of it.
    pub skill: Option<f64>,
    /// AUC of BUY against SELL out of fold.
    pub auc: Option<f64>,
    /// Why it cannot become champion, in a sentence; `None` when it can.
    pub locked: Option<String>,
}

/// A figure of a model, measured out of fold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Metric {
    /// What it is, in words: `log loss, nats`.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// Its bootstrap interval, where there is one.
    pub interval: Option<(f64, f64)>,
}

/// How much a model listens to a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FeatureWeight {
    /// The feature.
    pub feature: String,
    /// Log loss gained by shuffling the feature within each date, nats; under 0 the model is better without it.
    pub permutation: Option<f64>,
    /// Its share of the mean absolute gradient of the answer, 0 to 1.
    pub gradient: Option<f64>,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelFile {
    /// Inside the strategy's model folder.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// What it must hash to.
    pub hash: String,
    /// What is wrong with it; `None` when it is what it must be.
    pub trouble: Option<String>,
}

/// A change of a model's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StateChange {
    /// When, UTC seconds.
    pub at: i64,
    /// From then on.
    pub to: ModelState,
    /// Who did it: `train`, or the person's client.
    pub by: String,
    /// Why, in a sentence.
    pub reason: String,
}

/// Everything the page of models shows of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelDetail {
    /// As in the list.
    pub row: ModelRow,
    /// What was trained.
    pub profile: ProfileName,
    /// Seed of all randomness.
    pub seed: u32,
    /// Version of the training rules.
    pub config_version: u32,
    /// Id of the market data.
    pub snapshot: String,
    /// What ships of mean and meta-learner, in words.
    pub combination: String,
    /// Figures, the most telling first.
    pub metrics: Vec<Metric>,
    /// The verdict gate by gate.
    pub gates: Vec<GateResult>,
    /// The features it listens to most, at most 30; by permutation where that was measured.
    pub features: Vec<FeatureWeight>,
    /// Its files.
    pub files: Vec<ModelFile>,
    /// How it came to stand where it does, oldest first.
    pub history: Vec<StateChange>,
    /// Why it may give no new signals for now, although champion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
}
