//! Nights after a promotion: each session's bars arrive, the champion is asked, signals are given and settled by the label's
//! rule, and drift is looked at.

use std::sync::Arc;

use chrono::NaiveDate;
use nightdesk::config::strategy::StrategySettings;
use nightdesk::drift::Verdict;
use nightdesk::drift::monitor::{self, DATA_SET, Looked, PERFORMANCE};
use nightdesk::features::bars::forward_adjusted;
use nightdesk::labels::{Barriers, Class, average_true_range};
use nightdesk::market::{Calendar, Clock, DailyBars, Strategy, date_to_ts};
use nightdesk::scan::WatchOrder;
use nightdesk::scan::night::{Scanned, scan};
use nightdesk::store::model::{ModelDb, ScanKind, StoredSignal};
use nightdesk::train::nulls::{Walk, in_place_of};
use tokio_util::sync::CancellationToken;

use crate::house::House;

const STRATEGY: Strategy = Strategy::Turbomode;
/// Sessions after the market that was trained on; in the last of them the model is halted.
const NIGHTS: usize = 34;
/// Hours after midnight UTC by which a New York session has closed.
const AFTER_THE_CLOSE: i64 = 23 * 3_600;

/// Works on the strategy's database as a night does.
fn with<T>(house: &House, rules: &StrategySettings, work: impl FnOnce(&mut ModelDb, &WatchOrder<'_>) -> T) -> T {
    let clock: Arc<dyn Clock> = house.clock.clone();
    let stop = CancellationToken::new();
    let order = WatchOrder {
        strategy: STRATEGY,
        rules,
        universe: &house.universe,
        master: &house.pool,
        data_dir: house.dir.path(),
        clock: &clock,
        progress: &|_, _| {},
        stop: &stop,
    };
    let mut db = ModelDb::open(&house.dir.path().join("turbomode.db"), STRATEGY, false, clock.clone()).unwrap();
    let done = work(&mut db, &order);
    db.close().unwrap();
    done
}

fn scanned(house: &House, rules: &StrategySettings) -> Scanned {
    with(house, rules, |db, order| scan(db, order).unwrap())
}

fn looked(house: &House, rules: &StrategySettings) -> Looked {
    with(house, rules, |db, order| monitor::look(db, order).unwrap())
}

/// The same walk, further: its later sessions, one after the other.
fn later(house: &House) -> Vec<(NaiveDate, Vec<DailyBars>)> {
    let symbol = house.universe.instruments[0].symbol;
    let known = house.pool.ask(|r| r.daily(symbol, i64::MIN)).unwrap().1;
    let [first, last] = [known.ts[0], *known.ts.last().unwrap()];
    let sessions: Vec<NaiveDate> = Calendar::Xnys.sessions(first, last + 60 * 86_400).map(|s| s.date).collect();
    let date = sessions[..known.len() + NIGHTS].to_vec();
    let whole = in_place_of(&vec![DailyBars { date, ..DailyBars::default() }; house.universe.instruments.len()], &Walk::planted(), 15);
    assert_eq!(whole[0].close[known.len() - 1], *known.close.last().unwrap(), "the walk goes on where it stood");
    (known.len()..known.len() + NIGHTS).map(|bar| (whole[0].date[bar], whole.iter().map(|b| one(b, bar)).collect())).collect()
}

fn one(bars: &DailyBars, bar: usize) -> DailyBars {
    DailyBars {
        date: vec![bars.date[bar]],
        open: vec![bars.open[bar]],
        high: vec![bars.high[bar]],
        low: vec![bars.low[bar]],
        close: vec![bars.close[bar]],
        volume: vec![bars.volume[bar]],
    }
}

/// Nights on the champion of a house.
pub async fn of(house: &House, champion: i64) {
    let mut rules = house.rules.clone();
    rules.drift_detection.min_rows = 100;
    rules.drift_detection.performance_min_signals = 10;
    let mut given = 0;
    let mut nights = later(house);
    let (last, last_bars) = nights.pop().unwrap();
    for (number, (date, bars)) in nights.into_iter().enumerate() {
        house.store(&bars).await;
        house.clock.jump_to(date_to_ts(date) + AFTER_THE_CLOSE);
        rules.scan.max_new_signals = if number < 3 { 1 } else { 20 };
        let night = scanned(house, &rules);
        if number < 3 {
            assert_eq!(
                scanned(house, &rules).scan,
                night.scan,
                "a night that is scanned again comes to the same, also where the cap cut some"
            );
        }
        assert_eq!((night.scan.date, night.scan.model_id, night.scan.kind), (date, Some(champion), ScanKind::Live));
        assert_eq!((night.scan.symbols, night.scan.predicted), (6, 6), "{:?}", night.scan);
        given += night.scan.signals;
    }
    let reader = house.reader();
    let signals = reader.signals(1_000).unwrap();
    assert_eq!(signals.len() as u32, given, "each signal is stored once");
    assert_eq!(reader.night_predictions(champion).unwrap().len(), 6 * (NIGHTS - 1));
    let settled: Vec<&StoredSignal> = signals.iter().filter(|s| s.outcome.is_some()).collect();
    assert!(settled.len() >= 5 && signals.iter().any(|s| s.state == "open"), "{} of {given} settled", settled.len());
    for s in settled {
        is_settled_by_the_label(house, s);
    }
    signals.iter().for_each(explained);
    drop(reader);
    one_at_a_time(&signals);
    done_again(house, &rules, given);
    drift(house, &rules, champion);
    house.store(&last_bars).await;
    house.clock.jump_to(date_to_ts(last) + AFTER_THE_CLOSE);
    halted_and_lifted(house, rules, champion);
}

/// The outcome is that of the code which labels training rows, on the same bars.
fn is_settled_by_the_label(house: &House, stored: &StoredSignal) {
    let rule = &house.rules.validation.label;
    let candles = house.pool.ask(|r| r.daily(stored.signal.symbol, i64::MIN)).unwrap().1;
    let bars = forward_adjusted(&candles, &[], 1.0).bars;
    let atr = average_true_range(&bars, rule.atr_sessions);
    let row = bars.date.binary_search(&stored.signal.date).unwrap();
    let label = Barriers::new(&bars, &atr, Calendar::Xnys, rule).settle(row).unwrap();
    let outcome = stored.outcome.as_ref().unwrap();
    let long = usize::from(stored.signal.side) == Class::Buy.index();
    let net = if long { label.net } else { label.short_net() };
    assert_eq!((outcome.class, outcome.exit_date, outcome.bars_held), (Some(label.class.index() as u8), label.end, label.bars));
    assert_eq!((stored.entry, outcome.exit_price), (Some(label.entry), label.exit));
    assert!((outcome.net - net).abs() < 1e-12 && outcome.cost > 0.0, "{outcome:?} {label:?}");
    assert!(outcome.exit_date <= stored.signal.horizon_end);
}

fn explained(stored: &StoredSignal) {
    let (spoke, cases) = (stored.signal.contributions.as_array().unwrap(), stored.signal.cases.as_array().unwrap());
    assert!(spoke.len() == 20 && spoke[0]["adds"].as_f64().unwrap().abs() >= spoke[19]["adds"].as_f64().unwrap().abs(), "{spoke:?}");
    assert_eq!(cases.len(), 5);
    let before = |case: &serde_json::Value| case["date"].as_str().unwrap() < stored.signal.date.to_string().as_str();
    assert!(cases.iter().all(before), "a case is known when the signal is given: {cases:?}");
}

/// No symbol has a second signal before the first has ended.
fn one_at_a_time(signals: &[StoredSignal]) {
    for s in signals {
        let end = s.outcome.as_ref().map_or(NaiveDate::MAX, |o| o.exit_date);
        let within = |o: &&StoredSignal| o.signal.symbol == s.signal.symbol && o.signal.date > s.signal.date && o.signal.date < end;
        assert!(!signals.iter().any(|o| within(&o)), "{s:?}");
    }
}

/// A scan that is done again gives nothing twice and changes nothing that was given.
fn done_again(house: &House, rules: &StrategySettings, given: u32) {
    let kept = || (house.reader().signals(1_000).unwrap(), house.reader().newest_scan().unwrap());
    let before = kept();
    scanned(house, rules);
    let after = kept();
    assert!(after.0.len() as u32 == given && after == before, "{:?} {:?}", after.1, before.1);
}

fn drift(house: &House, rules: &StrategySettings, champion: i64) {
    // Six symbols and five weeks may well go against any model; what follows from that is tried below.
    let mut rules = rules.clone();
    rules.drift_detection.on_critical.clear();
    let rules = &rules;
    let first = looked(house, rules);
    let reader = house.reader();
    let night = reader.drift_night(champion).unwrap();
    let of = |subject: &str| night.iter().find(|r| r.subject == subject).unwrap_or_else(|| panic!("no {subject}"));
    assert_eq!(night.iter().filter(|r| r.psi.is_some() && r.counts.len() > 2).count(), 179 + 3, "features and answers");
    assert!(of("rsi_14").ks.is_some() && of("rsi_14").z.is_some() && of("mix").ks.is_none());
    assert!(of(DATA_SET).value.is_some() && of(DATA_SET).verdict.judged(), "{:?}", of(DATA_SET));
    assert!(of(PERFORMANCE).verdict.judged() && of("direction").value.is_some(), "{:?}", of(PERFORMANCE));
    assert!((0.0..=1.0).contains(&of("expected_accuracy").value.unwrap()));
    let episodes = reader.open_episodes(champion).unwrap();
    drop(reader);
    assert_eq!(looked(house, rules).words, first.words, "the same night, looked at again");
    let reader = house.reader();
    let same = |a: &[nightdesk::store::model::DriftRow]| a.iter().map(|r| (r.subject.clone(), r.verdict, r.alarmed)).collect::<Vec<_>>();
    assert_eq!(same(&reader.drift_night(champion).unwrap()), same(&night));
    assert_eq!(reader.open_episodes(champion).unwrap(), episodes);
}

/// A critical verdict halts new signals and asks for a challenger; a person lets them go on.
fn halted_and_lifted(house: &House, mut rules: StrategySettings, champion: i64) {
    // Every share reaches it.
    (rules.drift_detection.dataset_warning_share, rules.drift_detection.dataset_critical_share) = (0.0, 0.0);
    let critical = looked(house, &rules);
    assert!(critical.challenger && critical.told.iter().any(|line| line.contains("are halted")), "{critical:?}");
    let halt = house.reader().halt(champion).unwrap().unwrap();
    assert!(halt.reason.starts_with("the data set has drifted critically"), "{halt:?}");
    let halted = scanned(house, &rules);
    assert!(halted.scan.kind == ScanKind::Shadow && halted.scan.words.contains("new signals are halted"), "{:?}", halted.scan);
    with(house, &rules, |db, _| {
        assert!(db.ack_episode(champion, DATA_SET, "desk").unwrap() && !db.ack_episode(champion, "rsi_15", "desk").unwrap());
        assert!(db.lift_halt(champion, "desk").unwrap() && !db.lift_halt(champion, "desk").unwrap());
    });
    let again = looked(house, &rules);
    assert!(again.challenger && house.reader().halt(champion).unwrap().is_none(), "once halted, and owed until it is ordered: {again:?}");
    with(house, &rules, |db, _| db.challenger_ordered(champion).unwrap());
    assert!(!looked(house, &rules).challenger);
    let episode = house.reader().open_episodes(champion).unwrap().into_iter().find(|e| e.subject == DATA_SET).unwrap();
    assert_eq!((episode.verdict, episode.acked_by.as_deref()), (Verdict::Critical, Some("desk")));
    let run_id = house.reader().model(champion).unwrap().unwrap().run_id;
    crate::shown::is_shown(house, run_id);
}
