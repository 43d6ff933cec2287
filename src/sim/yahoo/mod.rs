//! A simulator of Yahoo Finance on loopback: the hosts, routes, limits, quirks and errors that its clients meet.
//!
//! One port answers TLS, and CONNECT followed by TLS for clients that go through a proxy. Prices, events and
//! fundamentals come from the shared [`MarketFeed`]; recorded answers can be put in their place. `cli` starts it for
//! `nightdesk sim yahoo` and `--demo`; the tests drive the real client crate against it.

mod chart;
mod conn;
mod errors;
mod http;
mod journal;
mod meta;
mod routes;
mod rows;
mod summary;
mod tls;

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use journal::Entry;

use crate::market::{Clock, Symbol};
use crate::sim::{Fault, Faults, MarketFeed};
use journal::Journal;
use tls::Identities;

/// What a simulator is started with.
#[derive(Clone)]
pub struct ServerOptions {
    /// Where it listens; a loopback address, port 0 for one of the system's choice.
    pub bind: SocketAddr,
    /// The market it shows.
    pub feed: Arc<MarketFeed>,
    /// The time it believes in.
    pub clock: Arc<dyn Clock>,
    /// How long each answer takes.
    pub latency: Duration,
    /// The faults in force; may be shared with another simulator and changed at any time.
    pub faults: Arc<Faults>,
}

impl ServerOptions {
    /// A prompt simulator without faults on a free port of 127.0.0.1.
    pub fn new(feed: Arc<MarketFeed>, clock: Arc<dyn Clock>) -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { bind, feed, clock, latency: Duration::ZERO, faults: Arc::default() }
    }
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address leaves this machine.
    #[error("the Yahoo simulator listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The port is taken or forbidden.
    #[error("the Yahoo simulator cannot listen on {0}: {1}; choose another --port")]
    Bind(SocketAddr, io::Error),
    /// No certificate.
    #[error("the Yahoo simulator cannot make its certificate: {0}")]
    Certificate(String),
}

/// A recorded answer for one path.
#[derive(Clone, Debug)]
struct Recorded {
    status: u16,
    body: String,
}

/// What all connections share.
struct World {
    feed: Arc<MarketFeed>,
    clock: Arc<dyn Clock>,
    latency: Duration,
    faults: Arc<Faults>,
    journal: Journal,
    identities: Identities,
    recorded: Mutex<HashMap<String, Recorded>>,
    /// Crumbs by the cookie they belong to.
    sessions: Mutex<HashMap<String, String>>,
    /// Symbols whose split is on its way.
    splitting: Mutex<HashSet<Symbol>>,
}

/// Plain maps stay valid whatever a panicking holder did to them.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running simulator; it stops when dropped.
pub struct Server {
    world: Arc<World>,
    addr: SocketAddr,
    stop: CancellationToken,
}

impl Server {
    /// Starts a simulator.
    pub async fn start(options: ServerOptions) -> Result<Self, ServerError> {
        if !options.bind.ip().is_loopback() {
            return Err(ServerError::NotLoopback(options.bind));
        }
        let bind = |e| ServerError::Bind(options.bind, e);
        let listener = TcpListener::bind(options.bind).await.map_err(bind)?;
        let addr = listener.local_addr().map_err(bind)?;
        let world = Arc::new(World {
            feed: options.feed,
            clock: options.clock,
            latency: options.latency,
            faults: options.faults,
            journal: Journal::default(),
            identities: Identities::new()?,
            recorded: Mutex::default(),
            sessions: Mutex::default(),
            splitting: Mutex::default(),
        });
        let stop = CancellationToken::new();
        tokio::spawn(accept(Arc::clone(&world), listener, stop.clone()));
        tracing::info!(target: "sim", %addr, "Yahoo simulator listening");
        Ok(Self { world, addr, stop })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The authority a client has to trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.world.identities.ca_pem
    }

    /// Writes the authority to `path`, readable by its owner only.
    pub fn write_ca(&self, path: &Path) -> io::Result<()> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(self.ca_pem().as_bytes())
    }

    /// The requests so far, oldest first; the last ten thousand are kept.
    pub fn journal(&self) -> Vec<Entry> {
        self.world.journal.entries()
    }

    /// Puts a fault in force.
    pub fn inject(&self, fault: Fault) {
        self.world.faults.inject(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.world.faults.clear();
    }

    /// Answers `path` (decoded, such as `/v8/finance/chart/AAPL`) with a recorded status and body from now on.
    pub fn serve_body(&self, path: impl Into<String>, status: u16, body: impl Into<String>) {
        hold(&self.world.recorded).insert(path.into(), Recorded { status, body: body.into() });
    }

    /// Forgets all sessions, as Yahoo does from time to time: the next request with an old crumb is refused.
    pub fn rotate_crumbs(&self) {
        hold(&self.world.sessions).clear();
    }

    /// Stops listening and closes every connection.
    pub fn shutdown(&self) {
        self.stop.cancel();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown();
    }
}

async fn accept(world: Arc<World>, listener: TcpListener, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of descriptors, or the peer left already: give others time to finish, then try again.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let (world, stop) = (Arc::clone(&world), stop.clone());
        tokio::spawn(async move {
            let served = tokio::select! {
                () = stop.cancelled() => return,
                served = conn::serve(world, stream) => served,
            };
            if let Err(e) = served {
                tracing::debug!(target: "sim", %peer, error = %e, "Connection ended early");
            }
        });
    }
}
