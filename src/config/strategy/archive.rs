//! `[rare_event_archive]`, `[dynamic_archive_updates]`, `[error_replay_buffer]`: rows that are kept aside and mixed into
//! training again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::market::Regime;

/// Which rows are rare events, and how many of them a training fold gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RareEventArchive {
    /// Keep an archive and mix it in.
    pub enabled: bool,
    /// Rows in these regimes are rare events.
    #[schemars(extend("uniqueItems" = true))]
    pub regimes: Vec<Regime>,
    /// So are rows whose day moved by more than this many standard deviations of the year before; 0 = none.
    #[schemars(range(min = 0.0, max = 50.0))]
    pub move_sigma: f64,
    /// Most rows kept; above 0 where the archive is enabled.
    #[schemars(range(min = 0, max = 10_000_000))]
    pub max_rows: u32,
    /// Most rows kept of one symbol; above 0 where the archive is enabled.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_rows_per_symbol: u32,
    /// Archived rows added to a training fold, as a share of its rows. Only rows that the fold may know are added.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub mix_ratio: f64,
}

/// When the archive takes rows in and lets rows go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveUpdates {
    /// Take new rare events in; off = the archive stays as it is.
    pub enabled: bool,
    /// When.
    pub when: UpdateTime,
    /// Rows of one symbol nearer than this many sessions are one event, of which the first is kept; 0 = all are.
    #[schemars(range(min = 0, max = 252))]
    pub dedupe_sessions: u32,
    /// Rows that are older than this many sessions when a fold's test begins are not mixed into it; 0 = age does not count.
    #[schemars(range(min = 0, max = 20_000))]
    pub max_age_sessions: u32,
    /// Which rows go first when there are too many.
    pub evict: Eviction,
}

/// When the archive is brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpdateTime {
    /// Whenever a data set is made, nightly ones included.
    Dataset,
    /// Only when a training run makes its data set.
    Training,
}

/// Which rows go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Eviction {
    /// The oldest.
    Oldest,
    /// The least extreme.
    Weakest,
}

/// Which matured predictions were wrong enough to be learnt again, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorReplay {
    /// Replay errors.
    pub enabled: bool,
    /// Which errors.
    #[schemars(extend("uniqueItems" = true))]
    pub errors: Vec<PredictionError>,
    /// Least probability that the model gave to its wrong answer.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_confidence: f64,
    /// Most rows kept, the most confident errors first; above 0 where the buffer is enabled.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_rows: u32,
    /// Errors that are older than this many sessions when a fold's test begins are not replayed in it.
    #[schemars(range(min = 1, max = 20_000))]
    pub max_age_sessions: u32,
    /// Replayed rows added to a training fold, at most this share of its rows.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub max_share: f64,
    /// Loss weight of a fresh replayed row, beside that of its regime.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub weight: f64,
    /// Sessions in which that weight halves; 0 = it stays.
    #[schemars(range(min = 0, max = 10_000))]
    pub half_life_sessions: u32,
}

/// How a prediction was wrong.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PredictionError {
    /// BUY was predicted and did not come.
    FalseBuy,
    /// SELL was predicted and did not come.
    FalseSell,
    /// HOLD was predicted and BUY came.
    MissedBuy,
    /// HOLD was predicted and SELL came.
    MissedSell,
}
