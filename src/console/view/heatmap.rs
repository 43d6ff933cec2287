//! The heat map: one cell per series, written straight into the buffer.

use ratatui::layout::{Position, Rect};

use super::canvas::Canvas;
use crate::console::app::{App, STATES, word};
use crate::console::hit::Hit;
use crate::console::theme::Role;
use crate::engine::{CellState, Market};
use crate::market::Timeframe;

/// Cells left of the map for the timeframe's name.
pub const LABEL: u16 = 5;
/// Lines for the map, its ruler and the run below it.
pub const HEIGHT: u16 = 19;

/// Glyph and role of a state.
pub const fn glyph(state: CellState) -> (&'static str, Role) {
    match state {
        CellState::Fresh => ("·", Role::Dim),
        CellState::Fetching => ("▸", Role::Focus),
        CellState::Queued => ("○", Role::Dim),
        CellState::Late => ("▒", Role::Warn),
        CellState::Gap => ("▓", Role::Stale),
        CellState::Failed => ("✗", Role::Bad),
        CellState::Quarantined => ("◇", Role::Stale),
        CellState::Empty => (" ", Role::Dim),
    }
}

/// First shown of `total` things, so that `at` is visible in a window of `size`, moving in half windows.
pub fn window(at: usize, total: usize, size: usize) -> usize {
    if total <= size || size == 0 {
        return 0;
    }
    let step = (size / 2).max(1);
    let first = at.saturating_sub(size - 1).div_ceil(step) * step;
    first.min(total - size)
}

/// Draws ruler and map into the top of `area`; `lines` are available for the map's rows.
pub fn draw(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let market = app.snap().market.clone();
    if area.width <= LABEL || area.height < 2 {
        return;
    }
    let map =
        Rect { x: area.x + LABEL, y: area.y + 1, width: area.width - LABEL, height: (area.height - 1).min(Timeframe::ALL.len() as u16) };
    let cursor = (app.heat.position(&market).unwrap_or(0), app.heat.cursor.map_or(0, |s| s.timeframe.index()));
    let first_x = window(cursor.0, app.heat.columns.len(), map.width.into());
    let first_y = window(cursor.1, Timeframe::ALL.len(), map.height.into());
    let columns: Vec<usize> = app.heat.columns.iter().copied().skip(first_x).take(map.width.into()).collect();
    ruler(c, &market, &columns, Rect { y: area.y, height: 1, ..map }, app.heat.columns.len() > columns.len());
    for (y, timeframe) in (map.y..map.bottom()).zip(Timeframe::ALL.iter().skip(first_y)) {
        let here = app.heat.cursor.is_some_and(|s| s.timeframe == *timeframe);
        let style = if here { c.theme.strong(Role::Focus) } else { c.s(Role::Dim) };
        c.right(area.x, map.x - 1, y, timeframe.name(), style);
        for (x, column) in (map.x..map.right()).zip(&columns) {
            let (symbol, role) = glyph(market.cell(*timeframe, *column).state);
            let style = c.theme.style(role);
            if let Some(cell) = c.buf.cell_mut(Position::new(x, y)) {
                cell.set_symbol(symbol).set_style(style);
            }
        }
    }
    c.drawn.note(Rect { width: columns.len() as u16, ..map }, Hit::Heat { x: first_x, y: first_y });
    cross(c, app, map, (first_x, first_y), cursor);
}

/// Shows the cursor's cell inverted; on an empty cell there must be something to invert.
fn cross(c: &mut Canvas<'_>, app: &App, map: Rect, first: (usize, usize), cursor: (usize, usize)) {
    let Some(cell) = app.heat.cell(&app.snap().market) else { return };
    let (x, y) = (map.x + (cursor.0 - first.0) as u16, map.y + (cursor.1 - first.1) as u16);
    if x >= map.right() || y >= map.bottom() {
        return;
    }
    let (symbol, role) = glyph(cell.state);
    // An inverted dim dot would not stand out: the quiet states take the focus colour.
    let role = if role == Role::Dim { Role::Focus } else { role };
    let style = c.theme.selected(role);
    c.set(x, y, symbol, style);
    c.drawn.selection = Some(Position::new(x, y));
}

/// Names the groups of columns that share a sector.
fn ruler(c: &mut Canvas<'_>, market: &Market, columns: &[usize], area: Rect, cut: bool) {
    let sector = |column: usize| market.instruments.get(column).map_or("", |i| i.sector.as_str());
    let mut start = 0;
    let mut odd = false;
    while start < columns.len() {
        let name = sector(columns[start]);
        let length = columns[start..].iter().take_while(|col| sector(**col) == name).count();
        let style = if odd { c.s(Role::Dim) } else { c.s(Role::Text) };
        let x = area.x + start as u16;
        let last = start + length == columns.len();
        let width = if last { length } else { length - 1 };
        c.put(x, area.y, width as u16, &abbreviate(name, width), style);
        start += length;
        odd = !odd;
    }
    if cut {
        c.set(area.x.saturating_sub(1), area.y, "‹", c.s(Role::Focus));
        c.put(area.x + columns.len() as u16, area.y, 1, "›", c.s(Role::Focus));
    }
}

/// A sector's name in `width` cells: whole if it fits, else the beginnings of its words.
fn abbreviate(name: &str, width: usize) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    let words = name.split_whitespace().filter(|w| w.len() > 1).count().max(1);
    let part = (width / words).max(1);
    let text: String = name.split_whitespace().filter(|w| w.len() > 1).flat_map(|w| w.chars().take(part)).collect();
    text.chars().take(width).collect()
}

/// The states present, for the legend: glyph, role and number of cells.
pub fn present(market: &Market) -> Vec<(CellState, u32)> {
    let mut counts = [0_u32; STATES.len()];
    for cell in &market.cells {
        if let Some(at) = STATES.iter().position(|s| *s == cell.state) {
            counts[at] += 1;
        }
    }
    STATES.into_iter().zip(counts).filter(|(s, n)| *n > 0 && *s != CellState::Empty).collect()
}

/// How much a legend says, the most talkative first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Legend {
    /// Words and numbers.
    Counted,
    /// Words.
    Words,
}

/// The legend of the states present: what to write after each glyph.
pub fn legend(present: &[(CellState, u32)], how: Legend) -> Vec<(&'static str, Role, String)> {
    let text = |state: CellState, n: u32| match how {
        Legend::Counted if state != CellState::Fresh => format!(" {} {n}", word(state)),
        Legend::Counted | Legend::Words => format!(" {}", word(state)),
    };
    let entry = |(i, (state, n)): (usize, &(CellState, u32))| {
        let (symbol, role) = glyph(*state);
        let apart = if i + 1 < present.len() { "  " } else { "" };
        (symbol, role, text(*state, *n) + apart)
    };
    present.iter().enumerate().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_always_shows_the_cursor() {
        for total in 0..90 {
            for size in 1..90 {
                for at in 0..total {
                    let first = window(at, total, size);
                    assert!(first <= at && at < first + size, "{at} of {total} in {size}: {first}");
                }
            }
        }
    }

    #[test]
    fn sectors_are_shortened_so_that_they_differ() {
        assert_eq!(abbreviate("Consumer Cyclical", 6), "ConCyc");
        assert_eq!(abbreviate("Consumer Defensive", 6), "ConDef");
        assert_eq!(abbreviate("Energy", 6), "Energy");
        assert_eq!(abbreviate("Technology", 6), "Techno");
        assert_eq!(abbreviate("Crypto", 3), "Cry");
    }
}
