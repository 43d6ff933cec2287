//! The backtest: what trading by the answers of a training run would have earned, from answers on days that its models had not
//! learnt from.
//!
//! [`replay`] is pure: predictions kept of the run, bars, rules and trials in; report, equity and trades out. Before it
//! trades it proves where the predictions came from ([`prove`]). Exits follow `labels::Barriers`, the rule that made the labels,
//! and positions `train::backtest`, which judged the run. [`BacktestJob`] is the body of the backtest job over the databases: it
//! chooses the run, reads, replays and stores. The rig registers it; `store::model` has what it wrote for pages and commands.

mod choose;
mod job;
mod proof;
mod replay;
mod report;
mod summary;
mod tape;
mod views;
mod work;

use crate::features::nightly::NightError;
use crate::market::Symbol;
use crate::store::StoreError;
use crate::store::model::{FoldPrediction, TestRecord};
use crate::train::backtest::BacktestError;
use crate::train::model_views::ModelState;

pub use job::BacktestJob;
pub use proof::{Impure, prove};
pub use replay::{Order, Replayed, replay};
pub use summary::{EndState, StrategyEnd, Summary};
pub use tape::{Followed, Market, Tape, Unplayable, ranges};
pub use views::{BacktestReport, Capacity, Deflated, Source, Traded, Unplayed};

/// A training run with what is kept of its answers.
#[derive(Clone, Debug, PartialEq)]
pub struct TestedRun {
    /// Its number.
    pub run_id: i64,
    /// Its ensemble.
    pub model_id: i64,
    /// Where the ensemble stands.
    pub state: ModelState,
    /// Seed of the run, from which the bootstrap is drawn.
    pub seed: u32,
    /// Id of the market data that it learnt from.
    pub snapshot: String,
    /// On what the answers were given.
    pub record: TestRecord,
    /// The answers out of fold, by symbol and date.
    pub predictions: Vec<FoldPrediction>,
}

/// Why there is no backtest. What was stored before stands.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A person stopped it.
    #[error("stopped; the backtest before it, if there was one, stands")]
    Stopped,
    /// The run asked for is not there.
    #[error("there is no training run {0}; `nightdesk models list` lists the models of those there are")]
    NoRun(i64),
    /// What was predicted is no evidence.
    #[error(transparent)]
    Impure(#[from] Impure),
    /// Exits by other rules than the models were taught.
    #[error(
        "the rules of labels and regimes have changed since training run {run_id}, so its decisions meant other barriers; train again, or \
         bring validation.label and regime_labeling back"
    )]
    OtherRules {
        /// Which run.
        run_id: i64,
    },
    /// The program's own fault: a symbol was predicted whose bars nobody has read.
    #[error("the bars of {0} were not read; nothing was replayed, but this is a bug: report it with the log")]
    NoMarket(Symbol),
    /// Decisions could not be traded.
    #[error("the decisions could not be traded: {0}")]
    Traded(#[from] BacktestError),
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The market data could not be named.
    #[error(transparent)]
    Market(#[from] NightError),
    /// An ingest wrote at the same time.
    #[error("the daily bars changed while they were read; run again when the ingest has ended")]
    Changed,
}

impl Fault {
    /// Whether another attempt may help without anybody doing anything.
    pub const fn retry(&self) -> bool {
        matches!(self, Self::Changed | Self::Store(StoreError::DiskFull | StoreError::Locked { .. }))
    }
}

#[cfg(test)]
mod tests;
