use super::super::kept::KeptRow;
use super::*;
use crate::config::strategy::StrategySettings;
use crate::market::{Regime, Strategy};
use crate::store::model::Sample;

fn day(n: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 1, 1).unwrap() + chrono::Days::new(n)
}

fn sessions() -> Vec<NaiveDate> {
    (0..1_000).map(day).collect()
}

fn rule() -> ErrorReplay {
    StrategySettings::shipped(Strategy::Turbomode).unwrap().error_replay_buffer
}

fn error(at: u64, confidence: f64, model: &str) -> ReplayError {
    let sample = Sample {
        symbol: Symbol::new("A").unwrap(),
        date: day(at),
        label_end: day(at + 3),
        matured: day(at + 7),
        class: 0,
        regime: "normal".into(),
        features: vec![0.5; 179],
        definition: "now".into(),
        rules: "now".into(),
    };
    ReplayError { sample, predicted: 2, confidence, model: model.into(), added_at: 0 }
}

fn kept(at: u64, strength: f64) -> Kept {
    let row = KeptRow {
        symbol: Symbol::new("A").unwrap(),
        date: day(at),
        matured: day(at + 7),
        class: Class::Sell,
        regime: Regime::Normal,
        features: vec![0.5],
    };
    Kept { row, strength }
}

#[test]
fn errors_are_told_apart() {
    use Class::{Buy, Hold, Sell};
    use PredictionError::{FalseBuy, FalseSell, MissedBuy, MissedSell};
    let table = [(Buy, Sell, FalseBuy), (Buy, Hold, FalseBuy), (Sell, Hold, FalseSell), (Hold, Buy, MissedBuy), (Hold, Sell, MissedSell)];
    for (predicted, came, want) in table {
        assert_eq!(error_of(predicted, came), Some(want));
    }
    assert!(Class::ALL.iter().all(|c| error_of(*c, *c).is_none()));
}

#[test]
fn only_confident_errors_of_the_named_kinds_are_replayed() {
    let rule = rule();
    let p = [0.2, 0.3, 0.5];
    assert_eq!(is_replayed(Class::Buy, &p, Class::Hold, &rule), Some(0.5));
    assert_eq!(is_replayed(Class::Buy, &p, Class::Buy, &rule), None, "it was right");
    assert_eq!(is_replayed(Class::Sell, &p, Class::Buy, &rule), None, "it was not sure");
    assert_eq!(is_replayed(Class::Hold, &[0.2, 0.6, 0.2], Class::Buy, &rule), None, "missed ones are not named");
    assert_eq!(is_replayed(Class::Buy, &p, Class::Hold, &ErrorReplay { enabled: false, ..rule }), None);
}

#[test]
fn the_buffer_keeps_the_most_confident() {
    let rule = ErrorReplay { max_rows: 3, ..rule() };
    let stored = [error(400, 0.9, "old"), error(900, 0.5, "old"), error(910, 0.6, "old")];
    let found = [error(910, 0.55, "new"), error(920, 0.7, "new")];
    let change = update(&stored, &found, &rule);
    let gone: Vec<NaiveDate> = change.gone.iter().map(|(_, date)| *date).collect();
    assert_eq!(gone, [day(900)], "the least confident of four; age is asked for by each fold");
    assert_eq!(change.taken.iter().map(|e| (e.sample.date, e.confidence)).collect::<Vec<_>>(), [(day(910), 0.55), (day(920), 0.7)]);
    let kept = [&stored[..1], &change.taken].concat();
    assert_eq!(update(&kept, &found, &rule), Change::default());
}

#[test]
fn buffered_rows_are_made_anew_from_todays_data() {
    let stored = [error(100, 0.9, "m"), error(400, 0.8, "m"), error(500, 0.7, "m"), error(600, 0.6, "m"), error(700, 0.6, "m")];
    let dates: Vec<NaiveDate> = (300..900).map(day).collect();
    let fresh = Fresh::new([(Symbol::new("A").unwrap(), &dates[..])]);
    let revised = Sample { features: vec![0.7; 179], rules: "later".into(), ..stored[1].sample.clone() };
    let right = Sample { class: stored[2].predicted, ..stored[2].sample.clone() };
    let change = refresh(&stored, &[revised.clone(), right, stored[3].sample.clone()], &fresh, &rule());
    assert_eq!(change.taken, [ReplayError { sample: revised, ..stored[1].clone() }]);
    let gone: Vec<NaiveDate> = change.gone.iter().map(|(_, date)| *date).collect();
    assert_eq!(gone, [day(500), day(700)], "what was predicted came after all; no such row is there any more");
    assert_eq!(refresh(&stored, &[], &fresh, &ErrorReplay { enabled: false, ..rule() }), Change::default());
}

#[test]
fn a_fold_gets_what_it_may_know_and_fresh_errors_weigh_more() {
    let (rule, axis) = (rule(), sessions());
    let buffered = [kept(500, 0.5), kept(626, 0.9), kept(640, 0.99), kept(180, 0.6), kept(100, 0.95)];
    let mixed =
        |bound, rows, rule: &ErrorReplay| mixed_in(&buffered, &Present { bound: day(bound), rows, sessions: &axis }, rule, |_| true);
    let at = |mixed: &[(usize, f64)]| mixed.iter().map(|m| m.0).collect::<Vec<_>>();
    let of = mixed(640, 100, &rule);
    assert_eq!(at(&of), [1, 3, 0], "that of 640 matures after the bound, that of 100 is 539 sessions old");
    // 139 sessions before 639, with a half-life of 126.
    assert!((of[2].1 - 1.5 * 0.5_f64.powf(139.0 / 126.0)).abs() < 1e-12, "{of:?}");
    assert_eq!(at(&mixed(120, 100, &rule)), [4], "an early fold has what was young for it");
    assert_eq!(mixed(640, 40, &rule).len(), 2, "5 % of 40");
    assert!(mixed(640, 40, &ErrorReplay { enabled: false, ..rule }).is_empty());
}
