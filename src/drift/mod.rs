//! Drift: how far what a model sees and says has moved from what it was trained on.
//!
//! A training run freezes a baseline of every feature, of P(BUY), P(SELL) and of the mix of decisions ([`of_columns`],
//! [`of_answers`]); `store` keeps them with the model; monitoring compares the newest sessions with them ([`compare`]).
//! Market features depend on their own past, so fixed thresholds alarm nearly every night: a distance is judged by those
//! that windows of the same length had from the rest of the reference period, and all features together by their false
//! discovery rate ([`benjamini_hochberg`]). Pure: no clock, no disk, no randomness.

mod baseline;
mod bins;
mod categories;
mod discovery;
mod distance;
pub mod episode;
mod ks;
mod ladder;
mod level;
pub mod measure;
mod mix;
pub mod monitor;
pub mod performance;
mod sketch;
mod verdict;
pub mod views;
mod words;

pub use baseline::{Frozen, Shift, Uncalibrated, compare, of_answers, of_columns};
pub use bins::Bins;
pub use categories::Categories;
pub use discovery::benjamini_hochberg;
pub use distance::{divergence, shares, stability, stability_terms};
pub use ks::{KolmogorovSmirnov, kolmogorov_smirnov};
pub use level::{Level, Levels, OF_KS_P};
pub use mix::{Decided, MixShift, compare_mix};
pub use sketch::{Sketch, order_statistics};
pub use verdict::{DatasetVerdict, Family, Figures, Judged, Judgement, Measured, Night, judge};
pub use words::Verdict;

#[cfg(test)]
mod tests;
