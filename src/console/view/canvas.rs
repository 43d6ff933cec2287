//! Drawing on a buffer with clipping: nothing here panics, whatever the area.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::console::hit::Drawn;
use crate::console::theme::{Role, Theme};

/// A buffer with a theme.
pub struct Canvas<'a> {
    /// What is drawn on.
    pub buf: &'a mut Buffer,
    /// Styles.
    pub theme: &'a Theme,
    /// What was put where.
    pub drawn: Drawn,
}

/// A piece of text with its style.
pub type Piece<'a> = (&'a str, Style);

/// The border of a pane with its four texts.
#[derive(Default)]
pub struct Panel<'a> {
    /// Top left.
    pub title: &'a str,
    /// Top right.
    pub summary: &'a str,
    /// Bottom left.
    pub legend: &'a [Piece<'a>],
    /// Bottom right.
    pub context: &'a str,
    /// Whether it has the focus.
    pub focused: bool,
}

impl Canvas<'_> {
    /// The style of a role.
    pub const fn s(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Writes `text` from (x, y) over at most `max` cells; returns the next free x.
    pub fn put(&mut self, x: u16, y: u16, max: u16, text: &str, style: Style) -> u16 {
        let area = self.buf.area;
        if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() || max == 0 {
            return x;
        }
        self.buf.set_stringn(x, y, text, max.into(), whole(style)).0
    }

    /// Writes pieces after each other into the line that `area` begins with; cut text ends in an ellipsis.
    pub fn line(&mut self, area: Rect, pieces: &[Piece<'_>]) -> u16 {
        let end = area.right();
        let mut x = area.left();
        for (text, style) in pieces {
            let room = end.saturating_sub(x);
            let next = self.put(x, area.y, room, text, *style);
            if text.width() > usize::from(room) && room > 0 {
                self.put(end - 1, area.y, 1, "…", *style);
            }
            x = next.max(x);
        }
        x
    }

    /// Writes text so that it ends before `right`, not further left than `left`.
    pub fn right(&mut self, left: u16, right: u16, y: u16, text: &str, style: Style) {
        let width = text.width() as u16;
        let x = right.saturating_sub(width).max(left);
        self.put(x, y, right.saturating_sub(x), text, style);
    }

    /// Draws a border and returns what is inside.
    pub fn panel(&mut self, area: Rect, panel: &Panel<'_>) -> Rect {
        let area = area.intersection(self.buf.area);
        if area.width < 2 || area.height < 2 {
            return Rect::ZERO;
        }
        let border = if panel.focused { self.s(Role::Focus) } else { self.s(Role::Dim) };
        let (l, r, t, b) = (area.left(), area.right() - 1, area.top(), area.bottom() - 1);
        for x in l + 1..r {
            self.set(x, t, "─", border);
            self.set(x, b, "─", border);
        }
        for y in t + 1..b {
            self.set(l, y, "│", border);
            self.set(r, y, "│", border);
        }
        for (x, y, corner) in [(l, t, "╭"), (r, t, "╮"), (l, b, "╰"), (r, b, "╯")] {
            self.set(x, y, corner, border);
        }
        let title = if panel.focused { self.theme.strong(Role::Focus) } else { self.s(Role::Text) };
        let start = self.label(l + 2, r, t, panel.title, title);
        self.label_right(start, r, t, panel.summary, self.s(Role::Dim));
        let mut x = l + 1;
        if !panel.legend.is_empty() {
            x = self.put(x + 1, b, r.saturating_sub(x + 1), " ", border);
            let inner = Rect::new(x, b, r.saturating_sub(x + 1), 1);
            x = self.line(inner, panel.legend);
            x = self.put(x, b, r.saturating_sub(x), " ", border);
        }
        self.label_right(x, r, b, panel.context, self.s(Role::Text));
        Rect::new(l + 1, t + 1, area.width - 2, area.height - 2)
    }

    fn label(&mut self, x: u16, right: u16, y: u16, text: &str, style: Style) -> u16 {
        if text.is_empty() {
            return x;
        }
        let x = self.put(x, y, right.saturating_sub(x), " ", style);
        let x = self.put(x, y, right.saturating_sub(x + 1), text, style);
        self.put(x, y, right.saturating_sub(x), " ", style)
    }

    /// A label at the right end of a border; left out when it would touch what is left of it.
    fn label_right(&mut self, left: u16, right: u16, y: u16, text: &str, style: Style) {
        let width = text.width() as u16 + 2;
        let x = right.saturating_sub(width + 1);
        if !text.is_empty() && x > left {
            self.label(x, right, y, text, style);
        }
    }

    /// Sets one cell.
    pub fn set(&mut self, x: u16, y: u16, symbol: &str, style: Style) {
        if let Some(cell) = self.buf.cell_mut(Position::new(x, y)) {
            cell.set_symbol(symbol).set_style(whole(style));
        }
    }

    /// Writes text in lines no longer than the area is wide, breaking at spaces; returns the lines used.
    pub fn wrapped(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        let mut used = 0;
        for line in wrap(text, area.width) {
            if used == area.height {
                break;
            }
            self.put(area.x, area.y + used, area.width, line, style);
            used += 1;
        }
        used
    }

    /// Blanks an area, so that what lies over it is readable.
    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buf.cell_mut(Position::new(x, y)) {
                    cell.reset();
                }
            }
        }
    }

    /// Dims everything in an area: what is shown is not what is.
    pub fn fade(&mut self, area: Rect) {
        let dim = self.s(Role::Dim);
        let area = area.intersection(self.buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buf.cell_mut(Position::new(x, y)) {
                    cell.set_style(whole(dim));
                }
            }
        }
    }
}

/// A style that replaces what is there: ratatui's styles add to it, and text over a bold border would become bold.
fn whole(style: Style) -> Style {
    Style { fg: style.fg.or(Some(Color::Reset)), sub_modifier: Modifier::all().difference(style.add_modifier), ..style }
}

/// Breaks text at spaces into pieces of at most `width` cells; a longer word is cut.
pub fn wrap(text: &str, width: u16) -> Vec<&str> {
    let width = usize::from(width);
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && width > 0 {
        if rest.width() <= width {
            lines.push(rest);
            break;
        }
        let mut cells = 0;
        let mut cut = 0;
        let mut space = None;
        for (i, c) in rest.char_indices() {
            cells += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
            if cells > width {
                // A space right at the edge is the best place of all.
                space = if c == ' ' { Some(i) } else { space };
                break;
            }
            if c == ' ' {
                space = Some(i);
            }
            cut = i + c.len_utf8();
        }
        // A character wider than the whole line still has to go somewhere.
        let cut = cut.max(rest.chars().next().map_or(1, char::len_utf8));
        let at = space.filter(|s| *s > 0).unwrap_or(cut);
        lines.push(&rest[..at]);
        rest = rest[at..].trim_start_matches(' ');
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn breaks_at_spaces() {
        assert_eq!(wrap("the quick brown fox", 9), ["the quick", "brown fox"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""; 0]);
        assert_eq!(wrap("x", 0), [""; 0]);
    }

    proptest! {
        #[test]
        fn no_piece_is_wider_than_the_line(text in "\\PC{0,80}", width in 2_u16..40) {
            for line in wrap(&text, width) {
                prop_assert!(line.width() <= usize::from(width), "{line:?}");
            }
        }
    }
}
