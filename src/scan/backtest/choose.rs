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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::NaiveDate;
    use serde_json::json;

    use super::*;
    use crate::config::strategy::ProfileName;
    use crate::labels::Class;
    use crate::market::{ManualClock, Regime, Strategy, Symbol};
    use crate::store::model::{
        FoldPrediction, ModelDb, ModelMove, MoveCause, NewModel, NewModels, NewTraining, TestRecord, TrainingIdentity,
    };
    use crate::train::progress::TrainingState;

    const DAY: NaiveDate = NaiveDate::from_ymd_opt(2024, 3, 1).unwrap();

    /// A run whose ensemble stands at `state`, and what it said out of fold if it is `kept`.
    fn trained(db: &mut ModelDb, state: ModelState, kept: bool) -> i64 {
        let identity = TrainingIdentity {
            profile: ProfileName::Quick,
            seed: 7,
            config_version: 1,
            config_hash: String::new(),
            definition: String::new(),
            snapshot: "then".into(),
            environment_key: String::new(),
        };
        let run_id = db.begin_training(&NewTraining { job_run: None, identity, environment: json!({}) }).unwrap();
        let new = NewModels {
            run_id,
            models: vec![NewModel { kind: ModelKind::Ensemble, metrics: json!({}), attribution: json!([]) }],
            files: Vec::new(),
            trained_to: DAY,
            expires_at: i64::MAX,
            shadow_sessions: 0,
            state: if state == ModelState::Champion { ModelState::Shadow } else { state },
            reason: String::new(),
        };
        db.register_models(&new, "test").unwrap();
        if state == ModelState::Champion {
            let (from, to, cause) = (ModelState::Shadow, state, MoveCause::Promoted);
            db.move_models(&[ModelMove { run_id, from, to, cause, reason: String::new() }], "test").unwrap();
        }
        db.end_training(run_id, TrainingState::Rejected, Some(&[]), None).unwrap();
        if kept {
            let symbol = Symbol::new("AAPL").unwrap();
            let said =
                FoldPrediction { symbol, date: DAY, fold: 0, p: [0.2, 0.3, 0.5], decision: Class::Buy, edge: 1.2, regime: Regime::Normal };
            let record = TestRecord { rules: String::new(), muted: Vec::new(), embargo: 10, blocks: Vec::new() };
            let model_id = db.reader().models_of(run_id).unwrap()[0].model_id;
            db.put_fold_predictions(model_id, &[said], &record, "then").unwrap();
        }
        run_id
    }

    /// The number of the run that is found, or why there is none.
    fn found(db: &ModelDb, wanted: Option<i64>) -> Result<i64, String> {
        match choose(db.reader(), wanted).map_err(|e| e.to_string())? {
            Choice::Run(run) => Ok(run.run_id),
            Choice::Nothing(why) => Err(why),
        }
    }

    #[test]
    fn champion_before_shadow_before_the_newest_whose_answers_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<ManualClock> = ManualClock::at(1_790_000_000);
        let mut db = ModelDb::open(&dir.path().join("turbomode.db"), Strategy::Turbomode, false, clock).unwrap();
        let none = |run: i64| Err(format!("run {run} kept no out-of-fold predictions: train again"));
        assert_eq!(found(&db, None), Err(NOTHING_YET.to_owned()));
        let bare = trained(&mut db, ModelState::Rejected, false);
        assert_eq!(found(&db, None), none(bare));
        let rejected = trained(&mut db, ModelState::Rejected, true);
        trained(&mut db, ModelState::Rejected, false);
        assert_eq!(found(&db, None), Ok(rejected));
        let shadow = trained(&mut db, ModelState::Shadow, true);
        assert_eq!(found(&db, None), Ok(shadow));
        let champion = trained(&mut db, ModelState::Champion, true);
        trained(&mut db, ModelState::Shadow, true);
        assert_eq!(found(&db, None), Ok(champion));
        assert_eq!((found(&db, Some(rejected)), found(&db, Some(bare))), (Ok(rejected), none(bare)));
        assert!(found(&db, Some(99)).unwrap_err().starts_with("there is no training run 99"));
        db.close().unwrap();
    }
}
