//! `[ensemble]`: the eight base models, how they are trained, and how their answers become one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The models of a strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    /// Profile of runs that name none.
    pub profile: ProfileName,
    /// Seed of all randomness; the same seed on the same backend gives the same models.
    #[schemars(range(min = 0, max = 4_294_967_295_u32))]
    pub seed: u32,
    /// Edge that a decision needs: the largest probability / prior must exceed 1 by this.
    #[schemars(range(min = 0.0, max = 5.0))]
    pub min_edge: f64,
    /// What each profile trains.
    pub profiles: Profiles,
    /// How models are trained.
    pub optimiser: Optimiser,
    /// Multilayer perceptron.
    pub mlp: MlpSize,
    /// Residual net on the features.
    pub resnet: ResNetSize,
    /// Soft oblivious trees.
    pub trees: TreesSize,
    /// Piecewise-linear embeddings before a perceptron.
    pub realmlp: RealMlpSize,
    /// Batch ensemble of perceptrons.
    pub tabm: TabMSize,
    /// Recurrent net on windows of near-raw channels.
    pub gru: GruSize,
    /// Causal convolutions on the same windows.
    pub tcn: TcnSize,
    /// The model that weighs the others, and calibration.
    pub meta: MetaLearner,
}

/// A base model.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    utoipa::ToSchema,
    strum::Display,
    strum::EnumString,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ModelName {
    /// Softmax regression.
    Softmax,
    /// Multilayer perceptron.
    Mlp,
    /// Residual net.
    ResNet,
    /// Soft oblivious trees.
    Trees,
    /// Perceptron behind piecewise-linear embeddings.
    RealMlp,
    /// Batch ensemble.
    TabM,
    /// Gated recurrent units.
    Gru,
    /// Temporal convolutions.
    Tcn,
}

impl ModelName {
    /// All eight, in the order of reports.
    pub const ALL: [Self; 8] = [Self::Softmax, Self::Mlp, Self::ResNet, Self::Trees, Self::RealMlp, Self::TabM, Self::Gru, Self::Tcn];
}

/// A choice of models and effort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema, strum::Display, strum::EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ProfileName {
    /// All models.
    Full,
    /// The fast ones.
    Quick,
    /// What a demonstration has time for.
    Demo,
}

/// What each profile trains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// The nightly or weekly run.
    pub full: Profile,
    /// A run to look at.
    pub quick: Profile,
    /// The demo's run.
    pub demo: Profile,
}

impl Profiles {
    /// The profile of that name.
    pub const fn get(&self, name: ProfileName) -> &Profile {
        match name {
            ProfileName::Full => &self.full,
            ProfileName::Quick => &self.quick,
            ProfileName::Demo => &self.demo,
        }
    }
}

/// One profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Base models.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub models: Vec<ModelName>,
    /// Most passes over the rows.
    #[schemars(range(min = 1, max = 1000))]
    pub max_epochs: u32,
    /// Fits of each model with different seeds, averaged.
    #[schemars(range(min = 1, max = 32))]
    pub seeds: u32,
    /// Each epoch, models on windows see every n-th session: windows overlap.
    #[schemars(range(min = 1, max = 20))]
    pub window_stride: u32,
}

/// How base models are trained (`AdamW`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Optimiser {
    /// Highest step size.
    #[schemars(range(min = 0.000_001, max = 1.0))]
    pub learning_rate: f64,
    /// How the step size changes after the warm-up.
    pub schedule: RateSchedule,
    /// Share of all steps over which the step size rises to its highest.
    #[schemars(range(min = 0.0, max = 0.9))]
    pub warmup_share: f64,
    /// Decoupled weight decay.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub weight_decay: f64,
    /// Share of hidden values left out in training.
    #[schemars(range(min = 0.0, max = 0.9))]
    pub dropout: f64,
    /// Share of each target that is spread over the other classes.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub label_smoothing: f64,
    /// Rows of a step on the processor.
    #[schemars(range(min = 16, max = 65_536))]
    pub batch_rows: u32,
    /// Rows of a step on a GPU, which small steps leave idle.
    #[schemars(range(min = 16, max = 1_048_576))]
    pub gpu_batch_rows: u32,
    /// Epochs without a better loss on the early-stop slice after which training ends.
    #[schemars(range(min = 1, max = 100))]
    pub patience_epochs: u32,
}

/// How the step size changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateSchedule {
    /// Falls to 0 along half a cosine.
    Cosine,
    /// Stays.
    Constant,
}

/// Size of the perceptron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MlpSize {
    /// Units of each hidden layer.
    #[schemars(length(min = 1), inner(range(min = 1, max = 4096)))]
    pub hidden: Vec<u32>,
}

/// Size of the residual net.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResNetSize {
    /// Units of the trunk.
    #[schemars(range(min = 4, max = 4096))]
    pub width: u32,
    /// Units inside a block.
    #[schemars(range(min = 4, max = 4096))]
    pub block_width: u32,
    /// Blocks.
    #[schemars(range(min = 1, max = 32))]
    pub blocks: u32,
}

/// Size of the soft trees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TreesSize {
    /// Trees.
    #[schemars(range(min = 1, max = 4096))]
    pub trees: u32,
    /// Questions from root to leaf.
    #[schemars(range(min = 1, max = 10))]
    pub depth: u32,
}

/// Size of the embedded perceptron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RealMlpSize {
    /// Pieces of each feature's embedding.
    #[schemars(range(min = 2, max = 64))]
    pub pieces: u32,
    /// Units of each hidden layer.
    #[schemars(length(min = 1), inner(range(min = 1, max = 4096)))]
    pub hidden: Vec<u32>,
}

/// Size of the batch ensemble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TabMSize {
    /// Members, which share their weights but for factors of their own.
    #[schemars(range(min = 2, max = 128))]
    pub members: u32,
    /// Units of each hidden layer.
    #[schemars(length(min = 1), inner(range(min = 1, max = 4096)))]
    pub hidden: Vec<u32>,
}

/// Size of the recurrent net.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GruSize {
    /// Sessions of a window.
    #[schemars(range(min = 4, max = 256))]
    pub window_sessions: u32,
    /// Units of its memory.
    #[schemars(range(min = 1, max = 1024))]
    pub units: u32,
}

/// Size of the convolutions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcnSize {
    /// Sessions of a window.
    #[schemars(range(min = 4, max = 256))]
    pub window_sessions: u32,
    /// Channels of each layer.
    #[schemars(range(min = 1, max = 1024))]
    pub channels: u32,
    /// Layers; each looks back twice as far as the one before.
    #[schemars(range(min = 1, max = 10))]
    pub layers: u32,
    /// Sessions under a filter.
    #[schemars(range(min = 2, max = 9))]
    pub kernel: u32,
}

/// The meta-learner: multinomial logistic regression on out-of-fold log-odds and regime; the plain mean where it is no
/// better. Calibration: temperature, and a step towards the prior.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetaLearner {
    /// Fit a meta-learner; off = the plain mean.
    pub enabled: bool,
    /// Squared-weight penalty.
    #[schemars(range(min = 0.0, max = 10_000.0))]
    pub l2: f64,
    /// Test blocks with base predictions before the first fit.
    #[schemars(range(min = 1, max = 20))]
    pub min_blocks: u32,
    /// Largest share of the prior that calibration may mix into the probabilities; the rest is the model's own.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_shrink: f64,
}
