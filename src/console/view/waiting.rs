//! Panes whose work this build does not do yet. They say so, and what will live there.

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::detail;
use crate::console::app::{App, Pane};

/// Draws the pane.
pub fn draw(c: &mut Canvas<'_>, app: &App, pane: Pane, area: Rect) {
    let inner = c.panel(area, &Panel { title: pane.title(), summary: "not in this build", focused: app.focus == pane, ..Panel::default() });
    let text = match pane {
        Pane::Training => "No training: this build keeps the market data that models will learn from. Runs, folds and losses will be here.",
        _ => {
            "No drift monitor: it compares features with those a model was trained on, and there is no model yet. Alerts by feature will be here."
        }
    };
    detail::empty(c, inner, text);
}
