//! G10: whether a candidate is better than the model in service, on the same rows.

use super::check::{Check, percent};
use super::evidence::{Incumbent, Pool};
use super::skill::NO_ROWS;
use super::{Gate, GateResult, Status};
use crate::config::strategy::PromotionGates;
use crate::train::metrics::direction::directional_surprise;
use crate::train::metrics::{Probabilities, surprise};

/// G10: the lower bound of the directional log loss saved against the champion, and no significant loss in three classes.
pub(super) fn champion(pool: &Pool, incumbent: Option<&Incumbent>, rule: &PromotionGates) -> GateResult {
    let theirs = match incumbent {
        None => return GateResult::missing(Gate::Champion, "nobody looked whether there is a champion"),
        Some(Incumbent::Vacant) => {
            let sentence = "There is no champion to compare with.".to_owned();
            let gate = Gate::Champion;
            return GateResult { gate, status: Status::NotApplicable, value: None, bound: None, threshold: None, sentence };
        }
        Some(Incumbent::Answers(_)) if pool.is_empty() => return GateResult::missing(Gate::Champion, NO_ROWS),
        Some(Incumbent::Answers(answers)) if answers.len() != pool.len() => {
            let what = format!("the champion answered {} of {} rows", answers.len(), pool.len());
            return GateResult::missing(Gate::Champion, &what);
        }
        Some(Incumbent::Answers(answers)) => answers,
    };
    GateResult::of(Gate::Champion, &compared(pool, theirs, rule))
}

fn compared(pool: &Pool, theirs: &[Probabilities], rule: &PromotionGates) -> [Check; 2] {
    let both = || pool.iter().zip(theirs).enumerate();
    let mean = |[saved, rows]: &[f64; 2]| (*rows > 0.0).then(|| saved / rows);
    let directional =
        both().filter_map(|(i, (r, q))| Some((i, [directional_surprise(r.class, q)? - directional_surprise(r.class, &r.p)?, 1.0])));
    let direction = pool.by_date.of_sums(directional, mean);
    let all = pool.by_date.of_sums(both().map(|(i, (r, q))| (i, [surprise(r.class, q) - surprise(r.class, &r.p), 1.0])), mean);
    let gain = Check::lower_bound("directional log loss saved a row", &direction, rule.bound_quantile, rule.g10_min_gain);
    let gain = gain.aside(direction.share_above(0.0).map(|better| format!("it is better with a chance of {}", percent(better))));
    [gain, Check::upper_bound("three-class log loss saved a row", &all, rule.bound_quantile, 0.0)]
}
