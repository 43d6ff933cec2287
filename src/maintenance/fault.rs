//! Why a step of the maintenance job failed, in words an operator can act on.

use std::io;
use std::path::{Path, PathBuf};

use crate::store::master::StoreError;

/// A failed step.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A database does not hold what was written.
    #[error(
        "{file} is damaged: {found} problem(s), first: {first}; backups are kept as they are, put the newest back: stop \
         nightdesk, then `nightdesk restore {}`", backups.display()
    )]
    Damaged {
        /// Which.
        file: &'static str,
        /// All problems.
        found: u64,
        /// One of them.
        first: String,
        /// Where the backups are.
        backups: PathBuf,
    },
    /// What was copied is not what is stored.
    #[error("the copy {} does not pass its check ({problem}): the disk it lies on may be failing; it is not counted as a backup", path.display())]
    BadCopy {
        /// The copy.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There would be too little space left.
    #[error(
        "{} has {} MiB free, and {} MiB are needed to write {} MiB and stay above store.disk_floor_mib: free some space, or \
         point maintenance.backup_dir to another disk", dir.display(), free >> 20, need.saturating_add(*floor).div_ceil(1 << 20), need.div_ceil(1 << 20)
    )]
    NoSpace {
        /// The folder.
        dir: PathBuf,
        /// Bytes free.
        free: u64,
        /// Bytes to write.
        need: u64,
        /// Bytes that must stay free.
        floor: u64,
    },
    /// The disk filled up meanwhile.
    #[error("the disk of {} filled up; what was written so far is removed again, older backups are untouched: free some space", .0.display())]
    DiskFull(PathBuf),
    /// Free space or the log of changes is at its limit.
    #[error("{0}")]
    Limit(String),
    /// A file could not be used.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The databases could not be read or copied.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The step ended in a bug.
    #[error("the step broke off: {0}; this is an error in nightdesk, the log has more")]
    Broken(String),
    /// Told to stop.
    #[error("stopped")]
    Stopped,
}

impl Fault {
    /// A file failure with its circumstances.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// The same fault, told apart from its look-alikes: a stop, and a disk that is full in `dir`.
    pub(super) fn within(self, dir: &Path) -> Self {
        match self {
            Self::Store(StoreError::Stopped) => Self::Stopped,
            Self::Store(StoreError::DiskFull) => Self::DiskFull(dir.to_owned()),
            Self::Io { source, .. } | Self::Store(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::StorageFull => {
                Self::DiskFull(dir.to_owned())
            }
            other => other,
        }
    }

    /// Whether stored data are not what was written.
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Store(StoreError::Corrupt(_)))
    }
}
