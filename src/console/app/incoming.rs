//! What comes from the engine: snapshots, answers and acknowledgements.

use std::path::PathBuf;
use std::sync::Arc;

use super::table::Row;
use super::{App, Effect, Overlay, Page, Slot, ToastLevel, pages};
use crate::engine::{Ack, Reply, Snapshot};
use crate::store::scheduler::JobState;

/// The newest run that has ended.
fn ended(s: &Snapshot) -> Option<i64> {
    s.job_runs.iter().filter(|r| r.state.ended()).map(|r| r.id).max()
}

impl App {
    pub(super) fn on_snapshot(&mut self, snapshot: Arc<Snapshot>, fx: &mut Vec<Effect>) -> bool {
        let before = std::mem::replace(&mut self.live, snapshot);
        self.received_ms = self.now_ms;
        let now = self.live.clone();
        if now.log_seq > self.logs.last() {
            fx.push(Effect::ReadLogs(self.logs.last()));
        }
        // A first or re-loaded state is no news: its alerts are on the line already.
        if before.at_ms > 0 && !before.loading && !now.loading && before.epoch == now.epoch {
            self.follow_trainings(&before, &now);
            self.announce(&before, &now, fx);
        }
        if self.source.is_none_or(|s| now.sources.iter().all(|x| x.source != s)) {
            self.source = now.sources.first().map(|s| s.source);
        }
        if self.alert.as_ref().is_some_and(|key| now.alerts.iter().all(|a| a.key != *key)) {
            self.alert = None;
        }
        self.leave_when_quiet(fx);
        self.refresh_pages(&before, &now, fx);
        if self.is_frozen() {
            return true;
        }
        if self.heat.cursor.is_none() || !self.heat.filter.is_empty() || !Arc::ptr_eq(&before.market.instruments, &now.market.instruments) {
            self.heat.refresh(&now.market);
        }
        true
    }

    /// Asks the open page's question again when its answer may have changed.
    fn refresh_pages(&mut self, before: &Snapshot, now: &Snapshot, fx: &mut Vec<Effect>) {
        match self.page() {
            Some(Page::Series)
                if !self.detail.waiting
                    && (self.heat.cell(&before.market) != self.heat.cell(&now.market) || before.issues != now.issues) =>
            {
                self.ask_series(fx);
            }
            Some(Page::Issues) if before.issues != now.issues || before.quarantined != now.quarantined => self.ask_issues(fx),
            Some(Page::Models) if before.standings != now.standings || ended(before) != ended(now) => self.ask_models(fx),
            Some(Page::Drift | Page::Subject) if before.drift != now.drift => self.ask_page(fx),
            Some(Page::Signals | Page::Signal(_) | Page::Sectors) if before.signals != now.signals => self.ask_page(fx),
            // A night has made them anew.
            Some(Page::Features | Page::Feature) if ended(before) != ended(now) => self.ask_page(fx),
            Some(Page::Runs) => {
                let newest = |s: &Snapshot| (s.runs.first().map(|r| r.id), s.job_runs.first().map(|r| r.id));
                if newest(before) != newest(now) {
                    self.ask_runs(fx);
                }
                self.rebuild_runs();
            }
            Some(Page::Run(id)) => {
                let run = |s: &Snapshot| s.job_runs.iter().find(|r| r.id == id).cloned();
                if run(before) != run(now) {
                    self.ask_run(id, fx);
                }
            }
            Some(Page::Job(job)) => {
                let view = |s: &Snapshot| s.jobs.iter().find(|j| j.job == job).cloned();
                if view(before) != view(now) || before.scheduler != now.scheduler {
                    self.ask_job(job, fx);
                }
                self.rebuild_history();
            }
            _ => {}
        }
    }

    /// The story of a running run grows: once a second it is asked for again.
    pub(super) fn follow_run(&mut self, fx: &mut Vec<Effect>) {
        if let Some(Page::Run(id)) = self.page()
            && !self.run_detail.waiting
            && self.job_run(id).is_some_and(|r| r.state == JobState::Running)
        {
            self.ask_run(id, fx);
        }
    }

    pub(super) fn on_answer(&mut self, slot: Slot, generation: u64, result: Result<Reply, String>, fx: &mut Vec<Effect>) -> bool {
        let odd = || "the engine answered another question".to_owned();
        let newest = match slot {
            Slot::Series => {
                let result = result.and_then(|r| if let Reply::Series(d) = r { Ok(d) } else { Err(odd()) });
                self.detail.answer(generation, result)
            }
            Slot::Runs | Slot::JobRuns | Slot::Run | Slot::Job => self.answer_runs(slot, generation, result),
            Slot::Features | Slot::Feature => {
                let newest = self.features.answer(slot, generation, result);
                self.ask_wanted_feature(fx);
                newest
            }
            Slot::Training => {
                let newest = self.trainings.answer(generation, result);
                self.ask_training_story(fx);
                newest
            }
            Slot::Models | Slot::Model => self.answer_models(slot, generation, result),
            Slot::Drift | Slot::Subject => self.answer_drift(slot, generation, result),
            Slot::Signals | Slot::Signal | Slot::Sectors => self.signals.answer(slot, generation, result),
            Slot::Issues => {
                let result = result.and_then(|r| if let Reply::Issues(v) = r { Ok(v) } else { Err(odd()) });
                let newest = self.issues.answer(generation, result);
                let rows: Vec<Row> = self.issues.value.iter().flatten().map(pages::issue_row).collect();
                self.issues_table.replace(rows);
                newest
            }
            Slot::Plan => {
                let result = result.and_then(|r| if let Reply::Plan(p) = r { Ok(p) } else { Err(odd()) });
                match self.overlays.last_mut() {
                    Some(Overlay::Plan(form)) => form.plan.answer(generation, result),
                    _ => false,
                }
            }
        };
        if newest && let Some(why) = self.slot_error(slot) {
            let text = format!("The engine could not answer: {why}");
            self.say(ToastLevel::Bad, text);
        }
        newest
    }

    /// Takes an answer about runs in; false when it is not for the newest question.
    fn answer_runs(&mut self, slot: Slot, generation: u64, result: Result<Reply, String>) -> bool {
        let odd = || "the engine answered another question".to_owned();
        match slot {
            Slot::Runs => {
                let result = result.and_then(|r| if let Reply::Runs(v) = r { Ok(v) } else { Err(odd()) });
                let newest = self.runs.answer(generation, result);
                self.rebuild_runs();
                self.read_summary();
                newest
            }
            Slot::JobRuns => {
                let result = result.and_then(|r| if let Reply::JobRuns(v) = r { Ok(v) } else { Err(odd()) });
                let newest = self.job_runs.answer(generation, result);
                self.rebuild_runs();
                newest
            }
            Slot::Run => {
                let result = result.and_then(|r| if let Reply::Run(d) = r { Ok(d) } else { Err(odd()) });
                let newest = self.run_detail.answer(generation, result);
                self.read_summary();
                newest
            }
            _ => {
                let result = result.and_then(|r| if let Reply::Job(d) = r { Ok(d) } else { Err(odd()) });
                let newest = self.job_detail.answer(generation, result);
                self.rebuild_history();
                newest
            }
        }
    }

    fn slot_error(&self, slot: Slot) -> Option<&str> {
        match slot {
            Slot::Series => self.detail.error.as_deref(),
            Slot::Runs => self.runs.error.as_deref(),
            Slot::Issues => self.issues.error.as_deref(),
            Slot::JobRuns => self.job_runs.error.as_deref(),
            Slot::Job => self.job_detail.error.as_deref(),
            // Form and page show it in place.
            _ => None,
        }
    }

    pub(super) fn on_ack(&mut self, what: &str, result: Result<Ack, String>) -> bool {
        match result {
            Ok(ack) => self.say(ToastLevel::Info, ack.message),
            Err(why) => {
                self.quitting = false;
                self.say(ToastLevel::Bad, format!("{what}: {why}"));
            }
        }
        true
    }

    pub(super) fn on_exported(&mut self, result: Result<PathBuf, String>) -> bool {
        match result {
            Ok(path) => self.say(ToastLevel::Ok, format!("Written to {}", path.display())),
            Err(why) => self.say(ToastLevel::Bad, format!("export: {why}")),
        }
        true
    }
}
