//! `[metadata]`, `[features]`, `[orchestrator]`, `[attribution]`: the name of the rules, what goes in, how a run works,
//! and what is asked of the finished models.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::Feature;
use crate::market::Symbol;

/// Which rules these are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Version of the rules in this file; raise it whenever one changes. Runs and audits carry it.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub version: u32,
    /// One line a version, newest first: `1: what changed and why`.
    #[schemars(length(min = 1))]
    pub changelog: Vec<String>,
}

/// The word in `features.names` for every feature.
pub const ALL_FEATURES: &str = "all";

/// What a model sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Tables of the master database that features are made of.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub sources: Vec<DataSource>,
    /// Symbol whose daily log return is the market's; not set = the equal-weight mean of the strategy's stocks.
    #[schemars(with = "Option<String>", extend("examples" = ["SPY", "^GSPC"]))]
    pub benchmark: Option<Symbol>,
    /// Names of features, categories, or `all`; `nightdesk features list` has them.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub names: Vec<String>,
    /// What becomes of rows for which the market's return is not known on each of their last 20 to 60 days: under a market of
    /// stocks every row of a coin, as such windows hold weekends.
    pub missing_market: MissingMarket,
    /// Percentile at which each feature is cut off on both sides, limits taken from the training fold.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub winsor_percent: f64,
}

impl Features {
    /// Whether dividends go into prices.
    pub fn uses_dividends(&self) -> bool {
        self.sources.contains(&DataSource::Dividends)
    }

    /// Whether a model sees this feature, by its name or its category's.
    pub fn uses(&self, feature: &Feature) -> bool {
        self.names.iter().any(|n| n == ALL_FEATURES || *n == feature.name || *n == feature.category.to_string())
    }
}

/// A table of the master database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataSource {
    /// Daily bars that passed the quality checks, on today's share basis: nothing works without them.
    DailyCandles,
    /// Cash dividends: with them, prices are total-return prices.
    Dividends,
}

/// What becomes of rows without the market's returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingMarket {
    /// The rows are left out: coins give none.
    DropRows,
    /// The features that look at other symbols are left out of the whole data set, and coins are in it.
    DropFeatures,
}

/// How a training run works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Orchestrator {
    /// Steps of a run, in order. `attribution` may be left out; all others belong to every run.
    #[schemars(extend("uniqueItems" = true))]
    pub steps: Vec<Step>,
    /// What computes; `auto` takes a real GPU that beats the processor in a timed probe.
    pub backend: Backend,
    /// Processor threads; 0 = all cores.
    #[schemars(range(min = 0, max = 256))]
    pub threads: u32,
    /// Models trained at the same time, on the processor.
    #[schemars(range(min = 1, max = 8))]
    pub models_at_once: u32,
    /// Seconds that the probe of a GPU may take.
    #[schemars(range(min = 1, max = 600))]
    pub probe_timeout_s: u32,
    /// What happens to a run that is asked for while one works.
    pub second_run: SecondRun,
    /// Days that the finished folds of a run that did not end are kept, to go on from.
    #[schemars(range(min = 0, max = 365))]
    pub keep_checkpoints_days: u32,
}

/// A step of a training run.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    utoipa::ToSchema,
    strum::Display,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Step {
    /// Configuration and its version.
    Configuration,
    /// Raw data and its snapshot.
    Data,
    /// Features.
    Features,
    /// Regimes and outcomes.
    Labels,
    /// Balanced sampling and weights.
    Sampling,
    /// Purged walk-forward splits.
    Splits,
    /// The base models.
    BaseModels,
    /// The meta-learner and calibration.
    MetaLearner,
    /// Results by regime, sector and symbol.
    Validation,
    /// Baselines of drift, importance of features.
    Attribution,
    /// The gates.
    Gates,
    /// Record and promote.
    Record,
}

impl Step {
    /// All twelve, in order.
    pub const ALL: [Self; 12] = [
        Self::Configuration,
        Self::Data,
        Self::Features,
        Self::Labels,
        Self::Sampling,
        Self::Splits,
        Self::BaseModels,
        Self::MetaLearner,
        Self::Validation,
        Self::Attribution,
        Self::Gates,
        Self::Record,
    ];

    /// Its name for people: `base models`.
    pub fn words(self) -> String {
        self.to_string().replace('_', " ")
    }
}

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// The faster of what is there.
    Auto,
    /// The processor.
    Cpu,
    /// The GPU; without one, the processor, and the run says so.
    Gpu,
}

/// What happens to a second run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondRun {
    /// It waits.
    Queue,
    /// It is refused.
    Refuse,
}

/// Which features the finished models lean on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribution {
    /// Times each feature is shuffled for its permutation importance.
    #[schemars(range(min = 1, max = 100))]
    pub shuffles: u32,
    /// Sessions in a row that are shuffled together.
    #[schemars(range(min = 1, max = 252))]
    pub shuffle_block_sessions: u32,
    /// Most test rows that shuffling works on.
    #[schemars(range(min = 100, max = 10_000_000))]
    pub shuffle_max_rows: u32,
    /// Steps of the path of integrated gradients.
    #[schemars(range(min = 4, max = 1024))]
    pub gradient_steps: u32,
    /// Test rows that integrated gradients are averaged over.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub gradient_rows: u32,
    /// Features kept for each model and each signal.
    #[schemars(range(min = 1, max = 179))]
    pub top_features: u32,
}
