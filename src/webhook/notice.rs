//! What an alert says, and the JSON it is sent as.

use std::path::Path;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A run failed and no attempt is left.
    RunFailed,
    /// A run took longer than it may.
    RunTimedOut,
    /// A run's process died.
    RunLost,
    /// A job has not succeeded by its deadline.
    RunLate,
    /// A job's ticks pass without a run.
    JobPaused,
    /// Something else needs a person for longer than a minute.
    Alert,
    /// A person tries the way.
    Test,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub event: Event,
    /// When, UTC seconds.
    pub at: i64,
    /// The run it is about.
    pub run: Option<i64>,
    /// A sentence.
    pub text: String,
}

/// Which desk it comes from.
pub(super) struct Origin {
    host: String,
    data_folder: String,
    demo: bool,
}

impl Origin {
    pub fn new(data_dir: &Path, demo: bool) -> Self {
        let whole = std::fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
        let data_folder = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { host: rustix::system::uname().nodename().to_string_lossy().into_owned(), data_folder, demo }
    }

    pub fn letter<'a>(&'a self, notice: &'a Notice) -> Letter<'a> {
        let at = DateTime::from_timestamp(notice.at, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true);
        let Self { host, data_folder, demo } = self;
        Letter { event: notice.event, at, host, data_folder, run: notice.run, text: &notice.text, demo: *demo }
    }
}

/// The body of the request.
#[derive(Serialize)]
pub(super) struct Letter<'a> {
    event: Event,
    at: String,
    host: &'a str,
    data_folder: &'a str,
    run: Option<i64>,
    text: &'a str,
    demo: bool,
}
