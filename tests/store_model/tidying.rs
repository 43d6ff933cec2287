//! What is removed from the folder of models, and that no row ever tells of a file that is gone.

use std::fs;

use nightdesk::config::strategy::ModelName;
use nightdesk::labels::Class;
use nightdesk::market::{DAY, Regime};
use nightdesk::store::model::{FoldPrediction, ModelDb, TestBlock, TestRecord};
use nightdesk::train::gates::Verdict;
use nightdesk::train::progress::TrainingState;
use nightdesk::train::registry::{self, Actor, Checkpoint, RegistryError, Tidied, tidy, write_checkpoint, write_models};

use crate::made::{EXPIRY_DAYS, begun, curve, folder, identity, rejected, saved, serve, tensor, trained};
use crate::{Desk, NOW, date, symbol};

fn names(desk: &Desk) -> Vec<String> {
    let entries = fs::read_dir(folder(desk).path()).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn keep(desk: &Desk, run_id: i64) {
    let checkpoint =
        Checkpoint { curve: curve(ModelName::Mlp, Some(1)), weights: vec![tensor("w".into(), &[2])], answers: vec![[0.2, 0.3, 0.5]] };
    write_checkpoint(&folder(desk), run_id, &identity(), &checkpoint).unwrap();
}

fn ended(db: &mut ModelDb, state: TrainingState) -> i64 {
    let id = db.begin_training(&begun()).unwrap();
    db.end_training(id, state, None, Some("ended")).unwrap();
    id
}

/// Every file that a row tells of is there and is what was written.
fn no_row_without_its_file(db: &ModelDb, desk: &Desk) {
    for of in db.reader().model_files().unwrap() {
        nightdesk::store::model::files::read_checked(folder(desk).path(), &of).unwrap();
    }
}

#[test]
fn a_kill_between_file_and_rows_leaves_an_orphan_that_harms_nothing() {
    let desk = Desk::new();
    let mut db = desk.db();
    let id = db.begin_training(&begun()).unwrap();
    write_models(&folder(&desk), &saved(id)).unwrap();
    fs::write(folder(&desk).path().join(".run-1.safetensors.partial"), b"half").unwrap();
    drop(db);
    let mut db = desk.db();
    assert_eq!(tidy(&mut db, &folder(&desk), 7, NOW).unwrap(), Tidied::default(), "while a run is at work by its row");
    db.mark_lost_trainings().unwrap();
    // The run is taken up again and writes the same file anew.
    db.resume_training(id, None).unwrap();
    let models = saved(id);
    registry::register(&mut db, &folder(&desk), &models, crate::made::scored(), &rejected(), 30).unwrap();
    no_row_without_its_file(&db, &desk);
    db.end_training(id, TrainingState::Rejected, Some(&crate::made::gates()), None).unwrap();
    write_models(&folder(&desk), &saved(99)).unwrap();
    fs::write(folder(&desk).path().join(".run-99.safetensors.partial"), b"half").unwrap();
    fs::write(folder(&desk).path().join("notes.txt"), b"a person's own").unwrap();
    assert_eq!(tidy(&mut db, &folder(&desk), 7, NOW).unwrap(), Tidied { orphans: 2, ..Tidied::default() });
    assert_eq!(names(&desk), ["notes.txt", "run-1.safetensors"]);
    no_row_without_its_file(&db, &desk);
}

#[test]
fn checkpoints_stay_only_while_they_may_be_gone_on_from() {
    let desk = Desk::new();
    let mut db = desk.db();
    assert_eq!(tidy(&mut db, &folder(&desk), 7, NOW).unwrap(), Tidied::default(), "there is no folder yet");
    let lost = ended(&mut db, TrainingState::Lost);
    desk.clock.jump_to(NOW + 6 * DAY);
    let cancelled = ended(&mut db, TrainingState::Cancelled);
    trained(&mut db, &desk, &Verdict::Promote);
    let working = db.begin_training(&begun()).unwrap();
    for run in [lost, cancelled, 3, working, 77] {
        keep(&desk, run);
    }
    let first = tidy(&mut db, &folder(&desk), 7, NOW + 7 * DAY).unwrap();
    assert_eq!(first, Tidied { checkpoints: 2, ..Tidied::default() }, "the one that was judged, and the unknown one");
    assert_eq!(names(&desk), ["run-1", "run-2", "run-3.safetensors", "run-4"]);
    assert_eq!(tidy(&mut db, &folder(&desk), 7, NOW + 7 * DAY + 1).unwrap().checkpoints, 1);
    assert_eq!(names(&desk), ["run-2", "run-3.safetensors", "run-4"]);
}

#[test]
fn files_of_rejected_models_go_in_time_and_those_of_retired_ones_stay() {
    let desk = Desk::new();
    let mut db = desk.db();
    let failed = trained(&mut db, &desk, &rejected());
    for _ in 0..3 {
        let id = trained(&mut db, &desk, &Verdict::Promote);
        registry::promote(&mut db, &folder(&desk), id, Actor::Program, "better", NOW).unwrap();
    }
    assert_eq!(tidy(&mut db, &folder(&desk), 7, NOW + 7 * DAY - 1).unwrap(), Tidied::default());
    assert_eq!(tidy(&mut db, &folder(&desk), 7, NOW + 7 * DAY).unwrap(), Tidied { rejected: 1, ..Tidied::default() });
    assert_eq!(names(&desk), ["run-2.safetensors", "run-3.safetensors", "run-4.safetensors"]);
    no_row_without_its_file(&db, &desk);
    let model = db.reader().model(failed).unwrap().unwrap();
    let end = registry::open(db.reader(), &folder(&desk), &model);
    assert!(matches!(end, Err(RegistryError::NoFile(id)) if id == failed));

    // What is damaged of retired models would be told for ever, and of the champion must be.
    for run in [2, 4] {
        fs::write(folder(&desk).path().join(format!("run-{run}.safetensors")), b"damaged").unwrap();
    }
    assert_eq!(tidy(&mut db, &folder(&desk), 7, NOW).unwrap(), Tidied { spoiled: 1, ..Tidied::default() });
    assert_eq!(names(&desk), ["run-3.safetensors", "run-4.safetensors"]);
}

/// The model has said something out of fold.
fn answered(db: &mut ModelDb, model_id: i64) {
    let prediction = FoldPrediction {
        symbol: symbol("AAPL"),
        date: date("2024-03-01"),
        fold: 1,
        p: [0.2, 0.3, 0.5],
        decision: Class::Buy,
        edge: 1.25,
        regime: Regime::Crash,
    };
    let block =
        |first, last, predictions| TestBlock { first: date(first), last: date(last), learnt_to: Some(date("2022-11-30")), predictions };
    let blocks = vec![block("2023-01-02", "2023-12-29", 0), block("2024-01-02", "2024-12-31", 1)];
    let record = TestRecord { rules: "1abe1".into(), muted: vec![Class::Sell], embargo: 10, blocks };
    db.put_fold_predictions(model_id, std::slice::from_ref(&prediction), &record, "s-1").unwrap();
    assert_eq!(db.reader().out_of_fold(model_id).unwrap(), [prediction]);
    let run = db.reader().model(model_id).unwrap().unwrap().run_id;
    assert_eq!(db.reader().test_record(run).unwrap(), Some(record));
}

#[test]
fn answers_out_of_fold_stay_while_somebody_may_ask_for_them() {
    let desk = Desk::new();
    let mut db = desk.db();
    let failed: Vec<i64> = (0..4).map(|_| trained(&mut db, &desk, &rejected())).collect();
    let served: Vec<i64> = (0..2).map(|_| trained(&mut db, &desk, &Verdict::Promote)).collect();
    for id in &served {
        registry::promote(&mut db, &folder(&desk), *id, Actor::Program, "better", NOW).unwrap();
    }
    let shadow = trained(&mut db, &desk, &Verdict::Shadow { sessions_left: 20 });
    let all: Vec<i64> = failed.iter().chain(&served).copied().chain([shadow]).collect();
    assert_eq!(db.reader().test_record(1).unwrap(), None);
    for id in &all {
        answered(&mut db, *id);
    }
    serve(&desk, shadow, 2);
    let kept = |db: &ModelDb| all.iter().copied().filter(|id| db.reader().has_fold_predictions(*id).unwrap()).collect::<Vec<_>>();

    assert_eq!(tidy(&mut db, &folder(&desk), 7, NOW).unwrap(), Tidied { predictions: 1, ..Tidied::default() });
    assert_eq!(kept(&db), all[1..], "of the rejected the newest three");
    // What may serve again no more is no more asked for; the champion's stay, expired or not.
    let expired = NOW + i64::from(EXPIRY_DAYS) * DAY;
    assert_eq!(registry::tidy_predictions(&mut db, expired).unwrap(), 1);
    assert_eq!(kept(&db), [failed[1], failed[2], failed[3], served[1], shadow]);
    assert_eq!(db.reader().shadow_sessions(shadow).unwrap(), 2, "other predictions are left alone");
}
