//! What a training run makes, small.

use nightdesk::config::strategy::{ModelName, ProfileName};
use nightdesk::dataset::{Normaliser, Scale};
use nightdesk::features::definition_hash;
use nightdesk::market::Strategy;
use nightdesk::store::model::{ModelDb, ModelKind, NewTraining, TrainingIdentity};
use nightdesk::train::calibrate::Calibration;
use nightdesk::train::gates::{Gate, GateResult, Status, Verdict};
use nightdesk::train::models::NamedTensor;
use nightdesk::train::progress::{Curve, TrainingState};
use nightdesk::train::registry::{self, BaseModel, ModelFolder, ModelHeader, SavedModels, Scored, weight_name};
use nightdesk::train::stack::Combination;
use serde_json::json;

use crate::{Desk, NOW, date};

/// Days after which the models of these tests expire.
pub const EXPIRY_DAYS: u32 = 30;
/// Their last training date: three days before [`NOW`], which is 2026-09-21.
pub const TRAINED_TO: &str = "2026-09-18";

pub fn identity() -> TrainingIdentity {
    TrainingIdentity {
        profile: ProfileName::Quick,
        seed: 7,
        config_version: 3,
        config_hash: "c0ffee".into(),
        definition: definition_hash().into(),
        snapshot: "s-1".into(),
        environment_key: "flex/x86_64".into(),
    }
}

pub fn begun() -> NewTraining {
    NewTraining { job_run: Some(41), identity: identity(), environment: json!({ "backend": "flex", "threads": 2 }) }
}

pub fn gates() -> Vec<GateResult> {
    let sentence = "Better than always saying the usual frequencies: 0.1 above 0.".to_owned();
    vec![GateResult { gate: Gate::Skill, status: Status::Pass, value: Some(0.1), bound: Some(1.0 / 3.0), threshold: Some(0.0), sentence }]
}

pub fn folder(desk: &Desk) -> ModelFolder {
    ModelFolder::new(desk.path().parent().unwrap(), Strategy::Turbomode)
}

pub fn tensor(name: String, shape: &[usize]) -> NamedTensor {
    let cells: usize = shape.iter().product();
    NamedTensor { name, shape: shape.to_vec(), values: (0..cells).map(|i| (i as f32).sin() / 3.0).collect() }
}

/// A perceptron of two seeds on two features, and a softmax regression of one.
pub fn saved(run_id: i64) -> SavedModels {
    let weights = vec![
        tensor(weight_name(ModelName::Mlp, 0, "hidden.weight"), &[2, 4]),
        tensor(weight_name(ModelName::Mlp, 1, "hidden.weight"), &[2, 4]),
        tensor(weight_name(ModelName::Softmax, 0, "bias"), &[3]),
    ];
    let scale = |mean: f64| Scale { low: -0.1, high: 1e300, mean, deviation: f64::MIN_POSITIVE };
    let base = |name, seeds| BaseModel { name, seeds, sizes: json!({ "width": 4 }) };
    let header = ModelHeader {
        strategy: Strategy::Turbomode,
        run_id,
        definition: definition_hash().into(),
        features: vec!["rsi_14".into(), "ret_1".into()],
        normaliser: Normaliser { scales: vec![scale(1.0 / 3.0), scale(-0.0)] },
        channels: None,
        models: vec![base(ModelName::Softmax, 1), base(ModelName::Mlp, 2)],
        combination: Combination::Mean,
        meta: None,
        calibration: Calibration { temperature: 1.1, shrink: 0.2 },
        muted: Vec::new(),
        prior: [0.3, 0.3, 0.4],
        rules: "1abe1".into(),
        config_version: 3,
        config_hash: "c0ffee".into(),
        seed: 7,
        snapshot: "s-1".into(),
        trained_to: date(TRAINED_TO),
        environment: json!({ "backend": "flex" }),
    };
    SavedModels { header, weights }
}

pub fn scored() -> Vec<Scored> {
    let kinds = [ModelKind::Ensemble, ModelKind::Base(ModelName::Softmax), ModelKind::Base(ModelName::Mlp)];
    kinds.map(|kind| Scored { kind, metrics: json!({ "skill": 0.01 }), attribution: json!(["rsi_14"]) }).into()
}

pub fn rejected() -> Verdict {
    Verdict::Reject { reasons: vec!["G2b Does not tell BUY from SELL: 0.49 is not above 0.5.".into()] }
}

/// A whole training run, whose ensemble gets the number that is given.
pub fn trained(db: &mut ModelDb, desk: &Desk, verdict: &Verdict) -> i64 {
    let run_id = db.begin_training(&begun()).unwrap();
    let model = registry::register(db, &folder(desk), &saved(run_id), scored(), verdict, EXPIRY_DAYS).unwrap();
    let state = if matches!(verdict, Verdict::Reject { .. }) { TrainingState::Rejected } else { TrainingState::Shadow };
    db.end_training(run_id, state, Some(&gates()), None).unwrap();
    model.model_id
}

pub fn curve(model: ModelName, fold: Option<u32>) -> Curve {
    Curve { model, fold, seed: 0, train: vec![1.1, 0.1 + 0.2], stop: vec![1.2, 1.0 / 3.0], best: 2, epochs: 40, live: false }
}

/// The model gives paper signals for one symbol in `sessions` more sessions.
pub fn serve(desk: &Desk, model_id: i64, sessions: u32) {
    answer_on_paper(desk, model_id, sessions);
    let sql = "INSERT OR IGNORE INTO scans (date, made_at, model_id, kind, symbols, eligible, predicted, signals, words, why_none)
               SELECT date, made_at, model_id, kind, 1, 1, 1, 0, 'on paper', '{}' FROM predictions WHERE model_id = ?1";
    desk.foreign().execute(sql, [model_id]).unwrap();
}

/// The model answers about one symbol on `days` more days, sessions or not.
pub fn answer_on_paper(desk: &Desk, model_id: i64, days: u32) {
    let conn = desk.foreign();
    let sql = "INSERT INTO predictions (model_id, symbol, date, kind, made_at, p_sell, p_hold, p_buy, decision, edge, regime, snapshot)
               SELECT ?1, 'AAPL', date('2026-01-01', printf('+%d days', count(*))), 'shadow', ?2, 0.25, 0.25, 0.5, 2, 0.1, 'normal', 's'
               FROM predictions WHERE model_id = ?1";
    for _ in 0..days {
        conn.execute(sql, rusqlite::params![model_id, NOW]).unwrap();
    }
}

/// All that the registry keeps in the database, as text.
pub fn registry_of(desk: &Desk) -> String {
    let conn = desk.foreign();
    let mut out = String::new();
    for table in ["model_metadata", "model_changes", "model_files", "training_runs"] {
        let mut select = conn.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
        let columns = select.column_count();
        let mut rows = select.query([]).unwrap();
        while let Some(r) = rows.next().unwrap() {
            let cells: Vec<String> = (0..columns).map(|c| format!("{:?}", r.get_ref(c).unwrap())).collect();
            out += &cells.join("|");
            out.push('\n');
        }
    }
    out
}
