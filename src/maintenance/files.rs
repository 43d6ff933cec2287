//! Files that are whole or not there: private modes, flushed before they get their names, removed when unfinished.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Fault;

/// What the names of unfinished files and folders end with.
pub(super) const PARTIAL: &str = ".partial";

/// Makes a folder, and those above it, readable by the user only.
pub(super) fn private_dir(path: &Path) -> Result<(), Fault> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Fault::io("make the folder", path))
}

/// A new file with the permission bits `mode`; it must not exist.
pub(super) fn new_file(path: &Path, mode: u32) -> Result<File, Fault> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(Fault::io("make the file", path))
}

/// Writes a small private file and flushes it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let mut file = new_file(path, 0o600)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Fault::io("write", path))
}

/// Gives a finished file or folder its name, and makes the name durable.
pub(super) fn put_in_place(from: &Path, to: &Path) -> Result<(), Fault> {
    fs::rename(from, to).map_err(Fault::io("move the finished", from))?;
    to.parent().map_or(Ok(()), flush_dir)
}

/// Makes the names in a folder durable.
pub(super) fn flush_dir(dir: &Path) -> Result<(), Fault> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(Fault::io("flush the folder", dir))
}

/// Names in a folder; none when it does not exist.
pub(super) fn names(dir: &Path) -> Result<Vec<String>, Fault> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Fault::io("read the folder", dir)(e)),
    };
    Ok(entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect())
}

/// Bytes of a file; 0 when it does not exist.
pub(super) fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |m| m.len())
}

/// Bytes of all files in a folder and the folders in it.
pub(super) fn bytes_below(dir: &Path) -> Result<u64, Fault> {
    let mut bytes = 0;
    for name in names(dir)? {
        let path = dir.join(name);
        bytes += if path.is_dir() { bytes_below(&path)? } else { size(&path) };
    }
    Ok(bytes)
}

/// Refuses to write `need` bytes where fewer than `floor` would stay free.
pub(super) fn room(dir: &Path, need: u64, floor: u64) -> Result<u64, Fault> {
    let fs = rustix::fs::statvfs(dir).map_err(|e| Fault::io("read the free space of", dir)(e.into()))?;
    let free = fs.f_bavail * fs.f_frsize;
    if free >= need.saturating_add(floor) { Ok(free) } else { Err(Fault::NoSpace { dir: dir.to_owned(), free, need, floor }) }
}

/// A folder that is removed unless it got its name.
pub(super) struct Unfinished(PathBuf);

impl Unfinished {
    /// Makes the private folder `path` anew.
    pub fn make(path: PathBuf) -> Result<Self, Fault> {
        private_dir(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the folder got its name there is nothing left to remove; any other failure here would hide the one
        // that led here, and the next run tries again.
        let _ = fs::remove_dir_all(&self.0);
    }
}
