//! Where a run keeps what it does: the lock that makes it the only one, its row in the strategy's database, and its folder.

use std::fs;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::board::{models, steps};
use super::error::TrainError;
use super::{TrainOrder, data};
use crate::audit::Work;
use crate::config::strategy::Step;
use crate::features::definition_hash;
use crate::store::StoreError;
use crate::store::master::FolderLock;
use crate::store::model::{ModelDb, NewTraining, TrainingIdentity};
use crate::train::gates::GateResult;
use crate::train::models::Compute;
use crate::train::progress::{NullsView, PartState, TrainingState, TrainingView};
use crate::train::registry::{ModelFolder, tidy};

/// How long a run waits for whoever has the strategy's database.
const PATIENCE: Duration = Duration::from_mins(2);
/// The same for the last word of a run that was told to stop at once.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

/// The place of one run.
pub struct Desk<'a> {
    order: &'a TrainOrder<'a>,
    folder: ModelFolder,
    lock: FolderLock,
}

/// A run that has its number.
pub struct Begun {
    /// What it shows first.
    pub view: TrainingView,
    /// What it is a run of.
    pub identity: TrainingIdentity,
    /// What computes.
    pub compute: Compute,
    /// Seconds that the first step took.
    pub configured_s: f64,
}

impl<'a> Desk<'a> {
    /// Takes the strategy's training lock: refused while another run works, in whatever process.
    pub fn open(order: &'a TrainOrder<'a>) -> Result<Self, TrainError> {
        let folder = ModelFolder::new(order.data_dir, order.strategy);
        let lock = FolderLock::take(&folder.path().join("training.db"), order.clock.now()).map_err(|e| match e {
            StoreError::Locked { owner, .. } => TrainError::AtWork(format!(
                "{} is being trained by {owner}, and a strategy trains one run at a time; wait for its end, or stop it",
                order.strategy
            )),
            e => e.into(),
        })?;
        Ok(Self { order, folder, lock })
    }

    /// The strategy's model folder.
    pub const fn folder(&self) -> &ModelFolder {
        &self.folder
    }

    /// Lets the lock go.
    pub fn close(self) {
        if let Err(e) = self.lock.release(self.order.clock.now()) {
            tracing::warn!(target: "train", error = %e, "The training lock could not be given back");
        }
    }

    /// Opens the strategy's database for a moment. It is not held for the length of a run, so that features can be built and
    /// signals be made meanwhile; who comes second waits.
    pub fn with<T, E: From<StoreError>>(&self, work: impl FnOnce(&mut ModelDb) -> Result<T, E>) -> Result<T, E> {
        self.within(PATIENCE, work)
    }

    fn within<T, E: From<StoreError>>(&self, patience: Duration, work: impl FnOnce(&mut ModelDb) -> Result<T, E>) -> Result<T, E> {
        self.until(patience, &self.order.stop.now, work)
    }

    fn until<T, E: From<StoreError>>(
        &self,
        patience: Duration,
        stop: &CancellationToken,
        work: impl FnOnce(&mut ModelDb) -> Result<T, E>,
    ) -> Result<T, E> {
        let TrainOrder { data_dir, strategy, rules, demo, ref clock, .. } = *self.order;
        Work { data_dir, strategy, rules, demo, clock }.within(patience, stop, work)
    }

    /// Gives the run its number: that of a run of the same identity that was interrupted, or a new one.
    pub fn begin(&self) -> Result<Begun, TrainError> {
        let order = self.order;
        let begun = order.clock.mono();
        let rules = order.rules;
        let compute = Compute::choose(&rules.orchestrator, &order.clock);
        let configured_s = order.clock.mono().saturating_sub(begun).as_secs_f64();
        let snapshot = data::snapshot(order)?;
        let identity = TrainingIdentity {
            profile: order.profile,
            seed: order.seed,
            config_version: rules.metadata.version,
            config_hash: rules.hash(),
            definition: definition_hash().to_owned(),
            snapshot,
            environment_key: compute.versions().to_owned(),
        };
        let environment = json!({
            "device": compute.words(), "gpu": compute.is_gpu(), "remark": compute.remark(), "versions": compute.versions(),
            "nightdesk": env!("CARGO_PKG_VERSION"),
        });
        let keep = rules.orchestrator.keep_checkpoints_days;
        let found = self.with(|db| {
            // Whoever trains holds the training lock, and that is held here.
            for run in db.mark_lost_trainings()? {
                tracing::warn!(target: "train", strategy = %order.strategy, run, "An earlier training run was cut off");
            }
            tidy(db, &self.folder, keep, order.clock.now())?;
            if let Some(run) = db.reader().resumable(&identity, keep, order.clock.now())? {
                db.resume_training(run.run_id, order.job_run)?;
                return Ok::<_, TrainError>((run.run_id, run.resumed + 1, run.started_at));
            }
            let new = NewTraining { job_run: order.job_run, identity: identity.clone(), environment };
            Ok((db.begin_training(&new)?, 0, order.clock.now()))
        })?;
        if order.rerun_from.is_some_and(|step| step <= Step::BaseModels) {
            self.forget_fits(found.0)?;
        }
        tracing::info!(
            target: "train", strategy = %order.strategy, run = found.0, profile = %order.profile, seed = order.seed,
            device = compute.words(), resumed = found.1, snapshot = identity.snapshot, "A training run begins"
        );
        let view = self.first_view(found, &identity, &compute);
        Ok(Begun { view, identity, compute, configured_s })
    }

    fn first_view(&self, (run_id, resumed, started_at): (i64, u32, i64), identity: &TrainingIdentity, compute: &Compute) -> TrainingView {
        let order = self.order;
        let profile = order.rules.ensemble.profiles.get(order.profile);
        let gates = &order.rules.promotion_gates;
        let mut steps = steps();
        (steps[0].state, steps[0].note) = (PartState::Done, format!("rules version {}, {}", identity.config_version, compute.words()));
        TrainingView {
            strategy: order.strategy,
            run_id,
            job_run: order.job_run,
            state: TrainingState::Running,
            profile: order.profile,
            seed: order.seed,
            config_version: identity.config_version,
            snapshot: identity.snapshot.clone(),
            device: compute.words().to_owned(),
            device_remark: compute.remark().map(str::to_owned),
            started_at,
            attempt_at: order.clock.now(),
            ended_at: None,
            resumed,
            stopping: false,
            steps,
            models: models(&profile.models, profile.max_epochs),
            combination: String::new(),
            curves: Vec::new(),
            nulls: NullsView { total: gates.g11_shift_refits + gates.g11_walk_refits, ..NullsView::default() },
            gates: Vec::new(),
            eta_s: None,
            outcome: None,
        }
    }

    /// Throws the finished fits of a run away.
    pub fn forget_fits(&self, run_id: i64) -> Result<(), TrainError> {
        let path = self.folder.checkpoints(run_id);
        match fs::remove_dir_all(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("cannot remove", &path)(e).into()),
            _ => Ok(()),
        }
    }

    /// Brings the run's record up to date. It may lag behind: neither a full disk nor somebody else at work in the database
    /// ends a run whose fits are safe.
    pub fn save(&self, view: &TrainingView) {
        if let Err(e) = self.within(Duration::ZERO, |db| db.save_training(view)) {
            tracing::warn!(target: "train", run = view.run_id, error = %e, "The record of the run could not be brought up to date");
        }
    }

    /// Records how the run ended, also one that was told to stop at once: whoever reads the database holds it for a moment only.
    pub fn end(&self, view: &TrainingView, gates: Option<&[GateResult]>, error: Option<&str>) -> Result<(), StoreError> {
        let patience = if self.order.stop.now.is_cancelled() { LAST_PATIENCE } else { PATIENCE };
        self.until(patience, &CancellationToken::new(), |db| {
            db.save_training(view)?;
            db.end_training(view.run_id, view.state, gates, error)
        })
    }
}
