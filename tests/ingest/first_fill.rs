//! The ingest run end to end: real clients, real sockets, a real database.

use crate::support::{Desk, quick_settings, series};
use nightdesk::engine::{CellState, IngestSpec};
use nightdesk::market::{SourceId, Timeframe};
use nightdesk::store::master::{RunState, verify};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_fill_brings_all_seventeen_timeframes_and_a_second_run_changes_nothing() {
    let mut desk = Desk::start(&["AAPL", "MSFT", "BTC-USD"], quick_settings()).await;
    let first = desk.ingest(IngestSpec::default()).await;
    let summary = first.summary.clone().unwrap();
    assert_eq!(first.state, RunState::Succeeded, "{:?}", summary.failures);
    assert_eq!((summary.series_ok, summary.series_failed), (51, 0));
    assert!(summary.inserted > 10_000, "{summary:?}");
    let snapshot = desk.engine.state.borrow().clone();
    assert_eq!(snapshot.market.count(CellState::Fresh), 51, "{:?}", snapshot.market.cells);
    {
        let reader = desk.reader();
        for timeframe in Timeframe::ALL {
            assert!(reader.series_state(series("AAPL", timeframe)).unwrap().is_some_and(|s| s.rows > 0), "{timeframe}");
        }
        assert_eq!(reader.provenance(series("AAPL", Timeframe::D1)).unwrap().first().map(|p| p.0), Some(SourceId::Ib));
        assert!(reader.latest_fundamentals(series("AAPL", Timeframe::D1).symbol).unwrap().is_some());
        assert!(!reader.dividends(series("MSFT", Timeframe::D1).symbol).unwrap().is_empty());
    }

    let second = desk.ingest(IngestSpec::default()).await;
    let summary = second.summary.unwrap();
    assert_eq!((summary.inserted, summary.revised, summary.derived), (0, 0, 0), "{summary:?}");
    assert_eq!(summary.requests, vec![], "nothing is missing, so nothing is asked for");
    let dir = desk.stop().await;
    assert!(verify(&dir.path().join(nightdesk::store::master::DATABASE), &mut |_, _| {}).unwrap().is_sound());
}
