//! Ten thousand random and hostile requests: each gets the answer its first offence deserves, none brings the server
//! down or makes it grow. In a process of its own, because memory is measured.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot prepare its desk has failed")]

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "shared with suites that use more of it")]
mod support;

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nightdesk::control::{LocalClient, Server, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use support::{Desk, quick_settings};

const REQUESTS: usize = 10_000;
const AT_ONCE: usize = 24;

/// A small generator, so that a failure names the number that makes it again (`SplitMix64`, Steele et al. 2014).
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.throw() % n as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let n = self.below(from.len());
        &from[n]
    }

    /// True once in `n` times.
    fn rarely(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn noise(&mut self, most: usize) -> Vec<u8> {
        let n = self.below(most);
        (0..n).map(|_| self.throw() as u8).collect()
    }
}

/// Paths with what a well-made request of the right method gets, and that method.
const PATHS: [(&str, &str, &[u16]); 13] = [
    ("/healthz", "GET", &[200]),
    ("/metrics", "GET", &[200]),
    ("/openapi.json", "GET", &[200]),
    ("/v1/state", "GET", &[200]),
    ("/v1/logs?limit=3", "GET", &[200]),
    ("/v1/logs?limit=%ff&level=loud", "GET", &[400]),
    ("/master_data/scheduler/status", "GET", &[200]),
    ("/v1/commands", "POST", &[202, 400, 409, 422]),
    ("/v1/query/runs", "POST", &[200, 400, 422]),
    ("/v1/query/%00%ff", "POST", &[400, 422]),
    ("/master_data/ingest/manual", "POST", &[202, 400, 409, 422]),
    ("/..%2f..%2fetc/passwd", "GET", &[404]),
    ("/%", "GET", &[404]),
];
/// Headers that only a web page sends.
const PAGES: [&str; 2] = ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"];
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"];
const BODIES: [&str; 9] = [
    "",
    "{}",
    "[]",
    "nonsense",
    r#"{"command": {"do": "refresh"}}"#,
    r#"{"command": {"do": "cancel", "run_id": -9223372036854775808, "now": true}}"#,
    r#"{"limit": 18446744073709551615}"#,
    r#"{"symbols": ["'; DROP TABLE candle; --"]}"#,
    "\u{1f4a3}\u{0}",
];

/// A request, and the statuses it may get.
fn request(dice: &mut Dice, port: u16, token: &str) -> (Vec<u8>, Vec<u16>) {
    let &(path, right, good) = dice.pick(&PATHS);
    let method = if dice.rarely(4) { *dice.pick(&METHODS) } else { right };
    let wrong_host = dice.rarely(8);
    let host =
        if wrong_host { (*dice.pick(&["evil.example", "127.0.0.1", "localhost:1", ""])).to_owned() } else { format!("127.0.0.1:{port}") };
    let page = dice.rarely(8);
    let wrong_token = dice.rarely(6);
    let bearer = if wrong_token { "0".repeat(dice.below(130)) } else { token.to_owned() };
    let too_large = dice.rarely(40);
    let body = if too_large { " ".repeat(70_000) } else { (*dice.pick(&BODIES)).to_owned() };
    let wrong_kind = dice.rarely(8);
    let kind = if wrong_kind { "text/plain" } else { "application/json" };
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {bearer}\r\nContent-Type: {kind}\r\n"
    );
    if page {
        head.push_str(PAGES[dice.below(PAGES.len())]);
    }
    if dice.rarely(5) {
        write!(head, "X-Noise: {}\r\nCookie: {}\r\n", "n".repeat(dice.below(5_000)), "c".repeat(dice.below(500))).unwrap();
    }
    // The first layer that objects answers; the order is that of the server's guards.
    let want = if wrong_host {
        vec![421]
    } else if page {
        vec![403]
    } else if too_large {
        vec![413]
    } else if wrong_token && path != "/healthz" {
        vec![401]
    } else if method == "POST" && wrong_kind {
        vec![415]
    } else if path.contains("etc") || path == "/%" {
        vec![404]
    } else if method == right {
        good.to_vec()
    } else {
        vec![405]
    };
    (format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes(), want)
}

/// Something that is hardly HTTP; it may get any refusal, or none.
fn garbage(dice: &mut Dice, port: u16) -> Vec<u8> {
    let head = format!("POST /v1/commands HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n");
    match dice.below(9) {
        0 => dice.noise(400),
        1 => head.as_bytes()[..dice.below(head.len())].to_vec(),
        2 => format!("{head}X: {}\r\n\r\n", "x".repeat(200_000)).into_bytes(),
        3 => format!("{head}{}\r\n", "X: y\r\n".repeat(500)).into_bytes(),
        4 => format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000)).into_bytes(),
        5 => format!("{head}Content-Length: 5\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").into_bytes(),
        6 => format!("{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n").into_bytes(),
        7 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        _ => [head.as_bytes(), b"Content-Length: 1000\r\n\r\n{", &dice.noise(50)].concat(),
    }
}

/// Sends, and reads the status; 0 when there was none.
async fn exchange(port: u16, bytes: &[u8], patient: bool) -> u16 {
    let mut io = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // The server may answer and close before it has read everything.
    drop(io.write_all(bytes).await);
    if !patient {
        drop(io.shutdown().await);
    }
    let mut answer = Vec::new();
    drop(tokio::time::timeout(Duration::from_secs(20), io.read_to_end(&mut answer)).await.unwrap());
    String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0)
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

async fn storm(port: u16, token: Arc<str>, next: Arc<AtomicUsize>, until: usize) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= until {
            return;
        }
        let mut dice = Dice(number as u64);
        if dice.rarely(5) {
            let status = exchange(port, &garbage(&mut dice, port), false).await;
            assert!(status < 500, "garbage {number}: {status}");
            continue;
        }
        let (bytes, want) = request(&mut dice, port, &token);
        let status = exchange(port, &bytes, true).await;
        // Of a body that is too large, the answer may be lost when the connection is cut.
        let cut = status == 0 && want == [413];
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned();
        assert!(want.contains(&status) || cut, "request {number}: {status}, not {want:?}:\n{}", shown());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_get_what_they_deserve() {
    let desk = Desk::start(&["AAPL"], quick_settings()).await;
    let engine = LocalClient { state: desk.engine.state.clone(), requests: desk.engine.requests.clone(), logs: desk.engine.logs.clone() };
    let (pulse, clock, data_dir) = (desk.engine.pulse(), desk.clock.clone(), desk.dir.path().to_owned());
    let server = Server::start(ServerOptions { engine, pulse, clock, data_dir, port: Some(0), ring: 64 }).await.unwrap();
    let port = server.port().unwrap();
    let token: Arc<str> = std::fs::read_to_string(desk.dir.path().join("control.token")).unwrap().into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut before = 0;
    // The first thousand warm the allocator up.
    for until in [REQUESTS / 10, REQUESTS] {
        let storms = (0..AT_ONCE).map(|_| tokio::spawn(storm(port, Arc::clone(&token), Arc::clone(&next), until)));
        for storm in storms.collect::<Vec<_>>() {
            storm.await.unwrap();
        }
        next.store(until, Ordering::Relaxed);
        if until < REQUESTS {
            before = resident_mib();
        }
    }
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 20, "memory grew by {grown} MiB");
    let well = format!("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    assert_eq!(exchange(port, well.as_bytes(), true).await, 200, "and the desk is ready for work");
    server.stop(Duration::from_secs(5)).await;
    desk.stop().await;
}
