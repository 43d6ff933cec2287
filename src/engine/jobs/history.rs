//! What ended: the newest runs of each job, for what others need, for the views and for the alarms.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::ingest::IngestSpec;
use crate::store::scheduler::{Job, JobRun, JobState};

/// Ended runs kept of each job; the schedule page shows as many.
pub(in crate::engine) const KEPT: usize = 100;

/// Why a run ended that the engine's own end cut short. Boot recovery knows it by these words.
pub(super) const STOPPED: &str = "the engine was stopped";

/// Whether the engine's own end cut a run short.
pub(super) fn stopped(run: &JobRun) -> bool {
    run.state == JobState::Cancelled && run.error.as_deref() == Some(STOPPED)
}

/// Whether what was asked for is at least the job's normal work. Other jobs than ingest have no parameters yet; unknown ones
/// are taken for a part.
pub(in crate::engine) fn is_whole(job: Job, params: Option<&str>) -> bool {
    let whole = |text: &str| serde_json::from_str(text).is_ok_and(|spec: IngestSpec| spec.is_whole());
    params.is_none_or(|text| job == Job::Ingest && whole(text))
}

/// Whether a run stands for its job towards others: it did a tick's work, or at least as much.
pub(super) fn whole(run: &JobRun) -> bool {
    run.scheduled_for.is_some() || is_whole(run.job, run.params.as_deref())
}

/// Ended runs of all jobs, newest first.
#[derive(Debug, Default)]
pub(super) struct History {
    ended: [VecDeque<Arc<JobRun>>; Job::ALL.len()],
}

impl History {
    /// Takes a run that has ended just now.
    pub fn push(&mut self, run: Arc<JobRun>) {
        let ended = &mut self.ended[run.job.index()];
        ended.push_front(run);
        ended.truncate(KEPT);
    }

    /// Ended runs of a job, newest first, skipped ticks among them.
    pub fn of(&self, job: Job) -> impl Iterator<Item = &Arc<JobRun>> {
        self.ended[job.index()].iter()
    }

    /// The last run of a job that did something; a tick that was skipped says nothing about the job.
    pub fn last(&self, job: Job) -> Option<&Arc<JobRun>> {
        self.of(job).find(|r| r.state != JobState::Skipped)
    }

    /// The last run of a job that a tick led to.
    pub fn last_of_tick(&self, job: Job) -> Option<&Arc<JobRun>> {
        self.of(job).find(|r| r.state != JobState::Skipped && r.scheduled_for.is_some())
    }

    /// Attempts at a tick that used up one of its retries: those that began and that no stop of the engine cut short.
    pub fn tries(&self, job: Job, tick: Option<i64>) -> u32 {
        let counts = |r: &&Arc<JobRun>| r.scheduled_for == tick && r.started_at.is_some() && !stopped(r);
        self.of(job).filter(counts).map(|_| 1).sum()
    }

    /// Runs of a job that stand for it towards others, newest first.
    fn whole_of(&self, job: Job) -> impl Iterator<Item = &Arc<JobRun>> {
        self.of(job).filter(|r| whole(r))
    }

    /// The last run of a job that did something and did all of it.
    pub fn last_whole(&self, job: Job) -> Option<&Arc<JobRun>> {
        self.whole_of(job).find(|r| r.state != JobState::Skipped)
    }

    /// Whether a run of `job` has succeeded for `session` with all the work of a tick.
    pub fn succeeded_for(&self, job: Job, session: NaiveDate) -> bool {
        self.whole_of(job).any(|r| r.session == Some(session) && r.state == JobState::Succeeded)
    }

    /// The last such run of `job` for `session`, skipped ticks included: they say why there was none.
    pub fn last_for(&self, job: Job, session: NaiveDate) -> Option<&Arc<JobRun>> {
        self.whole_of(job).find(|r| r.session == Some(session))
    }

    /// Seconds that the last runs of a job worked, oldest first, at most ten.
    pub fn durations(&self, job: Job) -> Vec<u32> {
        let seconds = |r: &Arc<JobRun>| r.seconds(r.ended_at?).and_then(|s| u32::try_from(s).ok());
        let mut newest: Vec<u32> = self.of(job).filter_map(seconds).take(10).collect();
        newest.reverse();
        newest
    }
}
