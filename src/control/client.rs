//! The client. `Local` talks to an engine in this process through channels, `Remote` to one in a daemon.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::RemoteClient;
use crate::engine::{Ack, CommandError, Envelope, LogFilter, LogRecord, LogRing, Query, QueryError, Reply, Request, Snapshot};

/// The state of the way to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkView {
    /// The engine runs in this process.
    Local,
    /// The engine runs in a daemon, and this client follows it.
    Attached {
        /// The daemon's process id.
        pid: u32,
        /// Why commands are refused: the daemon is of another version. `None` when it may be steered.
        read_only: Option<String>,
    },
    /// The daemon does not answer; the state shown is the last one that came. It is tried again for ever.
    Lost {
        /// Since, UTC milliseconds.
        since_ms: i64,
        /// Attempts so far.
        attempt: u32,
        /// What the last attempt said.
        cause: String,
    },
    /// The engine has stopped.
    Gone,
}

/// A client of one engine.
#[derive(Clone, Debug)]
pub enum Client {
    /// In this process.
    Local(LocalClient),
    /// In a daemon.
    Remote(RemoteClient),
}

/// Channels to an engine in this process.
#[derive(Clone, Debug)]
pub struct LocalClient {
    /// Newest snapshot.
    pub state: watch::Receiver<Arc<Snapshot>>,
    /// Requests.
    pub requests: mpsc::Sender<Request>,
    /// Log ring.
    pub logs: Arc<LogRing>,
}

impl Client {
    /// The newest snapshot, and a signal when there is a newer one, or when there are newer log records.
    pub fn state(&self) -> watch::Receiver<Arc<Snapshot>> {
        match self {
            Self::Local(c) => c.state.clone(),
            Self::Remote(c) => c.state().clone(),
        }
    }

    /// Whether the engine can be reached.
    pub fn link(&self) -> LinkView {
        match self {
            Self::Local(c) if c.requests.is_closed() => LinkView::Gone,
            Self::Local(_) => LinkView::Local,
            Self::Remote(c) => c.links().borrow().clone(),
        }
    }

    /// Waits until [`Self::link`] is other than `seen`, and returns it.
    pub async fn link_changed(&self, seen: &LinkView) -> LinkView {
        match self {
            Self::Local(c) => {
                if self.link() == *seen {
                    c.requests.closed().await;
                }
                if *seen == LinkView::Gone { std::future::pending().await } else { self.link() }
            }
            Self::Remote(c) => {
                let mut links = c.links().clone();
                let changed = links.wait_for(|now| now != seen).await.map(|now| now.clone());
                changed.unwrap_or(LinkView::Gone)
            }
        }
    }

    /// Log records that pass `filter`, and how many were dropped from the ring so far.
    pub fn logs(&self, filter: &LogFilter) -> (Vec<LogRecord>, u64) {
        match self {
            Self::Local(c) => c.logs.read(filter),
            Self::Remote(c) => c.logs().read(filter),
        }
    }

    /// Sends a command; the answer means accepted, not done.
    pub async fn send(&self, envelope: Envelope) -> Result<Ack, CommandError> {
        match self {
            Self::Local(c) => {
                let (tx, rx) = oneshot::channel();
                c.requests.send(Request::Command(envelope, tx)).await.map_err(|_| CommandError::Gone)?;
                rx.await.map_err(|_| CommandError::Gone)?
            }
            Self::Remote(c) => c.send(envelope).await,
        }
    }

    /// Asks a question.
    pub async fn query(&self, query: Query) -> Result<Reply, QueryError> {
        match self {
            Self::Local(c) => {
                let (tx, rx) = oneshot::channel();
                c.requests.send(Request::Query(query, tx)).await.map_err(|_| QueryError::Gone)?;
                rx.await.map_err(|_| QueryError::Gone)?
            }
            Self::Remote(c) => c.query(query).await,
        }
    }
}
