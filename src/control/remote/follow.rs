//! Following a daemon: a whole snapshot, then the steps after it; whatever does not fit leads to another whole snapshot,
//! so that the state shown is one that the daemon had. A daemon that is gone is looked for until it is back.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::sse::{Event, Parser};
use super::wire::Wire;
use super::{AttachError, refusal};
use crate::control::LinkView;
use crate::engine::{Delta, LogRecord, LogRing, Snapshot};
use crate::market::Clock;

/// A daemon that says nothing for this long is lost. It speaks at least once a second.
const SILENCE: Duration = Duration::from_millis(2_500);
/// How long the first state may take.
const STATE_WITHIN: Duration = Duration::from_secs(10);
/// First pause between attempts; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
const OURS: &str = env!("CARGO_PKG_VERSION");

/// The task behind a [`super::RemoteClient`].
pub(super) struct Follower {
    wire: Arc<Wire>,
    state: watch::Sender<Arc<Snapshot>>,
    link: watch::Sender<LinkView>,
    logs: Arc<LogRing>,
    clock: Arc<dyn Clock>,
    /// The daemon's state, with the daemon's own numbers.
    current: Snapshot,
    /// Newest log record mirrored, in the daemon's numbers.
    logged: u64,
    /// What is added to the daemon's log numbers: a daemon that was started anew begins at 1, the mirror goes on.
    shift: u64,
    attempt: u32,
}

/// Why following ended for now.
type Cause = String;

impl Follower {
    pub fn new(
        wire: Arc<Wire>,
        first: Snapshot,
        logs: Arc<LogRing>,
        clock: Arc<dyn Clock>,
    ) -> (Self, watch::Receiver<Arc<Snapshot>>, watch::Receiver<LinkView>) {
        let (state, states) = watch::channel(Arc::new(first.clone()));
        let (link, links) = watch::channel(attached(&first));
        (Self { wire, state, link, logs, clock, current: first, logged: 0, shift: 0, attempt: 0 }, states, links)
    }

    /// Follows for ever. The first state is there already.
    pub async fn run(mut self) {
        let mut ended = self.stream().await;
        loop {
            self.lost(ended);
            sleep(FIRST_PAUSE.saturating_mul(1 << (self.attempt - 1).min(10)).min(LONGEST_PAUSE)).await;
            ended = match self.start_over(SILENCE).await {
                Ok(()) => self.stream().await,
                Err(cause) => cause,
            };
        }
    }

    fn lost(&mut self, cause: Cause) {
        self.attempt += 1;
        let attempt = self.attempt;
        let since_ms = match &*self.link.borrow() {
            LinkView::Lost { since_ms, .. } => *since_ms,
            _ => self.clock.now_ms(),
        };
        if attempt == 1 {
            tracing::warn!(target: "control", cause, "The daemon is lost, looking for it");
        }
        self.link.send_replace(LinkView::Lost { since_ms, attempt, cause });
    }

    /// Fetches the whole state.
    async fn start_over(&mut self, within: Duration) -> Result<(), Cause> {
        let fresh = timeout(within, fetch(&self.wire)).await.map_err(|_| silent())?.map_err(|e| e.to_string())?;
        if fresh.epoch != self.current.epoch {
            tracing::info!(target: "control", pid = fresh.process.pid, "The daemon was started anew");
            (self.shift, self.logged) = (self.logs.last(), 0);
        }
        self.current = fresh;
        self.attempt = 0;
        self.publish();
        let link = attached(&self.current);
        self.link.send_if_modified(|old| (*old != link).then(|| *old = link).is_some());
        Ok(())
    }

    fn publish(&self) {
        let log_seq = self.current.log_seq + self.shift;
        self.state.send_replace(Arc::new(Snapshot { log_seq, ..self.current.clone() }));
    }

    /// Reads the stream until it ends or fails; returns why.
    async fn stream(&mut self) -> Cause {
        match self.read_stream().await {
            Ok(never) => match never {},
            Err(cause) => cause,
        }
    }

    async fn read_stream(&mut self) -> Result<std::convert::Infallible, Cause> {
        let path = format!("/v1/events?logs={}", self.logged);
        let last = format!("{}-{}", self.current.epoch, self.current.seq);
        let opened = timeout(SILENCE, self.wire.stream(&path, &last)).await.map_err(|_| silent())?;
        let (status, mut body) = opened.map_err(|e| e.to_string())?;
        if status != StatusCode::OK {
            return Err(format!("the daemon answered {status}"));
        }
        let mut parser = Parser::default();
        loop {
            parser.feed(&piece(&mut body).await?).map_err(|e| e.to_string())?;
            let mut moved = false;
            while let Some(event) = parser.next().map_err(|e| e.to_string())? {
                moved |= self.take(&event).await?;
            }
            if moved {
                self.publish();
            }
        }
    }

    /// Takes an event in. True when there is something new to show.
    async fn take(&mut self, event: &Event) -> Result<bool, Cause> {
        match event.name.as_str() {
            "delta" => {
                let Ok(delta) = serde_json::from_str::<Delta>(&event.data) else {
                    return self.start_over(SILENCE).await.map(|()| true);
                };
                if delta.epoch == self.current.epoch && delta.to <= self.current.seq {
                    return Ok(false);
                }
                if delta.apply(&mut self.current).is_err() {
                    self.start_over(SILENCE).await?;
                }
                Ok(true)
            }
            "resync" => self.start_over(SILENCE).await.map(|()| true),
            "logs" => {
                let records: Vec<LogRecord> = serde_json::from_str(&event.data).map_err(|e| format!("a log record cannot be read: {e}"))?;
                self.logged = records.last().map_or(self.logged, |r| r.seq.max(self.logged));
                // The mirror drops what it has.
                for record in records {
                    self.logs.mirror(LogRecord { seq: record.seq + self.shift, ..record });
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// The next bytes of a stream.
async fn piece(body: &mut Incoming) -> Result<axum::body::Bytes, Cause> {
    match timeout(SILENCE, body.frame()).await {
        Err(_) => Err(silent()),
        Ok(None) => Err("the daemon ended the stream".to_owned()),
        Ok(Some(Err(e))) => Err(format!("the connection broke: {e}")),
        Ok(Some(Ok(frame))) => Ok(frame.into_data().unwrap_or_default()),
    }
}

fn silent() -> Cause {
    "the daemon is silent".to_owned()
}

fn attached(state: &Snapshot) -> LinkView {
    let theirs = &state.process.version;
    let read_only = (theirs != OURS).then(|| {
        format!("the daemon is nightdesk {theirs} and this is {OURS}: it can be watched; to steer it, use the same version for both")
    });
    LinkView::Attached { pid: state.process.pid, read_only }
}

/// Fetches a daemon's whole state.
pub(super) async fn fetch(wire: &Wire) -> Result<Snapshot, AttachError> {
    let answer = timeout(STATE_WITHIN, wire.ask(Method::GET, "/v1/state", Vec::new())).await;
    let answer = answer.map_err(|_| AttachError::Unreachable(silent()))?.map_err(|e| AttachError::Unreachable(e.to_string()))?;
    if answer.status != StatusCode::OK {
        return Err(AttachError::Refused(refusal(&answer)));
    }
    serde_json::from_slice(&answer.body).map_err(|e| match serde_json::from_slice(&answer.body) {
        Ok(Versioned { process: Version { version } }) if version != OURS => AttachError::Version { theirs: version, ours: OURS },
        _ => AttachError::Foreign(e.to_string()),
    })
}

/// All that is read of a state whose other parts this version does not know.
#[derive(Deserialize)]
struct Versioned {
    process: Version,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}
