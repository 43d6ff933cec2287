//! Softmax regression: the line that every net must beat.

use burn::tensor::Tensor;

use super::Shape;
use super::net::{Logits, Net, Spec, Weights, single};
use super::noise::Noise;
use crate::config::strategy::ModelName;
use crate::labels::Class;

/// One matrix from features to logits.
pub(super) struct Softmax {
    shape: Shape,
}

impl Softmax {
    pub fn new(shape: Shape) -> Self {
        Self { shape }
    }
}

impl Net for Softmax {
    fn name(&self) -> ModelName {
        ModelName::Softmax
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn tensors(&self) -> Vec<Spec> {
        vec![Spec::head("head.weight", self.shape.width), Spec::bias("head.bias", Class::COUNT)]
    }

    fn logits(&self, w: &Weights, x: &[Tensor<2>], _noise: &mut Noise<'_>) -> Logits {
        single(w.affine(0, x[0].clone()))
    }
}
