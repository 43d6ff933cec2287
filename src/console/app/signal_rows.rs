//! Signals, scanned symbols and sectors as rows of tables, and the words for their sides and ends.

use super::table::{Cell, Column, Row, SortKey};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::labels::Class;
use crate::scan::views::{ScannedSymbol, SectorRow, SignalRow};
use crate::train::backtest::{Exit, Side};

/// Columns of the open signals; the second carries the side's colour.
pub static OPEN: [Column; 10] = [
    Column { title: "symbol", width: 9, right: false },
    Column { title: "side", width: 6, right: false },
    Column { title: "p", width: 4, right: true },
    Column { title: "lift", width: 5, right: true },
    Column { title: "so far", width: 7, right: true },
    Column { title: "entry", width: 8, right: true },
    Column { title: "lower", width: 8, right: true },
    Column { title: "upper", width: 8, right: true },
    Column { title: "decided", width: 10, right: false },
    Column { title: "horizon ends", width: 12, right: false },
];

/// Columns of the others; the second carries the outcome's colour.
pub static SETTLED: [Column; 6] = [
    Column { title: "symbol", width: 9, right: false },
    Column { title: "net", width: 7, right: true },
    Column { title: "side", width: 6, right: false },
    Column { title: "bars", width: 4, right: true },
    Column { title: "exit", width: 10, right: false },
    Column { title: "at", width: 12, right: false },
];

/// Columns of the scan.
pub static SCANNED: [Column; 6] = [
    Column { title: "symbol", width: 9, right: false },
    Column { title: "says", width: 6, right: false },
    Column { title: "buy", width: 4, right: true },
    Column { title: "sell", width: 4, right: true },
    Column { title: "lift", width: 5, right: true },
    Column { title: "why no signal", width: 20, right: false },
];

/// Columns of the sectors.
pub static SECTORS: [Column; 8] = [
    Column { title: "sector", width: 22, right: false },
    Column { title: "lean", width: 15, right: false },
    Column { title: "open", width: 4, right: true },
    Column { title: "settled", width: 7, right: true },
    Column { title: "won", width: 5, right: true },
    Column { title: "net", width: 7, right: true },
    Column { title: "symbols", width: 7, right: true },
    Column { title: "rows sell / hold / buy", width: 28, right: false },
];

/// Cells of a lean's bar, half of them on either side of nothing.
const LEAN: usize = 8;
/// Mean difference of probabilities that fills one side of the bar.
const LEAN_FULL: f64 = 0.2;

/// Glyph, word and role of a side.
pub const fn side(side: Side) -> (&'static str, &'static str, Role) {
    match side {
        Side::Buy => ("▴", "buy", Role::Ok),
        Side::Sell => ("▾", "sell", Role::Stale),
    }
}

/// What ended a signal, in a word or two.
const fn end(reason: Exit) -> &'static str {
    match reason {
        Exit::Upper => "upper",
        Exit::Lower => "lower",
        Exit::GapUp => "gap up",
        Exit::GapDown => "gap down",
        Exit::Horizon => "horizon",
        Exit::Ambiguous => "both at once",
    }
}

/// What ended a signal, in words.
pub const fn ended_by(reason: Exit) -> &'static str {
    match reason {
        Exit::Upper => "the upper barrier",
        Exit::Lower => "the lower barrier",
        Exit::GapUp => "a gap over the upper barrier",
        Exit::GapDown => "a gap under the lower barrier",
        Exit::Horizon => "the end of its horizon",
        Exit::Ambiguous => "both barriers in one bar, taken for a stop",
    }
}

/// Probability of a signal's own side.
pub const fn p_of(row: &SignalRow) -> f64 {
    match row.side {
        Side::Sell => row.p[Class::Sell.index()],
        Side::Buy => row.p[Class::Buy.index()],
    }
}

/// Return of an open signal up to the newest close, before costs; `None` before there is an entry.
pub fn so_far(row: &SignalRow) -> Option<f64> {
    let change = row.last? / row.entry? - 1.0;
    Some(if row.side == Side::Buy { change } else { -change })
}

fn percent(v: Option<f64>) -> Cell {
    Cell { text: v.map_or_else(|| "-".to_owned(), fmt::percent), key: SortKey::value(v) }
}

fn price(v: Option<f64>) -> Cell {
    Cell { text: v.map_or_else(|| "-".to_owned(), fmt::price), key: SortKey::value(v) }
}

fn share(v: Option<f64>) -> Cell {
    Cell { text: v.map_or_else(|| "-".to_owned(), |v| format!("{v:.2}")), key: SortKey::value(v) }
}

fn side_cell(s: Side) -> Cell {
    let (glyph, word, _) = side(s);
    Cell::text(format!("{glyph} {word}"))
}

/// A row of the open signals.
pub fn open_row(r: &SignalRow) -> Row {
    Row {
        key: r.signal_id,
        role: side(r.side).2,
        cells: vec![
            Cell::text(r.symbol.to_string()),
            side_cell(r.side),
            share(Some(p_of(r))),
            share(Some(r.lift)),
            percent(so_far(r)),
            price(r.entry),
            price(Some(r.lower)),
            price(Some(r.upper)),
            Cell::text(r.date.to_string()),
            Cell::text(r.horizon_end.to_string()),
        ],
    }
}

/// A row of the others.
pub fn settled_row(r: &SignalRow) -> Row {
    let outcome = r.outcome.as_ref();
    let role = outcome.map_or(Role::Dim, |o| if o.net > 0.0 { Role::Ok } else { Role::Bad });
    let why = r.void.as_ref().map(|why| format!("void: {why}"));
    Row {
        key: r.signal_id,
        role,
        cells: vec![
            Cell::text(r.symbol.to_string()),
            percent(outcome.map(|o| o.net)),
            side_cell(r.side),
            bars(outcome.map(|o| o.bars_held)),
            Cell::text(outcome.map_or_else(|| "-".to_owned(), |o| o.exit_date.to_string())),
            Cell::text(why.unwrap_or_else(|| outcome.map_or("-", |o| end(o.reason)).to_owned())),
        ],
    }
}

fn bars(held: Option<u32>) -> Cell {
    held.map_or_else(|| Cell::number("-", i64::MIN), |n| Cell::number(n.to_string(), n.into()))
}

/// A row of the scan.
pub fn scanned_row(s: &ScannedSymbol, key: i64) -> Row {
    let (says, role) = match s.decision {
        None => ("-".to_owned(), Role::Dim),
        Some(Class::Hold) => ("· hold".to_owned(), Role::Dim),
        Some(Class::Buy) => ("▴ buy".to_owned(), Role::Ok),
        Some(Class::Sell) => ("▾ sell".to_owned(), Role::Stale),
    };
    let p = |class: Class| share(s.p.map(|p| p[class.index()]));
    let why = s.why_none.clone().unwrap_or_else(|| "✓ signal".to_owned());
    let cells = vec![Cell::text(s.symbol.to_string()), Cell::text(says), p(Class::Buy), p(Class::Sell), share(s.lift), Cell::text(why)];
    Row { key, cells, role }
}

/// A row of the sectors.
pub fn sector_row(s: &SectorRow, key: i64) -> Row {
    let lean = s.lean.map_or_else(|| "-".to_owned(), |v| format!("{} {v:+.2}", fmt::balance(v / LEAN_FULL, LEAN)));
    let role = s.lean.map_or(Role::Dim, |v| if v < 0.0 { Role::Stale } else { Role::Ok });
    let won = (s.settled.signals > 0).then(|| f64::from(s.settled.wins) / f64::from(s.settled.signals));
    let rows = s.samples.map_or_else(|| "no data set yet".to_owned(), |n| n.map(fmt::thousands).join(" / "));
    let count = s.samples.map_or(i64::MIN, |n| i64::try_from(n.iter().sum::<u64>()).unwrap_or(i64::MAX));
    Row {
        key,
        role,
        cells: vec![
            Cell::text(s.sector.clone()),
            Cell { text: lean, key: SortKey::value(s.lean) },
            Cell::number(s.open.to_string(), s.open.into()),
            Cell::number(s.settled.signals.to_string(), s.settled.signals.into()),
            Cell { text: won.map_or_else(|| "-".to_owned(), |v| format!("{:.0}%", v * 100.0)), key: SortKey::value(won) },
            percent(s.settled.net),
            Cell::number(s.symbols.to_string(), s.symbols.into()),
            Cell::number(rows, count),
        ],
    }
}
