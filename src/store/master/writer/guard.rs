//! What keeps a file that may be damaged from being written: after an unclean end its pages are looked through on a
//! read-only connection beside the writer thread, which holds all writes back until it knows.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
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
    /// It must not: what is answered, and why.
    Shut(fn(String) -> StoreError, String),
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
            Self::Shut(answer, why) => {
                message.refuse(|| answer(why.clone()));
                None
            }
        }
    }

    /// Takes the end of the check and gives what waited for it.
    pub fn checked(&mut self, end: Result<(), StoreError>) -> VecDeque<Message> {
        let next = match &end {
            Ok(()) => Self::Open,
            Err(StoreError::Corrupt(why)) => Self::Shut(StoreError::Corrupt, why.clone()),
            Err(StoreError::Unchecked(why)) => Self::Shut(StoreError::Unchecked, why.clone()),
            Err(e) => Self::Shut(StoreError::Unchecked, e.to_string()),
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
            // The writer waits for an end, and a bug is one too.
            let end = catch_unwind(AssertUnwindSafe(|| look(&file, &*clock, &heeded)))
                .unwrap_or_else(|_| Err(StoreError::Unchecked("the check broke off, which is a bug: report it with the log".to_owned())));
            if let Some(queue) = queue.upgrade() {
                // A writer that has ended needs no answer.
                let _ = queue.blocking_send(Message::Checked(end));
            }
        })
        .map_err(StoreError::io("cannot start the check of", path))?;
    Ok((Guard::Checking { held: VecDeque::new(), _stop: stop.drop_guard(), told }, Some(check)))
}

fn look(path: &Path, clock: &dyn Clock, stop: &CancellationToken) -> Result<(), StoreError> {
    let began = clock.mono();
    let end = sound(path, stop).map_err(|e| match e {
        StoreError::Corrupt(_) | StoreError::Stopped => e,
        other => StoreError::Unchecked(other.to_string()),
    });
    let ms = clock.mono().saturating_sub(began).as_millis() as u64;
    match &end {
        Ok(()) => tracing::info!(target: "store", ms, "The last process did not end cleanly; the database was checked and is sound"),
        Err(StoreError::Stopped) => {}
        Err(e) => tracing::error!(target: "store", ms, error = %e, "The last process did not end cleanly; nothing is written"),
    }
    end
}

fn sound(path: &Path, stop: &CancellationToken) -> Result<(), StoreError> {
    match check_pages(path, stop)?.problems.first() {
        Some(problem) => Err(StoreError::Corrupt(format!("{}: {problem}", path.display()))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::market::SystemClock;

    /// A clock with a bug.
    struct Broken;

    impl Clock for Broken {
        fn now_ms(&self) -> i64 {
            0
        }

        fn mono(&self) -> Duration {
            panic!("no time")
        }
    }

    fn end_of(path: &Path, clock: Arc<dyn Clock>) -> (Guard, Result<(), StoreError>) {
        let (queue, mut messages) = mpsc::channel(1);
        let (mut guard, told) = check(path, clock, queue.downgrade()).unwrap();
        let Some(Message::Checked(end)) = messages.blocking_recv() else { panic!("no end of the check") };
        assert!(guard.checked(end).is_empty());
        (guard, told.unwrap().blocking_recv().unwrap())
    }

    #[test]
    fn a_check_that_breaks_off_or_cannot_be_made_is_an_end_and_is_not_told_as_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("market_data.db");
        for clock in [Arc::new(Broken) as Arc<dyn Clock>, SystemClock::shared()] {
            let (mut guard, end) = end_of(&path, clock);
            assert!(matches!(end, Err(StoreError::Unchecked(_))), "{end:?}");
            let (ack, mut answer) = oneshot::channel();
            assert!(!guard.is_open() && guard.pass(Message::Checkpoint(ack)).is_none());
            let refused = answer.try_recv().unwrap().unwrap_err().to_string();
            assert_eq!(refused, end.unwrap_err().to_string());
            assert!(!refused.contains("is damaged") && !refused.contains("restore"), "{refused}");
        }
    }
}
