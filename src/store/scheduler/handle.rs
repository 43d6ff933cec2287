//! The handles: [`SchedulerDb`] of the engine, [`SchedulerReader`] of a command line without an engine.

use std::path::Path;

use chrono::NaiveDate;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    ConfigChange, Job, JobRow, JobRun, MovedAside, Pause, RunEvent, RunFilter, SchedulerDbError, aside, jobs, open, runs,
    thread::{self, Message},
};

type Answer<T> = Result<T, SchedulerDbError>;

/// Calls that may wait before callers are made to wait too.
const QUEUE: usize = 256;

/// The handle. Clones share one thread; it ends with [`SchedulerDb::close`] or the last handle. What a call changed is
/// durable when it returns; each call is all or nothing.
#[derive(Clone, Debug)]
pub struct SchedulerDb {
    queue: mpsc::Sender<Message>,
}

/// An opened database.
#[derive(Debug)]
pub struct Opened {
    /// The handle.
    pub db: SchedulerDb,
    /// Set when the file found was damaged and a new one was started.
    pub moved: Option<MovedAside>,
}

impl SchedulerDb {
    /// Opens or creates the database; `now` is UTC seconds. A damaged file is moved aside and a new one started; a
    /// newer one is refused. The caller holds the lock of the data folder. Blocks.
    pub fn open(path: &Path, now: i64) -> Answer<Opened> {
        Self::open_limited(path, now, None)
    }

    pub(super) fn open_limited(path: &Path, now: i64, max_pages: Option<u32>) -> Answer<Opened> {
        let (conn, moved) = match open::read_write(path, max_pages) {
            Ok(conn) => (conn, None),
            Err(SchedulerDbError::Corrupt(reason)) => {
                let moved = aside::set_aside(path, &["-wal", "-shm"], reason, now)?;
                (open::read_write(path, max_pages)?, Some(moved))
            }
            Err(e) => return Err(e),
        };
        let (queue, calls) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("nightdesk-scheduler-db".to_owned())
            .spawn(move || thread::run(conn, calls))
            .map_err(SchedulerDbError::io("cannot start the thread for", path))?;
        Ok(Opened { db: Self { queue }, moved })
    }

    async fn call<T: Send + 'static>(&self, call: impl FnOnce(&Connection) -> Answer<T> + Send + 'static) -> Answer<T> {
        let (answer, done) = oneshot::channel();
        self.queue.send(thread::work(call, answer)).await.map_err(|_| SchedulerDbError::Gone)?;
        done.await.unwrap_or(Err(SchedulerDbError::Gone))
    }

    /// Finishes what is queued and closes the file. Other handles then get [`SchedulerDbError::Gone`].
    pub async fn close(self) -> Answer<()> {
        let (answer, done) = oneshot::channel();
        self.queue.send(Message::Close(answer)).await.map_err(|_| SchedulerDbError::Gone)?;
        done.await.unwrap_or(Err(SchedulerDbError::Gone))
    }

    /// Stores a new run and gives it with its number; the `id` handed in does not count. `None` when a run for the
    /// same job, tick and attempt exists, which makes a tick that fires twice harmless.
    pub async fn insert_run(&self, run: JobRun) -> Answer<Option<JobRun>> {
        self.call(move |c| runs::insert(c, run)).await
    }

    /// Stores the present state of a run. Job, trigger, actor, tick, attempt and `queued_at` never change.
    pub async fn update_run(&self, run: JobRun) -> Answer<()> {
        self.call(move |c| runs::update(c, &run)).await
    }

    /// Makes the next run's number larger than `above`.
    pub async fn lift_run_ids(&self, above: i64) -> Answer<()> {
        self.call(move |c| runs::lift_ids(c, above)).await
    }

    /// Adds lines to the stories of runs; their `seq` is given by the database.
    pub async fn append_events(&self, events: Vec<RunEvent>) -> Answer<()> {
        self.call(move |c| runs::append_events(c, &events)).await
    }

    /// The newest runs first, at most `limit`.
    pub async fn runs(&self, filter: RunFilter, limit: usize) -> Answer<Vec<JobRun>> {
        self.call(move |c| runs::list(c, filter, limit)).await
    }

    /// One run.
    pub async fn run(&self, id: i64) -> Answer<Option<JobRun>> {
        self.call(move |c| runs::one(c, id)).await
    }

    /// The newest `limit` lines of a run's story, oldest first.
    pub async fn run_events(&self, id: i64, limit: usize) -> Answer<Vec<RunEvent>> {
        self.call(move |c| runs::events(c, id, limit)).await
    }

    /// All attempts at the tick of a job, oldest first.
    pub async fn attempts(&self, job: Job, scheduled_for: i64) -> Answer<Vec<JobRun>> {
        self.call(move |c| runs::attempts(c, job, scheduled_for)).await
    }

    /// Ends the queued and running runs of other processes as lost at `now`, and gives them, oldest first; one that
    /// had not begun has no `started_at`.
    pub async fn mark_lost(&self, boot_id: String, now: i64) -> Answer<Vec<JobRun>> {
        self.call(move |c| runs::mark_lost(c, &boot_id, now)).await
    }

    /// The newest run of a job that ended; skipped ticks do not count.
    pub async fn last_ended(&self, job: Job) -> Answer<Option<JobRun>> {
        self.call(move |c| runs::last_ended(c, job)).await
    }

    /// The newest run of a job that succeeded for a session.
    pub async fn last_succeeded_for(&self, job: Job, session: NaiveDate) -> Answer<Option<JobRun>> {
        self.call(move |c| runs::last_succeeded_for(c, job, session)).await
    }

    /// How long the last `n` runs of a job worked, seconds, oldest first.
    pub async fn durations(&self, job: Job, n: usize) -> Answer<Vec<u32>> {
        self.call(move |c| runs::durations(c, job, n)).await
    }

    /// Forgets runs that ended before `before` (UTC seconds) with their stories, and says how many. Each job's last
    /// ended run stays.
    pub async fn prune(&self, before: i64) -> Answer<u64> {
        self.call(move |c| runs::prune(c, before)).await
    }

    /// The rows of all jobs that have one.
    pub async fn job_rows(&self) -> Answer<Vec<JobRow>> {
        self.call(jobs::rows).await
    }

    /// Stores a job's whole row.
    pub async fn set_job_row(&self, row: JobRow) -> Answer<()> {
        self.call(move |c| jobs::set_row(c, &row)).await
    }

    /// Stores the tick that comes next; the bell does this.
    pub async fn set_next_tick(&self, job: Job, next: Option<i64>) -> Answer<()> {
        self.call(move |c| jobs::set_next_tick(c, job, next)).await
    }

    /// Stores which tick was dealt with last, and the schedule it belongs to. Store the runs that came of it first:
    /// a process that dies in between deals with the tick again, which is harmless.
    pub async fn set_last_tick(&self, job: Job, spec_hash: String, last: Option<i64>) -> Answer<()> {
        self.call(move |c| jobs::set_last_tick(c, job, &spec_hash, last)).await
    }

    /// Stores or ends a job's pause.
    pub async fn set_pause(&self, job: Job, pause: Option<Pause>) -> Answer<()> {
        self.call(move |c| jobs::set_pause(c, job, pause.as_ref())).await
    }

    /// Stores how many ticks of a job in a row failed.
    pub async fn set_failures(&self, job: Job, in_row: u32) -> Answer<()> {
        self.call(move |c| jobs::set_failures(c, job, in_row)).await
    }

    /// Logs changed configuration keys, all or none.
    pub async fn append_config_changes(&self, changes: Vec<ConfigChange>) -> Answer<()> {
        self.call(move |c| jobs::append_changes(c, &changes)).await
    }

    /// The newest configuration changes first.
    pub async fn config_changes(&self, limit: usize) -> Answer<Vec<ConfigChange>> {
        self.call(move |c| jobs::changes(c, limit)).await
    }
}

/// Reads `scheduler.db` while no engine runs, or beside one. It cannot write. Every call blocks.
#[derive(Debug)]
pub struct SchedulerReader {
    conn: Connection,
}

impl SchedulerReader {
    /// Opens an existing database.
    pub fn open(path: &Path) -> Answer<Self> {
        Ok(Self { conn: open::read_only(path)? })
    }

    /// The newest runs first, at most `limit`.
    pub fn runs(&self, filter: RunFilter, limit: usize) -> Answer<Vec<JobRun>> {
        runs::list(&self.conn, filter, limit)
    }

    /// One run.
    pub fn run(&self, id: i64) -> Answer<Option<JobRun>> {
        runs::one(&self.conn, id)
    }

    /// The newest `limit` lines of a run's story, oldest first.
    pub fn run_events(&self, id: i64, limit: usize) -> Answer<Vec<RunEvent>> {
        runs::events(&self.conn, id, limit)
    }

    /// All attempts at the tick of a job, oldest first.
    pub fn attempts(&self, job: Job, scheduled_for: i64) -> Answer<Vec<JobRun>> {
        runs::attempts(&self.conn, job, scheduled_for)
    }

    /// The newest run of a job that ended; skipped ticks do not count.
    pub fn last_ended(&self, job: Job) -> Answer<Option<JobRun>> {
        runs::last_ended(&self.conn, job)
    }

    /// The rows of all jobs that have one.
    pub fn job_rows(&self) -> Answer<Vec<JobRow>> {
        jobs::rows(&self.conn)
    }

    /// The newest configuration changes first.
    pub fn config_changes(&self, limit: usize) -> Answer<Vec<ConfigChange>> {
        jobs::changes(&self.conn, limit)
    }
}
