//! Questions whose answers are too large, or too rarely asked for, to live in the snapshot.

use serde::{Deserialize, Serialize};

use super::{FeatureDetail, FeatureList, JobView, Training};
use crate::drift::views::{DriftPage, SubjectDetail};
use crate::ingest::{IngestSpec, PlanSummary};
use crate::market::{Candle, Series, SourceId, Strategy};
use crate::scan::views::{SectorRow, SignalDetail, SignalsPage};
use crate::schedule::PlannedTick;
use crate::store::master::{Attempt, RunRecord, SeriesState, StoredIssue};
use crate::store::scheduler::{ConfigChange, Job, JobRun, JobState, RunEvent};
use crate::train::model_views::{ModelDetail, ModelRow};
use crate::train::progress::TrainingView;

/// A question to the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "ask")]
pub enum Query {
    /// Everything about one series.
    Series {
        /// Which.
        series: Series,
    },
    /// What an ingest would do.
    Plan {
        /// The ingest.
        spec: IngestSpec,
    },
    /// Open data-quality findings, worst first.
    Issues {
        /// At most this many.
        limit: usize,
    },
    /// The last ingest runs, newest first.
    Runs {
        /// At most this many.
        limit: usize,
    },
    /// The last runs of jobs, newest first.
    JobRuns {
        /// Only of this job.
        job: Option<Job>,
        /// Only in this state.
        state: Option<JobState>,
        /// At most this many.
        limit: usize,
    },
    /// Everything about one run.
    Run {
        /// Which.
        run_id: i64,
    },
    /// Everything about one job's schedule.
    Job {
        /// Which.
        job: Job,
    },
    /// Configuration keys that changed while the engine ran, newest first.
    ConfigChanges {
        /// At most this many.
        limit: usize,
    },
    /// All features, with how much of each a strategy's cache lacks.
    Features {
        /// Whose cache.
        strategy: Strategy,
    },
    /// One feature with its values.
    Feature {
        /// Whose cache.
        strategy: Strategy,
        /// Its name.
        name: String,
    },
    /// The ensembles of a strategy, newest first.
    Models {
        /// Whose.
        strategy: Strategy,
    },
    /// Everything about one model.
    Model {
        /// Whose.
        strategy: Strategy,
        /// Its key.
        model_id: i64,
    },
    /// A training run, running or ended.
    Training {
        /// Whose.
        strategy: Strategy,
        /// Which.
        #[serde(default)]
        which: Training,
    },
    /// How far all that is watched of a strategy's model has moved.
    Drift {
        /// Whose.
        strategy: Strategy,
    },
    /// Everything about one subject of drift.
    Subject {
        /// Whose.
        strategy: Strategy,
        /// A feature, or what the model says or is worth.
        subject: String,
    },
    /// Signals, newest first, and the newest scan.
    Signals {
        /// Whose.
        strategy: Strategy,
        /// At most this many.
        limit: usize,
    },
    /// Everything about one signal.
    Signal {
        /// Whose.
        strategy: Strategy,
        /// Its key.
        signal_id: i64,
    },
    /// Sectors, with what came of their signals.
    Sectors {
        /// Whose signals.
        strategy: Strategy,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "reply", content = "value")]
pub enum Reply {
    /// To [`Query::Series`].
    Series(Box<SeriesDetail>),
    /// To [`Query::Plan`].
    Plan(PlanSummary),
    /// To [`Query::Issues`].
    Issues(Vec<StoredIssue>),
    /// To [`Query::Runs`].
    Runs(Vec<RunRecord>),
    /// To [`Query::JobRuns`].
    JobRuns(Vec<JobRun>),
    /// To [`Query::Run`].
    Run(Box<RunDetail>),
    /// To [`Query::Job`].
    Job(Box<JobDetail>),
    /// To [`Query::ConfigChanges`].
    ConfigChanges(Vec<ConfigChange>),
    /// To [`Query::Features`].
    Features(Box<FeatureList>),
    /// To [`Query::Feature`].
    Feature(Box<FeatureDetail>),
    /// To [`Query::Models`].
    Models(Vec<ModelRow>),
    /// To [`Query::Model`].
    Model(Box<ModelDetail>),
    /// To [`Query::Training`]; nothing when there is no such run.
    Training(Option<Box<TrainingView>>),
    /// To [`Query::Drift`].
    Drift(Box<DriftPage>),
    /// To [`Query::Subject`].
    Subject(Box<SubjectDetail>),
    /// To [`Query::Signals`].
    Signals(Box<SignalsPage>),
    /// To [`Query::Signal`].
    Signal(Box<SignalDetail>),
    /// To [`Query::Sectors`].
    Sectors(Vec<SectorRow>),
}

/// Everything the run page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunDetail {
    /// The run.
    pub run: JobRun,
    /// Its story, oldest first, at most 1,000 lines.
    pub events: Vec<RunEvent>,
    /// Its other attempts, oldest first.
    pub attempts: Vec<JobRun>,
}

/// Everything the schedule page shows of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobDetail {
    /// The job as the snapshot has it.
    pub view: JobView,
    /// The next ticks, at most 14: UTC seconds and the session, or why the tick will pass without a run.
    pub next: Vec<PlannedTick>,
    /// Its last runs, newest first, at most 100; skipped ticks are among them, with the reason.
    pub runs: Vec<JobRun>,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The store could not be read, or the question makes no sense.
    #[error("{0}")]
    Failed(String),
    /// The engine is gone.
    #[error("the engine has stopped")]
    Gone,
}

/// What a calendar slice of a series holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CoverageState {
    /// Every expected bar is there.
    Full,
    /// Bars are missing and unexplained.
    Gap,
    /// Bars are missing, but a source confirmed there are none.
    Explained,
    /// No bar of the slice is stored.
    None,
    /// Bars are hidden by an open finding.
    Quarantined,
}

/// One slice of the coverage strip, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CoverageCell {
    /// First instant of the slice, UTC seconds.
    pub start: i64,
    /// State.
    pub state: CoverageState,
    /// Bars stored.
    pub stored: u32,
    /// Bars the calendar expects.
    pub expected: u32,
}

/// Everything the series page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SeriesDetail {
    /// State as stored; `None` when nothing was ever tried.
    pub state: Option<SeriesState>,
    /// At most 240 slices over the series' history, oldest first.
    pub coverage: Vec<CoverageCell>,
    /// The last requests, newest first.
    pub attempts: Vec<Attempt>,
    /// The last bars, oldest first, at most 60.
    pub bars: Vec<(Candle, SourceId)>,
    /// Bars per source.
    pub provenance: Vec<(SourceId, u64)>,
    /// Open findings.
    pub issues: Vec<StoredIssue>,
}
