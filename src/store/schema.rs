//! The numbered scripts that make the schema of a database, and the checks that a file is ours and of a version we know.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// First release without the WAL-reset bug of SQLite 3.7.0 to 3.51.2 (sqlite.org/wal.html).
const SQLITE_FLOOR: i32 = 3_051_003;

/// A kind of database.
pub(super) struct Schema {
    /// `application_id` of its files: four ASCII codes.
    pub application_id: i32,
    /// The scripts, oldest first; the n-th brings a file from version n-1 to n. A published script never changes.
    pub scripts: &'static [&'static str],
}

impl Schema {
    /// The schema version of this program.
    pub const fn version(&self) -> i32 {
        self.scripts.len() as i32
    }

    /// The file's version; 0 when it is empty. Refuses foreign and newer files.
    pub fn check(&self, conn: &Connection, path: &Path) -> Result<i32, StoreError> {
        let number = |sql: &str| conn.query_row(sql, [], |r| r.get::<_, i32>(0));
        let (found, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
        if found == 0 && version == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
            return Ok(0);
        }
        if found != self.application_id {
            return Err(StoreError::Foreign { path: path.to_owned(), found });
        }
        if version > self.version() {
            return Err(StoreError::Newer { path: path.to_owned(), found: version, known: self.version() });
        }
        Ok(version)
    }

    /// As [`Self::check`], for a reader that needs the present version.
    pub fn check_current(&self, conn: &Connection, path: &Path) -> Result<(), StoreError> {
        match self.check(conn, path)? {
            found if found < self.version() => Err(StoreError::Older { path: path.to_owned(), found, known: self.version() }),
            _ => Ok(()),
        }
    }

    /// Brings the file to [`Self::version`], each script in a transaction of its own together with its version number.
    pub fn migrate(&self, conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
        let mut version = self.check(conn, path)?;
        for script in &self.scripts[version as usize..] {
            version += 1;
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tx.execute_batch(script)?;
            tx.pragma_update(None, "application_id", self.application_id)?;
            tx.pragma_update(None, "user_version", version)?;
            tx.commit()?;
            tracing::info!(target: "store", version, path = %path.display(), "Database schema brought up to date");
        }
        Ok(())
    }
}

/// Refuses a SQLite that could corrupt files.
pub(super) fn check_library() -> Result<(), StoreError> {
    if rusqlite::version_number() < SQLITE_FLOOR { Err(StoreError::Sqlite(rusqlite::version())) } else { Ok(()) }
}
