//! Every fault by name, and what the real client makes of it.

use super::*;
use nightdesk::sim::{Fault, FaultName};

async fn faulty(fault: &str) -> Gateway {
    Gateway::start(GatewayOptions { faults: vec![fault.parse().unwrap()], outage: Duration::from_millis(30), ..options() }).await.unwrap()
}

/// The outcome of one request to a gateway with a fault.
async fn outcome(fault: &str) -> Result<ibapi::market_data::historical::HistoricalData, Error> {
    let gateway = faulty(fault).await;
    let client = connect(&gateway, 1).await.unwrap();
    let answer = five_minutes(&client, &aapl()).await;
    client.disconnect().await;
    gateway.shutdown().await;
    answer
}

#[tokio::test]
async fn a_closed_connection_is_a_rejection() {
    let gateway = faulty("close-after-accept*1").await;
    assert!(matches!(connect(&gateway, 1).await, Err(Error::ConnectionRejected(_))));
    assert!(connect(&gateway, 1).await.is_ok());
}

#[tokio::test]
async fn a_silent_gateway_keeps_the_client_waiting() {
    let gateway = faulty("accept-silent").await;
    let builder = Client::builder().address(gateway.addr().to_string()).client_id(1).max_reconnect_attempts(0);
    let journal = gateway.journal();
    let connecting = builder.connect();
    tokio::pin!(connecting);
    tokio::select! {
        _ = &mut connecting => panic!("a silent gateway answered"),
        _ = within(journal.wait(|c| c.connections == 1)) => {}
    }
    let more = tokio::time::timeout(Duration::from_millis(100), connecting).await;
    assert!(more.is_err());
    assert_eq!(journal.counters().sessions, 0);
}

#[tokio::test]
async fn a_taken_client_id_is_refused_until_it_is_free() {
    let gateway = faulty("client-id-in-use*1").await;
    assert!(matches!(connect(&gateway, 7).await, Err(Error::ClientIdInUse { client_id: 7, .. })));
    let first = connect(&gateway, 7).await.unwrap();
    assert!(matches!(connect(&gateway, 7).await, Err(Error::ClientIdInUse { client_id: 7, .. })));
    first.disconnect().await;
    within(gateway.journal().wait(|c| c.open_connections == 0)).await;
    assert!(connect(&gateway, 7).await.is_ok());
}

#[tokio::test]
async fn broken_frames_end_the_connection() {
    for fault in ["abort-mid-frame", "truncated-frame", "oversize-frame"] {
        let error = outcome(fault).await.unwrap_err();
        assert!(error.is_connection_lost() || matches!(error, Error::ConnectionFailed), "{fault}: {error:?}");
    }
}

#[tokio::test]
async fn harmless_oddities_are_survived() {
    assert_eq!(outcome("unknown-frame").await.unwrap().bars.len(), 78);
    assert_eq!(outcome("slow-drip").await.unwrap().bars.len(), 78);
    assert!(outcome("empty").await.unwrap().bars.is_empty());
    // A fault for another symbol does not strike.
    assert_eq!(outcome("hang:MSFT").await.unwrap().bars.len(), 78);
}

#[tokio::test]
async fn errors_carry_code_and_text() {
    for (fault, code, words) in [
        ("pacing", 162, "pacing violation"),
        ("no-permission", 162, "No market data permissions"),
        ("no-data", 162, "HMDS query returned no data: AAPL@SMART Trades"),
        ("spurious-200", 200, "No security definition"),
        ("competing-login", 10197, "competing live session"),
    ] {
        let error = outcome(fault).await.unwrap_err();
        assert!(matches!(&error, Error::Notice(n) if n.code == code && n.message.contains(words)), "{fault}: {error:?}");
    }
}

#[tokio::test]
async fn unanswered_requests_stay_open_until_withdrawn() {
    for fault in ["hang", "no-end-marker"] {
        let gateway = faulty(fault).await;
        let client = connect(&gateway, 1).await.unwrap();
        let journal = gateway.journal();
        let contract = aapl();
        {
            let request = client.historical_data(&contract, HistoricalBarSize::Min5).duration(1.days()).fetch();
            let stuck = tokio::time::timeout(Duration::from_millis(150), request).await;
            assert!(stuck.is_err(), "{fault}");
        }
        let counters = within(journal.wait(|c| c.cancelled == 1)).await;
        assert_eq!(counters.history_requests, 1, "{fault}");
        client.disconnect().await;
    }
}

#[tokio::test]
async fn end_markers_with_bad_zones_fail_the_whole_answer() {
    assert!(matches!(outcome("unknown-zone").await, Err(Error::UnsupportedTimeZone(_))));
    let zoneless = outcome("zoneless-end").await.unwrap_err();
    assert!(matches!(zoneless, Error::Parse(..)), "{zoneless:?}");
}

#[tokio::test]
async fn spoilt_bars_arrive_as_they_are() {
    let twice = outcome("duplicate-bars").await.unwrap().bars;
    assert_eq!((twice.len(), twice[0].date), (156, twice[1].date));
    let shuffled = outcome("out-of-order-bars").await.unwrap().bars;
    let clean = outcome("hang:MSFT").await.unwrap().bars;
    assert_eq!((shuffled[0].date, shuffled[1].date), (clean[1].date, clean[0].date));
    // The client reads "NaN" as 0 and passes -1 on.
    let volumes: Vec<f64> = outcome("nan-volume").await.unwrap().bars.iter().map(|b| b.volume).collect();
    assert!(volumes.iter().all(|v| [0.0, -1.0].contains(v)) && volumes.contains(&0.0) && volumes.contains(&-1.0), "{volumes:?}");
}

#[tokio::test]
async fn a_lost_link_is_announced_and_restored() {
    let gateway = faulty("link-down*1").await;
    let client = connect(&gateway, 1).await.unwrap();
    let mut notices = client.notice_stream().unwrap();
    let contract = aapl();
    let request = client.historical_data(&contract, HistoricalBarSize::Min5).duration(1.days()).fetch();
    tokio::pin!(request);
    for code in [1100, 1102] {
        tokio::select! {
            answer = &mut request => panic!("answered without a link: {answer:?}"),
            () = until(&mut notices, code) => {}
        }
    }
    assert_eq!(five_minutes(&client, &contract).await.unwrap().bars.len(), 78);
}

#[tokio::test]
async fn a_broken_history_farm_is_announced_and_mended() {
    let gateway = faulty("hmds-down").await;
    let client = connect(&gateway, 1).await.unwrap();
    let mut notices = client.notice_stream().unwrap();
    let contract = aapl();
    {
        let request = client.historical_data(&contract, HistoricalBarSize::Min5).duration(1.days()).fetch();
        tokio::select! {
            answer = request => panic!("answered without the farm: {answer:?}"),
            () = until(&mut notices, 2105) => {}
        }
    }
    gateway.clear_faults();
    until(&mut notices, 2106).await;
    assert_eq!(five_minutes(&client, &contract).await.unwrap().bars.len(), 78);
}

#[tokio::test]
async fn a_restart_in_the_middle_ends_the_request() {
    let gateway = faulty("restart*1").await;
    let client = connect(&gateway, 1).await.unwrap();
    let error = five_minutes(&client, &aapl()).await.unwrap_err();
    assert!(error.is_connection_lost() || matches!(error, Error::ConnectionFailed), "{error:?}");
    let again = within(async {
        loop {
            if let Ok(client) = connect(&gateway, 1).await {
                break client;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(five_minutes(&again.await, &aapl()).await.unwrap().bars.len(), 78);
}

#[tokio::test]
async fn a_split_tonight_moves_yesterdays_prices() {
    let clock = ManualClock::at(at(NOW));
    let gateway = Gateway::start(GatewayOptions::new(feed(), clock.clone())).await.unwrap();
    let client = connect(&gateway, 1).await.unwrap();
    let contract = aapl();
    let end = time::OffsetDateTime::from_unix_timestamp(at(NOW)).unwrap();
    let ask = || within(client.historical_data(&contract, HistoricalBarSize::Day).duration(5.days()).ending(end).fetch());
    let before = ask().await.unwrap().bars;
    gateway.inject(Fault::new(FaultName::SplitTonight).on(symbol("AAPL")));
    assert_eq!(ask().await.unwrap().bars, before);
    clock.jump_to(at("2026-11-23T14:00:00Z"));
    let after = ask().await.unwrap().bars;
    for (b, a) in before.iter().zip(&after) {
        assert!((b.close / a.close - 4.0).abs() < 0.01);
        assert_eq!(a.volume, b.volume * 4.0);
    }
}
