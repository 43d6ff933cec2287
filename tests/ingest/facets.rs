//! Splits, dividends, fundamentals and descriptions: who is asked, what counts as work, and what is no change.

use nightdesk::config::SourcePolicy;
use nightdesk::engine::{CellState, Command, IngestSpec};
use nightdesk::market::{Facet, SourceId, Timeframe};
use nightdesk::store::master::RunState;

use crate::support::{Desk, daily, quick_settings, symbol};

fn refresh(source: SourcePolicy) -> IngestSpec {
    IngestSpec { source: Some(source), refresh_facets: true, ..daily() }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_vendors_words_are_no_change_of_the_listing() {
    let mut desk = Desk::start(&["AMZN", "BTC-USD"], quick_settings()).await;
    let mut words = Vec::new();
    for source in [SourcePolicy::Ib, SourcePolicy::Auto, SourcePolicy::Ib, SourcePolicy::Yahoo, SourcePolicy::Auto] {
        let run = desk.ingest(refresh(source)).await;
        let summary = run.summary.unwrap();
        assert_eq!((run.state, summary.issues), (RunState::Succeeded, 0), "{source:?}: {:?}", summary.failures);
        words.push(desk.reader().symbol_metadata(symbol("AMZN")).unwrap().unwrap());
    }
    assert_eq!(desk.engine.state.borrow().market.count(CellState::Quarantined), 0);
    let from: Vec<SourceId> = words.iter().map(|w| w.1).collect();
    assert_eq!(from, [SourceId::Ib, SourceId::Yahoo, SourceId::Yahoo, SourceId::Yahoo, SourceId::Yahoo]);
    assert!(words[0].0.quote_type.is_none() && words[0].0.ib_contract_id.is_some());
    assert_eq!(words[1].0.quote_type.as_deref(), Some("EQUITY"));
    assert!(words[1..].iter().all(|w| w.0 == words[1].0), "Yahoo's words stay: {words:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gentle_stop_does_not_wait_for_a_slow_facet() {
    let mut desk = Desk::start(&["AAPL"], quick_settings()).await;
    desk.yahoo_fault("slow:AAPL");
    let run_id = desk.begin(refresh(SourcePolicy::Auto)).await;
    desk.wait_for(|s| s.active.as_ref().filter(|r| r.progress.series_done >= 3).map(|_| ())).await;
    let asked = std::time::Instant::now();
    desk.send(Command::Cancel { run_id, now: false }).await.unwrap();
    assert_eq!(desk.ended(run_id).await.state, RunState::Cancelled);
    assert!(asked.elapsed().as_secs() < 5, "the facet would have been waited for: {:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_source_serves_is_neither_asked_nor_failed() {
    let mut desk = Desk::start(&["AAPL"], quick_settings()).await;
    let run = desk.ingest(refresh(SourcePolicy::Ib)).await;
    let summary = run.summary.unwrap();
    assert_eq!((run.state, summary.failures), (RunState::Succeeded, vec![]));
    assert!(summary.requests.iter().all(|r| r.0 == SourceId::Ib), "{:?}", summary.requests);
    assert!(desk.reader().facet_age(symbol("AAPL"), Facet::Metadata).unwrap().is_some());
    assert!(desk.reader().latest_fundamentals(symbol("AAPL")).unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_one_timeframe_reads_splits_and_dividends_and_nothing_else() {
    let mut desk = Desk::start(&["MSFT"], quick_settings()).await;
    let spec = IngestSpec { timeframes: vec![Timeframe::D1], ..IngestSpec::default() };
    let run = desk.ingest(spec.clone()).await;
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.summary);
    let reader = desk.reader();
    assert!(!reader.dividends(symbol("MSFT")).unwrap().is_empty());
    for facet in [Facet::Fundamentals, Facet::Metadata] {
        assert_eq!(reader.facet_age(symbol("MSFT"), facet).unwrap(), None);
    }
    let again = desk.ingest(spec).await.summary.unwrap();
    assert_eq!(again.requests, vec![], "they are not due again within the day");
}
