//! How connections to the master are opened: the writer's, and those of consumers.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::StoreError;
use super::care::problems;
use super::lock::FolderLock;
use super::writer::WriterOptions;
use crate::store::file;
use crate::store::schema::{Schema, check_library};

/// `application_id` of a master database: the ASCII codes of `NDmd`.
pub const APPLICATION_ID: i32 = 0x4E44_6D64;
const SCHEMA: Schema = Schema {
    application_id: APPLICATION_ID,
    scripts: &[
        include_str!("migrations/0001_market_data.sql"),
        include_str!("migrations/0002_rebase_due.sql"),
        include_str!("migrations/0003_findings.sql"),
        include_str!("migrations/0004_derive_due.sql"),
    ],
};
/// The schema version of this program.
pub const VERSION: i32 = SCHEMA.version();

/// Pages in the write-ahead log before a commit moves them over: 16 MiB, a few large batches.
const AUTOCHECKPOINT_PAGES: i64 = 4_000;
const PAGE_BYTES: u32 = 4_096;

/// A database opened for the writer thread.
pub(super) struct Opened {
    pub lock: FolderLock,
    pub conn: Connection,
    /// Whether its pages must be looked through before anything is written.
    pub unchecked: bool,
}

/// Opens, locks and migrates the database for the writer thread. With `beside` the check after an unclean end is left to
/// the caller, unless this function itself has something to write.
pub(super) fn read_write(path: &Path, o: &WriterOptions, max_mib: Option<u32>, beside: bool) -> Result<Opened, StoreError> {
    check_library()?;
    let lock = FolderLock::take(path, o.clock.now())?;
    match behind(&lock, path, o, max_mib, beside) {
        Ok((conn, unchecked)) => Ok(Opened { lock, conn, unchecked }),
        Err(e) => Err(lock.refused(e)),
    }
}

/// The connection behind the lock, and whether its pages must still be looked through.
fn behind(lock: &FolderLock, path: &Path, o: &WriterOptions, max_mib: Option<u32>, beside: bool) -> Result<(Connection, bool), StoreError> {
    let mut conn = file::read_write(path)?;
    // Closing the file would move the log over: what is refused on the way from here is left as it was found.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let at_rest = SCHEMA.check(&conn, path)? == VERSION && file::side(&conn)?.is_some();
    let unchecked = lock.after_unclean_end() && beside && at_rest;
    if lock.after_unclean_end() && !unchecked {
        sound(&conn, path, o)?;
    }
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    file::write_ahead(&conn, path)?;
    conn.pragma_update(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "cache_size", -i64::from(o.cache_mib.max(1)) * 1024)?;
    SCHEMA.migrate(&mut conn, path)?;
    if let Some(mib) = max_mib {
        let pages = i64::from(mib) * i64::from(1024 * 1024 / PAGE_BYTES);
        conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    file::claim(&conn, path, o.demo, o.clock.now())?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, unchecked)?;
    Ok((conn, unchecked))
}

/// After a kill the write-ahead log has been played back, and nothing is written before the pages were looked through.
fn sound(conn: &Connection, path: &Path, o: &WriterOptions) -> Result<(), StoreError> {
    let began = o.clock.mono();
    let found: String = conn.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
    if let Some(problem) = problems(&found).next() {
        return Err(StoreError::Corrupt(format!("{}: SQLite: {problem}", path.display())));
    }
    let ms = o.clock.mono().saturating_sub(began).as_millis() as u64;
    tracing::info!(target: "store", ms, "The last process did not end cleanly; the database was checked and is sound");
    Ok(())
}

/// Opens a database that cannot be written through this connection: read-only file handle, `query_only`, and no
/// side doors for SQL that writes elsewhere.
pub(super) fn read_only(path: &Path) -> Result<Connection, StoreError> {
    check_library()?;
    let mut conn = file::read_only(path)?;
    SCHEMA.check_current(&conn, path)?;
    file::guard(&mut conn)?;
    Ok(conn)
}

/// Opens a master database for reading and gives its schema version too, which may be an older one.
pub(super) fn plain_read_only(path: &Path) -> Result<(Connection, i32), StoreError> {
    check_library()?;
    let conn = file::read_only(path)?;
    let version = SCHEMA.check(&conn, path)?;
    Ok((conn, version))
}
