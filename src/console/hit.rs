//! What the last frame put where: the mouse asks, and paging needs to know how much was visible.

use ratatui::layout::{Position, Rect};

use super::app::Pane;

/// What lies under a cell of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A pane.
    Pane(Pane),
    /// The cells of the heat map; the corner shows this column and row.
    Heat {
        /// Position among the shown columns.
        x: usize,
        /// Row, the timeframe's index.
        y: usize,
    },
    /// One entry of a list, several lines high.
    Entry(Pane, usize),
    /// The rows of a table, list or log; the first line shows this row.
    Rows(Pane, usize),
}

/// The record of one frame.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    areas: Vec<(Rect, Hit)>,
    /// Rows that were visible in what has the focus.
    pub page: usize,
    /// Where the text cursor belongs.
    pub cursor: Option<Position>,
    /// Where the selection is, for screen readers and magnifiers.
    pub selection: Option<Position>,
    /// Where the losses of the training page are drawn, if nothing lies over them.
    pub losses: Option<Rect>,
}

impl Drawn {
    /// Notes what lies in an area; later notes lie on top.
    pub fn note(&mut self, area: Rect, hit: Hit) {
        self.areas.push((area, hit));
    }

    /// What lies under a cell, topmost first.
    pub fn at(&self, column: u16, row: u16) -> impl Iterator<Item = (Rect, Hit)> {
        let position = Position::new(column, row);
        self.areas.iter().rev().filter(move |(area, _)| area.contains(position)).copied()
    }
}
