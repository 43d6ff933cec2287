//! The Yahoo source against its simulator over TLS, with the real client crate: data, faults, pacing, sessions.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first assumption that does not hold")]

mod yahoo_desk;

use std::time::Duration;

use chrono::NaiveDate;
use nightdesk::config::YahooSettings;
use nightdesk::market::{Candle, DAY, Symbol, SystemClock, Timeframe, ts_to_date};
use nightdesk::sim::{Fault, FaultName};
use nightdesk::sources::yahoo::{YahooSetupError, YahooSource};
use nightdesk::sources::{LinkState, METRICS, Outcome, Source};
use yahoo_desk::{Desk, NOW, instrument, request};

fn data<T: std::fmt::Debug>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Data(data) => data,
        other => panic!("expected data, got {other:?}"),
    }
}

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
async fn a_429_stops_every_worker_until_the_cool_down_ends() {
    let desk = Desk::open().await;
    let source = desk.source();
    desk.server.inject(Fault::new(FaultName::TooMany).times(1));
    let req = request("AAPL", Timeframe::D1, NOW - 30 * DAY, NOW);
    let first = source.candles(&req).await;
    assert!(matches!(&first, Outcome::Pacing(f) if f.code == Some(429) && f.retry_after == Some(Duration::from_secs(60))), "{first:?}");
    assert_eq!(source.status().borrow().penalty_until, Some(NOW + 60));
    assert!(matches!(source.status().borrow().link, LinkState::Degraded { .. }));

    desk.clock.advance(Duration::from_secs(59));
    let msft = request("MSFT", Timeframe::D1, NOW - 30 * DAY, NOW);
    let (aapl, instrument) = (instrument("AAPL"), instrument("KO"));
    let (a, b, c) = tokio::join!(source.candles(&msft), source.fundamentals(&instrument), source.metadata(&aapl));
    assert_eq!([a.kind(), b.kind(), c.kind()], ["pacing"; 3]);
    assert_eq!(a.fault().unwrap().retry_after, Some(Duration::from_secs(1)));
    assert_eq!(desk.server.journal().len(), 1, "nothing leaves during the cool-down");

    desk.clock.advance(Duration::from_secs(1));
    assert!(!data(source.candles(&req).await).bars.is_empty());
    assert_eq!((desk.server.journal().len(), source.status().borrow().penalty_until), (2, None));
    assert_eq!(source.status().borrow().pacing_errors, 1);
}

#[tokio::test]
async fn cool_downs_double_while_429s_go_on() {
    let desk = Desk::open().await;
    let source = desk.source();
    desk.server.inject(Fault::new(FaultName::TooMany));
    let mut waits = Vec::new();
    for _ in 0..4 {
        let wait = source.probe().await.fault().unwrap().retry_after.unwrap();
        waits.push(wait.as_secs());
        desk.clock.advance(wait);
    }
    assert_eq!(waits, [60, 120, 240, 480]);
}

#[tokio::test]
async fn retry_after_is_honoured_where_it_is_seen() {
    let desk = Desk::open().await;
    let source = desk.source();
    // The typed reading fails, and our own second request is throttled with a wait of 90 s.
    desk.server.inject(Fault::new(FaultName::FloatVolume).times(1));
    let late = async {
        while desk.server.journal().is_empty() {
            tokio::task::yield_now().await;
        }
        desk.server.inject(Fault::new(FaultName::TooManyRetryAfter).times(1));
    };
    let req = request("AAPL", Timeframe::D1, NOW - 30 * DAY, NOW);
    let (outcome, ()) = tokio::join!(source.candles(&req), late);
    assert!(matches!(&outcome, Outcome::Pacing(f) if f.retry_after == Some(Duration::from_secs(90))), "{outcome:?}");
}

#[tokio::test]
async fn a_float_where_an_integer_belongs_is_rescued() {
    let desk = Desk::open().await;
    let source = desk.source();
    desk.server.inject(Fault::new(FaultName::FloatVolume));
    let req = request("AAPL", Timeframe::D1, NOW - 30 * DAY, NOW);
    let got = data(source.candles(&req).await);
    assert!(got.bars.iter().all(|b| b.volume.fract() == 0.5), "the vendor's own figure, unrounded");
    assert_eq!(desk.server.journal().len(), 2, "the typed request and one tolerant one");
    let got = data(source.fundamentals(&instrument("AAPL")).await);
    assert!(got.values[0].is_some_and(|cap| cap.fract() == 0.5));
    assert!(got.notes.iter().any(|n| n.contains("read tolerantly")), "{:?}", got.notes);
}

#[tokio::test]
async fn an_older_meta_block_is_rescued() {
    let desk = Desk::open().await;
    desk.server.inject(Fault::new(FaultName::MissingMeta));
    let got = data(desk.source().candles(&request("AAPL", Timeframe::D1, NOW - 30 * DAY, NOW)).await);
    assert_eq!(got.bars.len(), 22);
}

#[tokio::test]
async fn nulls_never_become_prices_and_zeros_never_volumes() {
    let desk = Desk::open().await;
    let source = desk.source();
    let req = request("AAPL", Timeframe::D1, NOW - 60 * DAY, NOW);
    let whole = data(source.candles(&req).await).bars.len();
    desk.server.inject(Fault::new(FaultName::NullOhlc).times(1));
    let got = data(source.candles(&req).await);
    assert!(got.bars.len() < whole && got.bars.iter().all(|b| b.open > 0.0 && b.high > 0.0 && b.low > 0.0));
    let dropped = whole - got.bars.len();
    assert_eq!(got.notes, [format!("{dropped} rows without a full set of prices were dropped")]);
    desk.server.inject(Fault::new(FaultName::NullBar).times(1));
    assert_eq!(data(source.candles(&req).await).bars.len(), whole - 1);
    desk.server.inject(Fault::new(FaultName::ZeroVolume).times(1));
    assert!(data(source.candles(&req).await).bars.iter().all(|b| b.volume.is_nan()));
}

#[tokio::test]
async fn each_refusal_has_its_outcome() {
    let cases: [(FaultName, &str, &str, usize); 8] = [
        (FaultName::Delisted, "unknown_symbol", "does not know this symbol", 1),
        (FaultName::WindowRefused, "bad_request", "must be within the last", 1),
        (FaultName::ServerError, "transient", "503", 2),
        (FaultName::Html, "transient", "web page", 2),
        (FaultName::EmptyBody, "transient", "empty body", 2),
        (FaultName::Truncated, "schema", "it begins: {\"chart\"", 2),
        (FaultName::Forbidden, "transient", "blocked", 1),
        (FaultName::Reset, "transient", "the connection to Yahoo broke", 1),
    ];
    for (fault, kind, text, requests) in cases {
        let desk = Desk::open().await;
        let source = desk.source();
        desk.server.inject(Fault::new(fault));
        let outcome = source.candles(&request("AAPL", Timeframe::M5, NOW - 5 * DAY, NOW)).await;
        let message = outcome.fault().map(|f| f.message.clone()).unwrap_or_default();
        assert_eq!(outcome.kind(), kind, "{fault}: {outcome:?}");
        assert!(message.contains(text), "{fault}: {message}");
        assert_eq!(desk.server.journal().len(), requests, "{fault}");
        let shown = source.status().borrow().last_error.clone().unwrap().1;
        assert!(message.starts_with(&shown), "{fault}: {shown}");
        desk.server.clear_faults();
        data(source.candles(&request("AAPL", Timeframe::M5, NOW - 5 * DAY, NOW)).await);
        assert_eq!(source.status().borrow().link, LinkState::Up, "{fault}");
    }
}

#[tokio::test]
async fn a_window_over_the_servers_wall_is_our_mistake_and_not_retried() {
    // The client's clock is four days behind the server's, so that its own margin of one day is not enough.
    let desk = Desk::open().await;
    let behind = nightdesk::market::ManualClock::at(NOW - 4 * DAY);
    let source = YahooSource::new(&desk.settings(), behind).unwrap();
    let outcome = source.candles(&request("AAPL", Timeframe::M1, NOW - 32 * DAY, NOW - 27 * DAY)).await;
    assert!(matches!(&outcome, Outcome::BadRequest(f) if f.message.contains("within the last 30 days")), "{outcome:?}");
    assert_eq!(desk.server.journal().iter().map(|e| e.status).collect::<Vec<_>>(), [422]);
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
async fn a_refused_crumb_rests_fundamentals_only() {
    let desk = Desk::open().await;
    let source = desk.source();
    desk.server.inject(Fault::new(FaultName::BadCrumb));
    let refused = source.fundamentals(&instrument("AAPL")).await;
    assert!(matches!(&refused, Outcome::Transient(f) if f.retry_after == Some(Duration::from_mins(15))), "{refused:?}");
    let sent = desk.server.journal().len();
    let resting = source.metadata(&instrument("MSFT")).await;
    assert!(matches!(&resting, Outcome::Transient(f) if f.message.contains("rest")), "{resting:?}");
    assert_eq!(desk.server.journal().len(), sent, "no request inside the pause");
    data(source.candles(&request("AAPL", Timeframe::D1, NOW - 9 * DAY, NOW)).await);
    assert!(matches!(&source.status().borrow().link, LinkState::Degraded { reason } if reason.contains("candles go on")));

    desk.server.clear_faults();
    desk.clock.advance(Duration::from_mins(15));
    assert!(data(source.fundamentals(&instrument("AAPL")).await).values[0].is_some());
}

#[tokio::test]
async fn a_rotated_crumb_is_survived() {
    let desk = Desk::open().await;
    let source = desk.source();
    data(source.fundamentals(&instrument("AAPL")).await);
    desk.server.rotate_crumbs();
    let got = data(source.fundamentals(&instrument("KO")).await);
    assert_eq!(got.values, desk.feed.profile(&instrument("KO"), desk.clock_now()).metrics);
    let refused = desk.server.journal().iter().filter(|e| e.status == 401).count();
    assert_eq!(refused, 2, "one for the crate's session and one for ours");
}

impl Desk {
    fn clock_now(&self) -> i64 {
        nightdesk::market::Clock::now(&*self.clock)
    }
}

#[tokio::test]
async fn the_peg_ratio_may_fail_alone() {
    let desk = Desk::open().await;
    let source = desk.source();
    let path = "/v10/finance/quoteSummary/AAPL";
    // The typed request is answered; as soon as it is noted, the small one behind it is refused.
    let spoil = async {
        while !desk.server.journal().iter().any(|e| e.path == path) {
            tokio::task::yield_now().await;
        }
        desk.server.serve_body(path, 200, "{\"quoteSummary\":");
    };
    let aapl = instrument("AAPL");
    let (got, ()) = tokio::join!(source.fundamentals(&aapl), spoil);
    let got = data(got);
    assert!(got.values[0].is_some() && got.values[4].is_none());
    assert!(got.notes.iter().any(|n| n.starts_with("peg_ratio: its own request failed")), "{:?}", got.notes);
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
async fn an_unknown_certificate_is_refused_and_named() {
    let desk = Desk::open().await;
    let source = desk.source();
    desk.server.inject(Fault::new(FaultName::BadTls));
    let outcome = source.probe().await;
    assert!(matches!(&outcome, Outcome::Transient(f) if f.message.contains("TLS")), "{outcome:?}");
    assert!(desk.server.journal().is_empty(), "no request over a connection that is not trusted");
    assert!(matches!(source.status().borrow().link, LinkState::Down { .. }));
}

#[tokio::test]
async fn an_unreachable_host_is_reported() {
    let desk = Desk::open().await;
    let settings = desk.settings();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let source = YahooSource::new(&YahooSettings { loopback: Some(closed.to_string()), ..settings }, desk.clock.clone()).unwrap();
    let outcome = source.probe().await;
    assert!(matches!(&outcome, Outcome::Transient(f) if f.message.contains("cannot be reached")), "{outcome:?}");
    let outcome = source.fundamentals(&instrument("AAPL")).await;
    assert!(matches!(&outcome, Outcome::Transient(f) if f.message.contains("cannot be reached")), "{outcome:?}");
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_cancelling_ends_a_request_at_once() {
    let desk = Desk::open().await;
    let source = YahooSource::new(&YahooSettings { timeout_s: 1, ..desk.settings() }, desk.clock.clone()).unwrap();
    desk.server.inject(Fault::new(FaultName::Slow));
    let req = request("AAPL", Timeframe::D1, NOW - 9 * DAY, NOW);
    let mut status = source.status();
    {
        let pending = source.candles(&req);
        tokio::pin!(pending);
        let under_way = status.wait_for(|s| s.in_flight == 1);
        tokio::select! {
            outcome = &mut pending => panic!("answered: {outcome:?}"),
            seen = under_way => drop(seen.unwrap()),
        }
    }
    assert_eq!(source.status().borrow().in_flight, 0, "dropping the future withdraws the request");
    let outcome = source.candles(&req).await;
    assert!(matches!(&outcome, Outcome::Transient(f) if f.message.contains("in time")), "{outcome:?}");
}

#[tokio::test]
async fn after_shutdown_calls_fail_and_nothing_is_sent() {
    let desk = Desk::open().await;
    let source = desk.source();
    source.shutdown().await;
    assert_eq!(source.probe().await.kind(), "transient");
    assert!(desk.server.journal().is_empty());
}

/// Runs in a child process whose environment hides every CA certificate.
#[tokio::test]
async fn without_a_ca_store_the_live_source_says_so_and_the_simulator_still_works() {
    const MARK: &str = "NIGHTDESK_TEST_WITHOUT_CA";
    if std::env::var_os(MARK).is_none() {
        let this = std::env::current_exe().unwrap();
        let name = "without_a_ca_store_the_live_source_says_so_and_the_simulator_still_works";
        let hidden = "/nonexistent/certificates";
        let child = std::process::Command::new(this)
            .args(["--exact", name])
            .envs([(MARK, "1"), ("SSL_CERT_FILE", hidden), ("SSL_CERT_DIR", hidden)])
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        return;
    }
    let live = YahooSource::new(&YahooSettings::default(), SystemClock::shared());
    assert!(matches!(live.err(), Some(YahooSetupError::NoCaStore)));
    let desk = Desk::open().await;
    let source = desk.source();
    let req = request("AAPL", Timeframe::D1, NOW - 30 * DAY, NOW);
    assert_eq!(data(source.candles(&req).await).bars.len(), 22);
    let got = data(source.fundamentals(&instrument("AAPL")).await);
    assert_eq!(got.values, desk.feed.profile(&instrument("AAPL"), NOW).metrics);
    desk.server.inject(Fault::new(FaultName::TooManyRetryAfter).times(1));
    let throttled = source.candles(&req).await;
    assert!(matches!(&throttled, Outcome::Pacing(f) if f.retry_after == Some(Duration::from_secs(90))), "{throttled:?}");
}

#[test]
fn the_http_client_keeps_the_fingerprint_that_yahoo_accepts() {
    let manifest: toml::Value = toml::from_str(include_str!("../Cargo.toml")).unwrap();
    let reqwest = &manifest["dependencies"]["reqwest"];
    assert_eq!(reqwest["default-features"].as_bool(), Some(false));
    assert_eq!(reqwest["features"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect::<Vec<_>>(), ["json"]);
    let lock: toml::Value = toml::from_str(include_str!("../Cargo.lock")).unwrap();
    let packages = lock["package"].as_array().unwrap();
    let reqwests: Vec<_> = packages.iter().filter(|p| p["name"].as_str() == Some("reqwest")).collect();
    assert_eq!(reqwests.len(), 1, "one reqwest for the crate and for us");
    let needs: Vec<&str> = reqwests[0]["dependencies"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
    for unwanted in ["h2", "native-tls", "tokio-native-tls", "hyper-tls", "async-compression", "hickory-resolver"] {
        assert!(!needs.iter().any(|n| n.split(' ').next() == Some(unwanted)), "reqwest pulls in {unwanted}");
    }
}
