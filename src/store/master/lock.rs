//! One process a data folder: an advisory lock on `market_data.lock`, and the permissions of what lies beside it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Holds the data folder; the lock ends when this value is dropped or the process dies.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock beside the database `db`, making its folder if needed.
    pub fn take(db: &Path) -> Result<Self, StoreError> {
        private_dir(&folder(db))?;
        let path = db.with_extension("lock");
        let mut file = private_file(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked { owner: owner(&mut file), path }),
            Err(TryLockError::Error(e)) => return Err(StoreError::io("cannot lock", &path)(e)),
        }
        let stamp = |f: &mut File| {
            f.set_len(0)?;
            f.rewind()?;
            writeln!(f, "{}", std::process::id())
        };
        stamp(&mut file).map_err(StoreError::io("cannot write", &path))?;
        Ok(Self { _file: file })
    }
}

fn owner(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        _ => "another process".to_owned(),
    }
}

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
