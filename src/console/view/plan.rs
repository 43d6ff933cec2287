//! The plan form before a manual ingest.

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::overlay::{boxed, edited};
use super::spinner;
use crate::console::app::{App, Field, PlanForm};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::engine::PlanSummary;

/// Draws the form.
pub fn draw(c: &mut Canvas<'_>, app: &App, form: &PlanForm, area: Rect) {
    let inner = boxed(
        c,
        area,
        78,
        18,
        &Panel { title: "Ingest", context: "enter start  tab next field  esc cancel", focused: true, ..Panel::default() },
    );
    let current = form.current.map_or_else(|| "all".into(), |s| format!("all; . takes {}", s.symbol));
    let timeframe = form.current.map_or_else(|| "all".into(), |s| format!("all; . takes {}", s.timeframe));
    let source = form.source.map_or_else(|| "as configured".into(), |s| s.to_string());
    let facets = if form.facets { "read again now" } else { "when due" };
    for (field, y) in Field::ALL.into_iter().zip(inner.y..inner.bottom()) {
        let (name, input, fallback) = match field {
            Field::Symbols => ("symbols", Some(&form.symbols), current.as_str()),
            Field::Timeframes => ("timeframes", Some(&form.timeframes), timeframe.as_str()),
            Field::Lookback => ("look back", Some(&form.lookback), "as configured; such as 30d or 10y"),
            Field::Source => ("source", None, source.as_str()),
            Field::Facets => ("fundamentals", None, facets),
        };
        let here = form.field == field;
        let mark = if here { "›" } else { " " };
        let style = if here { c.theme.strong(Role::Focus) } else { c.s(Role::Text) };
        let x = c.line(Rect { x: inner.x, y, width: 15, height: 1 }, &[(mark, style), (&format!("{name:<13}"), style)]);
        let rest = Rect { x, y, width: inner.right().saturating_sub(x + 1), height: 1 };
        match input {
            Some(input) if here => {
                if input.value().is_empty() {
                    c.put(rest.x + 2, y, rest.width.saturating_sub(2), fallback, c.s(Role::Dim));
                }
                edited(c, rest, input, style);
            }
            Some(input) if !input.value().is_empty() => drop(c.line(rest, &[(input.value(), c.s(Role::Text))])),
            Some(_) => drop(c.line(rest, &[(fallback, c.s(Role::Dim))])),
            None => {
                let hint = if here { "   space changes" } else { "" };
                c.line(rest, &[(fallback, style), (hint, c.s(Role::Dim))]);
            }
        }
    }
    let top = inner.y + Field::ALL.len() as u16 + 1;
    let rest = Rect { x: inner.x + 1, y: top, width: inner.width.saturating_sub(2), height: inner.bottom().saturating_sub(top) };
    answer(c, app, form, rest);
}

/// What the engine says the form would do.
fn answer(c: &mut Canvas<'_>, app: &App, form: &PlanForm, area: Rect) {
    if area.height == 0 {
        return;
    }
    if let Err(why) = form.spec() {
        c.wrapped(area, &format!("✗ {why}"), c.s(Role::Bad));
        return;
    }
    if let Some(why) = &form.plan.error {
        c.wrapped(area, &format!("✗ No plan: {why}"), c.s(Role::Bad));
        return;
    }
    let Some(plan) = &form.plan.value else {
        c.put(area.x, area.y, area.width, &format!("{} asking what is missing", spinner(app)), c.s(Role::Dim));
        return;
    };
    let mut y = area.y + c.wrapped(area, &sentence(plan), c.theme.strong(Role::Text));
    for text in facts(plan) {
        let rest = Rect { y, height: area.bottom().saturating_sub(y), ..area };
        y += c.wrapped(rest, &text, c.s(Role::Dim));
    }
    for note in &plan.notes {
        let rest = Rect { y, height: area.bottom().saturating_sub(y), ..area };
        y += c.wrapped(rest, &format!("▲ {note}"), c.s(Role::Warn));
    }
}

/// The plan in one sentence.
fn sentence(plan: &PlanSummary) -> String {
    if plan.series == 0 && plan.derived == 0 {
        return "Nothing is missing: an ingest would fetch next to nothing.".into();
    }
    let requests: u64 = plan.requests.iter().map(|(_, n)| u64::from(*n)).sum();
    format!(
        "{}, about {}, {}, about {}",
        fmt::count(plan.series.into(), "series", "series"),
        fmt::count(requests, "request", "requests"),
        fmt::count(plan.bars, "bar", "bars"),
        if plan.seconds < 120 { format!("{} s", plan.seconds) } else { fmt::clock(plan.seconds.into()) }
    )
}

fn facts(plan: &PlanSummary) -> Vec<String> {
    let mut out = Vec::new();
    if !plan.requests.is_empty() {
        let parts: Vec<String> = plan.requests.iter().map(|(s, n)| format!("{s} {}", fmt::thousands((*n).into()))).collect();
        out.push(format!("requests: {}", parts.join("  ")));
    }
    out.push(format!("{} aggregated afterwards, {} fresh already", fmt::thousands(plan.derived.into()), fmt::thousands(plan.fresh.into())));
    out
}
