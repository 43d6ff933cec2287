//! `[balanced_sampling]`, `[regime_weighted_loss]`, `[sector_symbol_tracking]`: which rows a model sees how often, how
//! much each counts, and where there are too few.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::market::Regime;

/// One number a regime.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerRegime {
    /// For low volatility.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub low_volatility: f64,
    /// For normal times.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub normal: f64,
    /// For high volatility.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub high_volatility: f64,
    /// For crashes.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub crash: f64,
    /// For recoveries.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub recovery: f64,
}

impl PerRegime {
    /// The number for `regime`.
    pub const fn of(&self, regime: Regime) -> f64 {
        match regime {
            Regime::LowVolatility => self.low_volatility,
            Regime::Normal => self.normal,
            Regime::HighVolatility => self.high_volatility,
            Regime::Crash => self.crash,
            Regime::Recovery => self.recovery,
        }
    }

    /// The sum over all regimes.
    pub fn sum(&self) -> f64 {
        Regime::ALL.iter().map(|r| self.of(*r)).sum()
    }
}

/// Drawing the rows of a training fold so that regimes have given shares. Applied after purging and inside the fold
/// only; tests and the hold-out keep natural frequencies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BalancedSampling {
    /// Draw by regime; off = every row once.
    pub enabled: bool,
    /// Share of each regime among the rows drawn; they add up to 1.
    pub shares: PerRegime,
    /// Rows drawn, as a share of the fold's rows.
    #[schemars(range(min = 0.05, max = 3.0))]
    pub rows_ratio: f64,
    /// Most times one row may be in a fold, its copies from the archive and from replay counted; a regime with too few rows
    /// stays below its share.
    #[schemars(range(min = 1, max = 20))]
    pub max_repetition: u32,
    /// Bring probabilities back to natural class frequencies before they are calibrated.
    pub correct_priors: bool,
}

/// How much a training row counts in the loss: uniqueness * regime weight * recency, scaled to mean 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegimeWeightedLoss {
    /// Weigh by regime; off = every regime counts 1.
    pub enabled: bool,
    /// Weight of each regime.
    pub weights: PerRegime,
    /// Weigh a row by the mean of 1 / labels alive at the same time, within its symbol.
    pub uniqueness: bool,
    /// Sessions in which a row's weight halves with age; 0 = age does not count.
    #[schemars(range(min = 0, max = 10_000))]
    pub recency_half_life_sessions: u32,
}

/// Where there are too few rows to learn from or to judge by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tracking {
    /// Labelled rows below which a sector is thin.
    #[schemars(range(min = 0, max = 10_000_000))]
    pub min_rows_per_sector: u32,
    /// Symbols with a labelled row below which a sector is thin.
    #[schemars(range(min = 0, max = 10_000))]
    pub min_symbols_per_sector: u32,
    /// Labelled rows below which a symbol is thin.
    #[schemars(range(min = 0, max = 100_000))]
    pub min_rows_per_symbol: u32,
    /// Sum of uniqueness below which a symbol is thin: rows that overlap tell little.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub min_effective_rows_per_symbol: f64,
    /// Share of all rows above which a sector is reported as dominant.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_sector_share: f64,
    /// How loudly thin sectors and symbols are reported.
    pub alert: ThinAlert,
}

/// How loudly something thin is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThinAlert {
    /// In the data set's summary only.
    Off,
    /// As a warning.
    Warn,
    /// As an alarm.
    Bad,
}
