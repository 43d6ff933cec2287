//! What rings when a tick comes: `tokio-cron-scheduler`, reduced to its half-second beat.
//!
//! The crate keeps a fixed UTC offset a job and so drifts at a change of the clocks, loses ticks while down, and cannot
//! be started again after a stop. Therefore its store is ours ([`store`]): it alone decides who is due, by the engine's
//! clock and croner 4 in the job's own zone. All jobs are registered once; arming only changes our table, and the
//! crate's `start` and `shutdown` are called once each, at the two ends of the engine's life.

mod store;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_cron_scheduler::{JobBuilder, JobScheduler, JobSchedulerError, SimpleJobCode, SimpleNotificationCode, SimpleNotificationStore};
use uuid::Uuid;

use super::Rule;
use crate::market::Clock;
use crate::store::scheduler::{Job, SchedulerDb, SchedulerDbError};
use store::{Table, TickStore};

/// Ticks that may wait for the dispatcher; a tick of each job, several times over.
const QUEUE: usize = 64;
/// Room in the crate's own channels; its activations are dropped when one overflows.
const CRATE_QUEUE: usize = 200;
/// The crate wants an expression of six fields. It never counts: our store says when.
const UNUSED_CRON: &str = "0 0 0 1 1 *";

/// A job's time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Whose.
    pub job: Job,
    /// The tick, UTC seconds; the oldest one when several have come.
    pub at: i64,
}

/// What to ring for.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// The job's schedule.
    pub rule: Rule,
    /// Its first tick; one in the past rings at once.
    pub next: Option<i64>,
}

/// Why there is no bell.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BellError {
    /// The crate refused.
    #[error("the scheduler's ticker could not be started: {0}; no job starts by itself, restart nightdesk")]
    Crate(JobSchedulerError),
}

/// Something that rings. It may ring twice or late: who hears it asks the planner what is due.
#[async_trait]
pub trait TickSource: Send + Sync {
    /// Rings for these from now on, and for nothing else, also when an error says that the times could not be stored.
    async fn arm(&self, alarms: Vec<Alarm>) -> Result<(), SchedulerDbError>;

    /// Falls silent for good.
    async fn close(&self);
}

/// The bell of the engine.
pub struct CronBell {
    table: Arc<Table>,
    db: SchedulerDb,
    scheduler: JobScheduler,
}

impl CronBell {
    /// Starts the beat; nothing rings before [`TickSource::arm`]. Ticks come through the receiver.
    pub async fn start(clock: Arc<dyn Clock>, db: SchedulerDb) -> Result<(Self, mpsc::Receiver<Tick>), BellError> {
        let table = Arc::new(Table::new(clock));
        let (ticks, heard) = mpsc::channel(QUEUE);
        let scheduler = start(&table, &db, &ticks).await.map_err(BellError::Crate)?;
        Ok((Self { table, db, scheduler }, heard))
    }
}

async fn start(table: &Arc<Table>, db: &SchedulerDb, ticks: &mpsc::Sender<Tick>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new_with_storage_and_code(
        Box::new(TickStore::new(Arc::clone(table), db.clone())),
        Box::new(SimpleNotificationStore::default()),
        Box::new(SimpleJobCode::default()),
        Box::new(SimpleNotificationCode::default()),
        CRATE_QUEUE,
    )
    .await?;
    for job in Job::ALL {
        let (table, ticks) = (Arc::clone(table), ticks.clone());
        let ring = JobBuilder::new()
            .with_job_id(id(job).into())
            .with_cron_job_type()
            .with_schedule(UNUSED_CRON)?
            .with_run_async(Box::new(move |_, _| {
                let (rung, ticks) = (table.ring(job), ticks.clone());
                Box::pin(async move {
                    if let Some(at) = rung {
                        // Without a listener the engine is going down.
                        let _ = ticks.send(Tick { job, at }).await;
                    }
                })
            }))
            .build()?;
        scheduler.add(ring).await?;
    }
    scheduler.start().await?;
    Ok(scheduler)
}

/// The crate's key of a job: the same in every process.
fn id(job: Job) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("nightdesk/job/{job}").as_bytes())
}

#[async_trait]
impl TickSource for CronBell {
    async fn arm(&self, alarms: Vec<Alarm>) -> Result<(), SchedulerDbError> {
        let next: Vec<_> = Job::ALL.map(|job| (job, alarms.iter().find(|a| a.rule.job() == job).and_then(|a| a.next))).into();
        self.table.arm(alarms);
        for (job, next) in next {
            self.db.set_next_tick(job, next).await?;
        }
        Ok(())
    }

    async fn close(&self) {
        self.table.arm(Vec::new());
        if let Err(e) = self.scheduler.clone().shutdown().await {
            tracing::warn!(target: "schedule", error = %e, "The ticker did not stop cleanly");
        }
    }
}

#[cfg(test)]
mod tests;
