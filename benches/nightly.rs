//! One night of a strategy: its features brought up to date by one session, market data read and cache written.
#![expect(clippy::unwrap_used, reason = "a bench that cannot open its databases has nothing to measure")]

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{Datelike, NaiveDate, Weekday};
use criterion::{Criterion, criterion_group, criterion_main};
use nightdesk::features::nightly::{Desk, ROWS, Report, bring_up_to_date};
use nightdesk::market::{AssetClass, Bars, Candle, Instrument, Series, SourceId, Strategy, Symbol, SystemClock, Timeframe, date_to_ts};
use nightdesk::store::master::{CandleBatch, ReadPool, Writer, WriterOptions};
use nightdesk::store::model::ModelDb;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

const SYMBOLS: usize = 80;
/// Ten years of sessions.
const SESSIONS: usize = 2_520;

/// A deterministic walk with cents, as real prices have.
fn bars(symbol: usize, days: &[NaiveDate]) -> Bars {
    let bar = |day: &NaiveDate| {
        let (t, s) = (i64::from(day.num_days_from_ce()), symbol as i64);
        let noise = |salt: i64| ((t * 7919 + s * 104_729) * salt % 4001) as f64 / 100.0;
        let close = 100.0 + 0.5 * noise(1) + ((t + s) as f64 / 40.0).sin() * 8.0;
        let open = close + (noise(3) - 20.0) / 40.0;
        let (high, low) = (open.max(close) + 0.2 + noise(5) / 40.0, open.min(close) - 0.2 - noise(7) / 40.0);
        Candle { ts: date_to_ts(*day), open, high, low, close, volume: 1e6 + 1e4 * noise(11), is_final: true }
    };
    days.iter().map(bar).collect()
}

struct House {
    runtime: Runtime,
    writer: Writer,
    pool: ReadPool,
    db: ModelDb,
    instruments: Vec<Instrument>,
    /// Sessions that are not stored yet.
    ahead: std::vec::IntoIter<NaiveDate>,
    runs: i64,
}

impl House {
    fn new(dir: &Path) -> Self {
        let runtime = Runtime::new().unwrap();
        let master = dir.join("market_data.db");
        let writer = Writer::open(&master, WriterOptions { cache_mib: 64, demo: false, clock: SystemClock::shared() }).unwrap();
        let db = ModelDb::open(&dir.join("turbomode.db"), Strategy::Turbomode, false, SystemClock::shared()).unwrap();
        let instrument = |i| {
            let name = format!("S{i}");
            Instrument { symbol: Symbol::new(&name).unwrap(), asset: AssetClass::Stock, sector: "Technology".into(), name }
        };
        let weekday = |d: &NaiveDate| !matches!(d.weekday(), Weekday::Sat | Weekday::Sun);
        let first = NaiveDate::from_ymd_opt(2014, 1, 2).unwrap();
        let mut days: Vec<NaiveDate> = first.iter_days().filter(weekday).take(SESSIONS + 2_000).collect();
        let ahead = days.split_off(SESSIONS).into_iter();
        let instruments = (0..SYMBOLS).map(instrument).collect();
        let mut house = Self { runtime, writer, pool: ReadPool::new(&master), db, instruments, ahead, runs: 0 };
        house.store(&days);
        house
    }

    fn store(&mut self, days: &[NaiveDate]) {
        self.runs += 1;
        let batch = |(i, instrument): (usize, &Instrument)| CandleBatch {
            series: Series { symbol: instrument.symbol, timeframe: Timeframe::D1 },
            source: SourceId::Sim,
            run_id: self.runs,
            bars: bars(i, days),
            replace: None,
        };
        let batches = self.instruments.iter().enumerate().map(batch).collect();
        self.runtime.block_on(self.writer.batches(batches)).unwrap();
    }

    fn night(&mut self, anew: bool) -> (Report, Duration) {
        let stop = CancellationToken::new();
        let desk = Desk {
            master: &self.pool,
            instruments: &self.instruments,
            benchmark: None,
            dividends: true,
            progress: &|_, _| {},
            rows: ROWS,
            stop: &stop,
        };
        let start = Instant::now();
        let report = bring_up_to_date(&mut self.db, &desk, anew).unwrap();
        (report, start.elapsed())
    }
}

fn nights(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let mut house = House::new(dir.path());
    let mut group = c.benchmark_group("nightly");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(2));
    group.bench_function("everything anew, 80 symbols of 2,520 sessions", |b| {
        b.iter_custom(|n| (0..n).map(|_| house.night(true).1).sum());
    });
    // The median night of a month, times the number asked for: what an operator sees.
    group.bench_function("one session more, p50", |b| {
        b.iter_custom(|n| {
            let mut times: Vec<Duration> = (0..n)
                .map(|_| {
                    let day = house.ahead.next().unwrap();
                    house.store(&[day]);
                    let (report, time) = house.night(false);
                    assert!(report.whole.is_none() && report.rows_written > 0);
                    time
                })
                .collect();
            times.sort_unstable();
            times[times.len() / 2] * n as u32
        });
    });
    group.finish();
}

criterion_group!(benches, nights);
criterion_main!(benches);
