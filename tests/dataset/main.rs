//! The data set over a real master, filled through its writer, and the database of a strategy.
#![cfg(test)]

mod folds;
mod rows;

use std::path::Path;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use nightdesk::config::strategy::StrategySettings;
use nightdesk::dataset::{DataSet, DatasetError, Order, build};
use nightdesk::market::{
    AssetClass, Bars, Candle, DAY, Instrument, ManualClock, Series, SourceId, Strategy, Symbol, Timeframe, Universe, date_to_ts,
};
use nightdesk::store::master::{CandleBatch, Issue, ReadPool, Scope, Severity, Writer, WriterOptions};
use nightdesk::store::model::ModelDb;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const FIRST: &str = "2021-01-04";
/// Of the bars at first, and of those that come later.
const LAST: [&str; 2] = ["2024-02-09", "2024-03-08"];
/// The day on which every price falls by a fifth.
const CRASH: &str = "2022-09-13";
/// The session that AAA has no bar of.
const HALTED: &str = "2023-06-07";

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

fn daily(ticker: &str) -> Series {
    Series { symbol: symbol(ticker), timeframe: Timeframe::D1 }
}

/// Five stocks in two sectors, so that there are ranks; one that trades every day, one blocked, one without bars.
fn universe() -> Universe {
    let of = |(ticker, sector): (&str, &str)| Instrument {
        symbol: symbol(ticker),
        asset: if sector == "Crypto" { AssetClass::Crypto } else { AssetClass::Stock },
        sector: sector.into(),
        name: ticker.into(),
    };
    let energy = ["AAA", "BBB", "CCC"].map(|t| (t, "Energy"));
    let rest = [("DDD", "Utilities"), ("EEE", "Utilities"), ("BAD", "Utilities"), ("NONE", "Utilities"), ("COIN-USD", "Crypto")];
    Universe { instruments: energy.into_iter().chain(rest).map(of).collect() }
}

/// A walk with a crash; each day's noise depends on nothing but symbol and date.
fn bars(ticker: &str, to: NaiveDate) -> Bars {
    let asset = if ticker.ends_with("-USD") { AssetClass::Crypto } else { AssetClass::Stock };
    let seed = ticker.bytes().fold(17_u64, |s, b| s.wrapping_mul(31).wrapping_add(u64::from(b)));
    let mut close = 50.0;
    let sessions = asset.calendar().sessions(date_to_ts(date(FIRST)), date_to_ts(to) + DAY);
    let made = sessions.map(|s| {
        let noise = |salt: u64| {
            let mut x = (s.date.num_days_from_ce() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed.wrapping_mul(salt | 1);
            x = (x ^ (x >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            ((x >> 11) as f64 / (1_u64 << 53) as f64) - 0.5
        };
        let shock = if s.date == date(CRASH) { 0.8 } else { 1.0 };
        let open = close * (1.0 + 0.01 * noise(5));
        close = open * shock * (1.0 + 0.05 * noise(3));
        let (high, low) = (open.max(close) * (1.005 + 0.01 * noise(7)), open.min(close) * (0.995 + 0.01 * noise(11)));
        Candle { ts: date_to_ts(s.date), open, high, low, close, volume: (1e6 * (1.0 + noise(13))).round(), is_final: true }
    });
    made.filter(|b| ticker != "AAA" || b.ts != date_to_ts(date(HALTED))).collect()
}

/// A master, the database of a strategy, and its rules.
struct House {
    _dir: TempDir,
    writer: Writer,
    pool: ReadPool,
    db: ModelDb,
    rules: StrategySettings,
    universe: Universe,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("market_data.db");
        let writer = Writer::open(&path, WriterOptions { cache_mib: 8, demo: false, clock: ManualClock::at(0) }).unwrap();
        let mut rules = StrategySettings::shipped(Strategy::Turbomode).unwrap();
        rules.validation.min_train_sessions = 60;
        let db = model(&dir.path().join("turbomode.db"));
        let mut house = Self { pool: ReadPool::new(&path), _dir: dir, writer, db, rules, universe: universe() };
        house.fill(LAST[0]).await;
        let issue = Issue { check: 7, severity: Severity::Critical, series: daily("BAD"), scope: Scope::Series, message: "a jump".into() };
        house.writer.issues(vec![issue], None).await.unwrap();
        house
    }

    /// Stores all bars up to a date.
    async fn fill(&mut self, to: &str) {
        for i in self.universe.instruments.iter().filter(|i| i.symbol.as_str() != "NONE") {
            let bars = bars(i.symbol.as_str(), date(to));
            let batch = CandleBatch { series: daily(i.symbol.as_str()), source: SourceId::Yahoo, run_id: 1, bars, replace: None };
            self.writer.candles(batch).await.unwrap();
        }
    }

    fn build(&mut self) -> DataSet {
        self.try_build(&CancellationToken::new()).unwrap()
    }

    fn try_build(&mut self, stop: &CancellationToken) -> Result<DataSet, DatasetError> {
        let order = Order {
            strategy: Strategy::Turbomode,
            rules: &self.rules,
            universe: &self.universe,
            master: &self.pool,
            training: false,
            now: 5,
            progress: &|_, _, _| {},
            stop,
        };
        build(&mut self.db, &order)
    }
}

fn model(path: &Path) -> ModelDb {
    ModelDb::open(path, Strategy::Turbomode, false, Arc::clone(&ManualClock::at(0)) as Arc<dyn nightdesk::market::Clock>).unwrap()
}
