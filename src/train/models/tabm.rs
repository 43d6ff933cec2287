//! Batch ensemble of perceptrons (`TabM`: Gorishniy, Kotelnikov, Babenko, ICLR 2025): members share each matrix and differ by
//! factors on its inputs and outputs, biases and a last layer of their own.
//!
//! A member's factors are put on the shared matrix, not on the values that pass: `(x * r) W * s = x (r W s)` costs the same
//! products and saves reading all hidden values twice, and the first layer needs no gradient of its inputs.

use burn::tensor::{Tensor, activation};

use super::Shape;
use super::net::{Logits, Net, Role, Spec, Start, Weights};
use super::noise::Noise;
use crate::config::strategy::{ModelName, TabMSize};
use crate::labels::Class;

/// Tensors of a layer.
const OF_LAYER: usize = 4;

/// Members and layers.
pub(super) struct TabM {
    shape: Shape,
    members: usize,
    hidden: Vec<usize>,
}

impl TabM {
    pub fn new(size: &TabMSize, shape: Shape) -> Self {
        let hidden = size.hidden.iter().map(|&units| units as usize).collect();
        Self { shape, members: size.members as usize, hidden }
    }
}

impl Net for TabM {
    fn name(&self) -> ModelName {
        ModelName::TabM
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn tensors(&self) -> Vec<Spec> {
        let (mut specs, mut inputs, members) = (Vec::new(), self.shape.width, self.members);
        for (layer, &units) in self.hidden.iter().enumerate() {
            // Random signs make members differ from the first step on; later layers may begin alike.
            let factors = if layer == 0 { Start::Signs } else { Start::Value(1.0) };
            specs.push(Spec::rectified(format!("hidden{layer}.weight"), [inputs, units]));
            specs.push(Spec::new(format!("hidden{layer}.input_factors"), [members, inputs], Role::Free, factors));
            specs.push(Spec::new(format!("hidden{layer}.output_factors"), [members, units], Role::Free, Start::Value(1.0)));
            specs.push(Spec::new(format!("hidden{layer}.bias"), [members, units], Role::Free, Start::Value(0.0)));
            inputs = units;
        }
        let bound = Start::Uniform(0.1 * (3.0 / inputs as f32).sqrt());
        specs.push(Spec::new("head.weight", [members * inputs, Class::COUNT], Role::Decayed, bound));
        specs.push(Spec::new("head.bias", [members, Class::COUNT], Role::Free, Start::Value(0.0)));
        specs
    }

    fn logits(&self, w: &Weights, x: &[Tensor<2>], noise: &mut Noise<'_>) -> Logits {
        let mut hidden = x[0].clone().unsqueeze_dim::<3>(0);
        let mut inputs = self.shape.width;
        for (layer, &units) in self.hidden.iter().enumerate() {
            let place = OF_LAYER * layer;
            let sums = hidden.matmul(matrices(w, place)) + w.at(place + 3).unsqueeze_dim::<3>(1);
            hidden = noise.dropped(activation::relu(sums));
            inputs = units;
        }
        let place = OF_LAYER * self.hidden.len();
        let head = w.at(place).reshape([self.members, inputs, Class::COUNT]);
        hidden.matmul(head) + w.at(place + 1).unsqueeze_dim::<3>(1)
    }
}

/// Members x inputs x outputs: the shared matrix of the layer at `place` with each member's factors.
fn matrices(w: &Weights, place: usize) -> Tensor<3> {
    let (inputs, outputs) = (w.at(place + 1).unsqueeze_dim::<3>(2), w.at(place + 2).unsqueeze_dim::<3>(1));
    w.at(place).unsqueeze_dim::<3>(0) * inputs * outputs
}
