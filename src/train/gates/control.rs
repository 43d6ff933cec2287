//! G11: whether the pipeline that made the candidate finds signals where none are.

use super::check::{Check, percent};
use super::evidence::{NullKind, NullRun, enough};
use super::{Gate, GateResult};
use crate::config::strategy::PromotionGates;
use crate::train::metrics::quantile;
use crate::train::sharpe::variance;

/// Standard errors that the middle of the nulls may lie above 1/2.
const ERRORS: f64 = 3.0;

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

/// The middle AUC of the refits on shifted labels against 1/2. A leak that survives the shift lifts all of them alike, and by
/// their share alone it would not show: each is held against the others. The standard error is that of a median of normal
/// values, 1.2533 deviations over the root of their number.
fn middle(runs: &[&NullRun]) -> Check {
    let mut reached: Vec<f64> = runs.iter().filter_map(|n| n.auc).filter(|v| v.is_finite()).collect();
    reached.sort_unstable_by(f64::total_cmp);
    let most = 0.5 + ERRORS * 1.2533 * (variance(&reached) / reached.len().max(1) as f64).sqrt();
    let name = format!("middle AUC of BUY against SELL on shifted labels, within {ERRORS} standard errors of 1/2,");
    Check::at_most(&name, quantile(&reached, 0.5), most)
}

fn share_passed(kind: NullKind, runs: &[&NullRun], rule: &PromotionGates) -> Check {
    let passed = runs.iter().filter(|n| n.passed).count();
    let share = passed as f64 / runs.len() as f64;
    let name = format!("share of refits {} that would have been promoted ({passed} of {}, {})", kind.words(), runs.len(), percent(share));
    Check::at_most(&name, Some(share), rule.g11_max_pass_share)
}
