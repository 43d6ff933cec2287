//! Why a training run came to no verdict.

use crate::dataset::DatasetError;
use crate::features::nightly::NightError;
use crate::labels::splits::SplitError;
use crate::store::StoreError;
use crate::train::backtest::BacktestError;
use crate::train::ensemble::EnsembleError;
use crate::train::newton::NewtonError;
use crate::train::pipeline::control::ControlError;
use crate::train::pipeline::fitting::FittingError;
use crate::train::registry::{ModelFileError, RegistryError};

/// Why a training run came to no verdict.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A person stopped it.
    #[error("stopped; finished fits are kept, and the same run goes on from them")]
    Stopped,
    /// Another run of the strategy is at work.
    #[error("{0}")]
    AtWork(String),
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no data set.
    #[error(transparent)]
    Dataset(DatasetError),
    /// There are too few rows to be divided.
    #[error("there are no test blocks: {0}")]
    NoBlocks(String),
    /// The proof of the purge does not hold: nothing may be learnt from such a division.
    #[error(
        "the purge of the test from {0} on is broken: a horizon reaches into it; nothing was trained. This is a fault of the program, please report it"
    )]
    Purge(chrono::NaiveDate),
    /// A value that models would be fed is no number.
    #[error("{0} feature values are no numbers; nothing was trained. `nightdesk features check` says where they come from")]
    NotFinite(usize),
    /// A block could not be divided.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A model could not be fitted.
    #[error("{model}: {cause}")]
    Model {
        /// Which.
        model: crate::config::strategy::ModelName,
        /// Why.
        cause: FittingError,
    },
    /// Answers could not be combined.
    #[error("the models' answers could not be combined: {0}")]
    Newton(#[from] NewtonError),
    /// Decisions could not be traded.
    #[error("the decisions could not be traded: {0}")]
    Backtest(#[from] BacktestError),
    /// A refit without a signal failed.
    #[error("null control: {0}")]
    Control(ControlError),
    /// A model file or a checkpoint could not be written or read.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// The registry refused.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Stored models cannot answer.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
    /// What is to be stored has no form as JSON.
    #[error("what is known of the models could not be written down: {0}; this is a fault of the program, please report it")]
    Json(#[from] serde_json::Error),
    /// The threads could not be started.
    #[error("the threads of the run could not be started: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl From<DatasetError> for TrainError {
    fn from(e: DatasetError) -> Self {
        match e {
            DatasetError::Features(NightError::Stopped) => Self::Stopped,
            DatasetError::Features(NightError::Store(e)) | DatasetError::Store(e) => Self::Store(e),
            e => Self::Dataset(e),
        }
    }
}

impl From<ControlError> for TrainError {
    fn from(e: ControlError) -> Self {
        match e {
            ControlError::Stopped => Self::Stopped,
            ControlError::Fitting(e) if e.stopped() => Self::Stopped,
            e => Self::Control(e),
        }
    }
}

impl TrainError {
    /// A fit that ended without a model.
    pub(super) fn of_fit(model: crate::config::strategy::ModelName, cause: FittingError) -> Self {
        if cause.stopped() { Self::Stopped } else { Self::Model { model, cause } }
    }

    /// Whether another attempt may help without anybody doing anything.
    pub const fn retry(&self) -> bool {
        matches!(self, Self::Store(StoreError::DiskFull | StoreError::Locked { .. }) | Self::Dataset(DatasetError::Changed))
    }
}
