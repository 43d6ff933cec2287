//! G5 and G6: what the decisions are worth, side by side.

use super::check::{Check, percent};
use super::evidence::Pool;
use super::skill::NO_ROWS;
use super::{Gate, GateResult, Status};
use crate::config::strategy::PromotionGates;
use crate::labels::Class;
use crate::train::metrics::Confusion;

/// G5: of each side, directional precision over the side's base rate. A side without a lift gives no signals; if neither
/// has one, both fail.
pub(super) fn precision(pool: &Pool, rule: &PromotionGates) -> [GateResult; 2] {
    let mut sides = [(Gate::PrecisionBuy, Class::Buy), (Gate::PrecisionSell, Class::Sell)].map(|(gate, side)| {
        if pool.is_empty() {
            return GateResult::missing(gate, NO_ROWS);
        }
        let lift = pool.of_decisions(|c| Some(c.directional_precision(side)? - c.directional_base(side)?));
        let counts = Confusion::of(pool.iter().map(|r| (r.class, r.decision, 1.0)));
        let check =
            Check::lower_bound("lift of precision where the outcome is not HOLD", &lift, rule.bound_quantile, rule.g5_min_precision_lift);
        let check = check.aside(counts.precision(side).map(|plain| format!("of all its decisions {} came true", percent(plain))));
        GateResult::of(gate, &[check])
    });
    let passed = sides.iter().any(|s| s.status == Status::Pass);
    for side in sides.iter_mut().filter(|s| passed && s.status == Status::Fail) {
        side.status = Status::Muted;
    }
    sides
}

/// G6: recall of BUY and of SELL.
pub(super) fn recall(pool: &Pool, rule: &PromotionGates) -> GateResult {
    if pool.is_empty() {
        return GateResult::missing(Gate::Recall, NO_ROWS);
    }
    let counts = Confusion::of(pool.iter().map(|r| (r.class, r.decision, 1.0)));
    let check = |side: Class| Check::at_least(&format!("recall of {side}"), counts.recall(side), rule.g6_min_recall);
    GateResult::of(Gate::Recall, &[check(Class::Buy), check(Class::Sell)])
}
