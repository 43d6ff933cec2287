//! `AdamW` over the tensors of a net, and how its step size changes.

use burn::optim::{AdamW, AdamWConfig, AdamWState, Optimizer};
use burn::tensor::{Gradients, Tensor};

use super::net::{Role, Spec, Weights};
use crate::config::strategy::{Optimiser, RateSchedule};

/// Keeps a step finite where a gradient is 0; the value of the paper. burn's own, 1e-5, would damp small gradients.
const EPSILON: f32 = 1e-8;

/// Decoupled weight decay (Loshchilov and Hutter, ICLR 2019) on matrices, none on biases, gains and factors.
pub(super) struct Descent {
    decayed: AdamW,
    free: AdamW,
    roles: Vec<Role>,
    states: Vec<Option<AdamWState<2>>>,
}

impl Descent {
    pub fn new(config: &Optimiser, specs: &[Spec]) -> Self {
        let adam = |decay: f64| AdamWConfig::new().with_epsilon(EPSILON).with_weight_decay(decay as f32).build();
        Self {
            decayed: adam(config.weight_decay),
            free: adam(0.0),
            roles: specs.iter().map(|s| s.role).collect(),
            states: vec![None; specs.len()],
        }
    }

    /// One step of size `rate` down the gradients; fixed tensors stay.
    pub fn step(&mut self, rate: f64, weights: &mut Weights, mut gradients: Gradients) {
        for ((value, state), role) in weights.0.iter_mut().zip(&mut self.states).zip(&self.roles) {
            let adam = match role {
                Role::Decayed => &self.decayed,
                Role::Free => &self.free,
                Role::Fixed => continue,
            };
            let Some(gradient) = value.grad_remove(&mut gradients) else { continue };
            let (next, after) = adam.step(rate, value.clone().inner(), gradient, state.take());
            *value = tracked(next);
            *state = after;
        }
    }
}

/// A tensor whose gradient is asked for.
pub(super) fn tracked<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    tensor.autodiff().require_grad()
}

/// Step size after a share of all steps in 0..=1: rises along a line, then stays or falls along half a cosine.
pub(super) fn rate(config: &Optimiser, share: f64) -> f64 {
    let warm = config.warmup_share;
    if share < warm {
        return config.learning_rate * share / warm;
    }
    match config.schedule {
        RateSchedule::Constant => config.learning_rate,
        RateSchedule::Cosine => {
            let fallen = ((share - warm) / (1.0 - warm)).min(1.0);
            config.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * fallen).cos())
        }
    }
}
