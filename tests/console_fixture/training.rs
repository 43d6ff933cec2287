//! Training of the fixture: a run at work and its ends, where the strategies stand, and the models of one.

use std::sync::Arc;

use chrono::NaiveDate;
use nightdesk::config::strategy::{ModelName, ProfileName, Step};
use nightdesk::market::Strategy;
use nightdesk::train::gates::{Gate, GateResult, Status};
use nightdesk::train::model_views::{FeatureWeight, Metric, ModelDetail, ModelFile, ModelRow, ModelState, StateChange};
use nightdesk::train::progress::{
    ChampionView, Curve, ModelView, NullsView, PartState, ShadowView, Standing, StepView, TrainingState, TrainingView,
};

use super::{NOW, Scene};

const DAY: i64 = 86_400;

/// Fits of a model: five test blocks and the final one.
const FITS: u32 = 6;

fn step(step: Step, state: PartState, seconds: f64, parts: (u32, u32), note: &str) -> StepView {
    StepView { step, state, seconds, done: parts.0, total: parts.1, note: note.into() }
}

fn steps() -> Vec<StepView> {
    use PartState::{Done, Running, Waiting};
    let mut steps = vec![
        step(Step::Configuration, Done, 0.2, (0, 0), "rules 3"),
        step(Step::Data, Done, 12.4, (77, 77), "77 stocks, to 2026-11-20"),
        step(Step::Features, Done, 4.1, (77, 77), "158 used, cache current"),
        step(Step::Labels, Done, 8.0, (77, 77), "214,118 rows"),
        step(Step::Sampling, Done, 2.2, (0, 0), "41,380 a fold"),
        step(Step::Splits, Done, 0.4, (5, 5), "5 blocks, proof holds"),
        step(Step::BaseModels, Running, 1_033.0, (27, 48), ""),
    ];
    let rest = [Step::MetaLearner, Step::Validation, Step::Attribution, Step::Gates, Step::Record];
    steps.extend(rest.map(|s| step(s, Waiting, 0.0, (0, 0), "")));
    steps
}

fn model(name: ModelName, done: u32, loss: f64, skill: f64, auc: f64) -> ModelView {
    let begun = done > 0;
    ModelView {
        name,
        state: if done == FITS { PartState::Done } else { PartState::Waiting },
        fits_done: done,
        fits: FITS,
        epoch: 40 * u32::from(begun),
        epochs: 40,
        train_loss: begun.then_some(loss - 0.021),
        stop_loss: begun.then_some(loss + 0.004),
        loss: begun.then_some(loss),
        skill: begun.then_some(skill),
        auc: begun.then_some(auc),
        epoch_seconds: begun.then_some(1.71),
        seconds: f64::from(done) * 64.0,
    }
}

fn models() -> Vec<ModelView> {
    let mut models = vec![
        model(ModelName::Softmax, FITS, 1.0331, 0.0094, 0.541),
        model(ModelName::Mlp, FITS, 1.0288, 0.0135, 0.556),
        model(ModelName::ResNet, FITS, 1.0279, 0.0144, 0.558),
        model(ModelName::Trees, FITS, 1.0301, 0.0123, 0.551),
        model(ModelName::RealMlp, 3, 1.0262, 0.0160, 0.562),
        model(ModelName::TabM, 0, 0.0, 0.0, 0.0),
        model(ModelName::Gru, 0, 0.0, 0.0, 0.0),
        model(ModelName::Tcn, 0, 0.0, 0.0, 0.0),
    ];
    models[4].state = PartState::Running;
    models[4].epoch = 25;
    models
}

/// Losses that fall and bend, the slice's higher and bumpier.
fn curve(name: ModelName, fold: Option<u32>, epochs: u32, live: bool) -> Curve {
    let train = (0..epochs).map(|e| 0.97 + 0.13 * (-f64::from(e) / 9.0).exp()).map(|v| v as f32).collect();
    let stop = |e: u32| 1.021 + 0.09 * (-f64::from(e) / 7.0).exp() + 0.0016 * f64::from(e % 3) + 0.0004 * f64::from(e.saturating_sub(20));
    let stop = (0..epochs).map(|e| stop(e) as f32).collect();
    Curve { model: name, fold, seed: 0, train, stop, best: epochs.min(21), epochs: 40, live }
}

/// A run at work: seven steps in, the fifth model in its fourth fit.
pub fn running(strategy: Strategy) -> TrainingView {
    TrainingView {
        strategy,
        run_id: 14,
        job_run: Some(31),
        state: TrainingState::Running,
        profile: ProfileName::Full,
        seed: 7,
        config_version: 3,
        snapshot: "9f31c2e0d4aa71b6".into(),
        device: "CPU, 2 threads".into(),
        device_remark: None,
        started_at: NOW - 1_062,
        attempt_at: 0,
        ended_at: None,
        resumed: 0,
        stopping: false,
        steps: steps(),
        models: models(),
        combination: String::new(),
        curves: vec![
            curve(ModelName::ResNet, None, 34, false),
            curve(ModelName::Trees, None, 29, false),
            curve(ModelName::RealMlp, Some(4), 25, true),
        ],
        nulls: NullsView { done: 0, total: 40, passed: 0 },
        gates: Vec::new(),
        eta_s: Some(1_680),
        outcome: None,
    }
}

/// All gates; `passed` says of those in doubt whether they are.
pub fn gates(passed: bool) -> Vec<GateResult> {
    let gate = |gate, figures: Option<(f64, f64, f64)>, sentence: &str| GateResult {
        gate,
        status: Status::Pass,
        value: figures.map(|f| f.0),
        bound: figures.map(|f| f.1),
        threshold: figures.map(|f| f.2),
        sentence: sentence.into(),
    };
    let mut all = vec![
        gate(Gate::Integrity, None, "Data and procedure are sound: purge proof holds, snapshot unchanged, no finding blocks a series."),
        gate(Gate::Size, Some((1_204.0, 1_204.0, 500.0)), "There is enough to judge by: 1,204 dates, at least 500 asked."),
        gate(Gate::Skill, Some((0.0171, 0.0092, 0.0)), "Better than always saying the usual frequencies: log loss 1.7% lower."),
        gate(Gate::Direction, Some((0.564, 0.541, 0.52)), "Tells BUY from SELL: AUC 0.564, no less than 0.541 with 95% confidence."),
        gate(Gate::BalancedAccuracy, Some((0.391, 0.372, 0.35)), "Recognises the outcomes more often than chance: 39.1%."),
        gate(Gate::MacroF1, Some((0.377, 0.361, 0.346)), "Decisions are better than chance reaches: macro F1 0.377."),
        gate(Gate::PrecisionBuy, Some((0.462, 0.431, 0.398)), "BUY decisions beat the base rate: 46.2% of 2,811 were right."),
        gate(Gate::PrecisionSell, Some((0.337, 0.309, 0.322)), "SELL decisions do not beat the base rate with confidence: 33.7% of 1,940."),
        gate(Gate::Recall, Some((0.21, 0.18, 0.1)), "Finds BUYs and SELLs: 21% and 17% of them."),
        gate(Gate::Calibration, Some((0.012, 0.017, 0.03)), "Probabilities mean what they say: expected calibration error 1.2%."),
        gate(Gate::Regimes, Some((-0.002, -0.011, -0.02)), "Harmful in no regime: worst in crisis, log loss 0.2% higher."),
        gate(Gate::Economics, Some((0.96, 0.88, 0.95)), "Earns after costs beyond what luck explains: deflated Sharpe ratio 0.96."),
        gate(Gate::Champion, None, "There is no champion to be better than."),
        gate(Gate::NullControl, Some((1.0, 0.05, 0.1)), "Finds nothing where nothing is: 1 of 40 refits without a signal passed."),
        gate(Gate::LeakAlarm, Some((0.564, 0.58, 0.7)), "Not too good to be true: AUC 0.564, alarm above 0.70."),
    ];
    all[7].status = Status::Muted;
    all[12].status = Status::NotApplicable;
    if !passed {
        all[3] = GateResult {
            status: Status::Fail,
            sentence: "Does not tell BUY from SELL: AUC 0.521, but as low as 0.497 with 95% confidence, where 0.520 is asked for.".into(),
            ..gate(Gate::Direction, Some((0.521, 0.497, 0.52)), "")
        };
        all[11] = GateResult {
            status: Status::Fail,
            sentence: "Does not earn enough after costs: deflated Sharpe ratio 0.61 after 12 trials, 0.95 is asked for.".into(),
            ..gate(Gate::Economics, Some((0.61, 0.44, 0.95)), "")
        };
    }
    all
}

/// A run that has ended.
pub fn ended(strategy: Strategy, state: TrainingState) -> TrainingView {
    let mut view = running(strategy);
    (view.state, view.ended_at, view.eta_s) = (state, Some(NOW - 5_400), None);
    (view.started_at, view.job_run) = (NOW - 9_100, Some(19));
    let outcome = match state {
        TrainingState::Promoted => "Model 14 is champion of turbomode: all gates passed, SELL is muted.",
        TrainingState::Shadow => "Model 14 passed the gates and gives paper signals for 20 more sessions.",
        TrainingState::Rejected => "No model became champion: G2b direction and G9 economics are not met.",
        TrainingState::Failed => {
            "The feature cache is damaged: turbomode.db, month 2024-03. Run `nightdesk features build --strategy turbomode`."
        }
        TrainingState::Cancelled => "Stopped by anna; 27 finished fits are kept.",
        TrainingState::Lost => "The process died; 27 finished fits are kept.",
        TrainingState::Running => "",
    };
    view.outcome = Some(outcome.into());
    if let Some(live) = view.curves.last_mut() {
        live.live = false;
    }
    if !state.judged() {
        let end = if state == TrainingState::Failed { PartState::Failed } else { PartState::Waiting };
        (view.steps[6].state, view.models[4].state) = (end, end);
        return view;
    }
    for (i, step) in view.steps.iter_mut().enumerate() {
        step.state = PartState::Done;
        step.seconds = step.seconds.max(20.0 + i as f64);
    }
    (view.steps[6].seconds, view.steps[6].done) = (2_210.0, 48);
    view.steps[9].note = "158 features".into();
    for (i, name) in ModelName::ALL.into_iter().enumerate() {
        let i = i as f64;
        view.models[i as usize] = model(name, FITS, 1.0331 - 0.001 * i, 0.0094 + 0.0011 * i, 0.541 + 0.003 * i);
    }
    view.combination = "meta-learner over 8 models, temperature 1.08".into();
    view.nulls = NullsView { done: 40, total: 40, passed: 1 };
    view.gates = gates(state != TrainingState::Rejected);
    view
}

fn date(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
}

/// A strategy with a champion, and one before it.
pub fn champion(strategy: Strategy, expired: bool) -> Standing {
    let expires_at = if expired { NOW - 2 * DAY } else { NOW + 9 * DAY };
    Standing {
        strategy,
        champion: Some(ChampionView {
            model_id: 14,
            run_id: 14,
            since: NOW - 5 * DAY,
            trained_to: date(13),
            expires_at,
            expired,
            skill: Some(0.0171),
            auc: Some(0.564),
        }),
        shadow: None,
        rollback_to: Some(9),
        words: if expired { "champion 14 expired, no signals".into() } else { "champion 14, expires in 9d".into() },
    }
}

/// A strategy without a champion.
pub fn none(strategy: Strategy, words: &str) -> Standing {
    Standing { strategy, champion: None, shadow: None, rollback_to: None, words: words.into() }
}

/// A strategy whose newest model is on trial.
pub fn trial(strategy: Strategy) -> Standing {
    let shadow = ShadowView { model_id: 14, run_id: 14, sessions_left: 20 };
    Standing { shadow: Some(shadow), ..none(strategy, "no champion, model 14 on trial for 20 sessions") }
}

/// The models of a strategy, newest first.
pub fn rows(strategy: Strategy) -> Vec<ModelRow> {
    let row = |model_id: i64, state: ModelState, skill: f64, auc: f64, reason: &str, locked: Option<&str>| ModelRow {
        strategy,
        model_id,
        run_id: model_id,
        state,
        state_at: NOW - 5 * DAY + model_id * 3_600,
        reason: reason.into(),
        created_at: NOW - (16 - model_id) * 7 * DAY,
        trained_to: Some(date(13)),
        expires_at: (state != ModelState::Rejected).then_some(NOW + (model_id - 13) * 9 * DAY),
        skill: Some(skill),
        auc: Some(auc),
        locked: locked.map(str::to_owned),
    };
    vec![
        row(15, ModelState::Shadow, 0.0183, 0.567, "passed the gates, 20 sessions of trial to go", None),
        row(14, ModelState::Champion, 0.0171, 0.564, "all gates passed", Some("it is the champion")),
        row(12, ModelState::Rejected, 0.0041, 0.521, "G2b direction, G9 economics", Some("it did not pass G2b direction and G9 economics")),
        row(9, ModelState::Retired, 0.0129, 0.551, "model 14 took its place", None),
    ]
}

/// Everything about one of them.
pub fn detail(strategy: Strategy, model_id: i64) -> Option<ModelDetail> {
    let row = rows(strategy).into_iter().find(|m| m.model_id == model_id)?;
    let names =
        ["momentum_60", "rsi_14", "atr_ratio_14", "beta_60", "volume_z_20", "skew_60", "gap_1", "high_52w_distance", "corr_market_60"];
    let weight = |(i, name): (usize, &&str)| FeatureWeight {
        feature: (*name).into(),
        permutation: Some(0.0041 - 0.0006 * i as f64),
        gradient: (i != 4).then_some(0.094 - 0.009 * i as f64),
    };
    let metric = |name: &str, value: f64, interval| Metric { name: name.into(), value, interval };
    let change = |days: i64, to, by: &str, reason: &str| StateChange { at: NOW - days * DAY, to, by: by.into(), reason: reason.into() };
    let file = |name: &str, bytes, trouble: Option<&str>| ModelFile {
        name: name.into(),
        bytes,
        hash: "c1".repeat(32),
        trouble: trouble.map(str::to_owned),
    };
    Some(ModelDetail {
        profile: ProfileName::Full,
        seed: 7,
        config_version: 3,
        snapshot: "9f31c2e0d4aa71b6".into(),
        combination: "meta-learner over 8 models".into(),
        metrics: vec![
            metric("log loss", 1.0249, Some((1.0201, 1.0298))),
            metric("skill", 0.0171, Some((0.0092, 0.0249))),
            metric("AUC", 0.564, Some((0.541, 0.586))),
        ],
        gates: gates(row.state != ModelState::Rejected),
        features: names.iter().enumerate().map(weight).collect(),
        files: vec![
            file("ensemble.json", 4_180, None),
            file("weights.safetensors", 3_400_000, (model_id == 9).then_some("its hash is another: it was changed after training")),
        ],
        halted: None,
        history: vec![change(9, ModelState::Candidate, "train", "made by training run 14"), change(5, row.state, "train", &row.reason)],
        row,
    })
}

/// What a snapshot has of training.
pub fn shared(scene: Scene) -> (Arc<Vec<TrainingView>>, Arc<Vec<Standing>>) {
    let [turbomode, slipstream] = Strategy::ALL;
    let (runs, standings) = match scene {
        Scene::Loading => (Vec::new(), Vec::new()),
        Scene::Idle => (Vec::new(), Strategy::ALL.map(|s| none(s, "no champion: nothing trained")).to_vec()),
        Scene::Live => (
            vec![ended(turbomode, TrainingState::Promoted), ended(slipstream, TrainingState::Rejected)],
            vec![champion(turbomode, false), none(slipstream, "no champion: gates not met")],
        ),
        Scene::Failures => (vec![ended(turbomode, TrainingState::Failed)], vec![champion(turbomode, true), trial(slipstream)]),
        Scene::Stale => (vec![ended(turbomode, TrainingState::Cancelled)], vec![champion(turbomode, false)]),
    };
    (Arc::new(runs), Arc::new(standings))
}
