//! The crate's store of jobs, as ours: a table of the next ticks, kept in `scheduler.db` as well.

use std::collections::HashMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_cron_scheduler::job::job_data::{JobAndNextTick, JobStoredData, JobType};
use tokio_cron_scheduler::store::{DataStore, InitStore};
use tokio_cron_scheduler::{JobSchedulerError, MetaDataStorage};
use uuid::Uuid;

use super::{Alarm, id};
use crate::market::Clock;
use crate::store::scheduler::{Job, SchedulerDb};

type Pending<T> = Pin<Box<dyn Future<Output = Result<T, JobSchedulerError>> + Send>>;

/// The crate compares ticks with the machine's clock, which may show another time than the engine's. One second after
/// the epoch is past on both.
const PAST: u64 = 1;

/// Who rings next, and when, by the engine's clock.
pub(super) struct Table {
    clock: Arc<dyn Clock>,
    alarms: Mutex<Vec<Alarm>>,
}

impl Table {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, alarms: Mutex::default() }
    }

    pub fn arm(&self, alarms: Vec<Alarm>) {
        *self.lock() = alarms;
    }

    /// Takes the tick of a job that has come, and moves on to the first one that lies ahead. Until this is called the
    /// job stays due, so an activation that the crate loses is made again half a second later.
    pub fn ring(&self, job: Job) -> Option<i64> {
        let now = self.clock.now();
        let mut alarms = self.lock();
        let alarm = alarms.iter_mut().find(|a| a.rule.job() == job)?;
        let at = alarm.next.filter(|&at| at <= now)?;
        alarm.next = alarm.rule.next_tick(now);
        Some(at)
    }

    fn due(&self) -> Vec<Job> {
        let now = self.clock.now();
        self.lock().iter().filter(|a| a.next.is_some_and(|at| at <= now)).map(|a| a.rule.job()).collect()
    }

    /// The next tick of a job, in its own zone, after now.
    fn recomputed(&self, job: Job) -> Option<i64> {
        let now = self.clock.now();
        self.lock().iter().find(|a| a.rule.job() == job)?.rule.next_tick(now)
    }

    fn until_next(&self) -> Option<Duration> {
        let now = self.clock.now();
        let next = self.lock().iter().filter_map(|a| a.next).min()?;
        Some(Duration::from_secs(u64::try_from(next - now).unwrap_or(0)))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Alarm>> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the crate calls.
pub(super) struct TickStore {
    table: Arc<Table>,
    db: SchedulerDb,
    jobs: HashMap<Uuid, JobStoredData>,
}

impl TickStore {
    pub fn new(table: Arc<Table>, db: SchedulerDb) -> Self {
        Self { table, db, jobs: HashMap::new() }
    }
}

impl MetaDataStorage for TickStore {
    fn list_next_ticks(&mut self) -> Pending<Vec<JobAndNextTick>> {
        let entry = |job| JobAndNextTick { id: Some(id(job).into()), job_type: JobType::Cron as i32, next_tick: PAST, last_tick: None };
        Box::pin(ready(Ok(self.table.due().into_iter().map(entry).collect())))
    }

    /// Ignores the times handed in: they come of a fixed offset.
    fn set_next_and_last_tick(&mut self, guid: Uuid, _: Option<DateTime<Utc>>, _: Option<DateTime<Utc>>) -> Pending<()> {
        let (table, db) = (Arc::clone(&self.table), self.db.clone());
        Box::pin(async move {
            let job = Job::ALL.into_iter().find(|&job| id(job) == guid).ok_or(JobSchedulerError::UpdateJobData)?;
            if let Err(e) = db.set_next_tick(job, table.recomputed(job)).await {
                tracing::warn!(target: "schedule", job = job.name(), error = %e, "The next tick could not be stored");
            }
            Ok(())
        })
    }

    fn time_till_next_job(&mut self) -> Pending<Option<Duration>> {
        Box::pin(ready(Ok(self.table.until_next())))
    }
}

impl DataStore<JobStoredData> for TickStore {
    fn get(&mut self, id: Uuid) -> Pending<Option<JobStoredData>> {
        Box::pin(ready(Ok(self.jobs.get(&id).cloned())))
    }

    fn add_or_update(&mut self, data: JobStoredData) -> Pending<()> {
        let key = data.id.ok_or(JobSchedulerError::CantAdd).map(Uuid::from);
        Box::pin(ready(key.map(|key| drop(self.jobs.insert(key, data)))))
    }

    fn delete(&mut self, guid: Uuid) -> Pending<()> {
        self.jobs.remove(&guid);
        Box::pin(ready(Ok(())))
    }
}

impl InitStore for TickStore {
    fn init(&mut self) -> Pending<()> {
        Box::pin(ready(Ok(())))
    }

    fn inited(&mut self) -> Pending<bool> {
        Box::pin(ready(Ok(true)))
    }
}
