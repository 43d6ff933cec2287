//! Gated recurrent units on windows of near-raw channels (Cho et al., EMNLP 2014): a memory that reads one session after the
//! other and is asked at the last.
//!
//! One matrix product for each gate and session. A single product for all sessions that is split afterwards looks cheaper
//! and is not: the backward pass of each split fills a tensor of the whole product, quadratic in sessions.

use burn::tensor::{Tensor, activation};

use super::Shape;
use super::net::{Logits, Net, Spec, Weights, single};
use super::noise::Noise;
use crate::config::strategy::{GruSize, ModelName};
use crate::labels::Class;

/// Tensors of a gate: from the input, from the memory, bias.
const OF_GATE: usize = 3;
const UPDATE: usize = 0;
const RESET: usize = OF_GATE;
const CANDIDATE: usize = 2 * OF_GATE;
const HEAD: usize = 3 * OF_GATE;

/// Sizes of window and memory.
pub(super) struct Gru {
    shape: Shape,
    window: usize,
    units: usize,
}

impl Gru {
    pub fn new(size: &GruSize, shape: Shape) -> Self {
        Self { shape, window: size.window_sessions as usize, units: size.units as usize }
    }
}

impl Net for Gru {
    fn name(&self) -> ModelName {
        ModelName::Gru
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn window(&self) -> Option<usize> {
        Some(self.window)
    }

    fn tensors(&self) -> Vec<Spec> {
        let gate = |gate: &str| {
            [
                Spec::linear(format!("{gate}.input"), [self.shape.channels, self.units]),
                Spec::linear(format!("{gate}.memory"), [self.units, self.units]),
                Spec::bias(format!("{gate}.bias"), self.units),
            ]
        };
        let mut specs: Vec<Spec> = ["update", "reset", "candidate"].into_iter().flat_map(gate).collect();
        specs.extend([Spec::head("head.weight", self.units), Spec::bias("head.bias", Class::COUNT)]);
        specs
    }

    fn logits(&self, w: &Weights, x: &[Tensor<2>], noise: &mut Noise<'_>) -> Logits {
        let mut memory: Option<Tensor<2>> = None;
        for x in x {
            memory = Some(match memory {
                // The memory begins at 0, so nothing is kept of it and nothing reset.
                None => {
                    let update = activation::sigmoid(x.clone().matmul(w.at(UPDATE)) + w.at(UPDATE + 2));
                    update * tanh(x.clone().matmul(w.at(CANDIDATE)) + w.at(CANDIDATE + 2))
                }
                Some(memory) => {
                    let gate = |at: usize, memory: Tensor<2>| w.affine_pair(at, x.clone(), memory);
                    let update = activation::sigmoid(gate(UPDATE, memory.clone()));
                    let reset = activation::sigmoid(gate(RESET, memory.clone()));
                    let candidate = tanh(gate(CANDIDATE, reset * memory.clone()));
                    update * (candidate - memory.clone()) + memory
                }
            });
        }
        let last = memory.unwrap_or_else(|| Tensor::zeros([0, self.units], &w.at(HEAD).device()));
        single(w.affine(HEAD, noise.dropped(last)))
    }
}

/// The hyperbolic tangent by way of the logistic function: the same to rounding, and on the processor a third of the time.
fn tanh(x: Tensor<2>) -> Tensor<2> {
    activation::sigmoid(x.mul_scalar(2.0)).mul_scalar(2.0).sub_scalar(1.0)
}
