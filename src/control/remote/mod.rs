//! The client of an engine in another process: the daemon's state is mirrored here, so that a console asks it exactly as
//! it would ask an engine of its own.

mod follow;
mod sse;
mod wire;

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use self::follow::Follower;
pub use self::wire::Endpoint;
use self::wire::{Answer, Wire};
use super::LinkView;
use super::server::Refused;
use crate::engine::{Ack, CommandError, Envelope, LogRing, Query, QueryError, Reply, Snapshot};
use crate::market::Clock;

/// Log records mirrored.
const LOG_RECORDS: usize = 20_000;

/// Follows a daemon. Clones share one connection; the last one to go ends it.
#[derive(Clone, Debug)]
pub struct RemoteClient {
    state: watch::Receiver<Arc<Snapshot>>,
    link: watch::Receiver<LinkView>,
    logs: Arc<LogRing>,
    wire: Arc<Wire>,
    _follower: Arc<AbortOnDropHandle<()>>,
}

/// Why a daemon cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// It does not answer, or not in time.
    #[error("the daemon does not answer: {0}")]
    Unreachable(String),
    /// It refused.
    #[error("the daemon refused: {0}")]
    Refused(String),
    /// Its state cannot be read by this version.
    #[error("the daemon is nightdesk {theirs} and this is {ours}: use the same version for both")]
    Version {
        /// The daemon's.
        theirs: String,
        /// This program's.
        ours: &'static str,
    },
    /// It is no Nightdesk.
    #[error("what answers there is not a Nightdesk daemon: {0}")]
    Foreign(String),
}

impl RemoteClient {
    /// Fetches the daemon's state once, then follows it in a task of its own, for ever.
    pub async fn attach(endpoint: Endpoint, clock: Arc<dyn Clock>) -> Result<Self, AttachError> {
        let wire = Arc::new(Wire::new(endpoint));
        let first = follow::fetch(&wire).await?;
        let logs = Arc::new(LogRing::new(LOG_RECORDS));
        let (follower, state, link) = Follower::new(Arc::clone(&wire), first, Arc::clone(&logs), clock);
        let task = AbortOnDropHandle::new(tokio::spawn(follower.run()));
        Ok(Self { state, link, logs, wire, _follower: Arc::new(task) })
    }

    pub(super) const fn state(&self) -> &watch::Receiver<Arc<Snapshot>> {
        &self.state
    }

    pub(super) const fn links(&self) -> &watch::Receiver<LinkView> {
        &self.link
    }

    pub(super) fn logs(&self) -> &LogRing {
        &self.logs
    }

    pub(super) async fn send(&self, envelope: Envelope) -> Result<Ack, CommandError> {
        match &*self.link.borrow() {
            LinkView::Attached { read_only: Some(why), .. } => return Err(CommandError::Refused(why.clone())),
            LinkView::Lost { cause, .. } => {
                return Err(CommandError::Refused(format!("the daemon does not answer, nothing was sent: {cause}")));
            }
            _ => {}
        }
        let body = serde_json::to_vec(&envelope).map_err(|e| CommandError::Refused(e.to_string()))?;
        let answer = self.wire.ask(Method::POST, "/v1/commands", body).await.map_err(|e| {
            CommandError::Refused(format!("no word from the daemon, so whether the command was taken is not known: {e}; look at the state"))
        })?;
        match answer.status {
            StatusCode::ACCEPTED => read(&answer).map_err(CommandError::Refused),
            StatusCode::SERVICE_UNAVAILABLE => Err(CommandError::Gone),
            _ => Err(CommandError::Refused(refusal(&answer))),
        }
    }

    pub(super) async fn query(&self, query: Query) -> Result<Reply, QueryError> {
        let failed = |e: &dyn std::fmt::Display| QueryError::Failed(e.to_string());
        let asked = serde_json::to_value(&query).map_err(|e| failed(&e))?;
        let path = format!("/v1/query/{}", asked.get("ask").and_then(Value::as_str).unwrap_or_default());
        let body = serde_json::to_vec(&asked).map_err(|e| failed(&e))?;
        let answer = self.wire.ask(Method::POST, &path, body).await.map_err(|e| failed(&e))?;
        match answer.status {
            StatusCode::OK => read(&answer).map_err(QueryError::Failed),
            StatusCode::SERVICE_UNAVAILABLE => Err(QueryError::Gone),
            _ => Err(QueryError::Failed(refusal(&answer))),
        }
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, String> {
    serde_json::from_slice(&answer.body).map_err(|e| format!("the daemon's answer cannot be read: {e}"))
}

/// What a refusal says.
fn refusal(answer: &Answer) -> String {
    match serde_json::from_slice::<Refused>(&answer.body) {
        Ok(Refused { error }) => error,
        Err(_) => format!("the daemon answered {}", answer.status),
    }
}
