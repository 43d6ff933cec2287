//! The words of the scheduler: jobs, the states of their runs, and the records that `scheduler.db` keeps.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoStaticStr};

/// What Nightdesk does at night.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    JsonSchema,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Job {
    /// Brings the master database up to date.
    Ingest,
    /// Produces the next session's signals.
    Scan,
    /// Tests strategies on the past.
    Backtest,
    /// Compares features, predictions and results with their baselines.
    Drift,
    /// Trains and gates the models.
    Train,
    /// Verifies, checkpoints, backs up and tidies.
    Maintenance,
}

impl Job {
    /// All jobs, in the order of a night.
    pub const ALL: [Self; 6] = [Self::Ingest, Self::Scan, Self::Backtest, Self::Drift, Self::Train, Self::Maintenance];

    /// The name in configuration, database and commands.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether it works through the strategies, one of which may fail beside the other.
    pub const fn by_strategy(self) -> bool {
        matches!(self, Self::Scan | Self::Backtest | Self::Drift | Self::Train)
    }

    /// Position in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a run of a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema, EnumIter, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum JobState {
    /// Waits for its turn: a slot, what it depends on, or the pause before a retry.
    Queued,
    /// Works.
    Running,
    /// Did what it should; [`JobRun::failures`] counts the parts that failed.
    Succeeded,
    /// Gave up.
    Failed,
    /// Took longer than it may.
    TimedOut,
    /// Stopped by a person.
    Cancelled,
    /// Was due and did not start; [`JobRun::error`] says why.
    Skipped,
    /// Its process died.
    Lost,
}

impl JobState {
    /// Whether nothing will change it any more.
    pub const fn ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Whether it is an end that a person should hear of.
    pub const fn bad(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut | Self::Lost)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TimedOut => "timed out",
            other => other.into(),
        })
    }
}

/// Why a run exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema, EnumIter, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Trigger {
    /// Its time came.
    Schedule,
    /// Its time came while nobody was there.
    CatchUp,
    /// A person asked.
    Manual,
    /// An earlier attempt failed.
    Retry,
    /// An earlier process died in it.
    Recovery,
    /// A model has drifted so far that a challenger is trained.
    Drift,
    /// The primary source is back and what the fallback filled is fetched again.
    SourceBack,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CatchUp => "catch-up",
            Self::SourceBack => "source back",
            other => other.into(),
        })
    }
}

/// One execution of a job. Its number is unique over all jobs; an ingest run has the same one in `market_data.db`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobRun {
    /// Key.
    pub id: i64,
    /// Which job.
    pub job: Job,
    /// State.
    pub state: JobState,
    /// Why it exists.
    pub trigger: Trigger,
    /// Who asked: `schedule`, or the actor of the command.
    pub actor: String,
    /// The tick it answers, UTC seconds; `None` when a person asked. Unique together with job and attempt.
    pub scheduled_for: Option<i64>,
    /// The trading session it works for.
    pub session: Option<NaiveDate>,
    /// From 1; a retry counts on.
    pub attempt: u32,
    /// When it was put in the queue, UTC seconds.
    pub queued_at: i64,
    /// Not before this time: the pause before a retry, or jitter.
    pub not_before: Option<i64>,
    /// Start of the work.
    pub started_at: Option<i64>,
    /// End.
    pub ended_at: Option<i64>,
    /// Why it failed, was skipped, or what a person should know.
    pub error: Option<String>,
    /// Parts that failed although the run went through (series of an ingest).
    pub failures: u32,
    /// What was asked for, as JSON; `None` for the job's normal work.
    pub params: Option<String>,
    /// What came of it, as JSON.
    pub summary: Option<String>,
    /// The process that ran it.
    pub boot_id: String,
}

impl JobRun {
    /// Seconds of work, up to `now` while it runs.
    pub fn seconds(&self, now: i64) -> Option<i64> {
        Some((self.ended_at.unwrap_or(now) - self.started_at?).max(0))
    }
}

/// A line in the story of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunEvent {
    /// Position, growing over all runs.
    pub seq: i64,
    /// Run.
    pub run_id: i64,
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// A word: `queued`, `started`, `waiting`, `phase`, `retry`, `cancel`, `ended`, `note`.
    pub kind: String,
    /// A sentence.
    pub text: String,
}

/// A job switched off by a person, or by its own failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Pause {
    /// Since, UTC seconds.
    pub at: i64,
    /// Who did it; `schedule` after too many failures.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// One row of `config_audit_log`: a configuration key that changed while the engine ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConfigChange {
    /// UTC seconds.
    pub at: i64,
    /// Who asked: `file`, `hup`, or the actor of the command.
    pub actor: String,
    /// Where the new value stands: file and line, or environment variable.
    pub origin: String,
    /// Dotted key.
    pub key: String,
    /// Value before.
    pub old: String,
    /// Value after.
    pub new: String,
    /// Hash of the whole configuration after the change.
    pub hash: String,
}

/// A word that is not a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a job; jobs are ingest, scan, backtest, drift, train and maintenance")]
pub struct UnknownJob(String);

impl Job {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, UnknownJob> {
        Self::from_str(text).map_err(|_| UnknownJob(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn names_go_there_and_back() {
        assert!(Job::iter().eq(Job::ALL));
        for job in Job::ALL {
            assert_eq!(Job::parse(job.name()), Ok(job));
            assert_eq!(Job::ALL[job.index()], job);
        }
        assert!(Job::parse("nap").unwrap_err().to_string().contains("\"nap\" is not a job"));
        for state in JobState::iter() {
            let name: &str = state.into();
            assert_eq!(JobState::from_str(name), Ok(state));
        }
    }
}
