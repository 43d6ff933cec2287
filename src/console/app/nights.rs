//! What an operator does with jobs and their runs: run now, pause, switch the scheduler, cancel, run again.

use tui_input::Input;

use super::overlay::Deed;
use super::{App, Confirm, Gate, Overlay, Page, Pane};
use crate::console::action::Action;
use crate::console::fmt;
use crate::engine::{JobView, RunView};
use crate::store::scheduler::{Job, JobRun, JobState};
use crate::train::progress::{ModelView, PartState, TrainingState, TrainingView};

/// What a gentle end means for most runs.
const GENTLE: &str = "What is in flight finishes and is kept; nothing new begins.";

impl App {
    /// A job as the newest snapshot has it.
    pub(in crate::console) fn job_view(&self, job: Job) -> Option<&JobView> {
        self.snap().jobs.iter().find(|j| j.job == job)
    }

    /// The job that has the focus: its page is open, or it is selected in the pane.
    fn job(&self) -> Option<Job> {
        match (self.page(), self.focus) {
            (Some(Page::Job(job)), _) => Some(job),
            (None, Pane::Schedule) => Some(self.job),
            _ => None,
        }
    }

    fn focused_job(&self) -> Option<&JobView> {
        self.job_view(self.job()?)
    }

    /// The run that has the focus.
    pub(super) fn selected_run(&self) -> Option<i64> {
        match self.page() {
            Some(Page::Run(id)) => Some(id),
            Some(Page::Runs) => self.runs_table.selected,
            Some(Page::Job(_)) => self.history_table.selected,
            Some(_) => None,
            None if self.focus == Pane::Training => self.shown_training().and_then(|t| t.job_run),
            None => self.focused_job().and_then(|j| j.active.as_ref().or(j.last.as_ref())).map(|r| r.id),
        }
    }

    /// The run to show: the active one, else the newest that worked.
    pub(super) fn shown_run(&self) -> Option<i64> {
        let snap = self.snap();
        let newest = snap.job_runs.iter().filter(|r| r.started_at.is_some()).map(|r| r.id).max();
        self.active_runs().first().copied().or_else(|| newest.max(snap.runs.first().map(|r| r.id)))
    }

    /// The run that a cancel would end: the selected one, else whichever is active. On a run's page only that one.
    pub(super) fn cancellable(&self) -> Option<i64> {
        let active = self.active_runs();
        let selected = self.selected_run().filter(|id| active.contains(id));
        if matches!(self.page(), Some(Page::Run(_))) { selected } else { selected.or_else(|| active.first().copied()) }
    }

    /// How many runs work or wait.
    pub(in crate::console) fn working(&self) -> usize {
        self.active_runs().len()
    }

    fn ingest_run(&self, id: i64) -> Option<&RunView> {
        self.live().active.as_deref().filter(|r| r.id == id)
    }

    pub(super) fn is_cancelling(&self, id: i64) -> bool {
        let training = || self.live().training.iter().any(|t| t.job_run == Some(id) && t.stopping);
        self.ingest_run(id).is_some_and(|r| r.cancelling) || training()
    }

    /// The run that could be done again: the selected one, once it has ended; of a job its last.
    pub(super) fn rerunnable(&self) -> Option<i64> {
        let last = || self.focused_job().and_then(|j| j.last.as_ref()).map(|r| r.id);
        let id = if self.page().is_none() { last() } else { self.selected_run() }?;
        let ended = match (self.job_run(id), self.run(id)) {
            (Some(run), _) => run.state.ended(),
            (None, Some(view)) => view.ended_at.is_some(),
            (None, None) => true,
        };
        ended.then_some(id)
    }

    /// Why something cannot be done with the job that has the focus.
    pub(super) fn job_refusal(&self, action: Action) -> Option<&'static str> {
        let no = |cond: bool, why: &'static str| cond.then_some(why);
        if action == Action::ConfirmClock {
            return no(self.snap().scheduler.held.is_none(), "The schedule is not held: the clock did not jump");
        }
        let Some(job) = self.focused_job() else { return Some("The jobs are not known yet") };
        no(job.missing.is_some(), "This version cannot run that job").or_else(|| match action {
            Action::RunJob => no(job.active.is_some(), "The job is queued or running already"),
            _ => None,
        })
    }

    pub(super) fn ask(&mut self, title: String, body: Vec<String>, gate: Gate) {
        self.overlays.push(Overlay::Confirm(Confirm::new(title, body, gate)));
    }

    pub(super) fn ask_run_job(&mut self) {
        let Some(view) = self.focused_job() else { return };
        let (job, now) = (view.job, self.now());
        let mut body = vec!["Its normal work, as on schedule, starts as soon as there is a slot.".to_owned()];
        body.extend(view.paused.as_ref().map(|_| "The pause stays: it holds back ticks, not you.".to_owned()));
        body.extend(view.next.map(|at| format!("Its next tick, {} UTC, in {}, stands.", fmt::minute(at), fmt::until(at, now))));
        self.ask(format!("Run {job} now"), body, Gate::Keys(vec![('y', "run it", Deed::Run { job })]));
    }

    pub(super) fn ask_pause(&mut self) {
        let (Some(view), now) = (self.focused_job(), self.now()) else { return };
        let job = view.job;
        if let Some(pause) = &view.paused {
            let since = format!("Paused {} ago by {}: {}", fmt::age(now - pause.at), pause.by, pause.reason);
            let body = vec![since, "Ticks lead to runs again; those that passed meanwhile are not made up for.".to_owned()];
            self.ask(format!("End the pause of {job}"), body, Gate::Keys(vec![('y', "resume", Deed::Resume { job })]));
            return;
        }
        let body = vec!["Its ticks pass without a run until the pause is ended. A running run goes on.".to_owned()];
        self.ask(format!("Pause {job}"), body, Gate::Reason { verb: "pause", input: Input::default(), deed: Deed::Pause { job } });
    }

    pub(super) fn ask_scheduler(&mut self) {
        let (scheduler, now) = (self.snap().scheduler.clone(), self.now());
        let since = format!("It is {} since {}", if scheduler.on { "on" } else { "off" }, fmt::age(now - scheduler.since));
        let since = if scheduler.by.is_empty() { format!("{since}.") } else { format!("{since}, by {}.", scheduler.by) };
        let (title, effect, word) = if scheduler.on {
            ("Switch the scheduler off", "No tick of any job leads to a run. Running runs go on; you can still start any.", "switch off")
        } else {
            ("Switch the scheduler on", "Ticks lead to runs again.", "switch on")
        };
        let gate = Gate::Keys(vec![('y', word, Deed::Scheduler { on: !scheduler.on })]);
        self.ask(title.to_owned(), vec![since, effect.to_owned()], gate);
    }

    pub(super) fn ask_clock(&mut self) {
        let Some(held) = self.snap().scheduler.held.clone() else { return };
        let body = vec![held, "If the time at the top right is right, the schedule can go on from it.".to_owned()];
        self.ask("The clock has jumped".to_owned(), body, Gate::Keys(vec![('y', "the time is right, go on", Deed::ConfirmClock)]));
    }

    pub(super) fn ask_rerun(&mut self) {
        let Some(run_id) = self.rerunnable() else { return };
        let job = self.job_run(run_id).map_or(Job::Ingest, |run| run.job);
        let what = format!("{job} runs again with what run {run_id} was asked for.");
        let twice = match job {
            Job::Ingest => "What is stored and fresh is not fetched again.",
            Job::Maintenance => "Every step is done again; a new backup comes beside those there are.",
            _ => "It begins from its start.",
        };
        let body = vec![what, twice.to_owned()];
        self.ask(format!("Run {run_id} again"), body, Gate::Keys(vec![('y', "run it again", Deed::Rerun { run_id })]));
    }

    pub(super) fn ask_cancel(&mut self, now: bool) {
        let Some(id) = self.cancellable() else { return };
        let (done, lost, kept) = match (self.ingest_run(id), self.job_run(id)) {
            (Some(run), _) => fetched(run),
            (None, Some(run)) if run.job == Job::Train && run.state == JobState::Running => self.trained(run),
            (None, Some(run)) => worked(run, self.now()),
            (None, None) => return,
        };
        let deed = Deed::Cancel { run_id: id, now };
        if now {
            let gate = Gate::Typed { expected: id.to_string(), input: Input::default(), deed };
            let gentler = format!("Gentler: {} lets it finish what is in flight.", self.keymap.shown(Action::CancelRun));
            self.ask(format!("Cancel run {id} at once"), vec![done, lost, kept, gentler], gate);
        } else {
            let trains = self.trains(id);
            let gentle = if trains { "The fits at work finish and are kept; no other begins." } else { GENTLE }.to_owned();
            self.ask(format!("Cancel run {id}"), vec![done, gentle, kept], Gate::Keys(vec![('y', "cancel the run", deed)]));
        }
    }
}

impl App {
    /// What a training run has done, would lose and would keep.
    fn trained(&self, run: &JobRun) -> (String, String, String) {
        let live = self.live();
        let view = live.training.iter().find(|t| t.job_run == Some(run.id) && t.state == TrainingState::Running);
        let took = fmt::clock(run.seconds(self.now()).unwrap_or(0));
        let at = view
            .and_then(TrainingView::at)
            .map_or_else(String::new, |s| format!(", step {} of 12, {}", s.step as usize + 1, s.step.words()));
        let lost: Vec<String> = view.iter().flat_map(|t| &t.models).filter(|m| m.state == PartState::Running).map(fit).collect();
        let lost =
            if lost.is_empty() { "Lost: the step it is at.".to_owned() } else { format!("Lost: the fits at work ({}).", lost.join(", ")) };
        let fits: u32 = view.map_or(0, |t| t.models.iter().map(|m| m.fits_done).sum());
        let kept = format!("Kept: {}; the next run goes on from there.", fmt::count(fits.into(), "finished fit", "finished fits"));
        (format!("It has trained for {took}{at}."), lost, kept)
    }
}

/// A fit at work, in words.
fn fit(m: &ModelView) -> String {
    format!("{} at epoch {} of {}", m.name, m.epoch, m.epochs)
}

/// What an ingest has done, would lose and would keep.
fn fetched(run: &RunView) -> (String, String, String) {
    let p = &run.progress;
    let done = format!(
        "{} of {} done, {} written.",
        fmt::thousands(p.series_done.into()),
        fmt::count(p.series_total.into(), "series", "series"),
        fmt::count(p.written, "bar", "bars")
    );
    let kept = "Kept: every batch that is written; the next ingest goes on from there.";
    (done, "Lost: the requests in flight.".into(), kept.into())
}

/// The same of a run of another job.
fn worked(run: &JobRun, now: i64) -> (String, String, String) {
    if run.state == JobState::Queued {
        return (format!("{} waits for its turn; nothing is done yet.", run.job), "Lost: nothing.".into(), "Its next tick stands.".into());
    }
    let took = run.seconds(now).unwrap_or(0);
    let kept = "Kept: every step that is complete.";
    (format!("{} has worked for {}.", run.job, fmt::clock(took)), "Lost: the step it is at.".into(), kept.into())
}
