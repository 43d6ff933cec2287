//! Ingest as a job: records the run in the master database, works through the pipeline, and says how it ended. The
//! rich progress goes to the owner beside it, as events.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{JobBody, JobEnd, JobReport, JobStop};
use crate::ingest::pipeline::{Pipeline, RunEnd};
use crate::ingest::{Event, IngestSpec, RunSummary};
use crate::store::master::StoreError;
use crate::store::scheduler::{Job, JobRun};

/// The body of [`Job::Ingest`].
pub(super) struct IngestBody {
    /// The pipeline with the settings in force; a run keeps the one it began with.
    pub pipeline: Arc<ArcSwap<Pipeline>>,
    pub events: mpsc::Sender<Event>,
}

#[async_trait]
impl JobBody for IngestBody {
    fn job(&self) -> Job {
        Job::Ingest
    }

    async fn run(&self, run: JobRun, _: JobReport, stop: JobStop) -> JobEnd {
        let spec = match spec_of(&run) {
            Ok(spec) => spec,
            Err(e) => return JobEnd::Failed { error: format!("what was asked for is unreadable: {e}"), retry: false, summary: None },
        };
        let pipeline = self.pipeline.load_full();
        let writer = pipeline.writer.clone();
        let asked = serde_json::to_string(&spec).unwrap_or_default();
        if let Err(e) = writer.begin_run(Some(run.id), asked).await {
            return JobEnd::Failed { error: e.to_string(), retry: true, summary: None };
        }
        let end = pipeline.run(run.id, spec, self.events.clone(), stop).await;
        // After heavy writing the log file should not stay large; readers make this a request, not a demand.
        if let Err(e) = writer.checkpoint().await {
            tracing::warn!(target: "engine", error = %e, "Could not checkpoint");
        }
        job_end(end)
    }
}

/// What a run was asked for; a run without parameters does the job's normal work.
pub(super) fn spec_of(run: &JobRun) -> serde_json::Result<IngestSpec> {
    run.params.as_deref().map_or_else(|| Ok(IngestSpec::default()), serde_json::from_str)
}

fn job_end(end: RunEnd) -> JobEnd {
    let text = |s: &RunSummary| serde_json::to_string(s).ok();
    match end {
        // "Succeeded" promises that something was brought up to date.
        RunEnd::Finished(s) if s.series_failed > 0 && s.series_ok + s.series_fresh == 0 => {
            let first = s.failures.first().map(|f| format!(": {f}")).unwrap_or_default();
            JobEnd::Failed { error: format!("every series failed{first}"), retry: true, summary: text(&s) }
        }
        RunEnd::Finished(s) => JobEnd::Succeeded { failures: s.series_failed.max(s.failures.len() as u32), summary: text(&s), note: None },
        RunEnd::Cancelled(s) => JobEnd::Cancelled { summary: text(&s) },
        RunEnd::Failed(mut s, e) => {
            s.failures.insert(0, e.to_string());
            JobEnd::Failed { error: e.to_string(), retry: matches!(e, StoreError::DiskFull), summary: text(&s) }
        }
    }
}
