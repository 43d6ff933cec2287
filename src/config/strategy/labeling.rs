//! `[regime_labeling]`: how a day's regime is found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::market::Regime;

/// How a symbol's regime is found each day, from that day and earlier ones only. With s = the standard deviation of
/// daily log returns: `z` is the log return of the last `volatility_sessions` over what s of the year before them leads
/// one to expect, drawdown is close / highest close of `drawdown_sessions` - 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegimeLabeling {
    /// Sessions of the short volatility, and of the return that `z` measures.
    #[schemars(range(min = 5, max = 120))]
    pub volatility_sessions: u32,
    /// Sessions of the long volatility, and among which the short one's percentile is taken.
    #[schemars(range(min = 60, max = 1260))]
    pub percentile_sessions: u32,
    /// Sessions whose highest close a drawdown is measured from.
    #[schemars(range(min = 60, max = 1260))]
    pub drawdown_sessions: u32,
    /// Crash: `z` at or below this.
    #[schemars(range(min = -10.0, max = 0.0))]
    pub crash_z: f64,
    /// Or crash: drawdown at or below this share, with `crash_drawdown_z`.
    #[schemars(range(min = -0.95, max = 0.0))]
    pub crash_drawdown: f64,
    /// `z` that must accompany `crash_drawdown`.
    #[schemars(range(min = -10.0, max = 0.0))]
    pub crash_drawdown_z: f64,
    /// Recovery: a crash day lies at most this many sessions back.
    #[schemars(range(min = 1, max = 504))]
    pub recovery_sessions: u32,
    /// Recovery: the rise from the lowest close since that crash day, in long standard deviations of
    /// `volatility_sessions`.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub recovery_rise_sigma: f64,
    /// Recovery: drawdown still at or below this share.
    #[schemars(range(min = -0.95, max = 0.0))]
    pub recovery_drawdown: f64,
    /// High volatility: percentile of the short volatility at or above this share.
    #[schemars(range(min = 0.5, max = 1.0))]
    pub high_percentile: f64,
    /// Low volatility: percentile at or below this share.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub low_percentile: f64,
    /// Which regime counts where several fit: the first of this list. `normal` is what is left.
    #[schemars(length(min = 4), extend("uniqueItems" = true))]
    pub order: Vec<Regime>,
    /// Days in a row that another regime must be found before the old one is left.
    #[schemars(range(min = 1, max = 60))]
    pub leave_after_days: u32,
    /// Regimes that begin on the first day they are found.
    #[schemars(extend("uniqueItems" = true))]
    pub immediate: Vec<Regime>,
}
