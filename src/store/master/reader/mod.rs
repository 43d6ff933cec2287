//! The read-only view of the master database for every consumer: typed calls that return columns.
//!
//! The connection cannot write, even on purpose (see `open`). A [`Reader`] is `Send` but not `Sync`: it belongs to one
//! blocking task at a time. Statements are short, so that the writer can always empty its log.

mod candles;
mod catalog;
mod daily;
mod facts;
mod quality;
mod upkeep;

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

pub use candles::{Adjustment, CandleQuery, Candles, Span};
pub use catalog::{Availability, Coverage};
pub use daily::{DailyState, MonthDigest};
pub use facts::FundamentalColumns;
pub use quality::IssueFilter;

use super::{StoreError, open};
use crate::market::{Series, Symbol};

/// Why the series of the row `t` of `series_state` is blocked: by a finding on itself, or on a series that it is derived
/// from, directly or not.
const BLOCKED: &str = "(WITH RECURSIVE base (blocked, derived_from) AS (
         SELECT t.blocked, t.derived_from
         UNION SELECT b.blocked, b.derived_from FROM base JOIN series_state b
             ON b.symbol_id = t.symbol_id AND b.timeframe_id = base.derived_from WHERE base.blocked IS NULL)
     SELECT blocked FROM base WHERE blocked IS NOT NULL)";

/// A read-only connection to `market_data.db`.
#[derive(Debug)]
pub struct Reader {
    conn: Connection,
}

impl Reader {
    /// Opens the database, waiting up to five seconds for a writer that is just opening or closing it. Blocks.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { conn: open::read_only(path)? })
    }

    /// The guarded connection, for questions that the typed calls do not cover. SQL that writes is refused.
    pub fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Whether the database was made on simulators.
    pub fn is_demo(&self) -> Result<bool, StoreError> {
        let demo: Option<String> = self.one("SELECT value FROM db_metadata WHERE key = 'demo'", [], |r| r.get(0))?;
        Ok(demo.is_some_and(|v| v == "1"))
    }

    fn symbol_id(&self, symbol: Symbol) -> Result<Option<i64>, StoreError> {
        let mut statement = self.conn.prepare_cached("SELECT symbol_id FROM symbol WHERE symbol = ?1")?;
        Ok(statement.query_row([symbol.as_str()], |r| r.get(0)).optional()?)
    }

    /// The table key of a series; `None` when its symbol is unknown.
    fn key(&self, series: Series) -> Result<Option<[i64; 2]>, StoreError> {
        Ok(self.symbol_id(series.symbol)?.map(|id| [id, series.timeframe.id()]))
    }

    /// All rows of a question, each through `read`.
    fn list<T, P: rusqlite::Params>(
        &self,
        sql: &str,
        params: P,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The one row of a question, if there is one.
    fn one<T, P: rusqlite::Params>(
        &self,
        sql: &str,
        params: P,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.conn.prepare_cached(sql)?.query_row(params, read).optional()?)
    }
}
