//! What keeps a file that may be damaged from being written: after an unclean end its pages are looked through on a
//! read-only connection beside the writer thread, which holds all writes back until it knows.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::thread::Message;
use crate::market::Clock;
use crate::store::master::{StoreError, check_pages};

/// Comes to an end when the writer knows whether it may write; an error when the writer ended before.
pub type PageCheck = oneshot::Receiver<Result<(), StoreError>>;

/// Whether the writer may write.
#[derive(Default)]
pub(super) enum Guard {
    /// It may.
    #[default]
    Open,
    /// It will know; what it is asked to do waits. Each caller waits for its answer, which bounds their number.
    Checking {
        held: VecDeque<Message>,
        /// Ends the check with the writer.
        _stop: DropGuard,
        told: oneshot::Sender<Result<(), StoreError>>,
    },
    /// It must not, and why.
    Shut(String),
}

impl Guard {
    /// Lets a message pass that may be carried out now.
    pub fn pass(&mut self, message: Message) -> Option<Message> {
        match self {
            Self::Open => Some(message),
            Self::Checking { held, .. } => {
                held.push_back(message);
                None
            }
            Self::Shut(why) => {
                message.refuse(why);
                None
            }
        }
    }

    /// Takes the end of the check and gives what waited for it.
    pub fn checked(&mut self, end: Result<(), StoreError>) -> VecDeque<Message> {
        let next = match &end {
            Ok(()) => Self::Open,
            Err(StoreError::Corrupt(why)) => Self::Shut(why.clone()),
            Err(e) => Self::Shut(e.to_string()),
        };
        let Self::Checking { held, told, .. } = std::mem::replace(self, next) else { return VecDeque::new() };
        // Whoever opened the database may have gone.
        let _ = told.send(end);
        held
    }

    /// Whether the file may be written to, at the end too.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}

/// Starts the look through the pages of `path`; its end goes to the writer's queue.
pub(super) fn check(
    path: &Path,
    clock: Arc<dyn Clock>,
    queue: mpsc::WeakSender<Message>,
) -> Result<(Guard, Option<PageCheck>), StoreError> {
    let (stop, (told, check)) = (CancellationToken::new(), oneshot::channel());
    let (file, heeded) = (path.to_owned(), stop.clone());
    std::thread::Builder::new()
        .name("nightdesk-check".to_owned())
        .spawn(move || {
            let began = clock.mono();
            let end = sound(&file, &heeded);
            let ms = clock.mono().saturating_sub(began).as_millis() as u64;
            match &end {
                Ok(()) => {
                    tracing::info!(target: "store", ms, "The last process did not end cleanly; the database was checked and is sound");
                }
                Err(StoreError::Stopped) => {}
                Err(e) => tracing::error!(target: "store", ms, error = %e, "The last process did not end cleanly; nothing is written"),
            }
            if let Some(queue) = queue.upgrade() {
                // A writer that has ended needs no answer.
                let _ = queue.blocking_send(Message::Checked(end));
            }
        })
        .map_err(StoreError::io("cannot start the check of", path))?;
    Ok((Guard::Checking { held: VecDeque::new(), _stop: stop.drop_guard(), told }, Some(check)))
}

fn sound(path: &Path, stop: &CancellationToken) -> Result<(), StoreError> {
    match check_pages(path, stop)?.problems.first() {
        Some(problem) => Err(StoreError::Corrupt(format!("{}: {problem}", path.display()))),
        None => Ok(()),
    }
}
