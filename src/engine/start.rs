//! Starting and stopping an engine: opening the store, recovering from an unclean end, wiring sources and owner.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::boot::{Night, OpenedNight, open_night, open_record};
use super::owner::Inbox;
use super::parts::Parts;
use super::reload::ConfigSource;
use super::{JobBody, Learning, LogRing, Pulse, Request, Snapshot, Watching};
use crate::config::Settings;
use crate::ingest::pipeline::Pipeline;
use crate::market::{Clock, Strategy, Universe};
use crate::sources::hybrid::HybridTuning;
use crate::sources::ib::IbTuning;
use crate::store::master::{DATABASE, ReadPool, Role, Seat, StoreError, Writer, WriterOptions};
use crate::store::model;
use crate::store::scheduler::{Opened, SchedulerDb, SchedulerDbError};
use crate::webhook::Webhook;

/// The first pause after a recovery that failed, and the longest.
const RECOVER_AGAIN: Duration = Duration::from_secs(1);
const RECOVER_AT_LEAST: Duration = Duration::from_mins(1);

/// What an engine is made of.
pub struct EngineOptions {
    /// Settings in force.
    pub settings: Settings,
    /// Members.
    pub universe: Universe,
    /// Folder of the databases.
    pub data_dir: PathBuf,
    /// Data come from simulators.
    pub demo: bool,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where log records go.
    pub logs: Arc<LogRing>,
    /// Follow the schedule. A single command does not: its engine runs what it is told and nothing else.
    pub schedule: bool,
    /// Runs without a console of its own.
    pub daemon: bool,
    /// Where the settings came from, for an engine that outlives changes of them.
    pub config: Option<ConfigSource>,
    /// The work of jobs other than ingest.
    pub bodies: Vec<BodyMaker>,
    /// Who trains and keeps the models; an engine without it shows none.
    pub learning: Option<Arc<dyn Learning>>,
    /// Who scans and watches drift; an engine without it shows neither.
    pub watching: Option<Arc<dyn Watching>>,
}

/// Makes a job's body from what the engine holds, when it starts.
pub type BodyMaker = Box<dyn FnOnce(&Materials) -> Arc<dyn JobBody> + Send>;

/// What bodies are made of.
#[derive(Clone)]
pub struct Materials {
    /// Folder of the databases.
    pub data_dir: PathBuf,
    /// The only way to change the master database.
    pub writer: Writer,
    /// Ways to read it.
    pub reads: ReadPool,
    /// The record of runs.
    pub runs: SchedulerDb,
    /// Settings in force; a body reads them anew for each run.
    pub settings: Arc<ArcSwap<Settings>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Time limits of the sources, finer than the settings can express.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// IB's connection and pacer.
    pub ib: IbTuning,
    /// Retries and breakers.
    pub sources: HybridTuning,
}

impl From<&Settings> for Tuning {
    fn from(settings: &Settings) -> Self {
        Self { ib: IbTuning::from(&settings.ib), sources: HybridTuning::from(&settings.ingest) }
    }
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The scheduler's database cannot be opened.
    #[error(transparent)]
    Jobs(#[from] SchedulerDbError),
    /// The schedule makes no sense, or cannot be followed.
    #[error("the schedule cannot be followed: {0}")]
    Schedule(String),
    /// The data folder holds the other kind of data.
    #[error("{folder} holds {found} data and this is a {wanted} run: {advice}")]
    Mixed {
        /// The data folder.
        folder: String,
        /// `simulated` or `real`.
        found: &'static str,
        /// `demo` or `real`.
        wanted: &'static str,
        /// What to do.
        advice: &'static str,
    },
}

/// A running engine.
pub struct Engine {
    /// Newest snapshot.
    pub state: watch::Receiver<Arc<Snapshot>>,
    /// Commands and queries.
    pub requests: mpsc::Sender<Request>,
    /// Log ring.
    pub logs: Arc<LogRing>,
    /// Settings in force.
    pub settings: Arc<ArcSwap<Settings>>,
    /// The way to the outside, on the settings in force.
    pub webhook: Arc<Webhook>,
    owner: JoinHandle<()>,
    shutdown: CancellationToken,
    pipeline: Arc<Pipeline>,
    db: SchedulerDb,
}

impl Engine {
    /// Opens the stores, recovers, and starts the owner task. Sources connect when they are first needed.
    pub async fn start(options: EngineOptions) -> Result<Self, EngineError> {
        let tuning = Tuning::from(&options.settings);
        Box::pin(Self::start_tuned(options, tuning)).await
    }

    /// Starts with time limits of the caller's.
    pub async fn start_tuned(options: EngineOptions, tuning: Tuning) -> Result<Self, EngineError> {
        // The future holds a whole engine in the making, too large for the stacks of its callers.
        Box::pin(Self::open(options, tuning)).await
    }

    async fn open(mut options: EngineOptions, tuning: Tuning) -> Result<Self, EngineError> {
        let (schedule, makers) = (options.schedule, std::mem::take(&mut options.bodies));
        let reads = ReadPool::new(&options.data_dir.join(DATABASE));
        let master = WriterOptions { cache_mib: options.settings.store.cache_mib, demo: options.demo, clock: Arc::clone(&options.clock) };
        let (writer, checked) = open_master(&options.data_dir, master, &reads, options.universe.clone(), schedule).await?;
        upgrade_strategies(options.data_dir.clone(), options.demo, Arc::clone(&options.clock)).await;
        let newest = reads.with(|r| r.runs(1)).await?.first().map_or(0, |r| r.id);
        let Opened { db, moved } = open_record(&options.data_dir, &options.clock, newest).await?;
        let parts = Parts::new(options, tuning, reads, writer);
        let (pipeline, logs) = (Arc::clone(&parts.pipeline), Arc::clone(&parts.logs));
        let (in_force, webhook) = (Arc::clone(&parts.in_force), Arc::clone(&parts.webhook));
        let (events, events_rx) = mpsc::channel(1024);
        let bodies = parts.bodies(makers, &db, events);
        let Parts { settings, data_dir, clock, epoch, .. } = &parts;
        let night = Night { settings: &settings.schedule, data_dir, clock, epoch, schedule, bodies, moved };
        let opened = open_night(night, db.clone()).await?;
        let ((tell, rederived), (tell_changed, changed)) = (mpsc::channel(1), mpsc::channel(8));
        let (owner, state) = parts.owner(opened.jobs, opened.timetable, (tell, tell_changed), checked.is_some()).await?;
        let (requests, requests_rx) = mpsc::channel(64);
        let shutdown = CancellationToken::new();
        let OpenedNight { ended, lines, ticks, .. } = opened;
        let inbox = Inbox { requests: requests_rx, events: events_rx, ended, lines, ticks, rederived, changed, checked };
        let owner = tokio::spawn(owner.run(inbox, shutdown.clone()));
        Ok(Self { state, requests, logs, settings: in_force, webhook, owner, shutdown, pipeline, db })
    }

    /// Writes into the folder's lock file what this process is and where its control API listens.
    pub async fn declare(&self, role: Role, socket: Option<PathBuf>, port: Option<u16>) -> Result<(), StoreError> {
        let boot_id = self.state.borrow().epoch.clone();
        self.pipeline.writer.declare(Seat { role, boot_id, socket, port }).await
    }

    /// A way to ask whether the engine lives.
    pub fn pulse(&self) -> Pulse {
        Pulse { requests: self.requests.clone(), writer: self.pipeline.writer.clone() }
    }

    /// Stops the active run, closes sources and store. Everything acknowledged is on disk afterwards.
    pub async fn stop(self) {
        self.shutdown.cancel();
        if let Err(e) = self.owner.await {
            tracing::error!(target: "engine", error = %e, "The engine's owner ended unexpectedly");
        }
        self.pipeline.hybrid.shutdown().await;
        if let Err(e) = self.pipeline.writer.clone().close().await {
            tracing::error!(target: "engine", error = %e, "The store did not close cleanly");
        }
        if let Err(e) = self.db.close().await {
            tracing::error!(target: "engine", error = %e, "The scheduler's database did not close cleanly");
        }
    }
}

/// What comes once the file's pages have been looked through and earlier runs recovered; an error means that nothing is
/// written.
pub(super) type Checked = oneshot::Receiver<Result<(), StoreError>>;

/// Opens the master database and recovers it. With `beside` an engine that lives on does not wait for the check after an
/// unclean end; a single command has nothing to do before.
async fn open_master(
    data_dir: &Path,
    options: WriterOptions,
    reads: &ReadPool,
    universe: Universe,
    beside: bool,
) -> Result<(Writer, Option<Checked>), EngineError> {
    let (demo, path) = (options.demo, data_dir.join(DATABASE));
    let (writer, check) = if beside { Writer::open_beside(&path, options)? } else { (Writer::open(&path, options)?, None) };
    refuse_mixed(reads, data_dir, demo).await?;
    let Some(check) = check else {
        recover(&writer, universe).await?;
        return Ok((writer, None));
    };
    let (tell, checked) = oneshot::channel();
    let recovering = writer.clone();
    tokio::spawn(async move {
        let mut tell = tell;
        let end = async {
            check.await.unwrap_or(Err(StoreError::WriterGone))?;
            recover_in_time(&recovering, &universe).await
        };
        tokio::select! {
            end = end => drop(tell.send(end)),
            // An engine that has stopped meanwhile leaves it to the next one.
            () = tell.closed() => {}
        }
    });
    Ok((writer, Some(checked)))
}

/// Brings the databases of strategies that an older program wrote up to date, so that pages can read them. Where one cannot be,
/// its pages and jobs tell why.
async fn upgrade_strategies(data_dir: PathBuf, demo: bool, clock: Arc<dyn Clock>) {
    let work = tokio::task::spawn_blocking(move || {
        for strategy in Strategy::ALL {
            if let Err(e) = model::upgrade(&data_dir.join(strategy.database_file()), strategy, demo, Arc::clone(&clock)) {
                tracing::warn!(target: "engine", %strategy, error = %e, "Could not bring the strategy's database up to date");
            }
        }
    });
    if let Err(e) = work.await {
        tracing::error!(target: "engine", error = %e, "Bringing the strategies' databases up to date ended unexpectedly");
    }
}

/// Recovers a file whose pages are sound, however often it takes: a lock of another program and a full disk pass.
async fn recover_in_time(writer: &Writer, universe: &Universe) -> Result<(), StoreError> {
    let mut pause = RECOVER_AGAIN;
    loop {
        match recover(writer, universe.clone()).await {
            end @ (Ok(()) | Err(StoreError::Corrupt(_) | StoreError::WriterGone)) => return end,
            Err(e) => tracing::warn!(target: "engine", error = %e, again_in_s = pause.as_secs(), "Could not recover after an unclean end"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RECOVER_AT_LEAST);
    }
}

async fn recover(writer: &Writer, universe: Universe) -> Result<(), StoreError> {
    for run in writer.mark_lost_runs().await? {
        tracing::warn!(target: "engine", run, "An earlier run was cut off, the next one takes up where it stopped");
    }
    writer.sync_universe(universe).await
}

async fn refuse_mixed(reads: &ReadPool, data_dir: &Path, demo: bool) -> Result<(), EngineError> {
    let meta = reads.with(crate::store::master::Reader::db_metadata).await?;
    let simulated = meta.iter().any(|(key, value)| key == "demo" && value == "1");
    if simulated == demo {
        return Ok(());
    }
    let folder = data_dir.display().to_string();
    Err(if simulated {
        EngineError::Mixed { folder, found: "simulated", wanted: "real", advice: "choose another --data-dir, or start with --demo" }
    } else {
        EngineError::Mixed { folder, found: "real", wanted: "demo", advice: "leave --data-dir out, the demo has its own folder" }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::ManualClock;

    #[tokio::test(start_paused = true)]
    async fn a_recovery_that_cannot_be_written_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(DATABASE);
        let options = WriterOptions { cache_mib: 1, demo: false, clock: ManualClock::at(0) };
        let before = Writer::open(&path, options.clone()).unwrap();
        before.begin_run(None, "{}".into()).await.unwrap();
        before.close().await.unwrap();
        let writer = Writer::open(&path, options).unwrap();
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("CREATE TRIGGER refuse BEFORE UPDATE ON ingest_runs BEGIN SELECT RAISE(FAIL, 'refused'); END").unwrap();
        let trying = tokio::spawn({
            let writer = writer.clone();
            async move { recover_in_time(&writer, &Universe::default()).await }
        });
        // The first try is in the writer's queue, and has failed when the writer answers what comes after it.
        tokio::task::yield_now().await;
        writer.pulse().await.unwrap();
        other.execute_batch("DROP TRIGGER refuse").unwrap();
        trying.await.unwrap().unwrap();
        let lost: i64 = other.query_row("SELECT count(*) FROM ingest_runs WHERE state = 'lost'", [], |r| r.get(0)).unwrap();
        assert_eq!(lost, 1);
    }
}
