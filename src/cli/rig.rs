//! An engine for the length of a command, with the simulators beside it when `--demo` asks for them.

use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use super::config_watch::ConfigWatch;
use super::logging::{LogControl, Logging};
use super::{Context, Exit, Failure, attach};
use crate::config::Settings;
use crate::control::{Client, LocalClient, Server, ServerOptions};
use crate::engine::{Command, Engine, EngineOptions, Envelope, IngestSpec, JobBody, Learning, Materials, Pulse, RunView, Watching};
use crate::ingest::pipeline::Pipeline;
use crate::maintenance::Maintenance;
use crate::market::{Instrument, Symbol};
use crate::outbox::Outbox;
use crate::scan::backtest::BacktestJob;
use crate::sim::demo::Demo;
use crate::sources::hybrid::Hybrid;
use crate::store::master::{ReadPool, Role, RunState, StoreError, Writer};
use crate::store::scheduler::Job;
use crate::trainer::{TrainJob, Trainer};
use crate::watcher::{WatchJob, Watcher};

/// Log records kept in memory for consoles.
pub(super) const LOG_RECORDS: usize = 20_000;

/// How long requests of others may take to be answered at the end.
const CONNECTIONS_END_WITHIN: Duration = Duration::from_millis(500);
/// Longest wait before dropped log lines are told of and another log level takes effect.
const LOG_TENDED_EVERY: Duration = Duration::from_secs(1);

/// The jobs that this version has the work of: the engine's own ingest, and the bodies that [`Rig::start`] adds.
pub(super) const JOBS: [Job; 6] = Job::ALL;

/// The `nice` value of an engine's threads behind the console of its own process.
const BEHIND_THE_SCREEN: i32 = 5;

/// A runtime for an engine. Its end waits for nobody, whatever a blocking thread still computes: the engine has told
/// that to stop and recorded its end, and what it leaves is as safe as after a kill.
pub(super) struct Workers {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Workers {
    fn of(mut builder: Builder) -> Result<Self, Failure> {
        let runtime = builder.build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Runs a future to its end.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A runtime for an engine: two workers suffice, the heavy work has threads of its own.
pub(super) fn runtime() -> Result<Workers, Failure> {
    Workers::of(workers())
}

/// The same for an engine whose process draws a console too: on a machine whose cores are all busy, a key goes before the
/// work. Threads that the workers start inherit this.
pub(super) fn runtime_behind_a_screen() -> Result<Workers, Failure> {
    let mut builder = workers();
    builder.on_thread_start(stand_back);
    Workers::of(builder)
}

/// Has `work` done by the engine that runs on the data folder, or by one that lives as long as the work.
pub(super) fn with_engine(context: &Context, work: impl AsyncFnOnce(&Client) -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        if let Some(client) = attach::attach(context).await? {
            return work(&client).await;
        }
        context.sound()?;
        let logging = context.start_logging()?;
        let rig = Rig::start(context, Role::Command, &logging).await?;
        let outcome = work(&rig.client()).await;
        rig.stop().await;
        outcome
    })
}

fn workers() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).thread_name("nightdesk-engine").enable_all();
    builder
}

/// Lowers the priority of the calling thread. Only Linux keeps one for each thread; elsewhere it would be the console's too.
pub(super) fn stand_back() {
    if cfg!(target_os = "linux") {
        // Only a comfort: on a machine that refuses, all threads run as equals.
        if let Err(cause) = rustix::process::setpriority_process(None, BEHIND_THE_SCREEN) {
            tracing::debug!(target: "engine", %cause, "Threads keep their priority");
        }
    }
}

/// An engine, and what it stands on.
pub(super) struct Rig {
    engine: Engine,
    demo: Option<Demo>,
    server: Option<Server>,
    outbox: Option<Outbox>,
    watch: Option<ConfigWatch>,
    tending: JoinHandle<()>,
}

impl Rig {
    /// Starts the simulators if needed, then the engine on the context's data folder.
    pub async fn start(context: &Context, role: Role, logging: &Logging) -> Result<Self, Failure> {
        let mut settings = context.settings.clone();
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&context.data_dir)?;
        let demo = if context.demo {
            let demo = Demo::start(&context.universe, context.replay.clone(), &context.data_dir, Arc::clone(&context.clock))
                .await
                .map_err(|e| Failure::new(format!("the simulators did not start: {e}")))?;
            demo.point(&mut settings);
            Some(demo)
        } else {
            None
        };
        let place = context.workplace();
        let rules = Arc::clone(&place.rules);
        let trainer = Trainer::new(place.clone());
        let learning = Arc::clone(&trainer) as Arc<dyn Learning>;
        let teaching = Arc::clone(&learning);
        let watcher = Watcher::new(place.clone());
        let (watching, scans) = (Arc::clone(&watcher) as Arc<dyn Watching>, Arc::clone(&watcher));
        let backtest = BacktestJob::new(place);
        let options = EngineOptions {
            settings,
            universe: context.universe.clone(),
            data_dir: context.data_dir.clone(),
            demo: context.demo,
            clock: Arc::clone(&context.clock),
            logs: Arc::clone(&logging.ring),
            // A single command does what it was told; consoles and daemons follow the schedule.
            schedule: role != Role::Command,
            daemon: role == Role::Daemon,
            config: (role != Role::Command).then(|| context.config_source(rules)),
            bodies: vec![
                Box::new(maintenance),
                Box::new(|_| training(trainer)),
                Box::new(move |_| scanning(scans, teaching.as_ref())),
                Box::new(|_| looking(watcher)),
                Box::new(|_| Arc::new(backtest)),
            ],
            learning: Some(learning),
            watching: Some(watching),
        };
        let engine = Box::pin(Engine::start(options)).await.map_err(|e| Failure::new(format!("the engine did not start: {e}")))?;
        let tending = tokio::spawn(tend(logging.control(), Arc::clone(&engine.settings)));
        let mut rig = Self { engine, demo, server: None, outbox: None, watch: None, tending };
        if role != Role::Command
            && let Err(e) = rig.open_doors(context).await
        {
            rig.stop().await;
            return Err(e);
        }
        let (socket, port) = rig.server.as_ref().map_or((None, None), |s| (Some(s.socket().to_owned()), s.port()));
        rig.engine.declare(role, socket, port).await?;
        Ok(rig)
    }

    /// Opens the ways to and from the outside: the control API, alerts, and the watch on the configuration.
    async fn open_doors(&mut self, context: &Context) -> Result<(), Failure> {
        let options = ServerOptions {
            engine: self.local(),
            pulse: self.engine.pulse(),
            clock: Arc::clone(&context.clock),
            data_dir: context.data_dir.clone(),
            port: Some(context.settings.control.port).filter(|p| *p != 0),
            ring: context.settings.control.ring as usize,
        };
        let started = Server::start(options).await;
        let server = started.map_err(|e| Failure::new(format!("the control API did not start: {e}")))?;
        self.outbox = Some(Outbox::start(self.engine.state.clone(), Arc::clone(&self.engine.webhook)));
        self.watch = ConfigWatch::start(&context.config_dir, self.client());
        self.server = Some(server);
        Ok(())
    }

    fn local(&self) -> LocalClient {
        let (state, requests) = (self.engine.state.clone(), self.engine.requests.clone());
        LocalClient { state, requests, logs: Arc::clone(&self.engine.logs) }
    }

    /// A client of the engine.
    pub fn client(&self) -> Client {
        Client::Local(self.local())
    }

    /// A demo begins to fetch by itself as long as no run has gone through, as after a kill in the first; later ones wait
    /// to be asked.
    pub async fn first_fill(&self) {
        let client = self.client();
        let through = |r: &RunView| matches!(r.state, RunState::Succeeded | RunState::Partial);
        if self.demo.is_none() || client.state().borrow().runs.iter().any(through) {
            return;
        }
        let command = Command::Ingest { spec: IngestSpec::default() };
        if let Err(e) = client.send(Envelope { id: "demo-first-fill".to_owned(), actor: "demo".to_owned(), command }).await {
            tracing::warn!(target: "cli", error = %e, "The demo's first fill did not start");
        }
    }

    /// A way to ask whether the engine lives.
    pub fn pulse(&self) -> Pulse {
        self.engine.pulse()
    }

    /// Waits until the engine or its database writer has stopped by itself, which only a bug can make them do.
    pub async fn gone(&self) {
        self.engine.pulse().gone().await;
    }

    /// Ends the connections of others, then the engine, then the simulators.
    pub async fn stop(self) {
        drop(self.watch);
        if let Some(server) = self.server {
            server.stop(CONNECTIONS_END_WITHIN).await;
        }
        self.tending.abort();
        self.engine.stop().await;
        if let Some(outbox) = self.outbox {
            outbox.stop().await;
        }
        if let Some(demo) = self.demo {
            demo.stop().await;
        }
    }
}

/// The maintenance job over what the engine holds.
fn maintenance(m: &Materials) -> Arc<dyn JobBody> {
    Arc::new(Maintenance {
        data_dir: m.data_dir.clone(),
        writer: m.writer.clone(),
        runs: m.runs.clone(),
        settings: Arc::clone(&m.settings),
        clock: Arc::clone(&m.clock),
    })
}

/// The train job. The engine holds the data folder by now, so no other process trains.
fn training(trainer: Arc<Trainer>) -> Arc<dyn JobBody> {
    trainer.begin();
    Arc::new(TrainJob(trainer))
}

/// The scan job. `learning` tells which models serve.
fn scanning(watcher: Arc<Watcher>, learning: &dyn Learning) -> Arc<dyn JobBody> {
    watcher.begin(learning.standings());
    Arc::new(WatchJob::scan(watcher))
}

/// The look at drift.
fn looking(watcher: Arc<Watcher>) -> Arc<dyn JobBody> {
    Arc::new(WatchJob::drift(watcher))
}

/// Tells of dropped log lines, and keeps the level that is in force, for as long as the engine runs.
async fn tend(log: LogControl, settings: Arc<ArcSwap<Settings>>) {
    let mut level = settings.load().log.level.clone();
    let mut tick = tokio::time::interval(LOG_TENDED_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        log.report_drops();
        let wanted = &settings.load().log.level;
        if *wanted != level {
            log.set_level(wanted);
            level.clone_from(wanted);
        }
    }
}

/// Brings a symbol's derived timeframes in line with its fetched ones, without asking any source: after an import, and
/// after a finding that hid bars was settled.
pub(super) async fn rederive(context: &Context, writer: &Writer, symbol: Symbol) -> Result<(), StoreError> {
    let asset = context.asset(symbol);
    let outside = || Instrument { symbol, asset, sector: String::new(), name: symbol.to_string() };
    let clock = Arc::clone(&context.clock);
    let hybrid = Hybrid::start(None, None, &context.settings.ingest, Arc::clone(&clock));
    let pipeline = Arc::new(Pipeline {
        writer: writer.clone(),
        reads: ReadPool::new(&context.database()),
        hybrid: Arc::clone(&hybrid),
        settings: Arc::new(context.settings.clone()),
        universe: Arc::new(context.universe.clone()),
        clock,
    });
    let derived = pipeline.rederive(context.universe.get(symbol).cloned().unwrap_or_else(outside)).await;
    hybrid.shutdown().await;
    derived
}
