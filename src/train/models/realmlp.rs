//! Perceptron behind piecewise-linear embeddings, with the parts of `RealMLP` that pay most on tables (Holzmueller, Grinsztajn,
//! Steinwart, `NeurIPS` 2024): robust scaling, smooth clipping, a learned scale of each input, Mish.
//!
//! Embeddings are piecewise-linear encodings (Gorishniy, Rubachev, Babenko, `NeurIPS` 2022): piece `j` of a feature tells which
//! part of its j-th quantile interval lies below the value. Their edges are measured once on the training rows, so
//! an embedding is a constant of its row and no gradient flows through it in training.

use burn::tensor::{Tensor, activation};

use super::Shape;
use super::inputs::Inputs;
use super::net::{Logits, Net, Role, Spec, Start, Weights, single};
use super::noise::Noise;
use super::quantiles::{quantile, sorted_columns};
use crate::config::strategy::{ModelName, RealMlpSize};
use crate::labels::Class;
use crate::random::Stream;

/// Clipped values stay within plus and minus this many robust deviations.
const CLIP: f32 = 3.0;
/// Spans below this hold nearly no rows: a feature or piece so narrow is left out.
const NARROW: f32 = 1e-6;

const CENTRE: usize = 0;
const INVERSE_SPAN: usize = 1;
const EDGE: usize = 2;
const INVERSE_PIECE: usize = 3;
const SCALE: usize = 4;
const EMBEDDED: usize = 5;
const PLAIN_SCALE: usize = 6;
const PLAIN: usize = 7;
const FIRST_BIAS: usize = 8;
/// Tensors before the second layer.
const BEFORE: usize = 9;

/// Sizes of embedding and layers.
pub(super) struct RealMlp {
    shape: Shape,
    pieces: usize,
    hidden: Vec<usize>,
}

impl RealMlp {
    pub fn new(size: &RealMlpSize, shape: Shape) -> Self {
        Self { shape, pieces: size.pieces as usize, hidden: size.hidden.iter().map(|&units| units as usize).collect() }
    }

    /// Columns of the embedding, all features of the first piece first.
    fn embedded(&self) -> usize {
        self.shape.width * self.pieces
    }

    fn first(&self) -> usize {
        self.hidden.first().copied().unwrap_or(Class::COUNT)
    }
}

impl Net for RealMlp {
    fn name(&self) -> ModelName {
        ModelName::RealMlp
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn tensors(&self) -> Vec<Spec> {
        let (width, embedded, first) = (self.shape.width, self.embedded(), self.first());
        let measured = |name: &str, columns: usize| Spec::new(name, [1, columns], Role::Fixed, Start::Measured);
        let mut specs = vec![
            measured("scaling.centre", width),
            measured("scaling.inverse_span", width),
            measured("pieces.edge", embedded),
            measured("pieces.inverse_width", embedded),
            Spec::new("pieces.scale", [embedded, 1], Role::Free, Start::Value(1.0)),
            Spec::linear("pieces.weight", [embedded, first]),
            Spec::new("plain.scale", [width, 1], Role::Free, Start::Value(1.0)),
            Spec::linear("plain.weight", [width, first]),
            Spec::bias("hidden0.bias", first),
        ];
        for (layer, pair) in self.hidden.windows(2).enumerate() {
            specs.push(Spec::rectified(format!("hidden{}.weight", layer + 1), [pair[0], pair[1]]));
            specs.push(Spec::bias(format!("hidden{}.bias", layer + 1), pair[1]));
        }
        let last = self.hidden.last().copied().unwrap_or(first);
        specs.extend([Spec::head("head.weight", last), Spec::bias("head.bias", Class::COUNT)]);
        specs
    }

    fn measure(&self, inputs: &Inputs, _draw: &mut Stream) -> Vec<Vec<f32>> {
        let (width, embedded) = (self.shape.width, self.embedded());
        let (mut centres, mut inverse_spans) = (Vec::with_capacity(width), Vec::with_capacity(width));
        let (mut edges, mut inverse_pieces) = (vec![0.0; embedded], vec![0.0; embedded]);
        for (column, sorted) in sorted_columns(inputs).iter().enumerate() {
            let (centre, inverse) = (quantile(sorted, 0.5), inverse_span(sorted));
            let edge = |j: usize| clipped((quantile(sorted, j as f64 / self.pieces as f64) - centre) * inverse);
            for piece in 0..self.pieces {
                let (low, high) = (edge(piece), edge(piece + 1));
                edges[piece * width + column] = low;
                inverse_pieces[piece * width + column] = if high - low > NARROW { 1.0 / (high - low) } else { 0.0 };
            }
            centres.push(centre);
            inverse_spans.push(inverse);
        }
        vec![centres, inverse_spans, edges, inverse_pieces]
    }

    fn logits(&self, w: &Weights, x: &[Tensor<2>], noise: &mut Noise<'_>) -> Logits {
        let scaled = (x[0].clone() - w.at(CENTRE)) * w.at(INVERSE_SPAN);
        let plain = scaled.clone() * scaled.mul_scalar(1.0 / CLIP).square().add_scalar(1.0).sqrt().recip();
        let pieces = ((plain.clone().repeat(&[1, self.pieces]) - w.at(EDGE)) * w.at(INVERSE_PIECE)).clamp(0.0, 1.0);
        // Scales belong to inputs; on the rows of the matrix they give the same sums and cost a fraction.
        let embedded = pieces.matmul(w.at(EMBEDDED) * w.at(SCALE)) + plain.matmul(w.at(PLAIN) * w.at(PLAIN_SCALE));
        let mut hidden = noise.dropped(mish(embedded + w.at(FIRST_BIAS)));
        for layer in 0..self.hidden.len().saturating_sub(1) {
            hidden = noise.dropped(mish(w.affine(BEFORE + 2 * layer, hidden)));
        }
        single(w.affine(BEFORE + 2 * self.hidden.len().saturating_sub(1), hidden))
    }
}

/// `x tanh(ln(1 + e^x))` (Misra, BMVC 2020), which with `s = sigmoid(-x)` is `x (2 / (1 + s^2) - 1)`: one exponential.
fn mish(x: Tensor<2>) -> Tensor<2> {
    let squared = activation::sigmoid(x.clone().neg()).square();
    x * squared.add_scalar(1.0).recip().mul_scalar(2.0).sub_scalar(1.0)
}

/// One over the width of the middle half of ascending values, or of all where half of them are equal; 0 of a constant.
fn inverse_span(sorted: &[f32]) -> f32 {
    let spans = [(0.25, 0.75), (0.0, 1.0)].map(|(low, high)| quantile(sorted, high) - quantile(sorted, low));
    let inverse = |(span, share): (f32, f32)| (span > NARROW).then(|| share / span);
    // Of a uniform column both give the same scale.
    inverse((spans[0], 1.0)).or_else(|| inverse((spans[1], 2.0))).unwrap_or(0.0)
}

/// Smooth clipping: the identity near 0, bounded by [`CLIP`].
fn clipped(scaled: f32) -> f32 {
    scaled / (1.0 + (scaled / CLIP).powi(2)).sqrt()
}
