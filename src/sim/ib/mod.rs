//! A simulated IB Gateway on loopback, for practice without an account, for the demo and for tests.
//!
//! It speaks TWS's own protocol to the real client libraries: protobuf from version 213 to 226 (the Rust crate, IB's
//! current Python client), text up to 200 (`ib_async`). It checks requests with the gateway's codes and texts,
//! enforces its pacing limits, and misbehaves on demand ([`crate::sim::Fault`]).

mod bars;
mod contracts;
mod encode;
mod history;
mod journal;
mod outbox;
mod pacing;
mod proto;
mod query;
mod request;
mod session;
mod text;
mod wire;

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use journal::{Counters, Entry, Journal};

use super::{Fault, FaultName, Faults, MarketFeed};
use crate::market::Clock;

/// What a gateway is started with.
pub struct GatewayOptions {
    /// Where to listen; port 0 lets the system choose.
    pub bind: SocketAddr,
    /// The market it serves.
    pub feed: Arc<MarketFeed>,
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// How long each historical request takes. Requests do not wait for each other.
    pub latency: Duration,
    /// Faults in force from the start.
    pub faults: Vec<Fault>,
    /// Answer violations of the pacing rules with errors; they are counted in any case.
    pub enforce_pacing: bool,
    /// The managed accounts, separated by commas.
    pub accounts: String,
    /// How long the faults `link-down` and `restart` last.
    pub outage: Duration,
}

impl GatewayOptions {
    /// A gateway on a free loopback port, without latency or faults, with pacing enforced.
    pub fn new(feed: Arc<MarketFeed>, clock: Arc<dyn Clock>) -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            feed,
            clock,
            latency: Duration::ZERO,
            faults: Vec::new(),
            enforce_pacing: true,
            accounts: "DU1234567".into(),
            outage: Duration::from_secs(5),
        }
    }
}

/// What every session hears.
#[derive(Clone, Copy, Debug)]
enum Signal {
    Notice(i32, &'static str),
    /// Notice 1300, then close.
    Dropped,
}

/// What the sessions of one gateway share.
struct Shared {
    feed: Arc<MarketFeed>,
    clock: Arc<dyn Clock>,
    latency: Duration,
    enforce_pacing: bool,
    accounts: String,
    outage: Duration,
    directory: contracts::Directory,
    faults: Faults,
    journal: Arc<Journal>,
    pacer: pacing::Pacer,
    clients: Mutex<HashSet<i32>>,
    signals: broadcast::Sender<Signal>,
    restarts: mpsc::Sender<Restart>,
    link_down: AtomicBool,
    hmds_down: AtomicBool,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// An order to stop listening for a while.
struct Restart {
    down: Duration,
    done: Option<oneshot::Sender<()>>,
}

const HMDS_OK: (i32, &str) = (2106, "HMDS data farm connection is OK:ushmds");
const HMDS_BROKEN: (i32, &str) = (2105, "HMDS data farm connection is broken:ushmds");

impl Shared {
    fn signal(&self, signal: Signal) {
        // Without a session there is nobody to tell.
        let _ = self.signals.send(signal);
    }

    /// Sets the state of the historical data farm and announces a change.
    fn set_hmds(&self, down: bool) {
        if self.hmds_down.swap(down, Ordering::SeqCst) != down {
            let (code, text) = if down { HMDS_BROKEN } else { HMDS_OK };
            self.signal(Signal::Notice(code, text));
        }
    }

    /// IB's own link goes down, and comes back after the outage.
    fn drop_link(self: &Arc<Self>) {
        if self.link_down.swap(true, Ordering::SeqCst) {
            return;
        }
        self.signal(Signal::Notice(1100, "Connectivity between IBKR and Trader Workstation has been lost."));
        let shared = Arc::clone(self);
        self.tasks.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(shared.outage) => {}
                () = shared.stop.cancelled() => return,
            }
            shared.link_down.store(false, Ordering::SeqCst);
            let text = "Connectivity between IBKR and Trader Workstation has been restored - data maintained. \
                        All data farms are connected: usfarm; ushmds; secdefil.";
            shared.signal(Signal::Notice(1102, text));
        });
    }

    fn clients(&self) -> std::sync::MutexGuard<'_, HashSet<i32>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running gateway. Dropping it stops it; [`Gateway::shutdown`] also waits for its tasks.
pub struct Gateway {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Gateway {
    /// Binds and starts to accept clients.
    pub async fn start(options: GatewayOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.bind).await?;
        let addr = listener.local_addr()?;
        let (restarts, orders) = mpsc::channel(4);
        let shared = Arc::new(Shared {
            directory: contracts::Directory::new(&options.feed, options.clock.now()),
            feed: options.feed,
            clock: options.clock,
            latency: options.latency,
            enforce_pacing: options.enforce_pacing,
            accounts: options.accounts,
            outage: options.outage,
            faults: Faults::default(),
            journal: Arc::default(),
            pacer: pacing::Pacer::default(),
            clients: Mutex::default(),
            signals: broadcast::Sender::new(64),
            restarts,
            link_down: AtomicBool::new(false),
            hmds_down: AtomicBool::new(false),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let gateway = Self { addr, shared: Arc::clone(&shared) };
        for fault in options.faults {
            gateway.inject(fault);
        }
        shared.tasks.spawn(accept(Arc::clone(&shared), listener, addr, orders));
        tracing::info!(target: "sim", %addr, "Simulated IB Gateway is listening");
        Ok(gateway)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it was asked so far.
    pub fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.shared.journal)
    }

    /// Puts a fault in force.
    pub fn inject(&self, fault: Fault) {
        if fault.name == FaultName::SplitTonight {
            self.shared.feed.split_tonight(fault.symbol, self.shared.clock.now());
        } else {
            self.shared.faults.inject(fault);
        }
    }

    /// Ends all faults; a broken data farm is announced healthy again.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
        self.shared.set_hmds(false);
    }

    /// Drops every connection with notice 1300, refuses new ones for `down`, and returns when it listens again.
    pub async fn restart(&self, down: Duration) {
        let (done, listening) = oneshot::channel();
        if self.shared.restarts.send(Restart { down, done: Some(done) }).await.is_ok() {
            // An error means that the gateway was stopped meanwhile; then there is nothing to wait for.
            let _ = listening.await;
        }
    }

    /// Closes every connection and waits for the tasks to end.
    pub async fn shutdown(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, addr: SocketAddr, mut orders: mpsc::Receiver<Restart>) {
    let mut listener = Some(listener);
    while let Some(socket) = &listener {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => {
                    shared.tasks.spawn(session::serve(Arc::clone(&shared), stream));
                }
                // Out of file descriptors, or the client left again: the next one may fare better.
                Err(e) => tracing::warn!(target: "sim", error = %e, "Could not accept a connection"),
            },
            Some(order) = orders.recv() => {
                drop(listener.take());
                shared.signal(Signal::Dropped);
                tokio::select! {
                    () = shared.stop.cancelled() => return,
                    () = tokio::time::sleep(order.down) => {}
                }
                listener = rebind(&shared, addr).await;
                if let Some(done) = order.done {
                    // The caller may have stopped waiting.
                    let _ = done.send(());
                }
            }
        }
    }
}

/// Listens on the same port again; another process may hold it for a moment.
async fn rebind(shared: &Shared, addr: SocketAddr) -> Option<TcpListener> {
    for _ in 0..50 {
        match TcpListener::bind(addr).await {
            Ok(listener) => return Some(listener),
            Err(e) => tracing::warn!(target: "sim", %addr, error = %e, "Could not listen again yet"),
        }
        tokio::select! {
            () = shared.stop.cancelled() => return None,
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
    }
    tracing::error!(target: "sim", %addr, "The port was taken during the restart; the simulated gateway is gone");
    None
}
