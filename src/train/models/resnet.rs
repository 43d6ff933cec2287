//! Residual net on the features: blocks that add to a trunk what they make of its normalised values.
//!
//! Layer normalisation before each block (Gorishniy et al., `NeurIPS` 2021, with layer for batch normalisation): a model
//! then holds no statistics of batches, and a row's answer does not depend on the rows beside it.

use burn::tensor::{Tensor, activation};

use super::Shape;
use super::net::{Logits, Net, Role, Spec, Start, Weights, single};
use super::noise::Noise;
use crate::config::strategy::{ModelName, ResNetSize};
use crate::labels::Class;

/// Keeps the inverse deviation finite where all values of a row are equal.
const EPSILON: f32 = 1e-5;
/// Tensors before the first block, and of a block.
const BEFORE: usize = 2;
const OF_BLOCK: usize = 6;

/// Sizes of trunk and blocks.
pub(super) struct ResNet {
    shape: Shape,
    width: usize,
    inner: usize,
    blocks: usize,
}

impl ResNet {
    pub fn new(size: &ResNetSize, shape: Shape) -> Self {
        Self { shape, width: size.width as usize, inner: size.block_width as usize, blocks: size.blocks as usize }
    }

    fn norm(&self, name: &str) -> [Spec; 2] {
        [Spec::new(format!("{name}.gain"), [1, self.width], Role::Free, Start::Value(1.0)), Spec::bias(format!("{name}.shift"), self.width)]
    }
}

impl Net for ResNet {
    fn name(&self) -> ModelName {
        ModelName::ResNet
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn tensors(&self) -> Vec<Spec> {
        let mut specs = vec![Spec::linear("trunk.weight", [self.shape.width, self.width]), Spec::bias("trunk.bias", self.width)];
        for block in 0..self.blocks {
            specs.extend(self.norm(&format!("block{block}.norm")));
            specs.push(Spec::rectified(format!("block{block}.up.weight"), [self.width, self.inner]));
            specs.push(Spec::bias(format!("block{block}.up.bias"), self.inner));
            specs.push(Spec::linear(format!("block{block}.down.weight"), [self.inner, self.width]));
            specs.push(Spec::bias(format!("block{block}.down.bias"), self.width));
        }
        specs.extend(self.norm("last.norm"));
        specs.extend([Spec::head("head.weight", self.width), Spec::bias("head.bias", Class::COUNT)]);
        specs
    }

    fn logits(&self, w: &Weights, x: &[Tensor<2>], noise: &mut Noise<'_>) -> Logits {
        let mut trunk = w.affine(0, x[0].clone());
        for block in 0..self.blocks {
            let at = BEFORE + OF_BLOCK * block;
            let up = activation::relu(w.affine(at + 2, normalised(w, at, trunk.clone())));
            trunk = trunk + w.affine(at + 4, noise.dropped(up));
        }
        let at = BEFORE + OF_BLOCK * self.blocks;
        single(w.affine(at + 2, activation::relu(normalised(w, at, trunk))))
    }
}

/// Each row with mean 0 and variance 1 (Ba et al., 2016), times the gain at `place` plus the shift after it.
fn normalised(w: &Weights, place: usize, x: Tensor<2>) -> Tensor<2> {
    let centred = x.clone() - x.mean_dim(1);
    let inverse = centred.clone().square().mean_dim(1).add_scalar(EPSILON).sqrt().recip();
    centred * inverse * w.at(place) + w.at(place + 1)
}
