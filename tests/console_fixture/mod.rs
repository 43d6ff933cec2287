//! Seeded snapshots for the console's tests and benches. The figures are invented; the shapes are the engine's.

mod answers;
pub mod drift;
pub mod nights;
pub mod signals;
pub mod training;

use std::sync::Arc;

pub use answers::answer;
use nightdesk::config::ConsoleSettings;
use nightdesk::console::{App, Background, ColorLevel, Look, Msg, Theme};
use nightdesk::engine::{
    Alert, AlertLevel, CellState, CoverageCell, CoverageState, HostStats, IngestSpec, LogLevel, LogRecord, Market, PlanSummary,
    ProcessView, RunProgress, RunSummary, RunView, SeriesCell, SeriesDetail, Snapshot,
};
use nightdesk::market::{AssetClass, Candle, Instrument, Series, SourceId, Symbol, Timeframe};
use nightdesk::sources::{BreakerState, FarmState, LinkState, SourceStatus};
use nightdesk::store::master::{Attempt, Issue, RunState, Scope, SeriesState, Severity, StoredIssue};

/// Sunday 22 November 2026, 14:32:07 UTC.
pub const NOW: i64 = 1_795_357_927;

const SECTORS: [&str; 11] = [
    "Technology",
    "Healthcare",
    "Financial Services",
    "Consumer Cyclical",
    "Communication Services",
    "Industrials",
    "Consumer Defensive",
    "Energy",
    "Utilities",
    "Real Estate",
    "Basic Materials",
];

/// What the desk is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// A run is active.
    Live,
    /// Everything is fresh.
    Idle,
    /// The engine reads its state.
    Loading,
    /// Sources are down, series late and failed.
    Failures,
    /// The engine has not published for a while.
    Stale,
}

impl Scene {
    pub const ALL: [Self; 5] = [Self::Live, Self::Idle, Self::Loading, Self::Failures, Self::Stale];
}

/// Marsaglia's xorshift: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

pub fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

fn instruments() -> Vec<Instrument> {
    let stock = |i: usize| {
        let letter = |n: usize| char::from(b'A' + (n % 26) as u8);
        let ticker: String = [letter(i / 7), letter(i * 5 + 1), letter(i * 11 + 3), letter(i % 7)].iter().collect();
        let text = if i == 0 { "AAPL".to_owned() } else { ticker };
        Instrument { symbol: symbol(&text), asset: AssetClass::Stock, sector: SECTORS[i / 7].into(), name: format!("{text} Inc.") }
    };
    let crypto =
        |s: &str| Instrument { symbol: symbol(s), asset: AssetClass::Crypto, sector: "Crypto".into(), name: s.replace('-', " / ") };
    (0..77).map(stock).chain(["BTC-USD", "ETH-USD", "SOL-USD"].map(crypto)).collect()
}

fn market(scene: Scene) -> Market {
    let instruments = instruments();
    let mut random = Random(0x5EED);
    let mut cells = Vec::new();
    for timeframe in Timeframe::ALL {
        for column in 0..instruments.len() {
            let state = match scene {
                Scene::Loading => CellState::Empty,
                Scene::Idle => CellState::Fresh,
                Scene::Failures if (34..38).contains(&column) && timeframe.is_intraday() => CellState::Failed,
                Scene::Failures if random.next(60) == 0 => CellState::Quarantined,
                _ if random.next(30) == 0 => {
                    [CellState::Late, CellState::Gap, CellState::Fetching, CellState::Queued][random.next(4) as usize]
                }
                _ => CellState::Fresh,
            };
            let late = (state == CellState::Late).then_some(NOW - 60 * (10 + random.next(90) as i64));
            cells.push(SeriesCell {
                state,
                last_ts: (scene != Scene::Loading).then_some(NOW - NOW % 3600 - timeframe.seconds()),
                late_since: late,
                gaps: if state == CellState::Gap { 1 + random.next(12) as u32 } else { 0 },
                source: Some(SourceId::Ib),
            });
        }
    }
    Market { instruments: Arc::new(instruments), cells }
}

fn sources(scene: Scene) -> Vec<SourceStatus> {
    let busy = matches!(scene, Scene::Live | Scene::Stale);
    let mut random = Random(77);
    let mut ib = SourceStatus::new(SourceId::Ib, "127.0.0.1:4002");
    let mut yahoo = SourceStatus::new(SourceId::Yahoo, "query1.finance.yahoo.com");
    ib.requests_per_second_limit = 40.0;
    ib.in_flight_limit = 9;
    yahoo.requests_per_second_limit = 2.0;
    yahoo.in_flight_limit = 4;
    if scene == Scene::Loading {
        return vec![ib, yahoo];
    }
    ib.link = LinkState::Up;
    ib.farms = vec![("usfarm".into(), FarmState::Ok), ("ushmds".into(), FarmState::Inactive)];
    (ib.answered, ib.failed, ib.bars, ib.latency_ms) = (18_210, 4, 1_204_551, Some((83, 312)));
    yahoo.link = LinkState::Up;
    (yahoo.answered, yahoo.bars, yahoo.latency_ms) = (420, 310_022, Some((140, 510)));
    if busy {
        ib.history = (0..60).map(|_| 18 + random.next(20) as u16).collect();
        (ib.requests_per_second, ib.in_flight) = (24.8, 6);
        yahoo.history = (0..60).map(|_| random.next(3) as u16).collect();
        (yahoo.requests_per_second, yahoo.in_flight) = (1.6, 2);
    }
    if scene == Scene::Failures {
        ib.link = LinkState::Down { cause: "connection refused".into(), retry_at: Some(NOW + 41) };
        ib.breaker = BreakerState::Open { until: NOW + 52 };
        ib.farms[1].1 = FarmState::Broken;
        (ib.failed, ib.last_error) =
            (131, Some((NOW - 20, "the gateway refused the connection; is it running with the API switched on?".into())));
        yahoo.link = LinkState::Degraded { reason: "429, cooling down".into() };
        (yahoo.pacing_errors, yahoo.penalty_until) = (3, Some(NOW + 75));
        yahoo.last_error = Some((NOW - 9, "HTTP 429, Too Many Requests".into()));
    }
    vec![ib, yahoo]
}

fn ended(id: i64, state: RunState) -> RunView {
    let failed = if state == RunState::Succeeded { 0 } else { 4 };
    let summary = RunSummary {
        series_ok: 1_360 - failed,
        series_failed: failed,
        requests: vec![(SourceId::Ib, 812), (SourceId::Yahoo, 160)],
        bars: 412_800,
        inserted: 402_113,
        revised: 12,
        derived: 130_442,
        dividends: 3,
        fundamentals: 77,
        issues: 2,
        seconds: 131.4,
        failures: (0..failed)
            .map(|n| format!("CBAD{n} 1m: no data from ib (162, HMDS query returned no data), none from yahoo (404)"))
            .collect(),
        ..RunSummary::default()
    };
    RunView {
        id,
        spec: IngestSpec::default(),
        state,
        started_at: NOW - 4_000 * (30 - id),
        ended_at: Some(NOW - 4_000 * (30 - id) + 131),
        // As after a restart: only the summary outlives the process.
        progress: RunProgress::default(),
        summary: Some(summary),
        cancelling: false,
    }
}

fn active() -> RunView {
    let progress = RunProgress {
        series_done: 412,
        series_total: 1_360,
        requests_done: 1_204,
        requests_total: 3_611,
        bars: 204_511,
        written: 371_008,
        failed: 1,
        bars_per_second: 12_431.0,
        eta_s: Some(161),
        phase: "fetching".into(),
    };
    RunView { progress, summary: None, ended_at: None, started_at: NOW - 92, ..ended(29, RunState::Running) }
}

fn alerts(scene: Scene) -> Vec<Alert> {
    if scene != Scene::Failures {
        return Vec::new();
    }
    let alert = |key: &str, level, text: &str| Alert { key: key.into(), level, text: text.into(), since: NOW - 100, series: None };
    let late = Series { symbol: symbol("AAPL"), timeframe: Timeframe::H1 };
    vec![
        alert("source:ib", AlertLevel::Bad, "ib is down, retry in 00:41"),
        alert("source:yahoo", AlertLevel::Warn, "yahoo 429, cooling down 01:15"),
        Alert { series: Some(late), ..alert("series:AAPL:1h", AlertLevel::Warn, "AAPL 1h late 32m") },
    ]
}

/// The snapshot of a scene.
pub fn snapshot(scene: Scene) -> Snapshot {
    let loading = scene == Scene::Loading;
    let (scheduler, jobs, job_runs) = nights::shared(scene);
    let (training, standings) = training::shared(scene);
    Snapshot {
        seq: 4_812,
        at_ms: if scene == Scene::Stale { NOW * 1000 - 14_000 } else { NOW * 1000 - 80 },
        epoch: "fixture".into(),
        process: Arc::new(ProcessView { pid: 4_242, version: "0.1.0".into(), started_at: NOW - 90_000, daemon: false }),
        demo: scene == Scene::Live,
        loading,
        market: Arc::new(market(scene)),
        sources: Arc::new(sources(scene)),
        active: matches!(scene, Scene::Live | Scene::Stale).then(|| Arc::new(active())),
        runs: Arc::new(if loading { Vec::new() } else { vec![ended(28, RunState::Partial), ended(27, RunState::Succeeded)] }),
        scheduler,
        jobs,
        job_runs,
        training,
        standings,
        drift: drift::shared(scene),
        signals: signals::shared(scene),
        alerts: Arc::new(alerts(scene)),
        host: HostStats { cpu: 0.31, rss: 88 << 20, database: 640 << 20, disk_free: 41 << 30, ..HostStats::default() },
        log_seq: 40,
        quarantined: 2,
        issues: 5,
    }
}

/// Forty log records.
pub fn logs() -> Vec<LogRecord> {
    let kinds = [
        (LogLevel::Info, "ingest", "Series done  symbol=AAPL timeframe=1m bars=1950 inserted=1950 ms=83"),
        (LogLevel::Info, "ib", "Request answered  symbol=MSFT timeframe=30m bars=3276 ms=212"),
        (LogLevel::Warn, "yahoo", "Rate limited  status=429 retry_after=41s attempt=3"),
        (LogLevel::Debug, "store", "Batch written  rows=1950 ms=4"),
        (LogLevel::Error, "ib", "Connection lost  cause=\"connection reset by peer\" retry_in=2s"),
    ];
    let record = |seq: u64| {
        let (level, source, message) = kinds[(seq * 7 % 5) as usize];
        LogRecord { seq, at_ms: NOW * 1000 - 40_000 + seq as i64 * 977, level, source: source.into(), message: message.into() }
    };
    (1..=40).map(record).collect()
}

/// Sixty hourly bars, the last one forming.
fn bars() -> Vec<(Candle, SourceId)> {
    let mut random = Random(99);
    let mut close = 241.0;
    (0..60)
        .map(|i| {
            close += random.next(200) as f64 / 100.0 - 1.0;
            let bar = Candle {
                ts: NOW - NOW % 3600 - 3600 * (60 - i),
                open: close - 0.3,
                high: close + 0.8,
                low: close - 0.9,
                close,
                volume: 1e6,
                is_final: i < 59,
            };
            (bar, SourceId::Ib)
        })
        .collect()
}

/// The details of a series.
pub fn detail(series: Series) -> SeriesDetail {
    let state = |i: i64| match i {
        17 => CoverageState::Gap,
        60..64 => CoverageState::Explained,
        90 => CoverageState::Quarantined,
        _ => CoverageState::Full,
    };
    let attempt = |i: i64, outcome: &str, bars: u32, message: Option<&str>| Attempt {
        run_id: 28,
        at: NOW - 900 * i,
        series,
        source: if i == 3 { SourceId::Yahoo } else { SourceId::Ib },
        window: (NOW - 90_000, NOW),
        outcome: outcome.into(),
        bars,
        millis: 80 + i as u32,
        message: message.map(str::to_owned),
    };
    SeriesDetail {
        state: Some(SeriesState {
            series,
            first_ts: Some(NOW - 400 * 86_400),
            last_ts: Some(NOW - 9_127),
            last_final_ts: Some(NOW - 9_127),
            rows: 43_822,
            source: Some(SourceId::Ib),
            derived_from: None,
            attempted_at: Some(NOW - 900),
            succeeded_at: Some(NOW - 4_500),
            gaps: 2,
            error: Some("empty page, twice".into()),
            blocked: None,
        }),
        coverage: (0..130)
            .map(|i| CoverageCell { start: NOW - (130 - i) * 3 * 86_400, state: state(i), stored: 20, expected: 21 })
            .collect(),
        attempts: vec![
            attempt(1, "empty", 0, Some("HMDS query returned no data")),
            attempt(2, "transient", 0, Some("no answer in 60 s")),
            attempt(3, "data", 7, None),
        ],
        bars: bars(),
        provenance: vec![(SourceId::Ib, 41_000), (SourceId::Yahoo, 2_822)],
        issues: issues()[..1].to_vec(),
    }
}

/// Findings.
pub fn issues() -> Vec<StoredIssue> {
    let issue = |id: i64, check: u8, severity, ticker: &str, scope, message: &str| StoredIssue {
        id,
        opened_at: NOW - 7_200 * id,
        run_id: Some(28),
        resolved: None,
        issue: Issue {
            check,
            severity,
            series: Series { symbol: symbol(ticker), timeframe: Timeframe::D1 },
            scope,
            message: message.into(),
        },
    };
    vec![
        issue(3, 6, Severity::Critical, "AAPL", Scope::Series, "A jump of 4.02 without a split on record: an unadjusted 4:1 split?"),
        issue(
            2,
            7,
            Severity::Exclude,
            "BTC-USD",
            Scope::Bars { from: NOW - 86_400 * 30, to: NOW - 86_400 * 29 },
            "High below low in 2 bars",
        ),
        issue(1, 12, Severity::Warn, "SOL-USD", Scope::Bars { from: NOW - 86_400, to: NOW - 86_400 }, "Volume 41 times the median"),
    ]
}

/// What an ingest would do.
pub fn plan() -> PlanSummary {
    PlanSummary {
        series: 29,
        fresh: 1_331,
        requests: vec![(SourceId::Ib, 31), (SourceId::Yahoo, 6)],
        bars: 4_312,
        derived: 14,
        seconds: 12,
        notes: vec!["SOL-USD 1m: yahoo keeps minutes for 30 days only".into()],
    }
}

/// A console that shows a scene.
pub fn app(scene: Scene) -> App {
    let settings = ConsoleSettings { time_zone: "Europe/Paris".into(), ..ConsoleSettings::default() };
    let mut app = App::new(&settings, NOW * 1000).unwrap();
    let mut effects = Vec::new();
    app.update(Msg::Snapshot(Arc::new(snapshot(scene))), &mut effects);
    answer(&mut app, scene, effects);
    app
}

/// How frames look.
pub fn look(background: Background, level: ColorLevel, ascii: bool) -> Look {
    Look { theme: Theme::load(background, level).unwrap(), ascii }
}
