//! What keys do about training, and what they are refused.

use std::sync::Arc;

use crossterm::event::KeyCode;
use nightdesk::config::strategy::ProfileName;
use nightdesk::console::{Effect, Msg, Slot};
use nightdesk::control::LinkView;
use nightdesk::engine::{Command, Query, Reply, Snapshot, Training};
use nightdesk::train::progress::{TrainingState, TrainingView};
use nightdesk::train::spec::TrainSpec;

use crate::console_desk::{commands, frame, plain, screen, text};
use crate::console_fixture::{NOW, Scene, app, training};
use crate::desk::{SIZES, desk, press};
use crate::stages::{S, Stage, T, snap};

#[test]
fn a_training_starts_only_from_its_form_and_as_it_says() {
    let mut nothing = desk(Stage::Nothing, "");
    assert_eq!(press(&mut nothing, "t esc"), []);
    assert_eq!(commands(&press(&mut nothing, "t enter")), [&Command::Train { spec: TrainSpec::default() }]);
    let part = TrainSpec { strategies: vec![S], profile: Some(ProfileName::Quick), seed: Some(42), rerun_from: None };
    let effects = press(&mut nothing, "t space space tab space space tab 4 2 enter");
    assert_eq!(commands(&effects), [&Command::Train { spec: part }]);
    assert_eq!(press(&mut nothing, "t tab tab x enter esc"), [], "what is no seed starts nothing");
    let mut running = desk(Stage::Running, "");
    assert_eq!(press(&mut running, "t"), []);
    assert!(screen(&running).contains("A training run is active; cancel it first, or wait"));
    let mut unbuilt = app(Scene::Idle);
    let mut old = snap(Stage::Nothing);
    for job in Arc::make_mut(&mut old.jobs) {
        job.missing = Some("this version cannot run it".into());
    }
    unbuilt.update(Msg::Snapshot(Arc::new(old)), &mut Vec::new());
    assert_eq!(press(&mut unbuilt, "4 t"), []);
    assert!(screen(&unbuilt).contains("No training here: this version cannot run it"), "{}", screen(&unbuilt));
}

#[test]
fn an_ended_run_is_trained_again_from_a_chosen_step() {
    let mut ended = desk(Stage::Ended(TrainingState::Failed), "4 enter");
    let again = |from| TrainSpec { strategies: vec![T], profile: Some(ProfileName::Full), seed: Some(7), rerun_from: from };
    assert_eq!(commands(&press(&mut ended, "r enter")), [&Command::Train { spec: again(None) }], "what it finished is taken up");
    assert!(!commands(&press(&mut ended, "r space enter")).is_empty());
    let mut judged = desk(Stage::Ended(TrainingState::Rejected), "4 enter");
    assert_eq!(press(&mut judged, "r enter"), []);
    assert!(screen(&judged).contains("It came to a verdict and nothing is kept of it"), "{}", screen(&judged));
    let mut cancelled = desk(Stage::Ended(TrainingState::Cancelled), "4 enter");
    assert_eq!(commands(&press(&mut cancelled, "r enter")), [&Command::Train { spec: again(None) }], "what it finished is taken up");
    assert_eq!(press(&mut desk(Stage::Running, "4 enter"), "r enter"), []);
}

#[test]
fn a_run_is_stopped_gently_or_killed_with_its_number() {
    let mut running = desk(Stage::Running, "4 enter");
    assert_eq!(press(&mut running, "x"), []);
    let shown = screen(&running);
    assert!(shown.contains("The fits at work finish and are kept") && shown.contains("27 finished fits"), "{shown}");
    assert_eq!(commands(&press(&mut running, "y")), [&Command::Cancel { run_id: 31, now: false }]);
    assert_eq!(press(&mut running, "X y enter esc"), []);
    assert_eq!(commands(&press(&mut running, "X 3 1 enter")), [&Command::Cancel { run_id: 31, now: true }]);
    let mut stopping = desk(Stage::Stopping, "4 enter");
    assert_eq!(press(&mut stopping, "x"), []);
    assert!(screen(&stopping).contains("The run is ending already"));
}

#[test]
fn a_model_goes_in_and_out_of_service_only_when_it_may() {
    let mut trial = desk(Stage::Ended(TrainingState::Shadow), "4 enter");
    assert_eq!(press(&mut trial, "p y enter esc"), []);
    assert_eq!(commands(&press(&mut trial, "p 1 4 enter")), [&Command::Promote { strategy: T, model_id: 14 }]);
    for (stage, why) in [
        (Stage::Running, "It is not judged yet"),
        (Stage::Ended(TrainingState::Rejected), "Its model did not pass the gates"),
        (Stage::Ended(TrainingState::Failed), "It came to no verdict"),
        (Stage::Ended(TrainingState::Promoted), "Its model became champion already"),
    ] {
        let mut desk = desk(stage, "4 enter");
        assert_eq!(press(&mut desk, "p"), []);
        assert!(screen(&desk).contains(why), "{}", screen(&desk));
    }
    let mut list = desk(Stage::Running, "M");
    assert_eq!(commands(&press(&mut list, "p 1 5 enter")), [&Command::Promote { strategy: T, model_id: 15 }]);
    press(&mut list, "j p");
    assert!(screen(&list).contains("It is the champion already"));
    press(&mut list, "esc j p");
    assert!(screen(&list).contains("it did not pass G2b direction and G9 economics"), "the reason is the engine's own");
    assert_eq!(commands(&press(&mut list, "b y")), [&Command::Rollback { strategy: T }]);
    press(&mut list, "s b");
    assert!(screen(&list).contains("There is no champion before this one"), "{}", screen(&list));
}

#[test]
fn nothing_is_steered_through_a_link_that_only_watches_or_is_lost() {
    let links = [
        LinkView::Attached { pid: 4_242, read_only: Some("another version".into()) },
        LinkView::Lost { since_ms: NOW * 1000 - 7_000, attempt: 3, cause: "connection refused".into() },
    ];
    for link in links {
        let mut desk = desk(Stage::Ended(TrainingState::Shadow), "4 enter");
        desk.update(Msg::Link(link), &mut Vec::new());
        for keys in ["t enter", "r enter", "p 1 4 enter", "b y", "x y"] {
            assert_eq!(commands(&press(&mut desk, keys)), [] as [&Command; 0], "{keys}");
        }
        press(&mut desk, "esc esc");
        assert!(screen(&desk).contains("training run 14") || screen(&desk).contains("run 14"));
    }
}

#[test]
fn the_running_strategy_comes_first_and_the_other_one_is_a_key_away() {
    let mut desk = desk(Stage::Nothing, "4");
    let both = vec![training::ended(T, TrainingState::Promoted), TrainingView { run_id: 3, ..training::running(S) }];
    desk.update(Msg::Snapshot(Arc::new(Snapshot { seq: 5_001, training: Arc::new(both), ..snap(Stage::Running) })), &mut Vec::new());
    assert!(screen(&desk).contains("slipstream run 3  full"), "{}", screen(&desk));
    press(&mut desk, "s");
    assert!(screen(&desk).contains("turbomode run 14  full"));
    press(&mut desk, "s enter");
    assert!(screen(&desk).contains("slipstream run 3  ETA"), "{}", screen(&desk));
}

#[test]
fn the_models_wait_for_their_answers_in_every_state_of_the_desk() {
    for scene in Scene::ALL {
        let mut desk = app(scene);
        desk.update(Msg::Key(KeyCode::Char('M').into()), &mut Vec::new());
        for size in SIZES {
            assert!(text(&frame(&desk, &plain(), size)).contains("asking the engine"), "{scene:?}");
        }
    }
    let mut desk = app(Scene::Idle);
    let mut effects = Vec::new();
    desk.update(Msg::Key(KeyCode::Char('M').into()), &mut effects);
    let [Effect::Query { slot: Slot::Models, generation, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    let nothing = Msg::Answer { slot: Slot::Models, generation: *generation, result: Ok(Reply::Models(Vec::new())) };
    desk.update(nothing, &mut Vec::new());
    assert!(screen(&desk).contains("No model yet. t trains one"), "{}", screen(&desk));
}

#[test]
fn whatever_moves_the_cursor_the_model_under_it_is_asked_for() {
    let mut list = desk(Stage::Running, "M");
    press(&mut list, "/ r e t i r e d enter");
    let shown = screen(&list);
    assert!(shown.contains("row 1 of 1") && shown.contains("─ Model 9 ─") && !shown.contains("asking the engine"), "{shown}");
    press(&mut list, "esc M");
    let mut effects = Vec::new();
    list.update(Msg::Key(KeyCode::Char('s').into()), &mut effects);
    assert!(matches!(effects.as_slice(), [Effect::Query { slot: Slot::Models, query: Query::Models { strategy: S }, .. }]), "{effects:?}");
}

#[test]
fn an_older_run_is_asked_for_and_one_that_is_gone_is_told() {
    let mut desk = desk(Stage::Running, "M j");
    let mut effects = Vec::new();
    desk.update(Msg::Key(KeyCode::Enter.into()), &mut effects);
    let story = matches!(effects.as_slice(), [Effect::Query { slot: Slot::Run, query: Query::Run { run_id: 31 }, .. }]);
    assert!(story, "the snapshot has the training, and only its story is asked for: {effects:?}");
    assert!(screen(&desk).contains("training run 14"));
    press(&mut desk, "esc j");
    effects.clear();
    desk.update(Msg::Key(KeyCode::Enter.into()), &mut effects);
    let [Effect::Query { slot: Slot::Training, generation, query }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(*query, Query::Training { strategy: T, which: Training::Run(12) });
    assert!(screen(&desk).contains("asking the engine"));
    let old = TrainingView { run_id: 12, job_run: None, ..training::ended(T, TrainingState::Rejected) };
    let reply = |view| Msg::Answer { slot: Slot::Training, generation: *generation, result: Ok(Reply::Training(view)) };
    let mut gone = desk.clone();
    desk.update(reply(Some(Box::new(old))), &mut Vec::new());
    assert!(screen(&desk).contains("turbomode run 12  rejected"), "{}", screen(&desk));
    gone.update(reply(None), &mut Vec::new());
    assert!(screen(&gone).contains("There is no such training run."));
}

#[test]
fn the_run_history_tells_what_was_asked_and_the_verdict() {
    let mut desk = desk(Stage::Ended(TrainingState::Rejected), "R");
    let shown = screen(&desk);
    assert!(shown.contains("turbomode: No model became"), "{shown}");
    press(&mut desk, "/ t r a i n enter enter");
    assert!(screen(&desk).contains("turbomode run 14  rejected"), "the list leads to the page of the training\n{}", screen(&desk));
}

#[test]
fn a_page_follows_its_run_from_one_strategy_to_the_next() {
    let mut desk = desk(Stage::Running, "4 enter");
    let mut both = snap(Stage::Running);
    Arc::make_mut(&mut both.job_runs)[0].params = None;
    let next = vec![
        TrainingView { job_run: Some(31), ..training::ended(T, TrainingState::Rejected) },
        TrainingView { run_id: 3, started_at: NOW - 2, ..training::running(S) },
    ];
    desk.update(Msg::Snapshot(Arc::new(Snapshot { seq: 5_001, training: Arc::new(next), ..both })), &mut Vec::new());
    let shown = screen(&desk);
    assert!(shown.contains("slipstream run 3  ETA") && shown.contains("Training of turbomode rejected"), "{shown}");
    press(&mut desk, "s");
    assert!(screen(&desk).contains("turbomode run 14  rejected"));
}

#[test]
fn a_strategy_without_a_training_leads_back_to_the_one_that_has_one() {
    let mut pane = desk(Stage::Running, "4 s");
    assert!(screen(&pane).contains("slipstream is not trained yet. t trains it, s shows the other one."), "{}", screen(&pane));
    press(&mut pane, "s");
    assert!(screen(&pane).contains("turbomode run 14"));
    let mut page = desk(Stage::Running, "4 enter s");
    assert!(screen(&page).contains("This run trains one strategy only") && screen(&page).contains("turbomode run 14  ETA"));
    let mut both = snap(Stage::Running);
    Arc::make_mut(&mut both.job_runs)[0].params = None;
    page.update(Msg::Snapshot(Arc::new(Snapshot { seq: 5_001, ..both })), &mut Vec::new());
    press(&mut page, "s");
    assert!(screen(&page).contains("Run 31 train"), "as long as the other one has not begun, the page is the job's\n{}", screen(&page));
    press(&mut page, "s");
    assert!(screen(&page).contains("turbomode run 14  ETA"), "{}", screen(&page));
}

#[test]
fn the_end_of_a_training_is_told_with_its_verdict() {
    for (state, said) in [
        (TrainingState::Promoted, "✓ Training of turbomode promoted: Model 14 is champion of"),
        (TrainingState::Rejected, "▸ Training of turbomode rejected: No model became"),
        (TrainingState::Failed, "✗ Training of turbomode failed: The feature cache is"),
    ] {
        let mut desk = desk(Stage::Running, "");
        let ended = TrainingView { job_run: None, ..training::ended(T, state) };
        desk.update(
            Msg::Snapshot(Arc::new(Snapshot { seq: 5_001, training: Arc::new(vec![ended]), ..snap(Stage::Running) })),
            &mut Vec::new(),
        );
        assert!(screen(&desk).contains(said), "{}", screen(&desk));
    }
}
