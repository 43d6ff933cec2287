//! How a command ends, and the report when it ends badly.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::ConfigErrors;
use crate::export::ExportError;
use crate::sources::file::FileError;
use crate::store::master::StoreError;

/// The exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Done,
    /// It failed.
    Failed,
    /// Wrong arguments or configuration; nothing was tried.
    Usage,
    /// Done, but parts failed.
    Partial,
    /// Stopped by the user.
    Interrupted,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command failed, for people.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Said {
        exit: Exit,
        what: String,
        next: Option<String>,
    },
    Config(ConfigErrors),
    /// The reader of our output has gone away; there is nobody to tell.
    ClosedPipe,
}

impl Failure {
    /// It failed: what and what that means, one or two sentences.
    pub fn new(what: impl Into<String>) -> Self {
        Self { kind: Kind::Said { exit: Exit::Failed, what: what.into(), next: None } }
    }

    /// The arguments make no sense together.
    pub fn usage(what: impl Into<String>) -> Self {
        Self { kind: Kind::Said { exit: Exit::Usage, what: what.into(), next: None } }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn next(mut self, advice: impl Into<String>) -> Self {
        if let Kind::Said { next, .. } = &mut self.kind {
            *next = Some(advice.into());
        }
        self
    }

    /// Prints the report on standard error and, for a `--json` command, an object with `error` on standard output.
    pub(super) fn report(&self, json: bool, color: bool) -> Exit {
        let (exit, what, next) = match &self.kind {
            Kind::ClosedPipe => return Exit::Done,
            Kind::Config(e) => (Exit::Usage, e.render(false), None),
            Kind::Said { exit, what, next } => (*exit, what.clone(), next.clone()),
        };
        let text = match (&self.kind, &next) {
            (Kind::Config(e), _) => e.render(color),
            (_, None) => format!("error: {what}"),
            (_, Some(next)) => format!("error: {what}\n  next: {next}"),
        };
        // When neither stream takes the report, the exit status is all that is left.
        drop(writeln!(io::stderr(), "{text}"));
        if json {
            drop(writeln!(io::stdout(), "{}", serde_json::json!({ "ok": false, "error": what, "next": next })));
        }
        exit
    }
}

/// What happened, without the advice: for the log.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Said { what, .. } => f.write_str(what),
            Kind::Config(e) => e.fmt(f),
            Kind::ClosedPipe => f.write_str("the reader of the output has gone away"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::BrokenPipe => Self { kind: Kind::ClosedPipe },
            _ => Self::new(e.to_string()),
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(e: ConfigErrors) -> Self {
        Self { kind: Kind::Config(e) }
    }
}

impl From<FileError> for Failure {
    fn from(e: FileError) -> Self {
        Self::new(e.to_string()).next(e.advice())
    }
}

impl From<StoreError> for Failure {
    /// The store's messages say themselves what to do next.
    fn from(e: StoreError) -> Self {
        let failure = Self::new(e.to_string());
        match e {
            StoreError::Locked { .. } => {
                failure.next("see what it does: `nightdesk status`; `nightdesk` attaches to a daemon or a console")
            }
            _ => failure,
        }
    }
}

impl From<ExportError> for Failure {
    fn from(e: ExportError) -> Self {
        if e.is_broken_pipe() {
            Self { kind: Kind::ClosedPipe }
        } else {
            Self::new(e.to_string()).next("check the folder, its permissions and the free space")
        }
    }
}
