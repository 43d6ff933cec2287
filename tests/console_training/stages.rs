//! The stages of a training, each with the snapshot that the engine publishes then.

use std::sync::Arc;

use nightdesk::engine::{JobView, RunDetail, Snapshot};
use nightdesk::market::Strategy;
use nightdesk::store::scheduler::{Job, JobRun, JobState, RunEvent, Trigger};
use nightdesk::train::progress::{PartState, Standing, TrainingState, TrainingView};
use nightdesk::train::spec::TrainSpec;

use crate::console_fixture::{NOW, Scene, snapshot, training};

/// The strategy that is trained, and the other one.
pub const T: Strategy = Strategy::Turbomode;
pub const S: Strategy = Strategy::Slipstream;

/// Where training stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was ever trained.
    Nothing,
    /// Begun, no time to go known yet.
    Warming,
    Running,
    /// Being stopped.
    Stopping,
    /// All models trained, gates landing, null control at work, on a processor instead of the GPU that was asked for.
    Judging,
    Ended(TrainingState),
}

impl Stage {
    pub const ALL: [Self; 11] = [
        Self::Nothing,
        Self::Warming,
        Self::Running,
        Self::Stopping,
        Self::Judging,
        Self::Ended(TrainingState::Promoted),
        Self::Ended(TrainingState::Shadow),
        Self::Ended(TrainingState::Rejected),
        Self::Ended(TrainingState::Failed),
        Self::Ended(TrainingState::Cancelled),
        Self::Ended(TrainingState::Lost),
    ];

    pub fn name(self) -> String {
        match self {
            Self::Ended(state) => state.to_string(),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    pub fn runs(self) -> bool {
        matches!(self, Self::Warming | Self::Running | Self::Stopping | Self::Judging)
    }

    pub fn view(self) -> Option<TrainingView> {
        Some(match self {
            Self::Nothing => return None,
            Self::Warming => warming(),
            Self::Running => training::running(T),
            Self::Stopping => TrainingView { stopping: true, resumed: 1, ..training::running(T) },
            Self::Judging => judging(),
            Self::Ended(state) => training::ended(T, state),
        })
    }

    pub fn standings(self) -> Vec<Standing> {
        let other = training::none(S, "no champion: gates not met");
        match self {
            Self::Nothing => Strategy::ALL.map(|s| training::none(s, "no champion: nothing trained")).to_vec(),
            Self::Ended(TrainingState::Shadow) => vec![training::trial(T), other],
            Self::Ended(TrainingState::Lost) => vec![training::champion(T, true), other],
            Self::Ended(TrainingState::Rejected) => vec![training::none(T, "no champion: gates not met"), other],
            _ => vec![training::champion(T, false), other],
        }
    }
}

fn warming() -> TrainingView {
    let mut view = TrainingView { eta_s: None, started_at: NOW - 14, snapshot: String::new(), ..training::running(T) };
    for (i, step) in view.steps.iter_mut().enumerate() {
        (step.state, step.seconds) = match i {
            0 => (PartState::Done, 0.2),
            1 => (PartState::Running, 13.0),
            _ => (PartState::Waiting, 0.0),
        };
        if i > 1 {
            (step.done, step.total) = (0, 0);
            step.note.clear();
        }
    }
    (view.steps[1].done, view.steps[1].total) = (31, 77);
    view.steps[1].note.clear();
    for m in &mut view.models {
        (m.state, m.fits_done, m.epoch, m.seconds) = (PartState::Waiting, 0, 0, 0.0);
        (m.loss, m.skill, m.auc, m.train_loss, m.stop_loss, m.epoch_seconds) = (None, None, None, None, None, None);
    }
    view.curves.clear();
    view
}

fn judging() -> TrainingView {
    let mut view = training::ended(T, TrainingState::Rejected);
    (view.state, view.ended_at, view.outcome, view.started_at) = (TrainingState::Running, None, None, NOW - 4_800);
    (view.job_run, view.eta_s) = (Some(31), Some(540));
    (view.steps[10].state, view.steps[11].state, view.steps[11].seconds) = (PartState::Running, PartState::Waiting, 0.0);
    (view.steps[10].done, view.steps[10].total) = (12, 40);
    view.gates.truncate(13);
    view.nulls.done = 12;
    view.device_remark = Some("no GPU was found in 20 s".into());
    view
}

fn job_run(stage: Stage) -> Option<JobRun> {
    let view = stage.view()?;
    let state = match view.state {
        TrainingState::Running => JobState::Running,
        TrainingState::Failed => JobState::Failed,
        TrainingState::Cancelled => JobState::Cancelled,
        TrainingState::Lost => JobState::Lost,
        _ => JobState::Succeeded,
    };
    Some(JobRun {
        id: view.job_run?,
        job: Job::Train,
        state,
        trigger: Trigger::Manual,
        actor: "console".into(),
        scheduled_for: None,
        session: None,
        attempt: 1,
        queued_at: view.started_at,
        not_before: None,
        started_at: Some(view.started_at),
        ended_at: view.ended_at,
        error: view.outcome.clone().filter(|_| state == JobState::Failed),
        failures: 0,
        params: Some(serde_json::to_string(&TrainSpec { strategies: vec![T], ..TrainSpec::default() }).unwrap()),
        summary: view.outcome.as_ref().map(|o| serde_json::json!({ "outcome": o }).to_string()),
        boot_id: "fixture".into(),
    })
}

/// A quiet desk whose training stands there.
pub fn snap(stage: Stage) -> Snapshot {
    let base = snapshot(Scene::Idle);
    let run = job_run(stage);
    let runs: Vec<JobRun> = run.iter().chain(base.job_runs.iter()).cloned().collect();
    let mut jobs: Vec<JobView> = base.jobs.to_vec();
    let train = jobs.iter_mut().find(|j| j.job == Job::Train).unwrap();
    (train.active, train.last) = if stage.runs() { (run, None) } else { (None, run) };
    Snapshot {
        seq: 5_000,
        training: Arc::new(stage.view().into_iter().collect()),
        standings: Arc::new(stage.standings()),
        job_runs: Arc::new(runs),
        jobs: Arc::new(jobs),
        ..base
    }
}

/// What a run of the train job tells while it works.
pub fn story(run_id: i64) -> RunDetail {
    let run = job_run(if run_id == 31 { Stage::Running } else { Stage::Ended(TrainingState::Failed) }).unwrap();
    let told = [
        ("queued", "Waits for a slot"),
        ("started", "A slot is free"),
        ("phase", "Step 2 data: 77 stocks, 214,118 rows, to 2026-11-20"),
        ("phase", "Step 7 base models: 8 models, 5 blocks, 48 fits"),
        ("note", "resnet final fit: best epoch 26 of 34, stop 1.0279, 54 s"),
        ("note", "trees final fit: best epoch 21 of 29, stop 1.0301, 49 s"),
        ("note", "realmlp fold 3: best epoch 24 of 33, stop 1.0259, 56 s"),
    ];
    let event = |(i, (kind, text)): (usize, (&str, &str))| RunEvent {
        seq: i as i64,
        run_id,
        at_ms: (run.queued_at + 97 * i as i64) * 1000,
        kind: kind.into(),
        text: text.into(),
    };
    RunDetail { events: told.into_iter().enumerate().map(event).collect(), attempts: Vec::new(), run }
}
