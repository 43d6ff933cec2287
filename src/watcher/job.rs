//! The scan and drift jobs: the strategies one after the other, each on a blocking thread, told to people as it goes.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{PATIENCE, Watcher};
use crate::dataset::DatasetError;
use crate::drift::monitor;
use crate::features::nightly::NightError;
use crate::job::{JobBody, JobEnd, JobReport, JobStop};
use crate::market::Strategy;
use crate::scan::night::scan;
use crate::scan::{NightSummary, StrategyNight, WatchError, WatchOrder, WatchSpec};
use crate::store::StoreError;
use crate::store::scheduler::{Job, JobRun};

/// The body of [`Job::Scan`] or [`Job::Drift`].
pub struct WatchJob {
    watcher: Arc<Watcher>,
    job: Job,
}

/// How a strategy's part of a job ended.
pub(super) struct Done {
    /// In a sentence.
    pub words: String,
    /// Lines for the story of the run.
    pub told: Vec<String>,
    /// A challenger is asked for.
    pub challenger: bool,
}

/// Why it came to no end, in a form that can leave its thread.
pub(super) struct Failed {
    pub error: String,
    pub retry: bool,
}

impl WatchJob {
    /// The nightly scan.
    pub const fn scan(watcher: Arc<Watcher>) -> Self {
        Self { watcher, job: Job::Scan }
    }

    /// The nightly look at drift.
    pub const fn drift(watcher: Arc<Watcher>) -> Self {
        Self { watcher, job: Job::Drift }
    }

    async fn one(&self, strategy: Strategy, report: &JobReport, stop: &CancellationToken) -> StrategyNight {
        let (watcher, job, own) = (Arc::clone(&self.watcher), self.job, stop.clone());
        let begun = watcher.place.clock.mono();
        report.phase(format!("{job} of {strategy}")).await;
        let work = tokio::task::spawn_blocking(move || watcher.work(job, strategy, &own)).await;
        let ended = work.unwrap_or_else(|panic| {
            tracing::error!(target: "engine", %strategy, error = %panic, "A bug ended the job");
            Err(Failed { error: format!("a fault of the program ended it, please report it with the log: {panic}"), retry: false })
        });
        let seconds = self.watcher.place.clock.mono().saturating_sub(begun).as_secs_f64();
        let night = match ended {
            Ok(Done { words, told, challenger }) => {
                for line in told {
                    report.note(format!("{strategy}: {line}")).await;
                }
                StrategyNight { strategy, ok: true, words, seconds, challenger, retry: false }
            }
            Err(Failed { error, retry }) => StrategyNight { strategy, ok: false, words: error, seconds, challenger: false, retry },
        };
        report.note(format!("{strategy}: {}", night.words)).await;
        night
    }
}

#[async_trait]
impl JobBody for WatchJob {
    fn job(&self) -> Job {
        self.job
    }

    async fn run(&self, run: JobRun, report: JobReport, stop: JobStop) -> JobEnd {
        let spec = match WatchSpec::of(run.params.as_deref()) {
            Ok(spec) => spec,
            Err(e) => return JobEnd::unreadable(&e),
        };
        // When this future is dropped, the work on its blocking thread is told to end too.
        let own = stop.gently.child_token();
        let _dropped = own.clone().drop_guard();
        let mut summary = NightSummary::default();
        for strategy in spec.chosen() {
            if own.is_cancelled() {
                break;
            }
            summary.strategies.push(self.one(strategy, &report, &own).await);
        }
        for night in summary.strategies.iter_mut().filter(|night| !night.ok && night.retry) {
            if !own.is_cancelled() {
                report.note(format!("{}: once more", night.strategy)).await;
                *night = self.one(night.strategy, &report, &own).await;
            }
        }
        summary.end(own.is_cancelled())
    }
}

impl Watcher {
    fn work(&self, job: Job, strategy: Strategy, stop: &CancellationToken) -> Result<Done, Failed> {
        let rules = self.place.rules.load_full();
        let order = WatchOrder {
            strategy,
            rules: &rules.get(strategy).settings,
            universe: &self.place.universe,
            master: &self.master,
            data_dir: &self.place.data_dir,
            clock: &self.place.clock,
            progress: &|_, _| {},
            stop,
        };
        let done = if job == Job::Drift { self.drift_night(&order) } else { self.scan_night(&order) };
        self.look();
        done
    }

    fn scan_night(&self, order: &WatchOrder<'_>) -> Result<Done, Failed> {
        let done = self.place.with(order.strategy, (PATIENCE, order.stop), |db| scan(db, order))?;
        let (settled, void) = done.settled;
        let mut told = Vec::new();
        if settled + void > 0 {
            told.push(format!("{settled} signals settled, {void} void"));
        }
        let stale = done.scan.why_none.values().filter(|why| why.starts_with("stale")).count();
        if stale > 0 {
            told.push(format!("{stale} symbols have no bar of the last session yet"));
        }
        Ok(Done { words: done.scan.words, told, challenger: false })
    }

    fn drift_night(&self, order: &WatchOrder<'_>) -> Result<Done, Failed> {
        let monitor::Looked { words, told, challenger } =
            self.place.with(order.strategy, (PATIENCE, order.stop), |db| monitor::look(db, order))?;
        Ok(Done { words, told, challenger })
    }
}

impl From<WatchError> for Failed {
    fn from(e: WatchError) -> Self {
        let retry = matches!(
            &e,
            WatchError::Store(StoreError::Locked { .. } | StoreError::DiskFull)
                | WatchError::Rows(DatasetError::Changed | DatasetError::Features(NightError::Changed(_)))
        );
        Self { error: e.to_string(), retry }
    }
}

impl From<StoreError> for Failed {
    fn from(e: StoreError) -> Self {
        WatchError::Store(e).into()
    }
}
