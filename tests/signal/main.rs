//! Whether a training run's pipeline tells a signal from none: planted drift is found and promoted, random walks are not,
//! although their three-class skill is positive, and a feature that knows tomorrow is found out. Small models, whole pipeline.
#![cfg(test)]

mod house;
mod nights;
mod promotion;
mod shown;
mod trial;

use nightdesk::train::gates::{Gate, Report, Status, Verdict};
use nightdesk::train::nulls::Walk;
use trial::{Features, Trial};

fn status(report: &Report, gate: Gate) -> Status {
    report.results.iter().find(|g| g.gate == gate).unwrap().status
}

#[test]
fn a_planted_drift_is_promoted() {
    let report = Trial::new(Walk::planted(), 15).run(Features::Real);
    assert_eq!(report.verdict, Verdict::Promote, "{}", trial::words(&report));
}

#[test]
fn random_walks_are_not_promoted_although_hold_can_be_foretold() {
    let report = Trial::new(Walk::default(), 12).run(Features::Real);
    let words = trial::words(&report);
    assert!(matches!(report.verdict, Verdict::Reject { .. }), "{words}");
    assert_eq!(status(&report, Gate::Direction), Status::Fail, "{words}");
    assert_eq!(status(&report, Gate::Skill), Status::Pass, "volatility clusters, so HOLD can be foretold: {words}");
}

#[test]
fn tomorrows_return_as_a_feature_is_found_out() {
    let report = Trial::new(Walk::default(), 13).run(Features::KnowTomorrow);
    let words = trial::words(&report);
    assert!(matches!(report.verdict, Verdict::Reject { .. }), "{words}");
    assert_eq!(status(&report, Gate::NullControl), Status::Fail, "what finds direction in random walks leaks: {words}");
}
