//! How `scheduler.db` is opened: by the engine for writing, by the command line for reading.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::SchedulerDbError;
use crate::store::file::{self, BUSY};
use crate::store::schema::Schema;

/// Its `application_id` is the ASCII codes of `NDsc`.
const SCHEMA: Schema = Schema { application_id: 0x4E44_7363, scripts: &[include_str!("migrations/0001_scheduler.sql")] };

/// Opens or creates the database, checks all of it and brings its schema up to date. `max_pages` caps its size.
pub(super) fn read_write(path: &Path, max_pages: Option<u32>) -> Result<Connection, SchedulerDbError> {
    let mut conn = file::read_write(path)?;
    SCHEMA.check(&conn, path)?;
    file::write_ahead(&conn, path)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    check_pages(&conn)?;
    SCHEMA.migrate(&mut conn, path)?;
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
    if SCHEMA.check(&conn, path)? == 0 {
        return Err(SchedulerDbError::Missing(path.to_owned()));
    }
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

// The file holds some thousand rows: checking all its pages takes milliseconds.
fn check_pages(conn: &Connection) -> Result<(), SchedulerDbError> {
    let finding: String = conn.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
    if finding == "ok" { Ok(()) } else { Err(SchedulerDbError::Corrupt(finding)) }
}
