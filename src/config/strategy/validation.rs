//! `[validation]`: the outcome that is predicted, and the dates on which predictions are tested.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Purged walk-forward tests by date, and the locked hold-out. The label rule stands here because a split without the
/// end of each label cannot be purged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Blocks of dates that are tested, each by models trained on all earlier dates.
    #[schemars(range(min = 5, max = 50))]
    pub test_blocks: u32,
    /// Fewest dates before the first test block.
    #[schemars(range(min = 60, max = 5040))]
    pub min_train_sessions: u32,
    /// Fewest sessions between the end of a training row's horizon and the first test date.
    #[schemars(range(min = 10, max = 252))]
    pub embargo_sessions: u32,
    /// The same, as a share of all dates; the larger of the two holds.
    #[schemars(range(min = 0.01, max = 0.2))]
    pub embargo_share: f64,
    /// Last calendar days that nothing is fitted or chosen on; read once for a candidate that passed its gates.
    #[schemars(range(min = 365, max = 3650))]
    pub holdout_days: u32,
    /// Share of a fold's last training dates, purged and embargoed as a test block, on which training stops early.
    #[schemars(range(min = 0.02, max = 0.5))]
    pub early_stop_share: f64,
    /// Dates in a row that the bootstrap draws together, because neighbours are alike.
    #[schemars(range(min = 1, max = 252))]
    pub bootstrap_block_sessions: u32,
    /// Draws of the bootstrap.
    #[schemars(range(min = 100, max = 100_000))]
    pub bootstrap_draws: u32,
    /// What is predicted.
    pub label: LabelRule,
}

/// BUY, HOLD or SELL by the triple barrier: entry at the next session's open, barriers at
/// max(`atr_multiple` * ATR, `cost_floor_multiple` * round-trip cost * entry) above and below it, and the horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelRule {
    /// How long a position may be held, in `horizon_unit`.
    #[schemars(range(min = 1, max = 365))]
    pub horizon: u32,
    /// What the horizon counts.
    pub horizon_unit: HorizonUnit,
    /// Sessions of the average true range (Wilder) at the decision.
    #[schemars(range(min = 2, max = 100))]
    pub atr_sessions: u32,
    /// Distance of each barrier from the entry, in average true ranges.
    #[schemars(range(min = 0.1, max = 20.0))]
    pub atr_multiple: f64,
    /// Least distance of each barrier, in round-trip costs.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub cost_floor_multiple: f64,
    /// Cost of entering and leaving together, basis points of the price.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub round_trip_cost_bp: f64,
}

/// What a horizon counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HorizonUnit {
    /// Calendar days from the day of the decision: sessions up to that date.
    CalendarDays,
    /// Sessions of the instrument's calendar after the decision.
    Sessions,
}
