//! IB down and back: Yahoo fills in, the breaker probes, and what Yahoo brought is fetched again.

use nightdesk::engine::{Command, IngestSpec};
use nightdesk::market::{DAY, SourceId, Timeframe};
use nightdesk::sources::{BreakerState, LinkState};
use nightdesk::store::master::RunState;

use crate::support::{Desk, SUNDAY, quick_settings, series};

fn sources(desk: &Desk, timeframe: Timeframe) -> Vec<SourceId> {
    let all = desk.reader().provenance(series("AAPL", timeframe)).unwrap();
    all.into_iter().filter(|p| p.1 > 0).map(|p| p.0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn yahoo_fills_while_ib_is_away_and_ib_fetches_it_again_afterwards() {
    let mut desk = Desk::start(&["AAPL", "KO"], quick_settings()).await;
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
