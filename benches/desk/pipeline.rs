//! An engine on a simulated gateway in this process, over a real loopback socket: rates and durations of runs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nightdesk::config::{IbSettings, LoadRequest, Loaded, Lookback, Settings, SourcePolicy, load};
use nightdesk::control::{Client, LocalClient};
use nightdesk::engine::{Command, Engine, EngineOptions, Envelope, IngestSpec, LogRing, RunView, Tuning};
use nightdesk::market::{Calendar, ManualClock, Timeframe, Universe};
use nightdesk::sim::MarketFeed;
use nightdesk::sim::ib::{Gateway, GatewayOptions};
use nightdesk::store::master::RunState;
use tokio::runtime::Runtime;

use super::figures::Figures;

const SEED: u64 = 20_261_122;
/// Monday 2026-11-16, an hour after New York closed.
const MONDAY: i64 = 1_794_866_400;
/// What a top-up may take.
const ANSWER_TIME: Duration = Duration::from_millis(200);

/// The shipped settings and universe, whatever this machine's user has configured.
pub fn shipped() -> (Settings, Universe) {
    let Loaded { settings, universe, .. } =
        load(LoadRequest { config_dir: None, env: std::iter::empty::<(String, String)>(), flags: Vec::new() }).unwrap();
    (settings, universe)
}

/// The limits that keep the real gateway content.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limits {
    /// As shipped, and the gateway punishes those who break them.
    Enforced,
    /// As shipped.
    Shipped,
    /// Five requests in two seconds for one contract, and no other.
    Burst,
    /// None.
    Lifted,
}

/// Lifts the limits that the settings hold.
fn without_limits(settings: &mut Settings) {
    settings.ib = IbSettings { messages_per_second: 100_000, in_flight_start: 80, in_flight_max: 80, ..settings.ib.clone() };
    settings.ingest.workers = 80;
}

struct Desk {
    gateway: Gateway,
    engine: Engine,
}

impl Desk {
    /// A gateway, and an engine that knows no other source.
    async fn start(
        dir: &Path,
        clock: &Arc<ManualClock>,
        settings: &Settings,
        universe: &Universe,
        latency: Duration,
        limits: Limits,
    ) -> Self {
        let feed = Arc::new(MarketFeed::new(universe.clone(), SEED));
        let options = GatewayOptions { latency, enforce_pacing: limits == Limits::Enforced, ..GatewayOptions::new(feed, clock.clone()) };
        let gateway = Gateway::start(options).await.unwrap();
        let mut settings = settings.clone();
        settings.ib.port = gateway.addr().port();
        settings.yahoo.enabled = false;
        if matches!(limits, Limits::Burst | Limits::Lifted) {
            without_limits(&mut settings);
        }
        let mut tuning = Tuning::from(&settings);
        if limits == Limits::Lifted {
            tuning.ib.burst_window = Duration::ZERO;
        }
        let options = EngineOptions {
            settings,
            universe: universe.clone(),
            data_dir: dir.to_owned(),
            demo: true,
            clock: clock.clone(),
            logs: Arc::new(LogRing::new(1000)),
            schedule: false,
            daemon: false,
            config: None,
            bodies: Vec::new(),
            learning: None,
            watching: None,
        };
        Self { gateway, engine: Engine::start_tuned(options, tuning).await.unwrap() }
    }

    /// One run over all timeframes, from the command to its recorded end.
    async fn ingest(&self) -> (RunView, Duration) {
        let (state, requests, logs) = (self.engine.state.clone(), self.engine.requests.clone(), self.engine.logs.clone());
        let client = Client::Local(LocalClient { state, requests, logs });
        let spec = IngestSpec { timeframes: Timeframe::ALL.to_vec(), source: Some(SourcePolicy::Ib), ..IngestSpec::default() };
        let start = Instant::now();
        let envelope = Envelope { id: "bench".into(), actor: "bench".into(), command: Command::Ingest { spec } };
        let run = client.send(envelope).await.unwrap().run_id.unwrap();
        let mut state = self.engine.state.clone();
        let ended = state.wait_for(|s| s.runs.iter().any(|r| r.id == run)).await.unwrap().clone();
        let wall = start.elapsed();
        let run = ended.runs.iter().find(|r| r.id == run).unwrap().clone();
        let summary = run.summary.as_ref().unwrap();
        assert_eq!(run.state, RunState::Succeeded, "{:?}", summary.failures);
        (run, wall)
    }

    async fn stop(self) -> u64 {
        self.engine.stop().await;
        let violations = self.gateway.journal().counters().violations();
        self.gateway.shutdown().await;
        violations
    }
}

/// Bars a second through the whole path, into a fresh folder each time: without limits, and with those that hold
/// whatever the settings say (a crypto pair needs eighteen requests for its minutes, five in two seconds).
pub fn whole_path(runs: usize) {
    let (mut settings, universe) = shipped();
    settings.ingest.history.insert(Timeframe::M30, Lookback::days(30));
    println!(
        "  {} symbols: 30 days of 1m and 30m, 10 years of 1d, 14 derived; gateway without latency, in this process; checks on",
        universe.instruments.len()
    );
    let kinds = [
        (Limits::Lifted, runs, "no limits", ">= 200000"),
        (Limits::Burst, 1, "5 requests in 2 s for one contract, no other limit", ""),
        (Limits::Shipped, 1, "all limits as shipped", ""),
    ];
    for (limits, runs, words, target) in kinds {
        let (mut written, mut received, mut seconds) = (Figures::default(), Figures::default(), Figures::default());
        for _ in 0..runs {
            let (rate, took) = fill(&settings, &universe, limits);
            written.add(rate.written);
            received.add(rate.received);
            seconds.add(took);
        }
        println!("  {words}:");
        written.print("received and derived candles", "candles/s", target);
        received.print("received candles alone", "candles/s", "");
        seconds.print("the whole run", "s", "");
    }
}

struct Rate {
    written: f64,
    received: f64,
}

fn fill(settings: &Settings, universe: &Universe, limits: Limits) -> (Rate, f64) {
    Runtime::new().unwrap().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let desk = Desk::start(dir.path(), &ManualClock::at(MONDAY), settings, universe, Duration::ZERO, limits).await;
        let (run, wall) = desk.ingest().await;
        desk.stop().await;
        let (summary, seconds) = (run.summary.unwrap(), wall.as_secs_f64());
        assert!(summary.inserted == summary.bars && summary.derived > 0, "{summary:?}");
        let rate = Rate { written: (summary.bars + summary.derived) as f64 / seconds, received: summary.bars as f64 / seconds };
        (rate, seconds)
    })
}

/// Seconds to bring a filled database one session forward, as shipped, against a gateway that takes its time and
/// punishes haste. Each run is one session later than the one before.
pub fn top_up(runs: usize) {
    let (settings, universe) = shipped();
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(MONDAY);
    let runtime = Runtime::new().unwrap();
    let mut quick = settings.clone();
    without_limits(&mut quick);
    runtime.block_on(async {
        let desk = Desk::start(dir.path(), &clock, &quick, &universe, Duration::ZERO, Limits::Shipped).await;
        desk.ingest().await;
        desk.stop().await;
    });
    let (mut seconds, mut broken, mut requests, mut bars) =
        (Figures::default(), Figures::default(), Figures::default(), Figures::default());
    for _ in 0..runs {
        let session = Calendar::Xnys.next_open(nightdesk::market::Clock::now(&*clock)).unwrap();
        clock.jump_to(session.close + 3_600);
        runtime.block_on(async {
            let desk = Desk::start(dir.path(), &clock, &settings, &universe, ANSWER_TIME, Limits::Enforced).await;
            let (run, wall) = desk.ingest().await;
            let summary = run.summary.unwrap();
            let series = (universe.instruments.len() * Timeframe::ALL.len()) as u32;
            assert_eq!(summary.series_ok + summary.series_fresh, series, "{summary:?}");
            assert!(summary.inserted > 390 * 80, "{summary:?}");
            seconds.add(wall.as_secs_f64());
            requests.add(summary.requests.iter().map(|(_, n)| f64::from(*n)).sum());
            bars.add((summary.bars + summary.derived) as f64);
            broken.add(desk.stop().await as f64);
        });
    }
    println!("  {} symbols x 17 timeframes, one session, 200 ms a request, pacing enforced, shipped settings", universe.instruments.len());
    seconds.print("the whole run", "s", "<= 30");
    broken.print("violations of the gateway's pacing rules", "", "0");
    requests.print("requests", "", "");
    bars.print("bars received and derived", "", "");
}
