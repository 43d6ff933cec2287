//! What training knows of statistics: how good predictions are, how sure that is, what chance would reach, and whether
//! a model may give signals.
//!
//! Pure arithmetic: no clock, no disk, no network, and every random draw follows from a seed; only
//! [`models::Compute::choose`] looks at the machine. A training run fits [`models`] fold by fold and then calls, in
//! this order, [`stack`] and [`calibrate`] on out-of-fold predictions, [`nulls`] for its own refits on data without a
//! signal, and [`gates`] for the verdict.

pub mod bootstrap;
pub mod calibrate;
pub mod gates;
pub mod metrics;
pub mod models;
pub mod multinomial;
pub mod newton;
pub mod normal;
pub mod nulls;
pub mod overfit;
pub mod progress;
pub mod sharpe;
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
