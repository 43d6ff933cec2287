//! Drift: how far what a model sees and says has moved from what it was trained on.
//!
//! A training run freezes a baseline of every feature, of P(BUY), P(SELL) and of the mix of decisions ([`of_columns`],
//! [`of_answers`]); `store` keeps them with the model; monitoring compares the newest sessions with them ([`compare`]).
//! Market features depend on their own past, so fixed thresholds alarm nearly every night: a distance is judged by those
//! that windows of the same length had from the rest of the reference period, and all features together by their false
//! discovery rate ([`benjamini_hochberg`]). Pure: no clock, no disk, no randomness.

mod baseline;
mod bins;
mod discovery;
mod distance;
mod ks;
mod ladder;
pub mod measure;
mod sketch;

pub use baseline::{Frozen, Shift, Uncalibrated, compare, of_answers, of_columns};
pub use bins::Bins;
pub use discovery::benjamini_hochberg;
pub use distance::{divergence, shares, stability};
pub use ks::{KolmogorovSmirnov, kolmogorov_smirnov};
pub use sketch::{Sketch, order_statistics};

#[cfg(test)]
mod tests;
