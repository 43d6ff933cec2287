//! The models of a strategy: which there are, in which state, in which files, and who moved them there.
//!
//! Which moves are right is decided in `train::registry`; here they are all made or none, and each is logged.

mod read;
mod write;

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde_json::Value;

use crate::config::strategy::ModelName;
use crate::train::model_views::ModelState;

/// What moved a model.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MoveCause {
    /// It is new.
    Registered,
    /// The gates.
    Judged,
    /// It became champion.
    Promoted,
    /// It became champion again.
    Restored,
    /// Another one took its place.
    Succeeded,
    /// It had to make way for the one before it.
    RolledBack,
    /// A person took it out of service.
    Withdrawn,
}

/// Which of a run's models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ModelKind {
    /// The one that answers.
    Ensemble,
    /// One of those it makes its answer of.
    Base(ModelName),
}

const ENSEMBLE: &str = "ensemble";

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ensemble => f.pad(ENSEMBLE),
            Self::Base(name) => name.fmt(f),
        }
    }
}

impl FromStr for ModelKind {
    type Err = strum::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == ENSEMBLE { Ok(Self::Ensemble) } else { text.parse().map(Self::Base) }
    }
}

/// A file of a run's models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// Its name in the strategy's model folder.
    pub file: String,
    /// SHA-256 of the whole of it, lower-case hexadecimal digits.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// A model that is registered.
#[derive(Clone, Debug, PartialEq)]
pub struct NewModel {
    /// Which of the run's.
    pub kind: ModelKind,
    /// Figures out of fold: a JSON object.
    pub metrics: Value,
    /// What it leans on: a JSON list.
    pub attribution: Value,
}

/// The models of a run, which are registered, serve and retire together.
#[derive(Clone, Debug, PartialEq)]
pub struct NewModels {
    /// Which run.
    pub run_id: i64,
    /// The ensemble and its base models.
    pub models: Vec<NewModel>,
    /// The files that hold them; they exist.
    pub files: Vec<ModelFile>,
    /// Last date that they learnt from.
    pub trained_to: NaiveDate,
    /// When they stop giving signals, UTC seconds; after `trained_to`.
    pub expires_at: i64,
    /// Sessions of paper signals owed before they may serve.
    pub shadow_sessions: u32,
    /// What the gates made of them: [`ModelState::Shadow`] or [`ModelState::Rejected`].
    pub state: ModelState,
    /// Why, in words.
    pub reason: String,
}

/// A model as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its number.
    pub model_id: i64,
    /// The run that made it.
    pub run_id: i64,
    /// Which of the run's.
    pub kind: ModelKind,
    /// Where it stands.
    pub state: ModelState,
    /// Since when, UTC seconds.
    pub state_at: i64,
    /// Why.
    pub state_reason: String,
    /// When it was registered.
    pub created_at: i64,
    /// Last date that it learnt from.
    pub trained_to: NaiveDate,
    /// When it stops giving signals, UTC seconds.
    pub expires_at: i64,
    /// Sessions of paper signals that it owed when it was registered.
    pub shadow_sessions: u32,
    /// Hash of the definitions of its features.
    pub definition: String,
    /// Version of the rules it was trained by.
    pub config_version: u32,
    /// Hash of these rules.
    pub config_hash: String,
    /// Figures out of fold.
    pub metrics: Value,
    /// What it leans on.
    pub attribution: Value,
}

/// A move of all models of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelMove {
    /// Which run's.
    pub run_id: i64,
    /// Where they are now.
    pub from: ModelState,
    /// Where they go.
    pub to: ModelState,
    /// What moves them.
    pub cause: MoveCause,
    /// Why, in words.
    pub reason: String,
}

/// A move that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelChange {
    /// Its number: later ones are higher.
    pub seq: i64,
    /// When, UTC seconds.
    pub at: i64,
    /// Which model.
    pub model_id: i64,
    /// The run that made it.
    pub run_id: i64,
    /// Which of the run's.
    pub kind: ModelKind,
    /// Who.
    pub actor: String,
    /// From where; `None` for a model that is new.
    pub from: Option<ModelState>,
    /// To where.
    pub to: ModelState,
    /// What moved it.
    pub cause: MoveCause,
    /// Why.
    pub reason: String,
}
