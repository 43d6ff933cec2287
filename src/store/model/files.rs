//! Files of models: where they lie, how one is written so that it is whole or not there, and whether it is what was written.
//!
//! What is in them is for `train::registry` to say. Backups and `verify` treat them as bytes with a hash.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use super::ModelFile;
use crate::store::StoreError;
use crate::store::file::private_dir;

/// The largest file that is written or read: eight models of the largest sizes that the rules allow take a tenth of it.
pub const MOST_BYTES: u64 = 1 << 30;
/// What the names of unfinished files end with; they begin with a dot.
const PARTIAL: &str = ".partial";

/// Why the bytes of a file cannot be had. As the end of a sentence that names the file.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// There is none.
    #[error("is not there")]
    Missing,
    /// It is not as long as it was.
    #[error("has {found} bytes, {written} were written")]
    Length {
        /// Now.
        found: u64,
        /// Then.
        written: u64,
    },
    /// It is longer than any file of ours.
    #[error("has {0} bytes, more than any file of models")]
    TooLarge(u64),
    /// Its bytes are not those that were written.
    #[error("is not what was written: its SHA-256 differs")]
    Hash,
    /// The system refused.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// The folder beside a database below which its models lie.
pub const FOLDER: &str = "models";

/// The folder of the models that belong to the database `db`: beside it, below [`FOLDER`], under the database's own name. So
/// copies of a database, and one that was set aside, have their own.
pub fn model_folder(db: &Path) -> PathBuf {
    let name = db.file_name().unwrap_or_default();
    let name = name.to_str().and_then(|n| n.strip_suffix(".db")).map_or(name, OsStr::new);
    db.with_file_name(FOLDER).join(name)
}

/// SHA-256 in lower-case hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(bytes);
    let digits = |b: &u8| [b >> 4, b & 15].map(|d| char::from_digit(u32::from(d), 16).unwrap_or_default());
    hash.finish().as_ref().iter().flat_map(digits).collect()
}

fn write_error(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |e| match e.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull,
        _ => StoreError::io(what, &path)(e),
    }
}

/// Writes the private file `name` into `folder`, in place of one of that name, and makes it durable: after a kill or a power
/// failure there is the old file or the new one, whole. Only one process writes there, the one with the strategy's lock.
pub fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<ModelFile, StoreError> {
    if !folder.exists() {
        private_dir(folder)?;
        // A new folder lasts once the one above it does: that of the run, the strategy, all models.
        for above in folder.ancestors().skip(1).take(3) {
            File::open(above).and_then(|f| f.sync_all()).map_err(write_error("cannot flush the folder", above))?;
        }
    }
    let (partial, path) = (folder.join(format!(".{name}{PARTIAL}")), folder.join(name));
    let written = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, &path)?;
        File::open(folder)?.sync_all()
    };
    if let Err(e) = written() {
        // A part that stays behind is tidied later; the failure that led here is what must be told.
        let _ = fs::remove_file(&partial);
        return Err(write_error("cannot write", &path)(e));
    }
    Ok(ModelFile { file: name.to_owned(), sha256: sha256(bytes), bytes: bytes.len() as u64 })
}

/// The bytes of a file, at most `most` of them: memory is taken only for a file that is no larger.
pub fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, FileFault> {
    let file = File::open(path).map_err(|e| if e.kind() == ErrorKind::NotFound { FileFault::Missing } else { e.into() })?;
    let long = file.metadata()?.len();
    if long > most.min(MOST_BYTES) {
        return Err(FileFault::TooLarge(long));
    }
    let mut bytes = Vec::with_capacity(long as usize);
    file.take(long).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The bytes of a registered file in `folder`, which are those that were written.
pub fn read_checked(folder: &Path, of: &ModelFile) -> Result<Vec<u8>, FileFault> {
    let path = folder.join(&of.file);
    let found = fs::metadata(&path).map_err(|e| if e.kind() == ErrorKind::NotFound { FileFault::Missing } else { e.into() })?.len();
    if found != of.bytes {
        return Err(FileFault::Length { found, written: of.bytes });
    }
    let bytes = read_bounded(&path, of.bytes)?;
    if sha256(&bytes) == of.sha256 { Ok(bytes) } else { Err(FileFault::Hash) }
}

/// Whether a name is one of an unfinished file.
pub fn is_partial(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(PARTIAL)
}
