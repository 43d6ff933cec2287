//! What a night makes of a subject, in one word: the form in which verdicts are stored and shown.

use serde::{Deserialize, Serialize};

use super::performance::Standing;
use super::verdict::{DatasetVerdict, Judgement};

/// What a night makes of a subject, the worst last.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    strum::Display,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Verdict {
    /// Too few rows for a verdict.
    #[default]
    Insufficient,
    /// The reference period has no windows to tell chance from drift by.
    Uncalibrated,
    /// Nothing unusual.
    Stable,
    /// Unusual, but no alarm.
    Warning,
    /// Drifted: an alarm.
    Drifted,
    /// So far that signals are at stake.
    Critical,
}

impl Verdict {
    /// The word for what is said of a subject.
    pub const fn of(judgement: Judgement) -> Self {
        match judgement {
            Judgement::Insufficient { .. } => Self::Insufficient,
            Judgement::Uncalibrated(_) => Self::Uncalibrated,
            Judgement::Stable => Self::Stable,
            Judgement::Warning => Self::Warning,
            Judgement::Drifted => Self::Drifted,
        }
    }

    /// The word for what is said of the data set.
    pub const fn of_dataset(verdict: DatasetVerdict) -> Self {
        match verdict {
            DatasetVerdict::Insufficient => Self::Insufficient,
            DatasetVerdict::Stable => Self::Stable,
            DatasetVerdict::Warning => Self::Drifted,
            DatasetVerdict::Critical => Self::Critical,
        }
    }

    /// The word for what is said of performance.
    pub const fn of_performance(standing: Standing) -> Self {
        match standing {
            Standing::Insufficient { .. } | Standing::Short { .. } => Self::Insufficient,
            Standing::NoBand => Self::Uncalibrated,
            Standing::Stable => Self::Stable,
            Standing::Warning => Self::Warning,
            Standing::Critical | Standing::Lasting { .. } => Self::Critical,
        }
    }

    /// Whether there was anything to judge by.
    pub const fn judged(self) -> bool {
        !matches!(self, Self::Insufficient | Self::Uncalibrated)
    }

    /// Whether it opens an episode.
    pub const fn alarms(self) -> bool {
        matches!(self, Self::Drifted | Self::Critical)
    }
}
