//! The questions that pages ask the engine. None is asked while nobody can answer; they are asked again when the link
//! is back.

use super::{App, Effect, Page, Slot};
use crate::engine::Query;
use crate::store::scheduler::Job;

/// Most rows asked for by the history and the findings pages.
const PAGE_LIMIT: usize = 500;

impl App {
    /// Asks the question of the page on top.
    pub(super) fn ask_page(&mut self, fx: &mut Vec<Effect>) {
        match self.page() {
            Some(Page::Series) => self.ask_series(fx),
            Some(Page::Runs) => self.ask_runs(fx),
            Some(Page::Issues) => self.ask_issues(fx),
            Some(Page::Run(id)) => {
                self.ask_run(id, fx);
                self.ask_training(fx);
            }
            Some(Page::Models) => self.ask_models(fx),
            Some(Page::Drift) => self.ask_drift(fx),
            Some(Page::Subject) => self.ask_subject(fx),
            Some(Page::Signals | Page::Signal(_) | Page::Sectors) => self.ask_signals(fx),
            Some(Page::Job(job)) => self.ask_job(job, fx),
            Some(Page::Features) => self.ask_features(fx),
            Some(Page::Feature) => self.ask_feature(fx),
            Some(Page::Training) => {
                self.ask_training(fx);
                self.ask_training_story(fx);
            }
            Some(Page::Source(_)) | None => {}
        }
    }

    /// Asks for the details of the series under the cursor, if its page is open.
    pub(super) fn ask_series(&mut self, fx: &mut Vec<Effect>) {
        let (Some(Page::Series), Some(series)) = (self.page(), self.heat.cursor) else { return };
        let shown = self.detail.value.as_ref().and_then(|d| d.state.as_ref()).map(|s| s.series);
        if shown.is_some_and(|s| s != series) {
            self.detail.forget();
        }
        if self.reachable() {
            let generation = self.detail.ask();
            fx.push(Effect::Query { slot: Slot::Series, generation, query: Query::Series { series } });
        }
    }

    /// Asks both stores for the run history: not every run was a job's.
    pub(super) fn ask_runs(&mut self, fx: &mut Vec<Effect>) {
        if self.reachable() {
            let generation = self.job_runs.ask();
            let query = Query::JobRuns { job: None, state: None, limit: PAGE_LIMIT };
            fx.push(Effect::Query { slot: Slot::JobRuns, generation, query });
            self.ask_records(fx);
        }
    }

    fn ask_records(&mut self, fx: &mut Vec<Effect>) {
        let generation = self.runs.ask();
        fx.push(Effect::Query { slot: Slot::Runs, generation, query: Query::Runs { limit: PAGE_LIMIT } });
    }

    /// Asks for a run's story, and for its record where the snapshot does not know it.
    pub(super) fn ask_run(&mut self, run_id: i64, fx: &mut Vec<Effect>) {
        if !self.reachable() {
            return;
        }
        let generation = self.run_detail.ask();
        fx.push(Effect::Query { slot: Slot::Run, generation, query: Query::Run { run_id } });
        let recorded = self.job_run(run_id).is_none_or(|r| r.job == Job::Ingest && r.state.ended());
        if recorded && self.run(run_id).is_none() && self.runs.value.iter().flatten().all(|r| r.id != run_id) {
            self.ask_records(fx);
        }
    }

    pub(super) fn ask_job(&mut self, job: Job, fx: &mut Vec<Effect>) {
        if self.reachable() {
            let generation = self.job_detail.ask();
            fx.push(Effect::Query { slot: Slot::Job, generation, query: Query::Job { job } });
        }
    }

    pub(super) fn ask_issues(&mut self, fx: &mut Vec<Effect>) {
        if self.reachable() {
            let generation = self.issues.ask();
            fx.push(Effect::Query { slot: Slot::Issues, generation, query: Query::Issues { limit: PAGE_LIMIT } });
        }
    }
}
