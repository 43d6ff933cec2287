//! Pane 2 and the page of one source: link, rates against limits, breaker, penalty, farms, answer times.

use ratatui::layout::{Position, Rect};

use super::canvas::{Canvas, Panel};
use super::widget::{self, Fact};
use super::{detail, spinner};
use crate::console::app::{App, Pane};
use crate::console::fmt;
use crate::console::hit::Hit;
use crate::console::theme::Role;
use crate::market::SourceId;
use crate::sources::{BreakerState, FarmState, LinkState, SourceStatus};

/// Glyph, word and role of a source's link.
fn link(app: &App, state: &LinkState) -> (&'static str, &'static str, Role) {
    match state {
        LinkState::Disabled => ("◇", "disabled", Role::Dim),
        LinkState::Idle => ("○", "idle", Role::Dim),
        LinkState::Connecting { .. } => (spinner(app), "connecting", Role::Focus),
        LinkState::Up => ("●", "up", Role::Ok),
        LinkState::Degraded { .. } => ("◐", "degraded", Role::Warn),
        LinkState::Down { .. } => ("✗", "down", Role::Bad),
    }
}

/// The pane.
pub fn pane(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let sources = app.snap().sources.clone();
    let focused = app.focus == Pane::Sources;
    let inner = c.panel(area, &Panel { title: Pane::Sources.title(), summary: "req/s  quota", focused, ..Panel::default() });
    if sources.is_empty() {
        let text =
            if app.loading() { "Waiting for the sources." } else { "No source is enabled: switch ib or yahoo on in nightdesk.toml." };
        detail::empty(c, inner, text);
        return;
    }
    // Every source gets the same room: one line at least, all it has to say if there is enough.
    let count = sources.len() as u16;
    let (each, over) = (inner.height / count, inner.height % count);
    let most = if inner.width >= 56 { 9 } else { 6 };
    if focused {
        c.drawn.page = usize::from(inner.height / each.clamp(1, most));
    }
    let mut y = inner.y;
    for (row, status) in sources.iter().enumerate() {
        if y >= inner.bottom() {
            break;
        }
        // What is left over goes to the sources that are preferred.
        let height = (each + u16::from(over > row as u16)).clamp(1, most);
        let rect = Rect { y, height: height.min(inner.bottom() - y), ..inner };
        c.drawn.note(rect, Hit::Entry(Pane::Sources, row));
        if focused && app.source == Some(status.source) {
            c.drawn.selection = Some(Position::new(rect.x, rect.y));
        }
        block(c, app, status, rect, focused);
        y += height;
    }
}

fn block(c: &mut Canvas<'_>, app: &App, status: &SourceStatus, area: Rect, focused: bool) {
    let (glyph, word, role) = link(app, &status.link);
    let selected = focused && app.source == Some(status.source);
    let name = if selected { c.theme.strong(Role::Focus) } else { c.theme.strong(Role::Text) };
    let spark_width = usize::from(area.width.saturating_sub(23)).clamp(4, 30);
    let spark = widget::spark(&status.history, status.requests_per_second_limit, spark_width);
    let label = format!("{:<6}", status.source.name());
    let mark = if selected { "›" } else { " " };
    let tail = format!(" {:>5} {:>4}", fmt::short(status.requests_per_second.into()), quota(status));
    let spark_style = if status.history.iter().any(|n| *n > 0) { c.s(Role::Focus) } else { c.s(Role::Dim) };
    c.line(area, &[(mark, name), (glyph, c.s(role)), (" ", name), (&label, name), (&spark, spark_style), (&tail, c.s(Role::Text))]);
    let mut lines: Vec<(String, Role)> = vec![(format!("{word}  {}", why(status, app.now())), role)];
    let wide = area.width >= 44;
    lines.push((format!("{} of {}  {}", status.in_flight, limit(status.in_flight_limit), latency(status, wide)), Role::Dim));
    lines.extend(breaker(status, app.now()));
    lines.extend(penalty(status, app.now()));
    lines.extend(farms(status));
    let bars = if wide { format!("  {} bars", fmt::short(status.bars as f64)) } else { String::new() };
    lines.push((format!("{} answered  {} failed{bars}", fmt::short(status.answered as f64), fmt::short(status.failed as f64)), Role::Dim));
    lines.extend(status.last_error.as_ref().map(|(at, e)| (format!("{} {e}", fmt::second(*at)), Role::Dim)));
    for ((text, role), y) in lines.iter().zip(area.y + 1..area.bottom()) {
        c.line(Rect { x: area.x + 3, y, width: area.width.saturating_sub(4), height: 1 }, &[(text, c.s(*role))]);
    }
}

/// Requests per second of the limit, in percent.
fn quota(status: &SourceStatus) -> String {
    if status.requests_per_second_limit <= 0.0 {
        return "-".into();
    }
    format!("{:.0}%", (status.requests_per_second / status.requests_per_second_limit * 100.0).min(999.0))
}

fn limit(n: u32) -> String {
    if n == 0 { "no limit".into() } else { format!("{n} in flight") }
}

fn latency(status: &SourceStatus, wide: bool) -> String {
    let text = |(p50, p99)| if wide { format!("p50 {p50}ms  p99 {p99}ms") } else { format!("p50 {p50}ms") };
    status.latency_ms.map_or_else(String::new, text)
}

/// Why a link is not simply up.
fn why(status: &SourceStatus, now: i64) -> String {
    match &status.link {
        LinkState::Connecting { attempt } => format!("try {attempt}  {}", status.endpoint),
        LinkState::Degraded { reason } => reason.clone(),
        LinkState::Down { cause, retry_at } => {
            let retry = retry_at.map_or_else(String::new, |t| format!("retry in {}  ", fmt::countdown(t, now)));
            format!("{retry}{cause}")
        }
        LinkState::Disabled | LinkState::Idle | LinkState::Up => status.endpoint.clone(),
    }
}

fn breaker(status: &SourceStatus, now: i64) -> Option<(String, Role)> {
    match status.breaker {
        BreakerState::Closed => None,
        BreakerState::Open { until } => Some((format!("✗ breaker open, probe {}", fmt::countdown(until, now)), Role::Bad)),
        BreakerState::HalfOpen => Some(("▲ breaker half open, probing".into(), Role::Warn)),
    }
}

fn penalty(status: &SourceStatus, now: i64) -> Option<(String, Role)> {
    let until = status.penalty_until.filter(|u| *u > now)?;
    Some((format!("‖ cooling down {}", fmt::countdown(until, now)), Role::Warn))
}

fn farms(status: &SourceStatus) -> Option<(String, Role)> {
    if status.farms.is_empty() {
        return None;
    }
    let broken: Vec<&str> = status.farms.iter().filter(|(_, s)| *s == FarmState::Broken).map(|(n, _)| n.as_str()).collect();
    if broken.is_empty() {
        return Some((format!("{} ok", fmt::count(status.farms.len() as u64, "farm", "farms")), Role::Dim));
    }
    Some((format!("✗ farm {} broken", broken.join(", ")), Role::Bad))
}

/// The page of one source.
pub fn page(c: &mut Canvas<'_>, app: &App, id: SourceId, area: Rect) {
    let Some(status) = app.snap().sources.iter().find(|s| s.source == id).cloned() else {
        let inner = c.panel(area, &Panel { title: "Source", focused: true, ..Panel::default() });
        detail::empty(c, inner, "This source is not enabled any more. esc goes back.");
        return;
    };
    let title = format!("Source {id}");
    let [top, chart, rest] = widget::rows(area, [16.min(area.height), 9, area.height]);
    let inner = c.panel(top, &Panel { title: &title, summary: &status.endpoint, focused: true, ..Panel::default() });
    let mut facts = source_facts(c, app, &status);
    let (glyph, word, role) = link(app, &status.link);
    facts.insert(0, ("link", format!("{glyph} {word}  {}", why(&status, app.now())), c.s(role)));
    detail::facts(c, inner, &facts);
    history(c, &status, chart);
    if rest.height >= 3 {
        let inner = c.panel(rest, &Panel { title: "Farms", ..Panel::default() });
        if status.farms.is_empty() {
            detail::empty(c, inner, "This source has told of no farms.");
        }
        let farm = |(name, state): &(String, FarmState)| {
            let (text, role) = match state {
                FarmState::Ok => ("● ok", Role::Ok),
                FarmState::Inactive => ("○ inactive, connects on demand", Role::Dim),
                FarmState::Connecting => ("▸ connecting", Role::Focus),
                FarmState::Broken => ("✗ broken", Role::Bad),
            };
            (name.clone(), text, role)
        };
        for ((name, text, role), y) in status.farms.iter().map(farm).zip(inner.y..inner.bottom()) {
            c.line(
                Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(1), height: 1 },
                &[(&format!("{name:<14}"), c.s(Role::Text)), (text, c.s(role))],
            );
        }
    }
}

fn source_facts(c: &Canvas<'_>, app: &App, status: &SourceStatus) -> Vec<Fact<'static>> {
    let now = app.now();
    let text = c.s(Role::Text);
    let (state, role) = breaker(status, now).unwrap_or_else(|| ("closed, requests flow".into(), Role::Ok));
    let mut facts: Vec<Fact<'static>> = vec![
        ("breaker", state, c.s(role)),
        ("rate", format!("{:.1} req/s of {:.0} ({})", status.requests_per_second, status.requests_per_second_limit, quota(status)), text),
        ("in flight", format!("{} of {}", status.in_flight, limit(status.in_flight_limit)), text),
        ("answered", fmt::thousands(status.answered), text),
        ("failed", format!("{}, {} of them for pacing", fmt::thousands(status.failed), fmt::thousands(status.pacing_errors)), text),
        ("bars", fmt::thousands(status.bars), text),
    ];
    facts.extend(status.latency_ms.map(|(p50, p99)| ("answer time", format!("median {p50} ms, 99th percentile {p99} ms"), text)));
    facts.extend(penalty(status, now).map(|(t, role)| ("penalty", t, c.s(role))));
    let error = status
        .last_error
        .as_ref()
        .map_or_else(|| "none".into(), |(at, e)| format!("{} UTC, {} ago: {e}", fmt::second(*at), fmt::age(now - at)));
    facts.push(("last error", error, text));
    facts
}

/// Requests of the last minute as a curve against the limit.
fn history(c: &mut Canvas<'_>, status: &SourceStatus, area: Rect) {
    if area.height < 4 {
        return;
    }
    let ceiling = format!("top of scale {:.0} req/s", status.requests_per_second_limit);
    let inner = c.panel(area, &Panel { title: "Requests, last 60 s", summary: &ceiling, ..Panel::default() });
    let width = usize::from(inner.width.saturating_sub(2)).min(120);
    let limit = f64::from(status.requests_per_second_limit).max(1.0);
    let values: Vec<f64> = status.history.iter().map(|n| f64::from(*n)).collect();
    for (line, y) in widget::curve(&values, Some((0.0, limit)), width, inner.height.into()).iter().zip(inner.y..inner.bottom()) {
        c.put(inner.x + 1, y, inner.width, line, c.s(Role::Focus));
    }
}
