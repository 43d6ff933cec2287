//! What the source fetches, how it paces a crowd, and how it leaves.

use std::time::Duration;

use nightdesk::market::{Bars, Calendar, DAY, Timeframe};
use nightdesk::sources::{LinkState, Outcome, Source, Window};

use crate::desk::{IbDesk, NOW, data, fails, instrument, is_down, request, same, top_up, until, warm_up};

#[tokio::test]
async fn bars_arrive_as_the_market_made_them() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    let week = NOW - NOW % DAY - 7 * DAY;
    for (symbol, timeframe, start) in [
        ("AAPL", Timeframe::M1, NOW - NOW % DAY),
        ("AAPL", Timeframe::M30, week),
        ("AAPL", Timeframe::D1, NOW - NOW % DAY - 400 * DAY),
        ("BRK-B", Timeframe::M5, week),
        ("BTC-USD", Timeframe::M1, NOW - 7_200 - NOW % 60),
        ("BTC-USD", Timeframe::H4, week),
    ] {
        let got = data(source.candles(&request(symbol, timeframe, start, NOW)).await);
        let want: Bars = desk.feed.bars(&instrument(symbol), timeframe, start, NOW, NOW);
        assert!(same(&got.bars, &want), "{symbol} {timeframe}: {} of {} bars, {:?}", got.bars.len(), want.len(), got.notes);
        assert!(!got.bars.is_empty() && got.notes.is_empty());
        assert!(!got.bars.last().unwrap().is_final, "{symbol} {timeframe}: the bar of now is still forming");
    }
    let counters = desk.gateway.journal().counters();
    assert_eq!((counters.contract_requests, counters.history_requests, counters.violations()), (3, 6, 0));
}

#[tokio::test]
async fn a_past_window_is_whole_and_final() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    let span = Window { start: NOW - NOW % DAY - 40 * DAY, end: NOW - NOW % DAY - 2 * DAY };
    let aapl = instrument("AAPL");
    let mut got = Vec::new();
    for window in source.windows(aapl.asset, Timeframe::M1, span) {
        got.extend(data(source.candles(&request("AAPL", Timeframe::M1, window.start, window.end)).await).bars);
    }
    let stamps: Vec<i64> = got.iter().map(|c| c.ts).collect();
    assert_eq!(stamps, Calendar::Xnys.expected(Timeframe::M1, span.start, span.end));
    assert!(got.iter().all(|c| c.is_final));
}

#[tokio::test]
async fn weeks_and_months_are_stamped_on_their_first_day() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    for timeframe in [Timeframe::W1, Timeframe::Mo1] {
        let start = Calendar::Xnys.expected(timeframe, NOW - 500 * DAY, NOW)[0];
        let got = data(source.candles(&request("KO", timeframe, start, NOW)).await).bars;
        let (last, whole) = got.split_last().unwrap();
        assert_eq!(whole.iter().map(|c| c.ts).collect::<Vec<_>>(), Calendar::Xnys.expected(timeframe, start, NOW));
        assert!(!last.is_final && whole.iter().all(|c| c.is_final));
    }
}

#[tokio::test]
async fn status_and_metadata_tell_what_the_gateway_said() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    assert_eq!(source.status().borrow().link, LinkState::Idle, "nothing connects before it is needed");
    assert_eq!(source.probe().await, Outcome::Data(()));
    let Outcome::Data(m) = source.metadata(&instrument("BRK-B")).await else { panic!("no metadata") };
    assert!(m.ib_contract_id.is_some_and(|id| id > 0) && m.name.is_some() && m.time_zone.as_deref() == Some("US/Eastern"));
    let bars = data(source.candles(&top_up("AAPL")).await).bars.len() as u64;
    let status = until(&*source, |s| s.bars >= bars).await;
    assert_eq!((status.link, status.failed, status.farms.len()), (LinkState::Up, 0, 3));
    assert!(status.latency_ms.is_some() && status.history.iter().sum::<u16>() >= 3);
}

#[tokio::test]
async fn a_crowd_of_requests_breaks_no_rule() {
    let desk = IbDesk::with(|o| o.latency = Duration::from_millis(20)).await;
    let source = desk.tuned(|t| t.request = Duration::from_secs(5));
    let mut tasks = Vec::new();
    for k in 0..20 {
        for timeframe in [Timeframe::M30, Timeframe::D1] {
            let source = source.clone();
            let wanted = request(&format!("T{k}"), timeframe, NOW - 5 * DAY, NOW);
            tasks.push(tokio::spawn(async move { source.candles(&wanted).await.kind() }));
        }
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), "data");
    }
    let counters = desk.gateway.journal().counters();
    assert_eq!((counters.history_requests, counters.contract_requests, counters.violations()), (40, 20, 0));
    assert!(counters.max_open_history > 1 && counters.max_open_history <= 16, "{}", counters.max_open_history);
}

#[tokio::test]
async fn shutdown_leaves_politely_and_for_good() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    warm_up(&source).await;
    source.shutdown().await;
    desk.gateway.journal().wait(|c| c.open_connections == 0).await;
    let message = fails(&source, "AAPL", "transient").await;
    assert!(message.contains("shut down"), "{message}");
    assert!(is_down(&source.status().borrow()));
}

#[tokio::test]
async fn dropping_the_source_ends_its_connection() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    warm_up(&source).await;
    drop(source);
    desk.gateway.journal().wait(|c| c.open_connections == 0 && c.sessions == 1).await;
}
