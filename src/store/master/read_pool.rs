//! Readers for async callers: each call borrows one on a blocking thread, and readers are reused.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

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

    /// Runs `question` with a reader on a blocking thread.
    pub async fn with<R, F>(&self, question: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: FnOnce(&Reader) -> Result<R, StoreError> + Send + 'static,
    {
        let pool = self.clone();
        let asked = tokio::task::spawn_blocking(move || pool.ask(question));
        // The closure is a read: when it is lost to a shutdown, the caller learns that the store is gone.
        asked.await.unwrap_or(Err(StoreError::WriterGone))
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
