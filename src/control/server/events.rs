//! `/v1/events`: one attached stream. It ends with the server; a reader that falls behind is told to start over.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;

use super::hub::{Frame, Place, Subscription};
use super::{Api, Refusal};

/// A stream that has nothing to say says so this often, so that silence means trouble.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// Last-Event-ID: where a stream was when it broke off.
const LAST_EVENT_ID: &str = "last-event-id";

/// What a stream should carry besides the state.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Also log records, those after this position first; absent for none.
    logs: Option<u64>,
}

/// Follow the state: events `delta` (what changed), `resync` (fetch `/v1/state` again) and `logs`, as server-sent events.
#[utoipa::path(
    get, path = "/v1/events", tag = "state", params(Wanted, ("Last-Event-ID" = Option<String>, Header, description = "The last event's id: the stream goes on after it")),
    responses((status = 200, description = "The stream", content_type = "text/event-stream"), (status = 429, description = "Too many streams"))
)]
pub(super) async fn events(State(api): State<Arc<Api>>, Query(wanted): Query<Wanted>, headers: HeaderMap) -> Result<Response, Refusal> {
    let permit = Arc::clone(&api.streams).try_acquire_owned().map_err(|_| Refusal::too_many_streams())?;
    let last = headers.get(LAST_EVENT_ID).and_then(|v| v.to_str().ok()).and_then(Place::parse);
    let Subscription { backlog, live } = api.hub.subscribe(last.as_ref(), wanted.logs);
    let attached = Attached { backlog, live, logs: wanted.logs.is_some(), api, _permit: permit };
    let frames = stream::unfold(attached, |mut s| async { s.next().await.map(|f| (Ok::<_, std::convert::Infallible>(f), s)) });
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(frames)).into_response())
}

struct Attached {
    backlog: std::collections::VecDeque<Bytes>,
    live: tokio::sync::broadcast::Receiver<Frame>,
    logs: bool,
    api: Arc<Api>,
    _permit: OwnedSemaphorePermit,
}

impl Attached {
    /// The next bytes; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(frame) = self.backlog.pop_front() {
            return Some(frame);
        }
        loop {
            tokio::select! { biased;
                () = self.api.ends.cancelled() => return None,
                frame = self.live.recv() => match frame {
                    Ok(Frame::State(bytes)) => return Some(bytes),
                    Ok(Frame::Logs(bytes)) if self.logs => return Some(bytes),
                    Ok(Frame::Logs(_)) => {}
                    // What it missed is older than what a whole snapshot tells.
                    Err(RecvError::Lagged(_)) => return Some(self.api.hub.resync()),
                    Err(RecvError::Closed) => return None,
                },
                () = tokio::time::sleep(KEEP_ALIVE) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }
}
