//! Pane 1: the heat map with the run below it.

use std::fmt::Write as _;

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::heatmap::{self, HEIGHT, Legend};
use super::{spinner, widget};
use crate::console::app::{App, Pane, news, run_state, wants_a_look, word};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::engine::{CellState, RunSummary, RunView};
use crate::market::Timeframe;

/// Draws the pane.
pub fn draw(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let snap = app.snap();
    let market = &snap.market;
    let total = market.cells.len();
    let fresh = market.count(CellState::Fresh);
    let share = if total > 0 { fresh as f64 / total as f64 * 100.0 } else { 0.0 };
    let summary = summary(app, area.width, total, fresh, share);
    let (legend, context) = border(app, area.width);
    let pieces: Vec<_> = legend.iter().flat_map(|(glyph, role, word)| [(*glyph, c.s(*role)), (word.as_str(), c.s(Role::Dim))]).collect();
    let filter = app.heat.filter.as_str();
    let title = if filter.is_empty() { Pane::Ingest.title().to_owned() } else { format!("1 Ingest  /{filter}") };
    let panel = Panel { title: &title, summary: &summary, legend: &pieces, context: &context, focused: app.focus == Pane::Ingest };
    let inner = c.panel(area, &panel);
    c.drawn.page = usize::from(inner.height);
    if market.instruments.is_empty() {
        let text = if app.loading() {
            "Reading the state of all series."
        } else {
            "The universe is empty: name symbols in universe.toml, then restart."
        };
        super::detail::empty(c, inner, text);
        return;
    }
    let [map, rest] = widget::rows(inner, [(inner.height - 1).min(HEIGHT - 1), inner.height]);
    heatmap::draw(c, app, map);
    if app.heat.columns.is_empty() {
        super::detail::empty(c, Rect { y: map.y + 1, ..map }, "No symbol passes the filter. esc clears it.");
    }
    run(c, app, rest);
}

fn summary(app: &App, width: u16, total: usize, fresh: usize, share: f64) -> String {
    let symbols = app.snap().market.instruments.len();
    if app.loading() {
        return "loading".into();
    }
    let (total, fresh) = (fmt::thousands(total as u64), fmt::thousands(fresh as u64));
    let shown = app.heat.columns.len();
    if shown < symbols {
        return format!("{shown} of {symbols} symbols   {fresh} fresh  {share:.1}%");
    }
    if width < 80 {
        format!("{fresh} of {total} fresh")
    } else {
        format!("{symbols} symbols x {} timeframes = {total}   {fresh} fresh  {share:.1}%", Timeframe::ALL.len())
    }
}

/// Legend and cursor share the lower border: the longest pair that fits.
fn border(app: &App, width: u16) -> (Vec<(&'static str, Role, String)>, String) {
    let present = heatmap::present(&app.snap().market);
    let room = usize::from(width.saturating_sub(9));
    // Where not all fits, the quiet states go first, and then the explanation of glyphs altogether: the cell under the
    // cursor matters more.
    let quiet = present.iter().filter(|(state, _)| !wants_a_look(*state)).count();
    let talkative = [(0, Legend::Counted, true), (0, Legend::Words, true)];
    for (quiet, how, last) in talkative.into_iter().chain((0..=quiet).map(|quiet| (quiet, Legend::Words, false))) {
        let (legend, cursor) = (heatmap::legend(&present[quiet..], how), cursor(app, last));
        let used: usize = legend.iter().map(|(_, _, text)| 1 + text.chars().count()).sum();
        if used + cursor.chars().count() <= room {
            return (legend, cursor);
        }
    }
    (Vec::new(), cursor(app, true))
}

/// Names the cell under the cursor, with its last bar if there is room.
fn cursor(app: &App, with_last: bool) -> String {
    let (Some(series), Some(cell)) = (app.heat.cursor, app.heat.cell(&app.snap().market)) else { return String::new() };
    let mut out = format!("{series}");
    if let Some(last) = cell.last_ts.filter(|_| with_last) {
        out.push_str("  last ");
        out.push_str(&fmt::stamp(last, series.timeframe, app.now()));
    }
    out.push_str("  ");
    out.push_str(word(cell.state));
    if let Some(since) = cell.late_since {
        out.push(' ');
        out.push_str(&fmt::age(app.now() - since));
    }
    if cell.gaps > 0 {
        let _ = write!(out, "  {} missing", cell.gaps);
    }
    out
}

/// The active run in one line, or how the last one ended.
fn run(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let snap = app.snap();
    if let Some(run) = &snap.active {
        active(c, app, run, area);
    } else if let Some(run) = snap.runs.first() {
        let (glyph, word, role) = run_state(run.state);
        let when = run.ended_at.unwrap_or(run.started_at);
        let text = format!(" run {} {word} {} ago", run.id, fmt::age(app.now() - when));
        // Where there is no room, only what was received counts.
        let told = |s: &RunSummary| if area.width < 70 { news(&RunSummary { derived: 0, ..s.clone() }) } else { news(s) };
        let news = run.summary.as_ref().map_or_else(String::new, |s| format!("   {}", told(s)));
        c.line(area, &[("  ", c.s(Role::Dim)), (glyph, c.s(role)), (&text, c.s(Role::Text)), (&news, c.s(Role::Dim))]);
    } else if !app.loading() {
        c.line(area, &[("  no run yet: i plans and starts an ingest", c.s(Role::Dim))]);
    }
}

fn active(c: &mut Canvas<'_>, app: &App, run: &RunView, area: Rect) {
    let p = &run.progress;
    let done = share(run);
    let eta = match p.eta_s {
        _ if run.cancelling => "cancelling".to_owned(),
        Some(s) => format!("ETA {}", fmt::clock(s.into())),
        None => "ETA warming up".to_owned(),
    };
    let narrow = area.width < 70;
    let head = if narrow { format!(" run {} ", run.id) } else { format!(" run {} {:<9.9} ", run.id, p.phase) };
    let bar = fmt::bar(done, if narrow { 8 } else { 14 });
    let failed = if p.failed > 0 { format!("  ✗ {}", p.failed) } else { String::new() };
    let tail = format!(
        " {:>5}/{:<5} {:>5} bars/s  {eta}",
        fmt::thousands(p.series_done.into()),
        fmt::thousands(p.series_total.into()),
        fmt::short(p.bars_per_second)
    );
    c.line(
        area,
        &[
            (" ", c.s(Role::Text)),
            (spinner(app), c.theme.strong(Role::Focus)),
            (&head, c.s(Role::Text)),
            (&bar, c.s(Role::Focus)),
            (&tail, c.s(Role::Text)),
            (&failed, c.s(Role::Bad)),
        ],
    );
}

/// How much of a run is done: by requests where it is known how many there are, since series differ in size.
pub fn share(run: &RunView) -> f64 {
    let p = &run.progress;
    if p.requests_total > 0 {
        f64::from(p.requests_done) / f64::from(p.requests_total)
    } else if p.series_total > 0 {
        f64::from(p.series_done) / f64::from(p.series_total)
    } else {
        0.0
    }
}
