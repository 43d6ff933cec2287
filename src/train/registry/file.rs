//! Model files: one a training run, with the weights of all its base models and what a night must know beside them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::container::{self, Content, Flaw};
use super::header::{FORMAT, ModelHeader};
use crate::market::Strategy;
use crate::store::StoreError;
use crate::store::model::ModelFile;
use crate::store::model::files::{self, FileFault};
use crate::train::models::NamedTensor;

/// Why a model file is not used.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// Its bytes cannot be had.
    #[error("the model file {} {fault}; {REMEDY}", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// Why.
        fault: FileFault,
    },
    /// It is no model file, or one that cannot be right.
    #[error("the model file {} {flaw}; {REMEDY}", path.display())]
    Flawed {
        /// The file.
        path: PathBuf,
        /// Why.
        flaw: Flaw,
    },
    /// A newer Nightdesk wrote it.
    #[error("the model file {} is of format {found}, this Nightdesk reads up to {FORMAT}; use the newer program, or train again", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It lies where another strategy's file belongs.
    #[error("the model file {} holds models of {found}; each strategy has its own, move the file back", path.display())]
    OtherStrategy {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: Strategy,
    },
    /// Its models know other features than this program makes.
    #[error(
        "the model file {} was trained on features of the definitions {found}, this Nightdesk makes those of {known}; train again, or use the \
         program that trained it", path.display()
    )]
    OtherFeatures {
        /// The file.
        path: PathBuf,
        /// Hash of its definitions.
        found: String,
        /// Hash of ours.
        known: String,
    },
    /// It could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What to do about a file that cannot be used.
const REMEDY: &str = "nothing is predicted with it: put the file of a backup in its place, go back to the champion before, or train again";

/// The folder of a strategy's models: `models/<strategy>` in the data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFolder {
    strategy: Strategy,
    path: PathBuf,
}

impl ModelFolder {
    /// That of `strategy` in `data_dir`; nothing is made yet.
    pub fn new(data_dir: &Path, strategy: Strategy) -> Self {
        Self { strategy, path: files::model_folder(&data_dir.join(strategy.database_file())) }
    }

    /// Whose it is.
    pub const fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the checkpoints of a run.
    pub fn checkpoints(&self, run_id: i64) -> PathBuf {
        self.path.join(stem(run_id))
    }
}

/// The name of a run's model file.
pub fn model_file_name(run_id: i64) -> String {
    format!("{}.safetensors", stem(run_id))
}

fn stem(run_id: i64) -> String {
    format!("run-{run_id}")
}

/// The run whose file or folder has this name.
pub(super) fn run_of(name: &str) -> Option<i64> {
    let number = name.strip_prefix("run-")?;
    number.strip_suffix(".safetensors").unwrap_or(number).parse().ok()
}

/// A header with what every version writes, whatever else it does.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    format: u32,
    model: T,
}

/// The models of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedModels {
    /// All but the weights.
    pub header: ModelHeader,
    /// The weights by name, see [`super::weight_name`].
    pub weights: Vec<NamedTensor>,
}

/// Writes the models of a run into their file, and gives what is registered of it. Until then the file is an orphan, which
/// [`super::tidy`] removes once no run is at work.
pub fn write_models(folder: &ModelFolder, models: &SavedModels) -> Result<ModelFile, ModelFileError> {
    let name = model_file_name(models.header.run_id);
    let flawed = |flaw| ModelFileError::Flawed { path: folder.path.join(&name), flaw };
    let header = exact(&Versioned { format: FORMAT, model: &models.header }, |back: &Versioned<ModelHeader>| back.model == models.header);
    let header = header.map_err(flawed)?;
    if models.header.strategy != folder.strategy {
        return Err(ModelFileError::OtherStrategy { path: folder.path.join(&name), found: models.header.strategy });
    }
    models.header.check(&models.weights).map_err(flawed)?;
    let bytes = container::encode(&Content { header, weights: models.weights.clone(), answers: None }).map_err(flawed)?;
    if bytes.len() as u64 > files::MOST_BYTES {
        let fault = FileFault::TooLarge(bytes.len() as u64);
        return Err(ModelFileError::Unread { path: folder.path.join(&name), fault });
    }
    Ok(files::write_whole(&folder.path, &name, &bytes)?)
}

/// The JSON of a header, which gives the same header back: no number of it is infinite or NaN, which JSON does not know.
pub(super) fn exact<T: for<'a> Deserialize<'a>>(header: &impl Serialize, same: impl FnOnce(&T) -> bool) -> Result<String, Flaw> {
    let text = serde_json::to_string(header).map_err(|e| Flaw::Inconsistent(e.to_string()))?;
    match serde_json::from_str(&text) {
        Ok(back) if same(&back) => Ok(text),
        _ => Err(Flaw::Inconsistent("a number in its header is not finite".to_owned())),
    }
}

/// The models of the registered file `of`, if it is what was written, this program reads its format, it is of this strategy, and
/// it was trained on features of `definition` ([`crate::features::definition_hash`]).
pub fn open_models(folder: &ModelFolder, of: &ModelFile, definition: &str) -> Result<SavedModels, ModelFileError> {
    let path = folder.path.join(&of.file);
    let bytes = files::read_checked(&folder.path, of).map_err(|fault| ModelFileError::Unread { path: path.clone(), fault })?;
    let flawed = |flaw| ModelFileError::Flawed { path: path.clone(), flaw };
    let content = container::decode(bytes).map_err(flawed)?;
    let header = match format_of(&content.header) {
        Some(found) if found > FORMAT => return Err(ModelFileError::Newer { path, found }),
        Some(_) => {
            serde_json::from_str::<Versioned<ModelHeader>>(&content.header).map_err(|e| flawed(Flaw::Inconsistent(e.to_string())))?
        }
        None => return Err(flawed(Flaw::Foreign)),
    };
    let header = header.model;
    if header.strategy != folder.strategy {
        return Err(ModelFileError::OtherStrategy { path, found: header.strategy });
    }
    if header.definition != definition {
        return Err(ModelFileError::OtherFeatures { path, found: header.definition, known: definition.to_owned() });
    }
    header.check(&content.weights).map_err(flawed)?;
    Ok(SavedModels { header, weights: content.weights })
}

/// The format of a header of a model file, also where nothing else of it is known.
fn format_of(header: &str) -> Option<u32> {
    serde_json::from_str::<Versioned<serde_json::Value>>(header).ok().map(|v| v.format)
}
