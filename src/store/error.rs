//! Why the store could not do something, in words an operator can act on.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::market::{Series, Strategy, Symbol};

/// A failure of the master database, or of a strategy's.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database yet.
    #[error("there is no database at {0}; run `nightdesk ingest` once to create it")]
    Missing(PathBuf),
    /// There is no database of a strategy yet.
    #[error("there is no database of {strategy} at {}; run `nightdesk features build --strategy {strategy}` once to create it", path.display())]
    NotBuilt {
        /// The file.
        path: PathBuf,
        /// Whose.
        strategy: Strategy,
    },
    /// The database of a strategy lies where another one's belongs.
    #[error("{path} is the database of {found}; each strategy has its own, move the file back")]
    OtherStrategy {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
    },
    /// The file belongs to another program.
    #[error("{path} is not a Nightdesk database (application id {found:#x}); move it away or choose another data folder")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its `application_id`.
        found: i32,
    },
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
    /// The file was written by an older Nightdesk and no writer has migrated it yet.
    #[error("{path} has schema version {found}, readers need {known}; start `nightdesk` once, it brings the file up to date")]
    Older {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: i32,
        /// The version readers need.
        known: i32,
    },
    /// The linked SQLite has the WAL-reset corruption bug.
    #[error("SQLite {0} can corrupt a database in WAL mode; build with 3.51.3 or newer")]
    Sqlite(&'static str),
    /// Another process writes this data folder.
    #[error("{path} is held by {owner}; wait for its end, stop it, or use another --data-dir")]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as the lock file says.
        owner: String,
    },
    /// A reader may not make the files that a WAL database needs.
    #[error(
        "{path} cannot be opened read-only: {cause}. Its -wal or -shm file is missing and this user may not create it; \
         start `nightdesk` once as the owner, or give this user write permission on the folder"
    )]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        cause: String,
    },
    /// The disk, or the size limit, is full.
    #[error(
        "the disk is full: the database could not grow; this batch was not stored, nothing stored was harmed; free some space and run again"
    )]
    DiskFull,
    /// Practice data and real data may not mix.
    #[error("{path} {}", if *.demo { "holds demo data; open it with --demo, or use another --data-dir" } else { "holds real data; --demo must use a data folder of its own" })]
    Demo {
        /// The database.
        path: PathBuf,
        /// Whether the file is a demo's.
        demo: bool,
    },
    /// The writer has stopped.
    #[error("the database writer has stopped; nothing more is stored until nightdesk is started again")]
    WriterGone,
    /// The program's own fault: the question panicked.
    #[error("a read of the database ended unexpectedly: {0}; nothing stored was harmed, but this is a bug: report it with the log")]
    ReadPanicked(String),
    /// The program is ending, and the read with it.
    #[error("the read was given up because nightdesk is ending")]
    ReadAbandoned,
    /// The caller's bars break the rules of a batch.
    #[error("the batch for {series} was refused: {why}")]
    BadBatch {
        /// Which series.
        series: Series,
        /// What is wrong.
        why: String,
    },
    /// Reads of this series are blocked by a finding.
    #[error(
        "{series} is blocked by an open data-quality finding: {reason}; settle it on the data-quality page, or read with quarantined bars included"
    )]
    Blocked {
        /// Which series.
        series: Series,
        /// The finding's message.
        reason: String,
    },
    /// There is no such finding.
    #[error("there is no data-quality finding {0}")]
    NoIssue(i64),
    /// There is no such run.
    #[error("there is no run {0}; `nightdesk runs list` lists those there are")]
    NoRun(i64),
    /// There is no such training run.
    #[error("there is no training run {0} of this strategy")]
    NoTraining(i64),
    /// A training run is at work.
    #[error("training run {0} is at work, and a strategy trains one at a time; wait for its end, or stop it")]
    TrainingAtWork(i64),
    /// A training run is not in the state that this is for.
    #[error("training run {run_id} is {state}: that cannot be done to it; nothing was changed")]
    TrainingState {
        /// Which.
        run_id: i64,
        /// Its state.
        state: String,
    },
    /// Models are not in the state that a move begins at.
    #[error("the models of training run {run_id} are not all {from}; nothing was changed: look at them again, then repeat")]
    ModelsMoved {
        /// Whose.
        run_id: i64,
        /// Where the move begins.
        from: String,
    },
    /// The content contradicts itself or the schema.
    #[error("the database is damaged: {0}; put the last good backup in its place: `nightdesk restore DIR`")]
    Corrupt(String),
    /// The look through the pages after an unclean end came to no end of its own.
    #[error(
        "the database could not be checked after an unclean end: {0}; it need not be damaged, and nothing is written until it was \
         checked: see to the cause, then start nightdesk again"
    )]
    Unchecked(String),
    /// Cached features were made by other definitions than those of this program.
    #[error("the cached features of {symbol} were made by other definitions; run `nightdesk features build` to make them anew")]
    OldFeatures {
        /// Whose.
        symbol: Symbol,
    },
    /// Cached features are not what was written.
    #[error("the cached features of {symbol} in {month} are not what was written; make them anew: `nightdesk features build --whole`")]
    BadFeatures {
        /// Whose.
        symbol: Symbol,
        /// As year and month.
        month: String,
    },
    /// There is nothing to restore.
    #[error("there is no backup at {0}; name a file that `nightdesk backup` wrote, or the folder it is in")]
    NoBackup(PathBuf),
    /// A backup did not pass its check.
    #[error("{path} is not a sound backup: {}; nothing was replaced", problems.join("; "))]
    BadBackup {
        /// The file checked.
        path: PathBuf,
        /// What the check found.
        problems: Vec<String>,
    },
    /// Told to stop.
    #[error("stopped before it was done; nothing was changed")]
    Stopped,
    /// A file or folder could not be used.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Anything else from SQLite.
    #[error("the database refused: {0}")]
    Database(rusqlite::Error),
}

impl StoreError {
    /// An I/O failure with its circumstances.
    pub(crate) fn io(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> Self {
        match e.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::OperationInterrupted) => Self::Stopped,
            _ if is_damage(&e) => Self::Corrupt(e.to_string()),
            _ => Self::Database(e),
        }
    }
}

/// Whether SQLite found the file itself broken.
pub(in crate::store) fn is_damage(e: &rusqlite::Error) -> bool {
    matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
