//! `/master_data`: the scheduler's switch and the manual ingest.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, Refusal, Refused, v1};
use crate::engine::{Ack, Command, IngestSpec, JobView, SchedulerView};
use crate::store::scheduler::JobRun;

/// Whether the scheduler is on, what it will do, and what runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SchedulerStatus {
    /// The switch.
    #[serde(flatten)]
    scheduler: SchedulerView,
    /// The jobs: next and last run, pauses, failures.
    jobs: Vec<JobView>,
    /// Runs that are queued or working.
    active: Vec<JobRun>,
}

/// Whether the scheduler is on, what it will do, and what runs.
#[utoipa::path(get, path = "/master_data/scheduler/status", tag = "master data", responses((status = 200, body = SchedulerStatus)))]
pub(super) async fn status(State(api): State<Arc<Api>>) -> Json<SchedulerStatus> {
    let now = api.hub.current();
    let active = now.job_runs.iter().filter(|r| !r.state.ended()).cloned().collect();
    Json(SchedulerStatus { scheduler: SchedulerView::clone(&now.scheduler), jobs: now.jobs.to_vec(), active })
}

/// Switch the scheduler on: ticks lead to runs.
#[utoipa::path(
    post, path = "/master_data/scheduler/start", tag = "master data",
    responses((status = 200, body = Ack), (status = 409, body = Refused))
)]
pub(super) async fn start(State(api): State<Arc<Api>>, headers: HeaderMap) -> Result<Json<Ack>, Refusal> {
    Ok(Json(v1::send(&api, &headers, None, None, Command::Scheduler { on: true }).await?))
}

/// Switch the scheduler off: ticks pass without a run; what runs goes on, and commands still work.
#[utoipa::path(
    post, path = "/master_data/scheduler/stop", tag = "master data",
    responses((status = 200, body = Ack), (status = 409, body = Refused))
)]
pub(super) async fn stop(State(api): State<Arc<Api>>, headers: HeaderMap) -> Result<Json<Ack>, Refusal> {
    Ok(Json(v1::send(&api, &headers, None, None, Command::Scheduler { on: false }).await?))
}

/// Start an ingest now. Without a body it covers everything, as the nightly one does.
#[utoipa::path(
    post, path = "/master_data/ingest/manual", tag = "master data", request_body = Option<IngestSpec>,
    params(("Idempotency-Key" = Option<String>, Header, description = "Identity of the command: sending it twice runs once")),
    responses((status = 202, body = Ack), (status = 409, body = Refused, description = "Another run is active, or the disk is full"))
)]
pub(super) async fn ingest(State(api): State<Arc<Api>>, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    let spec: IngestSpec = if body.is_empty() { IngestSpec::default() } else { v1::json(&body)? };
    let ack = v1::send(&api, &headers, None, None, Command::Ingest { spec }).await?;
    Ok((StatusCode::ACCEPTED, Json(ack)).into_response())
}
