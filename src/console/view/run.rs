//! The page of one run, and the short list of runs on wide screens.

use std::borrow::Cow;

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::widget::{self, Fact};
use super::{detail, ingest, spinner};
use crate::console::app::{App, run_state};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::engine::{IngestSpec, RunSummary, RunView};
use crate::market::SourceId;
use crate::store::master::{RunRecord, RunState};

/// An ended run, as the engine or the database tells it.
struct End<'a> {
    state: RunState,
    asked: String,
    started_at: i64,
    ended_at: Option<i64>,
    summary: Option<Cow<'a, RunSummary>>,
    error: Option<&'a str>,
}

impl<'a> End<'a> {
    fn view(run: &'a RunView) -> Self {
        Self {
            state: run.state,
            asked: run.spec.to_string(),
            started_at: run.started_at,
            ended_at: run.ended_at,
            summary: run.summary.as_ref().map(Cow::Borrowed),
            error: None,
        }
    }

    fn record(run: &'a RunRecord) -> Self {
        Self {
            state: run.state,
            asked: IngestSpec::words(&run.spec),
            started_at: run.started_at,
            ended_at: run.ended_at,
            summary: RunSummary::stored(run.summary.as_deref()).map(Cow::Owned),
            error: run.error.as_deref(),
        }
    }
}

/// Draws the page.
pub fn draw(c: &mut Canvas<'_>, app: &App, id: i64, area: Rect) {
    let title = format!("Run {id}");
    let shown = app.run(id);
    if let Some(run) = shown.filter(|r| r.ended_at.is_none()) {
        live(c, app, run, &title, area);
        return;
    }
    // The record knows why a run failed, but it is there only once the history was asked for.
    let record = app.runs.value.iter().flatten().find(|r| r.id == id);
    if let Some(run) = record.map(End::record).or_else(|| shown.map(End::view)) {
        ended(c, app, &run, &title, area);
        return;
    }
    let inner = c.panel(area, &Panel { title: &title, focused: true, ..Panel::default() });
    let text = if app.runs.waiting {
        format!("{} asking the engine", spinner(app))
    } else {
        "The database knows no such run. esc goes back.".into()
    };
    detail::empty(c, inner, &text);
}

fn live(c: &mut Canvas<'_>, app: &App, run: &RunView, title: &str, area: Rect) {
    let (glyph, word, role) = run_state(run.state);
    let asked = run.spec.to_string();
    let [top, rest] = widget::rows(area, [12.min(area.height), area.height]);
    let inner = c.panel(top, &Panel { title, summary: &asked, focused: true, ..Panel::default() });
    let p = &run.progress;
    let text = c.s(Role::Text);
    let cancelling = if run.cancelling { ", cancelling" } else { "" };
    let bar = widget::bar(ingest::share(run), usize::from(inner.width.saturating_sub(30)).min(60));
    let eta = p.eta_s.map_or_else(|| "warming up".into(), |s| fmt::clock(s.into()));
    let facts: Vec<Fact<'_>> = vec![
        ("state", format!("{glyph} {word}{cancelling}"), c.s(role)),
        ("started", format!("{} UTC", fmt::minute(run.started_at)), text),
        ("took", fmt::clock(app.now() - run.started_at), text),
        ("progress", format!("{bar} {:.1}%", ingest::share(run) * 100.0), c.s(Role::Focus)),
        (
            "series",
            format!("{} of {}, {} failed", fmt::thousands(p.series_done.into()), fmt::thousands(p.series_total.into()), p.failed),
            text,
        ),
        ("requests", format!("{} of {}", fmt::thousands(p.requests_done.into()), fmt::thousands(p.requests_total.into())), text),
        ("bars", format!("{} received, {} written", fmt::thousands(p.bars), fmt::thousands(p.written)), text),
        ("rate", format!("{} bars/s", fmt::short(p.bars_per_second)), text),
        ("ETA", eta, text),
        ("now", p.phase.clone(), text),
    ];
    detail::facts(c, inner, &facts);
    outcome(c, app, None, "The summary comes when the run ends.", rest);
}

fn ended(c: &mut Canvas<'_>, app: &App, run: &End<'_>, title: &str, area: Rect) {
    let (glyph, word, role) = run_state(run.state);
    let [top, rest] = widget::rows(area, [5.min(area.height), area.height]);
    let inner = c.panel(top, &Panel { title, summary: &run.asked, focused: true, ..Panel::default() });
    let took = run.ended_at.map_or_else(|| "-".into(), |e| fmt::clock(e - run.started_at));
    let facts: Vec<Fact<'_>> = vec![
        ("state", format!("{glyph} {word}"), c.s(role)),
        ("started", format!("{} UTC", fmt::minute(run.started_at)), c.s(Role::Text)),
        ("took", took, c.s(Role::Text)),
    ];
    detail::facts(c, inner, &facts);
    let otherwise = match (run.error, run.state) {
        (Some(error), _) => error,
        (None, RunState::Lost) => "The process ended before the run did. What it had written is kept.",
        (None, _) if run.summary.is_some() => "None.",
        (None, _) => "No summary of an ingest is stored; `nightdesk runs show` tells what is.",
    };
    outcome(c, app, run.summary.as_deref(), otherwise, rest);
}

/// What came of a run: the summary left, the failures right; `otherwise` stands where there are none to show.
fn outcome(c: &mut Canvas<'_>, app: &App, summary: Option<&RunSummary>, otherwise: &str, area: Rect) {
    if area.height < 3 {
        return;
    }
    let left = Rect { width: (area.width / 2).min(50), ..area };
    let right = Rect { x: area.x + left.width, width: area.width - left.width, ..area };
    let inner = c.panel(left, &Panel { title: "Outcome", ..Panel::default() });
    let Some(summary) = summary else {
        detail::empty(c, inner, otherwise);
        c.panel(right, &Panel { title: "Failures", ..Panel::default() });
        return;
    };
    let facts = summary_facts(c, summary);
    detail::facts(c, inner, &facts);
    let failures = format!("{} series", summary.series_failed);
    let inner = c.panel(right, &Panel { title: "Failures", summary: &failures, ..Panel::default() });
    c.drawn.page = inner.height.into();
    if summary.failures.is_empty() {
        detail::empty(c, inner, otherwise);
    }
    let mut y = inner.y;
    for failure in summary.failures.iter().skip(app.scroll) {
        if y >= inner.bottom() {
            break;
        }
        let rest = Rect { x: inner.x + 3, y, width: inner.width.saturating_sub(4), height: inner.bottom() - y };
        c.put(inner.x + 1, y, 1, "✗", c.s(Role::Bad));
        y += c.wrapped(rest, failure, c.s(Role::Text)).max(1);
    }
}

fn summary_facts(c: &Canvas<'_>, s: &RunSummary) -> Vec<Fact<'static>> {
    let text = c.s(Role::Text);
    let list =
        |v: &[(SourceId, u32)]| v.iter().map(|(id, n)| format!("{id} {}", fmt::thousands((*n).into()))).collect::<Vec<_>>().join("  ");
    vec![
        ("series", format!("{} done, {} fresh already", fmt::thousands(s.series_ok.into()), fmt::thousands(s.series_fresh.into())), text),
        ("requests", list(&s.requests), text),
        ("bars", fmt::thousands(s.bars), text),
        ("new", fmt::thousands(s.inserted), text),
        ("revised", fmt::thousands(s.revised), text),
        ("aggregated", fmt::thousands(s.derived), text),
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
    let snap = app.snap();
    let inner = c.panel(area, &Panel { title: "Runs", summary: "R opens the history", ..Panel::default() });
    if snap.active.is_none() && snap.runs.is_empty() {
        detail::empty(c, inner, "No run yet.");
        return;
    }
    let runs = snap.active.as_deref().into_iter().chain(snap.runs.iter());
    for (run, y) in runs.zip(inner.y..inner.bottom()) {
        let (glyph, word, role) = run_state(run.state);
        let took = fmt::clock(run.ended_at.unwrap_or(app.now()) - run.started_at);
        let text = format!(" {:>5} {word:<9}", run.id);
        let bars = match &run.summary {
            Some(s) => format!("{} new", fmt::short((s.inserted + s.derived) as f64)),
            None if run.ended_at.is_none() => format!("{} written", fmt::short(run.progress.written as f64)),
            None => String::new(),
        };
        let rest = format!(" {}  {took}  {bars}", fmt::minute(run.started_at));
        let line = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(1), height: 1 };
        c.line(line, &[(glyph, c.s(role)), (&text, c.s(Role::Text)), (&rest, c.s(Role::Dim))]);
    }
}
