//! The wall clock jumps while a run is going on.

use nightdesk::engine::{IngestSpec, Query, Reply};
use nightdesk::market::{DAY, Timeframe};
use nightdesk::store::master::{RunState, verify};

use crate::support::{Desk, SUNDAY, quick_settings, series};

#[tokio::test(flavor = "multi_thread")]
async fn a_jumping_clock_ends_no_run_and_stores_no_bar_twice() {
    for jump in [-DAY, -3600, 3600, DAY] {
        let mut desk = Desk::start(&["AAPL", "BTC-USD"], quick_settings()).await;
        let run = desk.begin(IngestSpec::default()).await;
        desk.wait_for(|s| s.active.as_ref().filter(|a| a.progress.written > 0).map(|_| ())).await;
        desk.clock.jump_to(SUNDAY + jump);
        let ended = desk.ended(run).await;
        assert!(matches!(ended.state, RunState::Succeeded | RunState::Partial), "{jump}: {:?}", ended.summary);
        desk.clock.jump_to(SUNDAY);
        let healed = desk.ingest(IngestSpec::default()).await;
        assert_eq!(healed.state, RunState::Succeeded, "{jump}: {:?}", healed.summary);
        for (name, bars) in desk.contents() {
            assert!(bars.windows(2).all(|w| w[0].0 < w[1].0), "{jump}: {name}");
        }
        let Reply::Series(page) = desk.client().query(Query::Series { series: series("AAPL", Timeframe::D1) }).await.unwrap() else {
            panic!("no page")
        };
        assert!(page.state.is_some_and(|s| s.rows > 200), "{jump}");
        let dir = desk.stop().await;
        assert!(verify(&dir.path().join(nightdesk::store::master::DATABASE), &mut |_, _| {}).unwrap().is_sound(), "{jump}");
    }
}
