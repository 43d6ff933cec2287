//! `[scan]`: for which symbols a signal may be given, and what is told with one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The overnight scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanRule {
    /// Close of a share, in its currency, below which it gets no signal; coins may be cheaper.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub min_price: f64,
    /// Median value traded a session, close times volume, below which a symbol gets no signal.
    #[schemars(range(min = 0.0, max = 1e12))]
    pub min_dollar_volume: f64,
    /// Sessions of that median.
    #[schemars(range(min = 1, max = 252))]
    pub dollar_volume_sessions: u32,
    /// Most new signals of a night, those with the largest lift.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_new_signals: u32,
    /// Nearest past rows that are told with a signal.
    #[schemars(range(min = 0, max = 100))]
    pub past_cases: u32,
}
