//! The overnight scan: tonight's features, the champion's answers, the signals that come of them, and what came of earlier
//! ones.
//!
//! [`night`] does a strategy's scan: it settles open signals ([`outcomes`]), asks the model that serves, decides by lift for
//! the symbols that may be traded ([`eligible`]), tells what spoke for each signal ([`explain`]), and records the night in one
//! transaction. The scan job calls it. It reads the master database and never writes it.

pub mod backtest;
pub mod choice;
mod decide;
pub mod eligible;
pub mod explain;
pub mod night;
mod order;
pub mod outcomes;
mod spec;
mod summary;
pub mod views;

pub use order::{WatchError, WatchOrder};
pub use spec::WatchSpec;
pub use summary::{NightSummary, StrategyNight};
