//! A sortable, filterable table whose selection is a key, so that sorting and new rows do not move it.

use std::cmp::Ordering;

use crate::console::fmt;
use crate::console::theme::Role;

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Heading.
    pub title: &'static str,
    /// Cells wide; the last column takes what is left.
    pub width: u16,
    /// Numbers are right-aligned.
    pub right: bool,
}

/// What a cell sorts by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// By number.
    Number(i64),
    /// By text.
    Text(String),
}

impl SortKey {
    /// Sorts as the numbers do, missing ones under all others.
    pub fn value(value: Option<f64>) -> Self {
        // Flipping the other bits of a negative number orders the bits as integers (IEEE 754 total order).
        let order = |v: f64| {
            let bits = v.to_bits().cast_signed();
            bits ^ (bits >> 63).cast_unsigned().wrapping_shr(1).cast_signed()
        };
        Self::Number(value.map_or(i64::MIN, order))
    }
}

/// One cell.
#[derive(Clone, Debug)]
pub struct Cell {
    /// As shown.
    pub text: String,
    /// As sorted.
    pub key: SortKey,
}

impl Cell {
    /// A cell that sorts by its text.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { key: SortKey::Text(text.clone()), text }
    }

    /// A cell that sorts by a number.
    pub fn number(text: impl Into<String>, key: i64) -> Self {
        Self { text: text.into(), key: SortKey::Number(key) }
    }
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Identity.
    pub key: i64,
    /// One per column.
    pub cells: Vec<Cell>,
    /// Colour of the row's state.
    pub role: Role,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Columns.
    pub columns: &'static [Column],
    /// All rows, in the order they came.
    rows: Vec<Row>,
    /// Positions in `rows`, filtered and sorted.
    order: Vec<usize>,
    /// Key of the selected row.
    pub selected: Option<i64>,
    /// Sorted by this column, descending if the flag is set; `None` keeps the order they came in.
    pub sort: Option<(usize, bool)>,
    /// Filter as typed; `!` in front inverts.
    pub filter: String,
}

impl Table {
    /// An empty table.
    pub const fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new(), order: Vec::new(), selected: None, sort: None, filter: String::new() }
    }

    /// Takes new rows; the selection stays on its key.
    pub fn replace(&mut self, rows: Vec<Row>) {
        let was = self.row();
        self.rows = rows;
        self.refresh();
        if self.position().is_none() {
            self.select_row(was);
        }
    }

    /// Applies filter and sorting again.
    pub fn refresh(&mut self) {
        let (negate, text) = self.filter.strip_prefix('!').map_or((false, self.filter.as_str()), |t| (true, t));
        let text = text.to_lowercase();
        let passes = |r: &Row| text.is_empty() || r.cells.iter().any(|c| c.text.to_lowercase().contains(&text)) != negate;
        self.order = (0..self.rows.len()).filter(|i| passes(&self.rows[*i])).collect();
        if let Some((column, descending)) = self.sort {
            let key = |i: &usize| self.rows[*i].cells.get(column).map(|c| &c.key);
            // The sort is stable: equal rows keep the order they came in.
            self.order.sort_by(|a, b| {
                let order = key(a).cmp(&key(b));
                if descending { Ordering::reverse(order) } else { order }
            });
        }
        if self.position().is_none() {
            self.select_row(0);
        }
    }

    /// Rows as shown.
    pub fn shown(&self) -> impl ExactSizeIterator<Item = &Row> {
        self.order.iter().map(|&i| &self.rows[i])
    }

    fn position(&self) -> Option<usize> {
        let key = self.selected?;
        self.order.iter().position(|&i| self.rows[i].key == key)
    }

    /// Row number of the selection.
    pub fn row(&self) -> usize {
        self.position().unwrap_or(0)
    }

    /// The selected row.
    pub fn current(&self) -> Option<&Row> {
        self.position().map(|p| &self.rows[self.order[p]])
    }

    /// Selects by row number, stopping at the edges.
    pub fn select_row(&mut self, row: usize) {
        let row = row.min(self.order.len().saturating_sub(1));
        self.selected = self.order.get(row).map(|&i| self.rows[i].key);
    }

    /// Moves the selection.
    pub fn step(&mut self, by: isize) {
        self.select_row(self.row().saturating_add_signed(by));
    }

    /// Sorts by the next column; after the last one, in the order the rows came.
    pub fn sort_next(&mut self) {
        self.sort = match self.sort {
            None => Some((0, false)),
            Some((c, d)) if c + 1 < self.columns.len() => Some((c + 1, d)),
            Some(_) => None,
        };
        self.refresh();
    }

    /// Reverses the order.
    pub fn sort_reverse(&mut self) {
        self.sort = Some(self.sort.map_or((0, true), |(c, d)| (c, !d)));
        self.refresh();
    }

    /// What is shown, as CSV with a heading.
    pub fn csv(&self) -> String {
        let mut out: String = self.columns.iter().map(|c| fmt::csv(c.title)).collect::<Vec<_>>().join(",");
        out.push('\n');
        for row in self.shown() {
            out.push_str(&row.cells.iter().map(|c| fmt::csv(&c.text)).collect::<Vec<_>>().join(","));
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_sort_as_values_do(a in prop::num::f64::NORMAL, b in prop::num::f64::NORMAL) {
            prop_assert_eq!(SortKey::value(Some(a)).cmp(&SortKey::value(Some(b))), a.total_cmp(&b));
            prop_assert!(SortKey::value(None) < SortKey::value(Some(a)));
        }
    }

    static COLUMNS: [Column; 2] = [Column { title: "id", width: 4, right: true }, Column { title: "name", width: 9, right: false }];

    fn table() -> Table {
        let row = |key: i64, name: &str| Row { key, cells: vec![Cell::number(key.to_string(), key), Cell::text(name)], role: Role::Text };
        let mut table = Table::new(&COLUMNS);
        table.replace(vec![row(10, "beta"), row(9, "gamma"), row(11, "alpha")]);
        table
    }

    fn keys(table: &Table) -> Vec<i64> {
        table.shown().map(|r| r.key).collect()
    }

    #[test]
    fn sorting_keeps_the_selection_on_its_key() {
        let mut table = table();
        assert_eq!((keys(&table), table.selected), (vec![10, 9, 11], Some(10)));
        table.sort_next();
        assert_eq!((keys(&table), table.row()), (vec![9, 10, 11], 1));
        table.sort_next();
        table.sort_reverse();
        assert_eq!((keys(&table), table.selected), (vec![9, 10, 11], Some(10)));
        table.step(5);
        assert_eq!(table.selected, Some(11));
    }

    #[test]
    fn a_filter_moves_the_selection_only_when_it_hides_it() {
        let mut table = table();
        table.filter = "!beta".into();
        table.refresh();
        assert_eq!((keys(&table), table.selected), (vec![9, 11], Some(9)));
        table.filter = "nothing".into();
        table.refresh();
        assert!(table.current().is_none());
        assert_eq!(table.csv(), "id,name\n");
    }
}
