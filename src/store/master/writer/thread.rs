//! The writer thread: group commit.
//!
//! Queued commands run in one transaction, each in a savepoint, and are acknowledged together once the transaction
//! is on disk: an acknowledgement means durable. A command that fails is rolled back alone. When SQLite had to roll
//! the whole transaction back (disk full), the commands run again one by one, so that each gets its own answer.

use std::collections::VecDeque;

use tokio::sync::{mpsc, oneshot};

use super::guard::Guard;
use super::ledger::Ledger;
use crate::store::master::StoreError;
use crate::store::master::lock::{FolderLock, Seat};

/// At most this many commands, or about this many rows, share a transaction: large enough that the disk flush is
/// small beside the work, small enough that the first command does not wait long for its acknowledgement.
const GROUP_COMMANDS: usize = 64;
const GROUP_ROWS: usize = 20_000;

type Ack<T> = oneshot::Sender<Result<T, StoreError>>;

/// What handles send.
pub(super) enum Message {
    /// Runs inside a transaction.
    Work(Box<dyn Task>),
    /// Empties the write-ahead log.
    Checkpoint(Ack<()>),
    /// Tells others what this process does.
    Declare(Seat, Ack<()>),
    /// Asks for a sign of life.
    Pulse(Ack<()>),
    /// The pages were looked through.
    Checked(Result<(), StoreError>),
    /// Ends the thread.
    Close(Ack<()>),
}

impl Message {
    /// Answers that the file must not be written.
    pub fn refuse(self, no: impl Fn() -> StoreError) {
        match self {
            Self::Work(task) => task.settle(Err(no())),
            Self::Checkpoint(ack) | Self::Declare(_, ack) | Self::Pulse(ack) | Self::Close(ack) => drop(ack.send(Err(no()))),
            Self::Checked(_) => {}
        }
    }
}

/// A command whose result type is hidden.
pub(super) trait Task: Send {
    /// Its share of the group's rows.
    fn rows(&self) -> usize;
    /// Does the work. It is done again when its transaction was rolled back.
    fn apply(&mut self, ledger: &mut Ledger) -> Result<(), StoreError>;
    /// Tells the caller.
    fn settle(self: Box<Self>, end: Result<(), StoreError>);
}

/// A closure over the ledger, and the way back to the caller.
pub(super) struct Job<T, F> {
    rows: usize,
    work: F,
    value: Option<T>,
    ack: Ack<T>,
}

impl<T, F> Job<T, F> {
    pub fn new(rows: usize, work: F, ack: Ack<T>) -> Self {
        Self { rows, work, value: None, ack }
    }
}

impl<T: Send, F: FnMut(&mut Ledger) -> Result<T, StoreError> + Send> Task for Job<T, F> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn apply(&mut self, ledger: &mut Ledger) -> Result<(), StoreError> {
        self.value = Some((self.work)(ledger)?);
        Ok(())
    }

    fn settle(self: Box<Self>, end: Result<(), StoreError>) {
        let Self { value, ack, .. } = *self;
        // A caller that went away has no use for the answer; the rows are stored all the same.
        let _ = ack.send(end.and_then(|()| value.ok_or(StoreError::WriterGone)));
    }
}

/// The body of the thread; returns when told to close, or when the last handle is gone. Writes pass the guard.
pub(super) fn run(mut ledger: Ledger, mut lock: FolderLock, mut commands: mpsc::Receiver<Message>, mut guard: Guard) {
    let mut held = VecDeque::new();
    let mut next = commands.blocking_recv();
    let closing = loop {
        match next.take() {
            None => break None,
            Some(Message::Close(ack)) => break Some(ack),
            Some(Message::Checked(end)) => {
                held = guard.checked(end);
                if guard.is_open() {
                    ledger.checkpoint_on_close();
                }
            }
            Some(Message::Declare(seat, ack)) => {
                let _ = ack.send(lock.declare(seat));
            }
            Some(Message::Pulse(ack)) => drop(ack.send(Ok(()))),
            Some(write) => match guard.pass(write) {
                Some(Message::Checkpoint(ack)) => drop(ack.send(ledger.checkpoint())),
                // What was held back came before what is queued, and is done one by one.
                Some(Message::Work(task)) if !held.is_empty() => commit(&mut ledger, vec![task]),
                Some(Message::Work(first)) => {
                    let (tasks, rest) = gather(first, &mut commands);
                    commit(&mut ledger, tasks);
                    next = rest;
                }
                _ => {}
            },
        }
        if next.is_none() {
            next = held.pop_front().or_else(|| commands.blocking_recv());
        }
    };
    let now = ledger.now();
    // Only a database that was checked and closed well lets the next process skip its check.
    let end = if guard.is_open() {
        ledger.close().and_then(|()| lock.release(now))
    } else {
        drop(guard);
        ledger.leave().inspect(|()| drop(lock))
    };
    // Closing the channel before the answer: who sees the answer also sees the writer gone.
    drop(commands);
    match closing {
        Some(ack) => drop(ack.send(end)),
        None => {
            if let Err(e) = end {
                tracing::error!(target: "store", error = %e, "The database did not close cleanly");
            }
        }
    }
}

/// Takes what is queued behind `first`, up to the size of a group; gives back a message of another kind that ended it.
fn gather(first: Box<dyn Task>, commands: &mut mpsc::Receiver<Message>) -> (Vec<Box<dyn Task>>, Option<Message>) {
    let mut rows = first.rows();
    let mut tasks = vec![first];
    while tasks.len() < GROUP_COMMANDS && rows < GROUP_ROWS {
        match commands.try_recv() {
            Ok(Message::Work(task)) => {
                rows += task.rows();
                tasks.push(task);
            }
            Ok(other) => return (tasks, Some(other)),
            Err(_) => break,
        }
    }
    (tasks, None)
}

fn commit(ledger: &mut Ledger, mut tasks: Vec<Box<dyn Task>>) {
    let ends = match together(ledger, &mut tasks) {
        Ok(ends) => ends,
        Err(e) if tasks.len() == 1 => vec![Err(e)],
        Err(e) => {
            tracing::warn!(target: "store", commands = tasks.len(), error = %e, "Transaction rolled back, its commands run one by one");
            tasks.iter_mut().map(|t| together(ledger, std::slice::from_mut(t)).and_then(|mut ends| ends.pop().unwrap_or(Ok(())))).collect()
        }
    };
    for (task, end) in tasks.into_iter().zip(ends) {
        if let Err(e) = &end {
            tracing::warn!(target: "store", error = %e, "Write refused");
        }
        task.settle(end);
    }
}

/// Runs the tasks in one transaction. `Err` means that nothing of it was stored; otherwise each task has its own end.
fn together(ledger: &mut Ledger, tasks: &mut [Box<dyn Task>]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let ends = attempt(ledger, tasks);
    if ends.is_err() {
        ledger.abandon();
    }
    ends
}

fn attempt(ledger: &mut Ledger, tasks: &mut [Box<dyn Task>]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    ledger.sql("BEGIN IMMEDIATE")?;
    let mut ends = Vec::with_capacity(tasks.len());
    for task in tasks {
        ledger.sql("SAVEPOINT task")?;
        let end = task.apply(ledger);
        if let Err(e) = end {
            if ledger.rolled_back() {
                return Err(e);
            }
            ledger.sql("ROLLBACK TO task")?;
            ledger.forget();
            ends.push(Err(e));
        } else {
            ends.push(Ok(()));
        }
        ledger.sql("RELEASE task")?;
    }
    ledger.sql("COMMIT")?;
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(rows: usize) -> Box<dyn Task> {
        let (ack, _) = oneshot::channel();
        Box::new(Job::new(rows, |_: &mut Ledger| Ok(()), ack))
    }

    #[test]
    fn a_group_ends_at_its_limits_and_before_other_messages() {
        let (send, mut queue) = mpsc::channel(256);
        let fill = |rows: usize, n: usize| (0..n).for_each(|_| assert!(send.try_send(Message::Work(work(rows))).is_ok()));
        fill(1, 100);
        assert_eq!(gather(work(1), &mut queue).0.len(), GROUP_COMMANDS);
        assert_eq!(gather(work(GROUP_ROWS), &mut queue).0.len(), 1);
        fill(8_000, 5);
        // 37 single rows are left, then three times 8,000 pass the limit.
        assert_eq!(gather(work(1), &mut queue).0.len(), 1 + 37 + 3);
        assert!(send.try_send(Message::Close(oneshot::channel().0)).is_ok());
        let (group, rest) = gather(work(1), &mut queue);
        assert!(group.len() == 3 && matches!(rest, Some(Message::Close(_))));
    }
}
