//! G11: whether the pipeline that made the candidate finds signals where none are.

use super::check::{Check, percent};
use super::evidence::{NullKind, NullRun, enough};
use super::{Gate, GateResult};
use crate::config::strategy::PromotionGates;
use crate::train::metrics::quantile;

/// Largest middle AUC of refits on shifted labels. Above 1/2 it may be: a shift within each symbol keeps how often that symbol
/// rose, and features know symbols apart; drifts that differ by an annual Sharpe ratio of 0.3 explain 0.51 to 0.53.
const MIDDLE: f64 = 0.55;

/// G11: of the run's own refits on shifted labels, and of those on random walks, at most a small share passes G2b and G9.
/// Each kind by itself: a feature that knows tomorrow still fails on shifted labels and gives itself away on the few walks.
pub(super) fn null_control(nulls: Option<&[NullRun]>, rule: &PromotionGates) -> GateResult {
    let kinds = [(NullKind::CircularShift, rule.g11_shift_refits), (NullKind::RandomWalk, rule.g11_walk_refits)];
    let checks: Result<Vec<Check>, String> =
        kinds.into_iter().map(|(kind, wanted)| Ok(share_passed(kind, &enough(nulls, kind, wanted)?, rule))).collect();
    match checks {
        Ok(mut checks) => {
            checks.push(middle(&enough(nulls, NullKind::CircularShift, 0).unwrap_or_default()));
            GateResult::of(Gate::NullControl, &checks)
        }
        Err(missing) => GateResult::missing(Gate::NullControl, &missing),
    }
}

/// The middle AUC of the refits on shifted labels. A leak that survives the shift lifts all of them alike, and by their share
/// alone it would not show: each is held against the others.
fn middle(runs: &[&NullRun]) -> Check {
    let mut reached: Vec<f64> = runs.iter().filter_map(|n| n.auc).filter(|v| v.is_finite()).collect();
    reached.sort_unstable_by(f64::total_cmp);
    Check::at_most("middle AUC of BUY against SELL on shifted labels", quantile(&reached, 0.5), MIDDLE)
}

fn share_passed(kind: NullKind, runs: &[&NullRun], rule: &PromotionGates) -> Check {
    let passed = runs.iter().filter(|n| n.passed).count();
    let share = passed as f64 / runs.len() as f64;
    let name = format!("share of refits {} that would have been promoted ({passed} of {}, {})", kind.words(), runs.len(), percent(share));
    Check::at_most(&name, Some(share), rule.g11_max_pass_share)
}
