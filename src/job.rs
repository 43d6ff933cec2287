//! What a job is made of: a body that does the work, and what it is told and tells. The dispatcher calls bodies; they
//! live beside what they do.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::ingest::pipeline::Stop;
use crate::store::scheduler::{Job, JobRun};

/// The two ways to stop a run: gently, then at once.
pub type JobStop = Stop;

/// The work of one job. It runs on the engine's runtime: heavy work goes to a blocking thread.
#[async_trait]
pub trait JobBody: Send + Sync {
    /// Which job.
    fn job(&self) -> Job;

    /// Does the work of `run`. It honours `stop` within a second and leaves either its result or nothing; when the
    /// future is dropped, everything it did so far must be as safe as after a kill.
    async fn run(&self, run: JobRun, report: JobReport, stop: JobStop) -> JobEnd;
}

/// How a body ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// Done.
    Succeeded {
        /// Parts that failed all the same.
        failures: u32,
        /// What came of it, as JSON.
        summary: Option<String>,
        /// What a person should know.
        note: Option<String>,
    },
    /// Given up.
    Failed {
        /// What failed, and what it means.
        error: String,
        /// Whether another attempt may help.
        retry: bool,
        /// What came of it so far, as JSON.
        summary: Option<String>,
    },
    /// Stopped because it was told to.
    Cancelled {
        /// What came of it so far, as JSON.
        summary: Option<String>,
    },
}

/// How a part of a job ended, such as the work on one strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEnd {
    /// What came of it, beginning with its name.
    pub words: String,
    /// It failed.
    pub failed: bool,
    /// Another attempt may help.
    pub retry: bool,
}

impl JobEnd {
    /// The end of a run whose record does not tell what it was asked for.
    pub fn unreadable(e: &serde_json::Error) -> Self {
        Self::Failed { error: format!("what the run was asked for cannot be read: {e}"), retry: false, summary: None }
    }

    /// The end of a job that has parts: one that fails beside another that does not is counted, and where all failed the job
    /// has. `stopped`: somebody ended it.
    pub fn of_parts(parts: &[PartEnd], stopped: bool, summary: Option<String>) -> Self {
        if stopped {
            return Self::Cancelled { summary };
        }
        let told = parts.iter().map(|p| p.words.as_str()).collect::<Vec<_>>().join("; ");
        let failures = parts.iter().filter(|p| p.failed).count();
        if failures > 0 && failures == parts.len() {
            return Self::Failed { error: told, retry: parts.iter().any(|p| p.failed && p.retry), summary };
        }
        Self::Succeeded { failures: failures as u32, summary, note: Some(told) }
    }
}

/// A line of a run's story, on its way to the run's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLine {
    /// The run.
    pub run_id: i64,
    /// The word of [`crate::store::scheduler::RunEvent::kind`].
    pub kind: &'static str,
    /// A sentence.
    pub text: String,
}

/// The body's way to tell what it does.
#[derive(Clone, Debug)]
pub struct JobReport {
    run_id: i64,
    lines: mpsc::Sender<JobLine>,
}

impl JobReport {
    /// A report for one run.
    pub const fn new(run_id: i64, lines: mpsc::Sender<JobLine>) -> Self {
        Self { run_id, lines }
    }

    /// Tells that a new part of the work begins.
    pub async fn phase(&self, text: impl Into<String> + Send) {
        self.tell("phase", text.into()).await;
    }

    /// Tells something worth keeping.
    pub async fn note(&self, text: impl Into<String> + Send) {
        self.tell("note", text.into()).await;
    }

    async fn tell(&self, kind: &'static str, text: String) {
        // The engine may be going down; the story of the run is not worth a failure.
        let _ = self.lines.send(JobLine { run_id: self.run_id, kind, text }).await;
    }
}
