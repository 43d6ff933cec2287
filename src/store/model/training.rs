//! Training runs: when they began, what they are a run of, what they last showed, and how they ended.

use rusqlite::types::{ToSql, Type};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ModelDb, ModelReader};
use crate::config::strategy::ProfileName;
use crate::market::DAY;
use crate::store::StoreError;
use crate::train::gates::GateResult;
use crate::train::progress::{TrainingState, TrainingView};

/// What a training run is a run of. Two runs that are the same in all of it make the same models, so one may go on from
/// what the other finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingIdentity {
    /// What is trained.
    pub profile: ProfileName,
    /// Seed of all randomness.
    pub seed: u32,
    /// Version of the training rules.
    pub config_version: u32,
    /// Hash of the training rules.
    pub config_hash: String,
    /// Hash of the definitions of the features.
    pub definition: String,
    /// Id of the market data.
    pub snapshot: String,
    /// What a fit's bits depend on of what computes: backend, device, versions.
    pub environment_key: String,
}

/// A run that begins.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTraining {
    /// The run of the train job that it is part of; `None` without an engine.
    pub job_run: Option<i64>,
    /// What it is a run of.
    pub identity: TrainingIdentity,
    /// All that is known of what computes, for people.
    pub environment: Value,
}

/// A training run as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingRun {
    /// Its number.
    pub run_id: i64,
    /// The run of the train job that it is part of.
    pub job_run: Option<i64>,
    /// Where it stands.
    pub state: TrainingState,
    /// Start, UTC seconds.
    pub started_at: i64,
    /// Last sign of life.
    pub saved_at: i64,
    /// End.
    pub ended_at: Option<i64>,
    /// How often it was taken up again.
    pub resumed: u32,
    /// What it is a run of.
    pub identity: TrainingIdentity,
    /// All that is known of what computes.
    pub environment: Value,
    /// How many of the twelve steps are finished.
    pub step: u32,
    /// The gates; `None` before they were judged.
    pub gates: Option<Vec<GateResult>>,
    /// What ended it, where that was no verdict.
    pub error: Option<String>,
    /// What it last showed, with state, times and resumptions as stored here. `None` where it never showed anything, or
    /// another version of the program wrote it in a form that this one does not read.
    pub view: Option<TrainingView>,
}

const COLUMNS: &str = "run_id, job_run, state, started_at, saved_at, ended_at, resumed, profile, seed, config_version, config_hash,
    definition, snapshot, environment_key, environment, step, gates, error, view";

/// A value whose text does not parse as what the schema says it is.
fn strange(column: usize, e: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e))
}

/// The value in a text column that has a name for each value.
pub(super) fn named<T>(r: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    r.get_ref(column)?.as_str()?.parse().map_err(|e| strange(column, e))
}

/// The value in a column of JSON.
pub(super) fn json<T: DeserializeOwned>(r: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(r.get_ref(column)?.as_str()?).map_err(|e| strange(column, e))
}

/// The JSON of a value, to be stored.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Database(rusqlite::Error::ToSqlConversionFailure(Box::new(e))))
}

fn run(r: &Row<'_>) -> rusqlite::Result<TrainingRun> {
    let gates = r.get_ref(16)?.as_str_or_null()?.is_some().then(|| json(r, 16)).transpose()?;
    let mut run = TrainingRun {
        run_id: r.get(0)?,
        job_run: r.get(1)?,
        state: named(r, 2)?,
        started_at: r.get(3)?,
        saved_at: r.get(4)?,
        ended_at: r.get(5)?,
        resumed: r.get(6)?,
        identity: TrainingIdentity {
            profile: named(r, 7)?,
            seed: r.get(8)?,
            config_version: r.get(9)?,
            config_hash: r.get(10)?,
            definition: r.get(11)?,
            snapshot: r.get(12)?,
            environment_key: r.get(13)?,
        },
        environment: json(r, 14)?,
        step: r.get(15)?,
        gates,
        error: r.get(17)?,
        view: None,
    };
    run.view = r.get_ref(18)?.as_str_or_null()?.and_then(|text| serde_json::from_str(text).ok()).map(|view| shown(view, &run));
    Ok(run)
}

/// The view of a run whose process may have died after it was written.
fn shown(view: TrainingView, run: &TrainingRun) -> TrainingView {
    let TrainingRun { run_id, job_run, state, started_at, ended_at, resumed, .. } = *run;
    let stopping = view.stopping && state == TrainingState::Running;
    TrainingView { run_id, job_run, state, started_at, ended_at, resumed, stopping, ..view }
}

/// One change of one run, whose state the statement asks for; otherwise the run is not as the caller believes.
fn change_one(conn: &Connection, run_id: i64, sql: &str, params: &[&dyn ToSql]) -> Result<(), StoreError> {
    if conn.prepare_cached(sql)?.execute(params)? == 1 {
        return Ok(());
    }
    let state = conn.query_row("SELECT state FROM training_runs WHERE run_id = ?1", [run_id], |r| r.get(0)).optional()?;
    Err(state.map_or(StoreError::NoTraining(run_id), |state| StoreError::TrainingState { run_id, state }))
}

/// Refuses while another run is at work.
fn none_at_work(conn: &Connection) -> Result<(), StoreError> {
    let alive = conn.query_row("SELECT run_id FROM training_runs WHERE state = 'running'", [], |r| r.get(0)).optional()?;
    alive.map_or(Ok(()), |run_id| Err(StoreError::TrainingAtWork(run_id)))
}

impl ModelDb {
    /// Begins a run and gives its number. Refused while one is at work.
    pub fn begin_training(&mut self, new: &NewTraining) -> Result<i64, StoreError> {
        let (now, environment) = (self.clock.now(), to_json(&new.environment)?);
        let of = &new.identity;
        self.transaction(|conn| {
            none_at_work(conn)?;
            conn.prepare_cached(
                "INSERT INTO training_runs (job_run, state, started_at, saved_at, profile, seed, config_version, config_hash, definition,
                     snapshot, environment_key, environment)
                 VALUES (?1, 'running', ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                new.job_run,
                now,
                of.profile.to_string(),
                of.seed,
                of.config_version,
                of.config_hash,
                of.definition,
                of.snapshot,
                of.environment_key,
                environment
            ])?;
            Ok(conn.last_insert_rowid())
        })
    }

    /// Marks runs as lost that are still at work by their rows, and gives their numbers. Call it before any run of this
    /// process begins: who holds the database is the only process that trains, so theirs is dead. They ended with their
    /// last sign of life.
    pub fn mark_lost_trainings(&mut self) -> Result<Vec<i64>, StoreError> {
        self.transaction(|conn| {
            let mut update = conn.prepare_cached(
                "UPDATE training_runs SET state = 'lost', ended_at = saved_at, error = 'the process ended before the run did'
                 WHERE state = 'running' RETURNING run_id",
            )?;
            let lost = update.query_map([], |r| r.get(0))?;
            Ok(lost.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Sets a run that was interrupted to work again, as part of the train job's run `job_run`, and counts that. One whose models
    /// are registered already is taken up too: what belongs to them may be missing.
    pub fn resume_training(&mut self, run_id: i64, job_run: Option<i64>) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.transaction(|conn| {
            none_at_work(conn)?;
            let sql = "UPDATE training_runs SET state = 'running', ended_at = NULL, error = NULL, gates = NULL, job_run = ?2,
                           saved_at = max(saved_at, ?3), resumed = resumed + 1
                       WHERE run_id = ?1 AND state IN ('lost', 'cancelled', 'failed')";
            change_one(conn, run_id, sql, &[&run_id, &job_run, &now])
        })
    }

    /// Stores what the run at work shows. Costs one small commit: fit for a few calls a second.
    pub fn save_training(&mut self, view: &TrainingView) -> Result<(), StoreError> {
        let (now, text, step) = (self.clock.now(), to_json(view)?, view.steps_done());
        let sql = "UPDATE training_runs SET view = ?2, step = ?3, saved_at = max(saved_at, ?4) WHERE run_id = ?1 AND state = 'running'";
        self.transaction(|conn| change_one(conn, view.run_id, sql, &[&view.run_id, &text, &(step as i64), &now]))
    }

    /// Ends a run. `state` is not [`TrainingState::Running`]; a verdict comes with its `gates`, a failure with an `error`.
    pub fn end_training(
        &mut self,
        run_id: i64,
        state: TrainingState,
        gates: Option<&[GateResult]>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let (now, gates, name) = (self.clock.now(), gates.map(|g| to_json(&g)).transpose()?, <&str>::from(state));
        // The clock may have gone back since the run began.
        let sql = "UPDATE training_runs SET state = ?2, gates = ?3, error = ?4, saved_at = max(saved_at, ?5), ended_at = max(saved_at, ?5)
                   WHERE run_id = ?1 AND state = 'running'";
        self.transaction(|conn| change_one(conn, run_id, sql, &[&run_id, &name, &gates, &error, &now]))
    }
}

impl ModelReader {
    /// The newest training runs, newest first.
    pub fn trainings(&self, limit: usize) -> Result<Vec<TrainingRun>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.list(&format!("SELECT {COLUMNS} FROM training_runs ORDER BY run_id DESC LIMIT ?1"), [limit], run)
    }

    /// One training run.
    pub fn training(&self, run_id: i64) -> Result<Option<TrainingRun>, StoreError> {
        self.one(&format!("SELECT {COLUMNS} FROM training_runs WHERE run_id = ?1"), [run_id], run)
    }

    /// The newest training run that was part of the train job's run `job_run`.
    pub fn training_of_job(&self, job_run: i64) -> Result<Option<TrainingRun>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM training_runs WHERE job_run = ?1 ORDER BY run_id DESC LIMIT 1");
        self.one(&sql, [job_run], run)
    }

    /// The number, state and last sign of life of every training run.
    pub fn training_states(&self) -> Result<Vec<(i64, TrainingState, i64)>, StoreError> {
        self.list("SELECT run_id, state, saved_at FROM training_runs", [], |r| Ok((r.get(0)?, named(r, 1)?, r.get(2)?)))
    }

    /// The newest interrupted run of this identity whose last sign of life is at most `keep_days` before `now`: a new run goes on
    /// from its checkpoints.
    pub fn resumable(&self, of: &TrainingIdentity, keep_days: u32, now: i64) -> Result<Option<TrainingRun>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM training_runs
             WHERE state IN ('lost', 'cancelled', 'failed') AND saved_at >= ?1 AND profile = ?2 AND seed = ?3 AND config_version = ?4
               AND config_hash = ?5 AND definition = ?6 AND snapshot = ?7 AND environment_key = ?8
             ORDER BY run_id DESC LIMIT 1"
        );
        let oldest = now - i64::from(keep_days) * DAY;
        let params = params![
            oldest,
            of.profile.to_string(),
            of.seed,
            of.config_version,
            of.config_hash,
            of.definition,
            of.snapshot,
            of.environment_key
        ];
        self.one(&sql, params, run)
    }
}
