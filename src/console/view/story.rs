//! The story of a run beside what came of it.

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::{detail, job};
use crate::console::app::{App, Line, job_state};
use crate::console::fmt;
use crate::console::theme::Role;

/// Draws the events, the other attempts and the parts that failed, from the line it is scrolled to.
pub fn draw(c: &mut Canvas<'_>, app: &App, id: i64, focused: bool, area: Rect) {
    let lines = app.story(id).count();
    let context =
        if lines > usize::from(area.height.saturating_sub(2)) { format!("line {} of {lines}", app.scroll + 1) } else { String::new() };
    let inner = c.panel(area, &Panel { title: "Story", summary: "UTC", context: &context, focused, ..Panel::default() });
    // Beside parts that keys move in, only the one with the focus says how far a page is.
    if focused || c.drawn.page == 0 {
        c.drawn.page = inner.height.into();
    }
    if lines == 0 {
        let known = app.run_detail.value.as_deref().is_some_and(|d| d.run.id == id);
        if known || app.run(id).is_some() {
            detail::empty(c, inner, "Nothing is told of this run.");
        } else {
            job::pending(c, app, app.run_detail.error.as_deref(), inner);
        }
        return;
    }
    let mut y = inner.y;
    for line in app.story(id).skip(app.scroll) {
        if y >= inner.bottom() {
            break;
        }
        let (head, text, role) = words(&line, app.now());
        let x = c.put(inner.x + 1, y, inner.width, &head, c.s(if role == Role::Text { Role::Dim } else { role }));
        let rest = Rect { x, y, width: inner.right().saturating_sub(x + 1), height: inner.bottom() - y };
        y += c.wrapped(rest, &text, c.s(role)).max(1);
    }
}

/// What stands before a line, the line, and its role.
fn words(line: &Line<'_>, now: i64) -> (String, String, Role) {
    match line {
        Line::Event(event) => {
            let role = match event.kind.as_str() {
                "retry" | "cancel" => Role::Warn,
                "phase" | "started" => Role::Focus,
                _ => Role::Text,
            };
            // `started started` says it twice.
            let text = if event.text == event.kind { String::new() } else { event.text.clone() };
            (format!("{} {:<8} ", fmt::second(event.at_ms.div_euclid(1000)), event.kind), text, role)
        }
        Line::Head(text) => (String::new(), (*text).to_owned(), Role::Dim),
        Line::Attempt(run) => {
            let (glyph, word, role) = job_state(run);
            let took = run.seconds(now).map_or_else(String::new, |s| format!(" after {}", fmt::clock(s)));
            let why = run.error.as_ref().map_or_else(String::new, |e| format!(": {e}"));
            (format!("{glyph} "), format!("try {}, run {} {word}{took}{why}", run.attempt, run.id), role)
        }
        Line::Failure(text) => ("✗ ".into(), (*text).to_owned(), Role::Text),
    }
}
