//! Jobs and their runs as the snapshot and the schedule page show them.

use std::sync::Arc;

use super::owner::Owner;
use super::timetable::words;
use super::{JobDetail, JobView};
use crate::ingest::IngestSpec;
use crate::scan::WatchSpec;
use crate::store::scheduler::{Job, JobRun};
use crate::train::spec::TrainSpec;

/// Runs of all jobs in the snapshot.
const RUNS_SHOWN: usize = 50;

/// What a run was asked for, in words; `None` for its job's normal work.
pub fn asked(run: &JobRun) -> Option<String> {
    let words = match run.job {
        Job::Train => TrainSpec::words,
        Job::Scan | Job::Backtest | Job::Drift => WatchSpec::words,
        Job::Ingest | Job::Maintenance => IngestSpec::words,
    };
    run.params.as_deref().map(words)
}

impl Owner {
    /// Brings what the snapshot shows of jobs in step, when something has changed.
    pub(super) fn rebuild_jobs(&mut self) {
        if !std::mem::take(&mut self.jobs.changed) {
            return;
        }
        let views: Vec<JobView> = Job::ALL.into_iter().map(|job| self.job_view(job)).collect();
        if *self.job_views != views {
            self.job_views = Arc::new(views);
        }
        let board = &self.jobs.board;
        let ended = Job::ALL.into_iter().flat_map(|job| board.ended_runs(job).map(Arc::as_ref));
        let mut runs: Vec<&JobRun> = board.active().chain(ended).collect();
        runs.sort_unstable_by_key(|r| std::cmp::Reverse(r.id));
        self.job_runs = Arc::new(runs.into_iter().take(RUNS_SHOWN).cloned().collect());
    }

    pub(super) fn job_view(&self, job: Job) -> JobView {
        let board = &self.jobs.board;
        let rule = self.settings.schedule.job(job);
        let missing = (!board.is_able(job)).then(|| format!("this version cannot run {job}"));
        let next = self.next_tick(job);
        JobView {
            job,
            missing,
            cron: rule.cron.clone(),
            zone: self.settings.schedule.zone_of(job).to_owned(),
            words: words(&self.settings.schedule, job),
            paused: board.paused(job).cloned(),
            next: next.map(|n| n.0),
            next_session: next.and_then(|n| n.1),
            active: board.active().find(|r| r.job == job).cloned(),
            last: board.last(job).map(|r| JobRun::clone(r)),
            timeout_s: rule.timeout_minutes * 60,
            failures_in_row: board.failures(job),
            durations: board.durations(job),
        }
    }

    /// Everything the schedule page shows of a job.
    pub(super) fn job_detail(&self, job: Job) -> JobDetail {
        JobDetail {
            view: self.job_view(job),
            next: self.planned(job),
            runs: self.jobs.board.ended_runs(job).map(|r| JobRun::clone(r)).collect(),
        }
    }
}
