//! The state of the writer thread: the connection, and what it remembers of symbols and series so that an append
//! needs no read.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};

use crate::market::{AssetClass, Clock, Series, SourceId, Symbol, Timeframe};
use crate::store::master::StoreError;

/// A series as the tables key it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub symbol_id: i64,
    pub timeframe: Timeframe,
}

/// Where a series begins and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Head {
    pub first: Option<i64>,
    pub last: Option<i64>,
    pub last_final: Option<i64>,
    pub rows: i64,
    pub source: Option<SourceId>,
}

/// The connection and its memory. The memory is dropped at every rollback.
pub(super) struct Ledger {
    pub conn: Connection,
    clock: Arc<dyn Clock>,
    symbols: HashMap<Symbol, i64>,
    heads: HashMap<Key, Head>,
    /// The newest run of earlier processes.
    pub runs_before: i64,
}

impl Ledger {
    pub fn new(conn: Connection, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let runs_before = conn.query_row("SELECT ifnull(max(run_id), 0) FROM ingest_runs", [], |r| r.get(0))?;
        Ok(Self { conn, clock, symbols: HashMap::new(), heads: HashMap::new(), runs_before })
    }

    /// Wall time, UTC seconds.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Today's date in UTC.
    pub fn today(&self) -> String {
        self.clock.utc().date_naive().to_string()
    }

    /// Runs a statement of transaction control.
    pub fn sql(&self, statement: &str) -> Result<(), StoreError> {
        self.conn.prepare_cached(statement)?.execute([])?;
        Ok(())
    }

    /// Whether SQLite ended the transaction by itself.
    pub fn rolled_back(&self) -> bool {
        self.conn.is_autocommit()
    }

    /// Ends a transaction that failed as a whole.
    pub fn abandon(&mut self) {
        self.forget();
        if !self.rolled_back()
            && let Err(e) = self.conn.execute_batch("ROLLBACK")
        {
            tracing::error!(target: "store", error = %e, "Rollback failed");
        }
    }

    /// Drops the memory: after a rollback it may describe rows that are not there.
    pub fn forget(&mut self) {
        self.symbols.clear();
        self.heads.clear();
    }

    /// The key of a symbol, which is added when it is new. A pair against USD is taken for crypto until the universe
    /// says otherwise.
    pub fn symbol_id(&mut self, symbol: Symbol) -> Result<i64, StoreError> {
        if let Some(&id) = self.symbols.get(&symbol) {
            return Ok(id);
        }
        let stored = self
            .conn
            .prepare_cached("SELECT symbol_id FROM symbol WHERE symbol = ?1")?
            .query_row([symbol.as_str()], |r| r.get(0))
            .optional()?;
        let id = if let Some(id) = stored {
            id
        } else {
            let asset = if symbol.as_str().ends_with("-USD") { AssetClass::Crypto } else { AssetClass::Stock };
            self.conn
                .prepare_cached("INSERT INTO symbol (symbol, asset) VALUES (?1, ?2)")?
                .insert(params![symbol.as_str(), asset.name()])?
        };
        self.symbols.insert(symbol, id);
        Ok(id)
    }

    /// The key of a series.
    pub fn key(&mut self, series: Series) -> Result<Key, StoreError> {
        Ok(Key { symbol_id: self.symbol_id(series.symbol)?, timeframe: series.timeframe })
    }

    /// Where a series begins and ends.
    pub fn head(&mut self, key: Key) -> Result<Head, StoreError> {
        if let Some(&head) = self.heads.get(&key) {
            return Ok(head);
        }
        let head = self
            .conn
            .prepare_cached(
                "SELECT first_ts, last_ts, last_final_ts, rows, source_id FROM series_state WHERE symbol_id = ?1 AND timeframe_id = ?2",
            )?
            .query_row([key.symbol_id, key.timeframe.id()], |r| {
                let source: Option<i64> = r.get(4)?;
                Ok(Head {
                    first: r.get(0)?,
                    last: r.get(1)?,
                    last_final: r.get(2)?,
                    rows: r.get(3)?,
                    source: source.and_then(SourceId::from_id),
                })
            })
            .optional()?
            .unwrap_or_default();
        self.heads.insert(key, head);
        Ok(head)
    }

    /// Stores where a series begins and ends.
    pub fn set_head(&mut self, key: Key, head: Head) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO series_state (symbol_id, timeframe_id, first_ts, last_ts, last_final_ts, rows, source_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT DO UPDATE SET first_ts = excluded.first_ts, last_ts = excluded.last_ts,
                     last_final_ts = excluded.last_final_ts, rows = excluded.rows, source_id = excluded.source_id",
            )?
            .execute(params![
                key.symbol_id,
                key.timeframe.id(),
                head.first,
                head.last,
                head.last_final,
                head.rows,
                head.source.map(SourceId::id)
            ])?;
        self.heads.insert(key, head);
        Ok(())
    }

    /// Widens the span of a fetched series that its derived ones are due to be made of anew by the stamps `from..until`.
    pub fn derive_due(&self, key: Key, (from, until): (i64, i64)) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "UPDATE series_state SET derive_from = min(ifnull(derive_from, ?3), ?3), derive_until = max(ifnull(derive_until, ?4), ?4),
                     derive_changes = derive_changes + 1
                 WHERE symbol_id = ?1 AND timeframe_id = ?2 AND derived_from IS NULL",
            )?
            .execute([key.symbol_id, key.timeframe.id(), from, until])?;
        Ok(())
    }

    /// Marks a fetched series whose stored history is on another share basis than the source's, or clears the mark.
    pub fn set_rebase_due(&self, key: Key, due: bool) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "UPDATE series_state SET rebase_due = ?3
                 WHERE symbol_id = ?1 AND timeframe_id = ?2 AND derived_from IS NULL AND rebase_due <> ?3",
            )?
            .execute(params![key.symbol_id, key.timeframe.id(), due])?;
        Ok(())
    }

    /// Sets a key of `db_metadata`.
    pub fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO db_metadata (key, value, updated_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at WHERE value <> excluded.value",
            )?
            .execute(params![key, value, self.now()])?;
        Ok(())
    }

    /// Moves the write-ahead log into the database as far as readers allow.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        let busy: i64 = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get(0))?;
        if busy != 0 {
            tracing::info!(target: "store", "A reader keeps part of the write-ahead log back");
        }
        Ok(())
    }

    /// Lets the close of the file move the log over again, which an unchecked file forbids.
    pub fn checkpoint_on_close(&self) {
        if let Err(e) = self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false) {
            tracing::warn!(target: "store", error = %e, "The write-ahead log stays when the database is closed");
        }
    }

    /// Closes the file and writes nothing into it.
    pub fn leave(self) -> Result<(), StoreError> {
        self.conn.close().map_err(|(_, e)| StoreError::from(e))
    }

    /// Checkpoints and closes the file. The -wal and -shm files stay, so that readers without write permission can
    /// still open the database.
    pub fn close(self) -> Result<(), StoreError> {
        let end = self.checkpoint();
        self.conn.close().map_err(|(_, e)| StoreError::from(e))?;
        end
    }
}
