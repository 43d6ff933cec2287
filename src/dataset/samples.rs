//! The rows of a data set as columns, ordered by date and within a date by the universe.

use chrono::NaiveDate;

use crate::labels::splits::Lifetime;
use crate::labels::{Class, Span, weights};
use crate::market::{Regime, Symbol};

/// Labelled rows. All columns have the same length; `features` has `width` values a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// The symbols that rows can be of, in the universe's order.
    pub symbols: Vec<Symbol>,
    /// Features a row.
    pub width: usize,
    /// Position in `symbols`.
    pub symbol: Vec<u32>,
    /// Row number of the bar of the decision in its symbol's bars.
    pub bar: Vec<u32>,
    /// Date of the decision.
    pub date: Vec<NaiveDate>,
    /// What the decision should have been.
    pub class: Vec<Class>,
    /// Last date that the label knows of.
    pub label_end: Vec<NaiveDate>,
    /// Last session of the horizon, whatever came: splits and folds go by it.
    pub matured: Vec<NaiveDate>,
    /// Sessions from entry to exit, numbered on the symbol's own calendar.
    pub span: Vec<Span>,
    /// The symbol's regime on the date.
    pub regime: Vec<Regime>,
    /// Return of a long position before costs.
    pub gross: Vec<f64>,
    /// Return of a long position after costs.
    pub net: Vec<f64>,
    /// Distance of the barriers from the entry, as a fraction of it: the risk that is taken.
    pub risk: Vec<f64>,
    /// Uniqueness among all rows of the symbol. Folds work out their own.
    pub uniqueness: Vec<f64>,
    /// Row by row, finite: what the models are fed. Single precision, as they compute.
    pub features: Vec<f32>,
}

/// One row on its way into [`Samples`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub bar: u32,
    pub date: NaiveDate,
    pub class: Class,
    pub label_end: NaiveDate,
    pub matured: NaiveDate,
    pub span: Span,
    pub regime: Regime,
    pub gross: f64,
    pub net: f64,
    pub risk: f64,
}

/// The rows of one symbol, ascending by date, and their features row by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SymbolRows {
    pub rows: Vec<Row>,
    pub features: Vec<f32>,
}

impl Samples {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.date.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.date.is_empty()
    }

    /// The features of a row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.features[row * self.width..(row + 1) * self.width]
    }

    /// What the splits need to know of each row.
    pub fn lifetimes(&self) -> Vec<Lifetime> {
        self.date.iter().zip(&self.matured).map(|(&date, &matured)| Lifetime { date, matured }).collect()
    }

    /// The uniqueness of each of `rows` among themselves, in their order: two labels of one symbol that live at the same
    /// time share what they tell. `rows` has no row twice.
    pub fn uniqueness_among(&self, rows: &[usize]) -> Vec<f64> {
        let mut by_symbol: Vec<(Vec<usize>, Vec<Span>)> = vec![Default::default(); self.symbols.len()];
        for (position, &row) in rows.iter().enumerate() {
            let (positions, spans) = &mut by_symbol[self.symbol[row] as usize];
            positions.push(position);
            spans.push(self.span[row]);
        }
        let mut out = vec![0.0; rows.len()];
        for (positions, spans) in by_symbol {
            for (position, unique) in positions.into_iter().zip(weights::uniqueness(&spans)) {
                out[position] = unique;
            }
        }
        out
    }

    /// Puts the rows of all symbols, given in the order of `symbols`, into the order of dates.
    pub(super) fn gather(symbols: Vec<Symbol>, width: usize, of: &[SymbolRows]) -> Self {
        let mut order: Vec<(NaiveDate, u32, usize)> = Vec::with_capacity(of.iter().map(|s| s.rows.len()).sum());
        for (symbol, rows) in of.iter().enumerate() {
            order.extend(rows.rows.iter().enumerate().map(|(i, r)| (r.date, symbol as u32, i)));
        }
        order.sort_unstable();
        let mut out = Self { symbols, width, ..Self::default() };
        out.features.reserve_exact(order.len() * width);
        for (date, symbol, i) in order {
            let from = &of[symbol as usize];
            let r = &from.rows[i];
            out.symbol.push(symbol);
            out.bar.push(r.bar);
            out.date.push(date);
            out.class.push(r.class);
            out.label_end.push(r.label_end);
            out.matured.push(r.matured);
            out.span.push(r.span);
            out.regime.push(r.regime);
            out.gross.push(r.gross);
            out.net.push(r.net);
            out.risk.push(r.risk);
            out.features.extend_from_slice(&from.features[i * width..(i + 1) * width]);
        }
        out.uniqueness = out.uniqueness_among(&(0..out.len()).collect::<Vec<_>>());
        out
    }
}
