//! Readers for async callers: each call borrows one on a blocking thread, and readers are reused.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinError;

use super::{Reader, StoreError};

/// A pool of read-only connections to one master database.
#[derive(Clone)]
pub struct ReadPool {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Reader>>>,
}

impl ReadPool {
    /// A pool for the database at `path`; connections are opened on demand.
    pub fn new(path: &Path) -> Self {
        Self { path: Arc::new(path.to_owned()), idle: Arc::default() }
    }

    /// The folder of the database, where those of the strategies are too.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new("."))
    }

    /// Runs `question` with a reader on a blocking thread.
    pub async fn with<R, F>(&self, question: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: FnOnce(&Reader) -> Result<R, StoreError> + Send + 'static,
    {
        let pool = self.clone();
        let asked = tokio::task::spawn_blocking(move || pool.ask(question));
        asked.await.unwrap_or_else(|lost| Err(end_of(lost)))
    }

    /// Runs `question` with a reader on this thread.
    pub fn ask<R>(&self, question: impl FnOnce(&Reader) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let reader = match self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            Some(reader) => reader,
            None => Reader::open(&self.path)?,
        };
        let answer = question(&reader);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        answer
    }
}

/// What became of a read that gave no answer: it panicked, or the runtime went down before it began.
fn end_of(lost: JoinError) -> StoreError {
    let Ok(panic) = lost.try_into_panic() else { return StoreError::ReadAbandoned };
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    StoreError::ReadPanicked(text.unwrap_or("no reason given").to_owned())
}
