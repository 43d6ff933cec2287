//! Whole, verified copies of the database, and putting one back.

use std::fmt::Display;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::verify::verify;
use crate::market::Clock;
use crate::store::master::lock::{FolderLock, folder, private_dir, private_file};
use crate::store::master::{StoreError, open};

const PREFIX: &str = "market_data-";
const SUFFIX: &str = ".db";
/// The files of a database, by what follows its name.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// A finished backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Bars in it.
    pub rows: u64,
}

/// A finished restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// The backup that was put in place.
    pub from: PathBuf,
    /// Where the database that was there is kept.
    pub kept: Option<PathBuf>,
    /// Bars restored.
    pub rows: u64,
}

/// UTC, in names that sort by time.
fn stamp(clock: &dyn Clock) -> impl Display {
    clock.utc().format("%Y%m%dT%H%M%SZ")
}

/// A file that is removed unless it was finished.
struct Partial {
    path: PathBuf,
    finished: bool,
}

impl Partial {
    /// Copies the database `from`, its write-ahead log included, to a new private file, and makes it durable.
    fn copy(from: &Path, path: PathBuf) -> Result<Self, StoreError> {
        if path.exists() {
            fs::remove_file(&path).map_err(StoreError::io("cannot remove", &path))?;
        }
        let file = private_file(&path)?;
        let partial = Self { path, finished: false };
        let (conn, _) = open::plain_read_only(from)?;
        conn.execute("VACUUM INTO ?1", [open::uri(&partial.path, "rw")])?;
        file.sync_all().map_err(StoreError::io("cannot flush", &partial.path))?;
        Ok(partial)
    }

    fn checked(&self) -> Result<u64, StoreError> {
        let report = verify(&self.path, &mut |_, _| {})?;
        if report.is_sound() { Ok(report.rows) } else { Err(StoreError::BadBackup { path: self.path.clone(), problems: report.problems }) }
    }

    fn finish(mut self, to: &Path) -> Result<(), StoreError> {
        fs::rename(&self.path, to).map_err(StoreError::io("cannot move the copy to", to))?;
        self.finished = true;
        let dir = folder(to);
        File::open(&dir).and_then(|d| d.sync_all()).map_err(StoreError::io("cannot flush the folder", &dir))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            // The failure that led here is the one to report.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes `market_data-YYYYMMDDTHHMMSSZ.db` into `dir`, verified before it gets its name; other files there are left
/// alone. The writer may go on meanwhile.
pub fn backup(path: &Path, dir: &Path, clock: &dyn Clock) -> Result<BackupReport, StoreError> {
    private_dir(dir)?;
    let name = format!("{PREFIX}{}{SUFFIX}", stamp(clock));
    let partial = Partial::copy(path, dir.join(format!(".{name}.partial")))?;
    let rows = partial.checked()?;
    let to = dir.join(name);
    partial.finish(&to)?;
    let bytes = fs::metadata(&to).map_err(StoreError::io("cannot read", &to))?.len();
    tracing::info!(target: "store", path = %to.display(), bytes, rows, "Backup written");
    Ok(BackupReport { path: to, bytes, rows })
}

/// Puts a backup in place of the database `target`: `from` is a file, or a folder whose newest backup is taken. It is
/// verified first. Refused while a process holds the data folder; what was there is kept as
/// `*.before-restore-YYYYMMDDTHHMMSSZ`, beside what earlier restores kept.
pub fn restore(from: &Path, target: &Path, clock: &dyn Clock) -> Result<RestoreReport, StoreError> {
    let from = if from.is_dir() { newest(from)? } else { from.to_owned() };
    if !from.exists() {
        return Err(StoreError::NoBackup(from));
    }
    let lock = FolderLock::take(target, clock.now())?;
    let bad = |e| match e {
        StoreError::BadBackup { problems, .. } => StoreError::BadBackup { path: from.clone(), problems },
        StoreError::Corrupt(problem) => StoreError::BadBackup { path: from.clone(), problems: vec![problem] },
        e => e,
    };
    let partial = Partial::copy(&from, beside(target, ".restoring")).map_err(bad)?;
    let rows = partial.checked().map_err(bad)?;
    let kept = unused(beside(target, &format!(".before-restore-{}", stamp(clock))));
    let had = target.exists();
    // The log belongs to the file by its name, so the three move together.
    for part in PARTS {
        let (old, new) = (beside(target, part), beside(&kept, part));
        if old.exists() {
            fs::rename(&old, &new).map_err(StoreError::io("cannot move the old database to", &new))?;
        }
    }
    partial.finish(target)?;
    lock.release(clock.now())?;
    tracing::info!(target: "store", from = %from.display(), rows, "Backup restored");
    Ok(RestoreReport { from, kept: had.then_some(kept), rows })
}

/// `path`, or a longer name when a restore within the same second took it: nothing that is kept is ever replaced.
fn unused(mut path: PathBuf) -> PathBuf {
    while PARTS.iter().any(|part| beside(&path, part).exists()) {
        path = beside(&path, "-again");
    }
    path
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The names sort by time.
fn newest(dir: &Path) -> Result<PathBuf, StoreError> {
    let entries = fs::read_dir(dir).map_err(StoreError::io("cannot read the folder", dir))?;
    entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(PREFIX) && n.ends_with(SUFFIX)))
        .max()
        .ok_or_else(|| StoreError::NoBackup(dir.join(format!("{PREFIX}*{SUFFIX}"))))
}
