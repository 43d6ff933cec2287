//! The choice between sources, over both simulators: fallback, provenance, recovery, and what is remembered.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use nightdesk::config::{IngestSettings, SourcePolicy, YahooSettings};
use nightdesk::market::{Calendar, Candle, DAY, Facet, SourceId, Timeframe};
use nightdesk::sim::yahoo::{Server, ServerOptions};
use nightdesk::sim::{Fault, FaultName};
use nightdesk::sources::hybrid::{FetchEnd, FetchRequest, Hybrid, HybridTuning, Part};
use nightdesk::sources::ib::IbSource;
use nightdesk::sources::yahoo::YahooSource;
use nightdesk::sources::{BreakerState, LinkState, Outcome, Source, Window};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::desk::{IbDesk, NOW, instrument};

/// Both simulators over one market.
struct Pair {
    ib: IbDesk,
    yahoo: Server,
    folder: tempfile::TempDir,
}

fn tuning() -> HybridTuning {
    HybridTuning {
        pause_first: Duration::from_millis(30),
        pause_most: Duration::from_millis(60),
        breaker_rest: Duration::from_millis(150),
        ..HybridTuning::from(&IngestSettings::default())
    }
}

impl Pair {
    async fn open() -> Self {
        let ib = IbDesk::open().await;
        let yahoo = Server::start(ServerOptions::new(ib.feed.clone(), ib.clock.clone())).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        yahoo.write_ca(&folder.path().join("ca.pem")).unwrap();
        Self { ib, yahoo, folder }
    }

    fn yahoo_settings(&self) -> YahooSettings {
        YahooSettings {
            requests_per_second: 1000,
            timeout_s: 5,
            loopback: Some(self.yahoo.addr().to_string()),
            loopback_ca: Some(self.folder.path().join("ca.pem")),
            ..YahooSettings::default()
        }
    }

    fn yahoo(&self) -> Arc<dyn Source> {
        YahooSource::new(&self.yahoo_settings(), self.ib.clock.clone()).unwrap()
    }

    fn hybrid(&self, ib: Arc<IbSource>, tuning: HybridTuning) -> Arc<Hybrid> {
        Hybrid::start_tuned(Some(ib), Some(self.yahoo()), tuning, self.ib.clock.clone())
    }

    fn both(&self) -> Arc<Hybrid> {
        self.hybrid(self.ib.source(), tuning())
    }

    /// An IB source that talks to a port where nobody listens.
    async fn nobody(&self) -> Arc<IbSource> {
        let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        self.ib.at(addr, |t| t.backoff_first = Duration::from_secs(30))
    }
}

fn want(symbol: &str, timeframe: Timeframe, start: i64, end: i64) -> FetchRequest {
    FetchRequest { instrument: instrument(symbol), timeframe, span: Window { start, end }, policy: SourcePolicy::Auto }
}

fn minutes() -> FetchRequest {
    want("AAPL", Timeframe::M1, NOW - NOW % DAY - 12 * DAY, NOW - NOW % DAY)
}

async fn fetch(hybrid: &Hybrid, want: &FetchRequest) -> (Vec<Part>, FetchEnd) {
    let (send, mut receive) = mpsc::channel(64);
    let end = hybrid.fetch(want, &send, &CancellationToken::new()).await;
    drop(send);
    let mut parts = Vec::new();
    while let Some(p) = receive.recv().await {
        parts.push(p);
    }
    (parts, end)
}

fn asked(parts: &[Part]) -> Vec<(SourceId, &'static str)> {
    parts.iter().map(|p| (p.source, p.outcome.kind())).collect()
}

fn candles(parts: &[Part]) -> Vec<Candle> {
    let data = parts.iter().filter_map(|p| if let Outcome::Data(f) = &p.outcome { Some(&f.bars) } else { None });
    data.flatten().copied().collect()
}

async fn breaker(hybrid: &Hybrid, id: SourceId, reached: impl Fn(BreakerState) -> bool) {
    let mut status = hybrid.statuses().into_iter().find(|s| s.borrow().source == id).unwrap();
    tokio::time::timeout(Duration::from_secs(10), status.wait_for(|s| reached(s.breaker))).await.unwrap().unwrap();
}

const DONE: FetchEnd = FetchEnd { failed: None, remaining: None, unreachable: None, cancelled: false, notes: Vec::new() };

#[tokio::test]
async fn ib_is_asked_first_and_each_part_names_it() {
    let pair = Pair::open().await;
    let hybrid = pair.both();
    let want = minutes();
    let (parts, end) = fetch(&hybrid, &want).await;
    assert_eq!(end, DONE);
    assert_eq!(asked(&parts), [(SourceId::Ib, "data"); 3]);
    let stamps: Vec<i64> = candles(&parts).iter().map(|c| c.ts).collect();
    assert_eq!(stamps, Calendar::Xnys.expected(Timeframe::M1, want.span.start, want.span.end));
    let hours: Vec<SourceId> = hybrid.pick(&want.instrument, Timeframe::H1, SourcePolicy::Auto).iter().map(|s| s.id()).collect();
    assert_eq!(hours, [SourceId::Yahoo], "IB cuts stock hours elsewhere");
}

#[tokio::test]
async fn without_a_gateway_yahoo_fills_the_whole_span() {
    let pair = Pair::open().await;
    let hybrid = pair.hybrid(pair.nobody().await, tuning());
    let (parts, end) = fetch(&hybrid, &minutes()).await;
    assert_eq!(end, DONE);
    assert_eq!(asked(&parts)[0], (SourceId::Ib, "transient"));
    assert!(parts[1..].iter().all(|p| p.source == SourceId::Yahoo && p.outcome.kind() == "data"), "{:?}", asked(&parts));
    let (parts, _) = fetch(&hybrid, &minutes()).await;
    assert!(parts.iter().all(|p| p.source == SourceId::Yahoo), "a lost link opens the breaker at once");
    breaker(&hybrid, SourceId::Ib, |b| b != BreakerState::Closed).await;

    let only_ib = FetchRequest { policy: SourcePolicy::Ib, ..minutes() };
    let (parts, end) = fetch(&hybrid, &only_ib).await;
    assert!(parts.is_empty());
    assert_eq!(end.remaining, Some(only_ib.span));
    assert!(end.failed.unwrap().message.contains("ib is not answering"));
}

#[tokio::test]
async fn ib_is_taken_back_when_it_answers_a_probe() {
    let pair = Pair::open().await;
    let hybrid = pair.both();
    let mut recovered = hybrid.recovered();
    fetch(&hybrid, &minutes()).await;
    pair.ib.gateway.inject(Fault::new(FaultName::Restart).times(1));
    let (parts, end) = fetch(&hybrid, &minutes()).await;
    assert_eq!(end, DONE);
    let sources = asked(&parts);
    assert_eq!(sources[0], (SourceId::Ib, "transient"));
    assert_eq!(sources.last().unwrap(), &(SourceId::Yahoo, "data"), "{sources:?}");
    tokio::time::timeout(Duration::from_secs(10), recovered.wait_for(|n| *n == 1)).await.unwrap().unwrap();
    breaker(&hybrid, SourceId::Ib, |b| b == BreakerState::Closed).await;
    let (parts, _) = fetch(&hybrid, &minutes()).await;
    assert!(parts.iter().all(|p| p.source == SourceId::Ib), "{:?}", asked(&parts));
}

#[tokio::test]
async fn a_fallback_continues_where_the_first_source_stopped() {
    let pair = Pair::open().await;
    // The first request meets a harmless fault, all later ones a missing end marker.
    pair.ib.gateway.inject(Fault::new(FaultName::UnknownFrame).times(1));
    pair.ib.gateway.inject(Fault::new(FaultName::NoEndMarker));
    let source = pair.ib.tuned(|t| t.request = Duration::from_millis(300));
    let hybrid = pair.hybrid(source, HybridTuning { tries: 2, ..tuning() });
    let want = minutes();
    let (parts, end) = fetch(&hybrid, &want).await;
    assert_eq!(end, DONE);
    assert_eq!(asked(&parts)[..3], [(SourceId::Ib, "data"), (SourceId::Ib, "transient"), (SourceId::Ib, "transient")]);
    let rest = &parts[3..];
    assert!(rest.iter().all(|p| p.source == SourceId::Yahoo && p.window.start >= parts[0].window.end));
    assert_eq!(rest[0].window.start, parts[0].window.end);
    let stamps: Vec<i64> = candles(&parts).iter().map(|c| c.ts).collect();
    assert_eq!(stamps, Calendar::Xnys.expected(Timeframe::M1, want.span.start, want.span.end));
}

#[tokio::test]
async fn failures_in_a_row_open_the_breaker_and_a_probe_closes_it() {
    let pair = Pair::open().await;
    pair.ib.gateway.inject(Fault::new(FaultName::NoEndMarker));
    let source = pair.ib.tuned(|t| t.request = Duration::from_millis(200));
    let hybrid = pair.hybrid(source, HybridTuning { breaker_failures: 3, breaker_rest: Duration::from_mins(10), ..tuning() });
    let daily = want("AAPL", Timeframe::D1, NOW - 30 * DAY, NOW);
    let (parts, _) = fetch(&hybrid, &daily).await;
    assert_eq!(
        asked(&parts),
        [(SourceId::Ib, "transient"), (SourceId::Ib, "transient"), (SourceId::Ib, "transient"), (SourceId::Yahoo, "data")]
    );
    breaker(&hybrid, SourceId::Ib, |b| matches!(b, BreakerState::Open { until } if until > NOW)).await;
    let (parts, _) = fetch(&hybrid, &daily).await;
    assert_eq!(asked(&parts), [(SourceId::Yahoo, "data")]);
    pair.ib.gateway.clear_faults();
    assert_eq!(hybrid.probe_now(SourceId::Ib).await, Outcome::Data(()));
    breaker(&hybrid, SourceId::Ib, |b| b == BreakerState::Closed).await;
    let (parts, _) = fetch(&hybrid, &want("MSFT", Timeframe::D1, NOW - 30 * DAY, NOW)).await;
    assert_eq!(asked(&parts), [(SourceId::Ib, "data")]);
}

#[tokio::test]
async fn a_refusal_is_remembered_for_an_hour() {
    let pair = Pair::open().await;
    pair.ib.gateway.inject(Fault::new(FaultName::NoPermission).on(instrument("KO").symbol));
    let hybrid = pair.both();
    let daily = want("KO", Timeframe::D1, NOW - 30 * DAY, NOW);
    let (parts, end) = fetch(&hybrid, &daily).await;
    assert_eq!(end, DONE);
    assert_eq!(asked(&parts), [(SourceId::Ib, "not_entitled"), (SourceId::Yahoo, "data")]);
    assert_eq!(asked(&fetch(&hybrid, &daily).await.0), [(SourceId::Yahoo, "data")]);
    let other = fetch(&hybrid, &want("AAPL", Timeframe::D1, NOW - 30 * DAY, NOW)).await.0;
    assert_eq!(asked(&other), [(SourceId::Ib, "data")], "the refusal is the symbol's, not the source's");
    pair.ib.clock.advance(Duration::from_mins(61));
    assert_eq!(asked(&fetch(&hybrid, &daily).await.0)[0], (SourceId::Ib, "not_entitled"));
}

#[tokio::test]
async fn the_fallbacks_look_back_wall_is_told_apart() {
    let pair = Pair::open().await;
    let long = want("AAPL", Timeframe::M1, NOW - 60 * DAY, NOW - NOW % DAY);
    let hybrid = pair.hybrid(pair.nobody().await, tuning());
    let (parts, end) = fetch(&hybrid, &long).await;
    assert!(parts[1..].iter().all(|p| p.source == SourceId::Yahoo), "{:?}", asked(&parts));
    let head = end.remaining.unwrap();
    assert_eq!(head.start, long.span.start);
    assert!(end.failed.is_some() && end.unreachable.is_none(), "IB may still give the beginning");
    assert!(end.notes[0].contains("yahoo serves 1m bars only since"), "{:?}", end.notes);

    let alone = Hybrid::start_tuned(None, Some(pair.yahoo()), tuning(), pair.ib.clock.clone());
    let (_, end) = fetch(&alone, &long).await;
    assert_eq!((end.failed, end.remaining, end.unreachable), (None, None, Some(head)));
    let links: Vec<_> = alone.statuses().iter().map(|s| (s.borrow().source, s.borrow().link.clone())).collect();
    assert!(links.contains(&(SourceId::Ib, LinkState::Disabled)));
    assert_eq!(alone.probe_now(SourceId::Ib).await.kind(), "bad_request");
}

#[tokio::test]
async fn a_cancelled_fetch_ends_with_its_request_and_a_dropped_one_withdraws_it() {
    let pair = Pair::open().await;
    let journal = pair.ib.gateway.journal();
    let (cancel, want) = (CancellationToken::new(), minutes());
    let (send, mut receive) = mpsc::channel(64);
    let hybrid = pair.hybrid(pair.ib.source(), tuning());
    let stop = async {
        journal.wait(|c| c.history_requests == 1).await;
        cancel.cancel();
    };
    let (end, ()) = tokio::join!(hybrid.fetch(&want, &send, &cancel), stop);
    let first = receive.recv().await.unwrap();
    assert!(end.cancelled && end.failed.is_none());
    assert_eq!(first.outcome.kind(), "data", "what was asked is waited for");
    assert_eq!(end.remaining, Some(Window { start: first.window.end, end: want.span.end }));
    assert_eq!(journal.counters().history_requests, 1, "nothing new is begun");

    pair.ib.gateway.inject(Fault::new(FaultName::NoEndMarker));
    let hybrid = pair.hybrid(pair.ib.tuned(|t| t.request = Duration::from_secs(30)), tuning());
    let never = CancellationToken::new();
    tokio::select! {
        end = hybrid.fetch(&want, &send, &never) => panic!("answered: {end:?}"),
        _ = journal.wait(|c| c.history_requests == 2) => {}
    }
    // The gateway had sent the bars, so it answers the withdrawal with 366.
    journal.wait(|c| c.errors == 1).await;
}

#[tokio::test]
async fn a_window_without_an_answer_is_asked_for_in_halves() {
    let pair = Pair::open().await;
    let source = pair.ib.tuned(|t| t.request = Duration::from_millis(300));
    let alone = Hybrid::start_tuned(Some(source), None, tuning(), pair.ib.clock.clone());
    fetch(&alone, &want("AAPL", Timeframe::D1, NOW - DAY, NOW)).await;
    pair.ib.gateway.inject(Fault::new(FaultName::Hang).times(2));
    // Monday to Monday: one window.
    let today = NOW - NOW % DAY;
    let want = want("AAPL", Timeframe::M1, today - 9 * DAY, today - 2 * DAY);
    let (parts, end) = fetch(&alone, &want).await;
    assert_eq!(end, DONE);
    let sessions = |p: &Part| Calendar::Xnys.sessions(p.window.start, p.window.end).count();
    let tried: Vec<(&str, usize)> = parts.iter().map(|p| (p.outcome.kind(), sessions(p))).collect();
    assert_eq!(tried, [("transient", 5), ("transient", 2), ("data", 1), ("data", 1), ("data", 3)]);
    let stamps: Vec<i64> = candles(&parts).iter().map(|c| c.ts).collect();
    assert_eq!(stamps, Calendar::Xnys.expected(Timeframe::M1, want.span.start, want.span.end));
}

#[tokio::test]
async fn nobody_waits_out_a_long_cool_down() {
    let pair = Pair::open().await;
    let cooling = YahooSettings { cooldown_s: 1_800, ..pair.yahoo_settings() };
    let yahoo = || YahooSource::new(&cooling, pair.ib.clock.clone()).unwrap();
    pair.yahoo.inject(Fault::new(FaultName::TooMany).times(2));
    let began = tokio::time::Instant::now();
    let alone = Hybrid::start_tuned(None, Some(yahoo()), HybridTuning::from(&IngestSettings::default()), pair.ib.clock.clone());
    let daily = want("AAPL", Timeframe::D1, NOW - 30 * DAY, NOW);
    let (parts, end) = fetch(&alone, &daily).await;
    assert_eq!(asked(&parts), [(SourceId::Yahoo, "pacing")]);
    let message = end.failed.unwrap().message;
    assert!(message.contains("next 1800 s") && message.contains("waits no longer than 60 s"), "{message}");
    assert_eq!(end.remaining, Some(daily.span), "the next run asks for it");

    // Of hours, Yahoo is asked first; IB has none. Of days, IB is first and does not notice.
    let both = Hybrid::start_tuned(Some(pair.ib.source()), Some(yahoo()), tuning(), pair.ib.clock.clone());
    let (_, end) = fetch(&both, &want("AAPL", Timeframe::H1, NOW - 30 * DAY, NOW)).await;
    assert!(end.failed.is_some());
    assert_eq!(asked(&fetch(&both, &daily).await.0), [(SourceId::Ib, "data")]);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn short_cool_downs_are_waited_for_until_the_patience_is_used_up() {
    let pair = Pair::open().await;
    let cooling = YahooSettings { cooldown_s: 1, ..pair.yahoo_settings() };
    let yahoo = YahooSource::new(&cooling, pair.ib.clock.clone()).unwrap();
    let tuning = HybridTuning { tries: 9, patience: Duration::from_millis(1_500), ..tuning() };
    let alone = Hybrid::start_tuned(None, Some(yahoo), tuning, pair.ib.clock.clone());
    pair.yahoo.inject(Fault::new(FaultName::TooMany));
    // The desk's clock stands still, so the cool-down does not end.
    let (parts, end) = fetch(&alone, &want("AAPL", Timeframe::D1, NOW - 30 * DAY, NOW)).await;
    assert_eq!(asked(&parts), [(SourceId::Yahoo, "pacing"); 2], "one second was waited for, a second one is too much");
    assert!(end.failed.unwrap().message.contains("a run waits no longer"));
}

#[tokio::test]
async fn one_source_alone_is_tried_again_through_a_restart() {
    let pair = Pair::open().await;
    let hybrid = Hybrid::start_tuned(
        Some(pair.ib.source()),
        None,
        HybridTuning { tries: 6, pause_first: Duration::from_millis(150), pause_most: Duration::from_millis(300), ..tuning() },
        pair.ib.clock.clone(),
    );
    fetch(&hybrid, &minutes()).await;
    pair.ib.gateway.inject(Fault::new(FaultName::Restart).times(1));
    let (parts, end) = fetch(&hybrid, &minutes()).await;
    assert_eq!(end, DONE);
    assert_eq!(parts[0].outcome.kind(), "transient");
    assert_eq!(parts.iter().filter(|p| p.outcome.kind() == "data").count(), 3, "{:?}", asked(&parts));
}

#[tokio::test]
async fn facets_come_from_whom_has_them() {
    let pair = Pair::open().await;
    let hybrid = pair.both();
    let aapl = instrument("AAPL");
    let since = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
    let actions = hybrid.actions(&aapl, since, SourcePolicy::Auto).await;
    assert_eq!(actions.source, Some(SourceId::Yahoo));
    let want = pair.ib.feed.actions(&aapl, NOW);
    let Outcome::Data(got) = actions.outcome else { panic!("no actions") };
    assert_eq!(got.splits.len(), want.splits.len());
    let Outcome::Data(m) = hybrid.metadata(&aapl, SourcePolicy::Auto).await.outcome else { panic!("no metadata") };
    assert!(m.ib_contract_id.is_some() && m.sector.is_some(), "{m:?}");
    let f = hybrid.fundamentals(&aapl, SourcePolicy::Ib).await;
    assert_eq!((f.source, f.outcome), (None, Outcome::Empty("ib does not serve fundamentals".into())));
    assert_eq!(hybrid.answers(Facet::Fundamentals, aapl.asset, SourcePolicy::Ib), None);
    assert_eq!(hybrid.answers(Facet::Metadata, aapl.asset, SourcePolicy::Ib), Some(SourceId::Ib));
    assert_eq!(hybrid.answers(Facet::Metadata, aapl.asset, SourcePolicy::Auto), Some(SourceId::Yahoo));
    hybrid.shutdown().await;
    pair.ib.gateway.journal().wait(|c| c.open_connections == 0).await;
}
