//! Carries out what the board decides: starts, stops and drops bodies, and keeps the record in `scheduler.db`. What the
//! record cannot take is kept and tried again; a full disk stops no night.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError};

use super::jobs::{Board, BodyEnd, Now};
use super::{JobBody, JobLine, JobReport, JobStop};
use crate::market::Clock;
use crate::store::scheduler::{Job, JobRun, JobState, RunEvent, SchedulerDb, SchedulerDbError};

/// Lines of stories kept in memory while the record cannot take them.
const LINES_KEPT: usize = 10_000;

/// Bodies at work and the record of their runs.
pub(super) struct Dispatcher {
    pub board: Board,
    pub db: SchedulerDb,
    clock: Arc<dyn Clock>,
    bodies: BTreeMap<Job, Arc<dyn JobBody>>,
    working: HashMap<i64, (JobStop, AbortHandle)>,
    ended: mpsc::Sender<(i64, BodyEnd)>,
    lines: mpsc::Sender<JobLine>,
    story: Vec<RunEvent>,
    /// New runs and new states that the record did not take yet.
    unborn: Vec<JobRun>,
    unsaved: BTreeMap<i64, Arc<JobRun>>,
    /// The boot id, while an earlier process's runs are not marked as lost, and whether they are taken up again then.
    left_over: Option<(String, bool)>,
    /// What became of an unusable `scheduler.db`.
    pub moved: Option<String>,
    /// Something that the snapshot shows has changed.
    pub changed: bool,
}

/// What became of a new run.
pub(super) enum Born {
    /// It has its number and is on the board.
    Yes(i64),
    /// Another one has the same job, tick and attempt.
    Known,
    /// It could not be recorded.
    Not(SchedulerDbError),
}

impl Dispatcher {
    pub fn new(
        board: Board,
        db: SchedulerDb,
        clock: Arc<dyn Clock>,
        bodies: impl IntoIterator<Item = Arc<dyn JobBody>>,
        (ended, lines): (mpsc::Sender<(i64, BodyEnd)>, mpsc::Sender<JobLine>),
    ) -> Self {
        let bodies = bodies.into_iter().map(|b| (b.job(), b)).collect();
        Self {
            board,
            db,
            clock,
            bodies,
            working: HashMap::new(),
            ended,
            lines,
            story: Vec::new(),
            unborn: Vec::new(),
            unsaved: BTreeMap::new(),
            left_over: None,
            moved: None,
            changed: true,
        }
    }

    /// This moment.
    pub fn now(&self) -> Now {
        Now { wall: self.clock.now(), mono: self.clock.mono() }
    }

    /// Records a new run and puts it on the board. A tick that was skipped and is judged otherwise now, because the clock
    /// had been ahead, gets its run as another attempt.
    pub async fn bear(&mut self, run: JobRun) -> Born {
        match self.insert(run).await {
            Ok(Some(run)) => {
                let id = run.id;
                self.board.admit(run, self.now());
                self.changed = true;
                Born::Yes(id)
            }
            Ok(None) => Born::Known,
            Err(e) => Born::Not(e),
        }
    }

    async fn insert(&self, mut run: JobRun) -> Result<Option<JobRun>, SchedulerDbError> {
        let born = self.db.insert_run(run.clone()).await?;
        let Some(tick) = run.scheduled_for.filter(|_| born.is_none() && !run.state.ended()) else { return Ok(born) };
        let before = self.db.attempts(run.job, tick).await?;
        if before.iter().any(|r| r.state != JobState::Skipped) {
            return Ok(None);
        }
        run.attempt = before.iter().map(|r| r.attempt).max().unwrap_or(0) + 1;
        self.db.insert_run(run).await
    }

    /// Keeps a run of the schedule that could not be recorded, so that a night is not lost to a full disk.
    pub fn keep_unborn(&mut self, run: JobRun) {
        self.unborn.push(run);
    }

    /// Whether a run of the job exists only in memory.
    pub fn is_unborn(&self, job: Job) -> bool {
        self.unborn.iter().any(|run| run.job == job)
    }

    /// Records the state of a run.
    pub async fn save(&mut self, run: Arc<JobRun>) {
        self.changed = true;
        let id = run.id;
        match self.db.update_run(JobRun::clone(&run)).await {
            Ok(()) => drop(self.unsaved.remove(&id)),
            Err(e) => {
                tracing::error!(target: "engine", run = id, error = %e, "Could not record the state of a run, trying again");
                self.unsaved.insert(id, run);
            }
        }
    }

    /// Has [`Self::flush`] end the runs of an earlier process, which the record could not take at the start.
    pub fn mark_lost_later(&mut self, epoch: String, take_up: bool) {
        self.left_over = Some((epoch, take_up));
    }

    async fn mark_lost(&mut self) {
        let Some((epoch, take_up)) = self.left_over.take() else { return };
        match self.db.mark_lost(epoch.clone(), self.clock.now()).await {
            Ok(lost) if take_up => {
                let now = self.now();
                self.board.recover(&lost, now);
            }
            Ok(_) => {}
            Err(_) => self.left_over = Some((epoch, take_up)),
        }
    }

    /// Starts the body of a run.
    pub fn start(&mut self, run: &JobRun) {
        let Some(body) = self.bodies.get(&run.job).cloned() else { return };
        let (id, stop) = (run.id, JobStop::default());
        let (report, run, told) = (JobReport::new(id, self.lines.clone()), run.clone(), stop.clone());
        let task = tokio::spawn(async move { body.run(run, report, told).await });
        self.working.insert(id, (stop, task.abort_handle()));
        let ended = self.ended.clone();
        // A second task notices a panic of the first, so that a bug in a body ends its run and not the engine.
        tokio::spawn(async move {
            let end = task.await.map_or_else(not_returned, BodyEnd::Told);
            let _ = ended.send((id, end)).await;
        });
    }

    /// Tells a body to stop.
    pub fn stop(&self, run_id: i64, at_once: bool) {
        match self.working.get(&run_id) {
            Some((stop, _)) if at_once => stop.at_once(),
            Some((stop, _)) => stop.gently.cancel(),
            None => {}
        }
    }

    /// Drops a body.
    pub fn abort(&self, run_id: i64) {
        if let Some((_, task)) = self.working.get(&run_id) {
            tracing::warn!(target: "engine", run = run_id, "The run did not stop by itself and is dropped");
            task.abort();
        }
    }

    /// Forgets a body that has come to its end.
    pub fn let_go(&mut self, run_id: i64) {
        self.working.remove(&run_id);
    }

    /// Adds a line to a run's story; it is written with the next batch.
    pub fn tell(&mut self, line: JobLine) {
        let JobLine { run_id, kind, text } = line;
        tracing::debug!(target: "engine", run = run_id, kind, text, "Run");
        if self.story.len() < LINES_KEPT {
            self.story.push(RunEvent { seq: 0, run_id, at_ms: self.clock.now_ms(), kind: kind.to_owned(), text });
        }
    }

    /// Writes what waits: stories in one transaction, and what could not be recorded before.
    pub async fn flush(&mut self) {
        self.mark_lost().await;
        for run in std::mem::take(&mut self.unborn) {
            if let Born::Not(_) = self.bear(run.clone()).await {
                self.unborn.push(run);
            }
        }
        for run in std::mem::take(&mut self.unsaved).into_values() {
            self.save(run).await;
        }
        if self.story.is_empty() {
            return;
        }
        let story = std::mem::take(&mut self.story);
        if let Err(e) = self.db.append_events(story.clone()).await {
            tracing::error!(target: "engine", lines = story.len(), error = %e, "Could not record what runs told, trying again");
            self.story = story;
        }
    }

    /// Why runs are not on record, if so.
    pub fn unrecorded(&self) -> usize {
        self.unborn.len() + self.unsaved.len() + usize::from(self.left_over.is_some())
    }
}

fn not_returned(e: JoinError) -> BodyEnd {
    match e.try_into_panic() {
        Ok(panic) => BodyEnd::Panicked(message(panic.as_ref())),
        Err(_) => BodyEnd::Aborted,
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it said nothing").to_owned()
}
