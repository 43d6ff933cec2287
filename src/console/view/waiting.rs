//! The pane whose work this build does not do yet. It says so, and what will live there.

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::detail;
use crate::console::app::{App, Pane};

/// Draws the pane.
pub fn draw(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let focused = app.focus == Pane::Drift;
    let inner = c.panel(area, &Panel { title: Pane::Drift.title(), summary: "not in this build", focused, ..Panel::default() });
    let text = "No drift monitor: it compares features with those a model was trained on. Alerts by feature will be here.";
    detail::empty(c, inner, text);
}
