//! G0, G1 and the leak alarm: whether there is something sound to judge at all.

use super::check::Check;
use super::evidence::{Evidence, Integrity, Judged, Pool};
use super::{Gate, GateResult};
use crate::config::strategy::PromotionGates;
use crate::labels::Class;
use crate::train::calibrate::by_lift;
use crate::train::metrics::Confusion;

/// Most that probabilities may add up to beside 1.
const SUM_TOLERANCE: f64 = 1e-6;

/// G0: no open critical finding, no missing value, the features in force, training that ended before each test, and a
/// logged seed and trial count.
pub(super) fn integrity(evidence: &Evidence) -> GateResult {
    let Some(found) = &evidence.integrity else {
        return GateResult::missing(Gate::Integrity, "nothing was recorded of the data, the features and the purge");
    };
    let trials = evidence.trials.as_ref().map_or(0, Vec::len);
    let mut checks = vec![
        Check::fact(
            !found.snapshot.is_empty(),
            if found.snapshot.is_empty() { "no data snapshot is named" } else { "the data snapshot is named" },
        ),
        Check::fact(found.open_critical == 0, format!("{} critical data-quality findings are open", found.open_critical)),
        Check::fact(found.missing_values == 0, format!("{} feature values are no numbers", found.missing_values)),
    ];
    let unsound = evidence.rows.iter().filter(|r| !is_sound(r)).count();
    checks.push(Check::fact(unsound == 0, format!("{unsound} rows hold something that is no probability")));
    let [learnt, in_force] = &found.feature_hash;
    let same = !learnt.is_empty() && learnt == in_force;
    let words = if same {
        "the features are those it learnt with".to_owned()
    } else {
        format!("it learnt with features {learnt:?}, in force are {in_force:?}")
    };
    checks.push(Check::fact(same, words));
    checks.push(purge(found));
    checks.push(Check::fact(found.seed.is_some(), if found.seed.is_some() { "the seed is logged" } else { "no seed is logged" }));
    checks.push(Check::fact(trials > 0, format!("{trials} trials are logged")));
    GateResult::of(Gate::Integrity, &checks)
}

fn purge(found: &Integrity) -> Check {
    match found.purge.iter().find(|p| !p.holds()) {
        _ if found.purge.is_empty() => Check::fact(false, "there is no proof that training ended before the tests"),
        Some(bad) => {
            let shown = |gap: Option<usize>| gap.map_or("an unknown number of".to_owned(), |n| n.to_string());
            let (first, embargo, learnt) = (bad.first, bad.embargo, shown(bad.between));
            let held = bad.before_holdout.map(|n| format!(", and {n} between its last label and the hold-out")).unwrap_or_default();
            let words =
                format!("of the test from {first} on, {learnt} sessions lie between the last training label and the first test{held}");
            Check::fact(false, format!("{words} ({embargo} are demanded)"))
        }
        None => Check::fact(true, format!("training ended before each of {} tests", found.purge.len())),
    }
}

fn is_sound(row: &Judged) -> bool {
    let adds_up = |p: &[f64; 3]| (p.iter().sum::<f64>() - 1.0).abs() < SUM_TOLERANCE && p.iter().all(|v| (0.0..=1.0).contains(v));
    adds_up(&row.p) && adds_up(&row.prior) && row.uniqueness > 0.0 && row.uniqueness <= 1.0 + SUM_TOLERANCE
}

/// G1: rows, effective rows, dates, rows of each outcome, decisions of each side.
pub(super) fn size(pool: &Pool, rule: &PromotionGates) -> GateResult {
    if pool.is_empty() {
        return GateResult::missing(Gate::Size, super::skill::NO_ROWS);
    }
    let count = |of: &dyn Fn(&Judged) -> bool| Some(pool.iter().filter(|r| of(r)).count() as f64);
    let scarcest = Class::ALL.iter().filter_map(|k| count(&|r| r.class == *k)).reduce(f64::min);
    let checks = [
        Check::at_least("number of test rows", Some(pool.len() as f64), rule.g1_min_rows.into()),
        Check::at_least("number of independent rows", Some(pool.iter().map(|r| r.uniqueness).sum()), rule.g1_min_effective_rows),
        Check::at_least("number of dates", Some(pool.by_date.dates() as f64), rule.g1_min_dates.into()),
        Check::at_least("number of rows of the rarest outcome", scarcest, rule.g1_min_rows_per_class.into()),
        Check::at_least("number of BUY decisions", count(&|r| r.decision == Class::Buy), rule.g1_min_buy_decisions.into()),
        Check::at_least("number of SELL decisions", count(&|r| r.decision == Class::Sell), rule.g1_min_sell_decisions.into()),
    ];
    GateResult::of(Gate::Size, &checks)
}

/// Balanced accuracy that no honest model of daily prices reaches. It is taken of the decisions and of what they would be
/// without a minimum edge, whichever is better, so that a cautious edge cannot hide a leak.
pub(super) fn leak_alarm(pool: &Pool, rule: &PromotionGates) -> GateResult {
    if pool.is_empty() {
        return GateResult::missing(Gate::LeakAlarm, super::skill::NO_ROWS);
    }
    if pool.len() < rule.leak_min_rows as usize {
        let few = format!("{} rows are too few to suspect a leak by; {} are needed", pool.len(), rule.leak_min_rows);
        return GateResult::missing(Gate::LeakAlarm, &few);
    }
    let reached = |decide: &dyn Fn(&Judged) -> Class| Confusion::of(pool.iter().map(|r| (r.class, decide(r), 1.0))).balanced_accuracy();
    let best = reached(&|r| r.decision).zip(reached(&|r| by_lift(&r.p, &r.prior, 0.0))).map(|(a, b)| a.max(b));
    GateResult::of(Gate::LeakAlarm, &[Check::at_most("balanced accuracy with or without an edge", best, rule.leak_balanced_accuracy)])
}
