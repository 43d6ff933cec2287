//! The training rules of a strategy: `turbomode.toml` and `slipstream.toml`, one type a section.
//!
//! Every rule by which labels, samples, models, gates and drift are judged is a key here; none is a constant elsewhere
//! and none lives in a database. The shipped files are the only place of the default values. `labels`, `dataset` and
//! training receive these types as they are; [`super::load`] fills them.

mod archive;
mod drift;
mod ensemble;
mod gates;
mod labeling;
pub(super) mod load;
mod rules;
mod run;
mod sampling;
mod scan;
mod validation;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::market::Strategy;

pub use archive::{ArchiveUpdates, ErrorReplay, Eviction, PredictionError, RareEventArchive, UpdateTime};
pub use drift::{CriticalAction, DriftDetection, DriftMode};
pub use ensemble::{
    Ensemble, GruSize, MetaLearner, MlpSize, ModelName, Optimiser, Profile, ProfileName, Profiles, RateSchedule, RealMlpSize, ResNetSize,
    TabMSize, TcnSize, TreesSize,
};
pub use gates::PromotionGates;
pub use labeling::RegimeLabeling;
pub use load::{Rules, Strategies, strategy_schema};
pub use run::{ALL_FEATURES, Attribution, Backend, DataSource, Features, Metadata, MissingMarket, Orchestrator, SecondRun, Step};
pub use sampling::{BalancedSampling, PerRegime, RegimeWeightedLoss, ThinAlert, Tracking};
pub use scan::ScanRule;
pub use validation::{HorizonUnit, LabelRule, Validation};

/// All training rules of one strategy, one field a table of its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each table is documented on its type")]
pub struct StrategySettings {
    pub metadata: Metadata,
    pub features: Features,
    pub regime_labeling: RegimeLabeling,
    pub validation: Validation,
    pub balanced_sampling: BalancedSampling,
    pub regime_weighted_loss: RegimeWeightedLoss,
    pub rare_event_archive: RareEventArchive,
    pub dynamic_archive_updates: ArchiveUpdates,
    pub error_replay_buffer: ErrorReplay,
    pub sector_symbol_tracking: Tracking,
    pub ensemble: Ensemble,
    pub orchestrator: Orchestrator,
    pub attribution: Attribution,
    pub promotion_gates: PromotionGates,
    pub scan: ScanRule,
    pub drift_detection: DriftDetection,
}

/// The shipped rules of a strategy: every key with its value and a comment.
pub const fn shipped(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Turbomode => include_str!("../../../config/turbomode.toml"),
        Strategy::Slipstream => include_str!("../../../config/slipstream.toml"),
    }
}

impl StrategySettings {
    /// The shipped rules. A test reads both files, so that the error stays in the workshop.
    pub fn shipped(strategy: Strategy) -> Result<Self, toml::de::Error> {
        toml::from_str(shipped(strategy))
    }
}

#[cfg(test)]
mod tests;
