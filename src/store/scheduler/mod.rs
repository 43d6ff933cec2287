//! `scheduler.db`: jobs, runs, run events and the audit of the configuration. The engine calls it; consumers of market
//! data never need it.
//!
//! [`SchedulerDb`] is the engine's handle: async, cloneable, one thread behind it, durable when a call returns.
//! [`SchedulerReader`] is for commands without an engine. A damaged file never keeps the engine from starting:
//! [`SchedulerDb::open`] moves it aside and says so.

mod aside;
mod error;
mod handle;
mod jobs;
mod open;
mod runs;
mod thread;
mod types;

pub use aside::MovedAside;
pub(crate) use aside::set_aside;
pub use error::SchedulerDbError;
pub use handle::{Opened, SchedulerDb, SchedulerReader};
pub use jobs::JobRow;
pub use runs::RunFilter;
pub use types::*;

#[cfg(test)]
mod tests;
