//! The IB source against the simulated gateway, over real sockets: what it fetches, and every way a gateway can fail.

mod ib_desk;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ib_desk::{IbDesk, NOW, instrument, is_degraded, is_down, request, top_up, until};
use nightdesk::market::{Bars, Calendar, Candle, DAY, Timeframe};
use nightdesk::sim::FaultName;
use nightdesk::sources::ib::IbSource;
use nightdesk::sources::{Fetched, LinkState, Outcome, Source};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

fn data(outcome: Outcome<Fetched>) -> Fetched {
    match outcome {
        Outcome::Data(f) => f,
        other => panic!("no data: {other:?}"),
    }
}

fn same(a: &[Candle], b: &[Candle]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same_content(y))
}

async fn fails(source: &IbSource, symbol: &str, kind: &str) -> String {
    let outcome = source.candles(&top_up(symbol)).await;
    assert_eq!(outcome.kind(), kind, "{outcome:?}");
    outcome.fault().map(|f| f.message.clone()).unwrap_or_default()
}

async fn serves_again(source: &IbSource) {
    until(source, |s| s.link == LinkState::Up).await;
    assert_eq!(data(source.candles(&top_up("MSFT")).await).bars.len(), 60);
}

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
    let span = nightdesk::sources::Window { start: NOW - NOW % DAY - 40 * DAY, end: NOW - NOW % DAY - 2 * DAY };
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
async fn a_gateway_that_refuses_is_reported_at_once() {
    let desk = IbDesk::open().await;
    let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let source = desk.at(addr, |t| t.backoff_first = Duration::from_secs(5));
    let message = fails(&source, "AAPL", "transient").await;
    assert!(message.contains("refused"), "{message}");
    until(&*source, is_down).await;
    let began = Instant::now();
    fails(&source, "AAPL", "transient").await;
    assert!(began.elapsed() < Duration::from_millis(100), "while it backs off nobody waits");
}

#[tokio::test]
async fn a_gateway_that_accepts_and_stays_silent_costs_the_connect_limit() {
    let desk = IbDesk::open().await;
    desk.fault(FaultName::AcceptSilent);
    let source = desk.source();
    let began = Instant::now();
    let message = fails(&source, "AAPL", "transient").await;
    assert!(message.contains("did not answer") && began.elapsed() < Duration::from_secs(1), "{message}");
    serves_again(&source).await;
}

#[tokio::test]
async fn a_gateway_that_closes_at_once_points_to_trusted_ips() {
    let desk = IbDesk::open().await;
    desk.fault(FaultName::CloseAfterAccept);
    let source = desk.source();
    let message = fails(&source, "AAPL", "transient").await;
    assert!(message.contains("Trusted IPs"), "{message}");
    serves_again(&source).await;
}

#[tokio::test]
async fn broken_frames_cost_the_session_and_nothing_else() {
    for fault in [FaultName::AbortMidFrame, FaultName::TruncatedFrame, FaultName::OversizeFrame] {
        let desk = IbDesk::open().await;
        let source = desk.source();
        serves_again_first(&source).await;
        desk.fault(fault);
        fails(&source, "AAPL", "transient").await;
        desk.gateway.journal().wait(|c| c.sessions == 2).await;
        serves_again(&source).await;
        assert_eq!(desk.gateway.journal().counters().history_requests, 3, "{fault}: nothing is sent again behind our back");
    }
}

async fn serves_again_first(source: &IbSource) {
    data(source.candles(&top_up("MSFT")).await);
}

#[tokio::test]
async fn an_unknown_frame_is_passed_over() {
    let desk = IbDesk::open().await;
    desk.fault(FaultName::UnknownFrame);
    assert_eq!(data(desk.source().candles(&top_up("AAPL")).await).bars.len(), 60);
}

#[tokio::test]
async fn a_missing_end_marker_ends_with_the_deadline_and_a_withdrawal() {
    for fault in [FaultName::NoEndMarker, FaultName::Hang] {
        let desk = IbDesk::open().await;
        desk.fault(fault);
        let source = desk.source();
        let message = fails(&source, "AAPL", "transient").await;
        assert!(message.contains("no answer in time"), "{message}");
        desk.gateway.journal().wait(|c| c.open_history == 0).await;
        let cancels = desk.gateway.journal().entries().iter().filter(|e| e.message == 25).count();
        assert_eq!(cancels, 1, "{fault}");
        serves_again(&source).await;
    }
}

#[tokio::test]
async fn a_dropped_request_is_withdrawn_at_the_gateway() {
    let desk = IbDesk::open().await;
    desk.fault(FaultName::Hang);
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
    let source = desk.tuned(|t| t.request = Duration::from_millis(80));
    serves_again_first(&source).await;
    for _ in 0..3 {
        desk.fault(FaultName::Hang);
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
    serves_again_first(&source).await;
    desk.fault(FaultName::Pacing);
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
    for (fault, kind) in [
        (FaultName::Spurious200, "unknown_symbol"),
        (FaultName::NoPermission, "not_entitled"),
        (FaultName::NoData, "empty"),
        (FaultName::Empty, "empty"),
        (FaultName::ZonelessEnd, "schema"),
    ] {
        desk.fault(fault);
        fails(&source, "AAPL", kind).await;
        assert_eq!(data(source.candles(&top_up("AAPL")).await).bars.len(), 60, "after {fault}");
    }
    desk.fault(FaultName::CompetingLogin);
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
    desk.fault(FaultName::Spurious200);
    fails(&source, "AAPL", "unknown_symbol").await;
    data(source.candles(&top_up("AAPL")).await);
    assert_eq!(desk.gateway.journal().counters().contract_requests, 2);
}

#[tokio::test]
async fn a_taken_client_id_is_passed_by() {
    let desk = IbDesk::open().await;
    desk.fault(FaultName::ClientIdInUse);
    desk.fault(FaultName::ClientIdInUse);
    let source = desk.source();
    assert_eq!(source.probe().await, Outcome::Data(()));
    let starts: Vec<String> = desk.gateway.journal().entries().into_iter().filter(|e| e.message == 71).map(|e| e.what).collect();
    assert_eq!(starts, ["client 100", "client 101", "client 102"]);

    let desk = IbDesk::open().await;
    for _ in 0..4 {
        desk.fault(FaultName::ClientIdInUse);
    }
    let source = desk.tuned(|t| t.backoff_first = Duration::from_secs(5));
    let message = fails(&source, "AAPL", "transient").await;
    assert!(message.contains("all client ids are in use"), "{message}");
}

#[tokio::test]
async fn an_unknown_zone_in_the_end_marker_is_adopted() {
    let desk = IbDesk::open().await;
    desk.fault(FaultName::UnknownZone);
    let source = desk.source();
    assert_eq!(data(source.candles(&top_up("AAPL")).await).bars.len(), 60);
    assert_eq!(desk.gateway.journal().counters().history_requests, 2);
}

#[tokio::test]
async fn disorder_and_bad_volumes_are_put_right() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    let want = data(source.candles(&top_up("AAPL")).await).bars;
    desk.fault(FaultName::DuplicateBars);
    let got = data(source.candles(&top_up("AAPL")).await);
    assert!(same(&got.bars, &want) && got.notes == ["60 bars sent twice, alike"], "{:?}", got.notes);
    desk.fault(FaultName::OutOfOrderBars);
    assert!(same(&data(source.candles(&top_up("AAPL")).await).bars, &want));
    desk.fault(FaultName::NanVolume);
    let got = data(source.candles(&top_up("AAPL")).await).bars;
    assert!(got.len() == 60 && got.iter().any(|c| c.volume.is_nan()) && got.iter().all(|c| !(c.volume < 0.0)));
    desk.fault(FaultName::SlowDrip);
    assert!(same(&data(source.candles(&request("AAPL", Timeframe::M1, NOW - 200, NOW)).await).bars[..], &want[want.len() - 4..]));
}

#[tokio::test]
async fn a_restart_in_mid_run_is_survived() {
    let desk = IbDesk::open().await;
    let source = desk.source();
    serves_again_first(&source).await;
    desk.fault(FaultName::Restart);
    let message = fails(&source, "AAPL", "transient").await;
    assert!(message.contains("lost"), "{message}");
    until(&*source, is_down).await;
    serves_again(&source).await;
    assert!(desk.gateway.journal().counters().sessions >= 2);
}

#[tokio::test]
async fn ibs_own_outages_degrade_the_link_and_pass() {
    let desk = IbDesk::with(|o| o.outage = Duration::from_millis(500)).await;
    let source = desk.tuned(|t| t.request = Duration::from_millis(80));
    serves_again_first(&source).await;
    desk.fault(FaultName::LinkDown);
    fails(&source, "AAPL", "transient").await;
    let status = until(&*source, is_degraded).await;
    assert!(format!("{:?}", status.link).contains("lost its link"), "{:?}", status.link);
    serves_again(&source).await;
    desk.fault(FaultName::HmdsDown);
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
        t.pulse = Duration::from_millis(60);
    });
    serves_again_first(&source).await;
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
    serves_again_first(&source).await;
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
    serves_again_first(&source).await;
    drop(source);
    desk.gateway.journal().wait(|c| c.open_connections == 0 && c.sessions == 1).await;
}
