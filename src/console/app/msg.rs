//! What comes into the console and what goes out of it, all as plain values that tests can compare.

use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};

use crate::console::Exit;
use crate::control::LinkView;
use crate::engine::{Ack, Command, LogRecord, Query, Reply, Snapshot};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse was used.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize,
    /// The terminal got or lost the focus.
    Focus(bool),
    /// A newer snapshot.
    Snapshot(Arc<Snapshot>),
    /// The way to the engine.
    Link(LinkView),
    /// Records newer than those read before, and how many the ring has dropped.
    Logs(Vec<LogRecord>, u64),
    /// The answer to a question.
    Answer {
        /// Which page asked.
        slot: Slot,
        /// The question's number; answers to older questions are thrown away.
        generation: u64,
        /// The answer, or why there is none.
        result: Result<Reply, String>,
    },
    /// A command was accepted or refused.
    Acked {
        /// The command, in a few words.
        what: String,
        /// Where it leads, or why not.
        result: Result<Ack, String>,
    },
    /// A file was written, or not.
    Exported(Result<PathBuf, String>),
    /// The wall time, UTC milliseconds.
    Clock(i64),
    /// Time for the spinner's next step.
    Spin,
}

/// Who waits for an answer. Each has one question at most under way and one waiting: the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The series page.
    Series,
    /// The plan form.
    Plan,
    /// The data-quality page.
    Issues,
    /// The run history: what the market's store knows.
    Runs,
    /// The run history: what the scheduler's store knows.
    JobRuns,
    /// A run's page.
    Run,
    /// A job's page.
    Job,
    /// The list of features.
    Features,
    /// A feature's page.
    Feature,
    /// A training run's page.
    Training,
    /// The list of models.
    Models,
    /// The model selected in it.
    Model,
    /// The list of drift.
    Drift,
    /// A subject's page.
    Subject,
    /// The signals page.
    Signals,
    /// A signal's page.
    Signal,
    /// The sectors page.
    Sectors,
}

/// Something to do outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a command; the text names it in messages.
    Send(Command, String),
    /// Ask a question.
    Query {
        /// For whom.
        slot: Slot,
        /// Its number.
        generation: u64,
        /// The question.
        query: Query,
    },
    /// Read log records after this position.
    ReadLogs(u64),
    /// Put a text on the clipboard.
    Copy(String),
    /// Write a file.
    Export(Export),
    /// Tell the user who looks elsewhere.
    Notify(String),
    /// Capture the mouse, or stop.
    Mouse(bool),
    /// Suspend the process.
    Suspend,
    /// Leave.
    Leave(Exit),
}

/// A table on its way to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// File name without folder, `.csv` included.
    pub name: String,
    /// Content.
    pub text: String,
}
