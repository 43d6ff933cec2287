//! G11: whether the pipeline that made the candidate finds signals where none are.

use super::check::{Check, percent};
use super::evidence::{NullKind, NullRun, enough};
use super::{Gate, GateResult};
use crate::config::strategy::PromotionGates;

/// G11: of the run's own refits on shifted labels, and of those on random walks, at most a small share passes G2b and G9.
/// Each kind by itself: a feature that knows tomorrow still fails on shifted labels and gives itself away on the few walks.
pub(super) fn null_control(nulls: Option<&[NullRun]>, rule: &PromotionGates) -> GateResult {
    let kinds = [(NullKind::CircularShift, rule.g11_shift_refits), (NullKind::RandomWalk, rule.g11_walk_refits)];
    let checks: Result<Vec<Check>, String> =
        kinds.into_iter().map(|(kind, wanted)| Ok(share_passed(kind, &enough(nulls, kind, wanted)?, rule))).collect();
    match checks {
        Ok(checks) => GateResult::of(Gate::NullControl, &checks),
        Err(missing) => GateResult::missing(Gate::NullControl, &missing),
    }
}

fn share_passed(kind: NullKind, runs: &[&NullRun], rule: &PromotionGates) -> Check {
    let passed = runs.iter().filter(|n| n.passed).count();
    let share = passed as f64 / runs.len() as f64;
    let name = format!("share of refits {} that would have been promoted ({passed} of {}, {})", kind.words(), runs.len(), percent(share));
    Check::at_most(&name, Some(share), rule.g11_max_pass_share)
}
