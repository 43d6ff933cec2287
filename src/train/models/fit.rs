//! The training loop of all base models.

use burn::tensor::{Device, Tensor, TensorData, activation};

use super::batches::{Resident, even_parts, indices, shuffle};
use super::error::{FitError, PredictError};
use super::fitted::answers;
use super::inputs::Examples;
use super::net::{Logits, Net, Role, Spec, Weights, start};
use super::noise::Noise;
use super::optimiser::{Descent, rate, tracked};
use super::{Epoch, FitOrder, FitReport, NamedTensor};
use crate::labels::Class;
use crate::random::Stream;
use crate::train::metrics::log_loss;

/// Steps on a GPU between looks at the loss; each look waits for all steps so far.
const GPU_LOOKS: usize = 32;

/// What keys of streams are for, beside those of `net::start`.
const ORDER: u64 = 2;
const DROPOUT: u64 = 3;

/// Fits a net; see [`super::fit`].
pub(super) fn fit<N: Net>(
    net: &N,
    order: &FitOrder<'_>,
    train: &Examples,
    slice: Option<&Examples>,
) -> Result<(Vec<NamedTensor>, FitReport), FitError> {
    let (model, window) = (net.name(), net.window());
    for examples in [Some(train), slice].into_iter().flatten() {
        examples.check(net.columns(), window).map_err(|error| FitError::Input { model, error })?;
    }
    if train.class.is_empty() {
        return Err(FitError::NoRows(model));
    }
    if slice.is_some_and(|s| s.class.is_empty()) {
        return Err(FitError::NoSlice(model));
    }
    let slice = if order.fixed_epochs.is_some() { None } else { slice };
    keep_freed_memory();
    Fit::new(net, order, train).run(slice)
}

/// Has the allocator keep what a step frees for the next step.
///
/// glibc hands blocks above a threshold back to the kernel, and the threshold is the largest block that was so handed back, of
/// at most 32 MiB. Steps allocate and free some megabytes for each tensor; without this a seventh to a third of an epoch goes
/// into page faults (measured; 83,000 faults against 11,000). Other allocators lose nothing by it: no page is touched.
fn keep_freed_memory() {
    const BLOCK: usize = 31 << 20;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(BLOCK)));
}

/// A fit at work.
struct Fit<'a, N> {
    net: &'a N,
    order: &'a FitOrder<'a>,
    specs: Vec<Spec>,
    weights: Weights,
    descent: Descent,
    rows: Resident,
    /// Rows x classes: weight x smoothed target, of which the loss is the sum of products with log-probabilities.
    targets: Tensor<2>,
    /// 1 x 1 x classes: see [`FitOrder::shift`].
    shift: Tensor<3>,
}

/// The best weights so far.
struct Best {
    weights: Vec<Tensor<2>>,
    report: FitReport,
}

impl<'a, N: Net> Fit<'a, N> {
    fn new(net: &'a N, order: &'a FitOrder<'a>, train: &Examples) -> Self {
        let (device, specs) = (order.compute.device(), net.tensors());
        let mut weights = Weights::upload(&start(net, &train.inputs, order.seed), device);
        for (tensor, spec) in weights.0.iter_mut().zip(&specs) {
            if spec.role != Role::Fixed {
                *tensor = tracked(tensor.clone());
            }
        }
        Self {
            net,
            order,
            weights,
            descent: Descent::new(order.optimiser, &specs),
            rows: Resident::new(&train.inputs, net.window(), device),
            targets: targets(train, order.optimiser.label_smoothing, device),
            shift: Tensor::from_data(TensorData::new(order.shift.map(|v| v as f32).to_vec(), [1, 1, Class::COUNT]), device),
            specs,
        }
    }

    fn run(mut self, slice: Option<&Examples>) -> Result<(Vec<NamedTensor>, FitReport), FitError> {
        let seen = slice.map(|s| (Resident::new(&s.inputs, self.net.window(), self.order.compute.device()), s));
        let of = self.order.fixed_epochs.unwrap_or(self.order.max_epochs).max(1);
        let mut best: Option<Best> = None;
        for number in 1..=of {
            let train_loss = self.epoch(number)?;
            let stop_loss = seen.as_ref().map(|(rows, s)| self.stop_loss(rows, s, number)).transpose()?;
            (self.order.told)(Epoch { number, of, train_loss, stop_loss });
            let better = match (&best, stop_loss) {
                (Some(best), Some(loss)) => best.report.stop_loss.is_none_or(|least| loss < least),
                _ => true,
            };
            if better {
                let report = FitReport { epochs: number, best_epoch: number, train_loss, stop_loss, parameters: self.parameters() };
                best = Some(Best { weights: self.weights.0.iter().map(|t| t.clone().inner()).collect(), report });
            } else if let Some(best) = &mut best {
                best.report.epochs = number;
                if number - best.report.best_epoch >= self.order.optimiser.patience_epochs {
                    break;
                }
            }
        }
        let best = best.ok_or(FitError::NoRows(self.net.name()))?;
        Ok((self.named(best.weights)?, best.report))
    }

    /// One pass over the rows; its mean loss.
    fn epoch(&mut self, number: u32) -> Result<f64, FitError> {
        let (order, config, device) = (self.order, self.order.optimiser, self.order.compute.device());
        let mut rows = self.rows.shown(number, order.window_stride);
        shuffle(&mut rows, &mut Stream::new(&[order.seed, ORDER, u64::from(number)]));
        let (most, looks) = if order.compute.is_gpu() { (config.gpu_batch_rows, GPU_LOOKS) } else { (config.batch_rows, 1) };
        let parts = even_parts(&rows, most as usize);
        let steps = parts.len();
        let mut losses = Losses::default();
        for (step, part) in parts.enumerate() {
            if order.stop.is_cancelled() {
                return Err(FitError::Cancelled(self.net.name()));
            }
            let draw = Stream::new(&[order.seed, DROPOUT, u64::from(number), step as u64]);
            let mut noise = Noise::training(config.dropout, draw, device);
            let logits = self.net.logits(&self.weights, &self.rows.batch(part), &mut noise);
            let loss = loss(logits + self.shift.clone(), self.targets.clone().select(0, indices(part.iter().copied(), device)));
            let gradients = loss.backward();
            losses.add(loss.inner(), part.len());
            let share = (f64::from(number - 1) + (step + 1) as f64 / steps as f64) / f64::from(order.max_epochs.max(1));
            self.descent.step(rate(config, share), &mut self.weights, gradients);
            if (step + 1) % looks == 0 || step + 1 == steps {
                self.look(&mut losses, number)?;
            }
        }
        Ok(losses.sum / rows.len() as f64)
    }

    /// Reads the losses so far; one that is not finite ends the fit.
    fn look(&self, losses: &mut Losses, epoch: u32) -> Result<(), FitError> {
        for (loss, rows) in losses.unread.drain(..) {
            let loss = loss.try_into_scalar::<f32>().map_err(|error| self.backend(error.to_string()))?;
            if !loss.is_finite() {
                return Err(FitError::Diverged { model: self.net.name(), loss: loss.to_string(), epoch });
            }
            losses.sum += f64::from(loss) * rows as f64;
        }
        Ok(())
    }

    /// Unweighted log loss without dropout and smoothing.
    fn stop_loss(&self, rows: &Resident, slice: &Examples, epoch: u32) -> Result<f64, FitError> {
        let weights = Weights(self.weights.0.iter().map(|t| t.clone().inner()).collect());
        let p = answers(self.net, &weights, rows, self.order.compute).map_err(|error| match error {
            PredictError::Backend { error, .. } => self.backend(error),
            PredictError::NotFinite { .. } | PredictError::Input { .. } => {
                FitError::Diverged { model: self.net.name(), loss: "NaN".to_owned(), epoch }
            }
        })?;
        let loss = log_loss(slice.class.iter().zip(p).map(|(&class, p)| (class, p, 1.0)));
        loss.ok_or(FitError::NoSlice(self.net.name()))
    }

    fn parameters(&self) -> usize {
        self.specs.iter().filter(|s| s.role != Role::Fixed).map(|s| s.shape[0] * s.shape[1]).sum()
    }

    fn named(&self, tensors: Vec<Tensor<2>>) -> Result<Vec<NamedTensor>, FitError> {
        let name = |(spec, tensor): (&Spec, Tensor<2>)| {
            let values = tensor.try_into_vec_as::<f32>().map_err(|error| self.backend(error.to_string()))?;
            Ok(NamedTensor { name: spec.name.clone(), shape: spec.shape.to_vec(), values })
        };
        self.specs.iter().zip(tensors).map(name).collect()
    }

    fn backend(&self, error: String) -> FitError {
        backend(self.net, self.order, error)
    }
}

/// The backend's words as an error.
pub(super) fn backend<N: Net>(net: &N, order: &FitOrder<'_>, error: String) -> FitError {
    FitError::Backend { model: net.name(), device: order.compute.words().to_owned(), error }
}

/// Losses of steps, summed over rows once read.
#[derive(Default)]
struct Losses {
    unread: Vec<(Tensor<1>, usize)>,
    sum: f64,
}

impl Losses {
    fn add(&mut self, loss: Tensor<1>, rows: usize) {
        self.unread.push((loss, rows));
    }
}

/// For each row: its weight, spread over the classes by `smoothing` (Szegedy et al., CVPR 2016).
fn targets(examples: &Examples, smoothing: f64, device: &Device) -> Tensor<2> {
    let spread = smoothing / Class::COUNT as f64;
    let row = |(class, weight): (&Class, &f32)| {
        let (class, weight) = (*class, f64::from(*weight));
        Class::ALL.map(|k| (weight * (spread + if k == class { 1.0 - smoothing } else { 0.0 })) as f32)
    };
    let values: Vec<f32> = examples.class.iter().zip(&examples.weight).flat_map(row).collect();
    Tensor::from_data(TensorData::new(values, [examples.class.len(), Class::COUNT]), device)
}

/// Weighted, smoothed cross-entropy: mean over rows and members.
pub(super) fn loss(logits: Logits, targets: Tensor<2>) -> Tensor<1> {
    let [members, rows, _] = logits.dims();
    let products = activation::log_softmax(logits, 2) * targets.unsqueeze_dim::<3>(0);
    products.sum().mul_scalar(-1.0 / (members * rows) as f64)
}
