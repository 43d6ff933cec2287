//! A desk for tests: both simulators, an engine on a temporary folder, and ways to wait for states.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nightdesk::config::{Lookback, Settings};
use nightdesk::control::{Client, LocalClient};
use nightdesk::engine::{
    BodyMaker, Command, Engine, EngineOptions, Envelope, IngestSpec, JobBody, Learning, LogRing, RunView, Snapshot, Tuning,
};
use nightdesk::maintenance::Maintenance;
use nightdesk::market::{AssetClass, Candle, Clock, Instrument, ManualClock, Series, Symbol, Timeframe, Universe};
use nightdesk::sim::demo::Demo;
use nightdesk::sim::{Fault, MarketFeed};
use nightdesk::store::master::{DATABASE, Reader};

/// Sunday 2024-03-03, noon UTC: both Friday's session and Saturday's crypto day are complete.
pub const SUNDAY: i64 = 1_709_467_200;

/// A pause that a test can afford.
const QUICK: Duration = Duration::from_millis(50);

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
    s.ib.connect_timeout_s = 10;
    s.ib.request_timeout_s = 10;
    s.yahoo.timeout_s = 10;
    s
}

/// Only the daily bars of everything.
pub fn daily() -> IngestSpec {
    IngestSpec { timeframes: vec![Timeframe::D1], ..IngestSpec::default() }
}

/// Both simulators and an engine.
pub struct Desk {
    pub demo: Demo,
    pub engine: Engine,
    /// Moves the simulators' and the engine's time, unless the desk was built on another clock.
    pub clock: Arc<ManualClock>,
    time: Arc<dyn Clock>,
    pub dir: tempfile::TempDir,
    pub settings: Settings,
    pub universe: Universe,
    night: Night,
    commands: u32,
}

/// What a desk is made of, where it differs from the usual.
pub struct Build {
    pub settings: Settings,
    pub now: i64,
    /// Time that runs by itself.
    pub time: Option<Arc<dyn Clock>>,
    /// A market other than the universe's own.
    pub feed: Option<MarketFeed>,
    pub dir: Option<tempfile::TempDir>,
    /// Jobs, and whether they run by themselves.
    pub night: Night,
}

/// What runs at night.
#[derive(Clone, Default)]
pub struct Night {
    pub schedule: bool,
    pub bodies: Vec<Arc<dyn JobBody>>,
    /// With the real maintenance job.
    pub maintenance: bool,
    /// Who trains and keeps the models.
    pub learning: Option<Arc<dyn Learning>>,
}

impl Default for Build {
    fn default() -> Self {
        Self { settings: quick_settings(), now: SUNDAY, time: None, feed: None, dir: None, night: Night::default() }
    }
}

impl Desk {
    pub async fn start(symbols: &[&str], settings: Settings) -> Self {
        Self::start_at(symbols, settings, SUNDAY).await
    }

    pub async fn start_at(symbols: &[&str], settings: Settings, now: i64) -> Self {
        Self::build(symbols, Build { settings, now, ..Build::default() }).await
    }

    pub async fn build(symbols: &[&str], build: Build) -> Self {
        let Build { mut settings, now, time, feed, dir, night } = build;
        let clock = ManualClock::at(now);
        let time = time.unwrap_or_else(|| clock.clone());
        let universe = universe(symbols);
        let dir = dir.unwrap_or_else(|| tempfile::tempdir().unwrap());
        let demo = match feed {
            Some(feed) => Demo::start_with(feed, dir.path(), time.clone()).await.unwrap(),
            None => Demo::start(&universe, nightdesk::sim::Replay::default(), dir.path(), time.clone()).await.unwrap(),
        };
        demo.point(&mut settings);
        let engine = open(&settings, &universe, dir.path(), time.clone(), &night).await;
        Self { demo, engine, clock, time, dir, settings, universe, night, commands: 0 }
    }

    /// Stops the engine and starts another on the same folder and simulators.
    pub async fn reopen(self) -> Self {
        self.engine.stop().await;
        let engine = open(&self.settings, &self.universe, self.dir.path(), self.time.clone(), &self.night).await;
        Self { engine, ..self }
    }

    /// Puts a fault in force at the simulated gateway, written as on the command line.
    pub fn ib_fault(&self, text: &str) {
        self.demo.gateway().inject(text.parse::<Fault>().unwrap());
    }

    /// The same at the simulated Yahoo.
    pub fn yahoo_fault(&self, text: &str) {
        self.demo.server().inject(text.parse::<Fault>().unwrap());
    }

    /// Everything stored, for comparisons.
    pub fn contents(&self) -> Contents {
        contents(&self.reader())
    }

    pub fn client(&self) -> Client {
        client(&self.engine)
    }

    pub fn reader(&self) -> Reader {
        Reader::open(&self.dir.path().join(DATABASE)).unwrap()
    }

    /// Starts an ingest and returns its run.
    pub async fn begin(&mut self, spec: IngestSpec) -> i64 {
        self.send(Command::Ingest { spec }).await.unwrap().unwrap()
    }

    /// Waits until a run has ended.
    pub async fn ended(&self, run: i64) -> RunView {
        self.wait_for(|s| s.runs.iter().find(|r| r.id == run).cloned()).await
    }

    pub async fn send(&mut self, command: Command) -> Result<Option<i64>, nightdesk::engine::CommandError> {
        self.commands += 1;
        let envelope = Envelope { id: format!("test-{}", self.commands), actor: "test".into(), command };
        self.client().send(envelope).await.map(|ack| ack.run_id)
    }

    /// Runs an ingest to its end.
    pub async fn ingest(&mut self, spec: IngestSpec) -> RunView {
        let run = self.begin(spec).await;
        self.ended(run).await
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

async fn open(settings: &Settings, universe: &Universe, dir: &Path, clock: Arc<dyn Clock>, night: &Night) -> Engine {
    let maker = |body: Arc<dyn JobBody>| -> BodyMaker { Box::new(move |_| body) };
    let options = EngineOptions {
        settings: settings.clone(),
        universe: universe.clone(),
        data_dir: dir.to_owned(),
        demo: true,
        clock,
        logs: Arc::new(LogRing::new(1000)),
        schedule: night.schedule,
        daemon: false,
        config: None,
        bodies: night.bodies.iter().cloned().map(maker).chain(night.maintenance.then(maintenance)).collect(),
        learning: night.learning.clone(),
        watching: None,
    };
    let tuning = quick_tuning(settings);
    Box::pin(Engine::start_tuned(options, tuning)).await.unwrap_or_else(|e| panic!("{e}"))
}

fn maintenance() -> BodyMaker {
    Box::new(|m| {
        let (data_dir, writer, settings) = (m.data_dir.clone(), m.writer.clone(), m.settings.clone());
        Arc::new(Maintenance { data_dir, writer, runs: m.runs.clone(), settings, clock: m.clock.clone() })
    })
}

/// The pauses between requests a fraction of what vendors ask for: the simulators are as patient as their rules.
fn quick_tuning(settings: &Settings) -> Tuning {
    let Tuning { mut ib, mut sources } = Tuning::from(settings);
    (ib.burst_window, ib.identical_gap, ib.pulse, ib.farewell) = (QUICK, QUICK, 20 * QUICK, 10 * QUICK);
    (ib.backoff_first, ib.backoff_most) = (QUICK, 20 * QUICK);
    (ib.penalty_first, ib.penalty_most) = (QUICK, 20 * QUICK);
    (sources.pause_first, sources.pause_most) = (QUICK, 20 * QUICK);
    Tuning { ib, sources }
}

/// Bars by series, hidden ones included; volumes and prices as bits, so that unknown volumes compare equal.
pub type Contents = BTreeMap<String, Vec<(i64, [u64; 5], bool)>>;

pub fn contents(reader: &Reader) -> Contents {
    let bits = |c: &Candle| (c.ts, [c.open, c.high, c.low, c.close, c.volume].map(f64::to_bits), c.is_final);
    let states = reader.series_states().unwrap();
    let bars = |s: Series| reader.bars(s, (i64::MIN, i64::MAX), true).unwrap().iter().map(bits).collect();
    states.iter().filter(|s| s.rows > 0).map(|s| (s.series.to_string(), bars(s.series))).collect()
}

pub fn client(engine: &Engine) -> Client {
    Client::Local(LocalClient { state: engine.state.clone(), requests: engine.requests.clone(), logs: engine.logs.clone() })
}
