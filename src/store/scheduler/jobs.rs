//! The statements over the jobs' rows and the audit of the configuration.

use rusqlite::{Connection, params};

use super::{ConfigChange, Job, Pause, SchedulerDbError, runs};

type Answer<T> = Result<T, SchedulerDbError>;

/// What is kept of a job between two starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Which.
    pub job: Job,
    /// Identifies the cron expression, zone and gate that `last_tick` belongs to.
    pub spec_hash: String,
    /// Set while it is paused.
    pub paused: Option<Pause>,
    /// The tick that comes next, UTC seconds; it lies in the past when it was missed.
    pub next_tick: Option<i64>,
    /// The newest tick that led to a run or was skipped, UTC seconds.
    pub last_tick: Option<i64>,
    /// Failed ticks in a row.
    pub failures_in_row: u32,
}

/// The rows of all jobs that have one.
pub(super) fn rows(c: &Connection) -> Answer<Vec<JobRow>> {
    let mut statement = c.prepare_cached(
        "SELECT name, spec_hash, paused_at, paused_by, paused_reason, next_tick, last_tick, failures_in_row FROM job ORDER BY name",
    )?;
    let rows = statement.query_map([], |r| {
        let at: Option<i64> = r.get(2)?;
        let paused = at.map(|at| Ok::<_, rusqlite::Error>(Pause { at, by: r.get(3)?, reason: r.get(4)? })).transpose()?;
        Ok(JobRow {
            job: runs::word(r, 0)?,
            spec_hash: r.get(1)?,
            paused,
            next_tick: r.get(5)?,
            last_tick: r.get(6)?,
            failures_in_row: r.get(7)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Stores a whole row.
pub(super) fn set_row(c: &Connection, row: &JobRow) -> Answer<()> {
    set_next_tick(c, row.job, row.next_tick)?;
    set_last_tick(c, row.job, &row.spec_hash, row.last_tick)?;
    set_pause(c, row.job, row.paused.as_ref())?;
    set_failures(c, row.job, row.failures_in_row)
}

/// Stores the tick that comes next.
pub(super) fn set_next_tick(c: &Connection, job: Job, next: Option<i64>) -> Answer<()> {
    c.prepare_cached(
        "INSERT INTO job (name, spec_hash, next_tick) VALUES (?1, '', ?2) ON CONFLICT DO UPDATE SET next_tick = excluded.next_tick",
    )?
    .execute(params![job.name(), next])?;
    Ok(())
}

/// Stores which tick was dealt with last, and the schedule it belongs to.
pub(super) fn set_last_tick(c: &Connection, job: Job, spec_hash: &str, last: Option<i64>) -> Answer<()> {
    c.prepare_cached(
        "INSERT INTO job (name, spec_hash, last_tick) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET spec_hash = excluded.spec_hash, last_tick = excluded.last_tick",
    )?
    .execute(params![job.name(), spec_hash, last])?;
    Ok(())
}

/// Stores or ends a job's pause, leaving its ticks alone.
pub(super) fn set_pause(c: &Connection, job: Job, pause: Option<&Pause>) -> Answer<()> {
    c.prepare_cached(
        "INSERT INTO job (name, spec_hash, paused_at, paused_by, paused_reason) VALUES (?1, '', ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET paused_at = excluded.paused_at, paused_by = excluded.paused_by, paused_reason = excluded.paused_reason",
    )?
    .execute(params![job.name(), pause.map(|p| p.at), pause.map(|p| &p.by), pause.map(|p| &p.reason)])?;
    Ok(())
}

/// Stores how many ticks in a row failed.
pub(super) fn set_failures(c: &Connection, job: Job, in_row: u32) -> Answer<()> {
    c.prepare_cached(
        "INSERT INTO job (name, spec_hash, failures_in_row) VALUES (?1, '', ?2)
         ON CONFLICT DO UPDATE SET failures_in_row = excluded.failures_in_row",
    )?
    .execute(params![job.name(), in_row])?;
    Ok(())
}

/// Logs changed configuration keys.
pub(super) fn append_changes(c: &Connection, changes: &[ConfigChange]) -> Answer<()> {
    let mut statement =
        c.prepare_cached("INSERT INTO config_audit_log (at, actor, origin, key, old, new, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for x in changes {
        statement.execute(params![x.at, x.actor, x.origin, x.key, x.old, x.new, x.hash])?;
    }
    Ok(())
}

/// The newest changes first.
pub(super) fn changes(c: &Connection, limit: usize) -> Answer<Vec<ConfigChange>> {
    let mut statement =
        c.prepare_cached("SELECT at, actor, origin, key, old, new, hash FROM config_audit_log ORDER BY seq DESC LIMIT ?1")?;
    let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |r| {
        Ok(ConfigChange {
            at: r.get(0)?,
            actor: r.get(1)?,
            origin: r.get(2)?,
            key: r.get(3)?,
            old: r.get(4)?,
            new: r.get(5)?,
            hash: r.get(6)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
