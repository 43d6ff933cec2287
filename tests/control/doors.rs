//! What the doors let in, and what each route answers.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::house::{House, JSON, get, post, serve};
use crate::support::{Desk, quick_settings};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn token(house: &House) -> String {
    std::fs::read_to_string(house.desk.dir.path().join("control.token")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_missions_four_do_what_they_say() {
    let house = House::open(&["AAPL"]).await;
    let status = house.ask(&get("/master_data/scheduler/status")).await;
    assert_eq!(status.status, 200);
    assert!(json(&status.body)["on"].is_boolean() && json(&status.body)["jobs"].is_array(), "{}", status.body);
    for (path, allowed) in [("/master_data/scheduler/start", [200, 409]), ("/master_data/scheduler/stop", [200, 409])] {
        let answer = house.ask(&post(path, "", "")).await;
        assert!(allowed.contains(&answer.status), "{path}: {answer:?}");
        assert_eq!(house.ask(&get(path)).await.status, 405, "{path}");
    }
    let body = r#"{"symbols": ["AAPL"], "timeframes": ["1d"]}"#;
    let key = format!("{JSON}Idempotency-Key: once\r\n");
    // A misspelled field must not mean "all", nor an unknown symbol "done".
    for (wrong, status) in [(r#"{"symbol": ["AAPL"]}"#, 422), (r#"{"symbols": ["NOPE"]}"#, 409)] {
        assert_eq!(house.ask(&post("/master_data/ingest/manual", JSON, wrong)).await.status, status, "{wrong}");
    }
    let first = house.ask(&post("/master_data/ingest/manual", &key, body)).await;
    assert_eq!(first.status, 202, "{first:?}");
    let run = json(&first.body)["run_id"].as_i64().unwrap();
    let again = house.ask(&post("/master_data/ingest/manual", &key, body)).await;
    assert_eq!((again.status, json(&again.body)), (202, json(&first.body)), "one key, one run");
    house.desk.ended(run).await;
    let snapshot = house.desk.engine.state.borrow().clone();
    assert_eq!(snapshot.runs.len(), 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sent_at_the_same_time_from_many_sides_runs_once() {
    let house = House::open(&["AAPL"]).await;
    let request = post("/master_data/ingest/manual", &format!("{JSON}Idempotency-Key: all-at-once\r\n"), "{}");
    let answers = futures_util::future::join_all((0..20).map(|_| house.ask(&request))).await;
    let run = json(&answers[0].body)["run_id"].as_i64().unwrap();
    assert!(answers.iter().all(|a| a.status == 202 && a.body == answers[0].body), "{answers:?}");
    house.desk.ended(run).await;
    assert_eq!(house.desk.engine.state.borrow().runs.len(), 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_opens_only_to_its_token_and_its_own_name() {
    let house = House::open(&["AAPL"]).await;
    let (port, token) = (house.server.port().unwrap(), token(&house));
    let ask = async |path: &str, host: &str, headers: &str| {
        house.ask_port(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n")).await.status
    };
    let (own, good) = (format!("127.0.0.1:{port}"), format!("Authorization: Bearer {token}\r\n"));
    assert_eq!(ask("/healthz", &own, "").await, 200);
    for headers in
        ["", "Authorization: Bearer x\r\n", "Authorization: Basic eDp4\r\n", "Authorization: Bearer \r\n", "Authorization: B\r\n"]
    {
        assert_eq!(ask("/v1/state", &own, headers).await, 401, "{headers:?}");
    }
    assert_eq!(ask("/v1/state", &own, &good).await, 200);
    assert_eq!(ask("/v1/state", &format!("LOCALHOST:{port}"), &good).await, 200);
    for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1.evil.example", "127.0.0.1", "127.0.0.1:1", "", "localhost:"] {
        assert_eq!(ask("/v1/state", host, &good).await, 421, "{host:?}");
    }
    for page in ["Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n"]
    {
        assert_eq!(ask("/v1/state", &own, &format!("{good}{page}")).await, 403, "{page:?}");
    }
    let two = format!("GET /healthz HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    assert_eq!(house.ask_port(&two).await.status, 421);
    let absolute = format!("GET http://evil.example/healthz HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n");
    assert_eq!(house.ask_port(&absolute).await.status, 421);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_json_and_small() {
    let house = House::open(&["AAPL"]).await;
    let refresh = r#"{"command": {"do": "refresh"}}"#;
    let keyed = |key: &str| format!("{JSON}Idempotency-Key: {key}\r\n");
    let cases = [
        (post("/v1/commands", JSON, refresh), 202),
        (post("/v1/commands", &keyed("k"), r#"{"id": "k", "actor": "me", "command": {"do": "refresh"}}"#), 202),
        (post("/v1/commands", &keyed("k"), r#"{"id": "other", "command": {"do": "refresh"}}"#), 400),
        (post("/v1/commands", &keyed(&"k".repeat(129)), refresh), 400),
        (post("/v1/commands", JSON, r#"{"id": "", "command": {"do": "refresh"}}"#), 400),
        (post("/v1/commands", JSON, "{"), 400),
        (post("/v1/commands", JSON, ""), 400),
        (post("/v1/commands", JSON, r#"{"command": {"do": "format the disk"}}"#), 422),
        (post("/v1/commands", JSON, r#"{"command": {"do": "refresh"}, "sudo": true}"#), 422),
        (post("/v1/commands", "Content-Type: application/x-www-form-urlencoded\r\n", "do=refresh"), 415),
        (post("/v1/commands", "Content-Type: text/plain\r\n", refresh), 415),
        (post("/v1/commands", "", refresh), 415),
        (post("/v1/commands", "Content-Type: Application/JSON; charset=utf-8\r\n", refresh), 202),
        (post("/v1/commands", JSON, &" ".repeat(70_000)), 413),
        (post("/v1/query/runs", JSON, r#"{"limit": 3}"#), 200),
        (post("/v1/query/runs", JSON, r#"{"limit": -3}"#), 422),
        (post("/v1/query/secrets", JSON, "{}"), 422),
        (post("/v1/query/run", JSON, r#"{"run_id": 404}"#), 422),
        (get("/v1/logs?level=warn&limit=5&source=ib"), 200),
        (get("/v1/logs?level=loud"), 400),
        (get("/v1/events?logs=x"), 400),
        (get("/nowhere"), 404),
        (get("/../../etc/passwd"), 404),
        ("DELETE /v1/state HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(), 405),
        ("OPTIONS /v1/commands HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(), 405),
    ];
    for (request, status) in cases {
        let answer = house.ask(&request).await;
        let shown: String = request.chars().take(200).collect();
        assert_eq!(answer.status, status, "{shown}\n{answer:?}");
        assert!(!answer.head.to_lowercase().contains("access-control-allow"), "{}", answer.head);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_figures() {
    let house = House::open(&["AAPL", "MSFT"]).await;
    assert_eq!(json(&house.ask(&get("/healthz")).await.body)["status"], "ok");
    let ready = house.ask(&get("/readyz")).await;
    assert_eq!((ready.status, json(&ready.body)["ready"].clone()), (200, Value::Bool(true)), "{}", ready.body);
    let metrics = house.ask(&get("/metrics")).await;
    assert!(metrics.head.contains("application/openmetrics-text"), "{}", metrics.head);
    for line in [
        "# TYPE nightdesk_series gauge",
        r#"nightdesk_series{state="empty"} 34.0"#,
        r#"nightdesk_source_requests_answered_total{source="ib"} 0"#,
        "nightdesk_scheduler_on ",
        "nightdesk_disk_free_bytes ",
        "nightdesk_control_deltas_total ",
    ] {
        assert!(metrics.body.contains(line), "{line} is missing:\n{}", metrics.body);
    }
    assert!(metrics.body.ends_with("# EOF\n"));
    let described = json(&house.ask(&get("/openapi.json")).await.body);
    assert!(described["paths"]["/master_data/ingest/manual"]["post"].is_object());

    let House { desk, server } = house;
    let (dir, ring) = (desk.stop().await, Duration::from_secs(1));
    server.stop(ring).await;
    drop(dir);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_whose_engine_has_stopped_is_alive_and_not_ready() {
    let house = House::open(&["AAPL"]).await;
    let House { desk, server } = house;
    let socket = server.socket().to_owned();
    let dir = desk.stop().await;
    let ask =
        async |path: &str| crate::house::exchange(tokio::net::UnixStream::connect(&socket).await.unwrap(), get(path).as_bytes()).await;
    assert_eq!(ask("/healthz").await.status, 200);
    let ready = ask("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(json(&ready.body)["reasons"].to_string().contains("dispatcher"), "{}", ready.body);
    server.stop(Duration::from_secs(5)).await;
    drop(dir);
}

#[tokio::test(flavor = "multi_thread")]
async fn socket_and_token_are_private_and_go_with_the_server() {
    let desk = Desk::start(&["AAPL"], quick_settings()).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    let token = desk.dir.path().join("control.token");
    std::fs::write(&token, "left by someone").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o666)).unwrap();
    let server = serve(&desk, None).await;
    let socket = server.socket().to_owned();
    assert_eq!((mode(&socket), mode(&token)), (0o600, 0o600));
    assert_eq!(std::fs::read_to_string(&token).unwrap().len(), 64);
    server.stop(Duration::from_secs(5)).await;
    assert!(!socket.exists());
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_at_the_port_does_not_close_the_socket() {
    let house = House::open(&["AAPL"]).await;
    let port = house.server.port().unwrap();
    let mut crowd = Vec::new();
    for _ in 0..300 {
        let mut half = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut half, b"GET /healthz HTTP/1.1\r\nHost: ").await.unwrap();
        crowd.push(half);
    }
    assert_eq!(house.ask(&get("/healthz")).await.status, 200);
    drop(crowd);
    let request = format!("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    assert_eq!(house.ask_port(&request).await.status, 200, "the places are free again");
    house.close().await;
}
