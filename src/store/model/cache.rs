//! The cache of features and the checkpoints from which the nightly run goes on.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_64_with_seed};

use super::{ModelDb, ModelReader, blob};
use crate::market::{Symbol, ts_to_date};
use crate::store::StoreError;
use crate::store::master::rows;

/// Key of `db_metadata`: what [`Made`] the whole cache is up to date with. Not there while a build is under way.
const SNAPSHOT: &str = "features.snapshot";
const DEFINITION: &str = "features.definition";

/// What features were made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Hash of the definitions.
    pub definition: String,
    /// Id of the market data.
    pub snapshot: String,
}

/// The features of a symbol in one UTC month, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureMonth {
    month: i64,
    digest: i64,
    dates: Vec<u8>,
    features: Vec<u8>,
}

impl FeatureMonth {
    /// Of the month that begins at the stamp `month`: the stamps of its bars, at least one, and one column a feature, each as
    /// long as `dates`.
    pub fn new<'c>(month: i64, dates: &[i64], columns: impl Iterator<Item = &'c [f64]>) -> Self {
        let mut features = Vec::new();
        columns.for_each(|column| blob::put_floats(&mut features, column));
        let dates = blob::stamps(dates);
        Self { month, digest: digest(&dates, &features), dates, features }
    }

    /// First second of the month.
    pub const fn month(&self) -> i64 {
        self.month
    }

    /// How many bars.
    pub const fn rows(&self) -> usize {
        self.dates.len() / 8
    }

    /// Where two computations of a month differ first: stamp and column; `None` when all bits are the same, a stamp
    /// without a column when the bars are not.
    pub fn differs(&self, other: &Self) -> Option<(i64, Option<usize>)> {
        if self.dates != other.dates {
            let mut pairs = blob::to_stamps(&self.dates).zip(blob::to_stamps(&other.dates));
            return Some((pairs.find(|(a, b)| a != b).map_or(self.month, |(a, b)| a.min(b)), None));
        }
        let mut cells = self.features.as_chunks::<8>().0.iter().zip(other.features.as_chunks::<8>().0);
        let cell = cells.position(|(a, b)| a != b).or_else(|| (self.features.len() != other.features.len()).then_some(0))?;
        Some((blob::to_stamps(&self.dates).nth(cell % self.rows())?, Some(cell / self.rows())))
    }
}

/// New features of a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureBlock {
    /// Of which symbol.
    pub symbol: Symbol,
    /// Stored months that begin at or after this stamp and are not among `months` are removed.
    pub from: i64,
    /// Ascending.
    pub months: Vec<FeatureMonth>,
    /// Stored together with them.
    pub checkpoints: Vec<Checkpoint>,
}

/// Where a symbol's features go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// First second of the first month that is not part of it.
    pub month: i64,
    /// Of which symbol.
    pub symbol: Symbol,
    /// Hash of all that the rows before `month` depend on, for all symbols of the strategy.
    pub key: u64,
    /// The symbol's own part of it.
    pub own: u64,
    /// What the recursive features remember; `None` for a short history.
    pub state: Option<Vec<u8>>,
    /// Read: all of it is what was written, otherwise nothing may go on from it. Written: of no account.
    pub sound: bool,
}

impl Checkpoint {
    /// Changes with any bit of it, so that a state cannot pass for another symbol's either.
    fn digest(&self) -> i64 {
        let mut hash = Xxh3::new();
        for number in [self.month as u64, self.key, self.own, u64::from(self.state.is_some())] {
            hash.update(&number.to_le_bytes());
        }
        hash.update(self.state.as_deref().unwrap_or_default());
        hash.update(self.symbol.as_str().as_bytes());
        hash.digest() as i64
    }
}

/// Features of one symbol as columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureColumns {
    /// Stamps of the bars, ascending.
    pub ts: Vec<i64>,
    /// One a feature, in the order of the registry, each as long as `ts`; NaN where missing. None when there is no bar.
    pub columns: Vec<Vec<f64>>,
}

impl ModelDb {
    /// Forgets the checkpoints of months after `month`, all for `None`: their rows are about to change.
    pub fn forget_checkpoints(&mut self, month: Option<i64>) -> Result<(), StoreError> {
        self.transaction(|conn| {
            conn.execute("DELETE FROM feature_checkpoint WHERE month > ?1", [month.unwrap_or(i64::MIN)])?;
            conn.execute("DELETE FROM db_metadata WHERE key = ?1", [SNAPSHOT])?;
            Ok(())
        })
    }

    /// Empties the cache.
    pub fn forget_features(&mut self) -> Result<(), StoreError> {
        self.transaction(|conn| {
            conn.execute_batch("DELETE FROM feature_store; DELETE FROM feature_checkpoint")?;
            conn.execute("DELETE FROM db_metadata WHERE key = ?1", [SNAPSHOT])?;
            Ok(())
        })
    }

    /// Stores features and checkpoints of symbols in one transaction, and gives how many rows the months have that were
    /// not stored with the same content. Until [`ModelDb::finish_features`] the cache as a whole counts as not up to date.
    pub fn put_features(&mut self, blocks: &[FeatureBlock], made: &Made) -> Result<u64, StoreError> {
        self.transaction(|conn| {
            conn.prepare_cached("DELETE FROM db_metadata WHERE key = ?1")?.execute([SNAPSHOT])?;
            put_all(conn, blocks, made)
        })
    }

    /// As [`ModelDb::put_features`] for the last blocks of a build, after which the cache holds `symbols`, made of `made`,
    /// and the checkpoints of `months`; all else is removed.
    pub fn finish_features(&mut self, blocks: &[FeatureBlock], made: &Made, symbols: &[Symbol], months: &[i64]) -> Result<u64, StoreError> {
        let now = self.clock.now();
        self.transaction(|conn| {
            let written = put_all(conn, blocks, made)?;
            for table in ["feature_store", "feature_checkpoint"] {
                forget_others(conn, table, symbols)?;
            }
            let stored = conn
                .prepare("SELECT DISTINCT month FROM feature_checkpoint")?
                .query_map([], |r| r.get(0))?
                .collect::<Result<Vec<i64>, _>>()?;
            for month in stored.iter().filter(|m| !months.contains(m)) {
                conn.execute("DELETE FROM feature_checkpoint WHERE month = ?1", [month])?;
            }
            for (key, value) in [(SNAPSHOT, &made.snapshot), (DEFINITION, &made.definition)] {
                conn.execute("INSERT OR REPLACE INTO db_metadata (key, value, updated_at) VALUES (?1, ?2, ?3)", params![key, value, now])?;
            }
            Ok(written)
        })
    }
}

fn forget_others(conn: &Connection, table: &str, symbols: &[Symbol]) -> Result<(), StoreError> {
    let mut select = conn.prepare_cached(&format!("SELECT DISTINCT symbol FROM {table}"))?;
    let stored = select.query_map([], |r| r.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let known: HashSet<&str> = symbols.iter().map(Symbol::as_str).collect();
    for symbol in stored.iter().filter(|s| !known.contains(s.as_str())) {
        conn.execute(&format!("DELETE FROM {table} WHERE symbol = ?1"), [symbol])?;
    }
    Ok(())
}

fn put_all(conn: &Connection, blocks: &[FeatureBlock], made: &Made) -> Result<u64, StoreError> {
    blocks.iter().try_fold(0, |written, block| Ok(written + put(conn, block, made)?))
}

fn put(conn: &Connection, block: &FeatureBlock, made: &Made) -> Result<u64, StoreError> {
    let symbol = block.symbol.as_str();
    let mut select = conn.prepare_cached("SELECT month FROM feature_store WHERE symbol = ?1 AND month >= ?2")?;
    let mut stored = select.query_map(params![symbol, block.from], |r| r.get(0))?.collect::<Result<HashSet<i64>, _>>()?;
    // The bytes are compared, not digests: what has rotted on disk still lies beside its old digest.
    let mut replace = conn.prepare_cached(
        "INSERT INTO feature_store (symbol, month, digest, definition, snapshot, dates, features) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET digest = ?3, definition = ?4, snapshot = ?5, dates = ?6, features = ?7
         WHERE (digest, definition, dates, features) IS NOT (?3, ?4, ?6, ?7)",
    )?;
    let mut written = 0;
    for m in &block.months {
        stored.remove(&m.month);
        let changed = replace.execute(params![symbol, m.month, m.digest, made.definition, made.snapshot, m.dates, m.features])?;
        written += (changed * m.rows()) as u64;
    }
    let mut delete = conn.prepare_cached("DELETE FROM feature_store WHERE symbol = ?1 AND month = ?2")?;
    for month in &stored {
        delete.execute(params![symbol, month])?;
    }
    let mut insert = conn.prepare_cached(
        "INSERT OR REPLACE INTO feature_checkpoint (month, symbol, key, own, state, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for c in &block.checkpoints {
        insert.execute(params![c.month, c.symbol.as_str(), c.key as i64, c.own as i64, c.state, c.digest()])?;
    }
    Ok(written)
}

pub(super) fn digest(dates: &[u8], features: &[u8]) -> i64 {
    xxh3_64_with_seed(features, xxh3_64(dates)) as i64
}

impl ModelReader {
    /// What the whole cache was made of; `None` before the first build, and while one is under way or after it was cut
    /// short.
    pub fn features_made(&self) -> Result<Option<Made>, StoreError> {
        let (snapshot, definition) = (self.meta(SNAPSHOT)?, self.meta(DEFINITION)?);
        Ok(snapshot.zip(definition).map(|(snapshot, definition)| Made { definition, snapshot }))
    }

    /// The definitions of the last whole cache, also while another is under way.
    pub fn features_definition(&self) -> Result<Option<String>, StoreError> {
        self.meta(DEFINITION)
    }

    /// The symbols that have features, by name, with the number of their bars.
    pub fn feature_symbols(&self) -> Result<Vec<(Symbol, u64)>, StoreError> {
        let sql = "SELECT symbol, sum(length(dates)) / 8 FROM feature_store GROUP BY symbol ORDER BY symbol";
        self.list(sql, [], |r| Ok((rows::symbol(r, 0)?, r.get::<_, i64>(1)? as u64)))
    }

    /// The features of the bars of `symbol` stamped in `[from, to)`, as long as they are of `definition` and are what was
    /// written. A symbol without features gives no columns.
    pub fn features(&self, symbol: Symbol, (from, to): (i64, i64), definition: &str) -> Result<FeatureColumns, StoreError> {
        // The month that `from` lies in begins before it.
        let sql = "SELECT month, digest, definition, dates, features FROM feature_store
                   WHERE symbol = ?1 AND month < ?3
                     AND month >= ifnull((SELECT max(month) FROM feature_store WHERE symbol = ?1 AND month <= ?2), ?2) ORDER BY month";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut found = statement.query(params![symbol.as_str(), from, to])?;
        let mut out = FeatureColumns::default();
        while let Some(r) = found.next()? {
            let month: i64 = r.get(0)?;
            let (dates, features) = (blob::bytes(r, 3)?, blob::bytes(r, 4)?);
            if r.get_ref(2)?.as_str().ok() != Some(definition) {
                return Err(StoreError::OldFeatures { symbol });
            }
            let width = features.len() / dates.len();
            if r.get::<_, i64>(1)? != digest(dates, features) || (!out.columns.is_empty() && out.columns.len() != width) {
                return Err(StoreError::BadFeatures { symbol, month: ts_to_date(month).format("%Y-%m").to_string() });
            }
            out.append(dates, features, width, (from, to));
        }
        Ok(out)
    }

    /// The features of a symbol as they are stored, by month, whatever they were made of.
    pub fn feature_months(&self, symbol: Symbol) -> Result<Vec<FeatureMonth>, StoreError> {
        let sql = "SELECT month, digest, dates, features FROM feature_store WHERE symbol = ?1 ORDER BY month";
        self.list(sql, [symbol.as_str()], |r| {
            Ok(FeatureMonth { month: r.get(0)?, digest: r.get(1)?, dates: r.get(2)?, features: r.get(3)? })
        })
    }

    /// All checkpoints, newest month first.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>, StoreError> {
        let sql = "SELECT month, symbol, key, own, state, digest FROM feature_checkpoint ORDER BY month DESC";
        self.list(sql, [], |r| {
            let hash = |column| r.get::<_, i64>(column).map(|v| v as u64);
            let (month, symbol, state) = (r.get(0)?, rows::symbol(r, 1)?, r.get(4)?);
            let mut read = Checkpoint { month, symbol, key: hash(2)?, own: hash(3)?, state, sound: true };
            read.sound = r.get::<_, i64>(5)? == read.digest();
            Ok(read)
        })
    }
}

impl FeatureColumns {
    fn append(&mut self, dates: &[u8], features: &[u8], width: usize, (from, to): (i64, i64)) {
        let stamps: Vec<i64> = blob::to_stamps(dates).collect();
        let wanted = stamps.partition_point(|&ts| ts < from)..stamps.partition_point(|&ts| ts < to);
        if wanted.is_empty() {
            return;
        }
        self.columns.resize(width, Vec::new());
        for (column, bytes) in self.columns.iter_mut().zip(features.chunks_exact(dates.len())) {
            column.extend(blob::to_floats(&bytes[8 * wanted.start..8 * wanted.end]));
        }
        self.ts.extend(&stamps[wanted]);
    }
}
