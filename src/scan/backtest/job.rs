//! The backtest job: the strategies one after the other, each on a blocking thread, told to people as it goes.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Fault;
use super::summary::{EndState, StrategyEnd, Summary};
use super::work::{Worked, Workshop};
use crate::job::{JobBody, JobEnd, JobReport, JobStop};
use crate::market::Strategy;
use crate::scan::WatchSpec;
use crate::store::scheduler::{Job, JobRun};
use crate::workplace::Workplace;

/// The body of [`Job::Backtest`].
pub struct BacktestJob(Arc<Workshop>);

#[async_trait]
impl JobBody for BacktestJob {
    fn job(&self) -> Job {
        Job::Backtest
    }

    async fn run(&self, run: JobRun, report: JobReport, stop: JobStop) -> JobEnd {
        let spec = match WatchSpec::of(run.params.as_deref()) {
            Ok(spec) => spec,
            Err(e) => return JobEnd::unreadable(&e),
        };
        // When this future is dropped, the blocking thread is told to end too. Nothing is worth finishing: both stops are one.
        let own = stop.gently.child_token();
        let _dropped = own.clone().drop_guard();
        let mut summary = Summary::default();
        for strategy in spec.chosen() {
            if own.is_cancelled() {
                break;
            }
            report.phase(format!("{strategy}: backtest")).await;
            summary.strategies.push(self.one(strategy, spec.run, &report, &own).await);
        }
        for end in summary.strategies.iter_mut().filter(|end| end.state == EndState::Failed && end.retry) {
            if !own.is_cancelled() {
                report.note(format!("{}: once more", end.strategy)).await;
                *end = self.one(end.strategy, spec.run, &report, &own).await;
            }
        }
        let cut = summary.strategies.iter().any(|s| s.state == EndState::Cancelled) || summary.strategies.len() < spec.chosen().len();
        summary.end(cut)
    }
}

impl BacktestJob {
    /// A job that has done nothing yet.
    pub fn new(place: Workplace) -> Self {
        let master = place.master();
        Self(Arc::new(Workshop { place, master }))
    }

    /// Backtests one strategy and tells of it.
    async fn one(&self, strategy: Strategy, wanted: Option<i64>, report: &JobReport, stop: &CancellationToken) -> StrategyEnd {
        let begun = self.0.place.clock.mono();
        let (shop, stop) = (Arc::clone(&self.0), stop.clone());
        let (lines, mut told) = mpsc::unbounded_channel();
        let work = tokio::task::spawn_blocking(move || {
            // Who reads the lines waits for the last.
            let tell = |text: String| drop(lines.send(text));
            shop.work(strategy, wanted, &tell, &stop)
        });
        while let Some(text) = told.recv().await {
            report.note(format!("{strategy}: {text}")).await;
        }
        let mut end = match work.await {
            Ok(ended) => end(strategy, ended),
            Err(panic) => broken(strategy, &panic),
        };
        end.seconds = self.0.place.clock.mono().saturating_sub(begun).as_secs_f64();
        report.note(format!("{strategy}: {}", end.outcome)).await;
        end
    }
}

fn end(strategy: Strategy, ended: Result<Worked, Fault>) -> StrategyEnd {
    let none = StrategyEnd {
        strategy,
        state: EndState::Nothing,
        run_id: None,
        outcome: String::new(),
        trades: None,
        sharpe: None,
        seconds: 0.0,
        retry: false,
    };
    match ended {
        Ok(Worked::Done(made)) => {
            tracing::info!(target: "backtest", %strategy, run = made.run_id, trades = made.figures.trades.trades, made.headline, "A backtest is made");
            StrategyEnd {
                state: EndState::Done,
                run_id: Some(made.run_id),
                trades: Some(made.figures.trades.trades),
                sharpe: made.figures.net.sharpe,
                outcome: made.headline,
                ..none
            }
        }
        Ok(Worked::Nothing(why)) => StrategyEnd { outcome: why, ..none },
        Err(Fault::Stopped) => StrategyEnd { state: EndState::Cancelled, outcome: Fault::Stopped.to_string(), ..none },
        Err(e) => {
            tracing::warn!(target: "backtest", %strategy, error = %e, "There is no backtest");
            StrategyEnd { state: EndState::Failed, outcome: e.to_string(), retry: e.retry(), ..none }
        }
    }
}

fn broken(strategy: Strategy, panic: &tokio::task::JoinError) -> StrategyEnd {
    tracing::error!(target: "backtest", %strategy, error = %panic, "A bug ended the backtest");
    let outcome = format!("a fault of the program ended the backtest, please report it with the log: {panic}");
    StrategyEnd { state: EndState::Failed, outcome, ..end(strategy, Ok(Worked::Nothing(String::new()))) }
}
