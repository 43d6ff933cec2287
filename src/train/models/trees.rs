//! Soft oblivious trees (the kind of NODE: Popov, Morozov, Babenko, ICLR 2020), all levels of a tree asking one question.
//!
//! A question weighs features by a softmax, compares the result with a threshold and answers with a probability; a leaf's
//! weight is the product of the answers on its way. Products are taken as sums of logarithms: with answers
//! `a_d = sigmoid(z_d)`, `ln a_d = s_d` and `ln (1 - a_d) = s_d - z_d`, so the log-weights of all leaves are one matrix
//! product of `[z, s]` with a constant matrix.

use burn::tensor::{Tensor, TensorData, activation};

use super::Shape;
use super::inputs::Inputs;
use super::net::{Logits, Net, Role, Spec, Start, Weights, single};
use super::noise::Noise;
use super::quantiles::{quantile, sorted_columns};
use crate::config::strategy::{ModelName, TreesSize};
use crate::labels::Class;
use crate::random::Stream;

/// How far the feature that a question begins with stands above the others before the softmax: with 179 features it
/// has about nine tenths of the weight.
const FAVOUR: f32 = 7.5;

/// From here on an answer is certain, 1 in 10^13: its logarithm stays finite and it learns no more.
const SURE: f32 = 30.0;

const CHOICE: usize = 0;
const THRESHOLD: usize = 1;
const STEEPNESS: usize = 2;
const RESPONSE: usize = 3;
const BIAS: usize = 4;

/// How many trees, and how deep.
pub(super) struct Trees {
    shape: Shape,
    count: usize,
    depth: usize,
}

impl Trees {
    pub fn new(size: &TreesSize, shape: Shape) -> Self {
        Self { shape, count: size.trees as usize, depth: size.depth as usize }
    }

    fn questions(&self) -> usize {
        self.count * self.depth
    }

    fn leaves(&self) -> usize {
        1 << self.depth
    }

    /// 2 depth x leaves: of `[z, s]` to the log-weights of leaves. Bit `d` of a leaf says how question `d` was answered.
    fn paths(&self) -> Vec<f32> {
        let no = |question: usize| (0..self.leaves()).map(move |leaf| if leaf >> question & 1 == 0 { -1.0 } else { 0.0 });
        (0..self.depth).flat_map(no).chain(std::iter::repeat_n(1.0, self.depth * self.leaves())).collect()
    }
}

impl Net for Trees {
    fn name(&self) -> ModelName {
        ModelName::Trees
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn tensors(&self) -> Vec<Spec> {
        let questions = self.questions();
        vec![
            Spec::new("questions.choice", [self.shape.width, questions], Role::Free, Start::Measured),
            Spec::new("questions.threshold", [1, questions], Role::Free, Start::Measured),
            Spec::new("questions.steepness", [1, questions], Role::Free, Start::Measured),
            Spec::new("leaves.response", [self.count * self.leaves(), Class::COUNT], Role::Decayed, Start::Uniform(0.02)),
            Spec::bias("leaves.bias", Class::COUNT),
        ]
    }

    /// Each question begins with a random feature, a threshold at a random quantile of it, and a step as wide as the
    /// middle half of its values.
    fn measure(&self, inputs: &Inputs, draw: &mut Stream) -> Vec<Vec<f32>> {
        let (columns, questions) = (sorted_columns(inputs), self.questions());
        let mut choice: Vec<f32> = (0..self.shape.width * questions).map(|_| draw.between(-0.1, 0.1) as f32).collect();
        let (mut thresholds, mut steepness) = (Vec::with_capacity(questions), Vec::with_capacity(questions));
        for question in 0..questions {
            let feature = draw.below(self.shape.width);
            choice[feature * questions + question] += FAVOUR;
            let column = &columns[feature];
            thresholds.push(quantile(column, draw.between(0.1, 0.9)));
            let spread = quantile(column, 0.75) - quantile(column, 0.25);
            steepness.push(2.0 / spread.clamp(0.1, 10.0));
        }
        vec![choice, thresholds, steepness]
    }

    fn logits(&self, w: &Weights, x: &[Tensor<2>], noise: &mut Noise<'_>) -> Logits {
        let [rows, _] = x[0].dims();
        let feature = x[0].clone().matmul(activation::softmax(w.at(CHOICE), 0));
        let z = (feature - w.at(THRESHOLD)) * w.at(STEEPNESS);
        let z = z.clamp(-SURE, SURE).reshape([rows * self.count, self.depth]);
        let answers = Tensor::cat(vec![z.clone(), activation::sigmoid(z).log()], 1);
        let paths = Tensor::from_data(TensorData::new(self.paths(), [2 * self.depth, self.leaves()]), &x[0].device().inner());
        let leaves = answers.matmul(paths).exp().reshape([rows, self.count * self.leaves()]);
        single(noise.dropped(leaves).matmul(w.at(RESPONSE)) + w.at(BIAS))
    }
}
