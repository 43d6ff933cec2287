//! What was asked of the simulator, for assertions and for `nightdesk sim` to print.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::hold;
use super::http::Request;

/// Entries kept.
const KEPT: usize = 10_000;

/// One request with the status it was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The simulator's wall time, milliseconds.
    pub at_ms: i64,
    /// `GET`, `POST`.
    pub method: String,
    /// Host asked for.
    pub host: String,
    /// Path and query as sent.
    pub target: String,
    /// Decoded path.
    pub path: String,
    /// Whether a cookie came with it.
    pub cookie: bool,
    /// Status of the answer.
    pub status: u16,
}

#[derive(Default)]
pub(super) struct Journal {
    entries: Mutex<VecDeque<Entry>>,
}

impl Journal {
    pub(super) fn note(&self, at_ms: i64, request: &Request, status: u16) {
        let entry = Entry {
            at_ms,
            method: request.method.clone(),
            host: request.host().to_owned(),
            target: request.target.clone(),
            path: request.path.clone(),
            cookie: request.header("cookie").is_some(),
            status,
        };
        let mut entries = hold(&self.entries);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        hold(&self.entries).iter().cloned().collect()
    }
}
