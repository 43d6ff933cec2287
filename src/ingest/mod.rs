//! Keeps the master database fresh: finds out what is missing, fetches it, checks it, writes it, derives the rest.
//!
//! The engine calls the planner and runs the pipeline; the import command uses the checks. [`missing`], [`derive`] and
//! [`quality`] are pure functions, the planner reads the store, the pipeline asks the sources and writes.

pub mod derive;
pub mod missing;
pub mod pipeline;
mod planner;
pub mod quality;
mod types;

pub use types::{Event, IngestSpec, PlanSummary, RunSummary};
