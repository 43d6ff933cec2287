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

/// The model whose answers count, or would: the champion, else the shadow, else the newest one that has a file.
pub fn choose(reader: &ModelReader, now: i64) -> Result<Option<Chosen>, StoreError> {
    if let Some(champion) = reader.champion(ModelKind::Ensemble)? {
        let halted = reader.halt(champion.model_id)?.map(|h| format!("new signals are halted: {}", h.reason));
        let why_paper = rules::gives_signals(&champion, now).err().map(|why| why.to_string()).or(halted);
        let kind = if why_paper.is_none() { ScanKind::Live } else { ScanKind::Shadow };
        return Ok(Some(Chosen { model: champion, kind, why_paper }));
    }
    let shadow = reader.newest_in(ModelState::Shadow)?;
    let model = match shadow {
        Some(shadow) => Some(shadow),
        None => with_file(reader)?,
    };
    let why = |m: &Model| match m.state {
        ModelState::Shadow => format!("no champion: model {} is on trial, its answers are on paper", m.model_id),
        _ => format!("no champion: gates not met; model {} answers on paper", m.model_id),
    };
    Ok(model.map(|model| Chosen { kind: ScanKind::Shadow, why_paper: Some(why(&model)), model }))
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
            (Some(why), _) => format!("no signals: {why}"),
            (None, 0) => format!("no signals: model {id} saw no edge in {eligible} symbols"),
            (None, 1) => format!("1 signal of model {id}, from {eligible} symbols"),
            (None, n) => format!("{n} signals of model {id}, from {eligible} symbols"),
        }
    }
}
