//! The heat map's cursor and filter. The cursor is a series, never a position, so that filtering and a changed
//! universe do not move it to another one.

use crate::engine::{CellState, Market, SeriesCell};
use crate::market::{Instrument, Series, Timeframe};

/// The state of the heat map.
#[derive(Clone, Debug, Default)]
pub struct Heat {
    /// The selected series; `None` while the universe is empty, or all of it is filtered away.
    pub cursor: Option<Series>,
    /// Filter as typed.
    pub filter: String,
    /// Columns that pass the filter, in order.
    pub columns: Vec<usize>,
}

/// The word of a state, as shown and as the filter takes it.
pub const fn word(state: CellState) -> &'static str {
    match state {
        CellState::Empty => "empty",
        CellState::Fresh => "fresh",
        CellState::Queued => "queued",
        CellState::Fetching => "fetching",
        CellState::Late => "late",
        CellState::Gap => "gap",
        CellState::Failed => "failed",
        CellState::Quarantined => "quarantined",
    }
}

/// All states, in the order of the legend.
pub const STATES: [CellState; 8] = [
    CellState::Fresh,
    CellState::Fetching,
    CellState::Queued,
    CellState::Late,
    CellState::Gap,
    CellState::Failed,
    CellState::Quarantined,
    CellState::Empty,
];

/// Whether a cell asks for attention.
pub const fn wants_a_look(state: CellState) -> bool {
    matches!(state, CellState::Late | CellState::Gap | CellState::Failed | CellState::Quarantined)
}

impl Heat {
    /// Recomputes the columns, and puts the cursor on the nearest one left if its own is gone.
    pub fn refresh(&mut self, market: &Market) {
        let (negate, text) = self.filter.strip_prefix('!').map_or((false, self.filter.as_str()), |t| (true, t));
        let text = text.trim().to_lowercase();
        let state = STATES.into_iter().find(|s| !text.is_empty() && word(*s) == text);
        let passes = |(column, instrument): (usize, &Instrument)| {
            let hit = match state {
                _ if text.is_empty() => return Some(column),
                Some(state) => Timeframe::ALL.iter().any(|t| market.cell(*t, column).state == state),
                None => [instrument.symbol.as_str(), &instrument.sector, &instrument.name].iter().any(|s| s.to_lowercase().contains(&text)),
            };
            (hit != negate).then_some(column)
        };
        self.columns = market.instruments.iter().enumerate().filter_map(passes).collect();
        let timeframe = self.cursor.map_or(Timeframe::D1, |c| c.timeframe);
        let near = self.column(market).or_else(|| {
            let at = self.cursor.and_then(|c| market.instruments.iter().position(|i| i.symbol == c.symbol)).unwrap_or(0);
            let next = self.columns.partition_point(|c| *c < at).min(self.columns.len().saturating_sub(1));
            self.columns.get(next).copied()
        });
        self.cursor = near.and_then(|c| market.instruments.get(c)).map(|i| Series { symbol: i.symbol, timeframe });
    }

    /// The cursor's column in the universe, if the filter shows it.
    pub fn column(&self, market: &Market) -> Option<usize> {
        let symbol = self.cursor?.symbol;
        self.columns.iter().copied().find(|&c| market.instruments.get(c).is_some_and(|i| i.symbol == symbol))
    }

    /// The cursor's position among the shown columns.
    pub fn position(&self, market: &Market) -> Option<usize> {
        let column = self.column(market)?;
        self.columns.binary_search(&column).ok()
    }

    /// The cell under the cursor.
    pub fn cell(&self, market: &Market) -> Option<SeriesCell> {
        Some(market.cell(self.cursor?.timeframe, self.column(market)?))
    }

    /// Moves by columns and rows, stopping at the edges.
    pub fn step(&mut self, market: &Market, dx: isize, dy: isize) {
        let (Some(cursor), Some(x)) = (self.cursor, self.position(market)) else { return };
        let x = x.saturating_add_signed(dx).min(self.columns.len().saturating_sub(1));
        let y = cursor.timeframe.index().saturating_add_signed(dy).min(Timeframe::ALL.len() - 1);
        self.place(market, x, y);
    }

    /// Puts the cursor on a shown column and a row.
    pub fn place(&mut self, market: &Market, x: usize, y: usize) {
        let instrument = self.columns.get(x).and_then(|&c| market.instruments.get(c));
        if let (Some(instrument), Some(&timeframe)) = (instrument, Timeframe::ALL.get(y)) {
            self.cursor = Some(Series { symbol: instrument.symbol, timeframe });
        }
    }

    /// Goes to the next or previous cell that wants a look, row by row and around the end; false when there is none.
    pub fn jump(&mut self, market: &Market, forward: bool) -> bool {
        let (Some(cursor), Some(x)) = (self.cursor, self.position(market)) else { return false };
        let width = self.columns.len();
        let total = width * Timeframe::ALL.len();
        let at = cursor.timeframe.index() * width + x;
        for step in 1..=total {
            let next = if forward { at + step } else { at + total - step } % total;
            let (row, col) = (next / width, next % width);
            if wants_a_look(market.cell(Timeframe::ALL[row], self.columns[col]).state) {
                self.place(market, col, row);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::market::{AssetClass, Symbol};

    fn market() -> Market {
        let instrument = |s: &str, sector: &str| Instrument {
            symbol: Symbol::new(s).unwrap(),
            asset: AssetClass::Stock,
            sector: sector.into(),
            name: format!("{s} Inc."),
        };
        let instruments = vec![instrument("AAPL", "Technology"), instrument("XOM", "Energy"), instrument("MSFT", "Technology")];
        let mut cells = vec![SeriesCell { state: CellState::Fresh, ..SeriesCell::default() }; 17 * 3];
        cells[Timeframe::H1.index() * 3 + 2].state = CellState::Late;
        Market { instruments: Arc::new(instruments), cells }
    }

    #[test]
    fn filters_by_symbol_sector_state_and_inverse() {
        let market = market();
        for (filter, columns) in
            [("", vec![0, 1, 2]), ("tech", vec![0, 2]), ("!tech", vec![1]), ("late", vec![2]), ("xo", vec![1]), ("zzz", vec![])]
        {
            let mut heat = Heat { filter: filter.into(), ..Heat::default() };
            heat.refresh(&market);
            assert_eq!(heat.columns, columns, "{filter}");
            assert_eq!(heat.cursor.is_some(), !columns.is_empty(), "{filter}");
        }
    }

    #[test]
    fn the_cursor_stays_on_its_series_and_moves_inside_the_edges() {
        let market = market();
        let mut heat = Heat::default();
        heat.refresh(&market);
        heat.step(&market, 9, 0);
        assert_eq!(heat.cursor.unwrap().symbol.as_str(), "MSFT");
        heat.filter = "tech".into();
        heat.refresh(&market);
        assert_eq!((heat.cursor.unwrap().symbol.as_str(), heat.position(&market)), ("MSFT", Some(1)));
        heat.filter = "energy".into();
        heat.refresh(&market);
        assert_eq!(heat.cursor.unwrap().symbol.as_str(), "XOM");
        heat.step(&market, -9, -99);
        assert_eq!(heat.cursor.unwrap().timeframe, Timeframe::M1);
    }

    #[test]
    fn jumps_to_what_wants_a_look() {
        let market = market();
        let mut heat = Heat::default();
        heat.refresh(&market);
        assert!(heat.jump(&market, true) && heat.jump(&market, false));
        assert_eq!(heat.cursor.unwrap().to_string(), "MSFT 1h");
        assert_eq!(heat.cell(&market).unwrap().state, CellState::Late);
    }
}
