//! The nightly features over a real master, filled through its writer: whatever happens, the cache holds the bits of a full
//! recomputation.
#![cfg(test)]

mod nights;
mod reading;
mod revisions;

use std::path::Path;

use chrono::{Datelike, NaiveDate, Weekday};
use nightdesk::features::nightly::{Desk, NightError, ROWS, Report, bring_up_to_date, read_features};
use nightdesk::market::{AssetClass, Bars, Candle, Instrument, ManualClock, Series, SourceId, Strategy, Symbol, Timeframe, date_to_ts};
use nightdesk::store::master::{CandleBatch, ReadPool, Writer, WriterOptions};
use nightdesk::store::model::{FeatureMonth, ModelDb};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The last stored session before the first night. The checkpoint of its month has 344 bars of a stock before it.
const START: &str = "2024-05-15";
/// Five stocks, so that there are ranks, one with a short history, one that trades every day.
const SYMBOLS: [&str; 7] = ["AAA", "BBB", "CCC", "DDD", "EEE", "NEW", "COIN-USD"];

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

fn daily(ticker: &str) -> Series {
    Series { symbol: symbol(ticker), timeframe: Timeframe::D1 }
}

fn instrument(ticker: &str) -> Instrument {
    let asset = if ticker.ends_with("-USD") { AssetClass::Crypto } else { AssetClass::Stock };
    Instrument { symbol: symbol(ticker), asset, sector: "Technology".into(), name: ticker.into() }
}

/// The bar of a symbol on a date: a walk with cents that looks at neither neighbour, so that any span can be made.
fn bar(ticker: &str, day: NaiveDate) -> Candle {
    let seed = ticker.bytes().fold(17_u64, |s, b| s.wrapping_mul(31).wrapping_add(u64::from(b)));
    let noise = |salt: u64| {
        let mut x = (day.num_days_from_ce() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed.wrapping_mul(salt | 1);
        x = (x ^ (x >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((x >> 11) as f64 / (1_u64 << 53) as f64) - 0.5
    };
    let slow = (f64::from(day.num_days_from_ce()) / (30.0 + (seed % 17) as f64)).sin();
    let cents = |x: f64| (x * 100.0).round() / 100.0;
    let close = cents(100.0 + 12.0 * slow + 4.0 * noise(3));
    let open = cents(close + 2.0 * noise(5));
    let (high, low) = (cents(open.max(close) + 1.0 + noise(7)), cents(open.min(close) - 1.0 - noise(11)));
    Candle { ts: date_to_ts(day), open, high, low, close, volume: (1e6 * (1.0 + noise(13))).round(), is_final: true }
}

/// Every day on which the symbol trades in `from..=to`.
fn bars(ticker: &str, from: NaiveDate, to: NaiveDate) -> Bars {
    let weekend = |d: &NaiveDate| matches!(d.weekday(), Weekday::Sat | Weekday::Sun);
    from.iter_days().take_while(|d| *d <= to).filter(|d| ticker.ends_with("-USD") || !weekend(d)).map(|d| bar(ticker, d)).collect()
}

/// A master, the database of a strategy, and what is asked of them.
struct House {
    dir: TempDir,
    writer: Writer,
    pool: ReadPool,
    db: ModelDb,
    instruments: Vec<Instrument>,
    benchmark: Option<Symbol>,
    dividends: bool,
    run: i64,
    rows: usize,
}

impl House {
    /// All symbols with bars up to [`START`], without features.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("market_data.db");
        let clock = ManualClock::at(date_to_ts(date("2024-05-17")));
        let writer = Writer::open(&path, WriterOptions { cache_mib: 8, demo: false, clock }).unwrap();
        let pool = ReadPool::new(&path);
        let db = model(&dir.path().join("turbomode.db"));
        let instruments = SYMBOLS.map(instrument).into();
        let mut house = Self { dir, writer, pool, db, instruments, benchmark: None, dividends: true, run: 0, rows: ROWS };
        for ticker in SYMBOLS {
            let from = match ticker {
                "NEW" => "2024-02-12",
                "COIN-USD" => "2023-05-20",
                _ => "2023-01-02",
            };
            house.put(ticker, bars(ticker, date(from), date(START))).await;
        }
        house
    }

    /// With features as of [`START`].
    async fn built() -> Self {
        let mut house = Self::new().await;
        let first = house.night();
        assert_eq!(first.whole.as_deref(), Some("no checkpoint is stored"));
        house
    }

    async fn put(&mut self, ticker: &str, bars: Bars) {
        self.run += 1;
        let batch = CandleBatch { series: daily(ticker), source: SourceId::Yahoo, run_id: self.run, bars, replace: None };
        self.writer.candles(batch).await.unwrap();
    }

    /// One more day of everything that trades.
    async fn day(&mut self, day: NaiveDate) {
        self.run += 1;
        let batch = |i: &Instrument| {
            let (series, bars) = (Series { symbol: i.symbol, timeframe: Timeframe::D1 }, bars(i.symbol.as_str(), day, day));
            CandleBatch { series, source: SourceId::Yahoo, run_id: self.run, bars, replace: None }
        };
        let trading = self.instruments.iter().map(batch).filter(|b| !b.bars.is_empty()).collect();
        self.writer.batches(trading).await.unwrap();
    }

    fn night(&mut self) -> Report {
        self.try_night(&CancellationToken::new(), &|_, _| {}).unwrap()
    }

    fn try_night(&mut self, stop: &CancellationToken, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Report, NightError> {
        let (instruments, rows) = (&self.instruments, self.rows);
        let desk = Desk { master: &self.pool, instruments, benchmark: self.benchmark, dividends: self.dividends, progress, rows, stop };
        bring_up_to_date(&mut self.db, &desk, false)
    }

    /// A night that relies on nothing stored.
    fn anew(&mut self) -> Report {
        let (instruments, benchmark, stop) = (&self.instruments, self.benchmark, CancellationToken::new());
        let desk = Desk {
            master: &self.pool,
            instruments,
            benchmark,
            dividends: self.dividends,
            progress: &|_, _| {},
            rows: self.rows,
            stop: &stop,
        };
        bring_up_to_date(&mut self.db, &desk, true).unwrap()
    }

    /// A night that must go on from a checkpoint.
    fn tail(&mut self) -> Report {
        let report = self.night();
        assert_eq!(report.whole, None);
        report
    }

    /// A night that must compute everything, for a reason that contains `why`.
    fn whole(&mut self, why: &str) -> Report {
        let report = self.night();
        assert!(report.whole.as_ref().is_some_and(|w| w.contains(why)), "{report:?}");
        report
    }

    /// Compares the cache with that of another database that is built anew.
    fn assert_same_as_anew(&self) {
        let mut other = model(&self.dir.path().join(format!("anew-{}.db", self.run)));
        let stop = CancellationToken::new();
        let desk = Desk {
            master: &self.pool,
            instruments: &self.instruments,
            benchmark: self.benchmark,
            dividends: self.dividends,
            progress: &|_, _| {},
            rows: ROWS,
            stop: &stop,
        };
        let report = bring_up_to_date(&mut other, &desk, true).unwrap();
        assert!(report.rows > 1_000, "{report:?}");
        for i in &self.instruments {
            let [kept, anew] = [&self.db, &other].map(|db| db.reader().feature_months(i.symbol).unwrap());
            assert_eq!(kept.len(), anew.len(), "{}", i.symbol);
            let differs = kept.iter().zip(&anew).find_map(|(a, b)| FeatureMonth::differs(a, b));
            assert_eq!(differs, None, "{}: stamp and column", i.symbol);
        }
        assert_eq!(self.db.reader().features_made().unwrap(), other.reader().features_made().unwrap());
    }

    /// The last value of a feature.
    fn last(&self, ticker: &str, feature: &str) -> f64 {
        let columns = read_features(self.db.reader(), symbol(ticker), (i64::MIN, i64::MAX)).unwrap().columns;
        *columns[nightdesk::features::feature(feature).unwrap().index].last().unwrap()
    }
}

fn model(path: &Path) -> ModelDb {
    ModelDb::open(path, Strategy::Turbomode, false, ManualClock::at(0)).unwrap()
}
