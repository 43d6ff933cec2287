//! The headless engine as a process: what it tells its service manager and its lock file, how it ends, and how the
//! next one begins.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper that cannot prepare its files has failed its test")]

mod attach;
#[path = "../desk/mod.rs"]
mod desk;
mod kills;
mod life;
mod process;
mod reload;
mod units;
