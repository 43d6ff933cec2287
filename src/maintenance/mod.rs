//! The maintenance job: verifies the databases, empties the write-ahead log, backs up, tries the backup, and tidies.
//!
//! The engine runs [`Maintenance`] as the body of [`Job::Maintenance`], at night and for `nightdesk maintenance`. Work is
//! done on blocking threads, step by step, and ends within a second of
//! being told to; a killed run leaves only files with temporary names, which the next run removes. Found damage ends
//! in failure: then nothing is written, and no backup is touched.

mod backups;
mod course;
mod fault;
mod files;
mod logs;
mod rotation;
mod step;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

pub use course::{Outcome, StepReport, Summary};
pub use fault::Fault;
pub use rotation::surplus;
pub use step::Step;

use crate::config::{MaintenanceSettings, Settings};
use crate::job::{JobBody, JobEnd, JobReport, JobStop};
use crate::market::{Clock, DAY};
use crate::store::master::{DATABASE, Writer};
use crate::store::scheduler::{Job, JobRun, SchedulerDb};
use backups::Backups;
use course::Course;

/// What the job works on and with.
pub struct Maintenance {
    /// Folder of the databases, the logs and, unless configured otherwise, the backups.
    pub data_dir: PathBuf,
    /// The one checkpointer.
    pub writer: Writer,
    /// Where old runs are forgotten.
    pub runs: SchedulerDb,
    /// Settings in force; each run reads them anew.
    pub settings: Arc<ArcSwap<Settings>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl JobBody for Maintenance {
    fn job(&self) -> Job {
        Job::Maintenance
    }

    async fn run(&self, _: JobRun, report: JobReport, stop: JobStop) -> JobEnd {
        self.work(&report, &stop).await
    }
}

impl Maintenance {
    /// Does all steps, each told to `report` as it begins. The end's summary is a [`Summary`].
    pub async fn work(&self, report: &JobReport, stop: &JobStop) -> JobEnd {
        let settings = self.settings.load_full();
        let place = Arc::new(Place::new(&self.data_dir, &settings, Arc::clone(&self.clock)));
        // When this future is dropped, the step on its blocking thread is told to end too.
        let token = stop.gently.child_token();
        let _dropped = token.clone().drop_guard();
        let mut course = Course::default();
        for step in Step::ALL {
            if stop.now.is_cancelled() {
                token.cancel();
            }
            if let Some(why) = course.leaves_out(step) {
                report.note(format!("Left out: {step}, because {why}")).await;
                course.left_out(step, why);
                continue;
            }
            report.phase(step.phase()).await;
            let began = self.clock.mono();
            let ended = if token.is_cancelled() { Err(Fault::Stopped) } else { self.step(step, &place, &settings, &token).await };
            let ended = ended.map_err(|e| e.within(place.backups.dir()));
            let seconds = self.clock.mono().saturating_sub(began).as_secs_f64();
            match &ended {
                Ok(did) => report.note(did.text.clone()).await,
                Err(fault) => {
                    tracing::warn!(target: "store", %step, error = %fault, "A step of the maintenance failed");
                    report.note(format!("Failed: {step}: {fault}")).await;
                }
            }
            if !course.ended(step, seconds, ended) {
                break;
            }
        }
        course.end()
    }

    async fn step(&self, step: Step, place: &Arc<Place>, settings: &Settings, stop: &CancellationToken) -> Result<Did, Fault> {
        match step {
            Step::Checkpoint => {
                let before = place.wal();
                self.writer.checkpoint().await?;
                Ok(Did::new(format!("{} KiB of log moved, {} KiB left", before >> 10, place.wal() >> 10)).bytes(before))
            }
            Step::Runs => {
                let before = self.clock.now() - i64::from(settings.schedule.keep_runs_days) * DAY;
                let gone = self.runs.prune(before).await.map_err(|e| Fault::Limit(e.to_string()))?;
                Ok(Did::new(format!("{gone} runs forgotten")).rows(gone))
            }
            step => {
                let (place, stop) = (Arc::clone(place), stop.clone());
                let work = tokio::task::spawn_blocking(move || step.work(&place, &stop));
                work.await.unwrap_or_else(|e| Err(Fault::Broken(e.to_string())))
            }
        }
    }
}

/// When the newest whole backup of a data folder was made, UTC seconds, and the folder that it is; `None` when there is none.
pub fn newest_backup(data_dir: &Path, settings: &MaintenanceSettings) -> Option<(i64, PathBuf)> {
    Backups::new(data_dir, backup_dir(data_dir, settings)).newest()
}

/// The folder of the backups; a relative one lies in the data folder.
fn backup_dir(data_dir: &Path, settings: &MaintenanceSettings) -> PathBuf {
    data_dir.join(if settings.backup_dir.is_empty() { "backups" } else { &settings.backup_dir })
}

/// Where the blocking steps work, and by which settings.
struct Place {
    data_dir: PathBuf,
    backups: Backups,
    settings: MaintenanceSettings,
    /// Bytes that must stay free.
    floor: u64,
    clock: Arc<dyn Clock>,
}

impl Place {
    fn new(data_dir: &Path, settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            backups: Backups::new(data_dir, backup_dir(data_dir, &settings.maintenance)),
            settings: settings.maintenance.clone(),
            floor: settings.store.disk_floor_mib.saturating_mul(1 << 20),
            clock,
        }
    }

    fn master(&self) -> PathBuf {
        self.data_dir.join(DATABASE)
    }

    fn logs(&self) -> PathBuf {
        self.data_dir.join("logs")
    }

    /// Bytes of the master's write-ahead log.
    fn wal(&self) -> u64 {
        files::size(&self.data_dir.join("market_data.db-wal"))
    }
}

/// What a step did.
#[derive(Clone, Debug, Default)]
struct Did {
    text: String,
    bytes: Option<u64>,
    rows: Option<u64>,
}

impl Did {
    const fn new(text: String) -> Self {
        Self { text, bytes: None, rows: None }
    }

    fn bytes(self, bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    fn rows(self, rows: u64) -> Self {
        Self { rows: Some(rows), ..self }
    }
}
