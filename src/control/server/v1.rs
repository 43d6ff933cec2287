//! `/v1`: the state, commands, questions and the log, in the engine's own words.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{Api, Refusal, Refused};
use crate::engine::{Ack, Command, Envelope, LogFilter, LogLevel, LogRecord, Query, Reply, Snapshot};

/// Carries a command's identity; sending it twice does it once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Longest identity of a command.
const LONGEST_ID: usize = 128;
/// Who asks, when a request does not say.
const ACTOR: &str = "http";
/// Rows of one answer, and records of one log page, at most.
const MOST_ROWS: usize = 10_000;

/// A command as it is posted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Posted {
    /// Identity; the header Idempotency-Key says the same, and either may be left out.
    id: Option<String>,
    /// Who asks.
    actor: Option<String>,
    /// What to do.
    command: Command,
}

/// Which log records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Least severe level: error, warn, info, debug or trace.
    #[param(value_type = Option<String>)]
    level: Option<LogLevel>,
    /// Only this part of Nightdesk.
    source: Option<String>,
    /// Only records with this text.
    text: Option<String>,
    /// Only records after this position.
    after: Option<u64>,
    /// The newest so many, 200 unless told.
    limit: Option<usize>,
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogPage {
    /// Records, oldest first.
    records: Vec<LogRecord>,
    /// Records that have fallen out of memory so far.
    dropped: u64,
}

/// The whole state: the snapshot that the event stream goes on from.
#[utoipa::path(get, path = "/v1/state", tag = "state", responses((status = 200, body = Snapshot)))]
pub(super) async fn state(State(api): State<Arc<Api>>) -> Response {
    let current = api.hub.current();
    ([(header::CONTENT_TYPE, "application/json")], serde_json::to_vec(&*current).unwrap_or_default()).into_response()
}

/// Send a command. The answer means accepted; what comes of it is in the state.
#[utoipa::path(
    post, path = "/v1/commands", tag = "commands", request_body = Posted,
    params(("Idempotency-Key" = Option<String>, Header, description = "Identity of the command: sending it twice does it once")),
    responses((status = 202, body = Ack), (status = 409, body = Refused, description = "It cannot be done now, or not at all"))
)]
pub(super) async fn commands(State(api): State<Arc<Api>>, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    let Posted { id, actor, command } = json(&body)?;
    let ack = send(&api, &headers, id, actor, command).await?;
    Ok((StatusCode::ACCEPTED, Json(ack)).into_response())
}

/// Hands a command to the engine under the identity that the request gives it.
pub(super) async fn send(
    api: &Api,
    headers: &HeaderMap,
    id: Option<String>,
    actor: Option<String>,
    command: Command,
) -> Result<Ack, Refusal> {
    let key = match headers.get(IDEMPOTENCY_KEY).map(|v| v.to_str()) {
        None => None,
        Some(Ok(key)) => Some(key.to_owned()),
        Some(Err(_)) => return Err(Refusal::bad_request("the Idempotency-Key has characters that are not visible ASCII")),
    };
    let id = match (id, key) {
        (Some(id), Some(key)) if id != key => return Err(Refusal::bad_request("the Idempotency-Key and the command's id differ")),
        (Some(id), _) | (None, Some(id)) => id,
        (None, None) => api.command_id(),
    };
    let actor = actor.unwrap_or_else(|| ACTOR.to_owned());
    for (what, text) in [("id", &id), ("actor", &actor)] {
        if text.is_empty() || text.len() > LONGEST_ID || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Refusal::bad_request(format!("the {what} of a command is 1 to {LONGEST_ID} visible ASCII characters")));
        }
    }
    Ok(api.client.send(Envelope { id, actor, command }).await?)
}

/// Ask a question; the body holds its parameters.
#[utoipa::path(
    post, path = "/v1/query/{ask}", tag = "state", request_body = Query,
    params(("ask" = String, Path, description = "series, plan, issues, runs, job_runs, run, job, config_changes, features, feature, models, model or training")),
    responses((status = 200, body = Reply), (status = 422, body = Refused, description = "The question has no answer"))
)]
pub(super) async fn query(State(api): State<Arc<Api>>, Path(ask): Path<String>, body: Bytes) -> Result<Json<Reply>, Refusal> {
    let mut asked: Map<String, Value> = if body.is_empty() { Map::new() } else { json(&body)? };
    asked.insert("ask".to_owned(), Value::String(ask));
    let mut query = serde_json::from_value(Value::Object(asked)).map_err(|e| does_not_fit(&e))?;
    if let Query::Issues { limit } | Query::Runs { limit } | Query::JobRuns { limit, .. } | Query::ConfigChanges { limit } = &mut query {
        *limit = (*limit).min(MOST_ROWS);
    }
    Ok(Json(api.client.query(query).await?))
}

/// The newest records of the log.
#[utoipa::path(get, path = "/v1/logs", tag = "state", params(LogQuery), responses((status = 200, body = LogPage)))]
pub(super) async fn logs(State(api): State<Arc<Api>>, Parameters(wanted): Parameters<LogQuery>) -> Json<LogPage> {
    let LogQuery { level, source, text, after, limit } = wanted;
    let limit = limit.unwrap_or(200).min(MOST_ROWS);
    let filter = LogFilter { level: level.unwrap_or(LogLevel::Info), source, text, after: after.unwrap_or(0), limit };
    let (records, dropped) = api.engine.logs.read(&filter);
    Json(LogPage { records, dropped })
}

/// Reads a body: 400 when it is no JSON, 422 when it is not what is wanted.
pub(super) fn json<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|e| if e.is_data() { does_not_fit(&e) } else { Refusal::bad_request(format!("the body is not JSON: {e}")) })
}

fn does_not_fit(e: &serde_json::Error) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the body is not what this path takes: {e}"))
}
