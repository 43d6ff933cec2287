//! One data folder and what everybody who works in it shares: [`Trainer`](crate::trainer::Trainer),
//! [`Watcher`](crate::watcher::Watcher) and [`BacktestJob`](crate::scan::backtest::BacktestJob) are made of one each.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::audit::Work;
use crate::config::Strategies;
use crate::market::{Clock, Strategy, Universe};
use crate::store::StoreError;
use crate::store::master::{DATABASE, ReadPool};
use crate::store::model::{ModelDb, ModelReader};

/// Where work is done, on which symbols, and by which rules.
#[derive(Clone)]
pub struct Workplace {
    /// Folder of databases and models.
    pub data_dir: PathBuf,
    /// Data come from simulators.
    pub demo: bool,
    /// Members.
    pub universe: Universe,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The training rules in force, replaced by whoever reads them again; each run reads them anew.
    pub rules: Arc<ArcSwap<Strategies>>,
}

impl Workplace {
    /// Readers of the market data; connections are opened on demand.
    pub fn master(&self) -> ReadPool {
        ReadPool::new(&self.data_dir.join(DATABASE))
    }

    /// The database of a strategy, to be read; `None` before anything was made for the strategy.
    pub fn reader(&self, strategy: Strategy) -> Result<Option<ModelReader>, StoreError> {
        match ModelReader::open(&self.data_dir.join(strategy.database_file()), strategy) {
            Ok(reader) => Ok(Some(reader)),
            Err(StoreError::NotBuilt { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Works on the database of a strategy by the rules in force, waiting for whoever has it.
    pub fn with<T, E: From<StoreError>>(
        &self,
        strategy: Strategy,
        (patience, stop): (Duration, &CancellationToken),
        work: impl FnOnce(&mut ModelDb) -> Result<T, E>,
    ) -> Result<T, E> {
        let rules = self.rules.load_full();
        let rules = &rules.get(strategy).settings;
        Work { data_dir: &self.data_dir, strategy, rules, demo: self.demo, clock: &self.clock }.within(patience, stop, work)
    }
}
