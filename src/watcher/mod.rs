//! The one who watches: scans each night, settles signals, and compares models with what they were trained on.
//!
//! [`Watcher`] implements [`Watching`](crate::engine::Watching) over the strategies' databases; its feeds carry the newest
//! scan and the newest drift of each strategy. [`WatchJob`] is the body of the scan and drift jobs: it works through the
//! strategies it is asked for, one after the other. The start of the engine makes both; commands that only look make a
//! watcher alone.

mod correlation;
mod drift;
mod feeds;
mod job;
mod keep;
mod signals;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

pub use job::WatchJob;

use crate::drift::views::DriftView;
use crate::market::Strategy;
use crate::scan::views::SignalsView;
use crate::store::StoreError;
use crate::store::master::ReadPool;
use crate::train::progress::Standing;
use crate::workplace::Workplace;
use feeds::Feeds;

/// How long a night waits for whoever has a strategy's database, and how long a command of a person does.
const PATIENCE: Duration = Duration::from_mins(10);
const PATIENCE_OF_PEOPLE: Duration = Duration::from_secs(20);

/// Watches both strategies in one data folder.
pub struct Watcher {
    place: Workplace,
    master: ReadPool,
    feeds: Feeds,
    /// One look at a time: an older reading never overwrites a newer one in the feeds.
    looking: Mutex<()>,
}

impl Watcher {
    /// A watcher that has looked at nothing yet: its feeds are empty until [`Self::begin`] or a night.
    pub fn new(place: Workplace) -> Arc<Self> {
        let master = place.master();
        Arc::new(Self { place, master, feeds: Feeds::default(), looking: Mutex::default() })
    }

    /// Fills the feeds from the databases, beside the caller, and again whenever another model serves, which `standings` tells, for
    /// as long as the watcher lives.
    pub fn begin(self: &Arc<Self>, mut standings: watch::Receiver<Arc<Vec<Standing>>>) {
        let watcher = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                let Some(watcher) = watcher.upgrade() else { return };
                // A look that panicked is taken again with the next change.
                drop(tokio::task::spawn_blocking(move || watcher.look()).await);
                if standings.changed().await.is_err() {
                    return;
                }
            }
        });
    }

    /// Brings the feeds up to date.
    fn look(&self) {
        let _one = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        for strategy in Strategy::ALL {
            match self.signals_view(strategy) {
                Ok(now) => self.feeds.show_signals(now),
                // What was known stays.
                Err(e) => tracing::debug!(target: "scan", %strategy, error = %e, "Could not read the newest scan"),
            }
            match self.drift_view(strategy) {
                Ok(now) => self.feeds.show_drift(now),
                Err(e) => tracing::debug!(target: "drift", %strategy, error = %e, "Could not read the newest drift"),
            }
        }
    }

    /// What is shown of a strategy's signals.
    fn signals_view(&self, strategy: Strategy) -> Result<SignalsView, StoreError> {
        let Some(reader) = self.place.reader(strategy)? else { return Ok(SignalsView::unscanned(strategy, signals::NO_SCAN)) };
        signals::view(&reader, &self.pages(strategy))
    }

    /// What is shown of a strategy's drift.
    fn drift_view(&self, strategy: Strategy) -> Result<DriftView, StoreError> {
        let rules = self.place.rules.load_full();
        let Some(reader) = self.place.reader(strategy)? else { return Ok(DriftView::unwatched(strategy, drift::NO_LOOK)) };
        drift::view(&reader, strategy, &rules.get(strategy).settings.drift_detection)
    }

    fn pages(&self, strategy: Strategy) -> signals::Pages<'_> {
        signals::Pages { strategy, universe: &self.place.universe, master: &self.master, now: self.place.clock.now() }
    }
}
