//! Whether a training run's pipeline tells a signal from none: planted drift is found and promoted, random walks are not,
//! although their three-class skill is positive, and a feature that knows tomorrow is found out. Small models, whole pipeline.

mod trial;

use nightdesk::train::gates::{Gate, Status, Verdict};
use nightdesk::train::nulls::Walk;
use trial::{Features, Trial};

#[test]
fn a_planted_drift_is_promoted() {
    let report = Trial::new(Walk::planted(), 11).run(Features::Real);
    println!("{}", trial::words(&report));
    assert_eq!(report.verdict, Verdict::Promote);
}

#[test]
fn random_walks_are_not_promoted_although_hold_can_be_foretold() {
    let report = Trial::new(Walk::default(), 12).run(Features::Real);
    println!("{}", trial::words(&report));
    let of = |gate: Gate| report.results.iter().find(|g| g.gate == gate).unwrap();
    assert!(matches!(report.verdict, Verdict::Reject { .. }));
    assert_eq!(of(Gate::Direction).status, Status::Fail);
    assert_eq!(of(Gate::Skill).status, Status::Pass, "volatility clusters, so HOLD can be foretold");
}

#[test]
fn tomorrows_return_as_a_feature_is_found_out() {
    let report = Trial::new(Walk::default(), 13).run(Features::KnowTomorrow);
    println!("{}", trial::words(&report));
    let of = |gate: Gate| report.results.iter().find(|g| g.gate == gate).unwrap();
    assert!(matches!(report.verdict, Verdict::Reject { .. }));
    assert_eq!(of(Gate::NullControl).status, Status::Fail, "what finds direction in random walks leaks");
}

#[test]
fn scratch() {
    for seed in 11..16 {
        let report = Trial::new(Walk::planted(), seed).run(Features::Real);
        println!("{}", trial::words(&report));
    }
}
