//! What there is: symbols, sectors, timeframes, coverage, the state of series.

use std::sync::LazyLock;

use chrono::NaiveDate;
use rusqlite::params;

use super::{BLOCKED, Reader};
use crate::market::{AssetClass, Series, Symbol, Timeframe};
use crate::store::master::{SeriesState, StoreError, SymbolRow, rows};

/// What is stored of a symbol in one timeframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Bar size.
    pub timeframe: Timeframe,
    /// First stamp, UTC seconds.
    pub first: i64,
    /// Last stamp.
    pub last: i64,
    /// Bars.
    pub rows: u64,
}

/// How much of the universe is stored in one timeframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Bar size.
    pub timeframe: Timeframe,
    /// Active symbols with at least one bar.
    pub symbols: u32,
    /// Active symbols.
    pub active: u32,
    /// Bars of the active symbols.
    pub rows: u64,
    /// Unexplained holes among them.
    pub gaps: u64,
    /// Stamp of the newest bar of the series that is furthest behind.
    pub oldest_last: Option<i64>,
}

const SYMBOLS: &str = "SELECT s.symbol, s.asset, coalesce(s.name, m.name), coalesce(k.sector, m.sector), s.position IS NOT NULL
     FROM symbol s LEFT JOIN symbol_metadata m USING (symbol_id)
     LEFT JOIN sector_mappings k ON k.symbol_id = s.symbol_id AND k.end_date IS NULL";

static STATES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT s.symbol, t.timeframe_id, t.first_ts, t.last_ts, t.last_final_ts, t.rows, t.source_id, t.derived_from,
     t.attempted_at, t.succeeded_at, t.gaps, t.error, {BLOCKED} FROM series_state t JOIN symbol s USING (symbol_id)"
    )
});

fn symbol_row(r: &rusqlite::Row<'_>) -> rusqlite::Result<SymbolRow> {
    let asset: String = r.get(1)?;
    Ok(SymbolRow {
        symbol: rows::symbol(r, 0)?,
        asset: if asset == AssetClass::Crypto.name() { AssetClass::Crypto } else { AssetClass::Stock },
        name: r.get(2)?,
        sector: r.get(3)?,
        active: r.get(4)?,
    })
}

fn state_row(r: &rusqlite::Row<'_>) -> rusqlite::Result<SeriesState> {
    let some = |column| r.get::<_, Option<i64>>(column);
    Ok(SeriesState {
        series: Series { symbol: rows::symbol(r, 0)?, timeframe: rows::timeframe(r, 1)? },
        first_ts: r.get(2)?,
        last_ts: r.get(3)?,
        last_final_ts: r.get(4)?,
        rows: rows::count(r, 5)?,
        source: some(6)?.map(|_| rows::source(r, 6)).transpose()?,
        derived_from: some(7)?.map(|_| rows::timeframe(r, 7)).transpose()?,
        attempted_at: r.get(8)?,
        succeeded_at: r.get(9)?,
        gaps: rows::count(r, 10)?,
        error: r.get(11)?,
        blocked: r.get(12)?,
    })
}

impl Reader {
    /// Active symbols that are now in `sector`, in the universe's order.
    pub fn symbols_by_sector(&self, sector: &str) -> Result<Vec<Symbol>, StoreError> {
        let sql = "SELECT s.symbol FROM symbol s JOIN sector_mappings k ON k.symbol_id = s.symbol_id AND k.end_date IS NULL
                   WHERE k.sector = ?1 AND s.position IS NOT NULL ORDER BY s.position";
        self.list(sql, [sector], |r| rows::symbol(r, 0))
    }

    /// The symbols under care, in the universe's order.
    pub fn active_symbols(&self) -> Result<Vec<SymbolRow>, StoreError> {
        self.list(&format!("{SYMBOLS} WHERE s.position IS NOT NULL ORDER BY s.position"), [], symbol_row)
    }

    /// The sector of every symbol as of `date`, by symbol.
    pub fn sector_mapping(&self, date: NaiveDate) -> Result<Vec<(Symbol, String)>, StoreError> {
        let sql = "SELECT s.symbol, k.sector FROM sector_mappings k JOIN symbol s USING (symbol_id)
                   WHERE k.effective_date <= ?1 AND (k.end_date IS NULL OR k.end_date > ?1) ORDER BY s.symbol";
        self.list(sql, [date.to_string()], |r| Ok((rows::symbol(r, 0)?, r.get(1)?)))
    }

    /// The sectors of the active symbols, by name, with how many symbols each has.
    pub fn sectors(&self) -> Result<Vec<(String, u32)>, StoreError> {
        let sql = "SELECT k.sector, count(*) FROM sector_mappings k JOIN symbol s USING (symbol_id)
                   WHERE k.end_date IS NULL AND s.position IS NOT NULL GROUP BY k.sector ORDER BY k.sector";
        self.list(sql, [], |r| Ok((r.get(0)?, r.get(1)?)))
    }

    /// What is stored of a symbol, finest timeframe first.
    pub fn data_availability(&self, symbol: Symbol) -> Result<Vec<Availability>, StoreError> {
        let Some(id) = self.symbol_id(symbol)? else { return Ok(Vec::new()) };
        let sql = "SELECT timeframe_id, first_ts, last_ts, rows FROM series_state WHERE symbol_id = ?1 AND rows > 0 ORDER BY timeframe_id";
        self.list(sql, [id], |r| {
            Ok(Availability { timeframe: rows::timeframe(r, 0)?, first: r.get(1)?, last: r.get(2)?, rows: rows::count(r, 3)? })
        })
    }

    /// The timeframes of which anything is stored, finest first.
    pub fn timeframes(&self) -> Result<Vec<Timeframe>, StoreError> {
        let sql = "SELECT DISTINCT timeframe_id FROM series_state WHERE rows > 0 ORDER BY timeframe_id";
        self.list(sql, [], |r| rows::timeframe(r, 0))
    }

    /// How much of the active symbols is stored, by timeframe, finest first.
    pub fn coverage(&self) -> Result<Vec<Coverage>, StoreError> {
        let sql =
            "SELECT f.timeframe_id, count(t.last_ts), count(s.symbol_id), ifnull(sum(t.rows), 0), ifnull(sum(t.gaps), 0), min(t.last_ts)
                   FROM timeframe f LEFT JOIN symbol s ON s.position IS NOT NULL
                   LEFT JOIN series_state t ON t.symbol_id = s.symbol_id AND t.timeframe_id = f.timeframe_id
                   GROUP BY f.timeframe_id ORDER BY f.timeframe_id";
        self.list(sql, [], |r| {
            Ok(Coverage {
                timeframe: rows::timeframe(r, 0)?,
                symbols: r.get(1)?,
                active: r.get(2)?,
                rows: rows::count(r, 3)?,
                gaps: rows::count(r, 4)?,
                oldest_last: r.get(5)?,
            })
        })
    }

    /// The state of one series; `None` when nothing was ever tried.
    pub fn series_state(&self, series: Series) -> Result<Option<SeriesState>, StoreError> {
        let sql = format!("{} WHERE s.symbol = ?1 AND t.timeframe_id = ?2", *STATES);
        self.one(&sql, params![series.symbol.as_str(), series.timeframe.id()], state_row)
    }

    /// The state of every series of a symbol that was ever tried, by timeframe.
    pub fn symbol_states(&self, symbol: Symbol) -> Result<Vec<SeriesState>, StoreError> {
        self.list(&format!("{} WHERE s.symbol = ?1 ORDER BY t.timeframe_id", *STATES), [symbol.as_str()], state_row)
    }

    /// The state of every series that was ever tried, by symbol and timeframe.
    pub fn series_states(&self) -> Result<Vec<SeriesState>, StoreError> {
        self.list(&format!("{} ORDER BY s.symbol, t.timeframe_id", *STATES), [], state_row)
    }

    /// Symbols whose ticker or name contains `text`, in any case; tickers that begin with it first.
    pub fn search_symbols(&self, text: &str, limit: usize) -> Result<Vec<SymbolRow>, StoreError> {
        let sql = format!(
            "{SYMBOLS} WHERE instr(s.symbol, upper(?1)) > 0 OR instr(upper(coalesce(s.name, m.name, '')), upper(?1)) > 0
             ORDER BY instr(s.symbol, upper(?1)) <> 1, s.position IS NULL, s.symbol LIMIT ?2"
        );
        self.list(&sql, params![text, limit as i64], symbol_row)
    }

    /// The database's own facts, by key: when and by what it was made, whether it is a demo's.
    pub fn db_metadata(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.list("SELECT key, value FROM db_metadata ORDER BY key", [], |r| Ok((r.get(0)?, r.get(1)?)))
    }
}
