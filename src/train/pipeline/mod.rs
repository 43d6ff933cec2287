//! From a data set to answers out of fold, decisions and their worth: what a training run does between its data and its
//! gates, and what its null controls do again on data without a signal.
//!
//! Nothing here reads a disk, a clock or a database: every result follows from the data set, the rules and the seed. The
//! orchestrator calls it and keeps what it makes.

pub mod control;
pub mod crew;
pub mod economics;
pub mod fitting;
pub mod pooled;
pub mod prepared;
mod walks;

use crate::random;

/// The seed of a fit: a function of the run's seed, the model, the block (the number of blocks for the final fit) and the
/// number of the seed. Drawn numbers of two fits have nothing to do with each other.
pub fn fit_seed(run: u32, model: crate::config::strategy::ModelName, block: u32, seed: u32) -> u64 {
    random::Stream::new(&[u64::from(run), random::key(&model.to_string()), u64::from(block), u64::from(seed)]).bits()
}
