//! The table pages: run history and data-quality findings.

use ratatui::layout::{Position, Rect};

use super::canvas::{Canvas, Panel};
use super::heatmap::window;
use super::{detail, spinner, widget};
use crate::console::app::{App, Pane, Table, scope, severity};
use crate::console::fmt;
use crate::console::hit::Hit;
use crate::console::theme::Role;

/// Draws the data-quality page: the table, and the selected finding in full below it.
pub fn draw(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let [top, bottom] = widget::rows(area, [area.height.saturating_sub(8).max(6), area.height]);
    let title = format!("Data quality  {} open, {} hide data", app.snap().issues, app.snap().quarantined);
    table(c, &app.issues_table, &title, top);
    let inner = c.panel(bottom, &Panel { title: "Finding", ..Panel::default() });
    let selected = app.issues_table.selected;
    let Some(stored) = app.issues.value.iter().flatten().find(|i| Some(i.id) == selected) else {
        let text = if app.issues.waiting {
            format!("{} asking the engine", spinner(app))
        } else {
            "No open finding: the data passed every check.".into()
        };
        detail::empty(c, inner, &text);
        return;
    };
    let (glyph, word, role) = severity(stored.issue.severity);
    let found = format!("{} UTC{}", fmt::minute(stored.opened_at), stored.run_id.map_or_else(String::new, |r| format!(", run {r}")));
    let facts = [
        ("severity", format!("{glyph} {word}, check {}", stored.issue.check), c.s(role)),
        ("series", format!("{}, {}", stored.issue.series, scope(stored)), c.s(Role::Text)),
        ("found", found, c.s(Role::Dim)),
        ("finding", stored.issue.message.clone(), c.s(Role::Text)),
    ];
    detail::facts(c, inner, &facts);
}

/// Draws a table in a border, with the selected row in view.
pub fn table(c: &mut Canvas<'_>, table: &Table, title: &str, area: Rect) {
    list(c, table, title, true, area);
}

/// Draws one of several tables on a page; only the one with the focus has a cursor.
pub fn list(c: &mut Canvas<'_>, table: &Table, title: &str, focused: bool, area: Rect) {
    let sort =
        table.sort.map_or_else(String::new, |(col, down)| format!("sort: {} {}", table.columns[col].title, if down { "▾" } else { "▴" }));
    let summary = if table.filter.is_empty() { sort } else { format!("/{}  {sort}", table.filter) };
    let context = if table.shown().len() == 0 { String::new() } else { format!("row {} of {}", table.row() + 1, table.shown().len()) };
    let inner = c.panel(area, &Panel { title, summary: &summary, context: &context, focused, ..Panel::default() });
    if inner.height == 0 {
        return;
    }
    let dim = c.s(Role::Dim);
    let heads: Vec<&str> = table.columns.iter().map(|col| col.title).collect();
    line(c, table, Rect { height: 1, ..inner }, &heads, |_| dim, " ");
    let rows = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    let first = window(table.row(), table.shown().len(), rows.height.into());
    if focused {
        c.drawn.page = rows.height.into();
        c.drawn.note(rows, Hit::Rows(Pane::Ingest, first));
    }
    for (row, y) in table.shown().skip(first).zip(rows.y..rows.bottom()) {
        let selected = focused && table.selected == Some(row.key);
        let text = if selected { c.theme.strong(Role::Focus) } else { c.s(Role::Text) };
        let state = c.s(row.role);
        let cells: Vec<&str> = row.cells.iter().map(|cell| cell.text.as_str()).collect();
        // The state's column carries its colour; the others stay readable.
        line(c, table, Rect { y, height: 1, ..rows }, &cells, |i| if i == 1 { state } else { text }, if selected { "›" } else { " " });
        if selected {
            c.drawn.selection = Some(Position::new(rows.x, y));
        }
    }
}

fn line(c: &mut Canvas<'_>, table: &Table, area: Rect, cells: &[&str], style: impl Fn(usize) -> ratatui::style::Style, mark: &str) {
    let mut x = c.put(area.x, area.y, 1, mark, c.theme.strong(Role::Focus));
    let last = table.columns.len() - 1;
    for (i, (column, text)) in table.columns.iter().zip(cells).enumerate() {
        let room = area.right().saturating_sub(x);
        // A number that is cut is another number, and the beginning of a word tells nothing.
        let least = if i == last { column.width / 2 } else { column.width };
        if room < least {
            return;
        }
        let width = if i == last { room } else { column.width.min(room) };
        if column.right {
            c.right(x, x + width, area.y, text, style(i));
        } else {
            c.line(Rect { x, width, ..area }, &[(text, style(i))]);
        }
        x += width + 2;
    }
}
