//! Why `scheduler.db` could not do something, in words an operator can act on. Cloneable, because calls that share a
//! transaction share its failure.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// A failure of the scheduler's database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchedulerDbError {
    /// There is no database yet.
    #[error("there is no scheduler database at {0}; it is made when the engine first starts")]
    Missing(PathBuf),
    /// The file was written by a newer Nightdesk.
    #[error("{path} has schema version {found}, this Nightdesk knows up to {known}; use the newer program, nothing was changed")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: i32,
        /// The newest version known here.
        known: i32,
    },
    /// The content contradicts itself, or is not ours.
    #[error("scheduler.db is damaged: {0}; restart nightdesk: it moves the file aside and starts a new one, market data are not touched")]
    Corrupt(String),
    /// The disk, or the size limit, is full.
    #[error("the disk is full: scheduler.db could not grow; this change was not stored, nothing stored was harmed; free some space")]
    DiskFull,
    /// There is no such run.
    #[error("there is no run {0}")]
    NoRun(i64),
    /// The thread that owns the database has ended.
    #[error("scheduler.db is closed; nothing more is recorded until nightdesk is started again")]
    Gone,
    /// A file or folder could not be used.
    #[error("{what} {path}: {cause}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// Anything else from SQLite.
    #[error("scheduler.db refused: {0}")]
    Database(String),
}

impl SchedulerDbError {
    /// An I/O failure with its circumstances.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |e| Self::Io { what, path, cause: e.to_string() }
    }
}

impl From<rusqlite::Error> for SchedulerDbError {
    fn from(e: rusqlite::Error) -> Self {
        let unreadable = matches!(e, rusqlite::Error::FromSqlConversionFailure(..));
        match e.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(e.to_string()),
            _ if unreadable => Self::Corrupt(e.to_string()),
            _ => Self::Database(e.to_string()),
        }
    }
}

/// What the parts that all databases share may meet.
impl From<StoreError> for SchedulerDbError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Foreign { found, .. } => {
                Self::Corrupt(format!("it is not a Nightdesk scheduler database (application id {found:#x})"))
            }
            StoreError::Newer { path, found, known } => Self::Newer { path, found, known },
            StoreError::Corrupt(problem) => Self::Corrupt(problem),
            StoreError::DiskFull => Self::DiskFull,
            StoreError::Io { what, path, source } => Self::Io { what, path, cause: source.to_string() },
            other => Self::Database(other.to_string()),
        }
    }
}
