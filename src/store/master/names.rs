//! The words that enumerations have in the tables, where they are not numbers.

use std::fmt;

use super::{Resolution, RunState};
use crate::market::Facet;

/// A facet's word in `facet_read`.
pub(super) const fn facet_name(facet: Facet) -> &'static str {
    match facet {
        Facet::Actions => "actions",
        Facet::Fundamentals => "fundamentals",
        Facet::Metadata => "metadata",
    }
}

/// A run state's word in `ingest_runs`.
pub(super) const fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Succeeded => "succeeded",
        RunState::Partial => "partial",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
        RunState::Lost => "lost",
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(state_name(*self))
    }
}

/// The run state of a word.
pub(super) fn state_of(name: &str) -> Option<RunState> {
    use RunState::{Cancelled, Failed, Lost, Partial, Running, Succeeded};
    [Running, Succeeded, Partial, Failed, Cancelled, Lost].into_iter().find(|s| state_name(*s) == name)
}

/// A resolution's word in `data_quality_log`.
pub(super) const fn resolution_name(r: Resolution) -> &'static str {
    match r {
        Resolution::Accepted => "accepted",
        Resolution::Fixed => "fixed",
        Resolution::Dismissed => "dismissed",
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(resolution_name(*self))
    }
}
