//! Every way a gateway can fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nightdesk::market::{DAY, Timeframe};
use nightdesk::sim::FaultName;
use nightdesk::sources::{LinkState, Outcome, Source};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::desk::{IbDesk, NOW, data, fails, fault, is_degraded, is_down, request, same, serves_again, top_up, until, warm_up};

#[tokio::test]
async fn a_gateway_that_refuses_is_reported_at_once() {
    let desk = IbDesk::open().await;
    let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let source = desk.at(addr, |t| t.backoff_first = Duration::from_secs(5));
    let message = fails(&source, "AAPL", "transient").await;
    let advice = "connection refused: start IB Gateway, or correct ib.host and ib.port";
    assert!(message.contains(advice), "{message}");
    let status = until(&*source, is_down).await;
    assert!(matches!(&status.link, LinkState::Down { cause, .. } if cause == advice), "{:?}", status.link);
    let began = Instant::now();
    fails(&source, "AAPL", "transient").await;
    assert!(began.elapsed() < Duration::from_millis(100), "while it backs off nobody waits");
}

#[tokio::test]
async fn a_gateway_that_accepts_and_stays_silent_costs_the_connect_limit() {
    let desk = IbDesk::open().await;
    fault(&desk, FaultName::AcceptSilent);
    let source = desk.source();
    let began = Instant::now();
    let message = fails(&source, "AAPL", "transient").await;
    assert!(message.contains("did not answer") && began.elapsed() < Duration::from_secs(2), "{message}");
    serves_again(&source).await;
}

#[tokio::test]
async fn a_gateway_that_closes_at_once_points_to_trusted_ips() {
    let desk = IbDesk::open().await;
    fault(&desk, FaultName::CloseAfterAccept);
    let source = desk.source();
    let message = fails(&source, "AAPL", "transient").await;
    assert!(message.contains("Trusted IPs"), "{message}");
    serves_again(&source).await;
}

#[tokio::test]
async fn broken_frames_cost_the_session_and_nothing_else() {
    for name in [FaultName::AbortMidFrame, FaultName::TruncatedFrame, FaultName::OversizeFrame] {
        let desk = IbDesk::open().await;
        let source = desk.source();
        warm_up(&source).await;
        fault(&desk, name);
        fails(&source, "AAPL", "transient").await;
        desk.gateway.journal().wait(|c| c.sessions == 2).await;
        serves_again(&source).await;
        assert_eq!(desk.gateway.journal().counters().history_requests, 3, "{name}: nothing is sent again behind our back");
    }
}

#[tokio::test]
async fn an_unknown_frame_is_passed_over() {
    let desk = IbDesk::open().await;
    fault(&desk, FaultName::UnknownFrame);
    assert_eq!(data(desk.source().candles(&top_up("AAPL")).await).bars.len(), 60);
}

#[tokio::test]
async fn a_missing_end_marker_ends_with_the_deadline_and_a_withdrawal() {
    for name in [FaultName::NoEndMarker, FaultName::Hang] {
        let desk = IbDesk::open().await;
        fault(&desk, name);
        let source = desk.source();
        let message = fails(&source, "AAPL", "transient").await;
        assert!(message.contains("no answer in time"), "{message}");
        desk.gateway.journal().wait(|c| c.open_history == 0).await;
        let cancels = desk.gateway.journal().entries().iter().filter(|e| e.message == 25).count();
        assert_eq!(cancels, 1, "{name}");
        serves_again(&source).await;
    }
}

#[tokio::test]
async fn a_dropped_request_is_withdrawn_at_the_gateway() {
    let desk = IbDesk::open().await;
    fault(&desk, FaultName::Hang);
    let source = desk.tuned(|t| t.request = Duration::from_secs(30));
    let journal = desk.gateway.journal();
    let wanted = top_up("AAPL");
    tokio::select! {
        o = source.candles(&wanted) => panic!("answered: {o:?}"),
        _ = journal.wait(|c| c.open_history == 1) => {}
    }
    journal.wait(|c| c.cancelled == 1).await;
    until(&*source, |s| s.in_flight == 0).await;
}

#[tokio::test]
async fn three_silences_in_a_row_blame_the_farm_not_the_gateway() {
    let desk = IbDesk::open().await;
    let source = desk.tuned(|t| t.request = Duration::from_millis(250));
    warm_up(&source).await;
    for _ in 0..3 {
        fault(&desk, FaultName::Hang);
        fails(&source, "AAPL", "transient").await;
    }
    let status = until(&*source, is_degraded).await;
    assert_eq!(status.link, LinkState::Degraded { reason: "historical data farm silent".into() });
    data(source.candles(&top_up("AAPL")).await);
    until(&*source, |s| s.link == LinkState::Up).await;
}

#[tokio::test]
async fn a_pacing_error_closes_the_gate_for_its_penalty() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    warm_up(&source).await;
    fault(&desk, FaultName::Pacing);
    let outcome = source.candles(&top_up("AAPL")).await;
    assert_eq!(outcome.kind(), "pacing");
    assert!(outcome.fault().unwrap().retry_after.is_some_and(|d| d > Duration::from_millis(200)));
    let began = Instant::now();
    data(source.candles(&top_up("KO")).await);
    assert!(began.elapsed() > Duration::from_millis(200), "sent {:?} after the error", began.elapsed());
    let status = until(&*source, |s| s.pacing_errors == 1).await;
    assert_eq!(status.in_flight_limit, 3);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    for (name, kind) in [
        (FaultName::Spurious200, "unknown_symbol"),
        (FaultName::NoPermission, "not_entitled"),
        (FaultName::NoData, "empty"),
        (FaultName::Empty, "empty"),
        (FaultName::ZonelessEnd, "schema"),
    ] {
        fault(&desk, name);
        fails(&source, "AAPL", kind).await;
        assert_eq!(data(source.candles(&top_up("AAPL")).await).bars.len(), 60, "after {name}");
    }
    fault(&desk, FaultName::CompetingLogin);
    fails(&source, "AAPL", "not_entitled").await;
    until(&*source, is_degraded).await;
    assert_eq!(source.candles(&top_up("NOPE")).await.kind(), "unknown_symbol");
    assert_eq!(source.candles(&request("AAPL", Timeframe::H1, NOW - DAY, NOW)).await.kind(), "bad_request");
    assert_eq!(source.candles(&request("AAPL", Timeframe::M1, NOW + 60, NOW + 120)).await.kind(), "empty");
}

#[tokio::test]
async fn a_spurious_200_of_a_known_contract_is_looked_up_again() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    data(source.candles(&top_up("AAPL")).await);
    fault(&desk, FaultName::Spurious200);
    fails(&source, "AAPL", "unknown_symbol").await;
    data(source.candles(&top_up("AAPL")).await);
    assert_eq!(desk.gateway.journal().counters().contract_requests, 2);
}

#[tokio::test]
async fn a_taken_client_id_is_passed_by() {
    let desk = IbDesk::open().await;
    fault(&desk, FaultName::ClientIdInUse);
    fault(&desk, FaultName::ClientIdInUse);
    let source = desk.source();
    assert_eq!(source.probe().await, Outcome::Data(()));
    let starts: Vec<String> = desk.gateway.journal().entries().into_iter().filter(|e| e.message == 71).map(|e| e.what).collect();
    assert_eq!(starts, ["client 100", "client 101", "client 102"]);

    let desk = IbDesk::open().await;
    for _ in 0..4 {
        fault(&desk, FaultName::ClientIdInUse);
    }
    let source = desk.tuned(|t| t.backoff_first = Duration::from_secs(5));
    let message = fails(&source, "AAPL", "transient").await;
    assert!(message.contains("all client ids are in use"), "{message}");
}

#[tokio::test]
async fn an_unknown_zone_in_the_end_marker_is_adopted() {
    let desk = IbDesk::open().await;
    fault(&desk, FaultName::UnknownZone);
    let source = desk.source();
    assert_eq!(data(source.candles(&top_up("AAPL")).await).bars.len(), 60);
    assert_eq!(desk.gateway.journal().counters().history_requests, 2);
}

#[tokio::test]
async fn disorder_and_bad_volumes_are_put_right() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    let want = data(source.candles(&top_up("AAPL")).await).bars;
    fault(&desk, FaultName::DuplicateBars);
    let got = data(source.candles(&top_up("AAPL")).await);
    assert!(same(&got.bars, &want) && got.notes == ["60 bars sent twice, alike"], "{:?}", got.notes);
    fault(&desk, FaultName::OutOfOrderBars);
    assert!(same(&data(source.candles(&top_up("AAPL")).await).bars, &want));
    fault(&desk, FaultName::NanVolume);
    let got = data(source.candles(&top_up("AAPL")).await).bars;
    assert!(got.len() == 60 && got.iter().any(|c| c.volume.is_nan()) && got.iter().all(|c| c.volume.is_nan() || c.volume >= 0.0));
    fault(&desk, FaultName::SlowDrip);
    assert!(same(&data(source.candles(&request("AAPL", Timeframe::M1, NOW - 200, NOW)).await).bars[..], &want[want.len() - 4..]));
}

#[tokio::test]
async fn a_restart_in_mid_run_is_survived() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    warm_up(&source).await;
    fault(&desk, FaultName::Restart);
    let message = fails(&source, "AAPL", "transient").await;
    assert!(message.contains("lost"), "{message}");
    until(&*source, is_down).await;
    serves_again(&source).await;
    assert!(desk.gateway.journal().counters().sessions >= 2);
}

#[tokio::test]
async fn ibs_own_outages_degrade_the_link_and_pass() {
    let desk = IbDesk::with(|o| o.outage = Duration::from_millis(900)).await;
    let source = desk.tuned(|t| t.request = Duration::from_millis(250));
    warm_up(&source).await;
    fault(&desk, FaultName::LinkDown);
    fails(&source, "AAPL", "transient").await;
    let status = until(&*source, is_degraded).await;
    assert!(format!("{:?}", status.link).contains("lost its link"), "{:?}", status.link);
    serves_again(&source).await;
    fault(&desk, FaultName::HmdsDown);
    fails(&source, "AAPL", "transient").await;
    let status = until(&*source, is_degraded).await;
    assert!(format!("{:?}", status.link).contains("ushmds broken"), "{:?}", status.link);
    data(source.candles(&top_up("AAPL")).await);
    until(&*source, |s| s.link == LinkState::Up).await;
}

#[tokio::test]
async fn a_gateway_that_freezes_is_found_by_its_pulse() {
    let desk = IbDesk::open().await;
    let frozen = Arc::new(AtomicBool::new(false));
    let line = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = line.local_addr().unwrap();
    tokio::spawn(relay(line, desk.gateway.addr(), frozen.clone()));
    let source = desk.at(addr, |t| {
        t.watchdog = Duration::from_millis(40);
        t.pulse = Duration::from_millis(150);
    });
    warm_up(&source).await;
    frozen.store(true, Ordering::SeqCst);
    let status = until(&*source, is_down).await;
    assert!(format!("{:?}", status.link).contains("stopped answering"), "{:?}", status.link);
    frozen.store(false, Ordering::SeqCst);
    serves_again(&source).await;
}

/// A relay that swallows what the gateway says while it is frozen: a half-open connection.
async fn relay(listener: TcpListener, to: std::net::SocketAddr, frozen: Arc<AtomicBool>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(gateway) = TcpStream::connect(to).await else { continue };
        let frozen = frozen.clone();
        tokio::spawn(async move {
            let (mut from_client, to_client) = client.into_split();
            let (from_gateway, mut to_gateway) = gateway.into_split();
            let up = tokio::io::copy(&mut from_client, &mut to_gateway);
            let down = async {
                let mut buffer = vec![0; 65_536];
                loop {
                    from_gateway.readable().await?;
                    match from_gateway.try_read(&mut buffer) {
                        Ok(0) => return Ok(()),
                        Ok(_) if frozen.load(Ordering::SeqCst) => {}
                        Ok(n) => write_all(&to_client, &buffer[..n]).await?,
                        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                        Err(e) => return Err(e),
                    }
                }
            };
            tokio::select! { r = up => r.map(|_| ()), r = down => r }
        });
    }
}

async fn write_all(to: &tokio::net::tcp::OwnedWriteHalf, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
