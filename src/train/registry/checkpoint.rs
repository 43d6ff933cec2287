//! Checkpoints: what a finished fit of a run leaves, so that a run that was interrupted need not do it again.
//!
//! They lie in the folder `run-<number>` beside the model files, a file a fit. One that is damaged, or of another run than it
//! seems, is never used: the fit is done again.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::container::{self, Content, Flaw};
use super::file::{ModelFileError, ModelFolder, exact};
use super::header::FORMAT;
use crate::config::strategy::ModelName;
use crate::market::Strategy;
use crate::store::model::TrainingIdentity;
use crate::store::model::files::{self, FileFault};
use crate::train::metrics::Probabilities;
use crate::train::models::NamedTensor;
use crate::train::progress::Curve;

/// A finished fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Of which model, test block and seed, and how its losses ran.
    pub curve: Curve,
    /// Its weights, by name.
    pub weights: Vec<NamedTensor>,
    /// Its answers to the rows of its test block, in their order; none for a final fit.
    pub answers: Vec<Probabilities>,
}

/// Which fit of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitKey {
    /// Of which model.
    pub model: ModelName,
    /// Number of its test block, from 1; `None` for the final fit.
    pub fold: Option<u32>,
    /// Number of its seed, from 0.
    pub seed: u32,
}

impl FitKey {
    /// The name of its file: `mlp-fold3-seed0.safetensors`, `mlp-final-seed0.safetensors`.
    fn file(self) -> String {
        let fold = self.fold.map_or_else(|| "final".to_owned(), |k| format!("fold{k}"));
        format!("{}-{fold}-seed{}.safetensors", self.model, self.seed)
    }

    fn of(curve: &Curve) -> Self {
        Self { model: curve.model, fold: curve.fold, seed: curve.seed }
    }
}

/// Why a checkpoint is not used. The fit is done again.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Its bytes cannot be had.
    #[error("the checkpoint {} {fault}", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// Why.
        fault: FileFault,
    },
    /// It is not what was written.
    #[error("the checkpoint {} {flaw}", path.display())]
    Flawed {
        /// The file.
        path: PathBuf,
        /// Why.
        flaw: Flaw,
    },
    /// It is of another fit, run or version.
    #[error("the checkpoint {} is of another fit, of other rules, data or hardware, or of another version of Nightdesk", path.display())]
    Other {
        /// The file.
        path: PathBuf,
    },
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Header {
    format: u32,
    strategy: Strategy,
    identity: TrainingIdentity,
    curve: Curve,
}

/// Keeps a finished fit of the run `run_id`, which is one of `identity`, in place of what was kept of the same fit.
pub fn write_checkpoint(
    folder: &ModelFolder,
    run_id: i64,
    identity: &TrainingIdentity,
    checkpoint: &Checkpoint,
) -> Result<(), ModelFileError> {
    let (dir, name) = (folder.checkpoints(run_id), FitKey::of(&checkpoint.curve).file());
    let flawed = |flaw| ModelFileError::Flawed { path: dir.join(&name), flaw };
    let curve = Curve { live: false, ..checkpoint.curve.clone() };
    let header = Header { format: FORMAT, strategy: folder.strategy(), identity: identity.clone(), curve };
    let header = exact(&header, |back: &Header| *back == header).map_err(flawed)?;
    let content = Content { header, weights: checkpoint.weights.clone(), answers: Some(checkpoint.answers.clone()) };
    files::write_whole(&dir, &name, &container::encode(&content).map_err(flawed)?)?;
    Ok(())
}

/// What is kept of the fit `key` of the run `run_id`, which is one of `identity`; `None` where nothing is.
pub fn read_checkpoint(
    folder: &ModelFolder,
    run_id: i64,
    identity: &TrainingIdentity,
    key: FitKey,
) -> Result<Option<Checkpoint>, Unusable> {
    let path = folder.checkpoints(run_id).join(key.file());
    let bytes = match files::read_bounded(&path, files::MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(FileFault::Missing) => return Ok(None),
        Err(fault) => return Err(Unusable::Unread { path, fault }),
    };
    let content = match container::decode(bytes) {
        Ok(content) => content,
        Err(flaw) => return Err(Unusable::Flawed { path, flaw }),
    };
    let header: Option<Header> = serde_json::from_str(&content.header).ok();
    let same = |h: &Header| (h.format, h.strategy, &h.identity, FitKey::of(&h.curve)) == (FORMAT, folder.strategy(), identity, key);
    match (header.filter(same), content.answers) {
        (Some(Header { curve, .. }), Some(answers)) => Ok(Some(Checkpoint { curve, weights: content.weights, answers })),
        _ => Err(Unusable::Other { path }),
    }
}
