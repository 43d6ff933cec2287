//! Lists of facts and empty states, shared by panes and pages.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::widget::Fact;
use crate::console::theme::Role;

/// Cells for a fact's name.
const NAME: u16 = 12;

/// Writes facts below each other, names left and dim; long values wrap. Returns the lines used.
pub fn facts(c: &mut Canvas<'_>, area: Rect, facts: &[Fact<'_>]) -> u16 {
    let mut y = area.y;
    for (name, value, style) in facts {
        if y >= area.bottom() {
            break;
        }
        c.put(area.x + 1, y, area.width.saturating_sub(1).min(NAME), name, c.s(Role::Dim));
        let x = area.x + NAME + 1;
        let rest = Rect { x, y, width: area.right().saturating_sub(x + 1), height: area.bottom() - y };
        y += c.wrapped(rest, value, *style).max(1);
    }
    y - area.y
}

/// Writes a sentence that explains why there is nothing here.
pub fn empty(c: &mut Canvas<'_>, area: Rect, text: &str) {
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    c.wrapped(inner, text, c.s(Role::Dim));
}
