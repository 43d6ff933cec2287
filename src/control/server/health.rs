//! `/healthz`, `/readyz`: whether the process answers, and whether the desk can do its work.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::engine::{JobView, Query, Snapshot};
use crate::store::scheduler::Job;

/// How long dispatcher, writer and database may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The engine publishes at least every five seconds.
const SILENCE: Duration = Duration::from_secs(15);
/// Key of the engine's alert that the nightly ingest has not succeeded by its deadline.
const LATE_INGEST: &str = "late:ingest";
/// A tick this long past, seconds, should have led to a run.
const OVERDUE: i64 = 15 * 60;

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`.
    status: &'static str,
    /// Version of the program.
    version: &'static str,
}

/// Whether the desk can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Nothing is wrong.
    ready: bool,
    /// What is wrong, a sentence each.
    reasons: Vec<String>,
}

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Health)))]
pub(super) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Whether dispatcher, writer and database answer, the disk has room, and the nightly ingest is not overdue.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness, description = "The reasons are in the body"))
)]
pub(super) async fn readyz(State(api): State<Arc<Api>>) -> (StatusCode, Json<Readiness>) {
    let mut reasons = Vec::new();
    if api.hub.silence() > SILENCE {
        reasons.push(format!("the engine has published nothing for {} s", api.hub.silence().as_secs()));
    }
    if let Err(silent) = api.pulse.beat(PATIENCE).await {
        reasons.push(silent.to_string());
    }
    // Opening a database for reading checks its schema too.
    match tokio::time::timeout(PATIENCE, api.client.query(Query::Runs { limit: 1 })).await {
        Ok(Ok(_)) => {}
        Ok(Err(e)) => reasons.push(format!("the database cannot be read: {e}")),
        Err(_) => reasons.push("the database does not answer".to_owned()),
    }
    reasons.extend(shown(&api.hub.current(), api.clock.now()));
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: reasons.is_empty(), reasons }))
}

/// What the state itself tells.
fn shown(state: &Snapshot, now: i64) -> Vec<String> {
    let mut reasons = Vec::new();
    if state.loading {
        reasons.push("the engine is still reading its state".to_owned());
    }
    if state.host.disk_low {
        reasons.push(format!("only {} MiB of disk are free", state.host.disk_free >> 20));
    }
    if let Some(why) = &state.scheduler.held {
        reasons.push(format!("the scheduler is held: {why}"));
    }
    let late = state.alerts.iter().filter(|a| a.key == LATE_INGEST);
    reasons.extend(late.map(|a| a.text.clone()));
    let stuck = |j: &JobView| j.active.is_none() && j.next.is_some_and(|at| now - at > OVERDUE);
    if state.scheduler.on && state.jobs.iter().any(|j| j.job == Job::Ingest && stuck(j)) {
        reasons.push("the nightly ingest's time has passed, and no run began".to_owned());
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Alert, AlertLevel, HostStats, SchedulerView};

    fn state(next: i64, on: bool) -> Snapshot {
        let ingest = JobView {
            job: Job::Ingest,
            missing: None,
            cron: "45 22 * * *".into(),
            zone: "UTC".into(),
            words: String::new(),
            paused: None,
            next: Some(next),
            next_session: None,
            active: None,
            last: None,
            failures_in_row: 0,
            durations: Vec::new(),
            timeout_s: 1800,
        };
        let scheduler = Arc::new(SchedulerView { on, ..SchedulerView::default() });
        Snapshot { jobs: Arc::new(vec![ingest]), scheduler, ..Snapshot::default() }
    }

    #[test]
    fn a_state_is_ready_or_says_why_not() {
        let now = 1_000_000;
        assert!(shown(&state(now + 60, true), now).is_empty());
        assert!(shown(&state(now - 60, true), now).is_empty(), "a tick that has just come");
        assert!(shown(&state(now - 3_600, true), now)[0].contains("no run began"));
        assert!(shown(&state(now - 3_600, false), now).is_empty(), "an operator switched it off");
        let alert = |key: &str| Alert { key: key.into(), level: AlertLevel::Bad, text: format!("{key}!"), since: 0, series: None };
        let late = Snapshot { alerts: Arc::new(vec![alert("late:scan"), alert("late:ingest")]), ..state(now + 60, true) };
        assert_eq!(shown(&late, now), ["late:ingest!"]);
        let host = HostStats { disk_low: true, disk_free: 7 << 20, ..HostStats::default() };
        let broken = Snapshot { loading: true, host, ..state(now, true) };
        assert_eq!(shown(&broken, now), ["the engine is still reading its state", "only 7 MiB of disk are free"]);
    }
}
