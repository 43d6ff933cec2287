//! What all our databases have in common as files: private permissions, the write-ahead log, the birth certificate, and
//! the read-only recipe of consumers.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, FileControl, MAIN_DB, OpenFlags, OptionalExtension, params};

use super::StoreError;

/// How long a connection waits for another one's lock.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// Page cache of a reader: two years of daily bars of the whole universe, several times over.
const READER_CACHE_KIB: i64 = 32 * 1024;
const STATEMENTS: usize = 96;

/// The folder a file lies in.
pub(super) fn folder(path: &Path) -> PathBuf {
    path.parent().filter(|p| !p.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Makes a folder, and those above it, readable by the user only.
pub(super) fn private_dir(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(StoreError::io("cannot make the folder", path))
}

/// Opens a file for reading and writing, making it readable by the user only when it is new.
pub(super) fn private_file(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(StoreError::io("cannot open", path))
}

/// Opens or makes a file for writing; URIs in SQL have their meaning. Nothing is written yet.
pub(super) fn read_write(path: &Path) -> Result<Connection, StoreError> {
    // SQLite gives -wal and -shm the permissions of the database, so making it 0600 first covers all three.
    drop(private_file(path)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(uri(path, "rw"), flags)?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// Gives a connection for writing its write-ahead log, which lasts, and makes every commit durable.
pub(super) fn write_ahead(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "wal", |r| r.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Corrupt(format!("{} cannot use a write-ahead log (journal mode {mode})", path.display())));
    }
    conn.pragma_update(None, "synchronous", "full")?;
    // Without this the log files vanish at close, and readers that may not create them are locked out.
    conn.file_control(Some(MAIN_DB), FileControl::PersistWal(&mut 1))?;
    Ok(())
}

/// Whether the file is a demo's; `None` when it does not say yet.
pub(super) fn side(conn: &Connection) -> Result<Option<bool>, StoreError> {
    let demo: Option<String> = conn.query_row("SELECT value FROM db_metadata WHERE key = 'demo'", [], |r| r.get(0)).optional()?;
    Ok(demo.map(|demo| demo == "1"))
}

/// Writes the birth certificate of a new file into its `db_metadata`, and refuses a file of the other side.
pub(super) fn claim(conn: &Connection, path: &Path, demo: bool, now: i64) -> Result<(), StoreError> {
    if let Some(found) = side(conn)? {
        return if found == demo { Ok(()) } else { Err(StoreError::Demo { path: path.to_owned(), demo: found }) };
    }
    // One statement, and so one transaction: a process killed here leaves all of it or nothing. Files from before
    // this was so may hold a part.
    conn.execute(
        "INSERT INTO db_metadata (key, value, updated_at)
         VALUES ('created_at', ?1, ?1), ('created_by', ?2, ?1), ('demo', ?3, ?1) ON CONFLICT DO NOTHING",
        params![now.to_string(), concat!("nightdesk ", env!("CARGO_PKG_VERSION")), if demo { "1" } else { "0" }],
    )?;
    Ok(())
}

/// Opens a database of any kind for reading, and waits up to five seconds for a writer that is just opening or closing
/// it. Never `immutable`: that would ignore the write-ahead log.
pub(super) fn read_only(path: &Path) -> Result<Connection, StoreError> {
    const PAUSE: Duration = Duration::from_millis(50);
    if !path.exists() {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let mut left = 100_u32;
    loop {
        match try_read_only(path) {
            Err(e) if waits(&e) => {
                if left == 0 {
                    return Err(StoreError::Unreadable { path: path.to_owned(), cause: e.to_string() });
                }
                left -= 1;
                std::thread::sleep(PAUSE);
            }
            other => return Ok(other?),
        }
    }
}

// SQLITE_CANTOPEN (14, with its refinements) and SQLITE_READONLY_DIRECTORY (1544).
fn waits(e: &rusqlite::Error) -> bool {
    e.sqlite_extended_error_code().is_some_and(|code| code == 1544 || code & 0xff == 14)
}

fn try_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(uri(path, "ro"), flags)?;
    conn.busy_timeout(BUSY)?;
    // Opening alone touches nothing; the first read tells whether the file can be used.
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    conn.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// Shuts the side doors of a read-only connection: `query_only`, and no SQL that writes elsewhere.
pub(super) fn guard(conn: &mut Connection) -> Result<(), StoreError> {
    conn.pragma_update(None, "query_only", 1)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.authorizer(Some(read_only_rule))?;
    Ok(())
}

// `mode=ro` alone lets TEMP tables, VACUUM INTO, checkpoints and writable_schema through.
fn read_only_rule(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Function { .. }
        | AuthAction::Recursive
        | AuthAction::Transaction { .. } => Authorization::Allow,
        _ => Authorization::Deny,
    }
}

/// `file:` URI of a path, with everything but plain characters escaped (sqlite.org/uri.html).
pub(super) fn uri(path: &Path, mode: &str) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut out = String::from("file:");
    for &b in path.as_os_str().as_bytes() {
        if b.is_ascii_alphanumeric() || b"/._-".contains(&b) {
            out.push(char::from(b));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{b:02X}");
        }
    }
    out + "?mode=" + mode
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_survive_the_uri() {
        assert_eq!(uri(Path::new("/data/night desk?/ü#.db"), "ro"), "file:/data/night%20desk%3F/%C3%BC%23.db?mode=ro");
    }
}
