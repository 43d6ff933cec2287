//! The page of one run, and the short list of runs on wide screens.

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::widget::{self, Fact};
use super::{detail, ingest, spinner};
use crate::console::app::{App, run_state, spec_words};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::engine::{RunSummary, RunView};
use crate::market::SourceId;
use crate::store::master::RunRecord;

/// Draws the page.
pub fn draw(c: &mut Canvas<'_>, app: &App, id: i64, area: Rect) {
    let title = format!("Run {id}");
    if let Some(run) = app.run(id) {
        live(c, app, run, &title, area);
        return;
    }
    let record = app.runs.value.iter().flatten().find(|r| r.id == id);
    if let Some(record) = record {
        stored(c, app, record, &title, area);
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
    let spec = spec_words(&serde_json::to_string(&run.spec).unwrap_or_default());
    let [top, rest] = widget::rows(area, [12.min(area.height), area.height]);
    let inner = c.panel(top, &Panel { title, summary: &spec, focused: true, ..Panel::default() });
    let p = &run.progress;
    let text = c.s(Role::Text);
    let cancelling = if run.cancelling { ", cancelling" } else { "" };
    let bar = widget::bar(ingest::share(run), usize::from(inner.width.saturating_sub(30)).min(60));
    let mut facts: Vec<Fact<'_>> = vec![
        ("state", format!("{glyph} {word}{cancelling}"), c.s(role)),
        ("started", format!("{} UTC", fmt::minute(run.started_at)), text),
        ("took", fmt::clock(run.ended_at.unwrap_or(app.now()) - run.started_at), text),
        ("progress", format!("{bar} {:.1}%", ingest::share(run) * 100.0), c.s(Role::Focus)),
        (
            "series",
            format!("{} of {}, {} failed", fmt::thousands(p.series_done.into()), fmt::thousands(p.series_total.into()), p.failed),
            text,
        ),
        ("requests", format!("{} of {}", fmt::thousands(p.requests_done.into()), fmt::thousands(p.requests_total.into())), text),
        ("bars", format!("{} received, {} written", fmt::thousands(p.bars), fmt::thousands(p.written)), text),
    ];
    if run.ended_at.is_none() {
        let eta = p.eta_s.map_or_else(|| "warming up".into(), |s| fmt::clock(s.into()));
        facts.push(("rate", format!("{} bars/s", fmt::short(p.bars_per_second)), text));
        facts.push(("ETA", eta, text));
        facts.push(("now", p.phase.clone(), text));
    }
    detail::facts(c, inner, &facts);
    outcome(c, app, run.summary.as_ref(), None, rest);
}

fn stored(c: &mut Canvas<'_>, app: &App, record: &RunRecord, title: &str, area: Rect) {
    let (glyph, word, role) = run_state(record.state);
    let [top, rest] = widget::rows(area, [6.min(area.height), area.height]);
    let inner = c.panel(top, &Panel { title, summary: &spec_words(&record.spec), focused: true, ..Panel::default() });
    let took = record.ended_at.map_or_else(|| "-".into(), |e| fmt::clock(e - record.started_at));
    let facts: Vec<Fact<'_>> = vec![
        ("state", format!("{glyph} {word}"), c.s(role)),
        ("started", format!("{} UTC", fmt::minute(record.started_at)), c.s(Role::Text)),
        ("took", took, c.s(Role::Text)),
    ];
    detail::facts(c, inner, &facts);
    let summary: Option<RunSummary> = record.summary.as_deref().and_then(|s| serde_json::from_str(s).ok());
    outcome(c, app, summary.as_ref(), record.error.as_deref(), rest);
}

/// What came of a run: the summary left, the failures right.
fn outcome(c: &mut Canvas<'_>, app: &App, summary: Option<&RunSummary>, error: Option<&str>, area: Rect) {
    if area.height < 3 {
        return;
    }
    let left = Rect { width: (area.width / 2).min(50), ..area };
    let right = Rect { x: area.x + left.width, width: area.width - left.width, ..area };
    let inner = c.panel(left, &Panel { title: "Outcome", ..Panel::default() });
    let Some(summary) = summary else {
        detail::empty(c, inner, error.unwrap_or("The summary comes when the run ends."));
        c.panel(right, &Panel { title: "Failures", ..Panel::default() });
        return;
    };
    let facts = summary_facts(c, summary);
    detail::facts(c, inner, &facts);
    let failures = format!("{} series", summary.series_failed);
    let inner = c.panel(right, &Panel { title: "Failures", summary: &failures, ..Panel::default() });
    c.drawn.page = inner.height.into();
    if summary.failures.is_empty() {
        detail::empty(c, inner, error.unwrap_or("None."));
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
        let rest = format!(" {}  {took}  {} written", fmt::minute(run.started_at), fmt::short(run.progress.written as f64));
        let line = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(1), height: 1 };
        c.line(line, &[(glyph, c.s(role)), (&text, c.s(Role::Text)), (&rest, c.s(Role::Dim))]);
    }
}
