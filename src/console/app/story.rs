//! The story of a run, line by line: its events, its other attempts, the parts of it that failed.

use super::{App, Page};
use crate::engine::RunSummary;
use crate::store::scheduler::{Job, JobRun, RunEvent};

/// A line of the story.
#[derive(Clone, Copy, Debug)]
pub enum Line<'a> {
    /// Something that happened.
    Event(&'a RunEvent),
    /// The head of what follows.
    Head(&'static str),
    /// Another attempt at the same tick.
    Attempt(&'a JobRun),
    /// A part that failed.
    Failure(&'a str),
}

impl App {
    /// What an ingest run of the snapshot or of the market's store came to; the story tells its failures.
    pub(in crate::console) fn ingest_summary(&self, id: i64) -> Option<&RunSummary> {
        self.run(id).and_then(|r| r.summary.as_ref()).or_else(|| self.summary.as_ref().filter(|(run, _)| *run == id).map(|(_, s)| s))
    }

    /// Reads the summary of the run whose page is open from the answers, once for all frames.
    pub(super) fn read_summary(&mut self) {
        let Some(Page::Run(id)) = self.page() else { return };
        let job = self.run_detail.value.as_deref().map(|d| &d.run).filter(|r| r.id == id);
        if job.is_some_and(|r| r.job != Job::Ingest) {
            self.summary = None;
            return;
        }
        let record = || self.runs.value.iter().flatten().find(|r| r.id == id).and_then(|r| r.summary.as_deref());
        let told = job.and_then(|r| RunSummary::stored(r.summary.as_deref())).or_else(|| RunSummary::stored(record()));
        self.summary = told.map(|s| (id, s));
    }

    /// The story of a run, as far as it is known.
    pub(in crate::console) fn story(&self, id: i64) -> impl Iterator<Item = Line<'_>> {
        let detail = self.run_detail.value.as_deref().filter(|d| d.run.id == id);
        let (events, attempts) = detail.map_or((&[][..], &[][..]), |d| (&d.events[..], &d.attempts[..]));
        let failures = self.ingest_summary(id).map_or(&[][..], |s| &s.failures[..]);
        let head = |text, there: bool| there.then_some(Line::Head(text)).into_iter();
        let told = events.iter().map(Line::Event);
        let tried = head("Other attempts", !attempts.is_empty()).chain(attempts.iter().map(Line::Attempt));
        told.chain(tried).chain(head("What failed", !failures.is_empty())).chain(failures.iter().map(|f| Line::Failure(f)))
    }
}
