//! Which training run is backtested.

use super::{Fault, TestedRun};
use crate::store::StoreError;
use crate::store::model::{Model, ModelKind, ModelReader};
use crate::train::model_views::ModelState;

/// A run, or why there is none.
pub(super) enum Choice {
    /// This one.
    Run(Box<TestedRun>),
    /// None, for a reason in words; a normal end.
    Nothing(String),
}

/// What a strategy without models has.
pub(super) const NOTHING_YET: &str = "nothing was trained yet";

/// Finds the run `wanted`; else that of the champion, of the newest shadow, or the newest run whose answers are kept.
pub(super) fn choose(reader: &ModelReader, wanted: Option<i64>) -> Result<Choice, Fault> {
    let model = match wanted {
        Some(run_id) => {
            reader.training(run_id)?.ok_or(Fault::NoRun(run_id))?;
            let ensemble = reader.models_of(run_id)?.into_iter().find(|m| m.kind == ModelKind::Ensemble);
            match ensemble {
                Some(model) => model,
                None => return Ok(Choice::Nothing(format!("run {run_id} came to no models: choose another"))),
            }
        }
        None => match serving(reader)? {
            Some(model) => model,
            None => return Ok(Choice::Nothing(NOTHING_YET.to_owned())),
        },
    };
    let run_id = model.run_id;
    let predictions = reader.out_of_fold(model.model_id)?;
    let kept = reader.test_record(run_id)?.zip(reader.training(run_id)?).filter(|_| !predictions.is_empty());
    Ok(kept.map_or_else(
        || Choice::Nothing(format!("run {run_id} kept no out-of-fold predictions: train again")),
        |(record, run)| {
            let (seed, snapshot) = (run.identity.seed, run.identity.snapshot);
            Choice::Run(Box::new(TestedRun { run_id, model_id: model.model_id, state: model.state, seed, snapshot, record, predictions }))
        },
    ))
}

/// The ensemble that serves or may serve; without one the newest whose answers are kept, else the newest.
fn serving(reader: &ModelReader) -> Result<Option<Model>, StoreError> {
    if let Some(model) = reader.champion(ModelKind::Ensemble)? {
        return Ok(Some(model));
    }
    if let Some(model) = reader.newest_in(ModelState::Shadow)? {
        return Ok(Some(model));
    }
    let mut models = reader.models(usize::MAX)?;
    for at in 0..models.len() {
        if reader.has_fold_predictions(models[at].model_id)? {
            return Ok(Some(models.swap_remove(at)));
        }
    }
    Ok(models.into_iter().next())
}
