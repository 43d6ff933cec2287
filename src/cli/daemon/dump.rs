//! The engine's state as lines of the log, for USR1: what an operator would ask for first when no console can attach.

use crate::engine::Snapshot;

/// Writes the state.
pub(super) fn state(s: &Snapshot) {
    let active = s.active.as_ref().map(|r| r.id);
    tracing::info!(
        target: "cli", epoch = s.epoch, seq = s.seq, scheduler = s.scheduler.on, active, quarantined = s.quarantined, issues = s.issues,
        rss = s.host.rss, database = s.host.database, disk_free = s.host.disk_free, "State"
    );
    for j in s.jobs.iter() {
        let (active, paused) = (j.active.as_ref().map(|r| r.id), j.paused.is_some());
        tracing::info!(target: "cli", job = %j.job, next = j.next, active, paused, failures_in_row = j.failures_in_row, "State of a job");
    }
    for source in s.sources.iter() {
        tracing::info!(target: "cli", source = %source.source, link = ?source.link, breaker = ?source.breaker, "State of a source");
    }
    for alert in s.alerts.iter() {
        tracing::info!(target: "cli", key = alert.key, since = alert.since, text = alert.text, "Needs a person");
    }
}
