//! The data-set step: from a strategy's features and bars to rows that a model can trust, with every bar that gives none
//! accounted for.
//!
//! `nightdesk dataset` shows what it makes, training learns from it. What is stored of it is the archive of rare events
//! and the statistics of sectors, both in the strategy's own database.

mod samples;
mod summary;
mod tracking;

pub use samples::Samples;
pub use summary::{Archived, BlockSize, DropCount, Dropped, Emphasis, Group, Summary, Without};
pub use tracking::{Measure, Thin};
