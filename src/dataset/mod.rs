//! The data-set step: from a strategy's features and bars to rows that a model can trust, with every bar that gives none
//! accounted for.
//!
//! `nightdesk dataset` shows what it makes, training learns from it; scans and drift read the newest rows alone ([`recent`]). What is stored of it is the archive of rare events
//! and the statistics of sectors, both in the strategy's own database.

mod archive;
mod aside;
mod build;
mod errors;
mod fold;
mod kept;
mod normalise;
pub mod of_bars;
pub mod recent;
pub mod replay;
mod samples;
mod summary;
mod symbol;
mod tracking;
pub mod windows;

use chrono::NaiveDate;

use crate::labels::splits::Splits;
use crate::market::DailyBars;

pub use build::{DatasetError, Order, Phase, build};
pub use errors::learn_errors;
pub use fold::{Fold, Origin};
pub use kept::{Fresh, Kept, KeptRow};
pub use normalise::{Normaliser, Scale};
pub use samples::Samples;
pub use summary::{Archived, BlockSize, DropCount, Dropped, Emphasis, Group, Summary, Without};
pub use tracking::{Measure, Thin};

/// What a strategy's models can learn from and be tested on.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// Labelled rows by date.
    pub samples: Samples,
    /// Bars of each symbol, in the order of `samples.symbols`: what windows of near-raw channels are cut from.
    pub bars: Vec<DailyBars>,
    /// Columns of the registry that `samples` holds, in their order.
    pub columns: Vec<usize>,
    /// The dates in which blocks, embargoes and ages are counted.
    pub sessions: Vec<NaiveDate>,
    /// Test blocks and the hold-out; `None` where the history is too short, for the reason in the summary.
    pub splits: Option<Splits>,
    /// Rare events that may be mixed into training.
    pub archive: Vec<Kept>,
    /// Errors that may be learnt again.
    pub replay: Vec<Kept>,
    /// All of it in numbers.
    pub summary: Summary,
}
