//! Training from market data to a verdict: through the built binary, and through an engine in this process.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper that cannot prepare its files has failed its test")]

mod backtest;
#[path = "../desk/mod.rs"]
mod desk;
mod interrupted;
mod nights;
mod orders;
mod place;
mod report;
mod serving;
mod verdict;
