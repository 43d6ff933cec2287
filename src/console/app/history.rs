//! The run history and a job's history: one list of runs, whoever knows them, and their rows.
//!
//! The engine's snapshot knows the newest runs, the scheduler's store the older ones, and the market's store those
//! that no job started (imports, runs of earlier versions). They share one space of numbers.

use std::collections::HashSet;

use super::table::{Cell, Column, Row, Table};
use super::{App, run_state};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::engine::{IngestSpec, RunSummary, RunView, asked};
use crate::market::DAY;
use crate::store::master::RunRecord;
use crate::store::scheduler::{Job, JobRun, JobState, Trigger};

static RUN_COLUMNS: [Column; 8] = [
    Column { title: "run", width: 5, right: true },
    Column { title: "state", width: 11, right: false },
    Column { title: "job", width: 11, right: false },
    Column { title: "when UTC", width: 11, right: false },
    Column { title: "took", width: 8, right: true },
    Column { title: "session", width: 10, right: false },
    Column { title: "why", width: 11, right: false },
    Column { title: "what came of it", width: 20, right: false },
];

static HISTORY_COLUMNS: [Column; 7] = [
    Column { title: "run", width: 5, right: true },
    Column { title: "state", width: 11, right: false },
    Column { title: "when UTC", width: 11, right: false },
    Column { title: "took", width: 8, right: true },
    Column { title: "", width: BAR as u16, right: false },
    Column { title: "session", width: 10, right: false },
    Column { title: "why, and what came of it", width: 20, right: false },
];

/// Cells of the longest duration's bar.
const BAR: usize = 8;

/// An empty run history.
pub const fn runs_table() -> Table {
    Table::new(&RUN_COLUMNS)
}

/// An empty history of one job.
pub const fn history_table() -> Table {
    Table::new(&HISTORY_COLUMNS)
}

/// Glyph, word and role of a job run's state. A run of which parts failed is a partial one.
pub const fn job_state(run: &JobRun) -> (&'static str, &'static str, Role) {
    match run.state {
        JobState::Queued => ("○", "queued", Role::Focus),
        JobState::Running => ("▸", "running", Role::Focus),
        JobState::Succeeded if run.failures > 0 => ("▲", "partial", Role::Warn),
        JobState::Succeeded => ("✓", "succeeded", Role::Ok),
        JobState::Failed => ("✗", "failed", Role::Bad),
        JobState::TimedOut => ("✗", "timed out", Role::Bad),
        JobState::Cancelled => ("‖", "cancelled", Role::Dim),
        JobState::Skipped => ("·", "skipped", Role::Stale),
        JobState::Lost => ("✗", "lost", Role::Bad),
    }
}

/// The moment a run is listed under: its start, else its tick, else when it was asked for.
pub const fn moment(run: &JobRun) -> i64 {
    match (run.started_at, run.scheduled_for) {
        (Some(at), _) | (None, Some(at)) => at,
        (None, None) => run.queued_at,
    }
}

/// What came of an ingest, in a few words. Bars are new when a source gave them for the first time; those made of them are
/// told apart, as everywhere.
pub fn news(summary: &RunSummary) -> String {
    let failed = if summary.series_failed > 0 { format!(", {} failed", summary.series_failed) } else { String::new() };
    let derived = if summary.derived > 0 { format!(", {} derived", fmt::thousands(summary.derived)) } else { String::new() };
    format!("{} new{derived}{failed}", fmt::count(summary.inserted, "bar", "bars"))
}

/// Why a run exists, in words.
pub fn cause(run: &JobRun) -> String {
    match run.trigger {
        Trigger::Schedule => "on schedule".into(),
        Trigger::CatchUp => "to make up for a missed tick".into(),
        Trigger::Manual => format!("asked for by {}", run.actor),
        Trigger::Retry => format!("try {}, because the one before failed", run.attempt),
        Trigger::Recovery => "because the process died in the run before".into(),
        Trigger::Drift => "because a model has drifted".into(),
        Trigger::SourceBack => "because the primary source is back".into(),
    }
}

/// What a training run says of its end.
fn verdict(run: &JobRun) -> Option<String> {
    let told: serde_json::Value = serde_json::from_str(run.summary.as_deref().filter(|_| run.job == Job::Train)?).ok()?;
    told.get("outcome")?.as_str().map(str::to_owned)
}

/// What is worth knowing of a run: its error, else what came of it, after what was asked for.
fn outcome(run: &JobRun, ingest: Option<&RunView>) -> String {
    let known = || ingest.and_then(|v| v.summary.as_ref()).map(news);
    let news = || known().or_else(|| RunSummary::stored(run.summary.as_deref()).map(|s| news(&s)));
    let told = run.error.clone().or_else(|| verdict(run)).or_else(news);
    match (asked(run), told) {
        (Some(asked), Some(told)) => format!("{asked}: {told}"),
        (asked, told) => asked.or(told).unwrap_or_default(),
    }
}

/// A moment of the last half year to the minute, an older one by its date.
fn when(at: i64, now: i64) -> String {
    if now - at < 180 * DAY { fmt::day_minute(at) } else { fmt::date(at) }
}

/// Cells that all runs have: number, state, moment, duration.
fn first_cells(id: i64, mark: (&str, &str, Role), at: i64, took: Option<i64>, now: i64) -> [Cell; 4] {
    let took = took.map_or_else(|| Cell::number("-", -1), |s| Cell::number(fmt::clock(s), s));
    [Cell::number(id.to_string(), id), Cell::text(format!("{} {}", mark.0, mark.1)), Cell::number(when(at, now), at), took]
}

fn session(run: &JobRun) -> Cell {
    Cell::text(run.session.map_or_else(|| "-".into(), |s| s.to_string()))
}

/// A run of a job in the run history.
fn job_row(run: &JobRun, ingest: Option<&RunView>, now: i64) -> Row {
    let mark = job_state(run);
    let [id, state, at, took] = first_cells(run.id, mark, moment(run), run.seconds(now), now);
    let why = if run.attempt > 1 { format!("try {}", run.attempt) } else { run.trigger.to_string() };
    let cells = vec![id, state, Cell::text(run.job.name()), at, took, session(run), Cell::text(why), Cell::text(outcome(run, ingest))];
    Row { key: run.id, role: mark.2, cells }
}

/// A run that no job started.
struct Plain<'a> {
    id: i64,
    mark: (&'static str, &'static str, Role),
    started_at: i64,
    ended_at: Option<i64>,
    asked: String,
    summary: Option<&'a RunSummary>,
}

fn plain_row(run: &Plain<'_>, now: i64) -> Row {
    let took = run.ended_at.unwrap_or(now).saturating_sub(run.started_at);
    let [id, state, at, took] = first_cells(run.id, run.mark, run.started_at, Some(took), now);
    let told = run.summary.map_or_else(|| run.asked.clone(), |s| format!("{}: {}", run.asked, news(s)));
    let (job, none, why) = (Cell::text(Job::Ingest.name()), Cell::text("-"), Cell::text("manual"));
    Row { key: run.id, role: run.mark.2, cells: vec![id, state, job, at, took, none, why, Cell::text(told)] }
}

fn view_row(run: &RunView, now: i64) -> Row {
    let (id, mark) = (run.id, run_state(run.state));
    let plain =
        Plain { id, mark, started_at: run.started_at, ended_at: run.ended_at, asked: run.spec.to_string(), summary: run.summary.as_ref() };
    plain_row(&plain, now)
}

fn record_row(run: &RunRecord, now: i64) -> Row {
    let summary = RunSummary::stored(run.summary.as_deref());
    let (id, mark, asked) = (run.id, run_state(run.state), IngestSpec::words(&run.spec));
    plain_row(&Plain { id, mark, started_at: run.started_at, ended_at: run.ended_at, asked, summary: summary.as_ref() }, now)
}

/// A run in its job's history; the bar is its share of the longest run.
fn history_row(run: &JobRun, longest: i64, now: i64) -> Row {
    let mark = job_state(run);
    let took = run.seconds(now);
    let [id, state, at, took_cell] = first_cells(run.id, mark, moment(run), took, now);
    let bar = took.filter(|_| longest > 0).map_or_else(String::new, |s| fmt::bar(s as f64 / longest as f64, BAR));
    let bar = Cell::number(bar.trim_end_matches('░'), took.unwrap_or(-1));
    let attempt = if run.attempt > 1 { format!(", try {}", run.attempt) } else { String::new() };
    let told = outcome(run, None);
    let gap = if told.is_empty() { "" } else { ": " };
    let why = Cell::text(format!("{}{attempt}{gap}{told}", run.trigger));
    Row { key: run.id, role: mark.2, cells: vec![id, state, at, took_cell, bar, session(run), why] }
}

impl App {
    /// A job's run by its number, the newest that is known of it.
    pub(in crate::console) fn job_run(&self, id: i64) -> Option<&JobRun> {
        let answered = || self.run_detail.value.as_ref().map(|d| &d.run).filter(|r| r.id == id);
        let listed = || self.job_runs.value.iter().flatten().find(|r| r.id == id);
        let history = || self.job_detail.value.iter().flat_map(|d| &d.runs).find(|r| r.id == id);
        self.snap().job_runs.iter().find(|r| r.id == id).or_else(answered).or_else(listed).or_else(history)
    }

    /// Numbers of the runs that have not ended, those that work before those that wait.
    pub(super) fn active_runs(&self) -> Vec<i64> {
        let live = self.live();
        let mut runs: Vec<&JobRun> = live.job_runs.iter().filter(|r| !r.state.ended()).collect();
        runs.sort_by_key(|r| (r.state == JobState::Queued, r.id));
        let mut ids: Vec<i64> = runs.iter().map(|r| r.id).collect();
        ids.extend(live.active.as_ref().map(|r| r.id).filter(|id| !ids.contains(id)));
        ids
    }

    /// Rows of the newest runs that the snapshot knows, newest first, at most `most`.
    pub(in crate::console) fn recent(&self, most: usize) -> Vec<Row> {
        let (snap, now) = (self.snap(), self.now());
        let mut ids: Vec<i64> = snap.job_runs.iter().map(|r| r.id).collect();
        ids.extend(snap.active.as_deref().into_iter().chain(snap.runs.iter()).map(|r| r.id));
        ids.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
        ids.dedup();
        ids.truncate(most);
        let row = |id: &i64| {
            let job = snap.job_runs.iter().find(|r| r.id == *id).map(|r| job_row(r, self.run(*id), now));
            job.or_else(|| self.run(*id).map(|r| view_row(r, now)))
        };
        ids.iter().filter_map(row).collect()
    }

    /// Builds the run history again.
    pub(super) fn rebuild_runs(&mut self) {
        let now = self.now();
        let mut rows = self.recent(usize::MAX);
        let mut known: HashSet<i64> = rows.iter().map(|r| r.key).collect();
        let older = self.job_runs.value.iter().flatten().filter(|r| known.insert(r.id));
        rows.extend(older.map(|r| job_row(r, None, now)));
        let plain = self.runs.value.iter().flatten().filter(|r| known.insert(r.id));
        rows.extend(plain.map(|r| record_row(r, now)));
        rows.sort_by_key(|r| std::cmp::Reverse(r.key));
        self.runs_table.replace(rows);
    }

    /// Builds the history of the job whose page is open again.
    pub(super) fn rebuild_history(&mut self) {
        let Some(detail) = &self.job_detail.value else { return };
        let now = self.now();
        // The newest runs as the snapshot has them, then those that only the answer holds.
        let newest: Vec<&JobRun> = self.snap().job_runs.iter().filter(|r| r.job == detail.view.job).collect();
        let known: HashSet<i64> = newest.iter().map(|r| r.id).collect();
        let mut runs: Vec<&JobRun> = detail.runs.iter().filter(|r| !known.contains(&r.id)).chain(newest).collect();
        runs.sort_unstable_by_key(|r| std::cmp::Reverse(r.id));
        let longest = runs.iter().filter_map(|r| r.seconds(now)).max().unwrap_or(0);
        let rows = runs.into_iter().map(|r| history_row(r, longest, now)).collect();
        self.history_table.replace(rows);
    }
}
