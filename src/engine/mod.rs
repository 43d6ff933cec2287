//! The engine: takes commands, runs ingest, and publishes what an operator needs to know as one [`Snapshot`].
//!
//! It knows no terminal and no HTTP. `control` wraps it in a client; `console` and `cli` see only that client.

mod acks;
mod active;
mod alerts;
mod boot;
mod command;
mod contracts;
mod delta;
mod details;
mod dispatch;
mod dispatcher;
mod feature_pages;
pub mod freshness;
mod histogram;
mod host;
mod ingest_body;
mod job_views;
mod jobs;
mod learning;
mod logs;
mod nights;
mod owner;
mod pages;
mod parts;
mod pulse;
mod query;
mod reload;
mod settling;
mod shortages;
mod snapshot;
mod start;
mod timetable;
mod watching;

pub use crate::job::{JobBody, JobEnd, JobLine, JobReport, JobStop};
pub use boot::SCHEDULER_DATABASE;
pub use command::{Ack, Command, CommandError, Envelope, Request};
pub use delta::{Delta, DeltaError};
pub use feature_pages::{FeatureCache, FeatureDetail, FeatureLast, FeatureList, FeatureView};
pub use histogram::Histogram;
pub use job_views::asked;
pub use learning::{Learning, Training};
pub use logs::{LogFilter, LogLevel, LogRecord, LogRing};
pub use pulse::{Pulse, Silent};
pub use query::{CoverageCell, CoverageState, JobDetail, Query, QueryError, Reply, RunDetail, SeriesDetail};
pub use reload::{ConfigSource, ReadConfig};
pub use snapshot::{
    Alert, AlertLevel, CellState, HostStats, JobView, Market, ProcessView, RunProgress, RunView, SchedulerView, SeriesCell, Snapshot,
};
pub use start::{BodyMaker, Engine, EngineError, EngineOptions, Materials, Tuning};
pub use timetable::STATE as SCHEDULER_STATE;
pub use watching::Watching;

pub use crate::ingest::{IngestSpec, PlanSummary, RunSummary};
pub use crate::schedule::PlannedTick;
