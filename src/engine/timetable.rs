//! The owner's part of the schedule: hears the bell, asks the planner what is due, puts it on the board, and keeps what
//! survives a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;

use super::owner::Owner;
use super::{CommandError, SchedulerView, jobs};
use crate::config::{ScheduleSettings, Settings};
use crate::ingest::pipeline::Pipeline;
use crate::market::Clock;
use crate::schedule::{CronBell, DueTick, JobTimes, PlannedTick, Planner, Rule, SchedulerState, TickSource, Verdict, rules};
use crate::store::scheduler::{Job, JobRow, Pause, Trigger};

/// Name of the file that keeps the scheduler's state in the data folder.
pub const STATE: &str = "scheduler_state.json";
/// Ticks that the schedule page shows ahead.
const AHEAD: usize = 14;
/// A source that comes and goes leads to one ingest in this time.
const SOURCE_BACK_EVERY: Duration = Duration::from_hours(1);

/// The schedule that an engine follows.
pub(super) struct Timetable {
    planner: Planner,
    bell: CronBell,
    state: SchedulerState,
    /// What the record holds as dealt with: each schedule's hash and its last tick.
    stored: BTreeMap<Job, (String, i64)>,
    path: PathBuf,
    /// What is wrong with the state's file.
    trouble: Option<String>,
    /// The next tick of each job that leads to a run.
    next: [Option<(i64, Option<NaiveDate>)>; Job::ALL.len()],
    /// When an ingest began because the primary source was back, by the monotonic clock.
    source_back: Option<Duration>,
}

impl Timetable {
    /// Takes up where the last process ended. `jobs` are those that can run.
    pub fn new(
        settings: &ScheduleSettings,
        jobs: impl IntoIterator<Item = Job>,
        (rows, data_dir): (&[JobRow], &Path),
        bell: CronBell,
        clock: &dyn Clock,
    ) -> Result<Self, crate::schedule::ScheduleError> {
        let path = data_dir.join(STATE);
        let loaded = SchedulerState::load(&path, settings.enabled, clock.now());
        if let Some(trouble) = &loaded.trouble {
            tracing::error!(target: "schedule", trouble, "The scheduler's state could not be read");
        }
        let planner = Planner::new(rules(settings, jobs)?, rows, &loaded.state, clock);
        let stored = rows.iter().filter_map(|r| Some((r.job, (r.spec_hash.clone(), r.last_tick?)))).collect();
        let (state, trouble) = (loaded.state, loaded.trouble);
        Ok(Self { planner, bell, state, stored, path, trouble, next: Default::default(), source_back: None })
    }

    /// Whether ticks lead to runs.
    pub const fn is_on(&self) -> bool {
        self.state.on
    }

    fn why_off(&self) -> Option<String> {
        (!self.state.on).then(|| format!("the scheduler was switched off by {}", self.state.by))
    }

    async fn arm(&self) {
        if let Err(e) = self.bell.arm(self.planner.alarms()).await {
            tracing::error!(target: "schedule", error = %e, "Could not record the next ticks");
        }
    }

    /// Ends the beat.
    pub async fn close(&self) {
        self.bell.close().await;
    }
}

impl Owner {
    /// Arms the bell and deals with what came due while nobody was there.
    pub(super) async fn open_timetable(&mut self) {
        let Some(table) = &self.timetable else { return };
        table.arm().await;
        self.deal_with_all().await;
    }

    /// The bell rang, or a second has passed. Rings are not trusted to come in order, nor the clock to stand where it
    /// stood at the ring: whoever is due is dealt with, in the order of a night.
    pub(super) async fn look_at_ticks(&mut self) {
        if self.timetable.as_ref().is_some_and(|t| t.planner.is_due(self.clock.now())) {
            self.deal_with_all().await;
        }
    }

    async fn deal_with_all(&mut self) {
        for job in Job::ALL {
            self.deal_with(job).await;
        }
        self.keep_marks().await;
        self.renew_ticks().await;
    }

    /// Notices a jump of the clock; what comes next is another thing then.
    pub(super) async fn look_at_clock(&mut self) {
        let Some(table) = &mut self.timetable else { return };
        if table.planner.look(self.clock.as_ref()).is_some() {
            table.arm().await;
            self.renew_ticks().await;
        }
    }

    /// Puts the ticks of a job that are due on the board.
    async fn deal_with(&mut self, job: Job) {
        let paused = self.jobs.board.paused(job).map(|p| format!("{job} is paused by {}: {}", p.by, p.reason));
        let Some(table) = &mut self.timetable else { return };
        let blocked = table.why_off().or(paused);
        // Nothing comes between the look and the judgement, or a jump in between would make ticks look missed.
        let jumped = table.planner.look(self.clock.as_ref()).is_some();
        let due = table.planner.due(job, self.clock.now(), blocked.as_deref());
        if jumped {
            table.arm().await;
        }
        for tick in due {
            self.jobs.board.tick(on_board(tick), self.jobs.now());
            self.settle().await;
        }
    }

    /// Records which ticks were dealt with, and from when on a changed schedule counts. A tick whose run is not on record
    /// is not marked: after a restart it comes again.
    pub(super) async fn keep_marks(&mut self) {
        let Some(table) = &mut self.timetable else { return };
        for job in Job::ALL {
            let Some(mark) = table.planner.mark(job).filter(|m| table.stored.get(&job) != Some(m)) else { continue };
            if self.jobs.is_unborn(job) {
                continue;
            }
            match self.jobs.db.set_last_tick(job, mark.0.clone(), Some(mark.1)).await {
                Ok(()) => drop(table.stored.insert(job, mark)),
                Err(e) => {
                    tracing::error!(target: "schedule", %job, error = %e, "Could not record that a tick was dealt with, trying again");
                }
            }
        }
    }

    /// Whether an ingest may begin by itself because the primary source is back, and then that it did: this engine
    /// follows the schedule, nothing holds ingests back, and none began so within the hour.
    pub(super) fn may_fetch_again(&mut self) -> bool {
        let (paused, now) = (self.jobs.board.paused(Job::Ingest).is_some(), self.clock.mono());
        let Some(table) = self.timetable.as_mut().filter(|t| t.is_on() && t.planner.held().is_none() && !paused) else { return false };
        let free = table.source_back.is_none_or(|at| now.saturating_sub(at) >= SOURCE_BACK_EVERY);
        if free {
            table.source_back = Some(now);
        }
        free
    }

    /// Computes the next ticks anew and keeps them where they survive.
    pub(super) async fn renew_ticks(&mut self) {
        let now = self.clock.now();
        let Some(table) = &mut self.timetable else { return };
        let mut times = BTreeMap::new();
        for job in Job::ALL {
            let next = table.planner.next(job, now);
            table.next[job.index()] = next.as_ref().map(|t| (t.at, t.session));
            self.jobs.board.set_due(job, next.as_ref().and_then(|t| t.session));
            if let Some((_, last)) = table.planner.mark(job) {
                times.insert(job, JobTimes { last: Some(last), next: next.map(|t| t.at) });
            }
        }
        self.jobs.changed = true;
        if table.state.jobs != times || !table.path.exists() {
            table.state.jobs = times;
            self.save_timetable().await;
        }
    }

    async fn save_timetable(&mut self) {
        let Some(table) = &mut self.timetable else { return };
        let (state, path) = (table.state.clone(), table.path.clone());
        let saved = tokio::task::spawn_blocking(move || state.save(&path)).await;
        table.trouble = match saved {
            Ok(Ok(())) => None,
            Ok(Err(e)) => Some(e.to_string()),
            Err(e) => Some(e.to_string()),
        };
        if let Some(trouble) = &table.trouble {
            tracing::error!(target: "schedule", trouble, "The scheduler's state is not kept");
        }
    }

    /// Switches the scheduler on or off.
    pub(super) async fn switch(&mut self, on: bool, actor: &str) -> Result<String, CommandError> {
        let now = self.clock.now();
        let table = self.timetable.as_mut().ok_or_else(no_schedule)?;
        if table.state.on == on {
            return Ok(format!("the scheduler is {} already", if on { "on" } else { "off" }));
        }
        (table.state.on, table.state.since) = (on, now);
        actor.clone_into(&mut table.state.by);
        self.jobs.changed = true;
        self.save_timetable().await;
        tracing::info!(target: "schedule", on, actor, "The scheduler was switched");
        Ok(if on { "the scheduler is on" } else { "the scheduler is off: ticks pass without a run, commands still work" }.to_owned())
    }

    /// An operator says that the clock is right.
    pub(super) async fn confirm_clock(&mut self, actor: &str) -> Result<String, CommandError> {
        let now = self.clock.now();
        let table = self.timetable.as_mut().ok_or_else(no_schedule)?;
        if !table.planner.confirm(now) {
            return Ok("nothing is held back".to_owned());
        }
        tracing::info!(target: "schedule", actor, "The clock was confirmed");
        self.open_timetable().await;
        Ok("the schedule goes on".to_owned())
    }

    /// Lets a job's ticks pass.
    pub(super) async fn pause(&mut self, job: Job, by: String, reason: String) -> Result<String, CommandError> {
        let pause = Pause { at: self.clock.now(), by, reason };
        self.jobs.board.pause(job, pause.clone());
        self.keep_pause(job, Some(pause)).await.map_err(CommandError::Refused)?;
        Ok(format!("{job} is paused: its ticks pass without a run, commands still work"))
    }

    /// Ends a pause.
    pub(super) async fn resume(&mut self, job: Job) -> Result<String, CommandError> {
        let was = self.jobs.board.resume(job);
        self.settle().await;
        self.keep_pause(job, None).await.map_err(CommandError::Refused)?;
        Ok(format!("{job} {}", if was { "goes on with its next tick" } else { "was not paused" }))
    }

    /// Records a pause or its end. Refused in words: it holds in this process, but would not survive it.
    pub(super) async fn keep_pause(&mut self, job: Job, pause: Option<Pause>) -> Result<(), String> {
        self.jobs.changed = true;
        self.jobs.db.set_pause(job, pause).await.map_err(|e| {
            tracing::error!(target: "engine", %job, error = %e, "Could not record the pause");
            format!("it holds until the engine stops, but could not be recorded: {e}")
        })
    }

    /// Whether the scheduler is on, as the snapshot shows it.
    pub(super) fn scheduler_view(&self) -> SchedulerView {
        let Some(table) = &self.timetable else { return SchedulerView::default() };
        let SchedulerState { on, since, by, .. } = &table.state;
        SchedulerView { on: *on, since: *since, by: by.clone(), held: table.planner.held().filter(|_| *on) }
    }

    /// Puts settings in force. Runs at work keep those they began with; connections keep theirs until a restart.
    pub(super) async fn put_in_force(&mut self, settings: Arc<Settings>) -> Result<(), String> {
        let schedule = &settings.schedule;
        if let Some(table) = &mut self.timetable {
            let able = Job::ALL.into_iter().filter(|job| self.jobs.board.is_able(*job));
            table.planner.reload(rules(schedule, able).map_err(|e| e.to_string())?, self.clock.now());
        }
        self.jobs.board.set_rules(schedule.clone());
        self.host.put_in_force(&settings);
        let old = &self.pipeline;
        self.pipeline = Arc::new(Pipeline {
            writer: old.writer.clone(),
            reads: old.reads.clone(),
            hybrid: Arc::clone(&old.hybrid),
            settings: Arc::clone(&settings),
            universe: Arc::clone(&old.universe),
            clock: Arc::clone(&old.clock),
        });
        self.current.store(Arc::clone(&self.pipeline));
        self.in_force.store(Arc::clone(&settings));
        self.settings = settings;
        (self.stale_market, self.jobs.changed) = (true, true);
        self.open_timetable().await;
        self.settle().await;
        Ok(())
    }

    /// What is wrong with the file that keeps the scheduler's state.
    pub(super) fn timetable_trouble(&self) -> Option<&str> {
        self.timetable.as_ref()?.trouble.as_deref()
    }

    /// The next tick of a job that leads to a run, and its session.
    pub(super) fn next_tick(&self, job: Job) -> Option<(i64, Option<NaiveDate>)> {
        let table = self.timetable.as_ref().filter(|t| t.state.on)?;
        table.next[job.index()].filter(|_| self.jobs.board.paused(job).is_none())
    }

    /// The next ticks of a job.
    pub(super) fn planned(&self, job: Job) -> Vec<PlannedTick> {
        let Some(table) = &self.timetable else { return Vec::new() };
        let blocked = table.why_off().or_else(|| self.jobs.board.paused(job).map(|p| format!("paused by {}: {}", p.by, p.reason)));
        let mut ahead = table.planner.upcoming(job, self.clock.now(), AHEAD);
        for tick in &mut ahead {
            tick.skip = tick.skip.take().or_else(|| blocked.clone());
        }
        ahead
    }
}

/// The schedule of a job in words; a job whose settings make no sense was refused when they were read.
pub(super) fn words(settings: &ScheduleSettings, job: Job) -> String {
    Rule::new(settings, job).map_or_else(|e| e.to_string(), |rule| rule.words())
}

fn on_board(due: DueTick) -> jobs::Tick {
    let DueTick { job, at, session, not_before, verdict } = due;
    let (missed, skip) = match verdict {
        Verdict::Run(trigger) => (trigger == Trigger::CatchUp, None),
        Verdict::Skip(reason) => (false, Some(reason)),
    };
    jobs::Tick { job, at, session, not_before, missed, skip }
}

fn no_schedule() -> CommandError {
    CommandError::Refused("this engine follows no schedule; a daemon or a console does".to_owned())
}
