//! `[promotion_gates]`: what a model must show before it may give signals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ModelName;

/// The gates G1 to G11, judged on pooled out-of-fold rows at natural frequency. G0 (no missing value, feature hash, proof
/// of the purge, no open critical finding) has no number and cannot be set aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromotionGates {
    /// Quantile of the bootstrap that is a gate's lower bound; its upper bound is 1 minus this.
    #[schemars(range(min = 0.001, max = 0.25))]
    pub bound_quantile: f64,
    /// G1: test rows.
    #[schemars(range(min = 100, max = 100_000_000))]
    pub g1_min_rows: u32,
    /// G1: sum of the test rows' uniqueness.
    #[schemars(range(min = 10.0, max = 100_000_000.0))]
    pub g1_min_effective_rows: f64,
    /// G1: test dates.
    #[schemars(range(min = 20, max = 10_000))]
    pub g1_min_dates: u32,
    /// G1: test rows of each outcome.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub g1_min_rows_per_class: u32,
    /// G1: decisions to buy.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub g1_min_buy_decisions: u32,
    /// G1: decisions to sell.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub g1_min_sell_decisions: u32,
    /// G2: lower bound of three-class log-loss skill must exceed this.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub g2_min_skill: f64,
    /// G2b: lower bound of directional log-loss skill must exceed this.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub g2b_min_skill: f64,
    /// G2b: lower bound of directional AUC must exceed this.
    #[schemars(range(min = 0.5, max = 1.0))]
    pub g2b_min_auc: f64,
    /// G2b: quantile of the circular-shift null that directional AUC must exceed.
    #[schemars(range(min = 0.5, max = 1.0))]
    pub g2b_null_quantile: f64,
    /// G3: lower bound of balanced accuracy must exceed this; chance is 1/3.
    #[schemars(range(min = 0.33, max = 1.0))]
    pub g3_min_balanced_accuracy: f64,
    /// G3: quantile of the circular-shift null that balanced accuracy must exceed.
    #[schemars(range(min = 0.5, max = 1.0))]
    pub g3_null_quantile: f64,
    /// G4: quantile of the circular-shift null that macro-F1 must exceed.
    #[schemars(range(min = 0.5, max = 1.0))]
    pub g4_null_quantile: f64,
    /// G5: lower bound of each side's directional precision over its base rate must exceed this, else the side is muted.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub g5_min_precision_lift: f64,
    /// G6: recall of BUY and of SELL.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub g6_min_recall: f64,
    /// G7: expected calibration error at most, mean over classes.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub g7_max_ece: f64,
    /// G7: bins of equal mass.
    #[schemars(range(min = 2, max = 100))]
    pub g7_bins: u32,
    /// G7: calibration slope at least.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub g7_min_slope: f64,
    /// G7: calibration slope at most.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub g7_max_slope: f64,
    /// G8: rows from which a regime is judged; none may have an upper bound of skill below 0.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub g8_min_rows: u32,
    /// G9: deflated Sharpe ratio, a probability.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub g9_min_deflated_sharpe: f64,
    /// G9: net Sharpe must stay above 0 at this multiple of the costs.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub g9_cost_stress: f64,
    /// G9: deepest fall from a high, share of equity.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub g9_max_drawdown: f64,
    /// G9: trades.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub g9_min_trades: u32,
    /// G9: largest share of the profit that one symbol may have made.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub g9_max_symbol_profit_share: f64,
    /// G9: positions that the backtest holds at once; none is larger than equity over this, so nothing is borrowed.
    #[schemars(range(min = 1, max = 1000))]
    pub g9_max_positions: u32,
    /// G9: share of equity that the backtest loses where a position ends at its stop.
    #[schemars(range(min = 0.0001, max = 0.1))]
    pub g9_risk_per_trade: f64,
    /// G10: lower bound of the paired directional log-loss gain over the champion must exceed this.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub g10_min_gain: f64,
    /// G11 and the nulls of G2b, G3, G4: refits on circularly shifted labels.
    #[schemars(range(min = 5, max = 1000))]
    pub g11_shift_refits: u32,
    /// G11: refits on random walks with clustered volatility.
    #[schemars(range(min = 1, max = 1000))]
    pub g11_walk_refits: u32,
    /// G11 and the nulls of G2b, G3, G4: the base model that is refitted, on all features or windows like those of the run.
    /// Any serves: how wide chance is follows from the rows and not from the size of the net.
    pub g11_model: ModelName,
    /// G11: fewest rows by which labels are shifted, from either end.
    #[schemars(range(min = 50, max = 2000))]
    pub g11_min_shift: u32,
    /// G11: largest share of null refits of either kind, each by itself, that may pass G2b and G9; more block everything.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub g11_max_pass_share: f64,
    /// Balanced accuracy above which a leak is suspected and promotion blocked.
    #[schemars(range(min = 0.34, max = 1.0))]
    pub leak_balanced_accuracy: f64,
    /// Rows from which that suspicion counts.
    #[schemars(range(min = 100, max = 1_000_000))]
    pub leak_min_rows: u32,
    /// Sessions of live paper signals that a model spends as a shadow.
    #[schemars(range(min = 0, max = 504))]
    pub shadow_sessions: u32,
    /// Days after its last training date when a champion stops giving signals.
    #[schemars(range(min = 1, max = 3650))]
    pub expiry_days: u32,
}
