//! What scans and looks at drift are made of, and why one came to no end.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::StrategySettings;
use crate::dataset::DatasetError;
use crate::dataset::recent::Reading;
use crate::market::{Clock, Strategy, Universe};
use crate::store::StoreError;
use crate::store::master::ReadPool;
use crate::train::ensemble::EnsembleError;

/// What a night's work on a strategy is made of, and who is told.
pub struct WatchOrder<'a> {
    /// Whose.
    pub strategy: Strategy,
    /// Its rules.
    pub rules: &'a StrategySettings,
    /// Its symbols.
    pub universe: &'a Universe,
    /// The market data, to be read.
    pub master: &'a ReadPool,
    /// Folder of the databases and models.
    pub data_dir: &'a Path,
    /// Time.
    pub clock: &'a Arc<dyn Clock>,
    /// Hears of steps done and of all steps.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
    /// Ends the work within a second; nothing of the night is recorded then.
    pub stop: &'a CancellationToken,
}

/// Why it came to no end.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The strategy's database could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are no rows.
    #[error(transparent)]
    Rows(#[from] DatasetError),
    /// A model could not answer.
    #[error("model {model_id} could not be asked: {cause}")]
    Model {
        /// Which.
        model_id: i64,
        /// Why.
        cause: EnsembleError,
    },
    /// Told to stop.
    #[error("stopped; what was settled stands, and nothing else of this night was recorded")]
    Stopped,
}

impl WatchOrder<'_> {
    /// What the newest rows are read from.
    pub fn reading(&self) -> Reading<'_> {
        Reading { universe: self.universe, master: self.master, rules: self.rules, progress: self.progress, stop: self.stop }
    }
}
