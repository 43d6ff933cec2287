//! The state of the desk at one moment: small, immutable, cheap to clone, enough for the whole first screen.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::drift::views::DriftView;
use crate::ingest::{IngestSpec, RunSummary};
use crate::market::{Instrument, Series, SourceId, Timeframe};
use crate::scan::views::SignalsView;
use crate::sources::SourceStatus;
use crate::store::master::RunState;
use crate::store::scheduler::{Job, JobRun, Pause};
use crate::train::progress::{Standing, TrainingView};

/// The state of one series, as a cell of the heat map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// Nothing stored, nothing tried.
    #[default]
    Empty,
    /// Every bar that should be there is there.
    Fresh,
    /// Waiting for its turn in the current run.
    Queued,
    /// Being fetched or derived.
    Fetching,
    /// The newest bars are missing.
    Late,
    /// Bars in between are missing.
    Gap,
    /// The last attempt failed.
    Failed,
    /// Hidden by a critical finding.
    Quarantined,
}

/// One cell of the heat map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SeriesCell {
    /// State.
    pub state: CellState,
    /// Stamp of the last stored bar.
    pub last_ts: Option<i64>,
    /// Close of the first missing bar: lateness is `now - late_since`. `None` when not late.
    pub late_since: Option<i64>,
    /// Unexplained holes.
    pub gaps: u32,
    /// Source of the last bar.
    pub source: Option<SourceId>,
}

/// The universe and the state of all its series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Market {
    /// Columns of the heat map.
    pub instruments: Arc<Vec<Instrument>>,
    /// `cells[timeframe.index() * instruments.len() + column]`.
    pub cells: Vec<SeriesCell>,
}

impl Market {
    /// The cell of a timeframe and a column.
    pub fn cell(&self, timeframe: Timeframe, column: usize) -> SeriesCell {
        self.cells.get(timeframe.index() * self.instruments.len() + column).copied().unwrap_or_default()
    }

    /// How many cells are in `state`.
    pub fn count(&self, state: CellState) -> usize {
        self.cells.iter().filter(|c| c.state == state).count()
    }
}

/// How severe an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertLevel {
    /// Something failed or data are at risk.
    Bad,
    /// Look at it soon.
    Warn,
}

/// Something that needs the operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Alert {
    /// Stable identity (`source:ib`, `series:AAPL:1m`, `run:12`), so that a repeated alert stays one.
    pub key: String,
    /// How severe.
    pub level: AlertLevel,
    /// A short sentence: what, and what to do.
    pub text: String,
    /// Since when, UTC seconds.
    pub since: i64,
    /// The series to open, if it is about one.
    pub series: Option<Series>,
}

/// Progress of the active run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunProgress {
    /// Series done, failed ones included.
    pub series_done: u32,
    /// Series to do.
    pub series_total: u32,
    /// Requests answered.
    pub requests_done: u32,
    /// Requests planned.
    pub requests_total: u32,
    /// Bars received from sources.
    pub bars: u64,
    /// Bars written, derived ones included.
    pub written: u64,
    /// Series that failed.
    pub failed: u32,
    /// Bars a second over the last ten seconds.
    pub bars_per_second: f64,
    /// Seconds to go; `None` while warming up (10 s and 10 requests).
    pub eta_s: Option<u32>,
    /// What it does now, in a few words.
    pub phase: String,
}

/// A run, active or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunView {
    /// Key.
    pub id: i64,
    /// What was asked for.
    pub spec: IngestSpec,
    /// State.
    pub state: RunState,
    /// Start, UTC seconds.
    pub started_at: i64,
    /// End.
    pub ended_at: Option<i64>,
    /// Progress while it runs, and where it stood at the end.
    pub progress: RunProgress,
    /// What came of it.
    pub summary: Option<RunSummary>,
    /// A cancel was asked for.
    pub cancelling: bool,
}

/// The machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HostStats {
    /// This process's share of one core, 0..
    pub cpu: f32,
    /// This process's resident memory, bytes.
    pub rss: u64,
    /// Size of the master database with its WAL, bytes.
    pub database: u64,
    /// Free bytes on the data folder's file system.
    pub disk_free: u64,
    /// Whether free space is under the configured floor.
    pub disk_low: bool,
    /// Size of the master's write-ahead log, bytes.
    #[serde(default)]
    pub wal: u64,
    /// Whether that is more than configured.
    #[serde(default)]
    pub wal_high: bool,
    /// When the newest whole backup was made, UTC seconds.
    #[serde(default)]
    pub backup_at: Option<i64>,
}

/// A job: when it runs next, how it went last, what it does now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobView {
    /// Which.
    pub job: Job,
    /// Why this version cannot run it; `None` when it can. Such a job has no ticks.
    pub missing: Option<String>,
    /// Its cron expression, five fields.
    pub cron: String,
    /// Its time zone.
    pub zone: String,
    /// The schedule in words: `22:45 after each trading session`.
    pub words: String,
    /// Set while it is paused: ticks pass without a run.
    pub paused: Option<Pause>,
    /// Next tick, UTC seconds; `None` while the scheduler is off or the job is paused or missing.
    pub next: Option<i64>,
    /// The session that tick is for.
    pub next_session: Option<chrono::NaiveDate>,
    /// The queued or running run.
    pub active: Option<JobRun>,
    /// The last run that ended.
    pub last: Option<JobRun>,
    /// How long a run may take, seconds.
    pub timeout_s: u32,
    /// Failed ticks in a row.
    pub failures_in_row: u32,
    /// How long its last runs took, seconds, oldest first, at most 10.
    pub durations: Vec<u32>,
}

/// Whether ticks lead to runs at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SchedulerView {
    /// On or off.
    pub on: bool,
    /// Since, UTC seconds.
    pub since: i64,
    /// Who switched it.
    pub by: String,
    /// Why no tick leads to a run although it is on: a jump of the clock that an operator must confirm.
    pub held: Option<String>,
}

/// The process that runs the engine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProcessView {
    /// Process id.
    pub pid: u32,
    /// Version of the program.
    pub version: String,
    /// Start, UTC seconds.
    pub started_at: i64,
    /// Runs headless, without a console of its own.
    pub daemon: bool,
}

/// Everything the first screen shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Snapshot {
    /// Grows by one with each publication.
    pub seq: u64,
    /// When it was made, UTC milliseconds.
    pub at_ms: i64,
    /// Identity of the engine process: its boot id.
    pub epoch: String,
    /// The engine process.
    pub process: Arc<ProcessView>,
    /// Data come from simulators.
    pub demo: bool,
    /// The engine reads its state from the database; cells mean nothing yet.
    pub loading: bool,
    /// Series.
    pub market: Arc<Market>,
    /// Sources, in order of preference.
    pub sources: Arc<Vec<SourceStatus>>,
    /// The active run, if any.
    pub active: Option<Arc<RunView>>,
    /// Ended runs, newest first, at most 20.
    pub runs: Arc<Vec<RunView>>,
    /// Whether the scheduler is on.
    pub scheduler: Arc<SchedulerView>,
    /// The six jobs, in the order of a night.
    pub jobs: Arc<Vec<JobView>>,
    /// Runs of all jobs, newest first, at most 50, queued and running ones included.
    pub job_runs: Arc<Vec<JobRun>>,
    /// Training, at most one run a strategy: the one at work, else the last one that ended.
    #[serde(default)]
    pub training: Arc<Vec<TrainingView>>,
    /// Which model each strategy has in service.
    #[serde(default)]
    pub standings: Arc<Vec<Standing>>,
    /// How far each strategy's model has moved from what it was trained on.
    #[serde(default)]
    pub drift: Arc<Vec<DriftView>>,
    /// The newest scan and the open signals of each strategy.
    #[serde(default)]
    pub signals: Arc<Vec<SignalsView>>,
    /// What needs the operator, worst first.
    pub alerts: Arc<Vec<Alert>>,
    /// The machine.
    pub host: HostStats,
    /// Newest log record.
    pub log_seq: u64,
    /// Open data-quality findings that hide data.
    pub quarantined: u64,
    /// All open findings.
    pub issues: u64,
}
