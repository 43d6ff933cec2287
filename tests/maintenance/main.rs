//! The maintenance job over real files: what it leaves behind when all is well, when data are damaged, when there is no
//! space, and when it is stopped or killed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper that cannot prepare its files has failed its test")]

mod broken;
mod whole;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use nightdesk::config::Settings;
use nightdesk::engine::{JobEnd, JobReport, JobStop};
use nightdesk::maintenance::{Maintenance, Outcome, Step, StepReport, Summary};
use nightdesk::market::{Candle, Clock, ManualClock, Series, SourceId, Symbol, Timeframe};
use nightdesk::store::master::{CandleBatch, Writer, WriterOptions};
use nightdesk::store::scheduler::SchedulerDb;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Sunday 2024-03-03, 02:00 UTC.
const NIGHT: i64 = 1_709_431_200;

struct Desk {
    dir: TempDir,
    clock: Arc<ManualClock>,
    settings: Settings,
}

impl Desk {
    fn new() -> Self {
        let mut settings = Settings::default();
        settings.store.disk_floor_mib = 0;
        Self { dir: tempfile::tempdir().unwrap(), clock: ManualClock::at(NIGHT), settings }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn db(&self) -> PathBuf {
        self.data().join("market_data.db")
    }

    fn backups(&self) -> PathBuf {
        self.data().join("backups")
    }

    fn writer(&self) -> Writer {
        writer(&self.db(), self.clock.clone())
    }

    fn job(&self, writer: &Writer) -> Maintenance {
        job(&self.data(), writer, self.clock.clone(), self.settings.clone())
    }

    /// One run to its end.
    async fn run(&self, writer: &Writer) -> Ran {
        let (lines, mut told) = mpsc::channel(100);
        let end = self.job(writer).work(&JobReport::new(1, lines), &JobStop::default()).await;
        let mut story = Vec::new();
        while let Some(line) = told.recv().await {
            story.push(line.text);
        }
        Ran { end, story }
    }
}

fn writer(db: &Path, clock: Arc<dyn Clock>) -> Writer {
    Writer::open(db, WriterOptions { cache_mib: 8, demo: true, clock }).unwrap()
}

fn job(data: &Path, writer: &Writer, clock: Arc<dyn Clock>, settings: Settings) -> Maintenance {
    let runs = SchedulerDb::open(&data.join("scheduler.db"), clock.now()).unwrap().db;
    let settings = Arc::new(ArcSwap::from_pointee(settings));
    Maintenance { data_dir: data.to_owned(), writer: writer.clone(), runs, settings, clock }
}

/// How a run ended, and what it told.
#[derive(Debug)]
struct Ran {
    end: JobEnd,
    story: Vec<String>,
}

impl Ran {
    fn summary(&self) -> Summary {
        let (JobEnd::Succeeded { summary, .. } | JobEnd::Failed { summary, .. } | JobEnd::Cancelled { summary }) = &self.end;
        serde_json::from_str(summary.as_deref().unwrap()).unwrap()
    }

    fn step(&self, step: Step) -> StepReport {
        self.summary().steps.into_iter().find(|s| s.step == step).unwrap_or_else(|| panic!("no {step}: {self:?}"))
    }

    /// The steps that came out in this way.
    fn steps(&self, outcome: Outcome) -> Vec<Step> {
        self.summary().steps.iter().filter(|s| s.outcome == outcome).map(|s| s.step).collect()
    }
}

/// `n` minutes of a symbol; prices are unlike those of any other minute.
async fn fill(writer: &Writer, symbol: &str, n: i64) {
    let bar = |i: i64| {
        let close = 100.0 + (i as f64) / 7.0;
        Candle { ts: NIGHT - 3_000_000 + 60 * i, open: close, high: close + 1.0, low: close - 1.0, close, volume: 100.0, is_final: true }
    };
    let series = Series { symbol: Symbol::new(symbol).unwrap(), timeframe: Timeframe::M1 };
    let batch = CandleBatch { series, source: SourceId::Ib, run_id: 1, bars: (0..n).map(bar).collect(), replace: None };
    writer.candles(batch).await.unwrap();
}

/// Names in a folder, sorted.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Flips the lowest bit of a stored price, as a failing disk may: SQLite itself does not notice.
fn flip_a_bit(db: &Path) {
    let price = (100.0 + 778.0 / 7.0_f64).to_be_bytes();
    let mut bytes = std::fs::read(db).unwrap();
    let at = bytes.windows(8).position(|w| w == price).unwrap();
    bytes[at + 7] ^= 1;
    std::fs::write(db, bytes).unwrap();
}
