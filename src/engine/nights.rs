//! The owner's part of the nights: carries the board's decisions out, and keeps what the snapshot shows of ingest runs
//! in step with them.

use std::sync::Arc;

use super::active::Active;
use super::dispatcher::Born;
use super::ingest_body::spec_of;
use super::jobs::{BodyEnd, Busy, Effect, Order, is_whole};
use super::owner::Owner;
use super::reload::Config;
use super::{JobEnd, RunProgress, RunView};
use crate::config::strategy::SecondRun;
use crate::ingest::RunSummary;
use crate::market::{Calendar, Strategy};
use crate::scan::NightSummary;
use crate::store::master::{RunState, StoreError};
use crate::store::scheduler::{Job, JobRun, JobState, Trigger};
use crate::train::spec::TrainSpec;

impl Owner {
    /// Brings the board up to date and carries out all it decides.
    pub(super) async fn settle(&mut self) {
        loop {
            let effects = self.jobs.board.effects(self.jobs.now());
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                self.carry_out(effect).await;
            }
        }
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Queue(run) => self.bear(*run).await,
            Effect::Save(run) => {
                self.jobs.save(Arc::clone(&run)).await;
                if run.state.ended() {
                    self.run_ended(&run).await;
                }
            }
            Effect::Start(run) => self.start_run(&run),
            Effect::Stop { run_id, at_once } => {
                self.jobs.stop(run_id, at_once);
                if let Some(active) = self.active.as_mut().filter(|a| a.view.id == run_id) {
                    active.view.cancelling = true;
                }
            }
            Effect::Abort { run_id } => self.jobs.abort(run_id),
            Effect::Tell(line) => self.jobs.tell(line),
            Effect::Pause { job, pause } => {
                tracing::error!(target: "engine", %job, reason = pause.reason, "The job pauses");
                // Refusals are in the log; the pause holds all the same.
                let _ = self.keep_pause(job, Some(pause)).await;
            }
            Effect::Failures { job, in_row } => {
                if let Err(e) = self.jobs.db.set_failures(job, in_row).await {
                    tracing::warn!(target: "engine", %job, error = %e, "Could not record the failures in a row");
                }
            }
        }
    }

    async fn bear(&mut self, run: JobRun) {
        let by_person = run.scheduled_for.is_none();
        match self.jobs.bear(run.clone()).await {
            Born::Yes(id) => self.newest = self.newest.take().or(Some(Ok(id))),
            Born::Known => tracing::debug!(target: "engine", job = %run.job, tick = run.scheduled_for, "The tick has its run already"),
            Born::Not(e) if by_person => self.newest = self.newest.take().or(Some(Err(e.to_string()))),
            Born::Not(e) => {
                tracing::error!(target: "engine", job = %run.job, error = %e, "Could not record a run of the schedule, trying again");
                self.jobs.keep_unborn(run);
            }
        }
    }

    /// Puts an order on the board and gives the number of its run.
    pub(super) async fn order(&mut self, job: Job, trigger: Trigger, actor: &str, params: Option<String>) -> Result<i64, String> {
        if job == Job::Ingest {
            self.enough_disk()?;
        }
        // A run that does at least the job's normal work counts for the session it comes after.
        let normal = is_whole(job, params.as_deref()) && trigger == Trigger::Manual && self.settings.schedule.job(job).trading_days;
        let session = normal.then(|| Calendar::Xnys.last_closed(self.clock.now())).flatten().map(|s| s.date);
        self.place(Order { job, trigger, actor: actor.to_owned(), session, params }).await
    }

    /// As [`Self::order`], for an order that is complete.
    pub(super) async fn place(&mut self, order: Order) -> Result<i64, String> {
        self.newest = None;
        let busy = self.busy(&order);
        self.jobs.board.order(order, busy, self.jobs.now())?;
        self.settle().await;
        self.newest.take().unwrap_or_else(|| Err("the run was not recorded".to_owned()))
    }

    /// Whether an order waits behind a run at work: only training, where the rules of all strategies it is for say so.
    fn busy(&self, order: &Order) -> Busy {
        let Some(rules) = self.config.as_ref().map(Config::rules).filter(|_| order.job == Job::Train) else { return Busy::Refuse };
        // A spec that cannot be read is for its run to tell.
        let chosen = TrainSpec::of(order.params.as_deref()).unwrap_or_default().chosen();
        let queues = |s: &Strategy| rules.get(*s).settings.orchestrator.second_run == SecondRun::Queue;
        if chosen.iter().all(queues) { Busy::Queue } else { Busy::Refuse }
    }

    /// Refuses when the disk is nearly full.
    pub(super) fn enough_disk(&mut self) -> Result<(), String> {
        self.stats = self.host.read();
        if !self.stats.disk_low {
            return Ok(());
        }
        let (free, floor) = (self.stats.disk_free >> 20, self.settings.store.disk_floor_mib);
        Err(format!("only {free} MiB of disk are free, the floor is {floor} MiB: free some space first"))
    }

    fn start_run(&mut self, run: &JobRun) {
        self.jobs.changed = true;
        tracing::info!(target: "engine", run = run.id, job = %run.job, trigger = %run.trigger, attempt = run.attempt, "Run started");
        let refusal = match self.pages.bad() {
            Some(why) => Err((why.to_owned(), false)),
            None if run.job == Job::Ingest => self.enough_disk().map_err(|e| (e, true)),
            None => Ok(()),
        };
        if let Err((error, retry)) = refusal {
            let end = BodyEnd::Told(JobEnd::Failed { error, retry, summary: None });
            self.jobs.board.ended(run.id, end, self.jobs.now());
            return;
        }
        if run.job == Job::Ingest {
            self.active = Some(Active::new(view_of_job_run(run), self.clock.mono()));
        }
        self.jobs.start(run);
    }

    /// A body has come to its end.
    pub(super) async fn body_ended(&mut self, run_id: i64, end: BodyEnd) {
        if let BodyEnd::Panicked(message) = &end {
            tracing::error!(target: "engine", run = run_id, message, "A bug ended the run");
        }
        self.jobs.let_go(run_id);
        self.jobs.board.ended(run_id, end, self.jobs.now());
        self.settle().await;
        self.jobs.flush().await;
        let looked = self.jobs.board.ended_runs(Job::Drift).find(|r| r.id == run_id).cloned();
        if let Some(run) = looked {
            self.train_challengers(&run).await;
        }
    }

    /// Says how a run ended, and brings the views of an ingest in step.
    async fn run_ended(&mut self, run: &JobRun) {
        let seconds = run.seconds(self.clock.now()).unwrap_or(0);
        // Of a run that went well it is what it has to say.
        let note = run.error.as_deref().unwrap_or_default();
        if run.state.bad() {
            tracing::error!(target: "engine", run = run.id, job = %run.job, state = %run.state, seconds, error = note, "Run ended");
        } else {
            tracing::info!(target: "engine", run = run.id, job = %run.job, state = %run.state, seconds, note, "Run ended");
        }
        self.shortages.look.notify_one();
        if run.job == Job::Maintenance {
            // The alarm about backups judges the run and its backup together, never the one without the other.
            self.host.look_at_backups();
            self.stats = self.host.read();
        }
        if run.job == Job::Ingest && run.state != JobState::Skipped {
            self.ingest_ended(run).await;
        }
    }

    /// Trains challengers where drift asks for them. None of them takes a champion's place without passing the gates. What cannot be
    /// ordered now stays owed, and is asked for again by the next look at drift: an engine that lives for one command starts
    /// nothing else.
    async fn train_challengers(&mut self, run: &JobRun) {
        let strategies = NightSummary::stored(run.summary.as_deref()).unwrap_or_default().challengers();
        if strategies.is_empty() || self.timetable.is_none() {
            return;
        }
        let spec = TrainSpec { strategies: strategies.clone(), ..TrainSpec::default() };
        let params = serde_json::to_string(&spec).ok();
        match self.order(Job::Train, Trigger::Drift, "drift", params).await {
            Ok(train) => {
                tracing::warn!(target: "engine", run = train, asked_by = run.id, %spec, "A challenger is trained because of drift");
                self.challengers_ordered(strategies);
            }
            Err(e) => {
                tracing::warn!(target: "engine", asked_by = run.id, error = %e, "A challenger is owed and cannot be trained now");
            }
        }
    }

    /// Has it put on record, beside the owner; where that fails, one more challenger is trained than was needed.
    fn challengers_ordered(&self, strategies: Vec<Strategy>) {
        let Some(watching) = self.watched.watching.clone() else { return };
        tokio::task::spawn_blocking(move || {
            for strategy in strategies {
                if let Err(e) = watching.challenger_ordered(strategy) {
                    tracing::warn!(target: "engine", %strategy, error = e, "Could not record that the challenger was ordered");
                }
            }
        });
    }

    async fn ingest_ended(&mut self, run: &JobRun) {
        let mut view = match self.active.take_if(|a| a.view.id == run.id) {
            Some(active) => active.view,
            None => view_of_job_run(run),
        };
        let state = ingest_state(run);
        let summary = RunSummary::stored(run.summary.as_deref());
        if let Some(s) = &summary {
            tracing::info!(
                target: "engine", run = run.id, bars = s.bars, inserted = s.inserted, revised = s.revised, derived = s.derived,
                failed = s.series_failed, seconds = s.seconds, "Ingest ended"
            );
        }
        let why = run.error.clone().filter(|_| state != RunState::Succeeded);
        // One that never began has no row in the master database, and has changed nothing there.
        if run.started_at.is_some() {
            match self.pipeline.writer.finish_run(run.id, state, run.summary.clone(), why).await {
                // Nor has one that failed before its body did anything.
                Ok(()) | Err(StoreError::NoRun(_)) => {}
                Err(e) => tracing::error!(target: "engine", run = run.id, error = %e, "Could not record the end of the run"),
            }
            self.rederive();
            if let Err(e) = self.load_states().await {
                tracing::error!(target: "engine", error = %e, "Could not read the series states");
            }
            self.count_issues().await;
        }
        view.state = state;
        view.ended_at = run.ended_at;
        view.summary = summary.or_else(|| Some(RunSummary { failures: run.error.iter().cloned().collect(), ..RunSummary::default() }));
        self.keep_run(view);
    }

    /// The primary source is back: fetch again what the fallback filled.
    pub(super) async fn start_recovery(&mut self) {
        if self.active.is_some() || self.runs.is_empty() || !self.may_fetch_again() {
            return;
        }
        match self.order(Job::Ingest, Trigger::SourceBack, "engine", None).await {
            Ok(run) => tracing::info!(target: "engine", run, "The primary source is back, fetching again what the fallback filled"),
            Err(e) => tracing::warn!(target: "engine", error = %e, "Could not start the recovery run"),
        }
    }
}

/// How the master database names the end of an ingest.
fn ingest_state(run: &JobRun) -> RunState {
    match run.state {
        JobState::Succeeded if run.failures > 0 => RunState::Partial,
        JobState::Succeeded => RunState::Succeeded,
        JobState::Failed | JobState::TimedOut => RunState::Failed,
        JobState::Cancelled | JobState::Skipped => RunState::Cancelled,
        JobState::Lost => RunState::Lost,
        JobState::Queued | JobState::Running => RunState::Running,
    }
}

fn view_of_job_run(run: &JobRun) -> RunView {
    RunView {
        id: run.id,
        spec: spec_of(run).unwrap_or_default(),
        state: RunState::Running,
        started_at: run.started_at.unwrap_or(run.queued_at),
        ended_at: None,
        progress: RunProgress::default(),
        summary: None,
        cancelling: false,
    }
}
