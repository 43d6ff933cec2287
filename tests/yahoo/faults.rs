//! The Yahoo source under every fault: what the user is told, what is asked again, and what is left alone.

use std::time::Duration;

use nightdesk::config::YahooSettings;
use nightdesk::market::{Clock, DAY, ManualClock, SystemClock, Timeframe};
use nightdesk::sim::{Fault, FaultName};
use nightdesk::sources::yahoo::{YahooSetupError, YahooSource};
use nightdesk::sources::{LinkState, Outcome, Source};

use crate::desk::{Desk, NOW, data, instrument, request};

#[tokio::test]
async fn a_429_stops_every_worker_until_the_cool_down_ends() {
    let desk = Desk::open().await;
    let source = desk.source();
    desk.server.inject(Fault::new(FaultName::TooMany).times(1));
    let req = request("AAPL", Timeframe::D1, NOW - 30 * DAY, NOW);
    let first = source.candles(&req).await;
    assert!(matches!(&first, Outcome::Pacing(f) if f.code == Some(429) && f.retry_after == Some(Duration::from_mins(1))), "{first:?}");
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
async fn a_price_a_hundred_times_too_high_is_passed_on_for_the_checks_to_find() {
    let desk = Desk::open().await;
    let source = desk.source();
    let req = request("AAPL", Timeframe::D1, NOW - 60 * DAY, NOW);
    let good = data(source.candles(&req).await).bars;
    desk.server.inject(Fault::new(FaultName::Hundredfold).times(1));
    let got = data(source.candles(&req).await).bars;
    let factors: Vec<f64> = got.iter().zip(&good).map(|(g, w)| (g.close / w.close).round()).collect();
    assert_eq!(factors.iter().filter(|f| **f == 100.0).count(), 1, "a source repairs nothing silently: {factors:?}");
    assert_eq!(factors.iter().filter(|f| **f == 1.0).count(), good.len() - 1);
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
    let behind = ManualClock::at(NOW - 4 * DAY);
    let source = YahooSource::new(&desk.settings(), behind).unwrap();
    let outcome = source.candles(&request("AAPL", Timeframe::M1, NOW - 32 * DAY, NOW - 27 * DAY)).await;
    assert!(matches!(&outcome, Outcome::BadRequest(f) if f.message.contains("within the last 30 days")), "{outcome:?}");
    assert_eq!(desk.server.journal().iter().map(|e| e.status).collect::<Vec<_>>(), [422]);
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
    assert_eq!(got.values, desk.feed.profile(&instrument("KO"), desk.clock.now()).metrics);
    let refused = desk.server.journal().iter().filter(|e| e.status == 401).count();
    assert_eq!(refused, 2, "one for the crate's session and one for ours");
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

/// Runs in a child process whose environment hides every CA certificate.
#[tokio::test]
async fn without_a_ca_store_the_live_source_says_so_and_the_simulator_still_works() {
    const MARK: &str = "NIGHTDESK_TEST_WITHOUT_CA";
    if std::env::var_os(MARK).is_none() {
        let this = std::env::current_exe().unwrap();
        let name = "faults::without_a_ca_store_the_live_source_says_so_and_the_simulator_still_works";
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
