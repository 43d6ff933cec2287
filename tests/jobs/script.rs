//! A job that does what a test tells it to: succeed, fail, hang, or break.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use nightdesk::config::Settings;
use nightdesk::engine::{JobBody, JobEnd, JobReport, JobStop, Query, Reply, RunDetail, Snapshot};
use nightdesk::market::ManualClock;
use nightdesk::store::scheduler::{Job, JobRun, JobState};

use crate::support::{Build, Desk, Night, quick_settings};

/// One run's behaviour.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Succeed,
    Fail {
        retry: bool,
    },
    Panic,
    /// Works until it is told to stop.
    UntilStopped,
    /// Works until it is dropped.
    Deaf,
}

/// A job with a list of acts; when it is through, it succeeds.
pub struct Script {
    job: Job,
    acts: Mutex<VecDeque<Act>>,
}

impl Script {
    pub fn body(job: Job, acts: impl IntoIterator<Item = Act>) -> Arc<dyn JobBody> {
        Arc::new(Self { job, acts: Mutex::new(acts.into_iter().collect()) })
    }
}

#[async_trait]
impl JobBody for Script {
    fn job(&self) -> Job {
        self.job
    }

    async fn run(&self, run: JobRun, report: JobReport, stop: JobStop) -> JobEnd {
        let act = self.acts.lock().unwrap().pop_front().unwrap_or(Act::Succeed);
        report.phase(format!("{act:?}")).await;
        match act {
            Act::Succeed => JobEnd::Succeeded { failures: 0, summary: Some(run.id.to_string()), note: None },
            Act::Fail { retry } => JobEnd::Failed { error: "nobody answers".into(), retry, summary: None },
            Act::Panic => panic!("a bug"),
            Act::UntilStopped => {
                stop.gently.cancelled().await;
                JobEnd::Cancelled { summary: None }
            }
            Act::Deaf => std::future::pending().await,
        }
    }
}

/// Saturday 2024-03-02, 03:45 UTC: Friday, 22:45 in New York.
pub const TICK: i64 = 1_709_351_100;

/// Settings of a desk whose ingest fetches next to nothing.
pub fn settings() -> Settings {
    let mut s = quick_settings();
    s.ingest.history = [(nightdesk::market::Timeframe::D1, nightdesk::config::Lookback::days(30))].into();
    s.ingest.native = vec![nightdesk::market::Timeframe::D1];
    s
}

/// A desk that follows its schedule, half a minute before the tick of 22:45.
pub async fn desk(settings: Settings, bodies: Vec<Arc<dyn JobBody>>) -> Desk {
    let night = Night { schedule: true, bodies, ..Night::default() };
    Desk::build(&["AAPL"], Build { settings, now: TICK - 30, night, ..Build::default() }).await
}

/// Lets `seconds` pass and nudges the engine, which looks at its clock once a second.
pub fn pass(clock: &ManualClock, seconds: u64) {
    clock.advance(Duration::from_secs(seconds));
}

/// Waits until run `id` is in `state`.
pub async fn reaches(desk: &Desk, id: i64, state: JobState) -> JobRun {
    desk.wait_for(|s| run(s, id).filter(|r| r.state == state).cloned()).await
}

pub fn run(snapshot: &Snapshot, id: i64) -> Option<&JobRun> {
    snapshot.job_runs.iter().find(|r| r.id == id)
}

/// Everything recorded of a run.
pub async fn detail(desk: &Desk, run_id: i64) -> RunDetail {
    match desk.client().query(Query::Run { run_id }).await {
        Ok(Reply::Run(detail)) => *detail,
        other => panic!("{other:?}"),
    }
}
