//! The words of drift: where a figure stands, and what a night makes of a subject. A level is shown; only a verdict alarms.

use serde::{Deserialize, Serialize};

/// Where a figure stands on the configured levels.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Level {
    /// Within the usual.
    Fine,
    /// From the warning level on.
    Shifting,
    /// From the critical level on.
    Drifted,
}

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
    /// Whether there was anything to judge by.
    pub const fn judged(self) -> bool {
        !matches!(self, Self::Insufficient | Self::Uncalibrated)
    }

    /// Whether it opens an episode.
    pub const fn alarms(self) -> bool {
        matches!(self, Self::Drifted | Self::Critical)
    }
}
