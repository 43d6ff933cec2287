//! The gates of a training run as they land, and the sentence of the selected one.

use ratatui::layout::{Position, Rect};

use super::PARTS;
use crate::console::fmt;
use crate::console::theme::Role;
use crate::console::view::canvas::{Canvas, Panel, wrap};
use crate::console::view::detail;
use crate::console::view::heatmap::window;
use crate::train::gates::{GateResult, Status};
use crate::train::progress::{NullsView, TrainingState, TrainingView};

/// Cells of a figure.
const COLUMN: usize = 11;

/// Glyph, word and role of how a gate came out. One that is not passed is a normal end.
const fn mark(status: Status) -> (&'static str, &'static str, Role) {
    match status {
        Status::Pass => ("✓", "passed", Role::Ok),
        Status::Fail => ("✗", "not passed", Role::Warn),
        Status::Muted => ("‖", "side muted", Role::Stale),
        Status::NotApplicable => ("·", "not applicable", Role::Dim),
    }
}

/// Draws the gates of a run.
pub fn draw(c: &mut Canvas<'_>, view: &TrainingView, selected: usize, focused: bool, area: Rect) {
    let nulls = nulls(view.nulls);
    let inner =
        c.panel(area, &Panel { title: "Gates", summary: &nulls, context: if focused { PARTS } else { "" }, focused, ..Panel::default() });
    if view.gates.is_empty() {
        let text = match view.state {
            TrainingState::Running => "They are judged in step 11, when all models are trained.",
            _ => "The run ended before its candidate was judged.",
        };
        detail::empty(c, inner, text);
        return;
    }
    list(c, &view.gates, focused.then_some(selected), inner);
    if focused {
        c.drawn.page = inner.height.into();
    }
}

/// Writes gates a line each, and the selected one's sentence below; without a selection, the first that is not passed.
pub fn list(c: &mut Canvas<'_>, gates: &[GateResult], selected: Option<usize>, area: Rect) {
    let telling = gates.iter().position(|g| g.status == Status::Fail).unwrap_or(0);
    let row = selected.unwrap_or(telling).min(gates.len().saturating_sub(1));
    let Some(shown) = gates.get(row) else { return };
    let told = format!("{} {}", shown.gate.code(), shown.sentence);
    let needed = wrap(&told, area.width.saturating_sub(2)).len() as u16;
    let below = needed.min(area.height.saturating_sub(1) / 2).min(4);
    let head = format!("   {:<22}{:>COLUMN$}{:>COLUMN$}{:>COLUMN$}", "gate", "value", "bound", "asks");
    c.line(Rect { height: area.height.min(1), ..area }, &[(&head, c.s(Role::Dim))]);
    let rows = Rect { y: area.y + 1, height: area.height.saturating_sub(below + 1), ..area };
    let first = window(row, gates.len(), rows.height.into());
    for ((i, gate), y) in gates.iter().enumerate().skip(first).zip(rows.y..rows.bottom()) {
        let here = selected == Some(i);
        line(c, gate, here, Rect { y, height: 1, ..rows });
        if here {
            c.drawn.selection = Some(Position::new(rows.x, y));
        }
    }
    let sentence = Rect { x: area.x + 1, y: rows.bottom(), width: area.width.saturating_sub(2), height: below };
    c.wrapped(sentence, &told, c.s(Role::Text));
}

fn line(c: &mut Canvas<'_>, gate: &GateResult, selected: bool, area: Rect) {
    let (glyph, word, role) = mark(gate.status);
    let name = if selected { c.theme.strong(Role::Focus) } else { c.s(Role::Text) };
    let label = format!(" {:<4} {:<17}", gate.gate.code(), gate.gate.to_string().replace('_', " "));
    let x = c.line(area, &[(if selected { "›" } else { " " }, name), (glyph, c.s(role)), (&label, name)]);
    let [value, bound, asks] = [gate.value, gate.bound, gate.threshold].map(|v| v.map_or_else(String::new, fmt::figure));
    let rest = Rect { x, width: area.right().saturating_sub(x), ..area };
    if gate.value.is_none() {
        c.line(rest, &[("  ", c.s(role)), (word, c.s(role))]);
        return;
    }
    let text = format!("{value:>COLUMN$}{bound:>COLUMN$}{asks:>COLUMN$}");
    c.line(rest, &[(&text, c.s(Role::Dim))]);
}

/// How far the null control is.
fn nulls(n: NullsView) -> String {
    if n.total == 0 {
        return String::new();
    }
    format!("null control {} of {}, {} passed", n.done, n.total, n.passed)
}
