//! A desk for tests: both simulators, an engine on a temporary folder, and ways to wait for states.
#![allow(dead_code, reason = "each test binary uses its own part of this module")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "test support fails loudly")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nightdesk::config::{Lookback, Settings};
use nightdesk::control::{Client, LocalClient};
use nightdesk::engine::{Command, DATABASE, Engine, EngineOptions, Envelope, IngestSpec, LogRing, RunView, Snapshot};
use nightdesk::market::{AssetClass, Clock, Instrument, ManualClock, Series, Symbol, Timeframe, Universe};
use nightdesk::sim::demo::Demo;
use nightdesk::store::master::Reader;

/// Sunday 2024-03-03, noon UTC: both Friday's session and Saturday's crypto day are complete.
pub const SUNDAY: i64 = 1_709_467_200;

pub fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub fn series(text: &str, timeframe: Timeframe) -> Series {
    Series { symbol: symbol(text), timeframe }
}

pub fn universe(symbols: &[&str]) -> Universe {
    let instruments = symbols
        .iter()
        .map(|s| {
            let asset = if s.ends_with("-USD") { AssetClass::Crypto } else { AssetClass::Stock };
            Instrument { symbol: symbol(s), asset, sector: "Technology".into(), name: (*s).into() }
        })
        .collect();
    Universe { instruments }
}

/// Settings with a short history and short patience, so that tests are quick.
pub fn quick_settings() -> Settings {
    let mut s = Settings::default();
    s.ingest.history = [(Timeframe::M1, 5), (Timeframe::M30, 30), (Timeframe::D1, 400)].map(|(t, d)| (t, Lookback::days(d))).into();
    s.store.disk_floor_mib = 1;
    s.ib.connect_timeout_s = 2;
    s.ib.request_timeout_s = 2;
    s.yahoo.timeout_s = 2;
    s
}

/// Both simulators and an engine.
pub struct Desk {
    pub demo: Demo,
    pub engine: Engine,
    pub clock: Arc<ManualClock>,
    pub dir: tempfile::TempDir,
    pub settings: Settings,
    pub universe: Universe,
    commands: u32,
}

impl Desk {
    pub async fn start(symbols: &[&str], settings: Settings) -> Self {
        Self::start_at(symbols, settings, SUNDAY).await
    }

    pub async fn start_at(symbols: &[&str], mut settings: Settings, now: i64) -> Self {
        let clock = ManualClock::at(now);
        let universe = universe(symbols);
        let dir = tempfile::tempdir().unwrap();
        let demo = Demo::start(&universe, dir.path(), clock.clone()).await.unwrap();
        demo.point(&mut settings);
        let engine = open(&settings, &universe, dir.path(), clock.clone()).await;
        Self { demo, engine, clock, dir, settings, universe, commands: 0 }
    }

    /// Stops the engine and starts another on the same folder and simulators.
    pub async fn reopen(self) -> Self {
        self.engine.stop().await;
        let engine = open(&self.settings, &self.universe, self.dir.path(), self.clock.clone()).await;
        Self { engine, ..self }
    }

    pub fn client(&self) -> Client {
        client(&self.engine)
    }

    pub fn reader(&self) -> Reader {
        Reader::open(&self.dir.path().join(DATABASE)).unwrap()
    }

    pub async fn send(&mut self, command: Command) -> Result<Option<i64>, nightdesk::engine::CommandError> {
        self.commands += 1;
        let envelope = Envelope { id: format!("test-{}", self.commands), actor: "test".into(), command };
        self.client().send(envelope).await.map(|ack| ack.run_id)
    }

    /// Runs an ingest to its end.
    pub async fn ingest(&mut self, spec: IngestSpec) -> RunView {
        let run = self.send(Command::Ingest { spec }).await.unwrap().unwrap();
        self.wait_for(|s| s.runs.iter().find(|r| r.id == run).cloned()).await
    }

    /// Waits until a snapshot satisfies `found`.
    pub async fn wait_for<T>(&self, found: impl Fn(&Snapshot) -> Option<T>) -> T {
        let mut state = self.engine.state.clone();
        let wait = async {
            loop {
                if let Some(t) = found(&state.borrow_and_update()) {
                    return t;
                }
                state.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_mins(1), wait)
            .await
            .unwrap_or_else(|_| panic!("the state never came: {:?}", self.engine.state.borrow().active))
    }

    /// Stops everything; the folder lives as long as what is returned.
    pub async fn stop(self) -> tempfile::TempDir {
        self.engine.stop().await;
        self.demo.stop().await;
        self.dir
    }
}

async fn open(settings: &Settings, universe: &Universe, dir: &Path, clock: Arc<dyn Clock>) -> Engine {
    let options = EngineOptions {
        settings: settings.clone(),
        universe: universe.clone(),
        data_dir: dir.to_owned(),
        demo: true,
        clock,
        logs: Arc::new(LogRing::new(1000)),
    };
    Engine::start(options).await.unwrap_or_else(|e| panic!("{e}"))
}

pub fn client(engine: &Engine) -> Client {
    Client::Local(LocalClient { state: engine.state.clone(), requests: engine.requests.clone(), logs: engine.logs.clone() })
}
