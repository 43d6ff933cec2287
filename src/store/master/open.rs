//! How connections are opened: the writer's, and the read-only recipe of consumers.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, FileControl, MAIN_DB, OpenFlags, OptionalExtension, params};

use super::lock::{FolderLock, folder, private_dir, private_file};
use super::writer::WriterOptions;
use super::{StoreError, schema};

const BUSY: Duration = Duration::from_secs(5);
/// Pages in the write-ahead log before a commit moves them over: 16 MiB, a few large batches.
const AUTOCHECKPOINT_PAGES: i64 = 4_000;
/// Page cache of a reader: two years of daily bars of the whole universe, several times over.
const READER_CACHE_KIB: i64 = 32 * 1024;
const STATEMENTS: usize = 96;
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
    schema::check_library()?;
    private_dir(&folder(path))?;
    let lock = FolderLock::take(path, o.clock.now())?;
    // SQLite gives -wal and -shm the permissions of the database, so making it 0600 first covers all three.
    drop(private_file(path)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    let at_rest = schema::check_file(&conn, path)? == schema::VERSION && side(&conn)?.is_some();
    let unchecked = lock.after_unclean_end() && beside && at_rest;
    if unchecked {
        // Closing the file would move the log over.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    } else if lock.after_unclean_end() {
        sound(&conn, path, o)?;
    }
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "wal", |r| r.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Corrupt(format!("{} cannot use a write-ahead log (journal mode {mode})", path.display())));
    }
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "cache_size", -i64::from(o.cache_mib.max(1)) * 1024)?;
    // Without this the log files vanish at close, and readers that may not create them are locked out.
    let mut persist = 1;
    conn.file_control(Some(MAIN_DB), FileControl::PersistWal(&mut persist))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    schema::migrate(&mut conn, path)?;
    if let Some(mib) = max_mib {
        let pages = i64::from(mib) * i64::from(1024 * 1024 / PAGE_BYTES);
        conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    claim(&conn, path, o)?;
    Ok(Opened { lock, conn, unchecked })
}

/// After a kill the write-ahead log has been played back, and nothing is written before the pages were looked through.
fn sound(conn: &Connection, path: &Path, o: &WriterOptions) -> Result<(), StoreError> {
    let began = o.clock.mono();
    let problem: String = conn.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
    if problem != "ok" {
        return Err(StoreError::Corrupt(format!("{}: {problem}", path.display())));
    }
    let ms = o.clock.mono().saturating_sub(began).as_millis() as u64;
    tracing::info!(target: "store", ms, "The last process did not end cleanly; the database was checked and is sound");
    Ok(())
}

/// Writes the birth certificate of a new file, and refuses one of the other side.
fn claim(conn: &Connection, path: &Path, o: &WriterOptions) -> Result<(), StoreError> {
    if let Some(demo) = side(conn)? {
        return if demo == o.demo { Ok(()) } else { Err(StoreError::Demo { path: path.to_owned(), demo }) };
    }
    let now = o.clock.now();
    // One statement, and so one transaction: a process killed here leaves all of it or nothing. Files from before
    // this was so may hold a part.
    conn.execute(
        "INSERT INTO db_metadata (key, value, updated_at)
         VALUES ('created_at', ?1, ?1), ('created_by', ?2, ?1), ('demo', ?3, ?1) ON CONFLICT DO NOTHING",
        params![now.to_string(), concat!("nightdesk ", env!("CARGO_PKG_VERSION")), if o.demo { "1" } else { "0" }],
    )?;
    Ok(())
}

/// Whether the file is a demo's; `None` when it does not say yet.
fn side(conn: &Connection) -> Result<Option<bool>, StoreError> {
    let demo: Option<String> = conn.query_row("SELECT value FROM db_metadata WHERE key = 'demo'", [], |r| r.get(0)).optional()?;
    Ok(demo.map(|demo| demo == "1"))
}

/// Opens a database that cannot be written through this connection: read-only file handle, `query_only`, and no
/// side doors for SQL that writes elsewhere.
pub(super) fn read_only(path: &Path) -> Result<Connection, StoreError> {
    let (mut conn, version) = plain_read_only(path)?;
    if version < schema::VERSION {
        return Err(StoreError::Older { path: path.to_owned(), found: version, known: schema::VERSION });
    }
    conn.pragma_update(None, "query_only", 1)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.authorizer(Some(read_only_rule))?;
    Ok(conn)
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

/// Opens a master database for reading and gives its schema version too, which may be an older one.
pub(super) fn plain_read_only(path: &Path) -> Result<(Connection, i32), StoreError> {
    schema::check_library()?;
    let conn = any_read_only(path)?;
    let version = schema::check_file(&conn, path)?;
    Ok((conn, version))
}

/// Opens a database of any kind for reading, and waits up to five seconds for a writer that is just opening or closing
/// it. Never `immutable`: that would ignore the write-ahead log.
pub(super) fn any_read_only(path: &Path) -> Result<Connection, StoreError> {
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
