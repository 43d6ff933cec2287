//! Alerts through the webhook, against real servers on loopback: those that take them, refuse them, stall and hang up.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper that cannot prepare its files has failed its test")]

mod desk;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use desk::Desk;
use nightdesk::config::Settings;
use nightdesk::engine::{Alert, AlertLevel, Snapshot};
use nightdesk::market::{SystemClock, Universe};
use nightdesk::outbox::Outbox;
use nightdesk::sim::Replay;
use nightdesk::sim::demo::Demo;
use nightdesk::webhook::{Event, ID_HEADER, Notice, Webhook, WebhookFault};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// What the receiver got: headers and body.
type Got = (HeaderMap, Value);
/// What it answers, by the number of the request from 0.
type Answers = Arc<dyn Fn(usize) -> Response + Send + Sync>;

/// A receiver that answers as it is told.
struct Receiver {
    address: SocketAddr,
    got: mpsc::UnboundedReceiver<Got>,
}

impl Receiver {
    async fn start(answers: impl Fn(usize) -> Response + Send + Sync + 'static) -> Self {
        let (tell, got) = mpsc::unbounded_channel();
        let seen = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let answers: Answers = Arc::new(answers);
        let take = move |State(()): State<()>, headers: HeaderMap, body: Bytes| {
            let (tell, seen, answers) = (tell.clone(), Arc::clone(&seen), Arc::clone(&answers));
            async move {
                tell.send((headers, serde_json::from_slice(&body).unwrap())).unwrap();
                answers(seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(axum::routing::any(take)).with_state(());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, got }
    }

    async fn next(&mut self) -> Got {
        tokio::time::timeout(Duration::from_secs(10), self.got.recv()).await.unwrap().unwrap()
    }
}

/// Settings that point to `address`, with secrets in the address and a header.
fn settings(address: SocketAddr, retries: u32) -> Settings {
    let mut s = Settings::default();
    s.alerts.webhook = format!("http://user:hunter2@{address}/T00/path?token=tok3n");
    s.alerts.webhook_headers.insert("X-Api-Key".into(), "k3y".into());
    s.alerts.webhook_retries = retries;
    s.alerts.webhook_timeout_s = 1;
    s
}

fn webhook(settings: Settings) -> Webhook {
    let dir = std::env::temp_dir().join("nightdesk-demo");
    let pause = Duration::from_millis(5);
    Webhook::new(&dir, true, Arc::new(ArcSwap::from_pointee(settings)), SystemClock::shared()).with_pauses(pause, pause * 4)
}

fn notice() -> Notice {
    Notice { event: Event::RunFailed, at: 1_700_000_000, run: Some(12), text: "ingest run 12 failed: the gateway is away".into() }
}

fn says_nothing_secret(fault: &WebhookFault) {
    let text = format!("{fault} {fault:?}");
    for secret in ["hunter2", "T00", "tok3n", "k3y"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn an_alert_is_sent_again_under_its_id_until_it_is_taken() {
    let mut receiver =
        Receiver::start(|n| if n < 2 { StatusCode::INTERNAL_SERVER_ERROR.into_response() } else { "thanks\n".into_response() }).await;
    let answer = webhook(settings(receiver.address, 4)).deliver("b-1", &notice()).await.unwrap();
    assert_eq!((answer.status, answer.attempts, answer.said.as_str()), (200, 3, "thanks"));
    assert_eq!(answer.host, receiver.address.to_string());
    for _ in 0..3 {
        let (headers, body) = receiver.next().await;
        assert_eq!(
            (&headers[ID_HEADER], &headers["x-api-key"], &headers["content-type"]),
            (&"b-1".parse().unwrap(), &"k3y".parse().unwrap(), &"application/json".parse().unwrap())
        );
        assert!(headers["authorization"].to_str().unwrap().starts_with("Basic "));
        assert_eq!((&body["event"], &body["at"], &body["run"]), (&"run_failed".into(), &"2023-11-14T22:13:20Z".into(), &12.into()));
        assert_eq!((&body["data_folder"], &body["demo"], &body["text"]), (&"nightdesk-demo".into(), &true.into(), &notice().text.into()));
        assert!(body["host"].as_str().is_some_and(|h| !h.is_empty()) && body.as_object().unwrap().len() == 7, "{body}");
    }
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_pause_gets_it() {
    let answers = |n| {
        if n == 0 {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response()
        } else {
            StatusCode::NO_CONTENT.into_response()
        }
    };
    let receiver = Receiver::start(answers).await;
    let began = Instant::now();
    let answer = webhook(settings(receiver.address, 1)).deliver("b-1", &notice()).await.unwrap();
    assert_eq!((answer.status, answer.attempts), (204, 2));
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn what_a_repetition_cannot_cure_is_not_repeated() {
    let mut elsewhere = Receiver::start(|_| StatusCode::OK.into_response()).await;
    let target = format!("http://{}/", elsewhere.address);
    let answers = move |n| match n {
        0 => (StatusCode::NOT_FOUND, "no such hook").into_response(),
        _ => (StatusCode::FOUND, [("location", target.clone())]).into_response(),
    };
    let receiver = Receiver::start(answers).await;
    let hook = webhook(settings(receiver.address, 4));
    let fault = hook.deliver("b-1", &notice()).await.unwrap_err();
    assert!(matches!(&fault, WebhookFault::Refused { status: 404, attempts: 1, said, .. } if said == "no such hook"), "{fault:?}");
    says_nothing_secret(&fault);
    // A redirect is no acceptance, and is not followed with the headers.
    assert!(matches!(hook.deliver("b-2", &notice()).await, Err(WebhookFault::Refused { status: 302, attempts: 1, .. })));
    assert!(elsewhere.got.try_recv().is_err());
}

#[tokio::test]
async fn receivers_that_hang_up_or_stall_cost_no_more_than_their_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hanging_up = tokio::spawn(async move {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut some = [0; 16];
            stream.read_exact(&mut some).await.unwrap();
        }
        listener
    });
    let fault = webhook(settings(address, 2)).deliver("b-1", &notice()).await.unwrap_err();
    assert!(matches!(fault, WebhookFault::NoAnswer { attempts: 3, .. }), "{fault:?}");
    says_nothing_secret(&fault);
    // Now it accepts connections and says nothing.
    let _silent = hanging_up.await.unwrap();
    let began = Instant::now();
    let fault = webhook(settings(address, 0)).deliver("b-1", &notice()).await.unwrap_err();
    assert!(matches!(&fault, WebhookFault::NoAnswer { cause, attempts: 1, .. } if cause == "timed out"), "{fault:?}");
    assert!(began.elapsed() < Duration::from_secs(3));
    says_nothing_secret(&fault);
    assert_eq!(webhook(Settings::default()).test().await, Err(WebhookFault::None));
}

/// A state with jobs that are late, which is told at once.
fn late(jobs: usize) -> Arc<Snapshot> {
    let alert = |n: usize| Alert { key: format!("late:{n}"), level: AlertLevel::Bad, text: format!("{n} is late"), since: 1, series: None };
    Arc::new(Snapshot { epoch: "boot".into(), alerts: Arc::new((0..jobs).map(alert).collect()), ..Snapshot::default() })
}

#[tokio::test]
async fn causes_beyond_what_the_queue_holds_arrive_all_the_same_each_once() {
    let mut receiver = Receiver::start(|_| StatusCode::OK.into_response()).await;
    let (state, watched) = watch::channel(late(0));
    let outbox = Outbox::start(watched, Arc::new(webhook(settings(receiver.address, 0))));
    let mut ids = BTreeSet::new();
    let mut texts = BTreeSet::new();
    while texts.len() < 200 {
        // The engine publishes on without looking whether anybody listens.
        state.send_replace(late(200));
        let (headers, body) = receiver.next().await;
        assert_eq!(body["event"], "run_late");
        assert!(ids.insert(headers[ID_HEADER].to_str().unwrap().to_owned()), "{headers:?}");
        assert!(texts.insert(body["text"].to_string()), "{body}");
    }
    // What is gone and comes again is another cause; until then nothing is said twice.
    state.send_replace(late(200));
    state.send_replace(late(0));
    tokio::task::yield_now().await;
    outbox.stop().await;
    assert!(receiver.got.try_recv().is_err());
}

#[tokio::test]
async fn a_stalled_receiver_does_not_hold_up_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(listener.local_addr().unwrap(), 4);
    settings.alerts.webhook_timeout_s = 60;
    let (state, watched) = watch::channel(late(0));
    let outbox = Outbox::start(watched, Arc::new(webhook(settings)));
    state.send_replace(late(3));
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut some = [0; 16];
    stream.read_exact(&mut some).await.unwrap();
    let began = Instant::now();
    outbox.stop().await;
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn the_command_sends_a_test_and_prints_the_answer() {
    let mut receiver = Receiver::start(|n| if n == 0 { "ok".into_response() } else { StatusCode::FORBIDDEN.into_response() }).await;
    let desk = Arc::new(Desk::new());
    desk.write("config/nightdesk.toml", format!("[alerts]\nwebhook = \"http://u:hunter2@{}/T00?x=tok3n\"\n", receiver.address));
    let (code, said) = beside(&desk, |desk| desk.json(&["alerts", "test", "--json"])).await;
    assert!(code == Some(0) && said["answer"]["status"] == 200 && said["answer"]["said"] == "ok", "{said}");
    assert_eq!(receiver.next().await.1["event"], "test");
    let ran = beside(&desk, |desk| desk.run(&["alerts", "test"])).await;
    assert!(ran.code == Some(1) && ran.err.contains("answered 403 (1 tried)"), "{ran:?}");
    // Neither what it says nor what it shows of its settings has a secret.
    let shown = desk.ok(&["config", "show"]) + &desk.ok(&["config", "show", "--json"]);
    assert_eq!(shown.matches("/...\"").count(), 2, "{shown}");
    for secret in ["hunter2", "T00", "tok3n"] {
        assert!(!format!("{ran:?}{shown}{said}").contains(secret));
    }
    desk.write("config/nightdesk.toml", "[alerts]\nwebhook = \"http://hooks.example.com/x\"\n");
    let check = desk.run(&["config", "check"]);
    assert!(check.code == Some(2) && check.err.contains("^^^ plain http would leave this machine"), "{check:?}");
}

#[tokio::test]
async fn https_is_spoken_to_receivers_that_can_prove_their_name_only() {
    let dir = tempfile::tempdir().unwrap();
    let universe = Universe { instruments: Vec::new() };
    let server = Demo::start(&universe, Replay::default(), dir.path(), SystemClock::shared()).await.unwrap();
    let mut settings = Settings::default();
    server.point(&mut settings);
    let port = settings.yahoo.loopback.unwrap().rsplit(':').next().unwrap().to_owned();
    let ca = settings.yahoo.loopback_ca.unwrap();
    let desk = Arc::new(Desk::new());
    desk.write("config/nightdesk.toml", format!("[alerts]\nwebhook = \"https://localhost:{port}/\"\n"));
    let said = |with: Option<PathBuf>| {
        beside(&desk, move |desk| {
            let mut command = desk.command(&["alerts", "test"]);
            command.envs(with.map(|ca| ("SSL_CERT_FILE", ca)));
            String::from_utf8(command.output().unwrap().stderr).unwrap()
        })
    };
    // The simulator takes no alerts, but its answer has come through TLS.
    let trusted = said(Some(ca)).await;
    assert!(trusted.contains(&format!("localhost:{port} answered 4")), "{trusted}");
    let unknown = said(None).await;
    assert!(unknown.contains("did not arrive") && !unknown.contains("answered"), "{unknown}");
}

/// Runs a command while this thread's receiver answers.
async fn beside<T: Send + 'static>(desk: &Arc<Desk>, command: impl FnOnce(&Desk) -> T + Send + 'static) -> T {
    let desk = Arc::clone(desk);
    tokio::task::spawn_blocking(move || command(&desk)).await.unwrap()
}
