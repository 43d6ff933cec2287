//! The thread that owns the only read-write connection.
//!
//! Calls that wait together share one transaction, and so one disk flush; each is answered when it is durable.

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::SchedulerDbError;

/// At most this many calls share a transaction, so that the first does not wait long.
const GROUP: usize = 64;

/// What handles send.
pub(super) enum Message {
    /// A call.
    Work(Work),
    /// Ends the thread; answered when the file is closed.
    Close(oneshot::Sender<Result<(), SchedulerDbError>>),
}

/// A call: it is given the connection, or why there is no transaction.
pub(super) type Work = Box<dyn FnOnce(Result<&Connection, SchedulerDbError>) -> Done + Send>;

/// A call that was made and waits for its transaction to end.
pub(super) struct Done {
    failed: Option<SchedulerDbError>,
    settle: Box<dyn FnOnce(Result<(), SchedulerDbError>) + Send>,
}

/// Wraps a question or a change for the queue.
pub(super) fn work<T, F>(call: F, answer: oneshot::Sender<Result<T, SchedulerDbError>>) -> Message
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, SchedulerDbError> + Send + 'static,
{
    Message::Work(Box::new(move |conn| {
        let end = conn.and_then(call);
        let failed = end.as_ref().err().cloned();
        // A caller that went away has no use for the answer; its change is stored all the same.
        let settle = Box::new(move |commit: Result<(), SchedulerDbError>| drop(answer.send(end.and_then(|v| commit.map(|()| v)))));
        Done { failed, settle }
    }))
}

/// The body of the thread; returns when told to close, or when the last handle is gone.
pub(super) fn run(conn: Connection, mut queue: mpsc::Receiver<Message>) {
    let closing = loop {
        let Some(first) = queue.blocking_recv() else { break None };
        let mut group = Vec::new();
        let mut next = Some(first);
        let close = loop {
            match next {
                Some(Message::Work(work)) => group.push(work),
                Some(Message::Close(answer)) => break Some(answer),
                None => break None,
            }
            next = if group.len() < GROUP { queue.try_recv().ok() } else { None };
        };
        commit(&conn, group);
        if close.is_some() {
            break close;
        }
    };
    let end = close(conn);
    // Closing the channel before the answer: who sees the answer also sees the database gone.
    drop(queue);
    match (closing, end) {
        (Some(answer), end) => drop(answer.send(end)),
        (None, Err(e)) => tracing::error!(target: "store", error = %e, "The scheduler database did not close cleanly"),
        (None, Ok(())) => {}
    }
}

/// Moves the write-ahead log into the database and closes it. The emptied log files stay for readers.
fn close(conn: Connection) -> Result<(), SchedulerDbError> {
    let emptied = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    conn.close().map_err(|(_, e)| e)?;
    Ok(emptied?)
}

fn commit(conn: &Connection, group: Vec<Work>) {
    if group.is_empty() {
        return;
    }
    let sql = |text: &str| conn.execute_batch(text).map_err(SchedulerDbError::from);
    let mut state = sql("BEGIN IMMEDIATE");
    let mut made = Vec::with_capacity(group.len());
    for work in group {
        state = state.and_then(|()| sql("SAVEPOINT work"));
        let done = work(state.clone().map(|()| conn));
        if state.is_ok() {
            state = match &done.failed {
                None => sql("RELEASE work"),
                // SQLite gave up the whole transaction, not this call alone.
                Some(e) if conn.is_autocommit() => Err(e.clone()),
                Some(_) => sql("ROLLBACK TO work; RELEASE work"),
            };
        }
        made.push(done);
    }
    state = state.and_then(|()| sql("COMMIT"));
    if let Err(e) = &state {
        tracing::warn!(target: "store", error = %e, calls = made.len(), "Scheduler transaction rolled back");
        if !conn.is_autocommit() {
            // Nothing is lost by a failure here: the next BEGIN reports it.
            let _ = sql("ROLLBACK");
        }
    }
    for done in made {
        (done.settle)(state.clone());
    }
}
