use super::*;
use crate::config::strategy::StrategySettings;
use crate::market::Strategy;
use crate::store::model::Sample;

fn day(n: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 1, 1).unwrap() + chrono::Days::new(n)
}

fn sessions() -> Vec<NaiveDate> {
    (0..1_000).map(day).collect()
}

fn event(ticker: &str, at: u64, magnitude: f64) -> RareEvent {
    let sample = Sample {
        symbol: Symbol::new(ticker).unwrap(),
        date: day(at),
        label_end: day(at + 7),
        class: 0,
        regime: "crash".into(),
        features: vec![magnitude; 179],
        definition: "now".into(),
    };
    RareEvent { sample, kind: "crash".into(), magnitude, archived_at: 0 }
}

fn rules() -> (RareEventArchive, ArchiveUpdates) {
    let s = StrategySettings::shipped(Strategy::Turbomode).unwrap();
    (s.rare_event_archive, s.dynamic_archive_updates)
}

fn names(events: &[RareEvent]) -> Vec<(String, NaiveDate)> {
    events.iter().map(|e| (e.sample.symbol.to_string(), e.sample.date)).collect()
}

#[test]
fn a_row_is_rare_by_its_regime_or_its_move() {
    let (rule, _) = rules();
    let day = |z, day_z| Measures { z, day_z, drawdown: 0.0, rank: 0.5, expected: 0.1 };
    assert_eq!(rarity(Regime::Normal, &day(-1.0, 4.9), &rule), None);
    assert_eq!(rarity(Regime::Normal, &day(-1.0, 5.1), &rule), Some(Rarity { kind: "move", magnitude: 5.1 }));
    assert_eq!(rarity(Regime::Crash, &day(-2.5, -1.0), &rule), Some(Rarity { kind: "crash", magnitude: 2.5 }));
    assert_eq!(rarity(Regime::Crash, &day(-2.5, -6.0), &rule), Some(Rarity { kind: "move", magnitude: 6.0 }));
    let quiet = RareEventArchive { move_sigma: 0.0, regimes: Vec::new(), ..rule };
    assert_eq!(rarity(Regime::Crash, &day(-9.0, -9.0), &quiet), None);
}

#[test]
fn the_most_extreme_row_stands_for_an_event() {
    let (rule, updates) = rules();
    let found = [event("A", 100, 2.1), event("A", 101, 3.0), event("A", 104, 2.5), event("A", 106, 2.2), event("B", 101, 2.0)];
    let change = update(&[], &found, &sessions(), &rule, &updates);
    assert_eq!(names(&change.taken), [("A".into(), day(101)), ("A".into(), day(106)), ("B".into(), day(101))]);
    assert_eq!(update(&change.taken, &found, &sessions(), &rule, &updates), Change::default(), "once more changes nothing");
    let all = ArchiveUpdates { dedupe_sessions: 0, ..updates };
    assert_eq!(update(&[], &found, &sessions(), &rule, &all).taken.len(), 5);
}

#[test]
fn a_stronger_day_of_the_same_event_replaces_the_archived_one() {
    let (rule, updates) = rules();
    let stored = [event("A", 100, 2.1)];
    let change = update(&stored, &[event("A", 100, 2.1), event("A", 102, 3.0)], &sessions(), &rule, &updates);
    assert_eq!((change.gone, names(&change.taken)), (vec![(stored[0].sample.symbol, day(100))], vec![("A".into(), day(102))]));
}

#[test]
fn limits_hold_and_the_weakest_or_the_oldest_go() {
    let (rule, updates) = rules();
    let found: Vec<RareEvent> = (0..40).map(|i| event(if i % 2 == 0 { "A" } else { "B" }, 10 * i, 2.0 + i as f64 % 7.0)).collect();
    let small = RareEventArchive { max_rows: 9, max_rows_per_symbol: 6, ..rule.clone() };
    let weakest = update(&[], &found, &sessions(), &small, &updates).taken;
    assert_eq!(weakest.len(), 9);
    assert!(weakest.iter().all(|e| e.magnitude >= 7.0), "{:?}", weakest.iter().map(|e| e.magnitude).collect::<Vec<_>>());
    let oldest = ArchiveUpdates { evict: Eviction::Oldest, ..updates.clone() };
    let newest = update(&[], &found, &sessions(), &small, &oldest).taken;
    assert!(newest.iter().all(|e| e.sample.date >= day(310)), "the last nine, five or four of each");
    let few = ArchiveUpdates { max_added: 3, ..updates.clone() };
    assert_eq!(update(&[], &found, &sessions(), &rule, &few).taken.len(), 3);
    let young = ArchiveUpdates { max_age_sessions: 700, ..updates };
    let kept = update(&found[..20], &[], &sessions(), &rule, &young);
    assert_eq!(kept.gone.len(), 20, "all are older than 700 sessions");
}

#[test]
fn what_has_changed_is_taken_anew_and_switches_hold() {
    let (rule, updates) = rules();
    let mut old = event("A", 100, 2.1);
    old.sample.definition = "before".into();
    let change = update(std::slice::from_ref(&old), &[event("A", 100, 2.1)], &sessions(), &rule, &updates);
    assert_eq!((change.gone.len(), change.taken[0].sample.definition.as_str()), (0, "now"));
    let frozen = ArchiveUpdates { enabled: false, ..updates.clone() };
    assert_eq!(update(&[], &[old.clone()], &sessions(), &rule, &frozen), Change::default());
    let off = RareEventArchive { enabled: false, ..rule };
    assert_eq!(update(&[], &[old], &sessions(), &off, &updates), Change::default());
}
