//! Backtests of runs that were trained: what is stored and told, the same bytes twice, and predictions that are no evidence.

use std::path::PathBuf;

use nightdesk::market::{Strategy, SystemClock};
use nightdesk::store::model::{BacktestCurve, ModelDb, ModelReader};
use rusqlite::Connection;
use serde_json::Value;

use crate::desk::Desk;

const BACKTEST: [&str; 5] = ["--demo", "backtest", "--strategy", "turbomode", "--json"];

fn database(desk: &Desk) -> PathBuf {
    desk.path("data-demo").join("turbomode.db")
}

/// All that a backtest stores but the time, as text.
fn stored(desk: &Desk) -> Vec<String> {
    let conn = Connection::open(database(desk)).unwrap();
    let mut out = Vec::new();
    for sql in ["SELECT run_id, model_id, snapshot, report, curve FROM backtests ORDER BY run_id", "SELECT * FROM trades ORDER BY 1, 2, 3"]
    {
        let mut select = conn.prepare(sql).unwrap();
        let columns = select.column_count();
        let mut rows = select.query([]).unwrap();
        while let Some(r) = rows.next().unwrap() {
            let cells: Vec<String> = (0..columns).map(|c| format!("{:?}", r.get_ref(c).unwrap())).collect();
            out.push(cells.join("|"));
        }
    }
    out
}

/// Before anything was trained there is nothing to trade by, and that is no failure.
pub fn before_a_training(desk: &Desk) {
    let told = desk.ok(&["--demo", "backtest"]);
    assert_eq!(told.matches("nothing was trained yet").count(), 2, "{told}");
    assert!(told.contains("nightdesk train --strategy slipstream"), "{told}");
}

/// Backtests of turbomode's runs 1 and 2, which were both rejected.
pub fn of_rejected_runs(desk: &Desk) {
    let (code, json) = desk.json(&BACKTEST);
    assert_eq!((code, &json["ok"], &json["state"]), (Some(0), &true.into(), &"succeeded".into()), "{json}");
    let one = &json["strategies"][0];
    assert_eq!((&one["end"]["state"], &one["end"]["run_id"]), (&"done".into(), &2.into()), "the newest: {one}");
    agrees(desk, &one["report"]);
    let before = stored(desk);
    desk.json(&BACKTEST);
    assert!(before == stored(desk), "the same inputs give the same bytes");

    let text = desk.ok(&["--demo", "backtest", "--strategy", "turbomode", "--run", "1"]);
    for part in
        ["turbomode run 1, model 3 (rejected)", "after costs", "costs x 2", "holding", "drawdown", "year", "regime", "symbol", "luck"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("! The universe is that of today"), "{text}");
    let whole = ModelReader::open(&database(desk), Strategy::Turbomode).unwrap();
    assert_eq!(whole.backtest(1).unwrap().unwrap().report.run_id, 1);
    assert!(whole.backtest_newest().unwrap().is_some() && !whole.trades(2).unwrap().is_empty(), "that of the other run stands");
    drop(whole);
    refused(desk);
    no_evidence(desk);
}

/// Report, curve, trades and test blocks tell the same.
fn agrees(desk: &Desk, report: &Value) {
    let reader = ModelReader::open(&database(desk), Strategy::Turbomode).unwrap();
    let (stored, trades) = (reader.backtest(2).unwrap().unwrap(), reader.trades(2).unwrap());
    assert_eq!(serde_json::to_value(&stored.report).unwrap(), *report);
    let figures = &stored.report.figures;
    assert!(!trades.is_empty() && figures.trades.trades == trades.len(), "{} trades", trades.len());
    assert_eq!((stored.report.deflated.trials, stored.report.state.to_string()), (2, "rejected".to_owned()));
    assert!(stored.report.source.unplayed.is_empty() && stored.report.source.cut_short == 0, "{:?}", stored.report.source);
    let BacktestCurve { session, gross, net, benchmark } = &stored.curve;
    assert!([gross, net, benchmark].iter().all(|c| c.len() == session.len()) && session.len() == figures.sessions);
    let total = net.iter().map(|r| 1.0 + r).product::<f64>() - 1.0;
    let added: f64 = trades.iter().map(|t| t.added).sum();
    assert!((total - figures.net.total).abs() < 1e-12 && (total - added).abs() < 1e-9, "{total} {added} {}", figures.net.total);
    let blocks = reader.test_record(2).unwrap().unwrap().blocks;
    for t in &trades {
        let block = &blocks[t.fold as usize];
        assert!((block.first..=block.last).contains(&t.date) && block.learnt_to.is_some_and(|learnt| learnt < t.date), "{t:?} {block:?}");
        assert!(t.entry_date > t.date && t.exit_date >= t.entry_date);
    }
    // What the run itself found when it was judged, by the labels instead of the bars.
    let judged = reader.models_of(2).unwrap()[0].metrics["backtest"]["net"]["total"].as_f64().unwrap();
    assert!((judged - total).abs() < 1e-9, "{judged} is not {total}");
}

fn refused(desk: &Desk) {
    let both = desk.run(&["--demo", "backtest", "--run", "1"]);
    assert!(both.code == Some(2) && both.err.contains("--strategy"), "{both:?}");
    let (code, none) = desk.json(&[&BACKTEST[..], &["--run", "99"]].concat());
    let outcome = &none["strategies"][0]["end"]["outcome"];
    assert!(code == Some(1) && outcome.as_str().unwrap().contains("there is no training run 99"), "{none}");
}

/// A prediction planted on a day that its models had learnt from, rules that have changed, and nothing kept.
fn no_evidence(desk: &Desk) {
    let before = stored(desk);
    let outcome = |wanted: Option<i32>| {
        let (code, json) = desk.json(&BACKTEST);
        assert_eq!(code, wanted, "{json}");
        json["strategies"][0]["end"]["outcome"].as_str().unwrap().to_owned()
    };
    let foreign = |sql: &str| Connection::open(database(desk)).unwrap().execute(sql, []).unwrap();
    let rules = std::fs::read_to_string(desk.path("config/turbomode.toml")).unwrap();
    desk.write("config/turbomode.toml", format!("{rules}\n[validation.label]\nhorizon = 9\n"));
    assert!(outcome(Some(1)).contains("the rules of labels and regimes have changed since training run 2"));
    desk.write("config/turbomode.toml", rules);
    assert_eq!(
        foreign(
            "UPDATE predictions SET date = date(date, '-6 years') WHERE prediction_id = (SELECT max(prediction_id) FROM predictions WHERE kind = 'fold')"
        ),
        1
    );
    let planted = outcome(Some(1));
    assert!(planted.contains("does not lie in its test block") && planted.contains("nothing was replayed"), "{planted}");
    assert!(before == stored(desk), "what was stored before stands");
    let mut db = ModelDb::open(&database(desk), Strategy::Turbomode, true, SystemClock::shared()).unwrap();
    assert_eq!(db.forget_fold_predictions(0, i64::MAX).unwrap(), 2);
    db.close().unwrap();
    assert_eq!(outcome(Some(0)), "run 2 kept no out-of-fold predictions: train again");
}
