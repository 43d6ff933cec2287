//! One process a data folder: an advisory lock on `market_data.lock`, what that file tells of its holder, and the
//! permissions of what lies beside it.
//!
//! The kernel frees the lock with its process, so it is never stale. The file stays and holds one JSON object, a
//! [`Holder`]: it is how commands find a daemon, and how the next process knows whether the last one ended cleanly.

use std::fmt;
use std::fs::{File, TryLockError};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::store::file::{folder, private_dir, private_file};

/// What a process does with the data folder it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// One command, such as an import.
    #[default]
    Command,
    /// A console with the engine in its own process.
    Console,
    /// A headless engine.
    Daemon,
}

/// The process that holds, or held, a data folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// The engine's boot id; empty while no engine runs.
    pub boot_id: String,
    /// Version of the program.
    pub version: String,
    /// What it does.
    pub role: Role,
    /// When it took the folder, UTC seconds.
    pub started_at: i64,
    /// When it gave the folder back with everything closed, UTC seconds; `None` while it runs and after it was killed.
    pub ended_at: Option<i64>,
    /// Where its control API listens.
    pub socket: Option<PathBuf>,
    /// Port of its control API on 127.0.0.1.
    pub port: Option<u16>,
}

/// As a refusal names it: `process 17, a daemon of version 0.1.0`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.role {
            Role::Command => "a command",
            Role::Console => "a console",
            Role::Daemon => "a daemon",
        };
        write!(f, "process {}, {what} of version {}", self.pid, self.version)
    }
}

impl Holder {
    /// What the lock file beside the database `db` tells. Whether that process is still there is another question:
    /// its socket answers it, or taking the lock.
    pub fn of(db: &Path) -> Option<Self> {
        read(&File::open(lock_file(db)).ok()?)
    }

    /// The process that holds the folder of `db` now. Looks by asking for the lock and letting it go at once, which a held
    /// one does not feel.
    pub fn living(db: &Path) -> Option<Self> {
        let file = File::open(lock_file(db)).ok()?;
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then(|| read(&file)).flatten()
    }

    fn this_process(now: i64) -> Self {
        Self { pid: std::process::id(), version: env!("CARGO_PKG_VERSION").to_owned(), started_at: now, ..Self::default() }
    }
}

/// Holds the data folder; the lock ends when this value is dropped or the process dies.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
    path: PathBuf,
    holder: Holder,
    before: Option<Holder>,
}

impl FolderLock {
    /// Takes the lock beside the database `db`, making its folder if needed. `now`: UTC seconds.
    pub fn take(db: &Path, now: i64) -> Result<Self, StoreError> {
        private_dir(&folder(db))?;
        let path = lock_file(db);
        let file = private_file(&path)?;
        match patiently(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&file, path)),
            Err(TryLockError::Error(e)) => return Err(StoreError::io("cannot lock", &path)(e)),
        }
        let before = read(&file);
        let lock = Self { file, path, holder: Holder::this_process(now), before };
        lock.write()?;
        Ok(lock)
    }

    /// Refuses like [`Self::take`] where another process holds the folder, and leaves everything as it is.
    pub fn check(db: &Path) -> Result<(), StoreError> {
        let path = lock_file(db);
        let Ok(file) = File::open(&path) else { return Ok(()) };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Err(held(&file, path)),
            _ => Ok(()),
        }
    }

    /// Whether the last holder was killed, or could not close everything.
    pub fn after_unclean_end(&self) -> bool {
        self.before.as_ref().is_some_and(|h| h.ended_at.is_none())
    }

    /// Tells others what this process does and where it listens.
    pub(super) fn declare(&mut self, seat: Seat) -> Result<(), StoreError> {
        let Seat { role, boot_id, socket, port } = seat;
        self.holder = Holder { boot_id, role, socket, port, ..self.holder.clone() };
        self.write()
    }

    /// Gives the folder back after everything in it was closed.
    pub fn release(mut self, now: i64) -> Result<(), StoreError> {
        self.holder.ended_at = Some(now);
        self.write()
    }

    /// [`Self::give_back`] for an error that nothing was changed before: a refusal is no unclean end.
    pub(in crate::store) fn refused(self, e: StoreError) -> StoreError {
        if let Err(e) = self.give_back() {
            tracing::warn!(target: "store", error = %e, "The next start looks through the whole database");
        }
        e
    }

    /// Gives the folder back as it was found, because nothing in it was changed.
    pub fn give_back(mut self) -> Result<(), StoreError> {
        match self.before.take() {
            Some(before) => {
                self.holder = before;
                self.write()
            }
            None => self.file.set_len(0).map_err(StoreError::io("cannot write", &self.path)),
        }
    }

    // One write over the old text and then the cut: who reads in between finds a whole object and a rest, never a part.
    fn write(&self) -> Result<(), StoreError> {
        let mut text = serde_json::to_string_pretty(&self.holder).unwrap_or_default();
        text.push('\n');
        let put = || {
            self.file.write_all_at(text.as_bytes(), 0)?;
            self.file.set_len(text.len() as u64)
        };
        put().map_err(StoreError::io("cannot write", &self.path))
    }
}

/// Takes the lock. Who only looks ([`Holder::living`], [`FolderLock::check`]) has it for microseconds, a holder for long.
fn patiently(file: &File) -> Result<(), TryLockError> {
    const PAUSE: Duration = Duration::from_millis(5);
    let mut left = 20_u32;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if left > 0 => left -= 1,
            end => return end,
        }
        std::thread::sleep(PAUSE);
    }
}

/// What a process that runs an engine adds to its [`Holder`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// What it does.
    pub role: Role,
    /// The engine's boot id.
    pub boot_id: String,
    /// Where its control API listens.
    pub socket: Option<PathBuf>,
    /// Port of its control API on 127.0.0.1.
    pub port: Option<u16>,
}

fn held(file: &File, path: PathBuf) -> StoreError {
    let owner = read(file).map_or_else(|| "another process".to_owned(), |h| h.to_string());
    StoreError::Locked { owner, path }
}

fn lock_file(db: &Path) -> PathBuf {
    db.with_extension("lock")
}

/// `None` for an empty file, and for one of an earlier version, which held a number only.
fn read(file: &File) -> Option<Holder> {
    let mut text = [0; 4096];
    let n = file.read_at(&mut text, 0).ok()?;
    serde_json::Deserializer::from_slice(&text[..n]).into_iter().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_tells_who_holds_the_folder_and_how_the_last_holder_ended() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("market_data.db");
        assert_eq!(Holder::of(&db), None);
        let mut first = FolderLock::take(&db, 100).unwrap();
        assert_eq!(Holder::living(&db), Holder::of(&db));
        assert!(!first.after_unclean_end(), "nobody was here before");
        let socket = Some(dir.path().join("a rather long name of a socket.sock"));
        first.declare(Seat { role: Role::Daemon, boot_id: "b-1".into(), socket: socket.clone(), port: Some(8700) }).unwrap();
        let seen = Holder::of(&db).unwrap();
        assert_eq!((seen.pid, seen.started_at, seen.boot_id.as_str(), seen.socket), (std::process::id(), 100, "b-1", socket));
        let refused = FolderLock::take(&db, 101).unwrap_err().to_string();
        assert!(refused.contains(&format!("is held by process {}, a daemon of version", std::process::id())), "{refused}");
        assert_eq!(FolderLock::check(&db).unwrap_err().to_string(), refused);
        drop(first);
        FolderLock::check(&db).unwrap();
        let second = FolderLock::take(&db, 200).unwrap();
        assert!(second.after_unclean_end() && Holder::living(&db).is_some());
        // Shorter than what the daemon wrote.
        assert_eq!(Holder::of(&db).map(|h| (h.role, h.socket)), Some((Role::Command, None)));
        second.release(300).unwrap();
        assert_eq!(Holder::of(&db).unwrap().ended_at, Some(300));
        assert!(!FolderLock::take(&db, 400).unwrap().after_unclean_end());
    }

    #[test]
    fn a_glance_of_a_reader_is_no_holder() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("market_data.db");
        FolderLock::take(&db, 100).unwrap().release(200).unwrap();
        let glance = File::open(lock_file(&db)).unwrap();
        glance.lock_shared().unwrap();
        let goes = std::thread::spawn(move || {
            std::thread::park_timeout(Duration::from_millis(5));
            drop(glance);
        });
        FolderLock::take(&db, 300).unwrap();
        goes.join().unwrap();
    }

    #[test]
    fn a_folder_that_is_given_back_tells_what_it_told_before() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("market_data.db");
        FolderLock::take(&db, 100).unwrap().give_back().unwrap();
        assert_eq!(Holder::of(&db), None);
        FolderLock::take(&db, 200).unwrap().release(300).unwrap();
        FolderLock::take(&db, 400).unwrap().give_back().unwrap();
        assert_eq!(Holder::of(&db).map(|h| (h.started_at, h.ended_at)), Some((200, Some(300))));
        drop(FolderLock::take(&db, 500).unwrap());
        FolderLock::take(&db, 600).unwrap().give_back().unwrap();
        assert!(FolderLock::take(&db, 700).unwrap().after_unclean_end(), "a kill stays a kill");
    }

    #[test]
    fn a_lock_file_of_an_earlier_version_or_of_nobody_is_no_evidence() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("market_data.db");
        for text in ["4711\n", "", "{\"pid\": 1", "\u{0}\u{0}"] {
            std::fs::write(dir.path().join("market_data.lock"), text).unwrap();
            assert_eq!(Holder::of(&db), None, "{text:?}");
            assert!(!FolderLock::take(&db, 1).unwrap().after_unclean_end(), "{text:?}");
        }
    }
}
