//! Reading rows of `candle` into our types; shared by writer, reader and `verify`.

use chrono::NaiveDate;
use rusqlite::{Connection, Row as SqlRow};

use super::StoreError;
use super::digest::Row;
use crate::market::{Candle, SourceId, Symbol, Timeframe};

/// The bar in the columns `ts, open, high, low, close, volume, final`, which come first in every question for bars.
pub(super) fn candle(r: &SqlRow<'_>) -> rusqlite::Result<Candle> {
    Ok(Candle {
        ts: r.get(0)?,
        open: r.get(1)?,
        high: r.get(2)?,
        low: r.get(3)?,
        close: r.get(4)?,
        volume: r.get::<_, Option<f64>>(5)?.unwrap_or(f64::NAN),
        is_final: r.get(6)?,
    })
}

/// The row in the columns of a bar, followed by `source_id, quarantined, ingest_id`.
pub(super) fn row(r: &SqlRow<'_>) -> rusqlite::Result<Row> {
    Ok(Row { candle: candle(r)?, source: source(r, 7)?, quarantined: r.get(8)?, run_id: r.get(9)? })
}

/// The stored rows of a series stamped in `[start, end)`, ascending.
pub(super) fn stored_rows(conn: &Connection, symbol_id: i64, timeframe: Timeframe, start: i64, end: i64) -> Result<Vec<Row>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT ts, open, high, low, close, volume, final, source_id, quarantined, ingest_id FROM candle
         WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts >= ?3 AND ts < ?4 ORDER BY ts",
    )?;
    let rows = statement.query_map([symbol_id, timeframe.id(), start, end], row)?;
    rows.collect::<rusqlite::Result<_>>().map_err(StoreError::from)
}

fn strange<T: std::fmt::Display>(column: usize, value: T, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Null, format!("{value} is no {what}").into())
}

/// The source in a column.
pub(in crate::store) fn source(r: &SqlRow<'_>, column: usize) -> rusqlite::Result<SourceId> {
    let id: i64 = r.get(column)?;
    SourceId::from_id(id).ok_or_else(|| strange(column, id, "source"))
}

/// The count in a column.
pub(in crate::store) fn count(r: &SqlRow<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(r.get::<_, i64>(column)?.unsigned_abs())
}

/// The timeframe in a column.
pub(in crate::store) fn timeframe(r: &SqlRow<'_>, column: usize) -> rusqlite::Result<Timeframe> {
    let id: i64 = r.get(column)?;
    Timeframe::from_id(id).ok_or_else(|| strange(column, id, "timeframe"))
}

/// The symbol in a column.
pub(in crate::store) fn symbol(r: &SqlRow<'_>, column: usize) -> rusqlite::Result<Symbol> {
    let text: String = r.get(column)?;
    Symbol::new(&text).map_err(|e| strange(column, e, "symbol"))
}

/// The date in a column.
pub(in crate::store) fn date(r: &SqlRow<'_>, column: usize) -> rusqlite::Result<NaiveDate> {
    let text: String = r.get(column)?;
    text.parse().map_err(|_| strange(column, text, "date"))
}
