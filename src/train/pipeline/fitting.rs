//! One fit of one model on one block, and its answers on the rows it has not seen.

use tokio_util::sync::CancellationToken;

use super::prepared::Prepared;
use crate::config::strategy::{Ensemble, ModelName, Profile};
use crate::dataset::windows::CHANNELS;
use crate::train::metrics::Probabilities;
use crate::train::models::{
    self, BaseModel, Compute, Epoch, Examples, FitError, FitOrder, FitReport, Inputs, LoadError, PredictError, Shape,
};

/// Whether a model sees windows of channels and not the table of features.
pub const fn on_windows(model: ModelName) -> bool {
    matches!(model, ModelName::Gru | ModelName::Tcn)
}

/// Under which terms models are fitted.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Sizes and optimiser.
    pub ensemble: &'a Ensemble,
    /// Effort.
    pub profile: &'a Profile,
    /// Features a row.
    pub width: usize,
    /// What computes.
    pub compute: &'a Compute,
    /// Ends a fit before its next step.
    pub stop: &'a CancellationToken,
}

/// A fitted model with what it said.
pub struct FitOutcome {
    /// The model.
    pub model: Box<dyn BaseModel>,
    /// Of the block's test rows, at natural class shares.
    pub answers: Vec<Probabilities>,
    /// How it went.
    pub report: FitReport,
}

/// Why there is no fitted model.
#[derive(Debug, thiserror::Error)]
pub enum FittingError {
    /// The fit failed or was stopped.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The fitted model cannot answer.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// Weights that were kept are not those of the model.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl FittingError {
    /// Whether a person stopped it.
    pub const fn stopped(&self) -> bool {
        matches!(self, Self::Fit(FitError::Cancelled(_)))
    }
}

impl Terms<'_> {
    /// How many columns models see.
    pub const fn shape(&self) -> Shape {
        Shape { width: self.width, channels: CHANNELS.len() }
    }

    /// Fits `model` on a block and asks it about the block's test rows. With `epochs` it is a refit of that length.
    pub fn fit(
        &self,
        model: ModelName,
        block: &Prepared,
        seed: u64,
        epochs: Option<u32>,
        told: &(dyn Fn(Epoch) + Sync),
    ) -> Result<FitOutcome, FittingError> {
        let lot = if on_windows(model) { &block.windows } else { &block.table };
        let (model, report) = self.fit_on(model, (&lot.train, lot.slice.as_ref()), block.fold.shift(), (seed, epochs), told)?;
        let answers = self.ask(model.as_ref(), &lot.test)?;
        Ok(FitOutcome { model, answers, report })
    }

    /// Fits `model` on rows; `shift` as [`Fold::shift`](crate::dataset::Fold::shift) gives it.
    pub fn fit_on(
        &self,
        model: ModelName,
        (train, slice): (&Examples, Option<&Examples>),
        shift: Probabilities,
        (seed, epochs): (u64, Option<u32>),
        told: &(dyn Fn(Epoch) + Sync),
    ) -> Result<(Box<dyn BaseModel>, FitReport), FittingError> {
        let order = FitOrder {
            optimiser: &self.ensemble.optimiser,
            max_epochs: self.profile.max_epochs,
            fixed_epochs: epochs,
            window_stride: self.profile.window_stride,
            shift,
            seed,
            compute: self.compute,
            stop: self.stop,
            told,
        };
        Ok(models::fit(model, self.ensemble, self.shape(), &order, train, slice)?)
    }

    /// What a model says of rows; nothing of none.
    pub fn ask(&self, model: &dyn BaseModel, rows: &Inputs) -> Result<Vec<Probabilities>, FittingError> {
        let none = if model.sees_windows() { rows.windows.last.is_empty() } else { rows.table.is_empty() };
        if none { Ok(Vec::new()) } else { Ok(model.predict(rows, self.compute)?) }
    }
}
