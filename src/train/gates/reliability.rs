//! G7 and G8: whether probabilities can be relied on, overall and in each regime.

use super::check::Check;
use super::evidence::Pool;
use super::skill::NO_ROWS;
use super::{Gate, GateResult};
use crate::config::strategy::PromotionGates;
use crate::market::Regime;
use crate::train::metrics::{calibration_slope, ece_equal_mass};

/// G7: expected calibration error in bins of equal mass, mean over classes, and calibration slope.
pub(super) fn calibration(pool: &Pool, rule: &PromotionGates) -> GateResult {
    if pool.is_empty() {
        return GateResult::missing(Gate::Calibration, NO_ROWS);
    }
    let rows = pool.answers();
    let slope = calibration_slope(&rows);
    let checks = [
        Check::at_most("mean distance of probabilities from frequencies", ece_equal_mass(&rows, rule.g7_bins as usize), rule.g7_max_ece),
        Check::at_least("calibration slope", slope, rule.g7_min_slope),
        Check::at_most("calibration slope", slope, rule.g7_max_slope),
    ];
    GateResult::of(Gate::Calibration, &checks)
}

/// G8: in no regime with enough rows is skill significantly below 0.
pub(super) fn regimes(pool: &Pool, rule: &PromotionGates) -> GateResult {
    let judged = Regime::ALL.into_iter().filter(|regime| {
        let rows = pool.iter().filter(|r| r.regime == *regime).count();
        rows >= rule.g8_min_rows as usize
    });
    let checks: Vec<Check> = judged
        .map(|regime| {
            let name = format!("skill in the regime {regime}");
            Check::upper_bound(&name, &pool.skill(|r| r.regime == regime), rule.bound_quantile, 0.0)
        })
        .collect();
    if checks.is_empty() {
        return GateResult::missing(Gate::Regimes, &format!("no regime has {} rows", rule.g8_min_rows));
    }
    GateResult::of(Gate::Regimes, &checks)
}
