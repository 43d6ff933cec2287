//! What is asked of an ingest run, what it plans and what came of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::{Lookback, SourcePolicy};
use crate::market::{Series, SourceId, Symbol, Timeframe};
use crate::store::master::SeriesState;

/// What an ingest run should cover. Empty lists mean "all".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
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

impl IngestSpec {
    /// Whether it asks for at least as much as a night's ingest: all symbols, all timeframes and the configured history,
    /// of whichever source. Symbols that are named are a part, however many.
    pub const fn is_whole(&self) -> bool {
        self.symbols.is_empty() && self.timeframes.is_empty() && self.lookback.is_none()
    }

    /// The words of what a run's record says it was asked for, an ingest or an import, as JSON; other text is returned
    /// as it stands.
    pub fn words(json: &str) -> String {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Asked {
            Import { import: String, symbol: Symbol, file: String },
            Ingest(IngestSpec),
        }
        match serde_json::from_str(json) {
            Ok(Asked::Import { import, symbol, file }) => format!("import {import} of {symbol} from {file}"),
            Ok(Asked::Ingest(spec)) => spec.to_string(),
            Err(_) => json.to_owned(),
        }
    }
}

/// `all symbols, 3 timeframes, back 30d, source ib`: what a run was asked for, for people.
impl fmt::Display for IngestSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.symbols.as_slice() {
            [] => f.write_str("all symbols")?,
            [one] => write!(f, "{one}")?,
            many => write!(f, "{} symbols", many.len())?,
        }
        match self.timeframes.as_slice() {
            [] => f.write_str(", all timeframes")?,
            [one] => write!(f, ", {one}")?,
            many => write!(f, ", {} timeframes", many.len())?,
        }
        if let Some(lookback) = self.lookback {
            write!(f, ", back {lookback}")?;
        }
        if let Some(source) = self.source {
            write!(f, ", source {source}")?;
        }
        if self.refresh_facets {
            f.write_str(", refresh")?;
        }
        Ok(())
    }
}

/// What an ingest would do, or is about to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
    /// Of these, bars that were not stored before; derived ones are not among them.
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

impl RunSummary {
    /// The summary that a run's record keeps as JSON; `None` while it has none.
    pub fn stored(json: Option<&str>) -> Option<Self> {
        serde_json::from_str(json?).ok()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_reads_as_words() {
        let spec = IngestSpec::default();
        assert_eq!(spec.to_string(), "all symbols, all timeframes");
        let spec = IngestSpec {
            symbols: vec![Symbol::new("AAPL").unwrap()],
            timeframes: vec![Timeframe::M1, Timeframe::D1],
            lookback: Some(Lookback::days(30)),
            source: Some(SourcePolicy::Ib),
            refresh_facets: true,
        };
        let words = "AAPL, 2 timeframes, back 1mo, source ib, refresh";
        assert_eq!(spec.to_string(), words);
        assert_eq!(IngestSpec::words(&serde_json::to_string(&spec).unwrap()), words);
        let import = r#"{"import":"splits","file":"wiki.csv","symbol":"AAPL","raw":false}"#;
        assert_eq!(IngestSpec::words(import), "import splits of AAPL from wiki.csv");
        assert_eq!(IngestSpec::words("{}"), "all symbols, all timeframes");
        assert_eq!(IngestSpec::words("nonsense"), "nonsense");
    }
}
