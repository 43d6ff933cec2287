//! A user's own data: in by CSV, out as CSV, Parquet and JSON, without a bit lost.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper that cannot prepare its files has failed its test")]

mod desk;

use std::fs;
use std::path::{Path, PathBuf};

use desk::Desk;
use nightdesk::market::{Candle, Clock, DAY, ManualClock, Series, SourceId, Symbol, SystemClock, Timeframe, ts_to_date};
use nightdesk::store::master::{CandleBatch, Reader, RunState, Writer, WriterOptions};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// The public-domain bars that the repository carries.
fn aapl() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/wiki/AAPL_wiki_2000-2013.csv")
}

/// Rows of a CSV text as numbers, the first column left as text.
fn rows(text: &str, columns: &[&str]) -> Vec<(String, Vec<f64>)> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let at: Vec<usize> = columns.iter().map(|c| header.iter().position(|h| h == *c).unwrap()).collect();
    let number = |s: &str| if s.is_empty() { f64::NAN } else { s.parse().unwrap() };
    reader.records().map(|r| r.unwrap()).map(|r| (r[0].to_owned(), at.iter().map(|i| number(&r[*i])).collect())).collect()
}

const PRICES: [&str; 5] = ["open", "high", "low", "close", "volume"];

#[test]
fn real_bars_come_back_exactly_and_importing_them_again_changes_nothing() {
    let desk = Desk::new();
    let file = aapl();
    let (code, summary) = desk.json(&["import", "candles", file.to_str().unwrap(), "--symbol", "AAPL", "--json"]);
    assert_eq!((code, &summary["rows"], &summary["inserted"], &summary["timeframe"]), (Some(0), &3270.into(), &3270.into(), &"1d".into()));
    assert_eq!(summary["ignored_columns"], serde_json::json!([]));
    assert!(summary["remarks"].to_string().contains("adjusted closes were not compared"), "{summary}");
    let export = ["export", "candles", "--symbol", "AAPL", "--timeframe", "1d", "--include-quarantined", "--format"];
    let csv = desk.ok(&[&export[..], &["csv"]].concat());
    assert_eq!(rows(&csv, &PRICES), rows(&fs::read_to_string(&file).unwrap(), &PRICES));
    let again = desk.write("again.csv", &csv);
    let (_, summary) = desk.json(&["import", "candles", again.to_str().unwrap(), "--symbol", "AAPL", "--json"]);
    assert_eq!((&summary["inserted"], &summary["revised"], &summary["unchanged"]), (&0.into(), &0.into(), &3270.into()));
    assert!(desk.ok(&["verify"]).starts_with("Sound"));

    let out = desk.path("aapl.parquet");
    desk.ok(&[&export[..], &["parquet", "--out", out.to_str().unwrap()]].concat());
    assert_eq!(from_parquet(&out), rows(&csv, &PRICES));

    let json: serde_json::Value = serde_json::from_str(&desk.ok(&[&export[..], &["json"]].concat())).unwrap();
    let row = |r: &serde_json::Value| (r["date"].as_str().unwrap().to_owned(), PRICES.map(|p| r[p].as_f64().unwrap()).to_vec());
    assert_eq!(json["rows"].as_array().unwrap().iter().map(row).collect::<Vec<_>>(), rows(&csv, &PRICES));
}

fn from_parquet(path: &Path) -> Vec<(String, Vec<f64>)> {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let number = |f: Field| match f {
        Field::Double(v) => v,
        Field::Null => f64::NAN,
        other => panic!("{other:?}"),
    };
    let row = |r: parquet::record::Row| {
        let mut fields = r.into_columns().into_iter().map(|(_, f)| f);
        let Some(Field::Date(days)) = fields.next() else { panic!("no date") };
        let date = nightdesk::market::ts_to_date(i64::from(days) * nightdesk::market::DAY).to_string();
        (date, fields.map(number).collect())
    };
    reader.get_row_iter(None).unwrap().map(|r| row(r.unwrap())).collect()
}

#[test]
fn raw_prices_with_splits_pass_the_checks_that_raw_prices_alone_do_not() {
    let desk = Desk::new();
    let file = aapl();
    let splits = desk.write("splits.csv", "Date,Ratio\n2000-06-21,2:1\n2005-02-28,2:1\n");
    let (_, summary) = desk.json(&["import", "splits", splits.to_str().unwrap(), "--symbol", "AAPL", "--json"]);
    assert_eq!(summary["inserted"], 2);
    desk.ok(&["import", "candles", file.to_str().unwrap(), "--symbol", "AAPL", "--raw"]);
    let (_, list) = desk.json(&["issues", "list", "--json"]);
    let checks: Vec<u64> = list["issues"].as_array().unwrap().iter().filter_map(|i| i["issue"]["check"].as_u64()).collect();
    assert!(!checks.contains(&6), "no unadjusted split: {list}");
    assert!(checks.contains(&7), "the crash of 2000-09-29 is a jump, not a split: {list}");
    let export = |adjust: &str| {
        let text = desk.ok(&[
            "export",
            "candles",
            "--symbol",
            "AAPL",
            "--timeframe",
            "1d",
            "--adjust",
            adjust,
            "--format",
            "csv",
            "--to",
            "2000-03-01",
        ]);
        rows(&text, &["close", "volume"])[0].1.clone()
    };
    assert_eq!(export("raw"), [130.31, 9_616_100.0]);
    assert_eq!(export("split"), [130.31 / 4.0, 38_464_400.0]);
    assert_eq!(
        desk.ok(&["export", "splits", "--symbol", "AAPL", "--format", "csv"]),
        "date,numerator,denominator\n2000-06-21,2,1\n2005-02-28,2,1\n"
    );
}

#[test]
fn dividends_round_trip_and_adjust_total_returns() {
    let desk = Desk::new();
    let bars = desk.write("bars.csv", "date,open,high,low,close\n2013-02-28,100,100,100,100\n2013-03-01,98,98,98,98\n");
    desk.ok(&["import", "candles", bars.to_str().unwrap(), "--symbol", "AAPL"]);
    let dividends = desk.write("dividends.csv", "ex_date,Dividends\n2013-03-01,2\n");
    desk.ok(&["import", "dividends", dividends.to_str().unwrap(), "--symbol", "AAPL"]);
    assert_eq!(desk.ok(&["export", "dividends", "--symbol", "AAPL", "--format", "csv"]), "date,amount\n2013-03-01,2\n");
    let total = desk.ok(&["export", "candles", "--symbol", "AAPL", "--timeframe", "1d", "--adjust", "total", "--format", "csv"]);
    assert_eq!(rows(&total, &["close"])[0].1, [98.0], "100 less the dividend's 2 %");
}

#[test]
fn malformed_rows_are_named_and_nothing_is_stored() {
    let desk = Desk::new();
    let file = desk.write("bad.csv", "date,open,high,low,close\n2013-03-01,1,1,1,1\n2013-03-04,1,oops,1,1\n2013-03-05,1,1,1,1\n");
    let import = ["import", "candles", file.to_str().unwrap(), "--symbol", "AAPL"];
    let ran = desk.run(&import);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    insta::assert_snapshot!(ran.err);
    assert!(!desk.path("data").exists(), "a refused file leaves no trace");
    let (code, summary) = desk.json(&[&import[..], &["--skip-bad-rows", "--json"]].concat());
    assert_eq!((code, &summary["skipped"], &summary["inserted"]), (Some(3), &1.into(), &2.into()));
    assert_eq!(summary["bad_rows"][0], "line 3, column high: \"oops\" is not a number");
}

#[test]
fn files_of_other_makers_are_read() {
    let Some(fixtures) = std::env::var_os("NIGHTDESK_FIXTURES").map(PathBuf::from) else {
        println!("skipped: NIGHTDESK_FIXTURES is not set");
        return;
    };
    let desk = Desk::new();
    let data = fixtures.join("market-data");
    for (file, symbol, timeframe, outside) in [
        ("daily-raw-adj/MSFT_wiki_2000-2013.csv", "MSFT", "1d", 0),
        ("daily-split-adjusted/NVDA_2013-2023.csv", "NVDA", "1d", 0),
        // One bar a day at 16:00 lies after the close.
        ("intraday/SPY_1min_2020-12-15_18.csv", "SPY", "1m", 4),
    ] {
        let path = data.join(file);
        let (code, summary) = desk.json(&["import", "candles", path.to_str().unwrap(), "--symbol", symbol, "--json"]);
        let lines = fs::read_to_string(&path).unwrap().lines().count() as u64 - 1;
        assert_eq!((code, &summary["timeframe"], &summary["rows"]), (Some(0), &timeframe.into(), &lines.into()), "{file}: {summary}");
        assert_eq!((&summary["dropped"], &summary["inserted"]), (&outside.into(), &(lines - outside).into()), "{file}: {summary}");
    }
    let holes = data.join("daily-index-crypto/BTCUSD_2020-2021.csv");
    let (code, summary) = desk.json(&["import", "candles", holes.to_str().unwrap(), "--symbol", "BTC-USD", "--skip-bad-rows", "--json"]);
    assert_eq!((code, &summary["skipped"], &summary["inserted"]), (Some(3), &4.into(), &662.into()), "four rows without prices: {summary}");
    let mixed = data.join("intraday/BTCUSD_15min_2021.csv");
    let ran = desk.run(&["import", "candles", mixed.to_str().unwrap(), "--symbol", "BTC-USD"]);
    assert!(ran.code == Some(1) && ran.err.contains("line 2884"), "a day that the file holds twice, in two offsets: {ran:?}");
}

#[test]
fn an_export_of_nothing_is_a_failure_and_leaves_no_file() {
    let desk = Desk::new();
    let bars = desk.write("bars.csv", "date,open,high,low,close\n2013-03-01,1,1,1,1\n");
    desk.ok(&["import", "candles", bars.to_str().unwrap(), "--symbol", "AAPL", "--timeframe", "1d"]);
    let out = desk.path("none.csv");
    let ran = desk.run(&["export", "candles", "--symbol", "MSFT", "--timeframe", "1d", "--format", "csv", "--out", out.to_str().unwrap()]);
    assert!(ran.code == Some(1) && ran.err.contains("nothing is stored that matches: candles of MSFT 1d"), "{ran:?}");
    assert!(!out.exists());
    let nowhere =
        desk.run(&["export", "candles", "--symbol", "AAPL", "--timeframe", "1d", "--format", "csv", "--out", "/nonexistent/x.csv"]);
    assert!(nowhere.code == Some(1) && nowhere.err.contains("next:"), "{nowhere:?}");
}

#[tokio::test]
async fn an_imported_split_adjusts_the_bars_that_were_imported_before_it() {
    let desk = Desk::new();
    let today = SystemClock::default().now() / DAY * DAY;
    let daily = Series { symbol: Symbol::new("ZZZZ").unwrap(), timeframe: Timeframe::D1 };
    let database = desk.path("data/market_data.db");
    // Ten days ago somebody imported the days before.
    let options = WriterOptions { cache_mib: 8, demo: false, clock: ManualClock::at(today - 10 * DAY) };
    let writer = Writer::open(&database, options).unwrap();
    let run_id = writer.begin_run(None, "{}".into()).await.unwrap();
    let bar = |days: i64| Candle { ts: today - days * DAY, open: 90.0, high: 99.0, low: 87.0, close: 96.0, volume: 100.0, is_final: true };
    let bars: Vec<Candle> = (11..20).rev().map(bar).collect();
    writer.candles(CandleBatch { series: daily, source: SourceId::File, run_id, bars, replace: None }).await.unwrap();
    writer.finish_run(run_id, RunState::Succeeded, None, None).await.unwrap();
    writer.close().await.unwrap();
    let file = desk.write("splits.csv", format!("date,ratio\n{},3\n", ts_to_date(today - 5 * DAY)));
    for (round, said) in [(1, "9 bars of ZZZZ 1d adjusted for a new split"), (2, "1 unchanged")] {
        let out = desk.ok(&["import", "splits", file.to_str().unwrap(), "--symbol", "ZZZZ"]);
        assert!(out.contains(said), "{round}: {out}");
        let bars = Reader::open(&database).unwrap().bars(daily, (i64::MIN, i64::MAX), false).unwrap();
        assert!(bars.len() == 9 && bars.iter().all(|b| (b.open, b.close, b.volume) == (30.0, 32.0, 300.0)), "{round}: {bars:?}");
    }
}
