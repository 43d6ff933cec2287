//! A trained ensemble that answers: what the scanner asks each night, and what a training run asks of the champion and of its
//! own models on the hold-out.

use std::sync::Arc;

use serde_json::Value;

use crate::config::strategy::{Ensemble as Sizes, ModelName};
use crate::dataset::windows::CHANNELS;
use crate::market::Regime;
use crate::train::metrics::Probabilities;
use crate::train::models::{self, BaseModel, Compute, Inputs, LoadError, NamedTensor, PredictError, Shape, Windows};
use crate::train::registry::{ModelHeader, SavedModels, weight_name};
use crate::train::stack::Combination;

/// Rows to answer, as bars and features give them: not brought to scale.
pub struct Rows<'a> {
    /// Features, rows x features of the header.
    pub table: &'a [f32],
    /// Channels of bars, bars x [`CHANNELS`]; empty where no model sees windows.
    pub series: &'a [f32],
    /// For each row the index of its last bar in `series`.
    pub last: &'a [u32],
    /// The regime of each row.
    pub regimes: &'a [Regime],
}

/// Models of a file, ready to answer.
pub struct Ensemble {
    header: ModelHeader,
    models: Vec<(ModelName, Vec<Box<dyn BaseModel>>)>,
}

/// Why stored models cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum EnsembleError {
    /// Weights are not those of the model.
    #[error("the stored weights of {model} are not those of such a model: {cause}")]
    Weights {
        /// Which.
        model: ModelName,
        /// Why.
        cause: LoadError,
    },
    /// Its sizes are not readable.
    #[error("the stored sizes of {model} are not readable: {cause}")]
    Sizes {
        /// Which.
        model: ModelName,
        /// Why.
        cause: serde_json::Error,
    },
    /// The rows lack a feature that the models see.
    #[error("the models see {0}, which the rules in force leave out")]
    Feature(String),
    /// A model cannot answer these rows.
    #[error(transparent)]
    Predict(#[from] PredictError),
}

/// The sizes of the models as a file keeps them.
pub fn sizes(of: &Sizes) -> serde_json::Result<Value> {
    serde_json::to_value(of)
}

impl Ensemble {
    /// The models of a file.
    pub fn new(saved: SavedModels) -> Result<Self, EnsembleError> {
        let SavedModels { header, weights } = saved;
        let shape = Shape { width: header.features.len(), channels: CHANNELS.len() };
        let fit = |model: ModelName, seed: u32, sizes: &Sizes| {
            let prefix = weight_name(model, seed, "");
            let own = weights.iter().filter_map(|w| Some((w, w.name.strip_prefix(&prefix)?)));
            let own = own.map(|(w, name)| NamedTensor { name: name.to_owned(), ..w.clone() }).collect();
            models::load(model, sizes, shape, own).map_err(|cause| EnsembleError::Weights { model, cause })
        };
        let all = header.models.iter().map(|m| {
            let sizes: Sizes = serde_json::from_value(m.sizes.clone()).map_err(|cause| EnsembleError::Sizes { model: m.name, cause })?;
            Ok((m.name, (0..m.seeds).map(|seed| fit(m.name, seed, &sizes)).collect::<Result<_, EnsembleError>>()?))
        });
        let models = all.collect::<Result<_, EnsembleError>>()?;
        Ok(Self { header, models })
    }

    /// What the file tells of them.
    pub const fn header(&self) -> &ModelHeader {
        &self.header
    }

    /// Calibrated probabilities of each row.
    pub fn answer(&self, rows: &Rows<'_>, compute: &Compute) -> Result<Vec<Probabilities>, EnsembleError> {
        let inputs = self.inputs(rows);
        let header = &self.header;
        let mut answers: Vec<Vec<Probabilities>> = Vec::with_capacity(self.models.len());
        for (_, seeds) in &self.models {
            let said = seeds.iter().map(|model| model.predict(&inputs, compute)).collect::<Result<Vec<_>, _>>()?;
            answers.push(mean_of(&said));
        }
        let of_row = |row: usize| {
            let combined = match &header.meta {
                Some(meta) if header.combination == Combination::Meta => {
                    meta.predict(rows.regimes[row], &header.prior, answers.iter().map(|model| &model[row]))
                }
                _ => mean_of_row(&answers.iter().map(|model| &model[row])),
            };
            header.calibration.apply(&combined, &header.prior)
        };
        Ok((0..rows.regimes.len()).map(of_row).collect())
    }

    fn inputs(&self, rows: &Rows<'_>) -> Inputs {
        let width = self.header.features.len();
        let mut table = rows.table.to_vec();
        table.chunks_exact_mut(width.max(1)).for_each(|row| self.header.normaliser.apply(row));
        let mut series = rows.series.to_vec();
        if let Some(scale) = &self.header.channels {
            series.chunks_exact_mut(CHANNELS.len()).for_each(|bar| scale.apply(bar));
        }
        Inputs {
            width,
            table: table.into(),
            windows: Windows { channels: CHANNELS.len(), series: Arc::new(series), last: rows.last.to_vec() },
        }
    }
}

/// The mean of the answers of several models or seeds, row by row.
pub fn mean_of(answers: &[Vec<Probabilities>]) -> Vec<Probabilities> {
    let rows = answers.first().map_or(0, Vec::len);
    (0..rows).map(|row| mean_of_row(&answers.iter().map(|one| &one[row]))).collect()
}

fn mean_of_row<'p>(answers: &(impl Iterator<Item = &'p Probabilities> + Clone)) -> Probabilities {
    let n = answers.clone().count() as f64;
    std::array::from_fn(|k| answers.clone().map(|p| p[k]).sum::<f64>() / n)
}
