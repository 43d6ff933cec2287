//! Levels, the verdicts of a night, the mix of decisions.

use chrono::NaiveDate;
use proptest::prelude::*;

use super::{day, near, persistent, rule};
use crate::config::strategy::{DriftDetection, DriftMode};
use crate::drift::*;
use crate::labels::Class;
use crate::random::Stream;
use crate::train::bootstrap::Resampling;
use crate::train::normal;

fn measured(number: usize, psi: f64, p: f64) -> Measured {
    let shift = Shift { rows: 600, psi, kl: psi / 2.0, z: Some(-normal::quantile(p)), p: Some(p) };
    Measured { subject: format!("x{number}"), family: Family::Features, shift, ks: None, uncalibrated: None }
}

#[test]
fn levels_are_those_of_the_rules() {
    let levels = |psi, kl, p| Levels::of(psi, kl, Some(KolmogorovSmirnov { distance: 0.1, p }), &rule());
    assert_eq!(levels(0.099, 0.149, 0.05), Levels { psi: Level::Fine, kl: Level::Fine, ks: Some(Level::Fine) });
    assert_eq!(levels(0.1, 0.15, 0.049), Levels { psi: Level::Shifting, kl: Level::Drifted, ks: Some(Level::Shifting) });
    assert_eq!((levels(0.2, 0.0, 1.0).worst(), levels(0.1, 0.0, 1.0).worst()), (Level::Drifted, Level::Shifting));
    assert_eq!((levels(0.0, 0.0, 0.001).worst(), Level::Drifted.to_string()), (Level::Shifting, "drifted".to_owned()));
}

#[test]
fn a_feature_has_drifted_if_it_is_rejected_among_all_and_far_enough() {
    let mut all: Vec<Measured> = (0..20).map(|i| measured(i, 0.05, 0.5)).collect();
    all[0] = measured(0, 0.3, 1e-6);
    all[1] = measured(1, 0.09, 1e-6);
    all[2] = measured(2, 0.3, 0.04);
    all[3].shift.rows = 499;
    all[4].uncalibrated = Some(Uncalibrated::OneWindow);
    all[4].shift.p = None;
    let night = judge(&all, &rule());
    let verdicts: Vec<Judgement> = night.subjects.iter().take(6).map(|s| s.verdict).collect();
    let few = Judgement::Insufficient { rows: 499, needed: 500 };
    let uncalibrated = Judgement::Uncalibrated(Uncalibrated::OneWindow);
    assert_eq!(verdicts, [Judgement::Drifted, Judgement::Warning, Judgement::Warning, few, uncalibrated, Judgement::Stable]);
    assert!(night.subjects[3].figures.is_none() && night.subjects[4].figures.is_some());
    assert_eq!((night.features, night.drifted, night.dataset), (18, 1, DatasetVerdict::Stable));
    // Two of 18 tests at 1e-6: the smaller p's adjusted value is 18 / 2 times as large.
    near(night.subjects[0].figures.unwrap().adjusted.unwrap(), 9e-6, 12);
    assert!(Uncalibrated::OneWindow.to_string().contains("one window"));
}

#[test]
fn the_data_set_follows_from_the_share_of_features() {
    use DatasetVerdict::{Critical, Insufficient, Stable, Warning};
    let of = |drifted: usize| {
        let all: Vec<Measured> = (0..20).map(|i| if i < drifted { measured(i, 0.5, 1e-9) } else { measured(i, 0.05, 0.5) }).collect();
        judge(&all, &rule()).dataset
    };
    assert_eq!([0, 1, 2, 5, 6, 20].map(of), [Stable, Stable, Warning, Warning, Critical, Critical]);
    // What a model says is no feature.
    let answer = Measured { family: Family::Answers, ..measured(0, 0.5, 1e-9) };
    let night = judge(&[answer], &rule());
    assert_eq!((night.dataset, night.subjects[0].verdict, night.share()), (Insufficient, Judgement::Drifted, None));
}

#[test]
fn by_levels_the_thresholds_alarm_and_no_calibration_is_asked_for() {
    let rule = DriftDetection { mode: DriftMode::Levels, ..rule() };
    let mut all = [measured(0, 0.25, 0.9), measured(1, 0.15, 0.9), measured(2, 0.05, 1e-9)];
    all[0].uncalibrated = Some(Uncalibrated::NoWindow);
    let verdicts: Vec<Judgement> = judge(&all, &rule).subjects.iter().map(|s| s.verdict).collect();
    assert_eq!(verdicts, [Judgement::Drifted, Judgement::Warning, Judgement::Stable]);
}

#[test]
fn a_baseline_says_why_it_cannot_judge() {
    let of = |sessions: usize, constant: bool| {
        let (dates, values) = persistent(sessions, 3, 0.5, 1);
        let column = |_| if constant { vec![2.0; values.len()] } else { values.clone() };
        Uncalibrated::of(&of_columns(&dates, &["x".to_owned()], column, &rule())[0].baseline)
    };
    let found = [of(63, false), of(64, false), of(84, false), of(300, true)];
    assert_eq!(found, [Some(Uncalibrated::NoWindow), Some(Uncalibrated::OneWindow), None, Some(Uncalibrated::NoSpread)]);

    // Ranks within a session are spread alike in every window; a few rows more or less are no usual distance.
    let (mut dates, mut ranks) = (Vec::new(), Vec::new());
    for session in 0..300 {
        let rows = 40 + session % 3;
        dates.extend(vec![day(session); rows]);
        ranks.extend((0..rows).map(|rank| rank as f64 / rows as f64));
    }
    let rank = of_columns(&dates, &["x".to_owned()], |_| ranks.clone(), &rule());
    assert_eq!(Uncalibrated::of(&rank[0].baseline), Some(Uncalibrated::NoSpread));
}

/// Two decisions a session, each with a chance of `buy` for BUY; the other share goes to HOLD and SELL alike. A session's
/// decisions agree.
fn decided(sessions: usize, buy: f64, seed: u64) -> Vec<(NaiveDate, Class)> {
    let mut stream = Stream::new(&[seed]);
    let class = |u: f64| if u < buy { Class::Buy } else { [Class::Hold, Class::Sell][usize::from(u > f64::midpoint(1.0, buy))] };
    (0..sessions).flat_map(|s| [(day(s), class(stream.uniform())); 2]).collect()
}

#[test]
fn a_mix_is_judged_by_what_validation_drew() {
    let resampling = Resampling { block: 10, draws: 400, seed: 1 };
    let reference = decided(800, 0.3, 1);
    let p = |buy: f64, seed: u64| compare_mix(&reference, &decided(63, buy, seed), 0.5, resampling).unwrap().shift.p.unwrap();
    let false_alarms = (10..60).filter(|seed| p(0.3, *seed) < 0.05).count();
    assert!(false_alarms <= 7, "{false_alarms} of 50");
    assert!(p(0.7, 5) < 0.01 && p(0.0, 5) < 0.01);
    // Each decision comes twice, so that the chi-square law, at 2 degrees of freedom, is far too sure.
    let naive = |seed| (-compare_mix(&reference, &decided(63, 0.3, seed), 0.5, resampling).unwrap().chi_square / 2.0).exp();
    assert!((10..60).filter(|seed| naive(*seed) < 0.05).count() > false_alarms);
    assert_eq!(compare_mix(&reference, &[], 0.5, resampling), None);
    assert_eq!(compare_mix(&[], &reference, 0.5, resampling), None);
    let same = compare_mix(&reference, &reference, 0.5, resampling).unwrap();
    assert!(same.shift.psi == 0.0 && same.chi_square < 0.01 && same.shift.p == Some(1.0), "{same:?}");
}

proptest! {
    #[test]
    fn no_verdict_depends_on_the_order_of_features(ps in prop::collection::vec((1e-9..1.0_f64, 0.0..0.5_f64), 1..40)) {
        let all: Vec<Measured> = ps.iter().enumerate().map(|(i, (p, psi))| measured(i, *psi, *p)).collect();
        let reversed: Vec<Measured> = all.iter().rev().cloned().collect();
        let (night, mut back) = (judge(&all, &rule()), judge(&reversed, &rule()));
        back.subjects.reverse();
        prop_assert_eq!(&night, &back);
        let small = all.iter().all(|m| m.shift.p.unwrap() > 0.05);
        prop_assert!(!small || night.drifted == 0);
    }
}
