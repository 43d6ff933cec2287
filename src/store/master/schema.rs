//! The numbered scripts that make the schema, and the checks that a file is ours and of a version we know.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// `application_id` of a master database: the ASCII codes of `NDmd`.
pub const APPLICATION_ID: i32 = 0x4E44_6D64;

/// The scripts, oldest first; the n-th brings a file from version n-1 to n. A published script never changes.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001_market_data.sql"),
    include_str!("migrations/0002_rebase_due.sql"),
    include_str!("migrations/0003_findings.sql"),
    include_str!("migrations/0004_derive_due.sql"),
];

/// The schema version of this program.
pub const VERSION: i32 = MIGRATIONS.len() as i32;

/// First release without the WAL-reset bug of SQLite 3.7.0 to 3.51.2 (sqlite.org/wal.html).
const SQLITE_FLOOR: i32 = 3_051_003;

/// Refuses a SQLite that could corrupt the file.
pub(super) fn check_library() -> Result<(), StoreError> {
    if rusqlite::version_number() < SQLITE_FLOOR { Err(StoreError::Sqlite(rusqlite::version())) } else { Ok(()) }
}

/// The file's version; 0 when it is empty. Refuses foreign and newer files.
pub(super) fn check_file(conn: &Connection, path: &Path) -> Result<i32, StoreError> {
    let app: i32 = conn.query_row("PRAGMA application_id", [], |r| r.get(0))?;
    let version: i32 = conn.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    let objects: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    if app == 0 && version == 0 && objects == 0 {
        return Ok(0);
    }
    if app != APPLICATION_ID {
        return Err(StoreError::Foreign { path: path.to_owned(), found: app });
    }
    if version > VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known: VERSION });
    }
    Ok(version)
}

/// Brings the file to [`VERSION`], each script in a transaction of its own together with its version number.
pub(super) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let mut version = check_file(conn, path)?;
    for script in &MIGRATIONS[version as usize..] {
        version += 1;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(script)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", version)?;
        tx.commit()?;
        tracing::info!(target: "store", version, path = %path.display(), "Database schema brought up to date");
    }
    Ok(())
}
