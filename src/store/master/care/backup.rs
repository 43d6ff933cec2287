//! Whole, verified copies of the database, and putting one back.

use std::fmt::Display;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use super::verify::{VerifyReport, check_digests, check_pages, heed};
use crate::market::Clock;
use crate::store::file::{self, folder, private_dir, private_file};
use crate::store::master::lock::FolderLock;
use crate::store::master::{DATABASE, StoreError};

const PREFIX: &str = "market_data-";
const SUFFIX: &str = ".db";
/// What the name of a folder begins with that the maintenance job makes: one backup of the whole data folder, the
/// time as in the names of single backups.
pub const BACKUP_FOLDER: &str = "backup-";
/// The files of a database, by what follows its name.
const PARTS: [&str; 3] = ["", "-wal", SHARED_INDEX];
/// The memory that connections share to find their way in the log.
const SHARED_INDEX: &str = "-shm";

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
    fn copy(from: &Path, path: PathBuf, stop: &CancellationToken) -> Result<Self, StoreError> {
        if path.exists() {
            fs::remove_file(&path).map_err(StoreError::io("cannot remove", &path))?;
        }
        Self::vacuum(file::read_only(from)?, path, stop)
    }

    fn vacuum(mut conn: Connection, path: PathBuf, stop: &CancellationToken) -> Result<Self, StoreError> {
        heed(&mut conn, stop)?;
        let file = private_file(&path)?;
        let partial = Self { path, finished: false };
        conn.execute("VACUUM INTO ?1", [file::uri(&partial.path, "rw")])?;
        file.sync_all().map_err(StoreError::io("cannot flush", &partial.path))?;
        Ok(partial)
    }

    fn checked(&self, stop: &CancellationToken, check: &Check<'_>) -> Result<u64, StoreError> {
        let report = check(&self.path, stop)?;
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

/// Copies a database of any kind, its write-ahead log included, to `to`, which must not exist, private and durable.
/// Nothing is left at `to` when it fails or is stopped.
pub fn copy_database(from: &Path, to: &Path, stop: &CancellationToken) -> Result<(), StoreError> {
    let mut partial = Partial::vacuum(file::read_only(from)?, to.to_owned(), stop)?;
    partial.finished = true;
    Ok(())
}

/// Writes `market_data-YYYYMMDDTHHMMSSZ.db` into `dir`, verified before it gets its name; other files there are left
/// alone. The writer may go on meanwhile.
pub fn backup(path: &Path, dir: &Path, clock: &dyn Clock) -> Result<BackupReport, StoreError> {
    private_dir(dir)?;
    let name = format!("{PREFIX}{}{SUFFIX}", stamp(clock));
    let never = CancellationToken::new();
    let partial = Partial::copy(path, dir.join(format!(".{name}.partial")), &never)?;
    let rows = partial.checked(&never, &sound_master)?;
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
    let report = restore_until(from, target, clock, &CancellationToken::new())?;
    tracing::info!(target: "store", from = %report.from.display(), rows = report.rows, "Backup restored");
    Ok(report)
}

/// As [`restore`], until it is told to stop.
pub fn restore_until(from: &Path, target: &Path, clock: &dyn Clock, stop: &CancellationToken) -> Result<RestoreReport, StoreError> {
    let from = if from.is_dir() { newest(from)? } else { from.to_owned() };
    replace(&from, target, clock, stop, &sound_master)
}

/// What judges the copy of a database before it is used.
type Check<'a> = dyn Fn(&Path, &CancellationToken) -> Result<VerifyReport, StoreError> + 'a;

fn sound_master(path: &Path, stop: &CancellationToken) -> Result<VerifyReport, StoreError> {
    let pages = check_pages(path, stop)?;
    if pages.is_sound() { check_digests(path, &mut |_, _| {}, stop) } else { Ok(pages) }
}

/// As [`restore_until`], for a database of any kind in the file `from`.
pub(in crate::store) fn replace(
    from: &Path,
    target: &Path,
    clock: &dyn Clock,
    stop: &CancellationToken,
    check: &Check<'_>,
) -> Result<RestoreReport, StoreError> {
    if !from.exists() {
        return Err(StoreError::NoBackup(from.to_owned()));
    }
    let lock = FolderLock::take(target, clock.now())?;
    let bad = |e| match e {
        StoreError::BadBackup { problems, .. } => StoreError::BadBackup { path: from.to_owned(), problems },
        StoreError::Corrupt(problem) => StoreError::BadBackup { path: from.to_owned(), problems: vec![problem] },
        e => e,
    };
    let copied = Partial::copy(from, beside(target, ".restoring"), stop).and_then(|copy| Ok((copy.checked(stop, check)?, copy)));
    let (rows, partial) = match copied {
        Ok(sound) => sound,
        Err(e) => return Err(lock.refused(bad(e))),
    };
    let kept = unused(beside(target, &format!(".before-restore-{}", stamp(clock))));
    let had = target.exists();
    // The log belongs to the file by its name, so they move together.
    for part in PARTS {
        let (old, new) = (beside(target, part), beside(&kept, part));
        let Ok(meta) = fs::metadata(&old) else { continue };
        // SQLite makes the index of a log anew, and an empty log says nothing.
        if part == SHARED_INDEX || meta.len() == 0 && !part.is_empty() {
            fs::remove_file(&old).map_err(StoreError::io("cannot remove", &old))?;
        } else {
            fs::rename(&old, &new).map_err(StoreError::io("cannot move the old database to", &new))?;
        }
    }
    partial.finish(target)?;
    lock.release(clock.now())?;
    Ok(RestoreReport { from: from.to_owned(), kept: had.then_some(kept), rows })
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

/// The newest single backup, or the master in the newest of the maintenance job's folders. `dir` may be one of these.
fn newest(dir: &Path) -> Result<PathBuf, StoreError> {
    let entries = fs::read_dir(dir).map_err(StoreError::io("cannot read the folder", dir))?;
    let stamped = |path: PathBuf| {
        let name = path.file_name()?.to_str()?;
        let single = name.strip_prefix(PREFIX).and_then(|n| n.strip_suffix(SUFFIX)).map(str::to_owned);
        let whole = name.strip_prefix(BACKUP_FOLDER).filter(|n| !n.contains('.')).map(str::to_owned);
        match (single, whole) {
            (Some(stamp), _) => Some((stamp, path)),
            (None, Some(stamp)) => Some((stamp, path.join(DATABASE))).filter(|(_, p)| p.exists()),
            (None, None) => None,
        }
    };
    let inside = entries.filter_map(|entry| stamped(entry.ok()?.path()));
    let found = inside.chain(stamped(dir.to_owned())).max().map(|(_, path)| path);
    found.ok_or_else(|| StoreError::NoBackup(dir.join(format!("{PREFIX}*{SUFFIX}"))))
}
