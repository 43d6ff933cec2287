//! `turbomode.db` and `slipstream.db`: what a strategy keeps for itself. Same schema, never joined.
//!
//! [`ModelDb`] is the one who writes: blocking, one process at a time (`<strategy>.lock`), durable when a call returns.
//! [`ModelReader`] is for everyone else, by the read-only recipe of the master. The nightly features, the data-set
//! step, training, the audit of the configuration and the commands call this module; it knows no formula and no rule, and of
//! training only the plain values that a run shows.

mod backtests;
mod blob;
mod cache;
mod care;
mod drift;
mod drift_nights;
pub mod files;
mod ledger;
mod models;
mod open;
mod patience;
mod predictions;
mod samples;
mod signals;
mod training;
mod trials;

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};

pub use backtests::{BacktestCurve, StoredBacktest};
pub use cache::{Checkpoint, FeatureBlock, FeatureColumns, FeatureMonth, Made};
pub use care::{beside, copy, model_bytes, restore, verify};
pub use drift::DriftBaseline;
pub use drift_nights::{DriftEpisode, DriftRow, Halt};
pub use ledger::{ConfigChange, SectorStats, Shortage};
pub use models::{Model, ModelChange, ModelFile, ModelKind, ModelMove, MoveCause, NewModel, NewModels};
pub use open::{APPLICATION_ID, VERSION};
pub use predictions::{FoldPrediction, TestBlock, TestRecord};
pub use samples::{RareEvent, ReplayError, Sample};
pub use signals::{Answers, NewSignal, NightPrediction, Scan, ScanKind, SettledSum, SignalChange, StoredOutcome, StoredSignal};
pub use training::{NewTraining, TrainingIdentity, TrainingRun};
pub use trials::{HoldoutFigures, HoldoutReading, Trial};

use super::StoreError;
use super::master::FolderLock;
use crate::market::{Clock, Strategy};

/// A read-only connection to the database of a strategy.
#[derive(Debug)]
pub struct ModelReader {
    conn: Connection,
}

impl ModelReader {
    /// Opens the database of `strategy` at `path`, waiting up to five seconds for a writer that is just opening or
    /// closing it.
    pub fn open(path: &Path, strategy: Strategy) -> Result<Self, StoreError> {
        Ok(Self { conn: open::read_only(path, strategy)? })
    }

    /// Whether the database was made on simulators.
    pub fn is_demo(&self) -> Result<bool, StoreError> {
        Ok(self.meta("demo")?.is_some_and(|v| v == "1"))
    }

    fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.one("SELECT value FROM db_metadata WHERE key = ?1", [key], |r| r.get(0))
    }

    fn list<T, P: rusqlite::Params>(
        &self,
        sql: &str,
        params: P,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn one<T, P: rusqlite::Params>(
        &self,
        sql: &str,
        params: P,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.conn.prepare_cached(sql)?.query_row(params, read).optional()?)
    }
}

/// Brings the database of `strategy` at `path` to the schema of this program, where it is one of an older program: readers
/// refuse those. Does nothing where there is none.
pub fn upgrade(path: &Path, strategy: Strategy, demo: bool, clock: Arc<dyn Clock>) -> Result<(), StoreError> {
    match ModelReader::open(path, strategy) {
        Err(StoreError::Older { .. }) => ModelDb::open(path, strategy, demo, clock)?.close(),
        Err(StoreError::NotBuilt { .. }) | Ok(_) => Ok(()),
        Err(e) => Err(e),
    }
}

/// The one connection that writes the database of a strategy. Every call is all or nothing.
pub struct ModelDb {
    reader: ModelReader,
    lock: FolderLock,
    clock: Arc<dyn Clock>,
}

impl ModelDb {
    /// Opens or creates the database and brings its schema up to date. Refused while another process has it, and for a
    /// foreign, newer or other-sided file, or one of the other strategy.
    pub fn open(path: &Path, strategy: Strategy, demo: bool, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let (lock, conn) = open::read_write(path, strategy, demo, clock.now())?;
        Ok(Self { reader: ModelReader { conn }, lock, clock })
    }

    /// As [`ModelDb::open`], for a database that may not grow beyond `max_mib` MiB: a write that would exceed it fails with
    /// [`StoreError::DiskFull`].
    pub fn open_limited(path: &Path, strategy: Strategy, demo: bool, clock: Arc<dyn Clock>, max_mib: u32) -> Result<Self, StoreError> {
        let db = Self::open(path, strategy, demo, clock)?;
        open::limit(&db.reader.conn, max_mib)?;
        Ok(db)
    }

    /// The same content, to be read.
    pub const fn reader(&self) -> &ModelReader {
        &self.reader
    }

    /// Empties the write-ahead log and closes the file.
    pub fn close(self) -> Result<(), StoreError> {
        self.reader.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.reader.conn.close().map_err(|(_, e)| e)?;
        self.lock.release(self.clock.now())
    }

    fn transaction<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let tx = self.reader.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&tx)?;
        tx.commit()?;
        Ok(done)
    }
}
