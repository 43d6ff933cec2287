//! What a base model is to the training loop: named parameters, and logits of a batch.

use burn::tensor::{Device, Tensor, TensorData};

use super::error::LoadError;
use super::inputs::Inputs;
use super::noise::Noise;
use super::{NamedTensor, Shape};
use crate::config::strategy::ModelName;
use crate::labels::Class;
use crate::random::Stream;

/// Logits: members x rows x classes. One member but for ensembles within a model.
pub(super) type Logits = Tensor<3>;

/// The arithmetic of one model. It holds sizes only; what is learned comes in as [`Weights`].
pub(super) trait Net: Send + Sync {
    /// Which model.
    fn name(&self) -> ModelName;

    /// What it sees.
    fn shape(&self) -> Shape;

    /// Sessions of a window, for models on windows.
    fn window(&self) -> Option<usize> {
        None
    }

    /// All tensors in order.
    fn tensors(&self) -> Vec<Spec>;

    /// Values of the tensors with [`Start::Measured`], in order, from the training rows.
    fn measure(&self, _inputs: &Inputs, _draw: &mut Stream) -> Vec<Vec<f32>> {
        Vec::new()
    }

    /// Logits of a batch. `x` is one tensor of rows x width, or one a session of rows x channels, oldest first.
    fn logits(&self, w: &Weights, x: &[Tensor<2>], noise: &mut Noise<'_>) -> Logits;

    /// Columns of the table, or channels of a bar.
    fn columns(&self) -> usize {
        if self.window().is_some() { self.shape().channels } else { self.shape().width }
    }
}

/// What the optimiser does with a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Learned, and pulled to 0: matrices.
    Decayed,
    /// Learned: biases, gains, factors.
    Free,
    /// Measured once on the training rows.
    Fixed,
}

/// Where a tensor begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Start {
    /// All the same.
    Value(f32),
    /// Uniform within plus and minus this.
    Uniform(f32),
    /// Plus or minus 1 by a coin.
    Signs,
    /// By [`Net::measure`].
    Measured,
}

/// A tensor of a model. All have two dimensions; those with more are reshaped where they are used.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spec {
    pub name: String,
    pub shape: [usize; 2],
    pub role: Role,
    pub start: Start,
}

impl Spec {
    pub fn new(name: impl Into<String>, shape: [usize; 2], role: Role, start: Start) -> Self {
        Self { name: name.into(), shape, role, start }
    }

    /// Weights of a layer before a rectifier: uniform with variance 2 / inputs (He et al., ICCV 2015).
    pub fn rectified(name: impl Into<String>, shape: [usize; 2]) -> Self {
        Self::new(name, shape, Role::Decayed, Start::Uniform((6.0 / shape[0] as f32).sqrt()))
    }

    /// Weights of a layer without a rectifier: uniform with variance 1 / inputs.
    pub fn linear(name: impl Into<String>, shape: [usize; 2]) -> Self {
        Self::new(name, shape, Role::Decayed, Start::Uniform((3.0 / shape[0] as f32).sqrt()))
    }

    /// Weights of the last layer: a tenth of [`Self::linear`], so that training starts near equal probabilities.
    pub fn head(name: impl Into<String>, inputs: usize) -> Self {
        Self::new(name, [inputs, Class::COUNT], Role::Decayed, Start::Uniform(0.1 * (3.0 / inputs as f32).sqrt()))
    }

    /// Biases, from 0.
    pub fn bias(name: impl Into<String>, columns: usize) -> Self {
        Self::new(name, [1, columns], Role::Free, Start::Value(0.0))
    }

    fn values(&self) -> usize {
        self.shape[0] * self.shape[1]
    }
}

/// The tensors of a model on a device, in the order of its specs.
pub(super) struct Weights(pub Vec<Tensor<2>>);

impl Weights {
    pub fn upload(named: &[NamedTensor], device: &Device) -> Self {
        Self(named.iter().map(|t| Tensor::from_data(TensorData::new(t.values.clone(), t.shape.clone()), device)).collect())
    }

    /// The tensor of the spec at `place`.
    pub fn at(&self, place: usize) -> Tensor<2> {
        self.0[place].clone()
    }

    /// `x` times the matrix at `place` plus the bias after it.
    pub fn affine(&self, place: usize, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.at(place)) + self.at(place + 1)
    }

    /// `x` and `y` times the two matrices from `place` on, plus the bias after them.
    pub fn affine_pair(&self, place: usize, x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
        x.matmul(self.at(place)) + y.matmul(self.at(place + 1)) + self.at(place + 2)
    }
}

/// Logits of a net with one member.
pub(super) fn single(logits: Tensor<2>) -> Logits {
    logits.unsqueeze_dim(0)
}

/// First values of all tensors, the same for the same seed and rows.
pub(super) fn start<N: Net>(net: &N, inputs: &Inputs, seed: u64) -> Vec<NamedTensor> {
    let mut measured = net.measure(inputs, &mut Stream::new(&[seed, 0])).into_iter();
    let value = |(place, spec): (usize, Spec)| {
        let (count, mut draw) = (spec.values(), Stream::new(&[seed, 1, place as u64]));
        let values = match spec.start {
            Start::Value(v) => vec![v; count],
            Start::Uniform(bound) => (0..count).map(|_| draw.between(f64::from(-bound), f64::from(bound)) as f32).collect(),
            Start::Signs => (0..count).map(|_| if draw.bits() >> 63 == 0 { 1.0 } else { -1.0 }).collect(),
            Start::Measured => measured.next().unwrap_or_default(),
        };
        NamedTensor { name: spec.name, shape: spec.shape.to_vec(), values }
    };
    net.tensors().into_iter().enumerate().map(value).collect()
}

/// Tensors in the order in which the net has them: files keep them by name. Those that it does not know come last.
pub(super) fn in_order<N: Net>(net: &N, mut weights: Vec<NamedTensor>) -> Vec<NamedTensor> {
    let specs = net.tensors();
    weights.sort_by_key(|w| specs.iter().position(|spec| spec.name == w.name).unwrap_or(specs.len()));
    weights
}

/// Whether these are the tensors of that net.
pub(super) fn check_weights<N: Net>(net: &N, weights: &[NamedTensor]) -> Result<(), LoadError> {
    let (model, specs) = (net.name(), net.tensors());
    if specs.len() != weights.len() {
        return Err(LoadError::Count { model, found: weights.len(), wanted: specs.len() });
    }
    for (spec, tensor) in specs.iter().zip(weights) {
        if spec.name != tensor.name {
            return Err(LoadError::Name { model, found: tensor.name.clone(), wanted: spec.name.clone() });
        }
        if spec.shape != *tensor.shape || spec.values() != tensor.values.len() {
            let found = format!("{:?} with {} values", tensor.shape, tensor.values.len());
            return Err(LoadError::Shape { model, name: spec.name.clone(), found, wanted: format!("{:?}", spec.shape) });
        }
        if let Some(at) = tensor.values.iter().position(|v| !v.is_finite()) {
            return Err(LoadError::NotFinite { model, name: spec.name.clone(), at });
        }
    }
    Ok(())
}
