//! What a training run shows while it works and after: its steps, models, curves and gates; and where a strategy stands
//! for it: which model gives its signals, or why none does.
//!
//! The orchestrator keeps one [`TrainingView`] and hands copies out; the engine puts them into its snapshot, and the
//! strategy's database keeps the last one of each run. Panes, pages and commands show nothing that is not in here.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::gates::GateResult;
use crate::config::strategy::{ModelName, ProfileName, Step};
use crate::market::Strategy;

/// Where a training run stands.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum TrainingState {
    /// Works.
    Running,
    /// Its ensemble became champion.
    Promoted,
    /// Its ensemble passed the gates and gives paper signals first.
    Shadow,
    /// Its ensemble did not pass the gates: a normal end.
    Rejected,
    /// An error ended it.
    Failed,
    /// A person stopped it; finished folds are kept to go on from.
    Cancelled,
    /// Its process died; finished folds are kept to go on from.
    Lost,
}

impl TrainingState {
    /// Whether a new run goes on from what this one finished.
    pub const fn resumable(self) -> bool {
        matches!(self, Self::Cancelled | Self::Lost | Self::Failed)
    }

    /// Whether it came to a verdict.
    pub const fn judged(self) -> bool {
        matches!(self, Self::Promoted | Self::Shadow | Self::Rejected)
    }
}

/// Where a step or a model stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PartState {
    /// Not begun.
    #[default]
    Waiting,
    /// At work.
    Running,
    /// Done in this run.
    Done,
    /// Found finished by an earlier attempt at the same run.
    Found,
    /// Left out by the rules.
    LeftOut,
    /// Ended the run.
    Failed,
}

/// One of the twelve steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StepView {
    /// Which.
    pub step: Step,
    /// Where it stands.
    pub state: PartState,
    /// Seconds it took, or has taken so far.
    pub seconds: f64,
    /// Parts done, and of how many; 0 of 0 where it has no parts.
    pub done: u32,
    /// All parts.
    pub total: u32,
    /// What came of it, in a few words.
    pub note: String,
}

/// One base model, over all its folds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelView {
    /// Which.
    pub name: ModelName,
    /// Where it stands.
    pub state: PartState,
    /// Fits finished: one a test block, one for the final model, times the seeds of the profile.
    pub fits_done: u32,
    /// All fits.
    pub fits: u32,
    /// Passes over the rows that the fit at work has made.
    pub epoch: u32,
    /// Most passes of a fit.
    pub epochs: u32,
    /// Loss on the training rows in the newest epoch, nats.
    pub train_loss: Option<f64>,
    /// Least loss on the early-stop slice of the newest fit, nats.
    pub stop_loss: Option<f64>,
    /// Log loss of the answers out of fold so far, nats.
    pub loss: Option<f64>,
    /// Log loss saved against the prior on the same rows, as a share of it.
    pub skill: Option<f64>,
    /// AUC of BUY against SELL on the same rows.
    pub auc: Option<f64>,
    /// Seconds a pass over the rows takes, newest epoch.
    pub epoch_seconds: Option<f64>,
    /// Seconds of all its fits.
    pub seconds: f64,
}

/// The losses of one fit, epoch by epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Curve {
    /// Which model.
    pub model: ModelName,
    /// Number of the test block, from 1; `None` for the final fit.
    pub fold: Option<u32>,
    /// Number of the seed, from 0.
    pub seed: u32,
    /// On the training rows, nats; early epochs see dropout and smoothing.
    pub train: Vec<f32>,
    /// On the early-stop slice, nats; empty where there is none.
    pub stop: Vec<f32>,
    /// Epoch whose weights are kept, from 1; 0 before the first ended.
    pub best: u32,
    /// Most epochs.
    pub epochs: u32,
    /// Whether the fit is at work.
    pub live: bool,
}

impl Curve {
    /// Which fit, in words: `gru, block 3`.
    pub fn words(&self) -> String {
        let block = self.fold.map_or_else(|| "final fit".to_owned(), |n| format!("block {n}"));
        let seed = if self.seed > 0 { format!(", seed {}", self.seed + 1) } else { String::new() };
        format!("{}, {block}{seed}", self.model)
    }
}

/// The run's refits without a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NullsView {
    /// Refits done, shifted labels and random walks together.
    pub done: u32,
    /// All refits.
    pub total: u32,
    /// Of those done, how many would have been promoted.
    pub passed: u32,
}

/// A training run as panes, pages and commands show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TrainingView {
    /// Whose models.
    pub strategy: Strategy,
    /// Its number in the strategy's database.
    pub run_id: i64,
    /// The run of the train job that it is part of; `None` where it ran without an engine.
    pub job_run: Option<i64>,
    /// Where it stands.
    pub state: TrainingState,
    /// What it trains.
    pub profile: ProfileName,
    /// Seed of all randomness.
    pub seed: u32,
    /// Version of the training rules.
    pub config_version: u32,
    /// Id of the market data; empty until they are read.
    pub snapshot: String,
    /// What computes, in words: `CPU, 2 threads`.
    pub device: String,
    /// Why it is not the GPU that was asked for.
    pub device_remark: Option<String>,
    /// Start, UTC seconds.
    pub started_at: i64,
    /// When it was last taken up, which is its start where it never was interrupted: elapsed time counts from here.
    #[serde(default)]
    pub attempt_at: i64,
    /// End.
    pub ended_at: Option<i64>,
    /// How often it was taken up again after an interruption.
    pub resumed: u32,
    /// A person asked it to stop; it does after the fits at work.
    pub stopping: bool,
    /// The twelve steps, in order.
    pub steps: Vec<StepView>,
    /// The base models of the profile.
    pub models: Vec<ModelView>,
    /// What ships of mean and meta-learner, in words; empty until that is known.
    pub combination: String,
    /// Newest curves, those at work last, at most 4.
    pub curves: Vec<Curve>,
    /// Refits without a signal.
    pub nulls: NullsView,
    /// Gates as they land.
    pub gates: Vec<GateResult>,
    /// Seconds to go; `None` while warming up.
    pub eta_s: Option<u32>,
    /// The verdict, or what ended it, in one sentence.
    pub outcome: Option<String>,
}

impl TrainingView {
    /// The step at work, or the last one that is finished.
    pub fn at(&self) -> Option<&StepView> {
        let running = self.steps.iter().find(|s| s.state == PartState::Running);
        running.or_else(|| self.steps.iter().rfind(|s| !matches!(s.state, PartState::Waiting | PartState::LeftOut)))
    }

    /// Steps that are finished.
    pub fn steps_done(&self) -> usize {
        self.steps.iter().filter(|s| matches!(s.state, PartState::Done | PartState::Found | PartState::LeftOut)).count()
    }
}

/// The model whose signals count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChampionView {
    /// Its key.
    pub model_id: i64,
    /// The training run it came from.
    pub run_id: i64,
    /// Champion since, UTC seconds.
    pub since: i64,
    /// The last session it has learned from.
    pub trained_to: NaiveDate,
    /// When it grows too old to give signals, UTC seconds.
    pub expires_at: i64,
    /// Whether it has.
    pub expired: bool,
    /// Log loss saved against the prior out of fold, as a share of it.
    pub skill: Option<f64>,
    /// AUC of BUY against SELL out of fold.
    pub auc: Option<f64>,
}

/// A model that gives paper signals on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShadowView {
    /// Its key.
    pub model_id: i64,
    /// The training run it came from.
    pub run_id: i64,
    /// Sessions until it may become champion.
    pub sessions_left: u32,
}

/// Which models a strategy has in service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Standing {
    /// Whose.
    pub strategy: Strategy,
    /// The model in service; without one there are no signals.
    pub champion: Option<ChampionView>,
    /// The model on trial.
    pub shadow: Option<ShadowView>,
    /// The earlier champion that a rollback puts back; `None` where there is none.
    pub rollback_to: Option<i64>,
    /// All that in a few words: `no champion: gates not met`.
    pub words: String,
}
