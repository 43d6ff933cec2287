//! The master database over real files: what is written is what is read, whatever happens in between.
#![cfg(test)]

mod care;
mod digests;
mod durability;
mod facts;
mod guarding;
mod opening;
mod quality;
mod reading;
mod writing;

use std::path::PathBuf;
use std::sync::Arc;

use nightdesk::market::{Bars, Candle, ManualClock, Series, SourceId, Symbol, Timeframe};
use nightdesk::store::master::{CandleBatch, CandleQuery, Candles, Reader, Span, Writer, WriterOptions};
use tempfile::TempDir;

/// 2024-03-01 14:30:00 UTC, a session open.
const START: i64 = 1_709_303_400;

/// A data folder of its own for each test.
struct Desk {
    dir: TempDir,
    clock: Arc<ManualClock>,
}

impl Desk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: ManualClock::at(START + 86_400) }
    }

    fn db(&self) -> PathBuf {
        self.dir.path().join("data/market_data.db")
    }

    fn options(&self) -> WriterOptions {
        WriterOptions { cache_mib: 8, demo: false, clock: self.clock.clone() }
    }

    fn writer(&self) -> Writer {
        Writer::open(&self.db(), self.options()).unwrap()
    }

    /// A connection without our guards, as another program would open it.
    fn foreign(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.db()).unwrap()
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.db()).unwrap()
    }
}

fn series(symbol: &str, timeframe: Timeframe) -> Series {
    Series { symbol: Symbol::new(symbol).unwrap(), timeframe }
}

fn aapl() -> Series {
    series("AAPL", Timeframe::M1)
}

fn bar(ts: i64, close: f64) -> Candle {
    Candle { ts, open: close - 0.25, high: close + 1.0, low: close - 1.0, close, volume: 100.0, is_final: true }
}

/// `n` one-minute bars from `START` on.
fn minutes(n: i64) -> Bars {
    (0..n).map(|i| bar(START + 60 * i, 100.0 + i as f64 / 8.0)).collect()
}

fn batch(bars: Bars) -> CandleBatch {
    CandleBatch { series: aapl(), source: SourceId::Ib, run_id: 1, bars, replace: None }
}

fn all(reader: &Reader) -> Candles {
    let q = CandleQuery { include_quarantined: true, include_forming: true, ..CandleQuery::new(aapl(), Span::All) };
    reader.candles(&q).unwrap()
}
