//! The registry of models: what a training run leaves, which model serves, and the files they are in.
//!
//! [`rules`] decides which moves of models are right and knows no file; the functions here look at database and files, ask it,
//! and have `store::model` make the moves in one transaction. A training run calls [`register`] and [`promote`], commands
//! and pages [`promote`], [`rollback`], [`withdraw`] and [`standing`], whoever predicts [`open_champion`].

mod checkpoint;
mod container;
mod file;
mod header;
pub mod rules;
mod standing;
mod tidy;

use std::collections::BTreeSet;

use serde_json::Value;

pub use checkpoint::{Checkpoint, FitKey, Unusable, read_checkpoint, write_checkpoint};
pub use container::Flaw;
pub use file::{ModelFileError, ModelFolder, SavedModels, model_file_name, open_models, write_models};
pub use header::{BaseModel, FORMAT, ModelHeader, weight_name};
pub use rules::{Actor, Refusal};
pub use standing::{figure, standing};
pub use tidy::{Tidied, tidy, tidy_predictions};

use crate::features::definition_hash;
use crate::store::StoreError;
use crate::store::model::{Model, ModelDb, ModelKind, ModelReader, NewModel, NewModels};
use crate::train::gates::Verdict;
use crate::train::progress::TrainingState;

/// Why the registry did not do something. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It would not be right.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A file does not check.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// The database could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The program's own fault: what is told of a run's models is not what is in its file.
    #[error(
        "the models of training run {0} are not those that were scored; nothing was registered, but this is a bug: report it with the log"
    )]
    Unscored(i64),
    /// The program's own fault: only a run at work registers models, and once.
    #[error(
        "training run {0} is not at work, or has registered its models already; nothing was registered, but this is a bug: report it with \
         the log"
    )]
    NotAtWork(i64),
    /// A model is registered without a file.
    #[error("model {0} has no file any more: it was rejected, or its file was let go; train again")]
    NoFile(i64),
}

/// What is recorded of one of a run's models beside its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Which.
    pub kind: ModelKind,
    /// Figures out of fold: a JSON object.
    pub metrics: Value,
    /// What it leans on: a JSON list.
    pub attribution: Value,
}

/// Registers the models of a finished run: their file is written first, then all rows in one transaction. Killed in between
/// it leaves a file that nothing refers to, which [`tidy`] removes. Gives the ensemble as it is stored: a shadow, which
/// [`promote`] may make champion at once where it owes no sessions, or rejected. The run is at work until it is ended after
/// this; one that is killed in between stays lost, with models that count.
pub fn register(
    db: &mut ModelDb,
    folder: &ModelFolder,
    models: &SavedModels,
    scored: Vec<Scored>,
    verdict: &Verdict,
    expiry_days: u32,
) -> Result<Model, RegistryError> {
    let header = &models.header;
    let listed: BTreeSet<ModelKind> = scored.iter().map(|s| s.kind).collect();
    let made = header.models.iter().map(|m| ModelKind::Base(m.name)).chain([ModelKind::Ensemble]);
    if listed != made.collect() {
        return Err(RegistryError::Unscored(header.run_id));
    }
    // Before the file is written: it must not take the place of one that is registered, nor be an orphan that is tidied away.
    match db.reader().training(header.run_id)? {
        Some(run) if run.state == TrainingState::Running && db.reader().models_of(header.run_id)?.is_empty() => {}
        _ => return Err(RegistryError::NotAtWork(header.run_id)),
    }
    let (state, shadow_sessions, reason) = rules::judged(verdict);
    let file = write_models(folder, models)?;
    let new = NewModels {
        run_id: header.run_id,
        models: scored.into_iter().map(|s| NewModel { kind: s.kind, metrics: s.metrics, attribution: s.attribution }).collect(),
        files: vec![file],
        trained_to: header.trained_to,
        expires_at: rules::expiry(header.trained_to, expiry_days),
        shadow_sessions,
        state,
        reason,
    };
    db.register_models(&new, Actor::Program.name())?;
    let stored = db.reader().models_of(header.run_id)?.into_iter().next();
    stored.ok_or(RegistryError::Store(StoreError::NoTraining(header.run_id)))
}

/// Makes an ensemble champion, in place of the present one, if it may be and its file is good.
pub fn promote(
    db: &mut ModelDb,
    folder: &ModelFolder,
    model_id: i64,
    actor: Actor<'_>,
    reason: &str,
    now: i64,
) -> Result<(), RegistryError> {
    let reader = db.reader();
    let model = reader.model(model_id)?.ok_or(Refusal::NoModel(model_id))?;
    let (champion, served) = (reader.champion(ModelKind::Ensemble)?, reader.shadow_sessions(model_id)?);
    let moves = rules::promotion(&model, champion.as_ref(), served, actor, reason, now)?;
    open(reader, folder, &model)?;
    Ok(db.move_models(&moves, actor.name())?)
}

/// Puts the champion before the present one back in its place. One that had to make way in a rollback is not gone back to,
/// so that two rollbacks go back twice.
pub fn rollback(db: &mut ModelDb, folder: &ModelFolder, actor: Actor<'_>, reason: &str, now: i64) -> Result<Model, RegistryError> {
    let reader = db.reader();
    let (present, before) = (reader.champion(ModelKind::Ensemble)?, reader.last_succeeded()?);
    let moves = rules::rollback(present.as_ref(), before.as_ref(), reason, now)?;
    let before = before.ok_or(Refusal::NoneBefore)?;
    open(reader, folder, &before)?;
    db.move_models(&moves, actor.name())?;
    Ok(before)
}

/// Ends the service of a champion or shadow.
pub fn withdraw(db: &mut ModelDb, model_id: i64, actor: Actor<'_>, reason: &str) -> Result<(), RegistryError> {
    let model = db.reader().model(model_id)?.ok_or(Refusal::NoModel(model_id))?;
    Ok(db.move_models(&rules::withdrawal(&model, reason)?, actor.name())?)
}

/// The champion with its models, as long as it gives signals at `now`; `None` where there is no champion.
pub fn open_champion(reader: &ModelReader, folder: &ModelFolder, now: i64) -> Result<Option<(Model, SavedModels)>, RegistryError> {
    let Some(champion) = reader.champion(ModelKind::Ensemble)? else { return Ok(None) };
    rules::gives_signals(&champion, now)?;
    let saved = open(reader, folder, &champion)?;
    Ok(Some((champion, saved)))
}

/// The models of an ensemble, whatever its state.
pub fn open(reader: &ModelReader, folder: &ModelFolder, model: &Model) -> Result<SavedModels, RegistryError> {
    let files = reader.files_of(model.run_id)?;
    let file = files.first().ok_or(RegistryError::NoFile(model.model_id))?;
    Ok(open_models(folder, file, definition_hash())?)
}
