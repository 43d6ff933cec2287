//! The Yahoo source against its simulator over TLS, with the real client crate: what it delivers when all is well.

use std::time::Duration;

use chrono::NaiveDate;
use nightdesk::market::{Candle, DAY, METRICS, Symbol, Timeframe, ts_to_date};
use nightdesk::sim::{Fault, FaultName};
use nightdesk::sources::{Outcome, Source};

use crate::desk::{Desk, NOW, data, instrument, request};

fn narrowed(bar: &Candle) -> [f64; 4] {
    [bar.open, bar.high, bar.low, bar.close].map(|p| f64::from(p as f32))
}

#[tokio::test]
async fn every_served_timeframe_equals_the_market() {
    let desk = Desk::open().await;
    let source = desk.source();
    for symbol in ["AAPL", "BTC-USD"] {
        let instrument = instrument(symbol);
        for timeframe in Timeframe::ALL.into_iter().filter(|&t| source.serves(instrument.asset, t)) {
            let days = if timeframe.is_intraday() { 6 } else { 700 };
            let req = request(symbol, timeframe, NOW - days * DAY, NOW);
            let got = data(source.candles(&req).await);
            let want = desk.feed.bars(&instrument, timeframe, req.window.start, req.window.end, NOW);
            assert_eq!(got.notes, Vec::<String>::new(), "{symbol} {timeframe}");
            assert_eq!(
                got.bars.iter().map(|b| b.ts).collect::<Vec<_>>(),
                want.iter().map(|b| b.ts).collect::<Vec<_>>(),
                "{symbol} {timeframe}"
            );
            for (g, w) in got.bars.iter().zip(&want) {
                assert_eq!([g.open, g.high, g.low, g.close], narrowed(w), "{symbol} {timeframe} {}", g.ts);
                assert_eq!(g.is_final, w.is_final, "{symbol} {timeframe} {}", g.ts);
                assert!(symbol != "AAPL" || g.volume == w.volume || (w.volume == 0.0 && g.volume.is_nan()));
            }
            assert!(!got.bars.last().unwrap().is_final, "{symbol} {timeframe}: the market is open");
        }
    }
}

#[tokio::test]
async fn after_the_close_the_day_is_final_and_still_one_bar() {
    let desk = Desk::at(NOW + 5 * 3600).await;
    let got = data(desk.source().candles(&request("AAPL", Timeframe::D1, NOW - 10 * DAY, NOW + DAY)).await);
    let last = got.bars.last().unwrap();
    assert_eq!((ts_to_date(last.ts).to_string(), last.is_final), ("2026-11-18".into(), true));
    let got = data(desk.source().candles(&request("AAPL", Timeframe::M30, NOW - DAY, NOW + DAY)).await);
    assert_eq!(got.bars.iter().filter(|b| ts_to_date(b.ts).to_string() == "2026-11-18").count(), 13);
    assert!(got.notes.is_empty(), "the closing print is dropped without a word: {:?}", got.notes);
}

#[tokio::test]
async fn splits_and_dividends_equal_the_market() {
    let desk = Desk::open().await;
    let source = desk.source();
    let since = NaiveDate::from_ymd_opt(2018, 1, 1).unwrap();
    let mut seen = 0;
    for symbol in ["AAPL", "MSFT", "KO", "BRK-B", "BTC-USD"] {
        let got = data(source.actions(&instrument(symbol), since).await);
        let mut want = desk.feed.actions(&instrument(symbol), NOW);
        want.splits.retain(|s| s.ex_date >= since);
        want.dividends.retain(|d| d.ex_date >= since);
        seen += want.splits.len() + want.dividends.len();
        assert_eq!(got, want, "{symbol}");
    }
    assert!(seen > 0, "the market of this seed pays and splits");
}

#[tokio::test]
async fn all_metrics_and_metadata_arrive() {
    let desk = Desk::open().await;
    let source = desk.source();
    for symbol in ["AAPL", "KO", "BTC-USD"] {
        let instrument = instrument(symbol);
        let want = desk.feed.profile(&instrument, NOW);
        let got = data(source.fundamentals(&instrument).await);
        for (i, name) in METRICS.iter().enumerate() {
            assert_eq!(got.values[i], want.metrics[i], "{symbol} {name}");
            let noted = got.notes.iter().any(|n| n.starts_with(name));
            assert_eq!(noted, got.values[i].is_none() && symbol != "BTC-USD", "{symbol} {name}");
        }
        assert_eq!(got.date.to_string(), "2026-11-18");
        let meta = data(source.metadata(&instrument).await);
        assert_eq!(meta, want.metadata, "{symbol}");
    }
    // Fundamentals and metadata of one symbol share one reading: two requests each, beside the two sessions.
    let summaries = desk.server.journal().iter().filter(|e| e.path.contains("quoteSummary")).count();
    assert_eq!(summaries, 6);
}

#[tokio::test]
async fn windows_are_clamped_before_they_are_sent() {
    let desk = Desk::open().await;
    let source = desk.source();
    let old = source.candles(&request("AAPL", Timeframe::M1, NOW - 60 * DAY, NOW - 50 * DAY)).await;
    assert!(matches!(&old, Outcome::BadRequest(f) if f.message.contains("last 29 days")), "{old:?}");
    let unserved = source.candles(&request("AAPL", Timeframe::H4, NOW - DAY, NOW)).await;
    assert_eq!(unserved.kind(), "bad_request");
    assert!(desk.server.journal().is_empty());
    let cut = data(source.candles(&request("AAPL", Timeframe::M1, NOW - 35 * DAY, NOW - 26 * DAY)).await);
    assert!(cut.bars[0].ts >= NOW - 29 * DAY && cut.notes.iter().any(|n| n.contains("cut")));
}

#[tokio::test]
async fn nothing_there_is_an_honest_nothing() {
    let desk = Desk::open().await;
    let source = desk.source();
    // Saturday and Sunday.
    let weekend = source.candles(&request("AAPL", Timeframe::M30, NOW - 4 * DAY - 15 * 3600, NOW - 2 * DAY - 15 * 3600)).await;
    assert_eq!(weekend.kind(), "empty", "{weekend:?}");
    let before = source.candles(&request("BTC-USD", Timeframe::D1, 1_262_304_000, 1_264_896_000)).await;
    assert!(matches!(&before, Outcome::Empty(why) if why.contains("Data doesn't exist")), "{before:?}");
    let unknown = source.candles(&request("ZZZZ", Timeframe::D1, NOW - 9 * DAY, NOW)).await;
    assert_eq!(unknown.kind(), "unknown_symbol", "{unknown:?}");
    assert_eq!(source.fundamentals(&instrument("ZZZZ")).await.kind(), "unknown_symbol");
}

#[tokio::test]
async fn a_split_tonight_rewrites_history_tomorrow() {
    let desk = Desk::open().await;
    let source = desk.source();
    let aapl = Symbol::new("AAPL").unwrap();
    desk.server.inject(Fault::new(FaultName::SplitTonight).on(aapl));
    let req = request("AAPL", Timeframe::D1, NOW - 30 * DAY, NOW - 2 * DAY);
    let before = data(source.candles(&req).await).bars;
    desk.clock.advance(Duration::from_hours(24));
    let after = data(source.candles(&req).await).bars;
    let ratio = before[0].close / after[0].close;
    assert!((ratio - 4.0).abs() < 0.01, "{ratio}");
    let splits = data(source.actions(&instrument("AAPL"), ts_to_date(NOW)).await).splits;
    assert_eq!(splits.iter().map(|s| (s.ex_date.to_string(), s.ratio())).collect::<Vec<_>>(), [("2026-11-19".to_string(), 4.0)]);
}

#[tokio::test]
async fn after_shutdown_calls_fail_and_nothing_is_sent() {
    let desk = Desk::open().await;
    let source = desk.source();
    source.shutdown().await;
    assert_eq!(source.probe().await.kind(), "transient");
    assert!(desk.server.journal().is_empty());
}

#[test]
fn the_http_client_keeps_the_fingerprint_that_yahoo_accepts() {
    let manifest: toml::Value = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    let reqwest = &manifest["dependencies"]["reqwest"];
    assert_eq!(reqwest["default-features"].as_bool(), Some(false));
    assert_eq!(reqwest["features"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect::<Vec<_>>(), ["json"]);
    let lock: toml::Value = toml::from_str(include_str!("../../Cargo.lock")).unwrap();
    let packages = lock["package"].as_array().unwrap();
    let reqwests: Vec<_> = packages.iter().filter(|p| p["name"].as_str() == Some("reqwest")).collect();
    assert_eq!(reqwests.len(), 1, "one reqwest for the crate and for us");
    let needs: Vec<&str> = reqwests[0]["dependencies"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
    for unwanted in ["h2", "native-tls", "tokio-native-tls", "hyper-tls", "async-compression", "hickory-resolver"] {
        assert!(!needs.iter().any(|n| n.split(' ').next() == Some(unwanted)), "reqwest pulls in {unwanted}");
    }
}
