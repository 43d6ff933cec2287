//! G2, G2b, G3, G4: whether the model knows anything, and whether that is direction.

use super::check::{Check, figure};
use super::evidence::{NullRun, Pool, shift_nulls};
use super::{Gate, GateResult};
use crate::config::strategy::PromotionGates;
use crate::train::bootstrap::Estimate;
use crate::train::metrics::{Confusion, quantile};

pub(super) const NO_ROWS: &str = "there are no out-of-fold predictions";

/// G2: three-class log-loss skill over the prior. Volatility alone can pass it, which the sentence shows as HOLD's AUC.
pub(super) fn skill(pool: &Pool, rule: &PromotionGates) -> GateResult {
    if pool.is_empty() {
        return GateResult::missing(Gate::Skill, NO_ROWS);
    }
    let check = Check::lower_bound("log-loss skill", &pool.skill(|_| true), rule.bound_quantile, rule.g2_min_skill);
    let timing = |hold| format!("AUC of HOLD, which is timing of volatility and not direction, is {}", figure(hold));
    GateResult::of(Gate::Skill, &[check.aside(pool.hold_auc().map(timing))])
}

/// G2b: on rows that ended in BUY or SELL, skill and AUC by their lower bounds, and AUC against the null.
pub(super) fn direction(pool: &Pool, nulls: Option<&[NullRun]>, rule: &PromotionGates) -> GateResult {
    if pool.is_empty() {
        return GateResult::missing(Gate::Direction, NO_ROWS);
    }
    let auc = pool.directional_auc();
    let checks = [
        Check::lower_bound("AUC of BUY against SELL", &auc, rule.bound_quantile, rule.g2b_min_auc),
        Check::lower_bound("directional log-loss skill", &pool.directional_skill(), rule.bound_quantile, rule.g2b_min_skill),
        against_null("AUC of BUY against SELL", auc.value, nulls, rule, rule.g2b_null_quantile, |n| n.auc),
    ];
    GateResult::of(Gate::Direction, &checks)
}

/// G3: balanced accuracy by its lower bound against chance, and against the null.
pub(super) fn balanced_accuracy(pool: &Pool, nulls: Option<&[NullRun]>, rule: &PromotionGates) -> GateResult {
    if pool.is_empty() {
        return GateResult::missing(Gate::BalancedAccuracy, NO_ROWS);
    }
    let reached: Estimate = pool.of_decisions(Confusion::balanced_accuracy);
    let checks = [
        Check::lower_bound("balanced accuracy", &reached, rule.bound_quantile, rule.g3_min_balanced_accuracy),
        against_null("balanced accuracy", reached.value, nulls, rule, rule.g3_null_quantile, |n| n.balanced_accuracy),
    ];
    GateResult::of(Gate::BalancedAccuracy, &checks)
}

/// G4: macro-F1 against the null.
pub(super) fn macro_f1(pool: &Pool, nulls: Option<&[NullRun]>, rule: &PromotionGates) -> GateResult {
    if pool.is_empty() {
        return GateResult::missing(Gate::MacroF1, NO_ROWS);
    }
    let reached = Confusion::of(pool.iter().map(|r| (r.class, r.decision, 1.0))).macro_f1();
    GateResult::of(Gate::MacroF1, &[against_null("macro-F1", reached, nulls, rule, rule.g4_null_quantile, |n| n.macro_f1)])
}

/// A figure exceeds a quantile of what refits on shifted labels reach. A fixed threshold would pass noise: overlapping
/// labels make chance wide.
fn against_null(
    name: &str,
    value: Option<f64>,
    nulls: Option<&[NullRun]>,
    rule: &PromotionGates,
    q: f64,
    of: impl Fn(&NullRun) -> Option<f64>,
) -> Check {
    let reached = shift_nulls(nulls, rule).and_then(|runs| {
        let all: Option<Vec<f64>> = runs.into_iter().map(&of).collect();
        all.filter(|v| v.iter().all(|x| x.is_finite())).ok_or_else(|| format!("{name} of a refit on shifted labels is unknown"))
    });
    match reached {
        Err(missing) => Check { value, ..Check::fact(false, format!("what {name} reaches by chance is unknown: {missing}")) },
        Ok(mut values) => {
            values.sort_unstable_by(f64::total_cmp);
            let chance = quantile(&values, q).unwrap_or(f64::INFINITY);
            Check::above(
                &format!("{name}, which on shifted labels stays below {} in {} of cases,", figure(chance), super::check::percent(q)),
                value,
                chance,
            )
        }
    }
}
