//! Weights of a model without the types of what computed them.

/// A tensor of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Its name, unique within its model.
    pub name: String,
    /// Its sizes, outermost first.
    pub shape: Vec<usize>,
    /// Its values, the last index running fastest; as many as the sizes multiply to.
    pub values: Vec<f32>,
}
