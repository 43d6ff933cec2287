//! The values that cross the store's border.

use serde::{Deserialize, Serialize};

use crate::market::{Bars, Candle, Dividend, Series, SourceId, Split, Symbol, Timeframe};

/// Bars of one series for the writer, from one source and one run. Written in one transaction: all or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct CandleBatch {
    /// Which series.
    pub series: Series,
    /// Who served them; a derived bar carries the least preferred source among its inputs.
    pub source: SourceId,
    /// The ingest run that brought them.
    pub run_id: i64,
    /// Ascending by `ts`, without duplicates.
    pub bars: Bars,
    /// When set, stored bars inside `[start, end)` that are not in `bars` are deleted in the same transaction: derived
    /// buckets that no longer have inputs.
    pub replace: Option<(i64, i64)>,
}

/// What a batch did to the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteReport {
    /// Bars that were not there.
    pub inserted: u64,
    /// Final bars that were there with other content.
    pub revised: u64,
    /// Forming bars that moved on or became final; normal, not a revision.
    pub completed: u64,
    /// Bars that were there with the same content.
    pub unchanged: u64,
    /// Bars removed by `replace`.
    pub deleted: u64,
    /// Old and new content of revised bars, the first 64.
    pub revisions: Vec<Revision>,
}

impl WriteReport {
    /// Whether the revisions share one factor away from 1: what a split, or its reversal, does to a vendor's history.
    pub fn is_rebased(&self) -> bool {
        let mut factors = self.revisions.iter().map(|r| r.new.close / r.old.close);
        let Some(first) = factors.next() else { return false };
        self.revisions.len() >= 2 && (first - 1.0).abs() > 0.05 && factors.all(|f| (f / first - 1.0).abs() < 1e-3)
    }
}

/// What putting a history on another share basis did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SwapReport {
    /// What the bars served anew did.
    pub written: WriteReport,
    /// Stored bars for which none came.
    pub kept: u64,
    /// Those of them that were adjusted.
    pub adjusted: u64,
}

/// A final bar that a source changed afterwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Revision {
    /// What was stored.
    pub old: Candle,
    /// What replaced it.
    pub new: Candle,
}

/// What writing corporate actions changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActionsReport {
    /// Splits that were not stored before, or with another ratio: their series must be fetched again.
    pub new_splits: Vec<Split>,
    /// Dividends that were not stored before, or with another amount.
    pub new_dividends: Vec<Dividend>,
}

/// How bad a data-quality finding is; the letters are those of the check table in docs/data-quality.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// I: worth knowing.
    Info,
    /// W: look at it some time.
    Warn,
    /// E: the bars are excluded from reads.
    Exclude,
    /// C: the bars, or the series, are quarantined until an operator or an action explains them.
    Critical,
}

impl Severity {
    /// The letter of the check table.
    pub const fn letter(self) -> char {
        match self {
            Self::Info => 'I',
            Self::Warn => 'W',
            Self::Exclude => 'E',
            Self::Critical => 'C',
        }
    }

    /// The severity of a letter.
    pub fn from_letter(letter: &str) -> Option<Self> {
        [Self::Info, Self::Warn, Self::Exclude, Self::Critical].into_iter().find(|s| letter.len() == 1 && letter.starts_with(s.letter()))
    }

    /// Whether reads leave the bars out.
    pub const fn hides(self) -> bool {
        matches!(self, Self::Exclude | Self::Critical)
    }
}

/// What a finding covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The bars stamped `from..=to`.
    Bars {
        /// First stamp.
        from: i64,
        /// Last stamp.
        to: i64,
    },
    /// The series as a whole: a hiding severity blocks all reads of it.
    Series,
}

/// A data-quality finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Issue {
    /// Number of the check, 1 to 25.
    pub check: u8,
    /// How bad.
    pub severity: Severity,
    /// Where.
    pub series: Series,
    /// How much of it.
    pub scope: Scope,
    /// A sentence for people, with the figures that led to it.
    pub message: String,
}

/// A finding as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StoredIssue {
    /// Key in `data_quality_log`.
    pub id: i64,
    /// When it was first found, UTC seconds.
    pub opened_at: i64,
    /// Run that last found it.
    pub run_id: Option<i64>,
    /// When and how it was settled.
    pub resolved: Option<(i64, String)>,
    /// The finding.
    pub issue: Issue,
}

/// How a finding was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Resolution {
    /// The data are right; show them, and do not report this finding again.
    Accepted,
    /// The data were corrected by a later fetch or import.
    Fixed,
    /// The data are wrong; keep them hidden, but stop asking for attention.
    Dismissed,
}

/// One request made for a series, for the drill-down page and the run's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attempt {
    /// Run it belongs to.
    pub run_id: i64,
    /// When it was sent, UTC seconds.
    pub at: i64,
    /// For which series.
    pub series: Series,
    /// To which source.
    pub source: SourceId,
    /// Span asked for.
    pub window: (i64, i64),
    /// `Outcome::kind`.
    pub outcome: String,
    /// Bars received.
    pub bars: u32,
    /// Time to the answer, milliseconds.
    pub millis: u32,
    /// What the source said, when it was no data.
    pub message: Option<String>,
}

/// The state of one series, updated in the transaction that changes its bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SeriesState {
    /// Which series.
    pub series: Series,
    /// First stored stamp.
    pub first_ts: Option<i64>,
    /// Last stored stamp.
    pub last_ts: Option<i64>,
    /// Last stamp of a final bar.
    pub last_final_ts: Option<i64>,
    /// Stored bars.
    pub rows: u64,
    /// Source of the last bar.
    pub source: Option<SourceId>,
    /// Timeframe it is aggregated from; `None` when fetched.
    pub derived_from: Option<Timeframe>,
    /// Last time a fetch or derivation was tried, UTC seconds.
    pub attempted_at: Option<i64>,
    /// Last time one succeeded.
    pub succeeded_at: Option<i64>,
    /// Bars the calendar expects between first and last and does not find, unexplained.
    pub gaps: u64,
    /// Why the last attempt failed; `None` when it succeeded.
    pub error: Option<String>,
    /// Open finding that hides the series, or the one it is derived from, as a whole.
    pub blocked: Option<String>,
}

/// A fetched series that its derived ones are not made of yet as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Underived {
    /// Which series.
    pub series: Series,
    /// Stamps of the bars that changed, were hidden or shown, `[start, end)`.
    pub span: (i64, i64),
    /// How often anything changed, ever.
    pub changes: i64,
}

/// What the pipeline learned about a series; `None` fields keep what is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesUpdate {
    /// Which series.
    pub series: Series,
    /// When it was tried.
    pub attempted_at: i64,
    /// Error text, or `None` for success.
    pub error: Option<String>,
    /// Unexplained holes, when they were counted.
    pub gaps: Option<u64>,
    /// Base timeframe of a derived series.
    pub derived_from: Option<Timeframe>,
}

/// A span that a source said holds nothing, so that the planner does not ask for it every night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptySpan {
    /// Which series.
    pub series: Series,
    /// Who said so.
    pub source: SourceId,
    /// First instant.
    pub start: i64,
    /// First instant after.
    pub end: i64,
    /// When it was last asked, UTC seconds.
    pub asked_at: i64,
    /// How often it was asked.
    pub times: u32,
}

/// How a run ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the states are the contract's words")]
pub enum RunState {
    Running,
    Succeeded,
    /// Ended, but some series failed.
    Partial,
    Failed,
    Cancelled,
    /// Found `running` by a later process: its own was killed.
    Lost,
}

/// An ingest run as stored in `ingest_runs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunRecord {
    /// Key.
    pub id: i64,
    /// Start, UTC seconds.
    pub started_at: i64,
    /// End.
    pub ended_at: Option<i64>,
    /// State.
    pub state: RunState,
    /// What was asked for (JSON of the spec).
    pub spec: String,
    /// What came of it (JSON of the summary).
    pub summary: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A symbol as `active_symbols` and `search_symbols` return it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolRow {
    /// Ticker.
    pub symbol: Symbol,
    /// `stock` or `crypto`.
    pub asset: crate::market::AssetClass,
    /// Name for people.
    pub name: Option<String>,
    /// Current sector.
    pub sector: Option<String>,
    /// Whether it is in the universe.
    pub active: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revised(closes: &[(f64, f64)]) -> WriteReport {
        let bar = |c| Candle { ts: 0, open: c, high: c, low: c, close: c, volume: 1.0, is_final: true };
        WriteReport { revisions: closes.iter().map(|&(a, b)| Revision { old: bar(a), new: bar(b) }).collect(), ..WriteReport::default() }
    }

    #[test]
    fn a_common_factor_is_a_rebase_and_noise_is_not() {
        assert!(revised(&[(400.0, 100.0), (404.0, 101.0)]).is_rebased());
        assert!(!revised(&[(400.0, 400.1), (404.0, 404.1)]).is_rebased());
        assert!(!revised(&[(400.0, 100.0), (404.0, 404.5)]).is_rebased());
        assert!(!revised(&[(400.0, 100.0)]).is_rebased());
        assert!(!revised(&[]).is_rebased());
    }
}
