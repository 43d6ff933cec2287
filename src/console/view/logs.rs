//! Pane 6: the log.

use std::fmt::Write as _;

use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;

use super::canvas::{Canvas, Panel, wrap};
use super::detail;
use crate::console::app::{App, LogPane, Pane};
use crate::console::fmt;
use crate::console::hit::Hit;
use crate::console::theme::Role;
use crate::engine::{LogLevel, LogRecord};

const fn role(level: LogLevel) -> Role {
    match level {
        LogLevel::Error => Role::Bad,
        LogLevel::Warn => Role::Warn,
        LogLevel::Info => Role::Text,
        LogLevel::Debug | LogLevel::Trace => Role::Dim,
    }
}

/// Draws the pane.
pub fn draw(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let logs = &app.logs;
    let follow = if logs.cursor.is_none() { "follow" } else { "‖ paused, f follows" };
    let source = logs.source.as_deref().unwrap_or("all sources");
    let mut summary = format!("{follow}  ≥{}  {source}  UTC", logs.level.name());
    for (mark, text) in [("/", &logs.text), ("S ", &logs.search)] {
        if !text.is_empty() {
            let _ = write!(summary, "  {mark}{text}");
        }
    }
    let dropped = if logs.dropped > 0 { format!("  {} dropped", fmt::thousands(logs.dropped)) } else { String::new() };
    let context = format!("{}{dropped}", fmt::count(logs.shown().len() as u64, "line", "lines"));
    let focused = app.focus == Pane::Logs;
    let inner = c.panel(area, &Panel { title: Pane::Logs.title(), summary: &summary, context: &context, focused, ..Panel::default() });
    if focused {
        c.drawn.page = usize::from(inner.height);
    }
    if logs.shown().len() == 0 {
        let text = if logs.last() == 0 {
            "Nothing has been logged yet."
        } else {
            "No record passes the filters: + shows less severe ones, s other sources, / edits the text."
        };
        detail::empty(c, inner, text);
        return;
    }
    lines(c, logs, inner, focused);
}

/// Fills the area from below: the last line is the selected record, or the newest while following. When that leaves
/// room above, newer records fill it from below.
fn lines(c: &mut Canvas<'_>, logs: &LogPane, area: Rect, focused: bool) {
    let width = area.width.saturating_sub(prefix(logs)).max(1);
    let height = |r: &LogRecord| if logs.wrap { (wrap(&r.message, width).len() as u16).max(1) } else { 1 };
    let row = logs.row();
    let records: Vec<&LogRecord> = {
        let older: u16 = logs.shown().take(row + 1).rev().take(area.height.into()).map(height).sum();
        let spare = usize::from(area.height.saturating_sub(older));
        let end = (row + 1 + spare).min(logs.shown().len());
        let start = end.saturating_sub(area.height.into());
        logs.shown().skip(start).take(end - start).collect()
    };
    let mut bottom = area.bottom();
    let first =
        logs.row() + 1 - records.iter().position(|r| Some(r.seq) == logs.selected().map(|s| s.seq)).map_or(records.len(), |p| p + 1);
    if !logs.wrap {
        let used = (records.len() as u16).min(area.height);
        c.drawn.note(Rect { y: area.bottom() - used, height: used, ..area }, Hit::Rows(Pane::Logs, first));
    }
    for record in records.iter().rev() {
        if bottom == area.top() {
            break;
        }
        if logs.mark == Some(record.seq) {
            bottom -= 1;
            c.put(area.x, bottom, area.width, &"┄".repeat(area.width.into()), c.s(Role::Focus));
            if bottom == area.top() {
                break;
            }
        }
        let used = height(record).min(bottom - area.top());
        bottom -= used;
        let selected = focused && logs.cursor == Some(record.seq);
        if selected {
            c.drawn.selection = Some(Position::new(area.x, bottom));
        }
        line(c, logs, record, Rect { y: bottom, height: used, ..area }, selected);
    }
}

/// Cells before the message.
const fn prefix(logs: &LogPane) -> u16 {
    if logs.times { 29 } else { 16 }
}

fn line(c: &mut Canvas<'_>, logs: &LogPane, record: &LogRecord, area: Rect, selected: bool) {
    let role = role(record.level);
    let mark = if selected { "›" } else { " " };
    let mut x = c.put(area.x, area.y, 1, mark, c.theme.strong(Role::Focus));
    if logs.times {
        x = c.put(x, area.y, 13, &fmt::milli(record.at_ms), c.s(Role::Dim)) + 1;
    }
    x = c.put(x, area.y, 6, &format!("{:<5} ", record.level.name()), c.s(role));
    x = c.put(x, area.y, 8, &format!("{:<8.7}", record.source), c.s(Role::Dim));
    let rest = Rect { x, width: area.right().saturating_sub(x), ..area };
    let style = if role == Role::Text && !selected { c.s(Role::Text) } else { c.s(role) };
    let style = if selected { style.add_modifier(Modifier::BOLD) } else { style };
    if logs.wrap {
        c.wrapped(rest, &record.message, style);
    } else {
        c.line(rest, &[(&record.message, style)]);
    }
    highlight(c, &logs.search, rest);
}

/// Inverts what was searched for, where it is on screen.
fn highlight(c: &mut Canvas<'_>, search: &str, area: Rect) {
    let needle: Vec<char> = search.to_lowercase().chars().collect();
    if needle.is_empty() {
        return;
    }
    for y in area.top()..area.bottom() {
        let same = |x: u16, wanted: &char| {
            let cell = c.buf.cell(Position::new(x, y)).and_then(|cell| cell.symbol().chars().next());
            cell.is_some_and(|found| found.to_lowercase().eq(wanted.to_lowercase()))
        };
        let hits: Vec<u16> =
            (area.left()..area.right()).filter(|x| needle.iter().zip(*x..area.right()).all(|(n, at)| same(at, n))).collect();
        for x in hits.into_iter().filter(|x| usize::from(area.right() - x) >= needle.len()) {
            for at in x..x + needle.len() as u16 {
                if let Some(cell) = c.buf.cell_mut(Position::new(at, y)) {
                    cell.modifier.insert(Modifier::REVERSED);
                }
            }
        }
    }
}
