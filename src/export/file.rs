//! Output files that appear whole or not at all.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Writing failed.
    #[error("the export could not be written: {0}")]
    Write(#[from] io::Error),
    /// A file could not be made.
    #[error("{} could not be written: {source}", path.display())]
    File {
        /// The file asked for.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The Parquet writer refused.
    #[error("the Parquet file could not be written: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
}

impl ExportError {
    /// Whether the reader of a pipe has gone away, which is no failure.
    pub fn is_broken_pipe(&self) -> bool {
        match self {
            Self::Write(e) | Self::File { source: e, .. } => e.kind() == io::ErrorKind::BrokenPipe,
            Self::Parquet(::parquet::errors::ParquetError::External(e)) => {
                e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
            }
            Self::Parquet(_) => false,
        }
    }
}

/// A file written beside its final name and moved there by [`AtomicFile::commit`]; dropped before, it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    committed: bool,
}

impl AtomicFile {
    /// Begins a file, readable by the user only. Its name until then cannot be foreseen and must be new, so that nobody who
    /// may write to the folder can have put a link there.
    pub fn create(path: &Path) -> Result<Self, ExportError> {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let partial = path.with_file_name(format!(".{name}.{:016x}.partial", RandomState::new().hash_one(std::process::id())));
        let failed = |source| ExportError::File { path: path.to_owned(), source };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(failed)?;
        Ok(Self { file, partial, path: path.to_owned(), committed: false })
    }

    /// Makes the content durable and gives the file its name.
    pub fn commit(mut self) -> Result<(), ExportError> {
        let done = self.file.sync_all().and_then(|()| std::fs::rename(&self.partial, &self.path));
        done.map_err(|source| ExportError::File { path: self.path.clone(), source })?;
        self.committed = true;
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.file.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing can be done about a file that cannot be removed; its name says what it is.
            drop(std::fs::remove_file(&self.partial));
        }
    }
}
