//! The five states of a symbol's market: what labels, sampling, losses and gates are told apart by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The regime of one symbol on one day; how it is found is a training rule (`[regime_labeling]`).
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
    strum::Display,
    strum::EnumString,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Regime {
    /// Calm: volatility among the lowest of its year.
    LowVolatility,
    /// None of the others.
    Normal,
    /// Nervous: volatility among the highest of its year.
    HighVolatility,
    /// Falling hard.
    Crash,
    /// Rising after a crash, still below its high.
    Recovery,
}

impl Regime {
    /// All, in the order of reports.
    pub const ALL: [Self; 5] = [Self::LowVolatility, Self::Normal, Self::HighVolatility, Self::Crash, Self::Recovery];

    /// The name in configuration, tables and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LowVolatility => "low_volatility",
            Self::Normal => "normal",
            Self::HighVolatility => "high_volatility",
            Self::Crash => "crash",
            Self::Recovery => "recovery",
        }
    }
}
