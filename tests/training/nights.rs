//! Nights through the built binary: a scan by a champion, its signals settled, drift looked at and answered.

use nightdesk::market::{Series, Strategy, Timeframe, ts_to_date};
use nightdesk::store::master::{CandleQuery, Reader, Span};
use nightdesk::store::model::ModelReader;
use rusqlite::Connection;
use serde_json::Value;

use crate::desk::Desk;

const STRATEGY: [&str; 2] = ["--strategy", "turbomode"];

fn asked(desk: &Desk, command: &str) -> Value {
    let (code, json) = desk.json(&[&["--demo", command, "--json"], &STRATEGY[..]].concat());
    assert_eq!((code, &json["ok"]), (Some(0), &true.into()), "{json}");
    json["strategies"][0].clone()
}

/// Nights of the champion of a desk whose models see an edge everywhere.
pub fn of(desk: &Desk, champion: i64) {
    let rules = std::fs::read_to_string(desk.path("config/turbomode.toml")).unwrap();
    desk.write(
        "config/turbomode.toml",
        format!("{rules}\n[ensemble]\nmin_edge = 0.0\n\n[scan]\nmin_dollar_volume = 0.0\nmin_price = 0.0\n"),
    );
    let scan = asked(desk, "scan");
    let view = &scan["found"]["scan"];
    assert_eq!((&view["model_id"], &view["paper"], &view["symbols"]), (&champion.into(), &false.into(), &3.into()), "{scan}");
    let given = view["new"].as_i64().unwrap();
    assert!(given > 0, "with no edge asked for there is nearly always a side: {scan}");
    let again = asked(desk, "scan");
    let part = |scan: &Value| ["session", "words", "new", "open", "eligible"].map(|key| scan["found"]["scan"][key].clone());
    assert_eq!(part(&again), part(&scan), "a night that is scanned again comes to the same");

    shown(desk, given);
    settled(desk, given);
    looked(desk);
    rules_have_changed(desk);
    desk.write("config/turbomode.toml", rules);
}

fn shown(desk: &Desk, given: i64) {
    let (_, list) = desk.json(&["--demo", "signals", "list", "--json"]);
    let signals = list["strategies"][0]["signals"].as_array().unwrap();
    assert_eq!(signals.len() as i64, given, "{list}");
    let id = signals[0]["signal_id"].to_string();
    let text = desk.ok(&[&["--demo", "signals", "show", &id], &STRATEGY[..]].concat());
    assert!(text.contains("What spoke for it") && text.contains("Nearest past rows"), "{text}");
    let none = desk.run(&[&["--demo", "signals", "show", "999"], &STRATEGY[..]].concat());
    assert!(none.code == Some(1) && none.err.contains("nightdesk signals list"), "{none:?}");
    let csv = desk.ok(&["--demo", "export", "signals", "--format", "csv"]);
    assert!(csv.starts_with("date,symbol,sector,signal_id") && csv.lines().count() as i64 == given + 1, "{csv}");
}

/// Signals of eight weeks ago are settled as the day's label says.
fn settled(desk: &Desk, given: i64) {
    let data = desk.path("data-demo");
    let reader = Reader::open(&data.join("market_data.db")).unwrap();
    let conn = Connection::open(data.join("turbomode.db")).unwrap();
    let open = ModelReader::open(&data.join("turbomode.db"), Strategy::Turbomode).unwrap().open_signals().unwrap();
    for s in &open {
        let series = Series { symbol: s.signal.symbol, timeframe: Timeframe::D1 };
        let bars = reader.candles(&CandleQuery::new(series, Span::Last(41))).unwrap();
        let [date, end] = [0, 10].map(|bar| ts_to_date(bars.ts[bar]).to_string());
        let sql = "UPDATE predictions SET date = ?1 WHERE prediction_id = (SELECT prediction_id FROM signals WHERE signal_id = ?2)";
        assert_eq!(conn.execute(sql, (&date, s.signal_id)).unwrap(), 1);
        let sql = "UPDATE signals SET date = ?1, horizon_end = ?2 WHERE signal_id = ?3";
        assert_eq!(conn.execute(sql, (&date, &end, s.signal_id)).unwrap(), 1);
    }
    drop(conn);
    let scan = asked(desk, "scan");
    assert!(scan["found"]["scan"]["words"].as_str().unwrap().contains("signal"), "{scan}");
    let known = ModelReader::open(&data.join("turbomode.db"), Strategy::Turbomode).unwrap();
    for s in &open {
        let stored = known.signal(s.signal_id).unwrap().unwrap();
        let outcome = stored.outcome.unwrap_or_else(|| panic!("not settled: {}", stored.state));
        let symbol = s.signal.symbol.to_string();
        let day = stored.signal.date.to_string();
        let label = desk.ok(&[
            &["--demo", "export", "labels", "--symbol", &symbol, "--from", &day, "--to", &day, "--format", "csv"],
            &STRATEGY[..],
        ]
        .concat());
        let row: Vec<&str> = label.lines().nth(1).unwrap().split(',').collect();
        let class = ["SELL", "HOLD", "BUY"][usize::from(outcome.class.unwrap())];
        assert_eq!((row[2], row[5]), (class, outcome.bars_held.to_string().as_str()), "{label}");
    }
    assert!(known.sector_stats().unwrap().iter().map(|s| i64::from(s.signals)).sum::<i64>() == given);
    let sectors = desk.ok(&[&["--demo", "signals", "sectors"], &STRATEGY[..]].concat());
    assert!(sectors.contains("Energy") && sectors.contains("Information Technology"), "{sectors}");
}

fn looked(desk: &Desk) {
    let drift = asked(desk, "drift");
    let subjects = drift["found"]["subjects"].as_array().unwrap();
    let few = subjects.iter().find(|s| s["subject"] == "rsi_14").unwrap();
    assert_eq!((&few["verdict"], &few["psi"]), (&"insufficient".into(), &Value::Null), "three symbols have too few rows: {few}");
    assert!(few["note"].as_str().unwrap().ends_with("a verdict takes 500"), "{few}");
    let whole = subjects.iter().find(|s| s["kind"] == "data_set").unwrap();
    assert_eq!(
        (&whole["subject"], &whole["verdict"]),
        (&"data_set".into(), &"insufficient".into()),
        "it is listed, so that it can be chosen"
    );
    assert_eq!(drift["found"]["view"]["counts"]["subjects"], subjects.len() - 1, "and not counted beside its features");
    let csv = desk.ok(&["--demo", "export", "drift", "--format", "csv"]);
    assert!(csv.starts_with("date,subject,kind,verdict") && csv.lines().count() > subjects.len(), "{csv}");
    let nothing = desk.run(&[&["--demo", "drift", "ack", "rsi_14"], &STRATEGY[..]].concat());
    assert!(nothing.code == Some(1) && nothing.err.contains("no open alarm of rsi_14"), "{nothing:?}");
    let lift = desk.run(&[&["--demo", "drift", "lift-halt"], &STRATEGY[..]].concat());
    assert!(lift.code == Some(1) && lift.err.contains("is not halted"), "{lift:?}");
}

fn rules_have_changed(desk: &Desk) {
    let rules = std::fs::read_to_string(desk.path("config/turbomode.toml")).unwrap();
    desk.write("config/turbomode.toml", format!("{rules}\n[validation.label]\nhorizon = 9\n"));
    let scan = asked(desk, "scan");
    let words = scan["end"]["words"].as_str().unwrap();
    assert!(words.contains("the rules of labels or regimes have changed") && scan["found"]["scan"]["paper"] == Value::Bool(true), "{scan}");
}
