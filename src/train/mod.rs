//! From a data set to models that may give signals, or to the reasons why none may.
//!
//! [`orchestrator`] works through the twelve steps: it alone has a clock, a database and a folder, with [`registry`], which
//! keeps what was made, and [`models::Compute::choose`], which looks at the machine. All below is arithmetic whose every draw
//! follows from a seed: [`pipeline`] fits [`models`] inside the folds, [`stack`] and [`calibrate`] make one answer of theirs,
//! [`backtest`] trades by it, [`attribution`] asks what they lean on, [`nulls`] makes data without a signal for the run's own
//! refits, and [`gates`] gives the verdict.

pub mod asking;
pub mod attribution;
pub mod backtest;
pub mod bootstrap;
pub mod calibrate;
pub mod ensemble;
pub mod gates;
pub mod metrics;
pub mod model_views;
pub mod models;
pub mod multinomial;
pub mod newton;
pub mod normal;
pub mod nulls;
pub mod orchestrator;
pub mod overfit;
pub mod pipeline;
pub mod progress;
pub mod registry;
pub mod sharpe;
pub mod spec;
pub mod stack;

/// A test block for what learns from out-of-fold answers: rows it may learn from, all of earlier blocks and with labels
/// that had ended, and rows it is tested on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Earlier rows.
    pub learn: Vec<usize>,
    /// Rows of the block.
    pub test: Vec<usize>,
}

#[cfg(test)]
mod tests;
