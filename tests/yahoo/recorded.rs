//! Real recorded answers of Yahoo, read directly and through the simulator over TLS with the real client.
//!
//! The recordings are not part of the repository; `NIGHTDESK_FIXTURES` names the folder that holds them.

use std::path::PathBuf;

use chrono::NaiveDate;
use nightdesk::market::{Candle, Clock, DAY, Instrument, METRICS, ManualClock, Timeframe, ts_to_date};
use nightdesk::sources::yahoo::{YahooSource, read_chart, read_chart_actions, read_summary};
use nightdesk::sources::{CandleRequest, Fetched, Outcome, Source, Window};
use serde_json::Value;

use crate::desk::{Desk, instrument};

/// What a recorded chart holds for us: bars, and events since 2000.
enum Holds {
    Bars { n: usize, first: &'static str, last: &'static str, splits: usize, dividends: usize, notes: usize },
    Nothing,
}

const fn plain(n: usize, first: &'static str, last: &'static str) -> Holds {
    Holds::Bars { n, first, last, splits: 0, dividends: 0, notes: 0 }
}

/// Counted in the recordings by hand: rows with four prices, dates in the exchange's zone.
const CHARTS: [(&str, Holds); 19] = [
    (
        "0P0000XTS7_1d_2024-09_fund_null_bar",
        Holds::Bars { n: 1, first: "2024-09-12", last: "2024-09-12", splits: 0, dividends: 0, notes: 1 },
    ),
    (
        "AAPL_1d_2020-08-31_2020-11-07_div_split",
        Holds::Bars { n: 49, first: "2020-08-31", last: "2020-11-06", splits: 1, dividends: 1, notes: 0 },
    ),
    ("AAPL_1d_2024-10", plain(10, "2024-09-30", "2024-10-11")),
    ("AAPL_1d_6mo_2025-10_2div", Holds::Bars { n: 127, first: "2025-04-30", last: "2025-10-29", splits: 0, dividends: 2, notes: 0 }),
    // 391 rows: one is all nulls, one is the closing print.
    ("AAPL_1m_2024-10-02_null_bar", Holds::Bars { n: 389, first: "2024-10-02", last: "2024-10-02", splits: 0, dividends: 0, notes: 1 }),
    ("AAPL_1m_weekend_no_timestamp", Holds::Nothing),
    // 61 rows: the last is the live day inside October.
    ("AAPL_1mo_2019-2024_20div", Holds::Bars { n: 60, first: "2019-11-01", last: "2024-10-01", splits: 0, dividends: 20, notes: 0 }),
    ("AFRAF_1d_2020-01_OTC_zero_volume", plain(1, "2020-01-02", "2020-01-02")),
    ("APS.AX_1d_2020-01_no_rows", Holds::Nothing),
    ("BTC-USD_1d_2020-01", plain(3, "2020-01-01", "2020-01-03")),
    ("EURUSD=X_1d_2020-01_FX_zero_volume", plain(3, "2020-01-01", "2020-01-03")),
    ("GC=F_1d_2020-01_FUTURE", plain(1, "2020-01-02", "2020-01-02")),
    ("GS2C.DE_1d_5d_EUR", plain(5, "2025-10-23", "2025-10-29")),
    ("LUCYW_1d_null_currency_no_rows", Holds::Nothing),
    ("MSFT_1d_2021-02_2022-01_4div", Holds::Bars { n: 252, first: "2021-02-01", last: "2022-01-28", splits: 0, dividends: 4, notes: 0 }),
    ("QQQ_1d_2020-01_ETF", plain(1, "2020-01-02", "2020-01-02")),
    ("TSLA_1d_2011_2024", plain(3303, "2010-06-29", "2023-08-11")),
    // 30 rows, 13 of them in the regular session.
    (
        "TSLA_30m_2021-11-22_prepost_zero_volume",
        Holds::Bars { n: 13, first: "2021-11-22", last: "2021-11-22", splits: 0, dividends: 0, notes: 1 },
    ),
    ("VXAPL_index_1d_no_rows", Holds::Nothing),
];

/// The recorded bodies of one kind, by file name without its ending; empty where there are none on this machine.
fn bodies(kind: &str) -> Vec<(String, String)> {
    let Some(root) = std::env::var_os("NIGHTDESK_FIXTURES").map(PathBuf::from) else {
        println!("skipped: NIGHTDESK_FIXTURES is not set");
        return Vec::new();
    };
    let folder = root.join("yahoo").join(kind);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let json = paths.into_iter().filter(|p| p.extension().is_some_and(|e| e == "json"));
    json.map(|p| (p.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(p).unwrap())).collect()
}

/// The question that a recorded chart answers, and an instant shortly after its last row.
fn question(body: &str) -> (CandleRequest, i64) {
    let json: Value = serde_json::from_str(body).unwrap();
    let result = &json["chart"]["result"][0];
    let timeframe = match result["meta"]["dataGranularity"].as_str().unwrap() {
        "1m" => Timeframe::M1,
        "30m" => Timeframe::M30,
        "1mo" => Timeframe::Mo1,
        _ => Timeframe::D1,
    };
    let stamps: Vec<i64> = result["timestamp"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
    let first = stamps.first().copied().unwrap_or(1_700_000_000);
    let now = stamps.last().copied().unwrap_or(1_700_000_000) + 7_200;
    let window = Window { start: first.div_euclid(DAY) * DAY - 32 * DAY, end: now };
    // An intraday window may not reach over the wall of 29 days.
    let window = if timeframe.is_intraday() { Window { start: first - 60, end: now } } else { window };
    let instrument = instrument(result["meta"]["symbol"].as_str().unwrap());
    (CandleRequest { instrument, timeframe, window }, now)
}

fn sane(name: &str, bars: &[Candle]) {
    assert!(bars.windows(2).all(|w| w[0].ts < w[1].ts), "{name}: ascending");
    for b in bars {
        assert!([b.open, b.high, b.low, b.close].iter().all(|p| p.is_finite() && *p > 0.0), "{name}: {b:?}");
        assert!(b.low <= b.open.min(b.close) && b.high >= b.open.max(b.close), "{name}: {b:?}");
        assert!(b.volume.is_nan() || b.volume > 0.0, "{name}: {b:?}");
    }
}

fn check(name: &str, outcome: &Outcome<Fetched>) {
    let Some((_, holds)) = CHARTS.iter().find(|(n, _)| *n == name) else { panic!("{name}: say in CHARTS what it holds") };
    match (holds, outcome) {
        (Holds::Nothing, Outcome::Empty(_)) => {}
        (Holds::Bars { n, first, last, notes, .. }, Outcome::Data(fetched)) => {
            sane(name, &fetched.bars);
            let ends = [0, fetched.bars.len() - 1].map(|i| ts_to_date(fetched.bars[i].ts).to_string());
            assert_eq!((fetched.bars.len(), ends[0].as_str(), ends[1].as_str()), (*n, *first, *last), "{name}");
            assert_eq!(fetched.notes.len(), *notes, "{name}: {:?}", fetched.notes);
        }
        (_, other) => panic!("{name}: {other:?}"),
    }
}

#[test]
fn every_recorded_chart_is_read() {
    for (name, body) in bodies("chart") {
        let (request, now) = question(&body);
        check(&name, &read_chart(200, &body, &request, now));
        let since = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
        let Some((_, Holds::Bars { splits, dividends, .. })) = CHARTS.iter().find(|(n, _)| *n == name) else { continue };
        let Outcome::Data(actions) = read_chart_actions(200, &body, request.instrument.symbol, since) else { panic!("{name}: no actions") };
        assert_eq!((actions.splits.len(), actions.dividends.len()), (*splits, *dividends), "{name}");
    }
}

#[test]
fn recorded_details_are_exact() {
    let bodies = bodies("chart");
    let find = |name: &str| bodies.iter().find(|(n, _)| n.starts_with(name)).map(|(_, b)| b);
    if let Some(body) = find("AAPL_1d_2020-08-31") {
        let Outcome::Data(actions) = read_chart_actions(200, body, instrument("AAPL").symbol, NaiveDate::MIN) else { panic!("no actions") };
        let (split, dividend) = (actions.splits[0], actions.dividends[0]);
        assert_eq!((split.ex_date.to_string(), split.numerator, split.denominator), ("2020-08-31".into(), 4.0, 1.0));
        assert_eq!((dividend.ex_date.to_string(), dividend.amount), ("2020-11-06".into(), 0.205));
    }
    if let Some(body) = find("AAPL_1mo") {
        let (request, now) = question(body);
        let Outcome::Data(fetched) = read_chart(200, body, &request, now) else { panic!("no bars") };
        let last = fetched.bars.last().unwrap();
        // The month's row counts the live day already: its volume is the sum of the ten days.
        assert_eq!((last.close, last.volume, last.is_final), (227.550_003_051_757_8, 332_258_600.0, false));
    }
    if let Some(body) = find("TSLA_1d") {
        let (request, now) = question(body);
        let Outcome::Data(fetched) = read_chart(200, body, &request, now) else { panic!("no bars") };
        let day = fetched.bars.iter().find(|b| ts_to_date(b.ts).to_string() == "2020-08-28").unwrap();
        assert!((day.close - 2213.40 / 15.0).abs() < 1e-4, "split-adjusted: {}", day.close);
    }
}

#[tokio::test]
async fn every_recorded_chart_ingests_over_the_wire() {
    for (name, body) in bodies("chart") {
        let (request, now) = question(&body);
        let desk = Desk::at(now).await;
        desk.server.serve_body(format!("/v8/finance/chart/{}", request.instrument.symbol), 200, body.clone());
        let outcome = desk.source().candles(&request).await;
        check(&name, &outcome);
        if let (Outcome::Data(wire), Outcome::Data(read)) = (&outcome, read_chart(200, &body, &request, now)) {
            assert!(wire.bars.iter().zip(&read.bars).all(|(a, b)| a.same_content(b)), "{name}: the wire changes nothing");
        }
        // The four bodies from before 2024 take the tolerant second request.
        let typed = body.contains("\"fullExchangeName\"");
        assert_eq!(desk.server.journal().len(), if typed { 1 } else { 2 }, "{name}");
    }
}

fn metric(values: &[Option<f64>], name: &str) -> Option<f64> {
    values[METRICS.iter().position(|m| *m == name).unwrap()]
}

/// Metrics present in each recorded summary; `None` where only metadata is there.
const SUMMARIES: [(&str, &str, usize); 13] = [
    ("AAPL_all_2025-02", "AAPL", 36),
    ("AAPL_excerpt_2026-08_pegRatio", "AAPL", 31),
    ("ABBV_all_2025-02", "ABBV", 35),
    ("ADH_all_2025-02", "ADH", 0),
    ("AMZN_all_2025-02", "AMZN", 35),
    ("BTC-USD_all_2025-02", "BTC-USD", 1),
    ("EURUSD=X_all_2025-02", "EURUSD=X", 0),
    ("GC=F_all_2025-02", "GC=F", 0),
    ("GOOG_all_2025-02", "GOOG", 35),
    ("MSFT_financialData_2025-10", "MSFT", 16),
    ("MSFT_profile_api_2025-10", "MSFT", 0),
    ("QQQ_all_2025-02", "QQQ", 1),
    ("SPOT_all_2025-02", "SPOT", 34),
];

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 2, 24).unwrap()
}

#[tokio::test]
async fn every_recorded_summary_ingests() {
    for (name, body) in bodies("quoteSummary") {
        let Some((_, symbol, count)) = SUMMARIES.iter().find(|s| s.0 == name) else { panic!("{name}: say in SUMMARIES what it holds") };
        let instrument: Instrument = instrument(symbol);
        let Outcome::Data((read, meta)) = read_summary(200, &body, &instrument, day()) else { panic!("{name}: not read") };
        assert_eq!(read.values.iter().flatten().count(), *count, "{name}: {:?}", read.notes);
        assert!(read.values.iter().flatten().all(|v| v.is_finite()), "{name}");

        let desk = Desk::at(1_740_400_000).await;
        desk.server.serve_body(format!("/v10/finance/quoteSummary/{symbol}"), 200, body);
        let source = desk.source();
        match source.fundamentals(&instrument).await {
            Outcome::Data(wire) => assert_eq!(wire.values, read.values, "{name}"),
            Outcome::Empty(_) => assert_eq!(*count, 0, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(source.metadata(&instrument).await, Outcome::Data(meta), "{name}");
    }
}

#[test]
fn recorded_metrics_are_the_figures_yahoo_showed() {
    let bodies = bodies("quoteSummary");
    let read = |name: &str, symbol: &str| {
        let body = &bodies.iter().find(|(n, _)| n == name)?.1;
        match read_summary(200, body, &instrument(symbol), day()) {
            Outcome::Data(found) => Some(found),
            other => panic!("{name}: {other:?}"),
        }
    };
    if let Some((f, m)) = read("AAPL_all_2025-02", "AAPL") {
        let expected = [
            ("market_cap", 3_688_676_720_640.0),
            ("trailing_pe", 38.91442),
            ("forward_pe", 29.548_735),
            ("revenue", 395_760_009_216.0),
            ("debt_to_equity", 145.0),
            ("dividend_yield", 0.0041),
            ("fifty_two_week_change", 0.355_431_68),
            ("shares_outstanding", 15_022_100_480.0),
        ];
        for (name, value) in expected {
            assert_eq!(metric(&f.values, name), Some(value), "{name}");
        }
        assert_eq!(f.notes, ["peg_ratio: not in the answer"]);
        assert_eq!((m.name.as_deref(), m.exchange.as_deref()), (Some("Apple Inc."), Some("NMS")));
        assert_eq!(m.first_trade_date.map(|d| d.to_string()), Some("1980-12-12".into()));
    }
    if let Some((f, _)) = read("AAPL_excerpt_2026-08_pegRatio", "AAPL") {
        assert_eq!(metric(&f.values, "peg_ratio"), Some(2.53));
    }
    if let Some((f, m)) = read("BTC-USD_all_2025-02", "BTC-USD") {
        assert_eq!((metric(&f.values, "market_cap"), f.notes.len()), (Some(1_903_960_915_968.0), 0));
        assert!(m.summary.is_some_and(|s| s.starts_with("Bitcoin (BTC)")));
    }
    if let Some((f, _)) = read("MSFT_financialData_2025-10", "MSFT") {
        // Recorded with {raw, fmt} values, which the crate's types refuse.
        assert_eq!(metric(&f.values, "revenue"), Some(281_723_994_112.0));
    }
}

#[test]
fn every_recorded_error_has_its_own_outcome() {
    let expected: [(&str, u16, &str, &str); 7] = [
        ("chart_400_no_data_for_dates_BEKE", 400, "empty", "Data doesn't exist for startDate = 1577836800"),
        ("chart_404_delisted_SI", 404, "unknown_symbol", "No data found, symbol may be delisted"),
        ("quoteSummary_404_empty_symbol", 404, "unknown_symbol", "nothing at this address"),
        ("quoteSummary_404_no_fundamentals_ADH", 404, "empty", "No fundamentals data found"),
        ("quoteSummary_404_quote_not_found_QQQcomma", 404, "unknown_symbol", "Quote not found for ticker symbol: QQQ,"),
        ("quote_v7_empty_result", 200, "schema", "no quoteSummary in it"),
        ("search_400_missing_q", 400, "bad_request", "Missing required query parameter=q"),
    ];
    for (name, body) in bodies("errors") {
        let Some((_, status, kind, text)) = expected.iter().find(|e| e.0 == name) else { panic!("{name}: say what it means") };
        let (got, message) = if name.starts_with("chart") {
            let request = crate::desk::request("AAPL", Timeframe::D1, 0, 2_000_000_000);
            said(read_chart(*status, &body, &request, crate::desk::NOW))
        } else {
            said(read_summary(*status, &body, &instrument("AAPL"), day()))
        };
        assert_eq!(got, *kind, "{name}: {message}");
        assert!(message.contains(text), "{name}: {message}");
    }
}

fn said<T: std::fmt::Debug>(outcome: Outcome<T>) -> (&'static str, String) {
    let kind = outcome.kind();
    match outcome {
        Outcome::Empty(why) => (kind, why),
        other => (kind, other.fault().map(|f| f.message.clone()).unwrap_or_default()),
    }
}

#[tokio::test]
async fn recorded_errors_mean_the_same_over_the_wire() {
    let expected = [("chart_400_no_data_for_dates_BEKE", 400, "empty"), ("chart_404_delisted_SI", 404, "unknown_symbol")];
    for (name, body) in bodies("errors") {
        let Some((_, status, kind)) = expected.iter().find(|e| e.0 == name) else { continue };
        let desk = Desk::open().await;
        desk.server.serve_body("/v8/finance/chart/AAPL", *status, body);
        let clock = ManualClock::at(desk.clock.now());
        let source = YahooSource::new(&desk.settings(), clock).unwrap();
        let request = crate::desk::request("AAPL", Timeframe::D1, 0, crate::desk::NOW);
        assert!(desk.feed.instrument(request.instrument.symbol).is_some(), "the market itself knows the symbol");
        assert_eq!(source.candles(&request).await.kind(), *kind, "{name}");
        assert_eq!(desk.server.journal().len(), 1, "{name}: asked once");
    }
}
