//! A desk with a control server, a proxy that can freeze, and plain HTTP to talk to both.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nightdesk::control::{Client, Endpoint, LinkView, LocalClient, RemoteClient, Server, ServerOptions, token_path};
use nightdesk::engine::Snapshot;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;

use crate::support::{Desk, quick_settings};

/// A desk and the server that speaks for its engine.
pub struct House {
    pub desk: Desk,
    pub server: Server,
}

impl House {
    pub async fn open(symbols: &[&str]) -> Self {
        let desk = Desk::start(symbols, quick_settings()).await;
        let server = serve(&desk, None).await;
        Self { desk, server }
    }

    /// A state made by hand, for a server to show: what happens when is then up to the test.
    pub fn told(&self, change: impl FnOnce(&mut Snapshot)) -> watch::Sender<Arc<Snapshot>> {
        let mut snapshot = Snapshot::clone(&self.desk.engine.state.borrow());
        change(&mut snapshot);
        watch::Sender::new(Arc::new(snapshot))
    }

    /// Replaces the server by one that shows `state`.
    pub async fn show(self, state: &watch::Sender<Arc<Snapshot>>) -> Self {
        let Self { desk, server } = self;
        server.stop(Duration::from_secs(5)).await;
        Self { server: serve(&desk, Some(state.subscribe())).await, desk }
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint::Socket(self.server.socket().to_owned())
    }

    pub fn port(&self) -> Endpoint {
        Endpoint::Port { port: self.server.port().unwrap(), token: token_path(self.desk.dir.path()) }
    }

    pub async fn attach(&self, endpoint: Endpoint) -> Client {
        Client::Remote(RemoteClient::attach(endpoint, self.desk.clock.clone()).await.unwrap())
    }

    pub async fn close(self) {
        self.server.stop(Duration::from_secs(5)).await;
        self.desk.stop().await;
    }

    /// One request over the socket; the status, the head and the body of the answer.
    pub async fn ask(&self, request: &str) -> Answer {
        exchange(UnixStream::connect(self.server.socket()).await.unwrap(), request.as_bytes()).await
    }

    /// One request over the port.
    pub async fn ask_port(&self, request: &str) -> Answer {
        exchange(TcpStream::connect(("127.0.0.1", self.server.port().unwrap())).await.unwrap(), request.as_bytes()).await
    }
}

/// A server for `desk`, showing its state, or another one.
pub async fn serve(desk: &Desk, state: Option<watch::Receiver<Arc<Snapshot>>>) -> Server {
    let engine = LocalClient {
        state: state.unwrap_or_else(|| desk.engine.state.clone()),
        requests: desk.engine.requests.clone(),
        logs: desk.engine.logs.clone(),
    };
    let (pulse, clock, data_dir) = (desk.engine.pulse(), desk.clock.clone(), desk.dir.path().to_owned());
    Server::start(ServerOptions { engine, pulse, clock, data_dir, port: Some(0), ring: 64 }).await.unwrap_or_else(|e| panic!("{e}"))
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Sends bytes and reads until the other side closes.
pub async fn exchange(mut io: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Answer {
    // The server may answer and close before it has read everything.
    drop(io.write_all(request).await);
    let mut bytes = Vec::new();
    drop(tokio::time::timeout(Duration::from_secs(20), io.read_to_end(&mut bytes)).await.unwrap());
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

pub fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

pub const JSON: &str = "Content-Type: application/json\r\n";

/// Waits until the client's link satisfies `wanted`.
pub async fn link_when(client: &Client, within: Duration, wanted: impl Fn(&LinkView) -> bool) -> LinkView {
    let wait = async {
        let mut link = client.link();
        while !wanted(&link) {
            link = client.link_changed(&link).await;
        }
        link
    };
    tokio::time::timeout(within, wait).await.unwrap_or_else(|_| panic!("the link stays {:?}", client.link()))
}

pub const fn attached(link: &LinkView) -> bool {
    matches!(link, LinkView::Attached { .. })
}

pub const fn lost(link: &LinkView) -> bool {
    matches!(link, LinkView::Lost { .. })
}

/// Waits until both watches stand at the same snapshot, and compares the two.
pub async fn same_state(one: &watch::Receiver<Arc<Snapshot>>, other: &watch::Receiver<Arc<Snapshot>>) {
    let mut other = other.clone();
    let wait = async {
        loop {
            let (a, b) = (one.borrow().clone(), other.borrow_and_update().clone());
            if (&a.epoch, a.seq) == (&b.epoch, b.seq) {
                return (a, b);
            }
            other.changed().await.unwrap();
        }
    };
    let (a, b) = tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
    assert_eq!(*a, *b);
}

/// Stands between a client and the server, and can hold everything back, as a stopped process does.
pub struct Proxy {
    pub path: PathBuf,
    frozen: watch::Sender<bool>,
    _task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub fn start(server: &Path) -> Self {
        let path = server.with_extension("proxy");
        let listener = UnixListener::bind(&path).unwrap();
        let (frozen, gate) = watch::channel(false);
        let server = server.to_owned();
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = UnixStream::connect(&server).await else { continue };
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(pass(near_in, far_out, gate.clone()));
                tokio::spawn(pass(far_in, near_out, gate.clone()));
            }
        });
        Self { path, frozen, _task: task }
    }

    pub fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut gate: watch::Receiver<bool>) {
    let mut buffer = vec![0; 4096];
    while let Ok(n) = from.read(&mut buffer).await
        && n > 0
        && gate.wait_for(|frozen| !frozen).await.is_ok()
        && to.write_all(&buffer[..n]).await.is_ok()
    {}
}
