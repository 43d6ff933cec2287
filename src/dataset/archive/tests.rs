use super::super::kept::InForce;
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
        label_end: day(at + 3),
        matured: day(at + 7),
        class: 0,
        regime: "crash".into(),
        features: vec![magnitude; 179],
        definition: "now".into(),
        rules: "now".into(),
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
    assert_eq!(rarity(Regime::Crash, &day(0.5, 1.0), &rule).map(|r| r.magnitude), Some(-0.5), "it has risen again");
    assert_eq!(rarity(Regime::Crash, &day(f64::NEG_INFINITY, f64::INFINITY), &rule), None, "no number tells how extreme");
    let quiet = RareEventArchive { move_sigma: 0.0, regimes: Vec::new(), ..rule };
    assert_eq!(rarity(Regime::Crash, &day(-9.0, -9.0), &quiet), None);
}

/// Today's data say nothing of any symbol.
fn nothing() -> Fresh<'static> {
    Fresh::default()
}

#[test]
fn the_first_row_stands_for_an_event_whatever_follows() {
    let (rule, updates) = rules();
    let found = [event("A", 100, 2.1), event("A", 101, 3.0), event("A", 104, 2.5), event("A", 106, 2.2), event("B", 101, 2.0)];
    let change = update(&[], &found, &nothing(), &sessions(), &rule, &updates);
    assert_eq!(names(&change.taken), [("A".into(), day(100)), ("A".into(), day(106)), ("B".into(), day(101))]);
    assert_eq!(update(&change.taken, &found, &nothing(), &sessions(), &rule, &updates), Change::default(), "once more changes nothing");
    // What a fold could know on the first day is there, though the second was stronger.
    for known in 1..=found.len() {
        let then = update(&[], &found[..known], &nothing(), &sessions(), &rule, &updates).taken;
        assert!(then.iter().all(|e| change.taken.contains(e)), "a later day has taken an earlier one's place");
    }
    let all = ArchiveUpdates { dedupe_sessions: 0, ..updates };
    assert_eq!(update(&[], &found, &nothing(), &sessions(), &rule, &all).taken.len(), 5);
}

#[test]
fn the_archive_is_the_same_however_often_it_was_filled() {
    let (rule, updates) = rules();
    let found: Vec<RareEvent> = (0..3_000).map(|i| event(["A", "B", "C"][i % 3], 2 * i as u64 / 7, 2.0 + (i % 11) as f64)).collect();
    let roomy = RareEventArchive { max_rows_per_symbol: 5_000, ..rule };
    let all = ArchiveUpdates { dedupe_sessions: 0, ..updates };
    let axis: Vec<NaiveDate> = (0..4_000).map(day).collect();
    let fill = |stored: &[RareEvent], found: &[RareEvent]| update(stored, found, &nothing(), &axis, &roomy, &all);
    let keys = |change: &Change| change.taken.iter().map(key).collect::<std::collections::BTreeSet<_>>();
    let once = fill(&[], &found);
    let half = fill(&[], &found[..1_500]);
    let rest = fill(&half.taken, &found);
    assert!(rest.gone.is_empty());
    assert_eq!(keys(&once), keys(&half).union(&keys(&rest)).copied().collect());
}

#[test]
fn a_row_that_is_none_any_more_goes_and_one_whose_bars_are_gone_stays() {
    let (rule, updates) = rules();
    // Three of one symbol from before the first session of today, and one of a symbol that gives no row today.
    let stored = [event("A", 2, 2.5), event("A", 50, 2.6), event("A", 100, 2.1), event("A", 300, 2.2), event("BLOCKED", 300, 2.3)];
    let dates: Vec<NaiveDate> = (200..900).filter(|d| *d != 300).map(day).collect();
    let symbol = |ticker| Symbol::new(ticker).unwrap();
    let fresh = Fresh::new([(symbol("A"), &dates[..])]);
    for sessions in [&dates[..], &[]] {
        let change = update(&stored, &[], &fresh, sessions, &rule, &updates);
        assert_eq!(change.gone, [(symbol("A"), day(300))], "hidden today");
        assert!(change.taken.is_empty());
    }
}

#[test]
fn a_row_of_other_definitions_or_rules_is_not_used() {
    let kept = |now| Kept::of_event(&event("A", 100, 2.1), &[], now).is_some();
    assert!(kept(InForce { definition: "now", rules: "now" }));
    assert!(!kept(InForce { definition: "now", rules: "later" }) && !kept(InForce { definition: "later", rules: "now" }));
}

#[test]
fn a_fold_takes_the_strongest_that_it_knows_and_that_are_young_for_it() {
    let (rule, updates) = rules();
    let now = InForce { definition: "now", rules: "now" };
    let kept: Vec<Kept> = [(100, 9.0), (400, 5.0), (500, 7.0), (595, 8.0)]
        .iter()
        .map(|(at, m)| Kept::of_event(&event("A", *at, *m), &[], now).unwrap())
        .collect();
    let (rule, axis) = (RareEventArchive { mix_ratio: 0.5, ..rule }, sessions());
    let mixed = |max_age_sessions, rows| {
        let present = Present { bound: day(600), rows, sessions: &axis };
        mixed_in(&kept, &present, (&rule, &ArchiveUpdates { max_age_sessions, ..updates.clone() }), |_| true)
    };
    assert_eq!(mixed(0, 100), [0, 2, 1], "the last has not matured");
    assert_eq!(mixed(200, 100), [2, 1], "499 sessions are too old");
    let early = Present { bound: day(200), rows: 100, sessions: &axis };
    assert_eq!(
        mixed_in(&kept, &early, (&rule, &ArchiveUpdates { max_age_sessions: 200, ..updates.clone() }), |_| true),
        [0],
        "but not for an early fold"
    );
    assert_eq!(mixed(0, 4), [0, 2], "half of four");
}

#[test]
fn limits_hold_and_the_weakest_or_the_oldest_go() {
    let (rule, updates) = rules();
    let found: Vec<RareEvent> = (0..40).map(|i| event(if i % 2 == 0 { "A" } else { "B" }, 10 * i, 2.0 + i as f64 % 7.0)).collect();
    let small = RareEventArchive { max_rows: 9, max_rows_per_symbol: 6, ..rule };
    let weakest = update(&[], &found, &nothing(), &sessions(), &small, &updates).taken;
    assert_eq!(weakest.len(), 9);
    assert!(weakest.iter().all(|e| e.magnitude >= 7.0), "{:?}", weakest.iter().map(|e| e.magnitude).collect::<Vec<_>>());
    let oldest = ArchiveUpdates { evict: Eviction::Oldest, ..updates };
    let newest = update(&[], &found, &nothing(), &sessions(), &small, &oldest).taken;
    assert!(newest.iter().all(|e| e.sample.date >= day(310)), "the last nine, five or four of each");
}

#[test]
fn what_has_changed_is_taken_anew_and_switches_hold() {
    let (rule, updates) = rules();
    let mut old = event("A", 100, 2.1);
    old.sample.definition = "before".into();
    let change = update(std::slice::from_ref(&old), &[event("A", 100, 2.1)], &nothing(), &sessions(), &rule, &updates);
    assert_eq!((change.gone.len(), change.taken[0].sample.definition.as_str()), (0, "now"));
    let frozen = ArchiveUpdates { enabled: false, ..updates.clone() };
    assert_eq!(update(&[], &[old.clone()], &nothing(), &sessions(), &rule, &frozen), Change::default());
    let off = RareEventArchive { enabled: false, ..rule };
    assert_eq!(update(&[], &[old], &nothing(), &sessions(), &off, &updates), Change::default());
}
