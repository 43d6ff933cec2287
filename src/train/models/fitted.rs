//! A fitted model: a net and its weights, asked for answers.

use burn::tensor::{Device, Tensor, TensorData, activation};

use super::batches::Resident;
use super::device::{Compute, guarded};
use super::error::PredictError;
use super::inputs::Inputs;
use super::net::{Logits, Net, Weights};
use super::noise::Noise;
use super::optimiser::tracked;
use super::{BaseModel, NamedTensor};
use crate::config::strategy::ModelName;
use crate::labels::Class;
use crate::train::metrics::Probabilities;

/// Rows that are answered at once: hidden values of the widest net stay below 100 MB.
const ROWS: usize = 2048;

/// A net with weights.
pub(super) struct Fitted<N> {
    net: N,
    weights: Vec<NamedTensor>,
}

impl<N: Net> Fitted<N> {
    /// `weights` must be those of `net`.
    pub fn new(net: N, weights: Vec<NamedTensor>) -> Self {
        Self { net, weights }
    }

    fn resident(&self, inputs: &Inputs, device: &Device) -> Result<Resident, PredictError> {
        let window = self.net.window();
        inputs.check(self.net.columns(), window).map_err(|error| PredictError::Input { model: self.net.name(), error })?;
        Ok(Resident::new(inputs, window, device))
    }

    fn gradients(&self, inputs: &Inputs, class: Class, compute: &Compute) -> Result<Vec<f32>, PredictError> {
        let rows = self.resident(inputs, compute.device())?;
        let weights = Weights::upload(&self.weights, compute.device());
        let all: Vec<u32> = (0..rows.rows() as u32).collect();
        let mut out = Vec::with_capacity(rows.rows() * self.net.columns() * self.net.window().unwrap_or(1));
        for part in all.chunks(ROWS) {
            let x: Vec<Tensor<2>> = rows.batch(part).into_iter().map(tracked).collect();
            let odds = log_odds(self.net.logits(&weights, &x, &mut Noise::none()), class, compute.device());
            let mut gradients = odds.backward();
            let each: Vec<Tensor<2>> =
                x.iter().map(|x| x.grad_remove(&mut gradients).unwrap_or_else(|| x.clone().inner().zeros_like())).collect();
            let stacked: Tensor<3> = Tensor::stack(each, 1);
            out.extend(read(&self.net, stacked, compute)?);
        }
        Ok(out)
    }
}

impl<N: Net> BaseModel for Fitted<N> {
    fn name(&self) -> ModelName {
        self.net.name()
    }

    fn sees_windows(&self) -> bool {
        self.net.window().is_some()
    }

    fn predict(&self, inputs: &Inputs, compute: &Compute) -> Result<Vec<Probabilities>, PredictError> {
        let asked = guarded(|| {
            let rows = self.resident(inputs, compute.device())?;
            answers(&self.net, &Weights::upload(&self.weights, compute.device()), &rows, compute)
        });
        asked.unwrap_or_else(|error| Err(backend(&self.net, compute, error)))
    }

    fn input_gradients(&self, inputs: &Inputs, class: Class, compute: &Compute) -> Result<Vec<f32>, PredictError> {
        let asked = guarded(|| self.gradients(inputs, class, compute));
        asked.unwrap_or_else(|error| Err(backend(&self.net, compute, error)))
    }

    fn weights(&self) -> &[NamedTensor] {
        &self.weights
    }
}

/// Sum over rows of `ln p_k - mean_j ln p_j`; rows do not meet in a net, so its gradient is each row's own.
fn log_odds(logits: Logits, class: Class, device: &Device) -> Tensor<1> {
    // The mean over members, of probabilities that may be smaller than the least number above 0.
    let log_p = activation::log_softmax(logits, 2);
    let most = log_p.clone().max_dim(0).detach();
    let log_p = (log_p - most.clone()).exp().mean_dim(0).log() + most;
    let share = |k: &Class| f32::from(u8::from(*k == class)) - 1.0 / Class::COUNT as f32;
    let shares: Vec<f32> = Class::ALL.iter().map(share).collect();
    (log_p * Tensor::<3>::from_data(TensorData::new(shares, [1, 1, Class::COUNT]), device)).sum()
}

/// Values of a tensor on the host.
fn read<N: Net, const D: usize>(net: &N, tensor: Tensor<D>, compute: &Compute) -> Result<Vec<f32>, PredictError> {
    tensor.try_into_vec_as::<f32>().map_err(|error| backend(net, compute, error.to_string()))
}

fn backend<N: Net>(net: &N, compute: &Compute, error: String) -> PredictError {
    PredictError::Backend { model: net.name(), device: compute.words().to_owned(), error }
}

/// Probabilities of all rows: softmax in f64, then the mean over members.
pub(super) fn answers<N: Net>(net: &N, weights: &Weights, rows: &Resident, compute: &Compute) -> Result<Vec<Probabilities>, PredictError> {
    let all: Vec<u32> = (0..rows.rows() as u32).collect();
    let mut out: Vec<Probabilities> = Vec::with_capacity(all.len());
    for part in all.chunks(ROWS) {
        let logits = net.logits(weights, &rows.batch(part), &mut Noise::none());
        let members = logits.dims()[0];
        let logits = read(net, logits, compute)?;
        let first = out.len();
        out.resize(first + part.len(), [0.0; Class::COUNT]);
        for (at, logits) in logits.chunks_exact(Class::COUNT).enumerate() {
            let p = softmax([logits[0], logits[1], logits[2]].map(f64::from));
            for (sum, p) in out[first + at % part.len()].iter_mut().zip(p) {
                *sum += p / members as f64;
            }
        }
    }
    match out.iter().position(|p| p.iter().any(|p| !p.is_finite())) {
        Some(row) => Err(PredictError::NotFinite { model: net.name(), row }),
        None => Ok(out),
    }
}

fn softmax(logits: Probabilities) -> Probabilities {
    let most = logits.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let odds = logits.map(|z| (z - most).exp());
    let sum: f64 = odds.iter().sum();
    odds.map(|o| o / sum)
}
