//! What nights leave: scans, signals and their outcomes, drift, its episodes and halts.

use std::collections::BTreeMap;

use nightdesk::config::strategy::StrategySettings;
use nightdesk::drift::Verdict as Drift;
use nightdesk::drift::views::SubjectKind;
use nightdesk::market::Strategy;
use nightdesk::store::StoreError;
use nightdesk::store::model::{
    Answers, DriftEpisode, DriftRow, ModelDb, NewSignal, NightPrediction, Scan, ScanKind, SectorStats, SignalChange, StoredOutcome,
};
use nightdesk::train::backtest::Exit;
use nightdesk::train::gates::Verdict;
use serde_json::json;

use crate::made::trained;
use crate::{Desk, NOW, date, symbol};

const NIGHT: &str = "2026-09-21";

fn scan(model_id: i64, signals: u32) -> Scan {
    Scan {
        date: date(NIGHT),
        made_at: NOW,
        model_id: Some(model_id),
        kind: ScanKind::Live,
        symbols: 80,
        eligible: 70,
        predicted: 2,
        signals,
        words: format!("{signals} signals"),
        why_none: BTreeMap::from([("MSFT".to_owned(), "HOLD".to_owned())]),
    }
}

fn said(model_id: i64, p_buy: f64) -> Answers {
    let of = |name: &str, decision| NightPrediction {
        symbol: symbol(name),
        date: date(NIGHT),
        p: [0.2, 0.8 - p_buy, p_buy],
        decision,
        edge: 1.2,
        regime: "normal".into(),
    };
    Answers { model_id, kind: ScanKind::Live, predictions: vec![of("AAPL", 2), of("MSFT", 1)] }
}

fn signal(name: &str) -> NewSignal {
    NewSignal {
        symbol: symbol(name),
        sector: "Technology".into(),
        date: date(NIGHT),
        side: 2,
        close: 100.0,
        horizon_end: date("2026-10-05"),
        half_width: 0.04,
        rule: StrategySettings::shipped(Strategy::Turbomode).unwrap().validation.label,
        contributions: json!([{ "feature": "rsi_14", "value": 71.0, "scaled": 1.5, "adds": 0.03 }]),
        cases: json!([]),
    }
}

fn outcome(net: f64) -> StoredOutcome {
    StoredOutcome {
        settled_at: NOW + 9,
        class: Some(2),
        reason: Exit::Upper,
        exit_date: date("2026-09-28"),
        exit_price: 104.0,
        bars_held: 5,
        gross: net + 0.001,
        cost: 0.001,
        net,
    }
}

/// A database with a model that passed.
fn serving(desk: &Desk) -> (ModelDb, i64) {
    let mut db = desk.db();
    let id = trained(&mut db, desk, &Verdict::Promote);
    (db, id)
}

#[test]
fn a_night_comes_back_whole_and_a_second_scan_of_it_gives_no_signal_twice() {
    let desk = Desk::new();
    let (mut db, id) = serving(&desk);
    db.put_scan(&scan(id, 1), &[said(id, 0.6)], &[signal("AAPL")], "s-1").unwrap();
    let first = desk.reader().open_signals().unwrap();
    assert_eq!((first.len(), &first[0].signal, first[0].model_id, first[0].entry), (1, &signal("AAPL"), id, None));
    assert_eq!(first[0].prediction, said(id, 0.6).predictions[0]);
    assert_eq!(desk.reader().newest_scan().unwrap(), Some(scan(id, 1)));

    // What a signal was given for stays as it was; other answers are those of the second scan.
    db.put_scan(&scan(id, 0), &[said(id, 0.5)], &[signal("AAPL")], "s-2").unwrap();
    let reader = desk.reader();
    assert_eq!(reader.open_signals().unwrap(), first);
    let p = |name: &str| reader.newest_predictions(id, date(NIGHT)).unwrap().into_iter().find(|p| p.symbol == symbol(name)).unwrap().p;
    assert_eq!((p("AAPL")[2], p("MSFT")[2]), (0.6, 0.5));
    assert_eq!(reader.night_predictions(id).unwrap().len(), 2);
    assert_eq!(reader.newest_scan().unwrap(), Some(scan(id, 0)));
    assert_eq!(reader.shadow_sessions(id).unwrap(), 0, "live answers are none on paper");
}

#[test]
fn a_symbol_has_one_open_signal_and_a_night_is_all_or_nothing() {
    let desk = Desk::new();
    let (mut db, id) = serving(&desk);
    db.put_scan(&scan(id, 1), &[said(id, 0.6)], &[signal("AAPL")], "s-1").unwrap();
    let before = desk.reader().newest_scan().unwrap();
    let next = |mut answers: Answers| {
        answers.predictions.iter_mut().for_each(|p| p.date = date("2026-09-22"));
        answers
    };
    let second = NewSignal { date: date("2026-09-22"), ..signal("AAPL") };
    let tomorrow = Scan { date: date("2026-09-22"), ..scan(id, 1) };
    let refused = db.put_scan(&tomorrow, &[next(said(id, 0.6))], &[second], "s-2");
    assert!(matches!(refused, Err(StoreError::Database(_))), "{refused:?}");
    let reader = desk.reader();
    assert_eq!((reader.newest_scan().unwrap(), reader.night_predictions(id).unwrap().len()), (before, 2), "nothing of it is stored");
}

#[test]
fn outcomes_are_recorded_once_and_add_up_by_sector() {
    let desk = Desk::new();
    let (mut db, id) = serving(&desk);
    let of = |date_of, sector: &str| SectorStats {
        date: date(date_of),
        sector: sector.into(),
        symbols: 3,
        samples: [4, 5, 6],
        signals: 0,
        wins: 0,
        net_return: None,
    };
    db.put_sector_stats(&[of("2026-09-01", "Energy"), of("2026-09-01", "Technology")]).unwrap();
    let mut all = said(id, 0.6);
    all.predictions[1].decision = 2;
    db.put_scan(&scan(id, 2), &[all], &[signal("AAPL"), signal("MSFT")], "s-1").unwrap();
    let ids: Vec<i64> = desk.reader().open_signals().unwrap().iter().map(|s| s.signal_id).collect();
    db.change_signals(&[(ids[0], SignalChange::Marked { close: 50.0, entry: Some(50.5) })]).unwrap();
    let marked = desk.reader().signal(ids[0]).unwrap().unwrap();
    assert_eq!((marked.signal.close, marked.entry, marked.state.as_str()), (50.0, Some(50.5), "open"), "a split has halved it");

    let settled = SignalChange::Settled { close: 50.0, entry: 50.5, outcome: outcome(0.03) };
    db.change_signals(&[(ids[0], settled), (ids[1], SignalChange::Void { reason: "no bar".into() })]).unwrap();
    let late = SignalChange::Settled { close: 1.0, entry: 1.0, outcome: outcome(-0.9) };
    db.change_signals(&[(ids[0], late.clone()), (ids[1], late)]).unwrap();
    let reader = desk.reader();
    let [first, second] = [ids[0], ids[1]].map(|id| reader.signal(id).unwrap().unwrap());
    assert_eq!((first.outcome, first.entry, first.state.as_str()), (Some(outcome(0.03)), Some(50.5), "settled"), "settled once");
    assert_eq!((second.outcome, second.void.as_deref(), second.state.as_str()), (None, Some("no bar"), "void"));
    let sum = reader.settled_since(date("2026-09-28")).unwrap();
    assert_eq!((sum.signals, sum.wins, sum.net), (1, 1, Some(0.03)));
    assert_eq!(reader.settled_since(date("2026-09-29")).unwrap().signals, 0);
    assert_eq!(reader.signals_by_sector().unwrap()["Technology"].0, 0, "none is open any more");
    drop(reader);

    db.refresh_sector_outcomes(date("2026-09-28")).unwrap();
    let stats = desk.reader().sector_stats().unwrap();
    let told = |s: &SectorStats| (s.date, s.sector.clone(), s.symbols, s.samples, s.signals, s.wins, s.net_return);
    assert_eq!(told(&stats[0]), (date("2026-09-28"), "Energy".into(), 3, [4, 5, 6], 0, 0, None));
    assert_eq!(told(&stats[1]), (date("2026-09-28"), "Technology".into(), 3, [4, 5, 6], 1, 1, Some(0.03)));
}

fn row(subject: &str, verdict: Drift) -> DriftRow {
    let judged = verdict.judged();
    DriftRow {
        date: date(NIGHT),
        made_at: NOW,
        subject: subject.into(),
        kind: SubjectKind::Feature,
        rows: 5_040,
        psi: judged.then_some(0.25),
        kl: judged.then_some(0.12),
        ks: judged.then_some(0.11),
        ks_p: judged.then_some(0.001),
        z: judged.then_some(3.5),
        p: judged.then_some(0.0002),
        p_adjusted: judged.then_some(0.03),
        verdict,
        note: if judged { String::new() } else { "420 rows, a verdict takes 500".into() },
        counts: vec![1.0, 2.0, 0.0],
        sketch: vec![-1.0, 0.5],
        ..DriftRow::default()
    }
}

fn episode(subject: &str) -> DriftEpisode {
    DriftEpisode {
        episode_id: 0,
        subject: subject.into(),
        since: date(NIGHT),
        last_night: date(NIGHT),
        verdict: Drift::Drifted,
        quiet_nights: 0,
        ended: None,
        acked_at: None,
        acked_by: None,
        snoozed_until: None,
        acted: false,
        challenger: false,
    }
}

#[test]
fn a_night_of_drift_comes_back_and_takes_the_place_of_itself() {
    let desk = Desk::new();
    let (mut db, id) = serving(&desk);
    assert_eq!(desk.reader().drift_night(id).unwrap(), []);
    let night = [row("atr_14_pct", Drift::Insufficient), row("rsi_14", Drift::Drifted)];
    db.put_drift_night(id, &[row("gone", Drift::Stable)], &[], None).unwrap();
    db.put_drift_night(id, &night, &[], None).unwrap();
    let later = DriftRow { date: date("2026-09-22"), ..row("rsi_14", Drift::Stable) };
    let reader = desk.reader();
    assert_eq!(reader.drift_night(id).unwrap(), night);
    drop(reader);
    db.put_drift_night(id, std::slice::from_ref(&later), &[], None).unwrap();
    let reader = desk.reader();
    assert_eq!(reader.drift_night(id).unwrap(), std::slice::from_ref(&later));
    let history: Vec<_> = reader.drift_history(id, "rsi_14", 9).unwrap().iter().map(|r| r.date).collect();
    assert_eq!(history, [date("2026-09-22"), date(NIGHT)]);
    assert_eq!(reader.drift_sessions(id, 9).unwrap(), history);
    assert_eq!(reader.drift_trends(id, date(NIGHT)).unwrap().len(), 3);
    assert!(
        db.put_drift_night(id, &[DriftRow { psi: Some(0.1), ..row("x", Drift::Insufficient) }], &[], None).is_err(),
        "no verdict, no figure"
    );
}

#[test]
fn what_people_did_about_an_alarm_stays_until_it_gets_worse_and_a_halt_until_it_is_lifted() {
    let desk = Desk::new();
    let (mut db, id) = serving(&desk);
    db.put_drift_night(id, &[row("rsi_14", Drift::Drifted)], &[episode("rsi_14")], Some("the data set has drifted")).unwrap();
    assert!(db.ack_episode(id, "rsi_14", "ada").unwrap() && db.snooze_episode(id, "rsi_14", NOW + 100).unwrap());
    assert!(!db.ack_episode(id, "atr_14_pct", "ada").unwrap());
    let known = desk.reader().open_episodes(id).unwrap().remove(0);
    assert_eq!((known.acked_by.as_deref(), known.acked_at, known.snoozed_until), (Some("ada"), Some(NOW), Some(NOW + 100)));

    let quiet = DriftEpisode { last_night: date("2026-09-22"), quiet_nights: 1, ..known.clone() };
    db.put_drift_night(id, &[], &[quiet], None).unwrap();
    let after = desk.reader().open_episodes(id).unwrap().remove(0);
    assert_eq!((after.quiet_nights, after.acked_by.as_deref()), (1, Some("ada")));
    let worse = DriftEpisode { verdict: Drift::Critical, ..after.clone() };
    db.put_drift_night(id, &[], &[worse], None).unwrap();
    let after = desk.reader().open_episodes(id).unwrap().remove(0);
    assert_eq!((after.verdict, after.acked_by, after.snoozed_until), (Drift::Critical, None, None), "it speaks again");
    assert!(db.snooze_episode(id, "rsi_14", NOW).unwrap());
    let over = desk.reader().open_episodes(id).unwrap().remove(0);
    db.put_drift_night(id, &[], std::slice::from_ref(&over), None).unwrap();
    assert_eq!(desk.reader().open_episodes(id).unwrap()[0].snoozed_until, Some(NOW), "nobody was reminded yet");
    db.put_drift_night(id, &[], &[DriftEpisode { acted: true, challenger: true, snoozed_until: None, ..over }], None).unwrap();
    let reminded = desk.reader().open_episodes(id).unwrap().remove(0);
    assert_eq!((reminded.snoozed_until, reminded.acted, reminded.challenger), (None, true, true), "a snooze that is over is gone");
    db.challenger_ordered(id).unwrap();
    assert!(!desk.reader().open_episodes(id).unwrap()[0].challenger);
    let over = DriftEpisode { ended: Some(date("2026-09-23")), last_night: date("2026-09-23"), ..episode("rsi_14") };
    db.put_drift_night(id, &[], &[DriftEpisode { episode_id: after.episode_id, ..over }], None).unwrap();
    assert_eq!(desk.reader().open_episodes(id).unwrap(), []);

    db.put_drift_night(id, &[], &[], Some("performance is critical")).unwrap();
    let halt = desk.reader().halt(id).unwrap().unwrap();
    assert_eq!((halt.model_id, halt.since, halt.reason.as_str()), (id, NOW, "the data set has drifted"), "the first reason stands");
    assert!(db.lift_halt(id, "ada").unwrap() && !db.lift_halt(id, "ada").unwrap());
    assert_eq!(desk.reader().halt(id).unwrap(), None);
}
