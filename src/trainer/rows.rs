//! From what the database keeps of models and runs to what lists and pages show.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::strategy::Step;
use crate::market::Strategy;
use crate::store::StoreError;
use crate::store::model::{Model, ModelKind, ModelReader, TrainingRun, files};
use crate::train::attribution::Attribution;
use crate::train::model_views::{FeatureWeight, ModelDetail, ModelFile, ModelRow, ModelState, StateChange};
use crate::train::progress::{NullsView, PartState, StepView, TrainingView};
use crate::train::registry::{Actor, ModelFolder, figure, rules};

/// Features that a page shows of a model.
const FEATURES: usize = 30;

/// Makes rows and pages of the models in one strategy's database.
pub(super) struct Rows<'a> {
    pub reader: &'a ModelReader,
    pub folder: &'a ModelFolder,
    /// UTC seconds.
    pub now: i64,
}

impl Rows<'_> {
    /// All ensembles, newest first.
    pub fn all(&self) -> Result<Vec<ModelRow>, StoreError> {
        let champion = self.reader.champion(ModelKind::Ensemble)?;
        self.reader.models(usize::MAX)?.iter().map(|m| self.row(m, champion.as_ref())).collect()
    }

    fn row(&self, m: &Model, champion: Option<&Model>) -> Result<ModelRow, StoreError> {
        let served = self.reader.shadow_sessions(m.model_id)?;
        Ok(ModelRow {
            strategy: self.folder.strategy(),
            model_id: m.model_id,
            run_id: m.run_id,
            state: m.state,
            state_at: m.state_at,
            reason: m.state_reason.clone(),
            created_at: m.created_at,
            trained_to: Some(m.trained_to),
            // What was rejected has no service to expire from.
            expires_at: (m.state != ModelState::Rejected).then_some(m.expires_at),
            skill: figure(m, "skill"),
            auc: figure(m, "auc"),
            locked: rules::promotion(m, champion, served, Actor::Person("anybody"), "", self.now).err().map(|why| why.to_string()),
        })
    }

    /// Everything about an ensemble; base models have no page of their own.
    pub fn detail(&self, model_id: i64) -> Result<Option<ModelDetail>, StoreError> {
        let Some(model) = self.reader.model(model_id)?.filter(|m| m.kind == ModelKind::Ensemble) else { return Ok(None) };
        let run = self.reader.training(model.run_id)?.ok_or(StoreError::NoTraining(model.run_id))?;
        let champion = self.reader.champion(ModelKind::Ensemble)?;
        let file = |f: &crate::store::model::ModelFile| ModelFile {
            name: f.file.clone(),
            bytes: f.bytes,
            hash: f.sha256.clone(),
            trouble: files::read_checked(self.folder.path(), f).err().map(|fault| fault.to_string()),
        };
        let change = |c: crate::store::model::ModelChange| StateChange { at: c.at, to: c.to, by: c.actor, reason: c.reason };
        Ok(Some(ModelDetail {
            row: self.row(&model, champion.as_ref())?,
            profile: run.identity.profile,
            seed: run.identity.seed,
            config_version: model.config_version,
            snapshot: run.identity.snapshot,
            combination: part(&model.metrics, "combination"),
            metrics: part(&model.metrics, "metrics"),
            gates: run.gates.unwrap_or_default(),
            features: features(&model.attribution),
            files: self.reader.files_of(model.run_id)?.iter().map(file).collect(),
            history: self.reader.changes_of(model_id)?.into_iter().map(change).collect(),
            halted: self.reader.halt(model_id)?.map(|halt| halt.reason),
        }))
    }
}

/// A part of what is recorded of a model; nothing where another version of the program wrote it in another form.
fn part<T: DeserializeOwned + Default>(of: &Value, name: &str) -> T {
    of.get(name).and_then(|value| T::deserialize(value).ok()).unwrap_or_default()
}

/// How much an ensemble listens to features: the mean over its base models, each feature by those that it is an input of.
/// A gradient counts as a share of those of the features that are on record.
fn features(attribution: &Value) -> Vec<FeatureWeight> {
    let models: Vec<Attribution> = serde::Deserialize::deserialize(attribution).unwrap_or_default();
    let mut of: BTreeMap<&str, [Vec<f64>; 2]> = BTreeMap::new();
    for model in &models {
        let moves: f64 = model.features.iter().filter_map(|f| f.gradient).sum();
        for f in &model.features {
            let [losses, shares] = of.entry(&f.name).or_default();
            losses.extend(f.importance.loss.map(|i| i.mean));
            shares.extend(f.gradient.filter(|_| moves > 0.0).map(|g| g / moves));
        }
    }
    let mean = |all: &[f64]| (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64);
    let weight = |(name, [losses, shares]): (&&str, &[Vec<f64>; 2])| FeatureWeight {
        feature: (*name).to_owned(),
        permutation: mean(losses),
        gradient: mean(shares),
    };
    let mut all: Vec<FeatureWeight> = of.iter().map(weight).collect();
    let key = |f: &FeatureWeight| [f.permutation.unwrap_or(f64::NEG_INFINITY), f.gradient.unwrap_or(0.0)];
    all.sort_by(|a, b| key(b)[0].total_cmp(&key(a)[0]).then(key(b)[1].total_cmp(&key(a)[1])));
    all.truncate(FEATURES);
    all
}

/// A run as it was last shown, or what its record tells of one that showed nothing.
pub(super) fn view(run: TrainingRun, strategy: Strategy) -> TrainingView {
    let TrainingRun { view, error, .. } = run;
    if let Some(view) = view {
        let outcome = view.outcome.or(error);
        return TrainingView { outcome, ..view };
    }
    let waiting = |step| StepView { step, state: PartState::Waiting, seconds: 0.0, done: 0, total: 0, note: String::new() };
    TrainingView {
        strategy,
        run_id: run.run_id,
        job_run: run.job_run,
        state: run.state,
        profile: run.identity.profile,
        seed: run.identity.seed,
        config_version: run.identity.config_version,
        snapshot: run.identity.snapshot,
        device: part(&run.environment, "device"),
        device_remark: part(&run.environment, "remark"),
        started_at: run.started_at,
        attempt_at: run.started_at,
        ended_at: run.ended_at,
        resumed: run.resumed,
        stopping: false,
        steps: Step::ALL.map(waiting).to_vec(),
        models: Vec::new(),
        combination: String::new(),
        curves: Vec::new(),
        nulls: NullsView::default(),
        gates: run.gates.unwrap_or_default(),
        eta_s: None,
        outcome: error,
    }
}
