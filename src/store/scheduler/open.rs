//! How `scheduler.db` is opened: by the engine for writing, by the command line for reading.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, FileControl, MAIN_DB, OpenFlags, TransactionBehavior};

use super::SchedulerDbError;

/// `application_id` of a scheduler database: the ASCII codes of `NDsc`.
const APPLICATION_ID: i32 = 0x4E44_7363;
/// The scripts, oldest first; the n-th brings a file from version n-1 to n. A published script never changes.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_scheduler.sql")];
const VERSION: i32 = MIGRATIONS.len() as i32;
const BUSY: Duration = Duration::from_secs(5);
const STATEMENTS: usize = 48;

/// Opens or creates the database, checks all of it and brings its schema up to date. `max_pages` caps its size.
pub(super) fn read_write(path: &Path, max_pages: Option<u32>) -> Result<Connection, SchedulerDbError> {
    // SQLite gives -wal and -shm the permissions of the database, so making it 0600 first covers all three.
    let private = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    drop(private.map_err(SchedulerDbError::io("cannot open", path))?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    check_file(&conn, path)?;
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "wal", |r| r.get(0))?;
    if mode != "wal" {
        return Err(SchedulerDbError::Database(format!("no write-ahead log can be used (journal mode {mode})")));
    }
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    // Without this the log files vanish at close, and readers that may not create them are locked out.
    conn.file_control(Some(MAIN_DB), FileControl::PersistWal(&mut 1))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    check_pages(&conn)?;
    migrate(&mut conn, path)?;
    if let Some(pages) = max_pages {
        conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(conn)
}

/// Opens an existing database so that this connection cannot write it.
pub(super) fn read_only(path: &Path) -> Result<Connection, SchedulerDbError> {
    if !path.exists() {
        return Err(SchedulerDbError::Missing(path.to_owned()));
    }
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY)?;
    if check_file(&conn, path)? == 0 {
        return Err(SchedulerDbError::Missing(path.to_owned()));
    }
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// The file's version; 0 when it is empty.
fn check_file(conn: &Connection, path: &Path) -> Result<i32, SchedulerDbError> {
    let number = |sql: &str| conn.query_row(sql, [], |r| r.get::<_, i32>(0));
    let (app, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    if app == 0 && version == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
        return Ok(0);
    }
    if app != APPLICATION_ID {
        return Err(SchedulerDbError::Corrupt(format!("it is not a Nightdesk scheduler database (application id {app:#x})")));
    }
    if version > VERSION {
        return Err(SchedulerDbError::Newer { path: path.to_owned(), found: version, known: VERSION });
    }
    Ok(version)
}

// The file holds some thousand rows: checking all its pages takes milliseconds.
fn check_pages(conn: &Connection) -> Result<(), SchedulerDbError> {
    let finding: String = conn.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
    if finding == "ok" { Ok(()) } else { Err(SchedulerDbError::Corrupt(finding)) }
}

fn migrate(conn: &mut Connection, path: &Path) -> Result<(), SchedulerDbError> {
    let mut version = check_file(conn, path)?;
    for script in &MIGRATIONS[version as usize..] {
        version += 1;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(script)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", version)?;
        tx.commit()?;
    }
    Ok(())
}
