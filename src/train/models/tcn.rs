//! Causal dilated convolutions on windows (Bai, Kolter, Koltun, 2018), asked at the last session.
//!
//! Layer `l` adds to a session what a filter over the sessions `0, d, 2 d ..` before it finds, `d = 2^l`; sessions before the
//! window count as nothing. Only what the last session's answer needs is computed: of 4 layers with filters of 3 that is
//! 26 sessions instead of 128. A convolution is a sum of matrix products, one for each session under the filter; no
//! slice of a tracked tensor, whose backward pass is quadratic, and no convolution kernel, whose atomic sums on the
//! processor differ from run to run.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, activation};

use super::Shape;
use super::net::{Logits, Net, Role, Spec, Start, Weights, single};
use super::noise::Noise;
use crate::config::strategy::{ModelName, TcnSize};
use crate::labels::Class;

/// Sessions of a layer by how far they lie before the last.
type Sessions = BTreeMap<usize, Tensor<2>>;

/// Sizes of window, layers and filters.
pub(super) struct Tcn {
    shape: Shape,
    window: usize,
    channels: usize,
    layers: usize,
    kernel: usize,
}

impl Tcn {
    pub fn new(size: &TcnSize, shape: Shape) -> Self {
        let (window, channels) = (size.window_sessions as usize, size.channels as usize);
        Self { shape, window, channels, layers: size.layers as usize, kernel: size.kernel as usize }
    }

    /// Sessions before `back` that the filter of a layer covers, within the window.
    fn covered(&self, layer: usize, back: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..self.kernel).map(move |tap| (tap, back + (tap << layer))).filter(|(_, back)| *back < self.window)
    }

    /// For each layer the sessions whose outputs the last session's answer needs.
    fn needed(&self) -> Vec<Vec<usize>> {
        let mut needed = vec![vec![0]];
        for layer in (1..self.layers).rev() {
            let above = &needed[needed.len() - 1];
            let mut below: Vec<usize> = above.iter().flat_map(|&back| self.covered(layer, back).map(|(_, b)| b)).collect();
            below.sort_unstable();
            below.dedup();
            needed.push(below);
        }
        needed.reverse();
        needed
    }

    fn place(&self, layer: usize) -> usize {
        layer * (self.kernel + 1)
    }

    /// What a layer's filter finds at a session, rectified.
    fn found(&self, w: &Weights, layer: usize, back: usize, below: &Sessions) -> Tensor<2> {
        let bias = w.at(self.place(layer) + self.kernel);
        let taps = self.covered(layer, back).filter_map(|(tap, back)| Some((tap, below.get(&back)?)));
        let products = taps.map(|(tap, x)| x.clone().matmul(w.at(self.place(layer) + tap)));
        match products.reduce(|sum, product| sum + product) {
            Some(sum) => activation::relu(sum + bias),
            None => activation::relu(bias),
        }
    }
}

impl Net for Tcn {
    fn name(&self) -> ModelName {
        ModelName::Tcn
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn window(&self) -> Option<usize> {
        Some(self.window)
    }

    fn tensors(&self) -> Vec<Spec> {
        let mut specs = Vec::new();
        for layer in 0..self.layers {
            let inputs = if layer == 0 { self.shape.channels } else { self.channels };
            let bound = Start::Uniform((6.0 / (inputs * self.kernel) as f32).sqrt());
            for tap in 0..self.kernel {
                let name = format!("layer{layer}.tap{tap}");
                specs.push(Spec::new(name, [inputs, self.channels], Role::Decayed, bound));
            }
            specs.push(Spec::bias(format!("layer{layer}.bias"), self.channels));
        }
        specs.push(Spec::linear("skip.weight", [self.shape.channels, self.channels]));
        specs.extend([Spec::head("head.weight", self.channels), Spec::bias("head.bias", Class::COUNT)]);
        specs
    }

    fn logits(&self, w: &Weights, x: &[Tensor<2>], noise: &mut Noise<'_>) -> Logits {
        let skip = self.place(self.layers);
        let mut below: Sessions = x.iter().rev().cloned().enumerate().collect();
        for (layer, needed) in self.needed().into_iter().enumerate() {
            let session = |back: usize| {
                let found = noise.dropped(self.found(w, layer, back, &below));
                let whole = match below.get(&back) {
                    Some(x) if layer == 0 => x.clone().matmul(w.at(skip)) + found,
                    Some(x) => x.clone() + found,
                    None => found,
                };
                (back, whole)
            };
            below = needed.into_iter().map(session).collect();
        }
        let last = below.remove(&0).unwrap_or_else(|| Tensor::zeros([0, self.channels], &w.at(skip).device()));
        single(w.affine(skip + 1, last))
    }
}
