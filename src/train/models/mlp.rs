//! Multilayer perceptron: affine layers with rectifiers and dropout between.

use burn::tensor::{Tensor, activation};

use super::Shape;
use super::net::{Logits, Net, Spec, Weights, single};
use super::noise::Noise;
use crate::config::strategy::{MlpSize, ModelName};
use crate::labels::Class;

/// Sizes of the layers.
pub(super) struct Mlp {
    shape: Shape,
    hidden: Vec<usize>,
}

impl Mlp {
    pub fn new(size: &MlpSize, shape: Shape) -> Self {
        Self { shape, hidden: size.hidden.iter().map(|&units| units as usize).collect() }
    }
}

impl Net for Mlp {
    fn name(&self) -> ModelName {
        ModelName::Mlp
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn tensors(&self) -> Vec<Spec> {
        let (mut specs, mut inputs) = (Vec::new(), self.shape.width);
        for (layer, &units) in self.hidden.iter().enumerate() {
            specs.push(Spec::rectified(format!("hidden{layer}.weight"), [inputs, units]));
            specs.push(Spec::bias(format!("hidden{layer}.bias"), units));
            inputs = units;
        }
        specs.extend([Spec::head("head.weight", inputs), Spec::bias("head.bias", Class::COUNT)]);
        specs
    }

    fn logits(&self, w: &Weights, x: &[Tensor<2>], noise: &mut Noise<'_>) -> Logits {
        let hidden = (0..self.hidden.len()).fold(x[0].clone(), |x, layer| noise.dropped(activation::relu(w.affine(2 * layer, x))));
        single(w.affine(2 * self.hidden.len(), hidden))
    }
}
