//! The page of one run, whatever its job, and the short list of runs on wide screens.

use ratatui::layout::Rect;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, Panel};
use super::widget::{self, Fact};
use super::{detail, ingest, job, story};
use crate::console::app::{App, cause, job_state, run_state};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::engine::{IngestSpec, RunSummary, RunView, asked};
use crate::market::SourceId;
use crate::store::master::RunRecord;
use crate::store::scheduler::{Job, JobRun, JobState};

/// What is known of a run, by who knows it.
struct Known<'a> {
    /// As a job's run.
    run: Option<&'a JobRun>,
    /// As an ingest of the engine's snapshot.
    view: Option<&'a RunView>,
    /// As the market's store keeps it.
    record: Option<&'a RunRecord>,
}

impl Known<'_> {
    /// Glyph, word and role of its state.
    fn state(&self) -> Option<(&'static str, &'static str, Role)> {
        let ingest = || self.view.map(|v| v.state).or_else(|| self.record.map(|r| r.state)).map(run_state);
        self.run.map(job_state).or_else(ingest)
    }

    fn active(&self) -> bool {
        self.run.map_or_else(|| self.view.is_some_and(|v| v.ended_at.is_none()), |r| !r.state.ended())
    }

    /// What it was asked for.
    fn asked(&self) -> String {
        let stored = || self.record.map(|r| IngestSpec::words(&r.spec));
        let params = || self.run.and_then(asked);
        let whole = || "its normal work".to_owned();
        self.view.map(|v| v.spec.to_string()).or_else(params).or_else(stored).unwrap_or_else(whole)
    }

    fn started(&self) -> Option<i64> {
        self.run.map_or_else(|| self.view.map(|v| v.started_at).or_else(|| self.record.map(|r| r.started_at)), |r| r.started_at)
    }

    fn seconds(&self, now: i64) -> Option<i64> {
        let span = |start: i64, end: Option<i64>| (end.unwrap_or(now) - start).max(0);
        let ingest = || self.view.map(|v| span(v.started_at, v.ended_at)).or_else(|| self.record.map(|r| span(r.started_at, r.ended_at)));
        self.run.map_or_else(ingest, |r| r.seconds(now))
    }

    fn error(&self) -> Option<&str> {
        self.run.and_then(|r| r.error.as_deref()).or_else(|| self.record.and_then(|r| r.error.as_deref()))
    }
}

/// Draws the page.
pub fn draw(c: &mut Canvas<'_>, app: &App, id: i64, area: Rect) {
    let known = Known { run: app.job_run(id), view: app.run(id), record: app.runs.value.iter().flatten().find(|r| r.id == id) };
    let job = known.run.map_or(Job::Ingest, |r| r.job);
    let title = format!("Run {id} {job}");
    let Some(mark) = known.state() else {
        let title = format!("Run {id}");
        let inner = c.panel(area, &Panel { title: &title, focused: true, ..Panel::default() });
        job::pending(c, app, app.run_detail.error.as_deref(), inner);
        return;
    };
    let facts = facts(c, app, &known, mark);
    // The story needs room too: on low screens the facts that come last go first.
    let height = (facts.len() as u16 + 2).min(area.height / 2);
    let [top, rest] = widget::rows(area, [height, area.height]);
    let asked = known.asked();
    let inner = c.panel(top, &Panel { title: &title, summary: &asked, focused: true, ..Panel::default() });
    detail::facts(c, inner, &facts);
    if rest.height >= 3 {
        let left = Rect { width: (rest.width / 2).min(50), ..rest };
        outcome(c, app, id, &known, left);
        story::draw(c, app, id, false, Rect { x: left.right(), width: rest.width - left.width, ..rest });
    }
}

fn facts(c: &Canvas<'_>, app: &App, known: &Known<'_>, mark: (&str, &str, Role)) -> Vec<Fact<'static>> {
    let (now, text) = (app.now(), c.s(Role::Text));
    let cancelling = if known.view.is_some_and(|v| v.cancelling) { ", cancelling" } else { "" };
    let mut facts: Vec<Fact<'static>> = vec![("state", format!("{} {}{cancelling}", mark.0, mark.1), c.s(mark.2))];
    let went = known.run.is_some_and(|r| r.state == JobState::Succeeded);
    facts.extend(known.error().map(|e| (if went { "said" } else { "error" }, e.to_owned(), if went { text } else { c.s(mark.2) })));
    if let Some(at) = known.started() {
        facts.push(("started", format!("{} UTC", fmt::minute(at)), text));
    }
    if let Some(took) = known.seconds(now) {
        let may = known.run.filter(|_| known.active()).and_then(|r| app.job_view(r.job)).filter(|j| j.timeout_s > 0);
        let may = may.map_or_else(String::new, |j| format!(" of {} it may take", fmt::clock(j.timeout_s.into())));
        facts.push(("took", format!("{}{may}", fmt::clock(took)), text));
    }
    if let Some(view) = known.view.filter(|v| v.ended_at.is_none()) {
        facts.extend(progress(c, view));
    }
    if let Some(run) = known.run {
        facts.push(("why", reason(run), c.s(Role::Dim)));
        let retry = run.not_before.filter(|at| *at > now && run.started_at.is_none());
        facts.extend(retry.map(|at| ("starts in", fmt::countdown(at, now), c.s(Role::Focus))));
    }
    facts
}

/// Why a run exists, and what for.
fn reason(run: &JobRun) -> String {
    let tick = run.scheduled_for.map_or_else(String::new, |at| format!(", tick of {} UTC", fmt::minute(at)));
    let session = run.session.map_or_else(String::new, |s| format!(", session {s}"));
    format!("{}{tick}{session}", cause(run))
}

/// How far an ingest is.
fn progress(c: &Canvas<'_>, run: &RunView) -> Vec<Fact<'static>> {
    let (p, text) = (&run.progress, c.s(Role::Text));
    let series = format!("{} of {}, {} failed", fmt::thousands(p.series_done.into()), fmt::thousands(p.series_total.into()), p.failed);
    let eta = p.eta_s.map_or_else(|| "warming up".into(), |s| fmt::clock(s.into()));
    let rate =
        format!("{} received, {} written, {} bars/s", fmt::thousands(p.bars), fmt::thousands(p.written), fmt::short(p.bars_per_second));
    vec![
        ("progress", format!("{} {:.1}%  ETA {eta}", fmt::bar(ingest::share(run), 24), ingest::share(run) * 100.0), c.s(Role::Focus)),
        ("series", series, text),
        ("requests", format!("{} of {}", fmt::thousands(p.requests_done.into()), fmt::thousands(p.requests_total.into())), text),
        ("bars", rate, text),
        ("now", p.phase.clone(), text),
    ]
}

/// What came of a run: an ingest's figures, or what another job reported.
fn outcome(c: &mut Canvas<'_>, app: &App, id: i64, known: &Known<'_>, area: Rect) {
    let inner = c.panel(area, &Panel { title: "Outcome", ..Panel::default() });
    if let Some(summary) = app.ingest_summary(id) {
        let facts = summary_facts(c, summary);
        detail::facts(c, inner, &facts);
        return;
    }
    if let Some(reported) = known.run.and_then(|r| r.summary.as_deref()).and_then(reported) {
        report(c, &reported, inner);
        return;
    }
    let text = if known.active() { "It comes when the run ends." } else { "Nothing was reported. What had been written is kept." };
    detail::empty(c, inner, text);
}

/// Writes a report, its names as wide as the longest needs.
fn report(c: &mut Canvas<'_>, reported: &[(String, String)], area: Rect) {
    let widest = reported.iter().map(|(name, _)| name.width()).max().unwrap_or(0) as u16;
    let left = widest.min(area.width / 2);
    let mut y = area.y;
    for (name, value) in reported {
        if y >= area.bottom() {
            return;
        }
        c.put(area.x + 1, y, left, name, c.s(Role::Dim));
        let x = area.x + left + 3;
        let rest = Rect { x, y, width: area.right().saturating_sub(x + 1), height: area.bottom() - y };
        y += c.wrapped(rest, value, c.s(Role::Text)).max(1);
    }
}

/// The lines of a report: its fields with names in words, and of a list of steps each step with what it says.
fn reported(json: &str) -> Option<Vec<(String, String)>> {
    let Value::Object(fields) = serde_json::from_str(json).ok()? else { return None };
    let mut lines = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Array(steps) if steps.iter().any(Value::is_object) => lines.extend(steps.iter().map(step)),
            value => lines.push((name.replace('_', " "), plain(&name, &value))),
        }
    }
    Some(lines)
}

/// A step of a report: its name, and what it says.
fn step(step: &Value) -> (String, String) {
    let field = |names: [&str; 3]| names.iter().find_map(|n| step.get(n)?.as_str()).map(str::to_owned);
    (field(["step", "name", "strategy"]).unwrap_or_default(), field(["text", "outcome", "words"]).unwrap_or_else(|| step.to_string()))
}

/// A value of a report as a person writes it.
fn plain(name: &str, value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
        Value::Number(n) => match n.as_u64() {
            Some(n) if name.ends_with("bytes") => fmt::bytes(n),
            Some(n) => fmt::thousands(n),
            None => n.as_f64().map_or_else(|| n.to_string(), |x| format!("{x:.1}")),
        },
        Value::Array(list) if list.is_empty() => "none".into(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

fn summary_facts(c: &Canvas<'_>, s: &RunSummary) -> Vec<Fact<'static>> {
    let text = c.s(Role::Text);
    let list =
        |v: &[(SourceId, u32)]| v.iter().map(|(id, n)| format!("{id} {}", fmt::thousands((*n).into()))).collect::<Vec<_>>().join("  ");
    let failed = if s.series_failed > 0 { c.s(Role::Bad) } else { text };
    vec![
        ("series", format!("{} done, {} fresh already", fmt::thousands(s.series_ok.into()), fmt::thousands(s.series_fresh.into())), text),
        ("failed", fmt::count(s.series_failed.into(), "series", "series"), failed),
        ("requests", list(&s.requests), text),
        ("bars", format!("{}, {} of them new", fmt::thousands(s.bars), fmt::thousands(s.inserted)), text),
        ("revised", fmt::thousands(s.revised), text),
        ("derived", fmt::thousands(s.derived), text),
        (
            "actions",
            format!("{}, {}", fmt::count(s.splits.into(), "split", "splits"), fmt::count(s.dividends.into(), "dividend", "dividends")),
            text,
        ),
        ("fundamental", fmt::count(s.fundamentals.into(), "symbol", "symbols"), text),
        ("findings", fmt::thousands(s.issues.into()), if s.issues > 0 { c.s(Role::Warn) } else { text }),
        ("took", format!("{:.1} s", s.seconds), text),
    ]
}

/// The last runs, for screens that can spare the room.
pub fn list(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let inner = c.panel(area, &Panel { title: "Runs", summary: "R opens the history", ..Panel::default() });
    let rows = app.recent(inner.height.into());
    if rows.is_empty() {
        detail::empty(c, inner, "No run yet.");
        return;
    }
    for (row, y) in rows.iter().zip(inner.y..inner.bottom()) {
        let [id, state, job, at, took, ..] = &row.cells[..] else { continue };
        let line = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(1), height: 1 };
        let told = row.cells.last().map_or("", |c| c.text.as_str());
        let (head, when) = (format!("{:>5} {:<11} ", id.text, job.text), format!("{} {:>8}  ", at.text, took.text));
        let state = format!("{:<12}", state.text);
        let pieces = [(head.as_str(), c.s(Role::Text)), (&state, c.s(row.role)), (&when, c.s(Role::Dim)), (told, c.s(Role::Dim))];
        c.line(line, &pieces);
    }
}
