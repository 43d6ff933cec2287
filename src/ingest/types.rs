//! What is asked of an ingest run, what it plans and what came of it.

use serde::{Deserialize, Serialize};

use crate::config::{Lookback, SourcePolicy};
use crate::market::{Series, SourceId, Symbol, Timeframe};
use crate::store::master::SeriesState;

/// What an ingest run should cover. Empty lists mean "all".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IngestSpec {
    /// Only these symbols.
    pub symbols: Vec<Symbol>,
    /// Only these timeframes (their bases are fetched as needed).
    pub timeframes: Vec<Timeframe>,
    /// History to reach back for, instead of the configured one.
    pub lookback: Option<Lookback>,
    /// Which source, instead of the configured policy.
    pub source: Option<SourcePolicy>,
    /// Also read splits, dividends, fundamentals and metadata, even if they are recent.
    pub refresh_facets: bool,
}

/// What an ingest would do, or is about to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Series that lack something.
    pub series: u32,
    /// Series that lack nothing.
    pub fresh: u32,
    /// Requests per source, `(source, requests)`.
    pub requests: Vec<(SourceId, u32)>,
    /// Bars expected.
    pub bars: u64,
    /// Series aggregated afterwards.
    pub derived: u32,
    /// Estimated duration, seconds, from the pacer's limits and measured answer times.
    pub seconds: u32,
    /// What cannot be had, and why, a sentence each.
    pub notes: Vec<String>,
}

/// The summary of an ended run, also printed by `ingest --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Series brought up to date.
    pub series_ok: u32,
    /// Series that failed.
    pub series_failed: u32,
    /// Series that lacked nothing.
    pub series_fresh: u32,
    /// Requests made, per source.
    pub requests: Vec<(SourceId, u32)>,
    /// Bars received.
    pub bars: u64,
    /// Bars that were new.
    pub inserted: u64,
    /// Stored final bars that changed.
    pub revised: u64,
    /// Bars aggregated and written.
    pub derived: u64,
    /// New splits.
    pub splits: u32,
    /// New dividends.
    pub dividends: u32,
    /// Symbols whose fundamentals were read.
    pub fundamentals: u32,
    /// Data-quality findings opened.
    pub issues: u32,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Failures, a sentence each, the first 50.
    pub failures: Vec<String>,
}

/// What a run tells its owner while it works.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The plan is made: these series will be worked on.
    Planned {
        /// Its figures.
        summary: PlanSummary,
        /// Series to fetch or derive.
        series: Vec<Series>,
        /// Requests that may be needed, all sources.
        requests: u32,
    },
    /// A series is being fetched or derived.
    Working(Series),
    /// A request was answered.
    Answered {
        /// Bars in the answer.
        bars: u64,
    },
    /// Bars were written, fetched or derived.
    Wrote(u64),
    /// A series is done.
    Done {
        /// Which.
        series: Series,
        /// Why it failed, if it did.
        error: Option<String>,
        /// Its state as stored now.
        state: Option<Box<SeriesState>>,
    },
    /// What the run does now, in a few words.
    Phase(&'static str),
}
