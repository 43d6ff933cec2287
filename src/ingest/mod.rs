//! Keeps the master database fresh: finds out what is missing, fetches it, checks it, writes it, derives the rest.
//!
//! The engine calls [`missing`] through the planner and runs the pipeline; nothing else does. [`quality`] and
//! [`derive`] are pure: they do no I/O.

pub mod derive;
pub mod missing;
pub mod quality;
mod types;

pub use types::{Event, IngestSpec, PlanSummary, RunSummary};
