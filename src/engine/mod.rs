//! The engine: takes commands, runs ingest, and publishes what an operator needs to know as one [`Snapshot`].
//!
//! It knows no terminal and no HTTP. `control` wraps it in a client; `console` and `cli` see only that client.

mod command;
mod logs;
mod query;
mod snapshot;

pub use command::{Ack, Command, CommandError, Envelope, Request};
pub use logs::{LogFilter, LogLevel, LogRecord, LogRing};
pub use query::{CoverageCell, CoverageState, Query, QueryError, Reply, SeriesDetail};
pub use snapshot::{Alert, AlertLevel, CellState, HostStats, Market, RunProgress, RunView, SeriesCell, Snapshot};

pub use crate::ingest::{IngestSpec, PlanSummary, RunSummary};
