//! The engine: takes commands, runs ingest, and publishes what an operator needs to know as one [`Snapshot`].
//!
//! It knows no terminal and no HTTP. `control` wraps it in a client; `console` and `cli` see only that client.

mod active;
mod alerts;
mod command;
mod contracts;
mod delta;
mod details;
mod dispatch;
pub mod freshness;
mod host;
mod jobs;
mod logs;
mod owner;
mod pulse;
mod query;
mod snapshot;
mod start;

pub use command::{Ack, Command, CommandError, Envelope, Request};
pub use delta::{Delta, DeltaError};
pub use jobs::{JobBody, JobEnd, JobLine, JobReport, JobStop};
pub use logs::{LogFilter, LogLevel, LogRecord, LogRing};
pub use pulse::{Pulse, Silent};
pub use query::{CoverageCell, CoverageState, JobDetail, Query, QueryError, Reply, RunDetail, SeriesDetail};
pub use snapshot::{
    Alert, AlertLevel, CellState, HostStats, JobView, Market, ProcessView, RunProgress, RunView, SchedulerView, SeriesCell, Snapshot,
};
pub use start::{DATABASE, Engine, EngineError, EngineOptions, Tuning};

pub use crate::ingest::{IngestSpec, PlanSummary, RunSummary};
pub use crate::schedule::PlannedTick;
