//! The statements over runs and their events.

use std::str::FromStr;

use chrono::NaiveDate;
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, OptionalExtension, Params, Row, params, params_from_iter};

use super::{Job, JobRun, JobState, RunEvent, SchedulerDbError};

type Answer<T> = Result<T, SchedulerDbError>;

/// What a run is born with and keeps, and in [`CHANGING`] what its state is made of. All statements are built of the two.
const FIXED: &str = "job, trigger, actor, scheduled_for, attempt, queued_at";
const CHANGING: &str = "state, session, not_before, started_at, ended_at, error, failures, params, summary, boot_id";

/// Which runs to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only of this job.
    pub job: Option<Job>,
    /// Only in this state.
    pub state: Option<JobState>,
}

/// A word of a column that must be one of an enumeration's.
pub(super) fn word<T: FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    T::from_str(text).map_err(|_| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("unknown word {text:?}").into()))
}

fn read(row: &Row<'_>) -> rusqlite::Result<JobRun> {
    let session: Option<String> = row.get(8)?;
    let session = session.map(|text| NaiveDate::from_str(&text)).transpose();
    Ok(JobRun {
        id: row.get(0)?,
        job: word(row, 1)?,
        trigger: word(row, 2)?,
        actor: row.get(3)?,
        scheduled_for: row.get(4)?,
        attempt: row.get(5)?,
        queued_at: row.get(6)?,
        state: word(row, 7)?,
        session: session.map_err(|e| rusqlite::Error::FromSqlConversionFailure(8, Type::Text, e.into()))?,
        not_before: row.get(9)?,
        started_at: row.get(10)?,
        ended_at: row.get(11)?,
        error: row.get(12)?,
        failures: row.get(13)?,
        params: row.get(14)?,
        summary: row.get(15)?,
        boot_id: row.get(16)?,
    })
}

/// The values of [`FIXED`].
fn fixed(run: &JobRun) -> [Value; 6] {
    let trigger: &str = run.trigger.into();
    [
        run.job.name().to_owned().into(),
        trigger.to_owned().into(),
        run.actor.clone().into(),
        run.scheduled_for.into(),
        run.attempt.into(),
        run.queued_at.into(),
    ]
}

/// The values of [`CHANGING`].
fn changing(run: &JobRun) -> [Value; 10] {
    [
        state(run.state).to_owned().into(),
        run.session.map(|d| d.to_string()).into(),
        run.not_before.into(),
        run.started_at.into(),
        run.ended_at.into(),
        run.error.clone().into(),
        run.failures.into(),
        run.params.clone().into(),
        run.summary.clone().into(),
        run.boot_id.clone().into(),
    ]
}

/// As many places for values.
fn places(n: usize) -> String {
    vec!["?"; n].join(", ")
}

/// The runs that a condition selects.
fn select(c: &Connection, condition: &str, p: impl Params) -> Answer<Vec<JobRun>> {
    let mut statement = c.prepare_cached(&format!("SELECT id, {FIXED}, {CHANGING} FROM run WHERE {condition}"))?;
    let rows = statement.query_map(p, read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn state(state: JobState) -> &'static str {
    state.into()
}

/// Stores a new run; `None` when one exists for the same job, tick and attempt.
pub(super) fn insert(c: &Connection, mut run: JobRun) -> Answer<Option<JobRun>> {
    let values: Vec<Value> = fixed(&run).into_iter().chain(changing(&run)).collect();
    let id = c
        .prepare_cached(&format!(
            "INSERT INTO run ({FIXED}, {CHANGING}) VALUES ({}) ON CONFLICT (job, scheduled_for, attempt) DO NOTHING RETURNING id",
            places(values.len())
        ))?
        .query_row(params_from_iter(values), |r| r.get(0))
        .optional()?;
    Ok(id.map(|id| {
        run.id = id;
        run
    }))
}

/// Stores what can change of a run.
pub(super) fn update(c: &Connection, run: &JobRun) -> Answer<()> {
    let values = changing(run);
    let changed = c
        .prepare_cached(&format!("UPDATE run SET ({CHANGING}) = ({}) WHERE id = ?", places(values.len())))?
        .execute(params_from_iter(values.into_iter().chain([run.id.into()])))?;
    if changed == 1 { Ok(()) } else { Err(SchedulerDbError::NoRun(run.id)) }
}

/// Makes the next run's number larger than `above`; numbers never go back. Writes nothing when it is, which a full disk
/// allows.
pub(super) fn lift_ids(c: &Connection, above: i64) -> Answer<()> {
    c.execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'run' AND seq < ?1", [above])?;
    Ok(())
}

/// Adds lines to the stories of runs; `seq` is given by the table.
pub(super) fn append_events(c: &Connection, events: &[RunEvent]) -> Answer<()> {
    let mut statement = c.prepare_cached("INSERT INTO run_event (run_id, at_ms, kind, text) VALUES (?1, ?2, ?3, ?4)")?;
    for e in events {
        statement.execute(params![e.run_id, e.at_ms, e.kind, e.text])?;
    }
    Ok(())
}

/// Newest first.
pub(super) fn list(c: &Connection, filter: RunFilter, limit: usize) -> Answer<Vec<JobRun>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (job, state) = (filter.job.map(Job::name), filter.state.map(state));
    match (job, state) {
        (Some(job), _) => {
            let condition = "job = ?1 AND state = coalesce(?2, state) ORDER BY id DESC LIMIT ?3";
            select(c, condition, params![job, state, limit])
        }
        (None, Some(state)) => select(c, "state = ?1 ORDER BY id DESC LIMIT ?2", params![state, limit]),
        (None, None) => select(c, "true ORDER BY id DESC LIMIT ?1", [limit]),
    }
}

/// One run.
pub(super) fn one(c: &Connection, id: i64) -> Answer<Option<JobRun>> {
    Ok(select(c, "id = ?1", [id])?.pop())
}

/// The newest `limit` lines of a run's story, oldest first.
pub(super) fn events(c: &Connection, id: i64, limit: usize) -> Answer<Vec<RunEvent>> {
    let mut statement =
        c.prepare_cached("SELECT seq, run_id, at_ms, kind, text FROM run_event WHERE run_id = ?1 ORDER BY seq DESC LIMIT ?2")?;
    let rows = statement.query_map(params![id, i64::try_from(limit).unwrap_or(i64::MAX)], |r| {
        Ok(RunEvent { seq: r.get(0)?, run_id: r.get(1)?, at_ms: r.get(2)?, kind: r.get(3)?, text: r.get(4)? })
    })?;
    let mut events: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    events.reverse();
    Ok(events)
}

/// All attempts at one tick, oldest first.
pub(super) fn attempts(c: &Connection, job: Job, scheduled_for: i64) -> Answer<Vec<JobRun>> {
    select(c, "job = ?1 AND scheduled_for = ?2 ORDER BY attempt", params![job.name(), scheduled_for])
}

/// Ends the runs that another process left alive, and gives them, oldest first.
pub(super) fn mark_lost(c: &Connection, boot_id: &str, now: i64) -> Answer<Vec<JobRun>> {
    let mut lost = select(c, "state IN ('queued', 'running') AND boot_id <> ?1 ORDER BY id", [boot_id])?;
    for run in &mut lost {
        let what = if run.state == JobState::Running { "it worked" } else { "it waited" };
        run.state = JobState::Lost;
        run.ended_at = Some(now);
        run.error = Some(format!("its process ended while {what}"));
        update(c, run)?;
    }
    Ok(lost)
}

/// The newest run of a job that ended and was not a skipped tick.
pub(super) fn last_ended(c: &Connection, job: Job) -> Answer<Option<JobRun>> {
    let condition = "job = ?1 AND state NOT IN ('queued', 'running', 'skipped') ORDER BY id DESC LIMIT 1";
    Ok(select(c, condition, [job.name()])?.pop())
}

/// The newest run of a job that succeeded for a session.
pub(super) fn last_succeeded_for(c: &Connection, job: Job, session: NaiveDate) -> Answer<Option<JobRun>> {
    let condition = "job = ?1 AND session = ?2 AND state = 'succeeded' ORDER BY id DESC LIMIT 1";
    Ok(select(c, condition, params![job.name(), session.to_string()])?.pop())
}

/// How long the last `n` runs of a job worked, seconds, oldest first.
pub(super) fn durations(c: &Connection, job: Job, n: usize) -> Answer<Vec<u32>> {
    let mut statement = c.prepare_cached(
        "SELECT max(ended_at - started_at, 0) FROM run
         WHERE job = ?1 AND ended_at IS NOT NULL AND started_at IS NOT NULL ORDER BY id DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![job.name(), i64::try_from(n).unwrap_or(i64::MAX)], |r| r.get(0))?;
    let mut seconds: Vec<u32> = rows.collect::<rusqlite::Result<_>>()?;
    seconds.reverse();
    Ok(seconds)
}

/// Forgets runs that ended before `before`, with their stories, and says how many. Each job's last ended run stays.
pub(super) fn prune(c: &Connection, before: i64) -> Answer<u64> {
    let gone = c.execute(
        "DELETE FROM run WHERE ended_at < ?1 AND state NOT IN ('queued', 'running') AND id NOT IN
           (SELECT max(id) FROM run WHERE state NOT IN ('queued', 'running', 'skipped') GROUP BY job)",
        [before],
    )?;
    Ok(gone as u64)
}
