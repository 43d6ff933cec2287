//! Panes, pages, and the tables of the pages.

use super::table::{Cell, Column, Row, Table};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::market::SourceId;
use crate::store::master::{RunState, Scope, Severity, StoredIssue};
use crate::store::scheduler::Job;

/// The six panes of the first screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// The heat map.
    Ingest,
    /// Links, rates, breakers.
    Sources,
    /// Next and last runs of each job.
    Schedule,
    /// Model runs.
    Training,
    /// Drift of features and models.
    Drift,
    /// The log.
    Logs,
}

impl Pane {
    /// All panes, by number.
    pub const ALL: [Self; 6] = [Self::Ingest, Self::Sources, Self::Schedule, Self::Training, Self::Drift, Self::Logs];

    /// Title with its number.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ingest => "1 Ingest",
            Self::Sources => "2 Sources",
            Self::Schedule => "3 Schedule",
            Self::Training => "4 Training",
            Self::Drift => "5 Drift",
            Self::Logs => "6 Logs",
        }
    }
}

/// A page over the panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The series under the heat map's cursor.
    Series,
    /// A source.
    Source(SourceId),
    /// A job: its schedule, its next ticks, its history.
    Job(Job),
    /// A run.
    Run(i64),
    /// The run history.
    Runs,
    /// Open data-quality findings.
    Issues,
    /// The features of a strategy.
    Features,
    /// The feature selected in that list.
    Feature,
    /// The training run that pane 4 shows, where no run of the job stands for it.
    Training,
    /// The models of a strategy.
    Models,
    /// All subjects of a strategy's drift.
    Drift,
    /// The subject chosen in pane, list, alert or feature.
    Subject,
    /// The signals of a strategy, and its newest scan.
    Signals,
    /// A signal, by its key.
    Signal(i64),
    /// The sectors of a strategy.
    Sectors,
}

static ISSUE_COLUMNS: [Column; 7] = [
    Column { title: "id", width: 5, right: true },
    Column { title: "severity", width: 10, right: false },
    Column { title: "check", width: 5, right: true },
    Column { title: "series", width: 13, right: false },
    Column { title: "opened UTC", width: 16, right: false },
    Column { title: "covers", width: 23, right: false },
    Column { title: "finding", width: 40, right: false },
];

/// An empty list of findings.
pub const fn issues_table() -> Table {
    Table::new(&ISSUE_COLUMNS)
}

/// Glyph, word and role of an ingest run's state.
pub const fn run_state(state: RunState) -> (&'static str, &'static str, Role) {
    match state {
        RunState::Running => ("▸", "running", Role::Focus),
        RunState::Succeeded => ("✓", "succeeded", Role::Ok),
        RunState::Partial => ("▲", "partial", Role::Warn),
        RunState::Failed => ("✗", "failed", Role::Bad),
        RunState::Cancelled => ("‖", "cancelled", Role::Dim),
        RunState::Lost => ("✗", "lost", Role::Bad),
    }
}

/// Word and role of a severity.
pub const fn severity(severity: Severity) -> (&'static str, &'static str, Role) {
    match severity {
        Severity::Info => ("·", "info", Role::Dim),
        Severity::Warn => ("▲", "warn", Role::Warn),
        Severity::Exclude => ("▓", "excluded", Role::Stale),
        Severity::Critical => ("✗", "critical", Role::Bad),
    }
}

/// What a finding covers, in words.
pub fn scope(issue: &StoredIssue) -> String {
    let tf = issue.issue.series.timeframe;
    match issue.issue.scope {
        Scope::Series => "the whole series".into(),
        Scope::Bars { from, to } if from == to => fmt::stamp(from, tf, 0),
        Scope::Bars { from, to } => format!("{} to {}", fmt::date(from), fmt::date(to)),
    }
}

/// A row of the findings.
pub fn issue_row(stored: &StoredIssue) -> Row {
    let (glyph, word, role) = severity(stored.issue.severity);
    Row {
        key: stored.id,
        role,
        cells: vec![
            Cell::number(stored.id.to_string(), stored.id),
            Cell { text: format!("{glyph} {word}"), key: super::table::SortKey::Number(stored.issue.severity as i64) },
            Cell::number(stored.issue.check.to_string(), i64::from(stored.issue.check)),
            Cell::text(stored.issue.series.to_string()),
            Cell::number(fmt::minute(stored.opened_at), stored.opened_at),
            Cell::text(scope(stored)),
            Cell::text(stored.issue.message.clone()),
        ],
    }
}
