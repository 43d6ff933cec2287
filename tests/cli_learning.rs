//! What models learn from, through the built binary: training rules, features, labels.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper that cannot prepare its files has failed its test")]

mod desk;

use std::fmt::Write;

use chrono::{Datelike, Days, NaiveDate};
use desk::Desk;
use nightdesk::audit::open_to_work;
use nightdesk::config::StrategySettings;
use nightdesk::market::{ManualClock, Strategy};

/// Days of a quiet series that swings enough for labels of each class.
const BARS: u64 = 420;

/// Daily bars of every civil day: crypto trades on all of them, so that no calendar stands between.
fn candles() -> String {
    let first = NaiveDate::from_ymd_opt(2020, 1, 1).unwrap();
    let mut out = "date,open,high,low,close,volume\n".to_owned();
    let mut close = 100.0_f64;
    for i in 0..BARS {
        let t = i as f64;
        let open = close;
        close = 100.0 + 8.0 * (t / 9.0).sin() + 3.0 * (t / 2.3).sin() + 0.01 * t;
        let (high, low) = (open.max(close) * 1.004, open.min(close) * 0.996);
        writeln!(out, "{},{open},{high},{low},{close},{}", first + Days::new(i), 1000.0 + 300.0 * (t / 5.0).cos()).unwrap();
    }
    out
}

/// A desk with daily bars of BTC-USD.
fn stocked() -> Desk {
    let desk = Desk::new();
    let file = desk.write("candles.csv", candles());
    desk.ok(&["import", "candles", file.to_str().unwrap(), "--symbol", "BTC-USD", "--timeframe", "1d"]);
    desk
}

/// Builds the features of BTC-USD by the shipped rules.
fn build(desk: &Desk) {
    let (code, built) = desk.json(&["features", "build", "--json"]);
    assert_eq!((code, &built["rows"]), (Some(0), &BARS.into()), "{built}");
}

#[test]
fn training_rules_are_shown_with_their_origin_and_refused_with_a_caret() {
    let desk = Desk::new();
    desk.write("config/slipstream.toml", "[validation]\ntest_blocks = 6\n");
    let shown = desk.ok(&["config", "show", "--strategy", "slipstream", "--origin"]);
    let line = |key: &str| shown.lines().find(|l| l.starts_with(key)).map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
    assert!(line("test_blocks ").is_some_and(|l| l.ends_with("slipstream.toml:2")), "{shown}");
    assert_eq!(line("horizon ").as_deref(), Some("horizon = 5 # default"));
    let (code, json) = desk.json(&["config", "show", "--strategy", "turbomode", "--json"]);
    assert_eq!((code, &json["settings"]["validation"]["test_blocks"]), (Some(0), &5.into()), "the other strategy keeps its own");
    assert!(desk.ok(&["config", "check"]).contains("Training rules of slipstream: version 1, 1 key set by you"));
    // What is shown is a configuration, and an equal one.
    desk.write("config/slipstream.toml", desk.ok(&["config", "show", "--strategy", "slipstream"]));
    let again = desk.ok(&["config", "show", "--strategy", "slipstream"]);
    assert!(again.contains("test_blocks = 6") && again.contains("horizon_unit = \"sessions\""), "{again}");
    desk.write("config/turbomode.toml", "[validation]\ntest_blocks = 4\n");
    let ran = desk.run(&["config", "check"]);
    assert!(ran.code == Some(2) && ran.err.contains("turbomode.toml:2:15") && ran.err.contains("an integer from 5 to 50"), "{ran:?}");
}

#[test]
fn changed_rules_are_audited_in_their_strategy() {
    let desk = Desk::new();
    assert!(desk.ok(&["config", "audit"]).starts_with("No key changed"));
    let mut rules = StrategySettings::shipped(Strategy::Turbomode).unwrap();
    let open = |rules: &StrategySettings, at| {
        open_to_work(&desk.path("data"), Strategy::Turbomode, rules, false, ManualClock::at(at)).unwrap().close().unwrap();
    };
    std::fs::create_dir_all(desk.path("data")).unwrap();
    open(&rules, 1_700_000_000);
    rules.balanced_sampling.max_repetition = 5;
    open(&rules, 1_700_000_100);
    let text = desk.ok(&["config", "audit"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].ends_with("balanced_sampling.max_repetition  3 -> 5  (version 1, which was not raised)"), "{text}");
    assert!(lines[1].contains("turbomode  version 1: ") && lines[1].ends_with("recorded for the first time"), "{text}");
    let (_, json) = desk.json(&["config", "audit", "--json"]);
    assert_eq!(json["rules"][0]["changes"][0], serde_json::json!({ "key": "balanced_sampling.max_repetition", "old": "3", "new": "5" }));
    assert_eq!((&json["rules"][0]["versioned"], &json["rules"][1]["first"]), (&false.into(), &true.into()));
}

#[test]
fn features_are_listed_and_explained_without_a_database() {
    let desk = Desk::new();
    let (code, all) = desk.json(&["features", "list", "--json"]);
    assert_eq!((code, all["features"].as_array().map(Vec::len)), (Some(0), Some(179)));
    let text = desk.ok(&["features", "list", "--category", "momentum"]);
    assert!(text.lines().nth(1).is_some_and(|l| l.starts_with("rsi_7 ") && l.ends_with("recursive")), "{text}");
    assert!(text.contains("20 features; definitions "), "{text}");
    let text = desk.ok(&["features", "explain", "beta_60"]);
    assert!(text.contains("lookback    first value on bar 61") && text.contains("market's return"), "{text}");
    assert!(text.contains("none: there is no database of turbomode"), "{text}");
    let wrong = desk.run(&["features", "explain", "rsi_41"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("did you mean rsi_14?"), "{wrong:?}");
    let wrong = desk.run(&["features", "list", "--category", "momentun"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("did you mean momentum?"), "{wrong:?}");
    let none = desk.run(&["export", "features", "--symbol", "AAPL", "--format", "csv"]);
    assert!(none.code == Some(1) && none.err.contains("features build"), "{none:?}");
}

#[test]
fn stored_features_are_explained_and_exported_bit_for_bit() {
    let desk = stocked();
    build(&desk);
    let (_, told) = desk.json(&["features", "explain", "rsi_14", "--json"]);
    let value = &told["values"][0];
    assert_eq!((&value["symbol"], &value["date"], value["value"].is_f64()), (&"BTC-USD".into(), &"2021-02-23".into(), true), "{told}");
    let (_, missing) = desk.json(&["features", "explain", "beta_60", "--symbol", "BTC-USD", "--json"]);
    assert_eq!(missing["values"][0]["missing"], "no_benchmark", "{missing}");
    let csv = desk.ok(&["export", "features", "--symbol", "BTC-USD", "--format", "csv", "--from", "2021-02-22"]);
    let lines: Vec<Vec<&str>> = csv.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!((lines.len(), lines[0].len()), (3, 180));
    let column = |name: &str| lines[0].iter().position(|n| *n == name).unwrap();
    let shown: f64 = lines[2][column("rsi_14")].parse().unwrap();
    assert_eq!(shown.to_bits(), value["value"].as_f64().unwrap().to_bits());
    assert_eq!(lines[2][column("beta_60")], "", "missing is empty");
    let (_, json) = desk.json(&["export", "features", "--symbol", "BTC-USD", "--format", "json", "--from", "2021-02-23"]);
    assert_eq!((&json["strategy"], json["snapshot"].is_string(), &json["rows"][0]["rsi_14"]), (&"turbomode".into(), true, &value["value"]));
    let audited = desk.ok(&["config", "audit"]);
    assert!(audited.contains("turbomode  version 1: "), "{audited}");
}

#[test]
fn features_that_are_not_up_to_date_say_so() {
    let desk = stocked();
    build(&desk);
    let export = ["export", "features", "--symbol", "BTC-USD", "--format", "json"];
    let current = desk.run(&export);
    assert!(current.code == Some(0) && current.err.is_empty(), "{current:?}");
    let add = |days: std::ops::RangeInclusive<u64>, volume: &str| {
        let first = NaiveDate::from_ymd_opt(2021, 2, 23).unwrap();
        let mut rows = "date,open,high,low,close,volume\n".to_owned();
        for day in days {
            writeln!(rows, "{},101,{},99,102,{volume}", first + Days::new(day), 103 + day % 4).unwrap();
        }
        let more = desk.write("more.csv", rows);
        desk.ok(&["import", "candles", more.to_str().unwrap(), "--symbol", "BTC-USD", "--timeframe", "1d"]);
    };
    add(1..=1, "");
    desk.ok(&["features", "build"]);
    // The unknown volume is behind the newest bars, but not behind the one that is cached.
    add(2..=40, "1000");
    let behind = desk.run(&export);
    assert!(behind.code == Some(0) && behind.err.contains("behind the daily bars: `nightdesk features build"), "{behind:?}");
    assert!(behind.out.contains("\"note\""), "the file says it too");
    let (_, told) = desk.json(&["features", "explain", "cmf_20", "--json"]);
    assert_eq!((&told["values"][0]["date"], &told["values"][0]["missing"]), (&"2021-02-24".into(), &"unknown_volume".into()), "{told}");
    assert!(told["note"].as_str().unwrap().starts_with("behind the daily bars"), "{told}");
    assert!(desk.ok(&["features", "explain", "rsi_14"]).contains("  behind the daily bars"));

    let db = rusqlite::Connection::open(desk.path("data/turbomode.db")).unwrap();
    db.execute("DELETE FROM db_metadata WHERE key = 'features.snapshot'", []).unwrap();
    let cut = desk.run(&export);
    assert!(cut.code == Some(1) && cut.err.contains("was cut short") && cut.err.contains("nightdesk features build"), "{cut:?}");
    assert!(desk.ok(&["features", "explain", "rsi_14"]).contains("a build is under way, or was cut short"));
}

#[test]
fn without_market_data_no_database_of_a_strategy_is_begun() {
    let desk = Desk::new();
    let ran = desk.run(&["features", "build"]);
    assert!(ran.code == Some(1) && ran.err.contains("nightdesk ingest"), "{ran:?}");
    assert!(!desk.path("data/turbomode.db").exists());
}

#[test]
fn a_benchmark_that_gives_nothing_is_named() {
    let desk = stocked();
    desk.write("config/turbomode.toml", "[features]\nbenchmark = \"AAPL\"\n");
    let built = desk.run(&["features", "build", "--json"]);
    assert!(built.err.contains("the benchmark AAPL gives no market returns, no daily bar is stored"), "{built:?}");
    let json: serde_json::Value = serde_json::from_str(&built.out).unwrap();
    assert_eq!(json["silent_benchmark"]["symbol"], "AAPL");
}

#[test]
fn labels_are_exported_by_the_rules_of_each_strategy() {
    let desk = stocked();
    let export = |strategy: &str| {
        let (code, json) = desk.json(&["export", "labels", "--symbol", "BTC-USD", "--strategy", strategy, "--format", "json"]);
        assert_eq!(code, Some(0));
        assert_eq!((&json["strategy"], &json["rules_version"]), (&strategy.into(), &"1".into()));
        json["rows"].as_array().unwrap().clone()
    };
    let (slow, fast) = (export("turbomode"), export("slipstream"));
    assert_eq!((slow.len() as u64, fast.len() as u64), (BARS, BARS));
    let without = |rows: &[serde_json::Value], why: &str| rows.iter().filter(|r| r["why_none"] == why).count();
    assert_eq!((without(&slow, "short_history"), without(&slow, "unmatured")), (14, 14), "no label before ATR 14 and in the last 14 days");
    assert_eq!(without(&fast, "unmatured"), 5);
    for row in slow.iter().filter(|r| r["label"].is_string()) {
        let [entry, exit, gross, net] = ["entry", "exit", "gross_return", "net_return"].map(|k| row[k].as_f64().unwrap());
        assert!((gross - (exit / entry - 1.0)).abs() < 1e-12 && (gross - net - 0.001).abs() < 1e-12, "{row}");
        assert!(
            row["label_end"].as_str() > row["date"].as_str() && row["uniqueness"].as_f64().is_some_and(|u| u > 0.0 && u <= 1.0),
            "{row}"
        );
    }
    let regimes = slow.iter().filter(|r| r["regime"].is_string()).count();
    assert_eq!(regimes as u64, BARS - 272, "a regime needs a year and a month");
    desk.write("config/turbomode.toml", "[validation.label]\natr_multiple = 0.5\n");
    let narrow = export("turbomode");
    let holds = |rows: &[serde_json::Value]| rows.iter().filter(|r| r["label"] == "HOLD").count();
    assert!(holds(&narrow) < holds(&slow), "narrower barriers are reached more often");
    let refused = desk.run(&["export", "labels", "--symbol", "BTC-USD", "--format", "csv", "--timeframe", "1d"]);
    assert_eq!(refused.code, Some(2));
}

#[test]
fn the_data_set_is_made_and_told_with_the_proof_of_its_purge() {
    let desk = stocked();
    desk.write("config/universe.toml", "[Crypto]\nBTC-USD = \"Bitcoin\"\n");
    // No stock is there, so the features that need the market have no values; and the history is short.
    desk.write("config/turbomode.toml", "[features]\nmissing_market = \"drop_features\"\n[validation]\nmin_train_sessions = 60\n");
    let (code, json) = desk.json(&["dataset", "--json"]);
    let set = &json["dataset"];
    assert_eq!(
        (code, &set["bars"], &set["strategy"], &set["features"]),
        (Some(0), &BARS.into(), &"turbomode".into(), &174.into()),
        "{json}"
    );
    let dropped: u64 = set["dropped"].as_array().unwrap().iter().map(|d| d["rows"].as_u64().unwrap()).sum();
    assert_eq!(dropped + set["all"]["rows"].as_u64().unwrap(), BARS, "every bar is accounted for: {set}");
    assert!(set["no_blocks"].as_str().is_some_and(|why| why.contains("too few")), "{set}");
    assert!(json["purge_proof"]["holds"].is_null() && json["ok"] == true, "nothing was split, so nothing is proved: {json}");
    assert!(["rules", "aside"].iter().all(|k| set[*k].as_str().is_some_and(|h| h.len() == 16)), "{set}");
    assert!(set["thin"].as_array().is_some_and(|t| t.iter().any(|t| t["name"] == "Crypto")), "{set}");
    let text = desk.ok(&["dataset", "--strategy", "turbomode"]);
    assert!(text.starts_with("Data set of turbomode, rules version 1 (") && text.contains("Thin: Crypto has "), "{text}");
    assert!(text.contains("within each symbol") && !text.contains("Proved") && !text.contains("BROKEN"), "{text}");
    assert!(desk.ok(&["config", "audit"]).contains("turbomode  version 1: "), "the rules went on record");
    let none = Desk::new().run(&["dataset"]);
    assert!(none.code == Some(1) && none.err.contains("there is no database"), "{none:?}");
}

#[test]
fn a_stock_is_labelled_on_the_sessions_of_its_exchange() {
    let desk = Desk::new();
    let weekdays = |line: &&str| {
        line.split(',').next().and_then(|d| d.parse::<NaiveDate>().ok()).is_none_or(|d| d.weekday().num_days_from_monday() < 5)
    };
    let text = candles();
    let file = desk.write("candles.csv", text.lines().filter(weekdays).collect::<Vec<_>>().join("\n"));
    desk.ok(&["import", "candles", file.to_str().unwrap(), "--symbol", "AAPL", "--timeframe", "1d"]);
    let csv = desk.ok(&["export", "labels", "--symbol", "AAPL", "--strategy", "slipstream", "--format", "csv"]);
    assert!(csv.starts_with("date,regime,label,why_none,label_end,bars_held,"), "{csv}");
    let held: Vec<u32> = csv.lines().skip(1).filter_map(|l| l.split(',').nth(5)?.parse().ok()).collect();
    assert!(held.len() > 200 && held.iter().all(|n| (1..=5).contains(n)), "{held:?}");
}

#[test]
fn features_are_built_checked_and_found_wanting() {
    let desk = stocked();
    let ran = desk.run(&["features", "check"]);
    assert!(ran.code == Some(1) && ran.err.contains("nightdesk features build --strategy turbomode"), "{ran:?}");
    let (code, built) = desk.json(&["features", "build", "--json"]);
    assert_eq!((code, &built["rows"], &built["symbols"]), (Some(0), &BARS.into(), &1.into()), "{built}");
    assert!(built["recomputed_whole"].is_string() && built["missing"]["short_history"].is_u64(), "{built}");
    let again = desk.ok(&["features", "build"]);
    assert!(again.contains("0 in changed months") && again.contains("the rows of earlier months stand"), "{again}");

    let (code, seen) = desk.json(&["features", "check", "--json"]);
    assert_eq!((code, &seen["ok"], &seen["current"], &seen["rows"]), (Some(0), &true.into(), &true.into(), &BARS.into()), "{seen}");
    let stranger = desk.run(&["features", "check", "--symbols", "BTC-USD,NOSUCH"]);
    assert!(stranger.code == Some(2) && stranger.err.contains("NOSUCH"), "{stranger:?}");

    let db = rusqlite::Connection::open(desk.path("data/turbomode.db")).unwrap();
    let change =
        "UPDATE feature_store SET features = CAST(substr(features, 1, 8 * 3) || x'0000000000000000' || substr(features, 8 * 4 + 1) AS BLOB)
                  WHERE month = (SELECT max(month) FROM feature_store)";
    assert_eq!(db.execute(change, []).unwrap(), 1);
    let found = desk.run(&["features", "check"]);
    assert!(found.code == Some(1) && found.out.contains("rsi_7 is stored with another value"), "{found:?}");
    assert!(desk.run(&["verify"]).out.contains("turbomode: the features of BTC-USD in 2021-02 differ from what was written"));
    desk.ok(&["features", "build", "--whole"]);
    assert!(desk.ok(&["features", "check", "--symbols", "BTC-USD"]).starts_with("Sound: 420 rows of 1 symbol"));

    // A bar that is not computed yet: behind, not wrong.
    let more = desk.write("more.csv", "date,open,high,low,close,volume\n2021-02-24,101,103,99,102,1000\n");
    desk.ok(&["import", "candles", more.to_str().unwrap(), "--symbol", "BTC-USD", "--timeframe", "1d"]);
    let behind = desk.run(&["features", "check"]);
    assert!(behind.code == Some(3) && behind.out.contains("behind the daily bars"), "{behind:?}");
}

#[test]
fn copies_of_the_strategies_are_made_and_put_back_with_the_master() {
    let desk = stocked();
    build(&desk);
    let copies = desk.path("copies");
    let (code, made) = desk.json(&["backup", copies.to_str().unwrap(), "--json"]);
    assert_eq!((code, made["also"].as_array().map(Vec::len)), (Some(0), Some(1)), "{made}");
    std::fs::remove_file(desk.path("data/turbomode.db")).unwrap();
    let back = desk.ok(&["restore", copies.to_str().unwrap()]);
    assert!(back.contains("Restored too: "), "{back}");
    assert!(desk.ok(&["features", "build"]).contains("everything was computed: no checkpoint is stored"), "the cache was left out");
    assert!(desk.ok(&["verify"]).starts_with("Sound: "));
}
