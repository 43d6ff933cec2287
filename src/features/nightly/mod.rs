//! The features of a strategy, kept up to date: a night computes the rows of the current month and gives the bits of a full
//! recomputation.
//!
//! What the rows before a month depend on is hashed for all symbols ([`plan`]). While that hash is what it was when the
//! month's checkpoint was made, those rows stand; otherwise an older checkpoint serves, or everything is made anew.
//! Called by `nightdesk features` and by the data-set step. Blocks, and uses all cores.

mod check;
mod compute;
mod freshness;
mod missing;
mod plan;
mod survey;
mod write;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

pub use check::{Checked, Difference, check};
pub use freshness::{Freshness, freshness};
pub use missing::{Absent, MissingCounts, NoFeatures, why_missing};

use super::definition_hash;
use super::engine::EngineError;
use crate::market::{Instrument, Symbol};
use crate::store::StoreError;
use crate::store::master::ReadPool;
use crate::store::model::{FeatureColumns, Made, ModelDb, ModelReader};
use plan::Plan;
use survey::Survey;

/// Rows of a transaction: 28 MiB.
pub const ROWS: usize = 20_000;

/// What features are made of, and who is told.
pub struct Desk<'a> {
    /// The market data.
    pub master: &'a ReadPool,
    /// The strategy's symbols, in the order of its universe.
    pub instruments: &'a [Instrument],
    /// Whose return is the market's; `None` for the mean of the strategy's stocks.
    pub benchmark: Option<Symbol>,
    /// Whether dividends are multiplied in: with them, prices are total-return prices.
    pub dividends: bool,
    /// Hears of steps done and of all steps: each symbol is read once and computed once.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
    /// Rows of a transaction at least; [`ROWS`] is a good number.
    pub rows: usize,
    /// Ends the work within a second; what is stored stays, and the next run makes good for what is not.
    pub stop: &'a CancellationToken,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Symbols that have features.
    pub symbols: usize,
    /// Symbols that have none, and why.
    pub without: Vec<(Symbol, NoFeatures)>,
    /// The benchmark, if it gives no returns, and why: what needs the market is missing everywhere.
    pub silent_benchmark: Option<(Symbol, NoFeatures)>,
    /// Rows computed: bars times symbols.
    pub rows: u64,
    /// Rows of the months that were not stored with the same content.
    pub rows_written: u64,
    /// Why everything was computed, if it was.
    pub whole: Option<String>,
    /// Id of the market data the features are now made of.
    pub snapshot: String,
    /// Missing values among the computed rows.
    pub missing: MissingCounts,
}

/// Why features could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum NightError {
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A symbol could not be computed.
    #[error("the features of {symbol} could not be computed: {cause}")]
    Engine {
        /// Which.
        symbol: Symbol,
        /// Why.
        cause: EngineError,
    },
    /// An ingest wrote at the same time.
    #[error("the daily bars of {0} changed while features were made of them; run again when the ingest has ended")]
    Changed(Symbol),
    /// Told to stop.
    #[error("stopped; what was stored is sound, and the next run makes the rest")]
    Stopped,
}

/// Brings the features in `db` up to date with the market data. With `anew` nothing that is stored is relied on.
pub fn bring_up_to_date(db: &mut ModelDb, desk: &Desk<'_>, anew: bool) -> Result<Report, NightError> {
    let survey = Survey::take(desk)?;
    let stored = db.reader().checkpoints()?;
    let mut plan = if anew { Plan::whole(&survey, "it was asked for") } else { Plan::choose(&survey, &stored) };
    let tails = match plan.from {
        Some(_) => compute::tails(desk, &survey, &mut plan)?,
        None => None,
    };
    if anew {
        // Damage may hide behind a digest that is right.
        db.forget_features()?;
    }
    if stored.iter().any(|c| plan.from.is_none_or(|month| c.month > month)) {
        db.forget_checkpoints(plan.from)?;
    }
    let made = Made { definition: definition_hash().to_owned(), snapshot: survey.snapshot() };
    let sum = write::write(db, desk, &survey, &plan, tails.as_deref(), &made)?;
    let report = Report {
        symbols: survey.usable().count(),
        without: survey.without(),
        silent_benchmark: survey.silent_benchmark(),
        rows: sum.rows,
        rows_written: sum.written,
        whole: plan.why_whole,
        snapshot: made.snapshot,
        missing: sum.missing,
    };
    tracing::info!(
        target: "features", symbols = report.symbols, rows = report.rows, written = report.rows_written, snapshot = report.snapshot,
        whole = report.whole.as_deref().unwrap_or("no"), "Features are up to date"
    );
    if let Some((symbol, why)) = &report.silent_benchmark {
        tracing::warn!(target: "features", symbol = symbol.as_str(), why = %why, "The benchmark gives no market returns");
    }
    Ok(report)
}

/// The id of the market data that features of these symbols would be made of now.
pub fn snapshot_id(desk: &Desk<'_>) -> Result<String, NightError> {
    Ok(Survey::take(desk)?.snapshot())
}

/// The cached features of the bars of `symbol` stamped in `[from, to)`, in the order of the registry.
pub fn read_features(reader: &ModelReader, symbol: Symbol, span: (i64, i64)) -> Result<FeatureColumns, StoreError> {
    reader.features(symbol, span, definition_hash())
}

/// Steps done so far, told to [`Desk::progress`], which also looks at whether to stop.
struct Steps<'a> {
    desk: &'a Desk<'a>,
    done: AtomicUsize,
}

impl<'a> Steps<'a> {
    const fn new(desk: &'a Desk<'a>, done: usize) -> Self {
        Self { desk, done: AtomicUsize::new(done) }
    }

    fn go_on(&self) -> Result<(), NightError> {
        if self.desk.stop.is_cancelled() { Err(NightError::Stopped) } else { Ok(()) }
    }

    fn step(&self) {
        (self.desk.progress)(self.done.fetch_add(1, Ordering::Relaxed) + 1, 2 * self.desk.instruments.len());
    }
}
