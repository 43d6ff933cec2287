//! A client whose daemon dies, falls silent, is started anew, or is of another version: never a wrong screen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nightdesk::control::{AttachError, Endpoint, LinkView, RemoteClient, Server, ServerError};
use nightdesk::engine::{Command, CommandError, Envelope, LogFilter, LogLevel, Query};
use tokio::io::AsyncWriteExt;

use crate::house::{House, Proxy, attached, get, link_when, lost, same_state, serve};
use crate::support::daily;

/// The issue's promise is three seconds; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(4);
const BACK: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_lost_and_found_again() {
    let mut house = House::open(&["AAPL"]).await;
    let client = house.attach(house.endpoint()).await;
    let port = house.attach(house.port()).await;
    let socket = house.server.socket().to_owned();
    // Dropped, not stopped: connections break and the socket's file stays, as after a kill.
    drop(house.server);
    for client in [&client, &port] {
        let link = link_when(client, SOON, lost).await;
        assert!(
            matches!(&link, LinkView::Lost { since_ms, .. } if *since_ms == nightdesk::market::Clock::now_ms(&*house.desk.clock)),
            "{link:?}"
        );
        let envelope = Envelope { id: "lost".into(), actor: "test".into(), command: Command::Refresh };
        assert!(matches!(client.send(envelope).await, Err(CommandError::Refused(why)) if why.contains("nothing was sent")));
    }
    assert!(socket.exists());
    house.desk.ingest(daily()).await;
    house.server = serve(&house.desk, None).await;
    link_when(&client, BACK, attached).await;
    same_state(&house.desk.engine.state, &client.state()).await;
    // The port is another one now, and this client knows only the old one: it goes on trying.
    let LinkView::Lost { attempt, .. } = port.link() else { panic!("{:?}", port.link()) };
    link_when(&port, BACK, |l| matches!(l, LinkView::Lost { attempt: later, .. } if *later > attempt)).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_says_good_bye_to_its_streams() {
    let house = House::open(&["AAPL"]).await;
    let client = house.attach(house.endpoint()).await;
    let begun = Instant::now();
    house.server.stop(Duration::from_secs(5)).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "an open stream held the server up: {:?}", begun.elapsed());
    link_when(&client, SOON, lost).await;
    house.desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_does_not_hold_the_server_up() {
    let house = House::open(&["AAPL"]).await;
    let mut half = tokio::net::UnixStream::connect(house.server.socket()).await.unwrap();
    let head = "POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
    half.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(house.ask(&get("/healthz")).await.status, 200);
    let begun = Instant::now();
    house.server.stop(Duration::from_millis(300)).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    house.desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_lost_within_three_seconds() {
    let mut house = House::open(&["AAPL"]).await;
    let proxy = Proxy::start(house.server.socket());
    let client = house.attach(Endpoint::Socket(proxy.path.clone())).await;
    proxy.freeze(true);
    link_when(&client, SOON, lost).await;
    house.desk.ingest(daily()).await;
    proxy.freeze(false);
    link_when(&client, BACK, attached).await;
    same_state(&house.desk.engine.state, &client.state()).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_was_started_anew_is_shown_anew() {
    let house = House::open(&["AAPL"]).await;
    let client = house.attach(house.endpoint()).await;
    let before = client.state().borrow().clone();
    house.desk.engine.logs.push(0, LogLevel::Info, "engine", "Before".into());
    let everything = LogFilter { level: LogLevel::Trace, source: None, text: None, after: 0, limit: 100 };
    let mut state = client.state();
    state.wait_for(|_| client.logs(&everything).0.len() == 1).await.unwrap();
    let House { desk, server } = house;
    server.stop(Duration::from_secs(5)).await;
    desk.clock.advance(Duration::from_mins(1));
    let mut desk = desk.reopen().await;
    desk.engine.logs.push(0, LogLevel::Info, "engine", "After".into());
    desk.ingest(daily()).await;
    let server = serve(&desk, None).await;
    link_when(&client, BACK, attached).await;
    state.wait_for(|s| s.epoch != before.epoch && client.logs(&everything).0.len() == 2).await.unwrap();
    let records = client.logs(&everything).0;
    assert_eq!(records.iter().map(|r| (r.seq, r.message.as_str())).collect::<Vec<_>>(), [(1, "Before"), (2, "After")]);
    // Log numbers go on where the mirror stood, so that a screen which has read record 1 reads record 2.
    let shown = state.wait_for(|s| s.log_seq == 2).await.unwrap().clone();
    let fresh = desk.wait_for(|s| (s.seq >= shown.seq).then(|| s.clone())).await;
    assert_eq!((shown.epoch.clone(), shown.runs.clone(), shown.market.clone()), (fresh.epoch, fresh.runs, fresh.market));
    House { desk, server }.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_another_version_can_be_watched_and_not_steered() {
    let house = House::open(&["AAPL"]).await;
    let state = house.told(|s| Arc::make_mut(&mut s.process).version = "99.1.0".into());
    let house = house.show(&state).await;
    let client = house.attach(house.endpoint()).await;
    let LinkView::Attached { read_only: Some(why), .. } = client.link() else { panic!("{:?}", client.link()) };
    assert!(why.contains("99.1.0") && why.contains(env!("CARGO_PKG_VERSION")), "{why}");
    let envelope = Envelope { id: "steer".into(), actor: "test".into(), command: Command::Refresh };
    assert_eq!(client.send(envelope).await, Err(CommandError::Refused(why)));
    assert!(client.query(Query::Runs { limit: 1 }).await.is_ok(), "asking changes nothing");
    state.send_modify(|s| Arc::make_mut(s).seq += 1);
    let mut shown = client.state();
    shown.wait_for(|s| s.seq == state.borrow().seq).await.unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_falls_behind_starts_over_and_shows_the_truth() {
    let house = House::open(&["AAPL"]).await;
    let state = house.told(|s| s.seq = 1);
    let house = house.show(&state).await;
    let proxy = Proxy::start(house.server.socket());
    let client = house.attach(Endpoint::Socket(proxy.path.clone())).await;
    let direct = house.attach(house.endpoint()).await;
    let mut follows = direct.state();
    proxy.freeze(true);
    // More steps than a stream may be behind, each too large for the sockets' buffers to hold them all.
    for seq in 2..600 {
        state.send_modify(|s| {
            let s = Arc::make_mut(s);
            (s.seq, s.issues) = (seq, seq);
            Arc::make_mut(&mut s.process).version = format!("{}{}", env!("CARGO_PKG_VERSION"), "\u{e4}".repeat(8_000 + seq as usize));
        });
        follows.wait_for(|s| s.seq == seq).await.unwrap();
    }
    proxy.freeze(false);
    let mut shown = client.state();
    tokio::time::timeout(BACK, shown.wait_for(|s| s.seq == 599)).await.unwrap().unwrap();
    assert_eq!(*shown.borrow().clone(), *state.borrow().clone());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_attach_is_told_why() {
    let house = House::open(&["AAPL"]).await;
    let (clock, dir) = (house.desk.clock.clone(), house.desk.dir.path().to_owned());
    let attach = async |endpoint| RemoteClient::attach(endpoint, clock.clone()).await.unwrap_err();
    assert!(matches!(attach(Endpoint::Socket(dir.join("nobody.sock"))).await, AttachError::Unreachable(_)));
    let wrong = dir.join("wrong.token");
    std::fs::write(&wrong, "0".repeat(64)).unwrap();
    let port = house.server.port().unwrap();
    let exposed = attach(Endpoint::Port { port, token: wrong.clone() }).await;
    assert!(exposed.to_string().contains("open to other users"), "{exposed}");
    std::fs::set_permissions(&wrong, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let refused = attach(Endpoint::Port { port, token: wrong }).await;
    assert!(matches!(&refused, AttachError::Refused(why) if why.contains("control.token")), "{refused}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_folder_is_refused() {
    let house = House::open(&["AAPL"]).await;
    let client = house.attach(house.endpoint()).await;
    let engine = nightdesk::control::LocalClient {
        state: house.desk.engine.state.clone(),
        requests: house.desk.engine.requests.clone(),
        logs: house.desk.engine.logs.clone(),
    };
    let (pulse, clock, data_dir) = (house.desk.engine.pulse(), house.desk.clock.clone(), house.desk.dir.path().to_owned());
    let options = nightdesk::control::ServerOptions { engine, pulse, clock, data_dir, port: None, ring: 16 };
    let refused = Server::start(options).await.unwrap_err();
    assert!(matches!(&refused, ServerError::Place(_)) && refused.to_string().contains("another process answers"), "{refused}");
    assert!(attached(&client.link()));
    house.close().await;
}
