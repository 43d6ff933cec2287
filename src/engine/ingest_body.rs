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
        // "Succeeded" promises that most of what was due was brought up to date; an outage must be heard and tried again.
        RunEnd::Finished(s) if s.series_failed > s.series_ok.max(s.series_fresh) => {
            let first = s.failures.first().map(|f| format!(": {f}")).unwrap_or_default();
            let of = u64::from(s.series_failed) + u64::from(s.series_ok);
            JobEnd::Failed { error: format!("{} of {of} series failed{first}", s.series_failed), retry: true, summary: text(&s) }
        }
        RunEnd::Finished(s) => JobEnd::Succeeded { failures: s.series_failed.max(s.failures.len() as u32), summary: text(&s), note: None },
        RunEnd::Cancelled(s) => JobEnd::Cancelled { summary: text(&s) },
        RunEnd::Failed(mut s, e) => {
            s.failures.insert(0, e.to_string());
            JobEnd::Failed { error: e.to_string(), retry: matches!(e, StoreError::DiskFull), summary: text(&s) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_a_failure_that_is_tried_again_and_a_few_failed_series_are_not() {
        let end = |series_ok, series_failed| {
            let failures = vec!["AAPL: no answer".to_owned()];
            job_end(RunEnd::Finished(RunSummary { series_ok, series_failed, series_fresh: 7, failures, ..RunSummary::default() }))
        };
        let JobEnd::Failed { error, retry: true, summary: Some(summary) } = end(10, 490) else { panic!("not heard") };
        assert_eq!(error, "490 of 500 series failed: AAPL: no answer");
        assert_eq!(serde_json::from_str::<RunSummary>(&summary).unwrap().series_failed, 490);
        assert!(matches!(end(490, 10), JobEnd::Succeeded { failures: 10, summary: Some(_), .. }));
    }
}
