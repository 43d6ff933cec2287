//! The overnight scan: tonight's features, the champion's answers, the signals that come of them, and what came of earlier
//! ones.

pub mod backtest;
mod spec;
pub mod views;

pub use spec::WatchSpec;
