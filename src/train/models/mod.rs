//! The eight base models: how each turns rows into probabilities, one training loop for all, and the neutral form of
//! their weights.
//!
//! The orchestrator calls [`fit`] for each fold and seed, the registry stores [`BaseModel::weights`], the scan calls
//! [`load`] and [`BaseModel::predict`], attribution [`BaseModel::input_gradients`]. A fitted model is a list of host
//! tensors; it holds no device, so it can be kept, sent and compared.
//!
//! All randomness (first weights, order of rows, dropout) comes from `random::Stream` keyed by the seed, never from the
//! backend's global generator: the same seed on the same backend gives the same bits, however many fits run at once in the
//! process and however many threads they have. Matrix products of the processor backend use the `rayon` pool they are
//! called in: `ThreadPool::install` around [`fit`] is how a fit is held to its share of the processor. Small nets gain
//! about a tenth from a second thread; two fits at once, one thread each, gain more than half.

mod batches;
pub mod device;
mod error;
mod fit;
mod fitted;
mod gru;
mod inputs;
mod mlp;
mod net;
mod noise;
mod optimiser;
mod quantiles;
mod realmlp;
mod resnet;
mod softmax;
mod tabm;
mod tcn;
mod trees;

use tokio_util::sync::CancellationToken;

pub use device::Compute;
pub use error::{FitError, InputError, LoadError, PredictError};
pub use inputs::{Examples, Inputs, Windows};

use super::metrics::Probabilities;
use crate::config::strategy::{Ensemble, ModelName, Optimiser};
use crate::labels::Class;
use fitted::Fitted;
use net::Net;

/// How many columns a model sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Columns of the table.
    pub width: usize,
    /// Channels of a bar in a window.
    pub channels: usize,
}

/// A tensor in neutral form, as the registry stores it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Unique within a model.
    pub name: String,
    /// Rows and columns.
    pub shape: Vec<usize>,
    /// Row-major, as many as the shape's product.
    pub values: Vec<f32>,
}

/// What a fit tells after each pass over the rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// From 1.
    pub number: u32,
    /// Most that this fit makes.
    pub of: u32,
    /// Weighted and smoothed mean loss that was descended, with dropout, nats.
    pub train_loss: f64,
    /// Unweighted log loss on the early-stop slice, nats; `None` without a slice.
    pub stop_loss: Option<f64>,
}

/// How to fit one model once.
pub struct FitOrder<'a> {
    /// Rates, sizes of steps, patience.
    pub optimiser: &'a Optimiser,
    /// Most passes over the rows; the schedule of rates spans these.
    pub max_epochs: u32,
    /// Ends after so many passes and looks at no early-stop slice: the refit on all rows. Rates follow the schedule of
    /// `max_epochs`, so that a pass is what it was when the number was chosen.
    pub fixed_epochs: Option<u32>,
    /// Each epoch, models on windows see every n-th session, another one each epoch; 1 = all.
    pub window_stride: u32,
    /// Added to the logits while the loss is descended: `ln(seen / natural)` of each class, where the rows of the fit are not at
    /// natural frequency. What the model says without it is then at natural frequency, on the early-stop slice too (Menon et
    /// al., ICLR 2021: logit adjustment; the correction `p_k * natural_k / seen_k` made part of the fit).
    pub shift: [f64; Class::COUNT],
    /// Of all randomness of this fit.
    pub seed: u64,
    /// Where to compute.
    pub compute: &'a Compute,
    /// Looked at before each step.
    pub stop: &'a CancellationToken,
    /// Called after each epoch, on the thread that fits.
    pub told: &'a (dyn Fn(Epoch) + Sync),
}

/// What came of a fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitReport {
    /// Passes made.
    pub epochs: u32,
    /// The pass whose weights were kept: the one with the least stop loss, or the last without a slice.
    pub best_epoch: u32,
    /// Loss on the training rows in that pass, nats.
    pub train_loss: f64,
    /// Log loss on the early-stop slice after that pass, nats.
    pub stop_loss: Option<f64>,
    /// Learned numbers.
    pub parameters: usize,
}

/// A fitted model.
pub trait BaseModel: Send + Sync {
    /// Which.
    fn name(&self) -> ModelName;

    /// Whether it sees windows of bars and not the table.
    fn sees_windows(&self) -> bool;

    /// Probabilities of each row, which sum to 1.
    fn predict(&self, inputs: &Inputs, compute: &Compute) -> Result<Vec<Probabilities>, PredictError>;

    /// Gradient of the log-odds `ln p_k - mean_j ln p_j` of one class with respect to what the model sees of each row:
    /// rows x width of the table, or rows x sessions (oldest first) x channels of the windows.
    ///
    /// Integrated gradients call this on inputs between a baseline and the rows; a window moves with its series.
    fn input_gradients(&self, inputs: &Inputs, class: Class, compute: &Compute) -> Result<Vec<f32>, PredictError>;

    /// All tensors, learned ones and constants measured on the training rows, in a fixed order.
    fn weights(&self) -> &[NamedTensor];
}

/// Fits a model on `train`; `slice` ends it early.
///
/// Rows of `train` weigh by [`Examples::weight`], rows of `slice` weigh alike.
pub fn fit(
    name: ModelName,
    sizes: &Ensemble,
    shape: Shape,
    order: &FitOrder<'_>,
    train: &Examples,
    slice: Option<&Examples>,
) -> Result<(Box<dyn BaseModel>, FitReport), FitError> {
    each(name, sizes, shape, Fitting { order, train, slice })
}

/// A model of these sizes with stored weights.
pub fn load(name: ModelName, sizes: &Ensemble, shape: Shape, weights: Vec<NamedTensor>) -> Result<Box<dyn BaseModel>, LoadError> {
    each(name, sizes, shape, Loading { weights })
}

/// Something done with the net of a model, whichever it is.
trait WithNet {
    type Outcome;

    fn with<N: Net + 'static>(self, net: N) -> Self::Outcome;
}

/// Calls `task` with the net of `name`.
fn each<T: WithNet>(name: ModelName, sizes: &Ensemble, shape: Shape, task: T) -> T::Outcome {
    match name {
        ModelName::Softmax => task.with(softmax::Softmax::new(shape)),
        ModelName::Mlp => task.with(mlp::Mlp::new(&sizes.mlp, shape)),
        ModelName::ResNet => task.with(resnet::ResNet::new(&sizes.resnet, shape)),
        ModelName::Trees => task.with(trees::Trees::new(&sizes.trees, shape)),
        ModelName::RealMlp => task.with(realmlp::RealMlp::new(&sizes.realmlp, shape)),
        ModelName::TabM => task.with(tabm::TabM::new(&sizes.tabm, shape)),
        ModelName::Gru => task.with(gru::Gru::new(&sizes.gru, shape)),
        ModelName::Tcn => task.with(tcn::Tcn::new(&sizes.tcn, shape)),
    }
}

struct Fitting<'a> {
    order: &'a FitOrder<'a>,
    train: &'a Examples,
    slice: Option<&'a Examples>,
}

impl WithNet for Fitting<'_> {
    type Outcome = Result<(Box<dyn BaseModel>, FitReport), FitError>;

    fn with<N: Net + 'static>(self, net: N) -> Self::Outcome {
        let fitted = device::guarded(|| fit::fit(&net, self.order, self.train, self.slice));
        let (weights, report) = fitted.unwrap_or_else(|error| Err(fit::backend(&net, self.order, error)))?;
        Ok((Box::new(Fitted::new(net, weights)), report))
    }
}

struct Loading {
    weights: Vec<NamedTensor>,
}

impl WithNet for Loading {
    type Outcome = Result<Box<dyn BaseModel>, LoadError>;

    fn with<N: Net + 'static>(self, net: N) -> Self::Outcome {
        let weights = net::in_order(&net, self.weights);
        net::check_weights(&net, &weights)?;
        Ok(Box::new(Fitted::new(net, weights)))
    }
}

#[cfg(test)]
mod tests;
