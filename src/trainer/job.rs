//! The train job: the strategies one after the other, each on a blocking thread, told to people as it goes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::pin;

use super::Trainer;
use super::story::{Line, Story};
use super::summary::{StrategyEnd, Summary};
use crate::config::Origin;
use crate::config::strategy::ProfileName;
use crate::job::{JobBody, JobEnd, JobReport, JobStop};
use crate::market::Strategy;
use crate::store::scheduler::{Job, JobRun};
use crate::train::orchestrator::{TrainError, TrainOrder, train};
use crate::train::progress::{TrainingState, TrainingView};
use crate::train::spec::TrainSpec;

/// The body of [`Job::Train`].
pub struct TrainJob(pub Arc<Trainer>);

/// What a strategy's training run is asked for.
#[derive(Clone)]
struct Asked {
    strategy: Strategy,
    spec: TrainSpec,
    job_run: i64,
    actor: String,
}

#[async_trait]
impl JobBody for TrainJob {
    fn job(&self) -> Job {
        Job::Train
    }

    async fn run(&self, run: JobRun, report: JobReport, stop: JobStop) -> JobEnd {
        let spec = match TrainSpec::of(run.params.as_deref()) {
            Ok(spec) => spec,
            Err(e) => return JobEnd::unreadable(&e),
        };
        // When this future is dropped, the training on its blocking thread is told to end too.
        let own = JobStop { gently: stop.gently.child_token(), now: stop.now.child_token() };
        let _dropped = (own.gently.clone().drop_guard(), own.now.clone().drop_guard());
        let mut summary = Summary::default();
        for strategy in spec.chosen() {
            if own.gently.is_cancelled() {
                break;
            }
            let asked = Asked { strategy, spec: spec.clone(), job_run: run.id, actor: run.actor.clone() };
            summary.strategies.push(self.one(asked, &report, &own).await);
        }
        let stopped = own.gently.is_cancelled() && !summary.strategies.iter().all(|s| s.state.judged())
            || summary.strategies.len() < spec.chosen().len();
        summary.end(stopped)
    }
}

impl TrainJob {
    /// Trains one strategy and tells of it.
    async fn one(&self, asked: Asked, report: &JobReport, stop: &JobStop) -> StrategyEnd {
        let (trainer, strategy, job_run) = (Arc::clone(&self.0), asked.strategy, asked.job_run);
        let begun = trainer.place.clock.mono();
        let (order, own) = (asked.clone(), stop.clone());
        // The blocking thread and the run's own threads, which it starts, have the priority of the engine's threads.
        let work = tokio::task::spawn_blocking(move || trainer.train(&order, &own));
        pin!(work);
        let (mut feed, mut story, mut told_stop) = (self.0.feeds.trainings(), Story::default(), false);
        let ended = loop {
            tokio::select! { biased;
                ended = &mut work => break ended,
                Ok(()) = feed.changed() => tell(&mut story, newest(&mut feed, strategy, job_run), report).await,
                () = stop.gently.cancelled(), if !told_stop => {
                    told_stop = true;
                    self.0.feeds.change(|v| v.strategy == strategy && v.state == TrainingState::Running, |v| v.stopping = true);
                }
            }
        };
        let shown = newest(&mut feed, strategy, job_run);
        tell(&mut story, shown.clone(), report).await;
        let ended = match ended {
            Ok(ended) => ended,
            Err(panic) => self.broken(strategy, &panic).await,
        };
        let end = self.end(strategy, ended, shown, self.0.place.clock.mono().saturating_sub(begun));
        if !story.is_over() {
            report.note(format!("{strategy}: {}", end.outcome)).await;
        }
        end
    }

    /// A panic ended the training: its run is nobody's any more.
    async fn broken(&self, strategy: Strategy, panic: &tokio::task::JoinError) -> Result<TrainingView, Failed> {
        tracing::error!(target: "train", %strategy, error = %panic, "A bug ended the training");
        let trainer = Arc::clone(&self.0);
        // Where that fails too, the next run marks it.
        drop(tokio::task::spawn_blocking(move || trainer.bury(strategy)).await);
        let error = format!("a fault of the program ended the training, please report it with the log: {panic}");
        Err(Failed { error, retry: false, stopped: false })
    }

    fn end(&self, strategy: Strategy, ended: Result<TrainingView, Failed>, shown: Option<TrainingView>, took: Duration) -> StrategyEnd {
        let standings = self.0.feeds.standings();
        let champion = standings.borrow().iter().find(|s| s.strategy == strategy).and_then(|s| s.champion.as_ref()).map(|c| c.model_id);
        let (run_id, seconds) = (shown.map(|v| v.run_id), took.as_secs_f64());
        match ended {
            Ok(view) => {
                let outcome = view.outcome.unwrap_or_else(|| view.state.to_string());
                StrategyEnd { strategy, run_id: Some(view.run_id), state: view.state, outcome, champion, seconds, retry: false }
            }
            Err(Failed { error, retry, stopped }) => {
                let state = if stopped { TrainingState::Cancelled } else { TrainingState::Failed };
                StrategyEnd { strategy, run_id, state, outcome: error, champion, seconds, retry }
            }
        }
    }
}

/// Why a training run came to no verdict, in a form that can leave its thread.
struct Failed {
    error: String,
    retry: bool,
    stopped: bool,
}

impl From<TrainError> for Failed {
    fn from(e: TrainError) -> Self {
        Self { error: e.to_string(), retry: e.retry(), stopped: matches!(e, TrainError::Stopped) }
    }
}

/// What the run of this job shows now.
fn newest(feed: &mut tokio::sync::watch::Receiver<Arc<Vec<TrainingView>>>, strategy: Strategy, job_run: i64) -> Option<TrainingView> {
    feed.borrow_and_update().iter().find(|v| v.strategy == strategy && v.job_run == Some(job_run)).cloned()
}

async fn tell(story: &mut Story, view: Option<TrainingView>, report: &JobReport) {
    for line in view.iter().flat_map(|view| story.lines(view)) {
        match line {
            Line::Step(text) => report.phase(text).await,
            Line::Note(text) => report.note(text).await,
        }
    }
}

impl Trainer {
    /// Trains a strategy's models by the rules in force. Blocks.
    fn train(&self, asked: &Asked, stop: &JobStop) -> Result<TrainingView, Failed> {
        self.recover();
        let rules = self.place.rules.load_full();
        let (of, spec) = (rules.get(asked.strategy), &asked.spec);
        let told = |view: &TrainingView| {
            let stopping = view.state == TrainingState::Running && stop.gently.is_cancelled();
            self.feeds.show(TrainingView { stopping, ..view.clone() });
        };
        let order = TrainOrder {
            strategy: asked.strategy,
            rules: &of.settings,
            universe: &self.place.universe,
            master: &self.master,
            data_dir: &self.place.data_dir,
            demo: self.place.demo,
            clock: Arc::clone(&self.place.clock),
            profile: spec.profile.unwrap_or_else(|| self.profile(of)),
            seed: spec.seed.unwrap_or(of.settings.ensemble.seed),
            rerun_from: spec.rerun_from,
            job_run: Some(asked.job_run),
            actor: &asked.actor,
            stop,
            told: &told,
        };
        let ended = train(&order);
        // One that could not record its end left its row at work; a run of somebody else is none of ours.
        if !matches!(ended, Ok(_) | Err(TrainError::AtWork(_))) {
            self.bury(asked.strategy);
        }
        self.look();
        Ok(ended?)
    }

    /// The configured profile; a demo trains the small one unless somebody configured another.
    fn profile(&self, rules: &crate::config::Rules) -> ProfileName {
        let shipped = rules.origins.get("ensemble.profile").is_none_or(|o| *o == Origin::Default);
        if self.place.demo && shipped { ProfileName::Demo } else { rules.settings.ensemble.profile }
    }
}
