//! How the database of a strategy is opened: for writing by one process, for reading by all.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::market::Strategy;
use crate::store::StoreError;
use crate::store::file;
use crate::store::master::FolderLock;
use crate::store::schema::{Schema, check_library};

/// `application_id` of a strategy's database: the ASCII codes of `NDst`.
pub const APPLICATION_ID: i32 = 0x4E44_7374;
const SCHEMA: Schema = Schema {
    application_id: APPLICATION_ID,
    scripts: &[
        include_str!("migrations/0001_strategy.sql"),
        include_str!("migrations/0002_training.sql"),
        include_str!("migrations/0003_signals_and_drift.sql"),
        include_str!("migrations/0004_backtests.sql"),
    ],
};
/// The schema version of this program.
pub const VERSION: i32 = SCHEMA.version();

/// Blobs of a month of features take two or three such pages; with 4 KiB it would be chains of eight.
const PAGE_BYTES: i64 = 16_384;
/// Pages in the write-ahead log before a commit moves them over: 64 MiB, twice what a commit of a full build holds.
const AUTOCHECKPOINT_PAGES: i64 = 4_096;
const CACHE_KIB: i64 = 32 * 1024;

pub(super) fn read_write(path: &Path, strategy: Strategy, demo: bool, now: i64) -> Result<(FolderLock, Connection), StoreError> {
    check_library()?;
    let lock = FolderLock::take(path, now)?;
    let mut conn = file::read_write(path)?;
    SCHEMA.check(&conn, path)?;
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    file::write_ahead(&conn, path)?;
    conn.pragma_update(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    SCHEMA.migrate(&mut conn, path)?;
    belongs(&conn, path, strategy)?;
    file::claim(&conn, path, demo, now)?;
    conn.execute(
        "INSERT INTO db_metadata (key, value, updated_at) VALUES ('strategy', ?1, ?2) ON CONFLICT DO NOTHING",
        params![strategy.name(), now],
    )?;
    Ok((lock, conn))
}

/// Keeps the file of a connection from growing beyond `max_mib` MiB.
pub(super) fn limit(conn: &Connection, max_mib: u32) -> Result<(), StoreError> {
    let pages = i64::from(max_mib) * (1 << 20) / PAGE_BYTES;
    conn.pragma_update_and_check(None, "max_page_count", pages, |r| r.get::<_, i64>(0))?;
    Ok(())
}

/// Opens the present schema version for consumers.
pub(super) fn read_only(path: &Path, strategy: Strategy) -> Result<Connection, StoreError> {
    let mut conn = plain_read_only(path, strategy)?;
    SCHEMA.check_current(&conn, path)?;
    file::guard(&mut conn)?;
    Ok(conn)
}

/// Opens the database of a strategy for reading, also one of an older version.
pub(super) fn plain_read_only(path: &Path, strategy: Strategy) -> Result<Connection, StoreError> {
    check_library()?;
    let missing = |path: &Path| StoreError::NotBuilt { path: path.to_owned(), strategy };
    let conn = file::read_only(path).map_err(|e| if let StoreError::Missing(path) = &e { missing(path) } else { e })?;
    if SCHEMA.check(&conn, path)? == 0 {
        return Err(missing(path));
    }
    belongs(&conn, path, strategy)?;
    Ok(conn)
}

/// Makes the empty database `conn` one of the schema version that `other` has.
pub(super) fn make_like(conn: &mut Connection, path: &Path, other: &Connection) -> Result<(), StoreError> {
    let version: i32 = other.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    Schema { scripts: &SCHEMA.scripts[..version as usize], ..SCHEMA }.migrate(conn, path)
}

/// Refuses the file of the other strategy. A file without a name is one whose birth was cut short.
fn belongs(conn: &Connection, path: &Path, strategy: Strategy) -> Result<(), StoreError> {
    let found: Option<String> = conn.query_row("SELECT value FROM db_metadata WHERE key = 'strategy'", [], |r| r.get(0)).optional()?;
    match found {
        Some(found) if found != strategy.name() => Err(StoreError::OtherStrategy { path: path.to_owned(), found }),
        _ => Ok(()),
    }
}
