//! The page of one series: state, coverage, requests, findings, last bars, provenance.

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::widget::{self, Fact};
use super::{detail, heatmap, spinner};
use crate::console::app::{App, severity, word};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::engine::{CoverageCell, CoverageState, SeriesDetail};
use crate::market::{Series, Timeframe};

/// Draws the page.
pub fn draw(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let Some(series) = app.heat.cursor else {
        let inner = c.panel(area, &Panel { title: "Series", focused: true, ..Panel::default() });
        detail::empty(c, inner, "No symbol passes the filter. esc goes back.");
        return;
    };
    let two = area.width >= 100;
    let left = Rect { width: if two { area.width / 2 } else { area.width }, ..area };
    let right = Rect { x: area.x + left.width, width: area.width - left.width, ..area };
    let coverage_rows = if two { 12 } else { 6 };
    let [state, coverage, findings] = widget::rows(left, [if two { 14 } else { 11 }, coverage_rows, area.height]);
    state_panel(c, app, series, state);
    let Some(detail) = app.detail.value.as_deref() else {
        let inner =
            c.panel(Rect { height: coverage.height + findings.height, ..coverage }, &Panel { title: "Coverage", ..Panel::default() });
        let text = app.detail.error.clone().unwrap_or_else(|| format!("{} asking the engine", spinner(app)));
        detail::empty(c, inner, &text);
        return;
    };
    coverage_panel(c, detail, series, coverage);
    if two {
        issues_panel(c, detail, series, findings);
        let [bars, attempts] = widget::rows(right, [(area.height / 2).max(12), area.height]);
        bars_panel(c, detail, series, bars);
        attempts_panel(c, detail, attempts);
    } else if findings.height >= 3 {
        attempts_panel(c, detail, findings);
    }
}

fn state_panel(c: &mut Canvas<'_>, app: &App, series: Series, area: Rect) {
    let market = &app.snap().market;
    let instrument = app.heat.column(market).and_then(|col| market.instruments.get(col));
    let name = instrument.map_or_else(String::new, |i| format!("{}, {}", i.name, i.sector));
    let inner = c.panel(area, &Panel { title: &series.to_string(), summary: &name, focused: true, ..Panel::default() });
    let cell = app.heat.cell(market).unwrap_or_default();
    let (glyph, role) = heatmap::glyph(cell.state);
    let late = cell.late_since.map_or_else(String::new, |t| format!("  {}, since {} UTC", fmt::age(app.now() - t), fmt::minute(t)));
    let text = c.s(Role::Text);
    let role = if role == Role::Dim { Role::Text } else { role };
    let mut facts: Vec<Fact<'_>> = vec![("state", format!("{glyph} {}{late}", word(cell.state)), c.s(role))];
    if let Some(state) = app.detail.value.as_ref().and_then(|d| d.state.as_ref()) {
        let last_close = app
            .detail
            .value
            .as_ref()
            .and_then(|d| d.bars.last())
            .map_or_else(String::new, |(b, _)| format!("   close {}", fmt::price(b.close)));
        let moment =
            |t: Option<i64>| t.map_or_else(|| "never".to_owned(), |t| format!("{} UTC, {} ago", fmt::minute(t), fmt::age(app.now() - t)));
        facts.push(("last bar", state.last_ts.map_or_else(|| "none".into(), |t| format!("{}{last_close}", fmt::minute(t))), text));
        facts.push(("expected", expected(app, cell.late_since), text));
        facts.push((
            "rows",
            format!("{}{}", fmt::thousands(state.rows), state.first_ts.map_or_else(String::new, |t| format!(", since {}", fmt::date(t)))),
            text,
        ));
        facts.push((
            "missing",
            format!("{} unexplained", fmt::count(state.gaps, "bar", "bars")),
            if state.gaps > 0 { c.s(Role::Stale) } else { text },
        ));
        facts.push(("origin", state.derived_from.map_or_else(|| "fetched".into(), |t| format!("aggregated from {t}")), text));
        facts.push(("tried", moment(state.attempted_at), text));
        facts.push(("succeeded", moment(state.succeeded_at), text));
        facts.extend(state.error.clone().map(|e| ("reason", e, c.s(Role::Bad))));
        facts.extend(state.blocked.clone().map(|e| ("blocked", e, c.s(Role::Stale))));
    } else if app.detail.value.is_some() {
        facts.push(("stored", "nothing, and nothing was tried yet".into(), text));
    }
    facts.extend(provenance(app, c));
    detail::facts(c, inner, &facts);
}

fn expected(app: &App, late_since: Option<i64>) -> String {
    late_since
        .map_or_else(|| "nothing more for now".into(), |t| format!("a bar that closed {}, {} ago", fmt::minute(t), fmt::age(app.now() - t)))
}

fn provenance(app: &App, c: &Canvas<'_>) -> Option<Fact<'static>> {
    let shares = &app.detail.value.as_ref()?.provenance;
    let total: u64 = shares.iter().map(|(_, n)| n).sum();
    if total == 0 {
        return None;
    }
    let text: Vec<String> = shares.iter().map(|(s, n)| format!("{s} {:.1}%", *n as f64 / total as f64 * 100.0)).collect();
    Some(("provenance", text.join("  "), c.s(Role::Text)))
}

const fn coverage_glyph(state: CoverageState) -> (&'static str, Role, &'static str) {
    match state {
        CoverageState::Full => ("█", Role::Ok, "full"),
        CoverageState::Explained => ("▒", Role::Dim, "explained"),
        CoverageState::Gap => ("▓", Role::Stale, "gap"),
        CoverageState::Quarantined => ("◇", Role::Bad, "quarantined"),
        CoverageState::None => ("·", Role::Dim, "nothing"),
    }
}

/// The history as cells in reading order, the year's slice first in its line named.
fn coverage_panel(c: &mut Canvas<'_>, detail: &SeriesDetail, series: Series, area: Rect) {
    let cells = &detail.coverage;
    let (stored, expected) = cells.iter().fold((0_u64, 0_u64), |(s, e), x| (s + u64::from(x.stored), e + u64::from(x.expected)));
    let share = if expected > 0 {
        format!("{:.2}% of {} expected bars", stored as f64 / expected as f64 * 100.0, fmt::thousands(expected))
    } else {
        String::new()
    };
    let states = [CoverageState::Full, CoverageState::Explained, CoverageState::Gap, CoverageState::Quarantined, CoverageState::None];
    let present: Vec<_> = states.into_iter().filter(|s| cells.iter().any(|x| x.state == *s)).map(coverage_glyph).collect();
    let words: Vec<String> = present.iter().map(|(.., w)| format!(" {w}  ")).collect();
    let legend: Vec<_> = present.iter().zip(&words).flat_map(|((g, r, _), w)| [(*g, c.s(*r)), (w.as_str(), c.s(Role::Dim))]).collect();
    let slice = match cells.as_slice() {
        [a, b, ..] => format!("1 cell = {}", fmt::age(b.start - a.start).replace("d00h", " days")),
        _ => String::new(),
    };
    let inner = c.panel(area, &Panel { title: "Coverage", summary: &share, legend: &legend, context: &slice, focused: false });
    if cells.is_empty() {
        detail::empty(c, inner, &format!("No bar of {series} is stored yet."));
        return;
    }
    strip(c, cells, inner);
}

fn strip(c: &mut Canvas<'_>, cells: &[CoverageCell], inner: Rect) {
    let width = usize::from(inner.width.saturating_sub(13)).max(1);
    let lines = cells.len().div_ceil(width).min(inner.height.into());
    // The newest slices matter most: when not all fit, the oldest are left out.
    let shown = &cells[cells.len().saturating_sub(lines * width)..];
    for (line, y) in shown.chunks(width).zip(inner.y..inner.bottom()) {
        let date = line.first().map_or_else(String::new, |x| fmt::date(x.start));
        let first = c.put(inner.x + 1, y, 11, &date, c.s(Role::Dim)) + 1;
        for (cell, x) in line.iter().zip(first..inner.right()) {
            let (glyph, role, _) = coverage_glyph(cell.state);
            c.set(x, y, glyph, c.s(role));
        }
    }
}

fn issues_panel(c: &mut Canvas<'_>, detail: &SeriesDetail, series: Series, area: Rect) {
    if area.height < 3 {
        return;
    }
    let summary = format!("{} open   D settles them", detail.issues.len());
    let inner = c.panel(area, &Panel { title: "Findings", summary: &summary, ..Panel::default() });
    if detail.issues.is_empty() {
        detail::empty(c, inner, &format!("No open finding on {series}."));
    }
    let mut y = inner.y;
    for stored in &detail.issues {
        if y >= inner.bottom() {
            break;
        }
        let (glyph, word, role) = severity(stored.issue.severity);
        let text = format!("{glyph} {word} check {}: {}", stored.issue.check, stored.issue.message);
        let rest = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: inner.bottom() - y };
        y += c.wrapped(rest, &text, c.s(role)).max(1);
    }
}

fn attempts_panel(c: &mut Canvas<'_>, detail: &SeriesDetail, area: Rect) {
    let summary = format!("last {}", detail.attempts.len());
    let inner = c.panel(area, &Panel { title: "Requests", summary: &summary, ..Panel::default() });
    if detail.attempts.is_empty() {
        let derived = detail.state.as_ref().and_then(|s| s.derived_from);
        let text = derived.map_or_else(
            || "No request has been made for this series.".to_owned(),
            |t| format!("Aggregated from {t}: requests are made for {t}."),
        );
        detail::empty(c, inner, &text);
    }
    for (a, y) in detail.attempts.iter().zip(inner.y..inner.bottom()) {
        let role = match a.outcome.as_str() {
            "data" => Role::Text,
            "empty" => Role::Dim,
            "pacing" | "not_entitled" => Role::Warn,
            _ => Role::Bad,
        };
        let head = format!(
            "{} {:<5} {:>5} bars {:>5}ms  ",
            fmt::stamp(a.at, Timeframe::M1, 0),
            a.source.name(),
            fmt::short(a.bars.into()),
            a.millis
        );
        let message = a.message.as_deref().map_or_else(String::new, |m| format!("  {m}"));
        let line = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
        c.line(line, &[(&head, c.s(Role::Dim)), (&a.outcome, c.s(role)), (&message, c.s(Role::Dim))]);
    }
}

fn bars_panel(c: &mut Canvas<'_>, detail: &SeriesDetail, series: Series, area: Rect) {
    let summary = format!("last {}, close", detail.bars.len());
    let inner = c.panel(area, &Panel { title: "Bars", summary: &summary, ..Panel::default() });
    if detail.bars.is_empty() {
        detail::empty(c, inner, "No bars yet.");
        return;
    }
    let chart_lines = (inner.height / 2).min(8);
    let [chart, table] = widget::rows(inner, [chart_lines, inner.height]);
    let closes: Vec<f64> = detail.bars.iter().map(|(b, _)| b.close).collect();
    let (low, high) = closes.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let width = usize::from(chart.width.saturating_sub(14));
    for (line, y) in widget::curve(&closes, None, width, chart.height.into()).iter().zip(chart.y..chart.bottom()) {
        c.put(chart.x + 13, y, chart.width, line, c.s(Role::Focus));
    }
    for (value, y) in [(high, chart.y), (low, chart.bottom().saturating_sub(1))] {
        c.put(chart.x + 1, y, 12, &format!("{:>10} ┤", fmt::price(value)), c.s(Role::Dim));
    }
    let head = format!("{:<11} {:>8} {:>8} {:>8} {:>8} {:>5}", "UTC", "open", "high", "low", "close", "vol");
    c.line(Rect { x: table.x + 1, height: 1, ..table }, &[(&head, c.s(Role::Dim))]);
    for ((bar, source), y) in detail.bars.iter().rev().zip(table.y + 1..table.bottom()) {
        let when = fmt::stamp(bar.ts, series.timeframe, 0);
        let forming = if bar.is_final { "" } else { " forming" };
        let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(fmt::price);
        let text = format!("{when:<11} {open:>8} {high:>8} {low:>8} {close:>8} {:>5} {source}{forming}", fmt::short(bar.volume));
        c.line(Rect { x: table.x + 1, y, width: table.width.saturating_sub(1), height: 1 }, &[(&text, c.s(Role::Text))]);
    }
}
