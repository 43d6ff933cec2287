//! Training as an operator sees and steers it: pane 4, the page of a training run, the models.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built must stop the run")]

mod console_fixture;
#[path = "console_fixture/stages.rs"]
mod stages;

use std::fmt::Write as _;
use std::sync::Arc;

use console_fixture::{NOW, Scene, answer, app, look, training};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nightdesk::config::strategy::{ProfileName, Step};
use nightdesk::console::{App, Background, ColorLevel, Effect, Look, Msg, Role, Slot, view};
use nightdesk::control::LinkView;
use nightdesk::engine::{Command, Query, Reply, Snapshot, Training};
use nightdesk::train::progress::{TrainingState, TrainingView};
use nightdesk::train::spec::TrainSpec;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use stages::{S, Stage, T, snap, story};

const SIZES: [(u16, u16); 4] = [(120, 40), (80, 24), (160, 50), (60, 15)];

fn press(desk: &mut App, keys: &str) -> Vec<Effect> {
    let mut out = Vec::new();
    for word in keys.split_whitespace() {
        let code = match word {
            "enter" => KeyCode::Enter,
            "esc" => KeyCode::Esc,
            "space" => KeyCode::Char(' '),
            "tab" => KeyCode::Tab,
            one => KeyCode::Char(one.chars().next().unwrap()),
        };
        let mut effects = Vec::new();
        desk.update(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)), &mut effects);
        for effect in effects {
            match effect {
                Effect::Query { slot: Slot::Run, generation, query: Query::Run { run_id: run_id @ (19 | 31) } } => {
                    let result = Ok(Reply::Run(Box::new(story(run_id))));
                    desk.update(Msg::Answer { slot: Slot::Run, generation, result }, &mut Vec::new());
                }
                asked @ (Effect::Query { .. } | Effect::ReadLogs(_)) => answer(desk, Scene::Idle, vec![asked]),
                other => out.push(other),
            }
        }
    }
    out
}

fn commands(effects: &[Effect]) -> Vec<&Command> {
    effects.iter().filter_map(|e| if let Effect::Send(command, _) = e { Some(command) } else { None }).collect()
}

fn desk(stage: Stage, keys: &str) -> App {
    let mut desk = app(Scene::Idle);
    desk.update(Msg::Snapshot(Arc::new(snap(stage))), &mut Vec::new());
    press(&mut desk, keys);
    desk
}

fn plain() -> Look {
    look(Background::Dark, ColorLevel::True, false)
}

fn frame(desk: &App, look: &Look, (width, height): (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view(desk, look, area, &mut buffer);
    buffer
}

fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let line: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn screen(desk: &App) -> String {
    text(&frame(desk, &plain(), (120, 40)))
}

/// One letter a cell by role, upper case when bold, `.` for blanks.
fn styles(buffer: &Buffer, look: &Look) -> String {
    let letters = ['t', 'd', 'f', 'o', 'w', 'b', 's'];
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let cell = |x| {
            let cell = &buffer[(x, y)];
            let role = Role::ALL.iter().position(|r| look.theme.style(*r).fg.unwrap_or_default() == cell.fg);
            match role.map(|i| letters[i]) {
                _ if cell.symbol() == " " => '.',
                Some(letter) if cell.modifier.contains(Modifier::BOLD) => letter.to_ascii_uppercase(),
                found => found.unwrap_or('?'),
            }
        };
        let line: String = (0..buffer.area.width).map(cell).collect();
        let _ = writeln!(out, "{}", line.trim_end_matches('.'));
    }
    out
}

#[test]
fn the_pane_and_the_page_at_every_size_in_every_state() {
    for stage in Stage::ALL {
        for size in SIZES {
            let at = format!("{}_{}x{}", stage.name(), size.0, size.1);
            insta::assert_snapshot!(format!("pane_{at}"), text(&frame(&desk(stage, "4"), &plain(), size)));
            if stage != Stage::Nothing {
                insta::assert_snapshot!(format!("page_{at}"), text(&frame(&desk(stage, "4 enter"), &plain(), size)));
            }
        }
    }
}

#[test]
fn parts_models_and_dialogs_at_every_size() {
    let screens = [
        ("gates", Stage::Judging, "4 enter l j j j"),
        ("log", Stage::Running, "4 enter l l"),
        ("other_model", Stage::Running, "4 enter n n n n n n L"),
        ("models", Stage::Running, "M"),
        ("models_features", Stage::Running, "M l j"),
        ("models_history", Stage::Running, "M G l l"),
        ("train_dialog", Stage::Nothing, "t"),
        ("train_dialog_seed", Stage::Nothing, "t tab space tab x"),
        ("again_dialog", Stage::Ended(TrainingState::Rejected), "4 enter r"),
        ("stop_dialog", Stage::Running, "4 enter x"),
        ("kill_dialog", Stage::Running, "4 enter X"),
        ("promote_dialog", Stage::Ended(TrainingState::Shadow), "4 enter p"),
        ("roll_back_dialog", Stage::Running, "4 b"),
    ];
    for (name, stage, keys) in screens {
        let desk = desk(stage, keys);
        for size in SIZES {
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text(&frame(&desk, &plain(), size)));
        }
    }
}

#[test]
fn training_in_its_styles() {
    let look = plain();
    let screens = [
        ("pane_running", Stage::Running, "4"),
        ("pane_rejected", Stage::Ended(TrainingState::Rejected), "4"),
        ("page_running", Stage::Running, "4 enter"),
        ("page_judging", Stage::Judging, "4 enter l"),
        ("page_failed", Stage::Ended(TrainingState::Failed), "4 enter"),
        ("models", Stage::Running, "M j"),
    ];
    for (name, stage, keys) in screens {
        insta::assert_snapshot!(format!("styles_{name}"), styles(&frame(&desk(stage, keys), &look, (120, 40)), &look));
    }
}

#[test]
fn ascii_and_colourless_screens_say_the_same() {
    let ascii = look(Background::Dark, ColorLevel::None, true);
    for stage in Stage::ALL {
        for keys in ["4", "4 enter", "4 enter l", "4 enter l l", "M", "M l", "M l l", "t"] {
            let shown = text(&frame(&desk(stage, keys), &ascii, (120, 40)));
            assert!(shown.is_ascii() && !shown.contains('?'.to_string().repeat(2).as_str()), "{stage:?} {keys}\n{shown}");
        }
        let shown = text(&frame(&desk(stage, "4"), &ascii, (120, 40)));
        let word = if stage == Stage::Nothing { "Nothing is trained yet. t trains".into() } else { stage.name() };
        let says = if stage.runs() { "run 14" } else { &word };
        assert!(shown.contains(says), "{stage:?}\n{shown}");
    }
}

#[test]
fn no_size_breaks_a_screen_and_small_ones_still_tell_the_news() {
    // Around every width and height at which a screen changes its shape.
    let widths = [1, 20, 48, 59, 60, 61, 64, 76, 80, 99, 100, 119, 120, 160, 210];
    let heights = [1, 5, 12, 15, 16, 19, 24, 32, 33, 40, 60];
    for stage in [Stage::Nothing, Stage::Warming, Stage::Running, Stage::Judging, Stage::Ended(TrainingState::Failed)] {
        for keys in ["4", "4 z", "4 enter", "4 enter l", "4 enter l l", "M", "M l", "M l l", "t", "4 enter x"] {
            let desk = desk(stage, keys);
            for width in widths {
                for height in heights {
                    frame(&desk, &plain(), (width, height));
                }
            }
        }
    }
    let card = text(&frame(&desk(Stage::Running, "4"), &plain(), (48, 12)));
    assert!(card.contains("need 60x15") && card.contains("runs 1"), "{card}");
}

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
    let mut ended = desk(Stage::Ended(TrainingState::Rejected), "4 enter");
    let again = |from| TrainSpec { strategies: vec![T], profile: Some(ProfileName::Full), seed: Some(7), rerun_from: from };
    assert_eq!(commands(&press(&mut ended, "r enter")), [&Command::Train { spec: again(Some(Step::BaseModels)) }]);
    assert_eq!(commands(&press(&mut ended, "r space enter")), [&Command::Train { spec: again(Some(Step::MetaLearner)) }]);
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
fn an_older_run_is_asked_for_and_one_that_is_gone_is_told() {
    let mut desk = desk(Stage::Running, "M j");
    let mut effects = Vec::new();
    desk.update(Msg::Key(KeyCode::Enter.into()), &mut effects);
    assert_eq!(effects, [], "the snapshot has it");
    assert!(screen(&desk).contains("training run 14"));
    press(&mut desk, "esc j");
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
fn the_end_of_a_training_is_told_with_its_verdict() {
    for (state, said) in [
        (TrainingState::Promoted, "✓ Training of turbomode promoted: Model 14 is champion of"),
        (TrainingState::Rejected, "▸ Training of turbomode rejected: No model became"),
        (TrainingState::Failed, "✗ Training of turbomode failed: The feature cache is"),
    ] {
        let mut desk = desk(Stage::Running, "");
        let ended = TrainingView { job_run: Some(31), ..training::ended(T, state) };
        desk.update(
            Msg::Snapshot(Arc::new(Snapshot { seq: 5_001, training: Arc::new(vec![ended]), ..snap(Stage::Running) })),
            &mut Vec::new(),
        );
        assert!(screen(&desk).contains(said), "{}", screen(&desk));
    }
}
