//! Training runs: what is stored of them, which are gone on from, and what a full disk does to them.

use nightdesk::config::strategy::{ProfileName, Step};
use nightdesk::market::{Clock, DAY, Strategy};
use nightdesk::store::StoreError;
use nightdesk::store::model::{HoldoutFigures, ModelDb, NewTraining, TrainingIdentity};
use nightdesk::train::progress::{NullsView, PartState, StepView, TrainingState, TrainingView};

use crate::made::{begun, gates, identity};
use crate::{Desk, NOW, date};

fn view(run_id: i64) -> TrainingView {
    let step = |step| {
        let state = if step < Step::Labels { PartState::Done } else { PartState::Waiting };
        StepView { step, state, seconds: 0.1 + 0.2, done: 0, total: 0, note: String::new() }
    };
    TrainingView {
        strategy: Strategy::Turbomode,
        run_id,
        job_run: Some(41),
        state: TrainingState::Running,
        profile: ProfileName::Quick,
        seed: 7,
        config_version: 3,
        snapshot: "s-1".into(),
        device: "CPU, 2 threads".into(),
        device_remark: None,
        started_at: NOW,
        attempt_at: NOW,
        ended_at: None,
        resumed: 0,
        stopping: true,
        steps: Step::ALL.map(step).into(),
        models: Vec::new(),
        combination: String::new(),
        curves: Vec::new(),
        nulls: NullsView::default(),
        gates: gates(),
        eta_s: Some(90),
        outcome: None,
    }
}

#[test]
fn a_run_is_stored_from_begin_to_verdict() {
    let desk = Desk::new();
    let mut db = desk.db();
    let id = db.begin_training(&begun()).unwrap();
    assert!(matches!(db.begin_training(&begun()), Err(StoreError::TrainingAtWork(at)) if at == id));
    desk.clock.jump_to(NOW + 60);
    db.save_training(&view(id)).unwrap();
    let run = desk.reader().training(id).unwrap().unwrap();
    assert_eq!((run.state, run.started_at, run.saved_at, run.ended_at, run.step), (TrainingState::Running, NOW, NOW + 60, None, 3));
    assert_eq!((run.identity, run.job_run, run.environment["threads"].as_u64()), (identity(), Some(41), Some(2)));
    assert_eq!(run.view.unwrap(), view(id));
    desk.clock.jump_to(NOW - 60);
    assert!(db.end_training(id, TrainingState::Promoted, None, None).is_err(), "no verdict without gates");
    assert!(db.end_training(id, TrainingState::Failed, None, None).is_err(), "no failure without an error");
    db.end_training(id, TrainingState::Promoted, Some(&gates()), None).unwrap();
    let run = desk.reader().training(id).unwrap().unwrap();
    assert_eq!((run.state, run.ended_at, run.gates), (TrainingState::Promoted, Some(NOW + 60), Some(gates())));
    let shown = run.view.unwrap();
    assert_eq!((shown.state, shown.ended_at, shown.stopping), (TrainingState::Promoted, Some(NOW + 60), false));

    for refused in [db.save_training(&view(id)), db.end_training(id, TrainingState::Lost, None, None), db.resume_training(id, None)] {
        assert!(matches!(refused, Err(StoreError::TrainingState { run_id, state }) if run_id == id && state == "promoted"));
    }
    assert!(matches!(db.resume_training(99, None), Err(StoreError::NoTraining(99))));
    let next = db.begin_training(&begun()).unwrap();
    assert_eq!(desk.reader().trainings(9).unwrap().iter().map(|r| r.run_id).collect::<Vec<_>>(), [next, id]);
    assert_eq!(desk.reader().trainings(1).unwrap().len(), 1);
}

#[test]
fn a_view_of_another_version_is_left_out() {
    let desk = Desk::new();
    let mut db = desk.db();
    let id = db.begin_training(&begun()).unwrap();
    db.save_training(&view(id)).unwrap();
    desk.foreign().execute("UPDATE training_runs SET view = '{\"strategy\": \"turbomode\"}'", []).unwrap();
    assert_eq!(desk.reader().training(id).unwrap().unwrap().view, None);
}

#[test]
fn a_dead_run_is_lost_with_its_last_sign_of_life_and_taken_up_again() {
    let desk = Desk::new();
    let mut db = desk.db();
    let id = db.begin_training(&begun()).unwrap();
    desk.clock.jump_to(NOW + 100);
    db.save_training(&view(id)).unwrap();
    drop(db);
    desk.clock.jump_to(NOW + 5_000);
    let mut db = desk.db();
    assert_eq!(db.mark_lost_trainings().unwrap(), [id]);
    assert!(db.mark_lost_trainings().unwrap().is_empty());
    let run = db.reader().training(id).unwrap().unwrap();
    assert_eq!((run.state, run.ended_at), (TrainingState::Lost, Some(NOW + 100)));
    let shown = run.view.unwrap();
    assert_eq!((shown.state, shown.ended_at), (TrainingState::Lost, Some(NOW + 100)));
    db.resume_training(id, Some(42)).unwrap();
    let run = db.reader().training(id).unwrap().unwrap();
    assert_eq!((run.state, run.ended_at, run.error, run.resumed, run.job_run), (TrainingState::Running, None, None, 1, Some(42)));
    assert_eq!((run.started_at, run.saved_at), (NOW, NOW + 5_000));
}

#[test]
fn only_an_interrupted_run_of_the_same_identity_is_gone_on_from() {
    let desk = Desk::new();
    let mut db = desk.db();
    let mut run = |of: TrainingIdentity, state, error: Option<&str>| {
        let id = db.begin_training(&NewTraining { identity: of, ..begun() }).unwrap();
        let judged = matches!(state, TrainingState::Rejected | TrainingState::Shadow);
        db.end_training(id, state, judged.then(gates).as_deref(), error).unwrap();
        id
    };
    let cancelled = run(identity(), TrainingState::Cancelled, Some("cancelled by a person"));
    let failed = run(identity(), TrainingState::Failed, Some("the disk is full"));
    run(identity(), TrainingState::Rejected, None);
    run(identity(), TrainingState::Shadow, None);
    let others = [
        TrainingIdentity { profile: ProfileName::Full, ..identity() },
        TrainingIdentity { seed: 8, ..identity() },
        TrainingIdentity { config_version: 4, ..identity() },
        TrainingIdentity { config_hash: "c0ffef".into(), ..identity() },
        TrainingIdentity { definition: "other".into(), ..identity() },
        TrainingIdentity { snapshot: "s-2".into(), ..identity() },
        TrainingIdentity { environment_key: "vulkan".into(), ..identity() },
    ];
    let ids: Vec<i64> = others.iter().map(|of| run(of.clone(), TrainingState::Lost, None)).collect();
    let found = |of: &TrainingIdentity, now| desk.reader().resumable(of, 7, now).unwrap().map(|r| r.run_id);
    let now = desk.clock.now();
    assert_eq!(found(&identity(), now), Some(failed));
    assert_eq!(others.iter().map(|of| found(of, now)).collect::<Vec<_>>(), ids.into_iter().map(Some).collect::<Vec<_>>());
    assert_eq!(found(&TrainingIdentity { seed: 9, ..identity() }, now), None);
    assert_eq!((found(&identity(), now + 7 * DAY), found(&identity(), now + 7 * DAY + 1)), (Some(failed), None));
    db.resume_training(failed, None).unwrap();
    assert_eq!(found(&identity(), now), Some(cancelled), "the one at work is no longer to be had");
}

#[test]
fn trials_and_looks_at_the_hold_out_are_never_forgotten_and_count_once() {
    let desk = Desk::new();
    let mut db = desk.db();
    let id = db.begin_training(&begun()).unwrap();
    let trial = |name: &str, sharpe| (name.to_owned(), sharpe);
    db.add_trials(id, &[trial("mlp", Some(0.03)), trial("gru", None), trial("tcn", Some(f64::NAN))]).unwrap();
    db.add_trials(id, &[trial("mlp", Some(-0.01)), trial("ensemble", Some(f64::INFINITY))]).unwrap();
    let found: Vec<_> = desk.reader().trials().unwrap().into_iter().map(|t| (t.name, t.sharpe)).collect();
    assert_eq!(found, [trial("ensemble", None), trial("gru", None), trial("mlp", Some(-0.01)), trial("tcn", None)]);
    assert!(db.add_trials(id + 1, &[trial("mlp", None)]).is_err(), "of no run");
    assert_eq!(desk.reader().trials().unwrap().len(), 4);

    let span = (date("2025-09-01"), date("2026-09-01"));
    let reading = db.log_holdout_reading(id, "nightdesk", span, 5_000).unwrap();
    db.log_holdout_reading(id, "ada", span, 5_000).unwrap();
    let figures = HoldoutFigures { skill: Some(0.004), direction: Some(-0.001), auc: Some(0.51), sharpe: Some(f64::NAN) };
    db.finish_holdout_reading(reading, &figures).unwrap();
    let found = desk.reader().holdout_readings().unwrap();
    assert_eq!((found[0].rows, found[0].first_date, found[0].figures.auc, found[0].figures.sharpe), (5_000, span.0, Some(0.51), None));
    assert_eq!((found[1].actor.as_str(), found[1].figures), ("ada", HoldoutFigures::default()), "cut short, but known");
    assert!(db.finish_holdout_reading(reading, &HoldoutFigures { auc: Some(1.1), ..figures }).is_err());
    assert!(db.log_holdout_reading(id, "ada", (span.1, span.0), 1).is_err());
}

#[test]
fn a_full_disk_is_told_as_such_and_harms_nothing() {
    let desk = Desk::new();
    desk.db().close().unwrap();
    let mut db = ModelDb::open_limited(&desk.path(), Strategy::Turbomode, false, desk.clock.clone(), 2).unwrap();
    let id = db.begin_training(&begun()).unwrap();
    let long = TrainingView { outcome: Some("x".repeat(300_000)), ..view(id) };
    db.save_training(&long).unwrap();
    let longer = TrainingView { outcome: Some("y".repeat(5 << 20)), ..view(id) };
    assert!(matches!(db.save_training(&longer), Err(StoreError::DiskFull)));
    assert_eq!(desk.reader().training(id).unwrap().unwrap().view.unwrap(), long);
    db.save_training(&view(id)).unwrap();
    db.close().unwrap();
    assert_eq!(desk.reader().training(id).unwrap().unwrap().view.unwrap(), view(id));
}
