//! Opening the nights: the scheduler's database, what an earlier process left in it, the board and the schedule.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::dispatcher::Dispatcher;
use super::jobs::{Board, BodyEnd, KEPT};
use super::timetable::Timetable;
use super::{EngineError, JobBody, JobLine};
use crate::config::ScheduleSettings;
use crate::market::Clock;
use crate::schedule::{CronBell, Tick};
use crate::store::scheduler::{Job, JobRow, JobRun, MovedAside, Opened, RunFilter, SchedulerDb, SchedulerDbError};

/// Name of the scheduler's database in the data folder.
pub const SCHEDULER_DATABASE: &str = "scheduler.db";

/// What the nights of an engine are made of.
pub(super) struct Night<'a> {
    pub settings: &'a ScheduleSettings,
    pub data_dir: &'a Path,
    pub clock: &'a Arc<dyn Clock>,
    /// The boot id.
    pub epoch: &'a str,
    /// Whether the schedule is followed.
    pub schedule: bool,
    pub bodies: Vec<Arc<dyn JobBody>>,
    /// The record of earlier nights, if it was unusable.
    pub moved: Option<MovedAside>,
}

/// The opened nights, for the owner.
pub(super) struct OpenedNight {
    pub jobs: Dispatcher,
    pub timetable: Option<Timetable>,
    pub ended: mpsc::Receiver<(i64, BodyEnd)>,
    pub lines: mpsc::Receiver<JobLine>,
    pub ticks: mpsc::Receiver<Tick>,
}

/// Opens the database. New runs are numbered above `newest`, the newest run of the master database.
pub(super) async fn open_record(data_dir: &Path, clock: &Arc<dyn Clock>, newest: i64) -> Result<Opened, EngineError> {
    let opened = SchedulerDb::open(&data_dir.join(SCHEDULER_DATABASE), clock.now())?;
    if let Some(moved) = &opened.moved {
        tracing::error!(target: "store", %moved, "The scheduler's database was damaged");
    }
    opened.db.lift_run_ids(newest).await?;
    Ok(opened)
}

/// Recovers what an earlier process left, and starts the schedule.
pub(super) async fn open_night(night: Night<'_>, db: SchedulerDb) -> Result<OpenedNight, EngineError> {
    let Night { settings, data_dir, clock, epoch, schedule, bodies, moved } = night;
    // A full disk keeps nobody from starting: the console says so, and ticks are kept in memory.
    let lost = db.mark_lost(epoch.to_owned(), clock.now()).await.inspect_err(|e| {
        tracing::error!(target: "engine", error = %e, "Could not record the end of an earlier process's runs, trying again");
    });
    for run in lost.iter().flatten() {
        tracing::warn!(target: "engine", run = run.id, job = %run.job, "An earlier process ended in the middle of this run");
    }
    let rows = db.job_rows().await?;
    let able: Vec<Job> = bodies.iter().map(|b| b.job()).collect();
    let mut board = Board::new(settings.clone(), able.iter().copied(), epoch.to_owned());
    remember(&mut board, &db, &rows).await?;
    let (ended, ended_rx) = mpsc::channel(16);
    let (lines, lines_rx) = mpsc::channel(256);
    let mut jobs = Dispatcher::new(board, db.clone(), Arc::clone(clock), bodies, (ended, lines));
    jobs.moved = moved.map(|m| m.to_string());
    let mut take_up = false;
    let (timetable, ticks) = if schedule {
        let (bell, ticks) = CronBell::start(Arc::clone(clock), db.clone()).await.map_err(|e| EngineError::Schedule(e.to_string()))?;
        let table =
            Timetable::new(settings, able, (&rows, data_dir), bell, clock.as_ref()).map_err(|e| EngineError::Schedule(e.to_string()))?;
        // What a switched-off scheduler left undone stays so.
        take_up = table.is_on();
        (Some(table), ticks)
    } else {
        (None, mpsc::channel(1).1)
    };
    match lost {
        Ok(lost) if take_up => {
            let now = jobs.now();
            jobs.board.recover(&lost, now);
        }
        Ok(_) => {}
        Err(_) => jobs.mark_lost_later(epoch.to_owned(), take_up),
    }
    Ok(OpenedNight { jobs, timetable, ended: ended_rx, lines: lines_rx, ticks })
}

async fn remember(board: &mut Board, db: &SchedulerDb, rows: &[JobRow]) -> Result<(), SchedulerDbError> {
    for job in Job::ALL {
        let mut ended: Vec<JobRun> = db.runs(RunFilter { job: Some(job), state: None }, KEPT).await?;
        ended.retain(|r| r.state.ended());
        let row = rows.iter().find(|r| r.job == job);
        board.remember(job, ended, row.and_then(|r| r.paused.clone()), row.map_or(0, |r| r.failures_in_row));
    }
    Ok(())
}
