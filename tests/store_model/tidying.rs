//! What is removed from the folder of models, and that no row ever tells of a file that is gone.

use std::fs;

use nightdesk::config::strategy::ModelName;
use nightdesk::market::DAY;
use nightdesk::store::model::ModelDb;
use nightdesk::train::gates::Verdict;
use nightdesk::train::progress::TrainingState;
use nightdesk::train::registry::{self, Actor, Checkpoint, RegistryError, Tidied, tidy, write_checkpoint, write_models};

use crate::made::{begun, curve, folder, identity, rejected, saved, tensor, trained};
use crate::{Desk, NOW};

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
