//! What an engine is put together from, and the owner and the bodies made of it; [`super::start`] does it once a start.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};

use super::acks::Acks;
use super::contracts::StoredContracts;
use super::dispatcher::Dispatcher;
use super::freshness::Expectation;
use super::host::Host;
use super::ingest_body::IngestBody;
use super::learning::{Changed, Learned, Learning};
use super::owner::Owner;
use super::pages::Pages;
use super::pulse::watch_writer;
use super::reload::{Config, ConfigSource};
use super::settling::{Rederived, Settling};
use super::shortages::Shortages;
use super::start::{BodyMaker, EngineOptions, Materials, Tuning};
use super::timetable::Timetable;
use super::watching::{Watched, Watching};
use super::{JobBody, LogRing, Market, ProcessView, Snapshot};
use crate::config::Settings;
use crate::ingest::Event;
use crate::ingest::pipeline::Pipeline;
use crate::market::{Clock, Universe};
use crate::sources::Source;
use crate::sources::hybrid::Hybrid;
use crate::sources::ib::IbSource;
use crate::sources::yahoo::YahooSource;
use crate::store::master::{DATABASE, ReadPool, StoreError, Writer};
use crate::store::scheduler::SchedulerDb;
use crate::webhook::Webhook;

/// What owner and bodies share.
pub(super) struct Parts {
    pub data_dir: PathBuf,
    pub demo: bool,
    pub daemon: bool,
    pub clock: Arc<dyn Clock>,
    pub logs: Arc<LogRing>,
    /// The boot id.
    pub epoch: String,
    pub settings: Arc<Settings>,
    universe: Arc<Universe>,
    config: Option<ConfigSource>,
    learning: Option<Arc<dyn Learning>>,
    watching: Option<Arc<dyn Watching>>,
    pub pipeline: Arc<Pipeline>,
    /// The pipeline, for the next ingest.
    current: Arc<ArcSwap<Pipeline>>,
    pub in_force: Arc<ArcSwap<Settings>>,
    pub webhook: Arc<Webhook>,
}

impl Parts {
    /// Wires sources and pipeline over the opened master database.
    pub fn new(options: EngineOptions, tuning: Tuning, reads: ReadPool, writer: Writer) -> Self {
        let EngineOptions { settings, universe, data_dir, demo, clock, logs, daemon, config, learning, watching, .. } = options;
        let (settings, universe) = (Arc::new(settings), Arc::new(universe));
        let hybrid = sources(&settings, tuning, &reads, &writer, &clock);
        let (s, u, c) = (Arc::clone(&settings), Arc::clone(&universe), Arc::clone(&clock));
        let pipeline = Arc::new(Pipeline { writer, reads, hybrid, settings: s, universe: u, clock: c });
        let in_force = Arc::new(ArcSwap::new(Arc::clone(&settings)));
        Self {
            epoch: format!("{:x}-{:x}", clock.now_ms(), std::process::id()),
            webhook: Arc::new(Webhook::new(&data_dir, demo, Arc::clone(&in_force), Arc::clone(&clock))),
            current: Arc::new(ArcSwap::new(Arc::clone(&pipeline))),
            data_dir,
            demo,
            daemon,
            clock,
            logs,
            settings,
            universe,
            config,
            learning,
            watching,
            pipeline,
            in_force,
        }
    }

    /// The work of all jobs: ingest, which tells its progress through `events`, and what `makers` make.
    pub fn bodies(&self, makers: Vec<BodyMaker>, runs: &SchedulerDb, events: mpsc::Sender<Event>) -> Vec<Arc<dyn JobBody>> {
        let materials = Materials {
            data_dir: self.data_dir.clone(),
            writer: self.pipeline.writer.clone(),
            reads: self.pipeline.reads.clone(),
            runs: runs.clone(),
            settings: Arc::clone(&self.in_force),
            clock: Arc::clone(&self.clock),
        };
        let ingest: Arc<dyn JobBody> = Arc::new(IngestBody { pipeline: Arc::clone(&self.current), events });
        std::iter::once(ingest).chain(makers.into_iter().map(|make| make(&materials))).collect()
    }

    fn process(&self) -> ProcessView {
        let (pid, version) = (std::process::id(), env!("CARGO_PKG_VERSION").to_owned());
        ProcessView { pid, version, started_at: self.clock.now(), daemon: self.daemon }
    }

    /// The owner with all that the database tells, and the first snapshot published. `checking`: the database's pages are
    /// being looked through. `rederived` and `changed` are ways into its inbox.
    pub async fn owner(
        self,
        jobs: Dispatcher,
        timetable: Option<Timetable>,
        (rederived, changed): (mpsc::Sender<Rederived>, mpsc::Sender<Changed>),
        checking: bool,
    ) -> Result<(Owner, watch::Receiver<Arc<Snapshot>>), StoreError> {
        let first = Snapshot { loading: true, demo: self.demo, at_ms: self.clock.now_ms(), ..Snapshot::default() };
        let (snapshot, state) = watch::channel(Arc::new(first));
        let (hangs, silent) = watch::channel(false);
        tokio::spawn(watch_writer(self.pipeline.writer.clone(), hangs));
        let mut host = Host::new(&self.data_dir, &self.data_dir.join(DATABASE), &self.settings);
        let mut owner = Owner {
            // Before the first publication: without a reading there would be no backup in it.
            stats: host.read(),
            host,
            process: Arc::new(self.process()),
            market: Arc::new(Market { instruments: Arc::new(self.universe.instruments.clone()), cells: Vec::new() }),
            runs: Arc::default(),
            pipeline: self.pipeline,
            universe: self.universe,
            settings: self.settings,
            webhook: self.webhook,
            in_force: self.in_force,
            config: self.config.map(Config::new),
            current: self.current,
            epoch: self.epoch,
            clock: self.clock,
            logs: self.logs,
            demo: self.demo,
            snapshot,
            jobs,
            timetable,
            newest: None,
            scheduler: Arc::default(),
            job_views: Arc::default(),
            job_runs: Arc::default(),
            sources: Arc::default(),
            active: None,
            acks: Acks::default(),
            states: HashMap::new(),
            expectation: Expectation::default(),
            alerts: Arc::default(),
            issues: (0, 0),
            settling: Settling::new(rederived),
            learned: Learned::new(self.learning, changed),
            watched: Watched::new(self.watching),
            pages: Pages::default(),
            silent,
            shortages: Shortages::watch(self.data_dir),
            stale_market: true,
            seconds: 0,
            last_beat: 0,
        };
        if checking {
            owner.wait_for_check();
        }
        owner.load().await?;
        Ok((owner, state))
    }
}

impl Owner {
    /// Reads what the database tells and publishes it.
    async fn load(&mut self) -> Result<(), StoreError> {
        self.load_runs().await?;
        self.load_states().await?;
        self.count_issues().await;
        self.publish();
        Ok(())
    }
}

fn sources(settings: &Settings, tuning: Tuning, reads: &ReadPool, writer: &Writer, clock: &Arc<dyn Clock>) -> Arc<Hybrid> {
    let contracts = Arc::new(StoredContracts::new(reads.clone(), writer.clone()));
    let ib = settings.ib.enabled.then(|| IbSource::start_tuned(&settings.ib, tuning.ib, contracts, Arc::clone(clock)) as Arc<dyn Source>);
    let yahoo = if settings.yahoo.enabled {
        match YahooSource::new(&settings.yahoo, Arc::clone(clock)) {
            Ok(source) => Some(source as Arc<dyn Source>),
            Err(e) => {
                tracing::error!(target: "yahoo", error = %e, "Yahoo cannot be used");
                None
            }
        }
    } else {
        None
    };
    Hybrid::start_tuned(ib, yahoo, tuning.sources, Arc::clone(clock))
}
