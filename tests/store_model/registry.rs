//! The registry, rule by rule: who may become champion, who comes back, and what panes are told.

use std::fs;

use nightdesk::config::strategy::ModelName;
use nightdesk::market::{Clock, DAY, Strategy};
use nightdesk::store::StoreError;
use nightdesk::store::model::{ModelDb, ModelKind, MoveCause};
use nightdesk::train::gates::Verdict;
use nightdesk::train::model_views::ModelState;
use nightdesk::train::progress::{Standing, TrainingState};
use nightdesk::train::registry::{self, Actor, Refusal, RegistryError, rules};

use crate::made::{
    EXPIRY_DAYS, TRAINED_TO, answer_on_paper, begun, folder, identity, registry_of, rejected, saved, scored, serve, trained,
};
use crate::{Desk, NOW, date};

const ADA: Actor = Actor::Person("ada");

fn promote(db: &mut ModelDb, desk: &Desk, model_id: i64, actor: Actor) -> Result<(), RegistryError> {
    registry::promote(db, &folder(desk), model_id, actor, "it is better", desk.clock.now())
}

fn rollback(db: &mut ModelDb, desk: &Desk) -> Result<i64, RegistryError> {
    registry::rollback(db, &folder(desk), ADA, "wrong signals", desk.clock.now()).map(|m| m.model_id)
}

fn state(desk: &Desk, model_id: i64) -> ModelState {
    desk.reader().model(model_id).unwrap().unwrap().state
}

fn standing(desk: &Desk) -> Standing {
    registry::standing(&desk.reader(), Strategy::Turbomode, desk.clock.now()).unwrap()
}

/// The refusal, in words; nothing was changed.
fn refused<T: std::fmt::Debug>(desk: &Desk, end: impl FnOnce() -> Result<T, RegistryError>) -> String {
    let before = registry_of(desk);
    let e = end().unwrap_err();
    assert_eq!(registry_of(desk), before, "{e}");
    e.to_string()
}

#[test]
fn a_run_registers_its_ensemble_and_base_models_with_their_file() {
    let desk = Desk::new();
    let mut db = desk.db();
    let id = trained(&mut db, &desk, &Verdict::Shadow { sessions_left: 20 });
    let r = desk.reader();
    let models = r.models_of(1).unwrap();
    let kinds: Vec<_> = models.iter().map(|m| m.kind).collect();
    assert_eq!(kinds, [ModelKind::Ensemble, ModelKind::Base(ModelName::Softmax), ModelKind::Base(ModelName::Mlp)]);
    assert!(models.iter().all(|m| (m.state, m.shadow_sessions, m.run_id) == (ModelState::Shadow, 20, 1)));
    assert_eq!((models[0].model_id, models[0].trained_to, models[0].config_version), (id, date(TRAINED_TO), 3));
    assert_eq!(models[0].expires_at, nightdesk::market::date_to_ts(date("2026-10-19")), "after 30 whole days");
    assert_eq!((r.models(9).unwrap().len(), r.newest_model(ModelKind::Ensemble).unwrap().unwrap().model_id), (1, id));
    assert_eq!(r.files_of(1).unwrap()[0].file, "run-1.safetensors");
    let log = r.model_changes(99).unwrap();
    let moves: Vec<_> = log.iter().rev().map(|c| (c.kind, c.from, c.to, c.cause)).collect();
    let born = kinds.iter().map(|k| (*k, None, ModelState::Candidate, MoveCause::Registered));
    let judged = kinds.iter().map(|k| (*k, Some(ModelState::Candidate), ModelState::Shadow, MoveCause::Judged));
    assert_eq!(moves, born.chain(judged).collect::<Vec<_>>());
    assert_eq!(
        (log[0].actor.as_str(), log[0].reason.as_str()),
        ("nightdesk", "passed the gates; gives paper signals for 20 sessions first")
    );
}

#[test]
fn only_a_run_at_work_registers_and_only_what_it_scored() {
    let desk = Desk::new();
    let mut db = desk.db();
    trained(&mut db, &desk, &Verdict::Promote);
    let file = || fs::read(folder(&desk).path().join("run-1.safetensors")).unwrap();
    let before = file();
    let mut other = saved(1);
    other.weights[0].values[0] = 9.0;
    let mut again = |run_id, scored| {
        let models = registry::SavedModels { header: saved(run_id).header, ..other.clone() };
        refused(&desk, || registry::register(&mut db, &folder(&desk), &models, scored, &rejected(), EXPIRY_DAYS))
    };
    assert!(again(1, scored()).contains("is not at work, or has registered its models already"));
    assert!(again(2, scored()).contains("training run 2 is not at work"));
    assert!(again(1, scored()[..2].to_vec()).contains("are not those that were scored"));
    assert!(file() == before, "the file of a registered model is never written again");
    let run = db.begin_training(&begun()).unwrap();
    registry::register(&mut db, &folder(&desk), &saved(run), scored(), &rejected(), EXPIRY_DAYS).unwrap();
    let end = || registry::register(&mut db, &folder(&desk), &saved(run), scored(), &Verdict::Promote, EXPIRY_DAYS);
    assert!(refused(&desk, end).contains("has registered its models already"), "a verdict is final");

    // Killed before it was ended: its models count, and it is taken up once more for what belongs to them.
    drop(db);
    let mut db = desk.db();
    assert_eq!(db.mark_lost_trainings().unwrap(), [run]);
    assert_eq!(db.reader().resumable(&identity(), 7, NOW).unwrap().map(|r| r.run_id), Some(run));
    db.resume_training(run, None).unwrap();
    let again = || registry::register(&mut db, &folder(&desk), &saved(run), scored(), &Verdict::Promote, EXPIRY_DAYS);
    assert!(refused(&desk, again).contains("has registered its models already"), "a verdict is final");
    assert!(standing(&desk).shadow.is_some(), "of the run before; this one was rejected");
}

#[test]
fn a_shadow_becomes_champion_after_its_sessions_and_the_old_one_retires() {
    let desk = Desk::new();
    let mut db = desk.db();
    let first = trained(&mut db, &desk, &Verdict::Promote);
    promote(&mut db, &desk, first, Actor::Program).unwrap();
    let second = trained(&mut db, &desk, &Verdict::Shadow { sessions_left: 2 });
    serve(&desk, second, 1);
    answer_on_paper(&desk, second, 1);
    let e = refused(&desk, || promote(&mut db, &desk, second, ADA));
    assert!(e.contains("in 1 of the 2 sessions"), "a coin's Sunday is no session: {e}");
    serve(&desk, second, 1);
    promote(&mut db, &desk, second, ADA).unwrap();
    assert_eq!((state(&desk, first), state(&desk, second)), (ModelState::Retired, ModelState::Champion));
    let bases = desk.reader().models_of(2).unwrap();
    assert!(bases.iter().all(|m| m.state == ModelState::Champion), "base models serve with their ensemble");
    assert_eq!(desk.reader().champion(ModelKind::Base(ModelName::Mlp)).unwrap().unwrap().run_id, 2);
    let log = desk.reader().model_changes(4).unwrap();
    assert_eq!((log[0].cause, log[0].actor.as_str(), log[3].cause), (MoveCause::Promoted, "ada", MoveCause::Succeeded));
    assert_eq!(log[3].reason, format!("model {second} took its place: it is better"));
}

#[test]
fn who_may_not_become_champion_is_told_why_and_nothing_changes() {
    let desk = Desk::new();
    let mut db = desk.db();
    let champion = trained(&mut db, &desk, &Verdict::Promote);
    promote(&mut db, &desk, champion, Actor::Program).unwrap();
    let failed = trained(&mut db, &desk, &rejected());
    let mut words = |id, actor| refused(&desk, || promote(&mut db, &desk, id, actor));
    assert_eq!(words(failed, ADA), "gates not met: G2b Does not tell BUY from SELL: 0.49 is not above 0.5.");
    assert_eq!(words(champion, ADA), format!("model {champion} is the champion already"));
    assert_eq!(words(99, ADA), "there is no model 99; `nightdesk models list` lists those there are");
    assert!(words(champion + 1, ADA).contains("is the softmax of training run 1, which serves only as part of its ensemble"));
    let good = trained(&mut db, &desk, &Verdict::Promote);
    let path = folder(&desk).path().join("run-3.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(refused(&desk, || promote(&mut db, &desk, good, ADA)).contains("run-3.safetensors has"));
    fs::remove_file(&path).unwrap();
    assert!(refused(&desk, || promote(&mut db, &desk, good, ADA)).contains("is not there"));
    fs::write(&path, &bytes).unwrap();
    desk.clock.jump_to(NOW + 40 * DAY);
    let e = refused(&desk, || promote(&mut db, &desk, good, ADA));
    assert!(e.contains("learnt from data up to 2026-09-18 and expired on 2026-10-19; train again"), "{e}");
    desk.clock.jump_to(NOW);
    promote(&mut db, &desk, good, Actor::Program).unwrap();
    assert!(refused(&desk, || promote(&mut db, &desk, champion, Actor::Program)).contains("only a person brings it back"));
    promote(&mut db, &desk, champion, ADA).unwrap();
    assert_eq!(state(&desk, champion), ModelState::Champion);
}

#[test]
fn rollbacks_go_back_one_by_one_and_never_forth() {
    let desk = Desk::new();
    let mut db = desk.db();
    assert!(refused(&desk, || rollback(&mut db, &desk)).contains("there is no champion before this one"));
    let ids: Vec<i64> = (0..3)
        .map(|_| {
            let id = trained(&mut db, &desk, &Verdict::Promote);
            promote(&mut db, &desk, id, Actor::Program).unwrap();
            id
        })
        .collect();
    assert_eq!(rollback(&mut db, &desk).unwrap(), ids[1]);
    assert_eq!((state(&desk, ids[2]), state(&desk, ids[1])), (ModelState::Retired, ModelState::Champion));
    assert_eq!(rollback(&mut db, &desk).unwrap(), ids[0]);
    let e = refused(&desk, || rollback(&mut db, &desk));
    assert!(e.ends_with("train again, or promote a retired model by its number"), "{e}");
    promote(&mut db, &desk, ids[2], ADA).unwrap();
    registry::withdraw(&mut db, ids[2], ADA, "stop").unwrap();
    assert_eq!(rollback(&mut db, &desk).unwrap(), ids[0], "also where there is no champion");
    fs::remove_file(folder(&desk).path().join("run-2.safetensors")).unwrap();
    let newest = trained(&mut db, &desk, &Verdict::Promote);
    promote(&mut db, &desk, newest, Actor::Program).unwrap();
    desk.clock.jump_to(NOW + 40 * DAY);
    assert!(refused(&desk, || rollback(&mut db, &desk)).contains("expired on"));
}

#[test]
fn a_champion_that_expired_stays_and_gives_no_signals() {
    let desk = Desk::new();
    let mut db = desk.db();
    let id = trained(&mut db, &desk, &Verdict::Promote);
    promote(&mut db, &desk, id, Actor::Program).unwrap();
    let champion = desk.reader().model(id).unwrap().unwrap();
    assert_eq!(rules::gives_signals(&champion, champion.expires_at - 1), Ok(()));
    assert!(matches!(rules::gives_signals(&champion, champion.expires_at), Err(Refusal::Expired { .. })));
    let open = |now| registry::open_champion(&desk.reader(), &folder(&desk), now);
    assert_eq!(open(NOW).unwrap().unwrap().1, saved(1));
    assert!(matches!(open(champion.expires_at), Err(RegistryError::Refused(Refusal::Expired { .. }))));
    let s = standing(&desk);
    let c = s.champion.unwrap();
    assert_eq!((c.expired, c.since, c.trained_to), (false, NOW, champion.trained_to));
    assert_eq!(s.words, format!("model {id} is champion, good until 2026-10-19, for 27 days"));
    desk.clock.jump_to(champion.expires_at);
    let s = standing(&desk);
    assert!(s.champion.unwrap().expired);
    assert_eq!(s.words, format!("model {id} expired on 2026-10-19 and gives no signals: train again"));
    assert_eq!(state(&desk, id), ModelState::Champion);
}

#[test]
fn without_a_champion_the_standing_says_why() {
    let desk = Desk::new();
    let mut db = desk.db();
    let told = |desk: &Desk| {
        let s = standing(desk);
        assert!(s.champion.is_none());
        s.words
    };
    assert_eq!(told(&desk), "no champion: nothing was trained yet");
    let run = db.begin_training(&begun()).unwrap();
    assert_eq!(told(&desk), "no champion: the first training, run 1, is at work");
    db.end_training(run, TrainingState::Failed, None, Some("the disk is full")).unwrap();
    assert_eq!(told(&desk), "no champion: training run 1 ended without a verdict (failed)");
    trained(&mut db, &desk, &rejected());
    assert_eq!(told(&desk), "no champion: gates not met");
    let id = trained(&mut db, &desk, &Verdict::Shadow { sessions_left: 1 });
    assert_eq!(told(&desk), format!("no champion: model {id} passed the gates and gives paper signals for 1 more session"));
    serve(&desk, id, 1);
    assert_eq!(told(&desk), format!("no champion: model {id} passed the gates and may be promoted"));
    promote(&mut db, &desk, id, ADA).unwrap();
    desk.foreign().execute("INSERT INTO halts (model_id, since, reason) VALUES (?1, ?2, 'the data set has drifted')", [id, NOW]).unwrap();
    assert_eq!(standing(&desk).words, format!("model {id} is champion, and its new signals are halted: the data set has drifted"));
    registry::withdraw(&mut db, id, ADA, "wrong signals").unwrap();
    assert_eq!(told(&desk), format!("no champion: model {id} was retired on 2026-09-21: wrong signals"));
    let e = refused(&desk, || registry::withdraw(&mut db, id, ADA, "again"));
    assert_eq!(e, format!("model {id} is retired: it gives no signals that could be ended"));
}

#[test]
fn moves_from_another_state_than_it_is_are_refused() {
    let desk = Desk::new();
    let mut db = desk.db();
    let id = trained(&mut db, &desk, &Verdict::Promote);
    let model = desk.reader().model(id).unwrap().unwrap();
    let moves = rules::promotion(&model, None, 0, ADA, "x", NOW).unwrap();
    db.move_models(&moves, "ada").unwrap();
    let before = registry_of(&desk);
    assert!(matches!(db.move_models(&moves, "ada"), Err(StoreError::ModelsMoved { run_id: 1, .. })));
    assert_eq!(registry_of(&desk), before);
}
