//! What is asked about models and done to them.

use std::sync::Arc;

use tokio::sync::watch;

use super::Trainer;
use super::rows::{self, Rows};
use crate::engine::{Learning, Training};
use crate::market::Strategy;
use crate::store::StoreError;
use crate::store::model::ModelReader;
use crate::train::model_views::{ModelDetail, ModelRow};
use crate::train::progress::{Standing, TrainingState, TrainingView};
use crate::train::registry::{self, Actor, RegistryError};

/// Why a model was moved, where a person gave no other reason.
const BY_HAND: &str = "by hand";

impl Trainer {
    /// Which model of the strategy serves, or why none does.
    pub fn standing(&self, strategy: Strategy) -> Result<Standing, StoreError> {
        let Some(reader) = self.place.reader(strategy)? else { return Ok(Standing::untrained(strategy)) };
        registry::standing(&reader, strategy, self.place.clock.now())
    }

    fn stored(reader: &ModelReader, strategy: Strategy, which: Training) -> Result<Option<TrainingView>, StoreError> {
        let run = match which {
            Training::Newest => reader.trainings(1)?.into_iter().next(),
            Training::Run(run_id) => reader.training(run_id)?,
            Training::JobRun(job_run) => reader.training_of_job(job_run)?,
        };
        Ok(run.map(|run| rows::view(run, strategy)))
    }

    /// Makes a change of models under the database's lock, and shows what serves then.
    fn change<T>(
        &self,
        strategy: Strategy,
        change: impl FnOnce(&mut crate::store::model::ModelDb) -> Result<T, RegistryError>,
    ) -> Result<T, String> {
        if self.place.reader(strategy).map_err(|e| e.to_string())?.is_none() {
            return Err(format!("{strategy} has no models yet; `nightdesk train --strategy {strategy}` makes some"));
        }
        let done = self.with_db(strategy, change).map_err(|e| e.to_string())?;
        self.look();
        Ok(done)
    }
}

impl Learning for Trainer {
    fn trainings(&self) -> watch::Receiver<Arc<Vec<TrainingView>>> {
        self.feeds.trainings()
    }

    fn standings(&self) -> watch::Receiver<Arc<Vec<Standing>>> {
        self.feeds.standings()
    }

    fn models(&self, strategy: Strategy) -> Result<Vec<ModelRow>, String> {
        let Some(reader) = self.place.reader(strategy).map_err(|e| e.to_string())? else { return Ok(Vec::new()) };
        let rows = Rows { reader: &reader, folder: &self.folder(strategy), now: self.place.clock.now() };
        rows.all().map_err(|e| e.to_string())
    }

    fn model(&self, strategy: Strategy, model_id: i64) -> Result<Option<ModelDetail>, String> {
        let Some(reader) = self.place.reader(strategy).map_err(|e| e.to_string())? else { return Ok(None) };
        let rows = Rows { reader: &reader, folder: &self.folder(strategy), now: self.place.clock.now() };
        rows.detail(model_id).map_err(|e| e.to_string())
    }

    fn training(&self, strategy: Strategy, which: Training) -> Result<Option<TrainingView>, String> {
        let wanted = |v: &TrainingView| match which {
            Training::Newest => true,
            Training::Run(run_id) => v.run_id == run_id,
            Training::JobRun(job_run) => v.job_run == Some(job_run),
        };
        // What is stored of a run at work lags behind what it shows.
        let shown = self.feeds.trainings().borrow().iter().find(|v| v.strategy == strategy && wanted(v)).cloned();
        if let Some(view) = shown.filter(|v| v.state == TrainingState::Running) {
            return Ok(Some(view));
        }
        let Some(reader) = self.place.reader(strategy).map_err(|e| e.to_string())? else { return Ok(None) };
        Self::stored(&reader, strategy, which).map_err(|e| e.to_string())
    }

    fn promote(&self, strategy: Strategy, model_id: i64, actor: &str) -> Result<String, String> {
        let (folder, now) = (self.folder(strategy), self.place.clock.now());
        self.change(strategy, |db| registry::promote(db, &folder, model_id, Actor::Person(actor), BY_HAND, now))?;
        tracing::info!(target: "train", %strategy, model = model_id, actor, "A model became champion");
        Ok(format!("model {model_id} is champion of {strategy}: its signals count from now on"))
    }

    fn rollback(&self, strategy: Strategy, actor: &str) -> Result<String, String> {
        let (folder, now) = (self.folder(strategy), self.place.clock.now());
        let back = self.change(strategy, |db| registry::rollback(db, &folder, Actor::Person(actor), BY_HAND, now))?;
        tracing::info!(target: "train", %strategy, model = back.model_id, actor, "The champion before was put back");
        Ok(format!("model {} is champion of {strategy} again: its signals count from now on", back.model_id))
    }
}
