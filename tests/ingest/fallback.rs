//! IB down and back: Yahoo fills in, the breaker probes, and what Yahoo brought is fetched again.

use nightdesk::engine::{Command, IngestSpec};
use nightdesk::market::{DAY, SourceId, Timeframe};
use nightdesk::sources::{BreakerState, LinkState, SourceStatus};
use nightdesk::store::master::RunState;
use nightdesk::store::scheduler::Job;

use crate::support::{Build, Desk, Night, SUNDAY, quick_settings, series};

/// A desk whose engine may begin runs by itself.
fn scheduled() -> Build {
    Build { night: Night { schedule: true, ..Night::default() }, ..Build::default() }
}

fn sources(desk: &Desk, timeframe: Timeframe) -> Vec<SourceId> {
    let all = desk.reader().provenance(series("AAPL", timeframe)).unwrap();
    all.into_iter().filter(|p| p.1 > 0).map(|p| p.0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn yahoo_fills_while_ib_is_away_and_ib_fetches_it_again_afterwards() {
    let mut desk = Desk::build(&["AAPL", "KO"], scheduled()).await;
    desk.ib_fault("close-after-accept");
    let spec = IngestSpec { timeframes: vec![Timeframe::D1, Timeframe::M30], ..IngestSpec::default() };
    let run = desk.ingest(spec).await;
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.summary);
    for timeframe in [Timeframe::D1, Timeframe::M30, Timeframe::H1, Timeframe::W1] {
        assert_eq!(sources(&desk, timeframe), [SourceId::Yahoo], "{timeframe}");
    }
    let yahoo = desk.contents();
    let alert = desk.wait_for(|s| s.alerts.iter().find(|a| a.key == "source:ib").cloned()).await;
    assert!(alert.text.contains("ib"), "{alert:?}");
    assert!(desk.engine.state.borrow().sources.iter().any(|s| s.source == SourceId::Ib && matches!(s.breaker, BreakerState::Open { .. })));

    desk.demo.gateway().clear_faults();
    desk.send(Command::Probe { source: SourceId::Ib }).await.unwrap();
    // The recovery run starts by itself and covers the whole universe.
    let recovery = desk.ended(run.id + 1).await;
    assert_eq!(recovery.state, RunState::Succeeded, "{:?}", recovery.summary);
    for timeframe in [Timeframe::D1, Timeframe::M30, Timeframe::H1, Timeframe::W1] {
        assert_eq!(sources(&desk, timeframe), [SourceId::Ib], "{timeframe}");
    }
    let ib = desk.contents();
    assert!(yahoo.iter().all(|(name, bars)| ib[name].len() >= bars.len()), "nothing is lost on the way back");
    let status = desk.wait_for(|s| s.sources.iter().find(|s| s.source == SourceId::Ib && s.link == LinkState::Up).cloned()).await;
    assert_eq!(status.breaker, BreakerState::Closed);
    let last = desk.ingest(IngestSpec::default()).await.summary.unwrap();
    assert_eq!((last.inserted, last.revised), (0, 0), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ib_that_is_back_starts_nothing_that_was_paused_or_is_not_this_engines() {
    for (schedule, pause) in [(true, true), (false, false)] {
        let night = Night { schedule, ..Night::default() };
        let mut desk = Desk::build(&["AAPL"], Build { night, ..Build::default() }).await;
        if pause {
            desk.send(Command::Pause { job: Job::Ingest, reason: "moving house".into() }).await.unwrap();
        }
        desk.ib_fault("close-after-accept");
        let spec = IngestSpec { timeframes: vec![Timeframe::D1], ..IngestSpec::default() };
        let run = desk.ingest(spec.clone()).await;
        desk.demo.gateway().clear_faults();
        desk.send(Command::Probe { source: SourceId::Ib }).await.unwrap();
        let closed = |s: &SourceStatus| s.source == SourceId::Ib && s.breaker == BreakerState::Closed;
        desk.wait_for(|s| s.sources.iter().find(|s| closed(s)).cloned()).await;
        assert_eq!(desk.ingest(spec).await.id, run.id + 1, "no run came between");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_restarts_mid_run_costs_no_bar() {
    let mut calm = Desk::start(&["AAPL", "KO"], quick_settings()).await;
    calm.ingest(IngestSpec::default()).await;
    let mut desk = Desk::start(&["AAPL", "KO"], quick_settings()).await;
    let run = desk.begin(IngestSpec::default()).await;
    desk.demo.gateway().journal().wait(|c| c.history_requests >= 2).await;
    desk.demo.gateway().restart(std::time::Duration::from_millis(300)).await;
    let ended = desk.ended(run).await;
    assert_eq!(ended.state, RunState::Succeeded, "{:?}", ended.summary);
    let (want, got) = (calm.contents(), desk.contents());
    assert_eq!(got.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
    assert!(want.iter().all(|(name, bars)| got[name].iter().map(|b| b.0).eq(bars.iter().map(|b| b.0))), "the same stamps");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ib_says_it_does_not_have_comes_from_nobody_twice() {
    let mut desk = Desk::start(&["AAPL"], quick_settings()).await;
    desk.ib_fault("spurious-200:AAPL");
    let spec = IngestSpec { timeframes: vec![Timeframe::D1], ..IngestSpec::default() };
    let run = desk.ingest(spec.clone()).await;
    assert_eq!((run.state, sources(&desk, Timeframe::D1)), (RunState::Succeeded, vec![SourceId::Yahoo]));
    desk.demo.gateway().clear_faults();
    desk.clock.jump_to(SUNDAY + DAY);
    desk.ingest(spec.clone()).await;
    let again = desk.ingest(spec).await.summary.unwrap();
    assert_eq!((again.inserted, again.revised), (0, 0), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ib_that_comes_back_mid_run_is_made_use_of_by_that_run() {
    let symbols = ["AAPL", "KO", "MSFT", "JNJ", "XOM", "CAT", "NEE", "PLD", "PG", "JPM", "VZ", "LIN"];
    let mut desk = Desk::start(&symbols, quick_settings()).await;
    desk.ib_fault("close-after-accept");
    let run = desk.begin(IngestSpec::default()).await;
    let breaker = |s: &nightdesk::engine::Snapshot| s.sources.iter().find(|s| s.source == SourceId::Ib).map(|s| s.breaker);
    desk.wait_for(|s| breaker(s).filter(|b| matches!(b, BreakerState::Open { .. }))).await;
    desk.wait_for(|s| s.active.as_ref().filter(|r| r.progress.bars > 0).map(|_| ())).await;
    desk.demo.gateway().clear_faults();
    desk.send(Command::Probe { source: SourceId::Ib }).await.unwrap();
    desk.wait_for(|s| breaker(s).filter(|b| *b == BreakerState::Closed)).await;
    assert!(desk.engine.state.borrow().active.is_some(), "the run is still at work when IB is back");
    let ended = desk.ended(run).await;
    assert_eq!(ended.state, RunState::Succeeded, "{:?}", ended.summary);
    for timeframe in [Timeframe::M1, Timeframe::M30, Timeframe::D1] {
        for symbol in symbols {
            let all = desk.reader().provenance(series(symbol, timeframe)).unwrap();
            assert_eq!(all.first().map(|p| p.0), Some(SourceId::Ib), "{symbol} {timeframe} {all:?}");
            assert_eq!(all.len(), 1, "{symbol} {timeframe} {all:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_that_only_a_resting_ib_can_serve_is_asked_for_when_it_is_back() {
    let mut settings = quick_settings();
    settings.ingest.history.insert(Timeframe::M30, nightdesk::config::Lookback::days(90));
    let mut desk = Desk::build(&["AAPL"], Build { settings, ..scheduled() }).await;
    desk.ib_fault("close-after-accept");
    let spec = IngestSpec { timeframes: vec![Timeframe::D1], ..IngestSpec::default() };
    desk.ingest(spec).await;
    let half_hours = IngestSpec { timeframes: vec![Timeframe::M30], ..IngestSpec::default() };
    desk.ingest(half_hours.clone()).await;
    let first = |d: &Desk| d.reader().series_state(series("AAPL", Timeframe::M30)).unwrap().and_then(|s| s.first_ts).unwrap();
    assert!(first(&desk) > SUNDAY - 60 * DAY, "Yahoo serves sixty days");
    desk.demo.gateway().clear_faults();
    desk.send(Command::Probe { source: SourceId::Ib }).await.unwrap();
    desk.ended(3).await;
    assert!(first(&desk) < SUNDAY - 85 * DAY, "IB serves the rest the same night");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ib_may_not_serve_is_not_fetched_from_yahoo_every_night() {
    let mut desk = Desk::start(&["AAPL"], quick_settings()).await;
    desk.ib_fault("no-permission:AAPL");
    let spec = IngestSpec { timeframes: vec![Timeframe::D1], ..IngestSpec::default() };
    let run = desk.ingest(spec.clone()).await;
    assert_eq!((run.state, sources(&desk, Timeframe::D1)), (RunState::Succeeded, vec![SourceId::Yahoo]));
    // A new process has forgotten the refusal; the database has not.
    let mut desk = desk.reopen().await;
    for requests in [vec![(SourceId::Ib, 1)], vec![]] {
        let again = desk.ingest(spec.clone()).await;
        assert_eq!(again.state, RunState::Succeeded, "{:?}", again.summary);
        assert_eq!(again.summary.unwrap().requests, requests);
    }
}
