//! The one who trains and keeps models: what an engine knows of training, and what commands do to models without one.
//!
//! [`Trainer`] implements [`Learning`](crate::engine::Learning) over the strategies' databases and model folders; its feeds
//! carry what training runs show and which models serve. [`TrainJob`] is the train job's body: it works through the
//! strategies it is asked for, one after the other, and [`Story`] tells people how far it is. The start of the engine
//! makes both; `nightdesk models` makes a trainer alone.

mod feeds;
mod job;
mod keep;
mod rows;
mod story;
mod summary;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

pub use job::TrainJob;
pub use story::{Line, Story, lasted, word};
pub use summary::{StrategyEnd, Summary};

use crate::market::Strategy;
use crate::store::StoreError;
use crate::store::master::ReadPool;
use crate::store::model::ModelDb;
use crate::train::progress::TrainingState;
use crate::train::registry::ModelFolder;
use crate::workplace::Workplace;
use feeds::Feeds;

/// Time between two looks at which models serve: champions grow too old while nothing happens.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// How long a command on models waits for whoever has a strategy's database, and between two tries. A training run has
/// it for moments, but building features takes minutes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Trains and keeps the models of both strategies in one data folder.
pub struct Trainer {
    place: Workplace,
    master: ReadPool,
    feeds: Feeds,
    recovered: OnceLock<()>,
}

impl Trainer {
    /// A trainer that has looked at nothing yet: its feeds are empty until [`Self::begin`] or a run.
    pub fn new(place: Workplace) -> Arc<Self> {
        let master = place.master();
        Arc::new(Self { place, master, feeds: Feeds::default(), recovered: OnceLock::new() })
    }

    /// Fills the feeds from the databases, beside the caller, and keeps which models serve up to date for as long as the
    /// trainer lives. The caller holds the data folder; runs that still look as if they worked are those of dead processes.
    pub fn begin(self: &Arc<Self>) {
        let trainer = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut tick = interval(LOOK_EVERY);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                let Some(trainer) = trainer.upgrade() else { return };
                let look = move || {
                    trainer.recover();
                    trainer.look();
                };
                // A look that panicked is tried again with the next tick.
                drop(tokio::task::spawn_blocking(look).await);
            }
        });
    }

    /// Marks what dead processes left, and shows each strategy's last run; once, before any run of this process.
    fn recover(&self) {
        self.recovered.get_or_init(|| Strategy::ALL.into_iter().for_each(|strategy| self.bury(strategy)));
    }

    /// Marks runs of `strategy` that nobody works on any more, and shows its last one.
    fn bury(&self, strategy: Strategy) {
        if let Err(e) = self.try_to_bury(strategy) {
            tracing::warn!(target: "train", %strategy, error = %e, "The last training run could not be read");
        }
    }

    fn try_to_bury(&self, strategy: Strategy) -> Result<(), StoreError> {
        let Some(reader) = self.place.reader(strategy)? else { return Ok(()) };
        if reader.trainings(1)?.first().is_some_and(|run| run.state == TrainingState::Running) {
            self.with_db(strategy, ModelDb::mark_lost_trainings)?;
        }
        if let Some(run) = reader.trainings(1)?.into_iter().next() {
            self.feeds.show(rows::view(run, strategy));
        }
        Ok(())
    }

    /// Brings the feed of which models serve up to date.
    fn look(&self) {
        for strategy in Strategy::ALL {
            match self.standing(strategy) {
                Ok(now) => self.feeds.stand(now),
                // What was known stays.
                Err(e) => tracing::debug!(target: "train", %strategy, error = %e, "Could not read which model serves"),
            }
        }
    }

    fn folder(&self, strategy: Strategy) -> ModelFolder {
        ModelFolder::new(&self.place.data_dir, strategy)
    }

    /// Opens the strategy's database for a moment, waiting for whoever has it.
    fn with_db<T, E: From<StoreError>>(&self, strategy: Strategy, work: impl FnOnce(&mut ModelDb) -> Result<T, E>) -> Result<T, E> {
        let path = self.place.data_dir.join(strategy.database_file());
        let open = || ModelDb::open(&path, strategy, self.place.demo, Arc::clone(&self.place.clock));
        ModelDb::when_free(open, self.place.clock.as_ref(), (PATIENCE, &CancellationToken::new()), work)
    }
}
