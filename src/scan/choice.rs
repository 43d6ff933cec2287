//! Which model answers a night, and whether signals come of its answers.

use crate::store::StoreError;
use crate::store::model::{Model, ModelKind, ModelReader, ScanKind};
use crate::train::model_views::ModelState;
use crate::train::registry::rules;

/// Which model answers, what for, and why no signals come of it if so.
pub struct Chosen {
    /// Who.
    pub model: Model,
    /// Live or shadow.
    pub kind: ScanKind,
    /// Why on paper only.
    pub why_paper: Option<String>,
}

/// The model that is asked and watched: the champion, else the shadow, else the newest one that has a file, else the newest.
pub fn answering(reader: &ModelReader) -> Result<Option<Model>, StoreError> {
    if let Some(champion) = reader.champion(ModelKind::Ensemble)? {
        return Ok(Some(champion));
    }
    if let Some(shadow) = reader.newest_in(ModelState::Shadow)? {
        return Ok(Some(shadow));
    }
    match with_file(reader)? {
        Some(model) => Ok(Some(model)),
        None => reader.newest_model(ModelKind::Ensemble),
    }
}

/// Which model answers at `now`, UTC seconds; `None` before anything was trained.
pub fn choose(reader: &ModelReader, now: i64) -> Result<Option<Chosen>, StoreError> {
    let Some(model) = answering(reader)? else { return Ok(None) };
    let id = model.model_id;
    let why_paper = match model.state {
        ModelState::Champion => {
            let halted = reader.halt(id)?.map(|h| format!("new signals are halted: {}", h.reason));
            rules::gives_signals(&model, now).err().map(|why| why.to_string()).or(halted)
        }
        ModelState::Shadow => Some(format!("no champion: model {id} is on trial, its answers are on paper")),
        _ => Some(format!("no champion: gates not met; model {id} answers on paper")),
    };
    let kind = if why_paper.is_none() { ScanKind::Live } else { ScanKind::Shadow };
    Ok(Some(Chosen { model, kind, why_paper }))
}

/// The newest ensemble that still has its file.
fn with_file(reader: &ModelReader) -> Result<Option<Model>, StoreError> {
    for model in reader.models(usize::MAX)? {
        if !reader.files_of(model.run_id)?.is_empty() {
            return Ok(Some(model));
        }
    }
    Ok(None)
}

impl Chosen {
    /// How a night went, in a sentence.
    pub fn words(&self, signals: usize, eligible: u32) -> String {
        let id = self.model.model_id;
        match (&self.why_paper, signals) {
            (Some(why), 0) => format!("no signals: {why}"),
            (Some(why), n) => format!("{n} signals were given before: {why}"),
            (None, 0) if eligible == 0 => format!("no signals of model {id}: no symbol may be given one, the scan tells why of each"),
            (None, 0) => format!("no signals: model {id} saw no edge in {eligible} symbols"),
            (None, 1) => format!("1 signal of model {id}, from {eligible} symbols"),
            (None, n) => format!("{n} signals of model {id}, from {eligible} symbols"),
        }
    }
}
