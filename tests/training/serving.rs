//! Models that passed: put in service, replaced, and put back, through the built binary.

use nightdesk::market::{Strategy, SystemClock};
use nightdesk::store::model::{ModelDb, ModelKind, NewTraining};
use nightdesk::train::ensemble::Ensemble;
use nightdesk::train::gates::Verdict;
use nightdesk::train::progress::TrainingState;
use nightdesk::train::registry::{self, ModelFolder, Scored};

use crate::desk::Desk;

const STRATEGY: Strategy = Strategy::Turbomode;

/// Registers the models of run 1 again, as those of another run that passed; the number of the ensemble.
fn passed(desk: &Desk) -> i64 {
    let data = desk.path("data-demo");
    let folder = ModelFolder::new(&data, STRATEGY);
    let mut db = ModelDb::open(&data.join(STRATEGY.database_file()), STRATEGY, true, SystemClock::shared()).unwrap();
    let first = db.reader().training(1).unwrap().unwrap();
    let models = db.reader().models_of(1).unwrap();
    let mut saved = registry::open(db.reader(), &folder, &models[0]).unwrap();
    let new = NewTraining { job_run: None, identity: first.identity, environment: first.environment };
    saved.header.run_id = db.begin_training(&new).unwrap();
    // Rejected, its sides were muted.
    saved.header.muted.clear();
    let run = saved.header.run_id;
    let models_of_first = models[0].model_id;
    let scored = models.into_iter().map(|m| Scored { kind: m.kind, metrics: m.metrics, attribution: m.attribution }).collect();
    let model = registry::register(&mut db, &folder, &saved, scored, &Verdict::Promote, 3650).unwrap();
    db.end_training(run, TrainingState::Shadow, Some(&[]), None).unwrap();
    let baselines = db.reader().drift_baselines(models_of_first).unwrap();
    db.put_drift_baselines(model.model_id, &baselines).unwrap();
    db.close().unwrap();
    model.model_id
}

#[test]
fn a_model_that_passed_is_promoted_replaced_and_rolled_back_to() {
    let desk = crate::place::stocked();
    desk.ok(&["--demo", "train", "--strategy", "turbomode"]);
    let (first, second) = (passed(&desk), passed(&desk));
    let told = desk.ok(&["--demo", "models", "promote", &first.to_string()]);
    assert_eq!(told.trim(), format!("model {first} is champion of turbomode: its signals count from now on"));
    let (code, json) = desk.json(&["--demo", "models", "promote", &second.to_string(), "--json"]);
    assert_eq!((code, &json["ok"]), (Some(0), &true.into()), "{json}");
    let again = desk.run(&["--demo", "models", "promote", &second.to_string()]);
    assert!(again.code == Some(1) && again.err.contains("is the champion already"), "{again:?}");

    let (_, list) = desk.json(&["--demo", "models", "list", "--strategy", "turbomode", "--json"]);
    let one = &list["strategies"][0];
    assert_eq!((&one["standing"]["champion"]["model_id"], &one["standing"]["rollback_to"]), (&second.into(), &first.into()), "{list}");
    assert_eq!((&one["models"][0]["state"], &one["models"][1]["state"]), (&"champion".into(), &"retired".into()));
    let told = desk.ok(&["--demo", "models", "rollback"]);
    assert!(told.contains(&format!("model {first} is champion of turbomode again")), "{told}");
    assert!(desk.ok(&["--demo", "status"]).contains(&format!("turbomode: model {first} is champion, good until")));

    let data = desk.path("data-demo");
    let folder = ModelFolder::new(&data, STRATEGY);
    let reader = nightdesk::store::model::ModelReader::open(&data.join(STRATEGY.database_file()), STRATEGY).unwrap();
    crate::nights::of(&desk, first);
    let (champion, saved) = registry::open_champion(&reader, &folder, SystemClock::shared().now()).unwrap().unwrap();
    assert_eq!((champion.model_id, champion.kind), (first, ModelKind::Ensemble));
    Ensemble::new(saved).unwrap_or_else(|e| panic!("a champion's file answers: {e}"));
    std::fs::write(folder.path().join(format!("run-{}.safetensors", champion.run_id)), "damaged").unwrap();
    let shown = desk.ok(&["--demo", "models", "show", &first.to_string()]);
    assert!(shown.contains("UNUSABLE: has 7 bytes"), "{shown}");
}
