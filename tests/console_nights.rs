//! Jobs, runs and the way to a daemon, as an operator sees and steers them.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built must stop the run")]

mod console_desk;
mod console_fixture;

use std::sync::Arc;

use console_desk::{commands, frame, plain, screen, text};
use console_fixture::{NOW, Scene, answer, app, look, nights, snapshot};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nightdesk::console::{App, Background, ColorLevel, Effect, Exit, Msg, Role};
use nightdesk::control::LinkView;
use nightdesk::engine::{Command, SchedulerView, Snapshot};
use nightdesk::store::scheduler::{Job, JobRun, JobState};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (60, 15)];

/// Presses keys, answers questions as the scene's engine does, and returns the other effects.
fn press(desk: &mut App, scene: Scene, keys: &str) -> Vec<Effect> {
    console_desk::press(desk, keys, |desk, asked| answer(desk, scene, vec![asked]))
}

fn attached(read_only: Option<&str>) -> Msg {
    Msg::Link(LinkView::Attached { pid: 4_242, read_only: read_only.map(str::to_owned) })
}

fn lost(attempt: u32) -> Msg {
    Msg::Link(LinkView::Lost { since_ms: NOW * 1000 - 7_000, attempt, cause: "connection refused".into() })
}

/// A desk whose snapshot was changed.
fn desk_with(scene: Scene, change: impl FnOnce(&mut Snapshot)) -> App {
    let mut desk = app(scene);
    let mut newer = Snapshot { seq: 5_000, ..snapshot(scene) };
    change(&mut newer);
    desk.update(Msg::Snapshot(Arc::new(newer)), &mut Vec::new());
    desk
}

#[test]
fn the_nights_at_every_size() {
    let screens = [
        ("schedule_zoomed", "3 z"),
        ("job", "3 enter"),
        ("job_paused", "3 j j j j j enter"),
        ("run_story", "R j j j enter"),
        ("run_retried", "3 enter j enter"),
        ("runs", "R"),
        ("pause_dialog", "3 P"),
        ("scheduler_dialog", "3 s"),
        ("rerun_dialog", "R j r"),
    ];
    for (name, keys) in screens {
        for scene in [Scene::Live, Scene::Failures] {
            for size in SIZES {
                let mut desk = app(scene);
                press(&mut desk, scene, keys);
                let shown = text(&frame(&desk, &plain(), size));
                insta::assert_snapshot!(format!("{name}_{scene:?}_{}x{}", size.0, size.1), shown);
            }
        }
    }
}

#[test]
fn the_links_states_at_every_size() {
    let links = [("attached", attached(None)), ("read_only", attached(Some("daemon 0.5.0, console 0.1.0"))), ("lost", lost(3))];
    for (name, link) in links {
        for size in SIZES {
            let mut desk = app(Scene::Failures);
            desk.update(link.clone(), &mut Vec::new());
            insta::assert_snapshot!(format!("link_{name}_{}x{}", size.0, size.1), text(&frame(&desk, &plain(), size)));
        }
    }
}

#[test]
fn ascii_and_colourless_nights_say_the_same() {
    let ascii = look(Background::Dark, ColorLevel::None, true);
    for scene in Scene::ALL {
        for keys in ["3", "3 z", "3 enter", "R", "R j j j enter", "3 P", "q"] {
            let mut desk = app(scene);
            press(&mut desk, scene, keys);
            let shown = text(&frame(&desk, &ascii, (120, 40)));
            let foreign: Vec<char> = shown.chars().filter(|c| !c.is_ascii()).collect();
            assert!(foreign.is_empty(), "{scene:?} {keys}: {foreign:?}\n{shown}");
        }
    }
    let mut desk = app(Scene::Failures);
    press(&mut desk, Scene::Failures, "3 enter");
    insta::assert_snapshot!("job_ascii", text(&frame(&desk, &ascii, (120, 40))));
    let bare = look(Background::Dark, ColorLevel::None, false);
    let words = text(&frame(&app(Scene::Failures), &bare, (120, 40)));
    for said in ["○ ingest", "try 2 in 00:41", "‖ maintenance", "paused", "◇ scan", "not built yet"] {
        assert!(words.contains(said), "{said:?} is not on\n{words}");
    }
    let off = text(&frame(&app(Scene::Stale), &bare, (120, 40)));
    assert!(off.contains("‖ off 2h05 by anna"), "{off}");
}

#[test]
fn jobs_are_steered_only_after_yes() {
    let mut desk = app(Scene::Idle);
    let mut did = |keys| press(&mut desk, Scene::Idle, keys);
    assert_eq!(did("3 n n"), []);
    assert_eq!(commands(&did("n y")), [&Command::Run { job: Job::Ingest }]);
    assert_eq!(commands(&did("P d i s k enter")), [&Command::Pause { job: Job::Ingest, reason: "disk".into() }]);
    assert_eq!(commands(&did("s y")), [&Command::Scheduler { on: false }]);
    assert_eq!(commands(&did("r y")), [&Command::Rerun { run_id: 28 }]);
    assert_eq!(did("c"), [], "the clock did not jump");
    assert_eq!(did("j n"), [], "a job without a body cannot be run");
    assert_eq!(commands(&did("j j j j enter n y")), [&Command::Run { job: Job::Maintenance }]);
    assert_eq!(commands(&did("r y")), [&Command::Rerun { run_id: 26 }]);
}

#[test]
fn a_pause_ends_and_a_held_schedule_goes_on() {
    let mut desk = app(Scene::Failures);
    press(&mut desk, Scene::Failures, "3 j j j j j");
    assert!(screen(&desk).contains("paused"));
    assert_eq!(commands(&press(&mut desk, Scene::Failures, "P y")), [&Command::Resume { job: Job::Maintenance }]);
    let held = SchedulerView { held: Some("the clock went forward 9 days".into()), ..nights::scheduler(Scene::Idle) };
    let mut desk = desk_with(Scene::Idle, |s| s.scheduler = Arc::new(held));
    press(&mut desk, Scene::Idle, "3");
    let shown = screen(&desk);
    assert!(shown.contains("▲ held: the clock") && shown.contains("held │"), "{shown}");
    assert_eq!(commands(&press(&mut desk, Scene::Idle, "c y")), [&Command::ConfirmClock]);
}

#[test]
fn the_selected_run_is_the_one_that_is_cancelled() {
    let waiting = JobRun {
        job: Job::Maintenance,
        state: JobState::Queued,
        started_at: None,
        ended_at: None,
        ..nights::job_runs(Scene::Live)[0].clone()
    };
    let mut desk = desk_with(Scene::Live, |s| {
        let mut runs = s.job_runs.to_vec();
        runs.insert(0, JobRun { id: 30, ..waiting });
        s.job_runs = Arc::new(runs);
    });
    let mut did = |keys| commands(&press(&mut desk, Scene::Live, keys)).into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(did("x y"), [Command::Cancel { run_id: 29, now: false }], "what works comes before what waits");
    assert_eq!(did("R x y"), [Command::Cancel { run_id: 30, now: false }]);
    assert_eq!(did("X 3 0 enter"), [Command::Cancel { run_id: 30, now: true }]);
    assert_eq!(did("j j enter x"), [], "on the page of an ended run there is nothing to cancel");
    assert_eq!(did("r y"), [Command::Rerun { run_id: 28 }]);
}

#[test]
fn a_run_that_ends_badly_is_told_once() {
    let mut desk = app(Scene::Live);
    desk.update(Msg::Focus(false), &mut Vec::new());
    let end = |state, error: Option<&str>| {
        let mut runs = nights::job_runs(Scene::Live);
        (runs[0].state, runs[0].ended_at, runs[0].error) = (state, Some(NOW), error.map(str::to_owned));
        Msg::Snapshot(Arc::new(Snapshot { seq: 5_000, active: None, job_runs: Arc::new(runs), ..snapshot(Scene::Live) }))
    };
    let mut effects = Vec::new();
    desk.update(end(JobState::TimedOut, Some("took longer than 30 minutes")), &mut effects);
    let told = "Run 29 ingest timed out after 01:32: took longer than 30 minutes";
    assert_eq!(effects, [Effect::Notify(told.into())]);
    effects.clear();
    desk.update(end(JobState::TimedOut, Some("took longer than 30 minutes")), &mut effects);
    assert_eq!(effects, []);
    assert!(screen(&desk).contains("timed out after 01:32"));
}

#[test]
fn a_lost_daemon_dims_the_screen_and_takes_no_commands() {
    let mut desk = app(Scene::Live);
    desk.update(attached(None), &mut Vec::new());
    assert!(screen(&desk).contains("● ATTACHED pid 4242") && screen(&desk).contains("q detach"));
    desk.update(lost(3), &mut Vec::new());
    let look = plain();
    let buffer = frame(&desk, &look, (120, 40));
    let shown = text(&buffer);
    assert!(
        shown.contains("○ LOST 00:07")
            && shown.contains("try 3: connection refused. `nightdesk --demo --daemon` on this folder starts one"),
        "{shown}"
    );
    let dim = look.theme.style(Role::Dim).fg.unwrap();
    let mut body = (2..39).flat_map(|y| (0..120).map(move |x| (x, y)));
    assert!(body.all(|at| buffer[at].symbol() == " " || buffer[at].fg == dim));
    assert_eq!(press(&mut desk, Scene::Live, "x i p 3 n r t"), []);
    assert!(screen(&desk).contains("The daemon does not answer; nothing can be asked"));
    let mut effects = Vec::new();
    desk.update(Msg::Key(KeyCode::Enter.into()), &mut effects);
    assert_eq!(effects, [], "a page opens, and asks when the daemon is back");
    assert!(screen(&desk).contains("this comes when it is back") && !screen(&desk).contains("has not run yet"));
    desk.update(attached(None), &mut effects);
    assert!(matches!(effects.as_slice(), [Effect::Query { .. }]), "{effects:?}");
    answer(&mut desk, Scene::Live, effects);
    let shown = screen(&desk);
    assert!(shown.contains("The daemon answers again: attached to pid 4242") && shown.contains("missed while Nightdesk"), "{shown}");
}

#[test]
fn a_question_left_open_sends_nothing_through_a_lost_link() {
    let mut desk = app(Scene::Live);
    desk.update(attached(None), &mut Vec::new());
    press(&mut desk, Scene::Live, "x");
    desk.update(lost(1), &mut Vec::new());
    assert_eq!(press(&mut desk, Scene::Live, "y"), []);
}

#[test]
fn a_daemon_of_another_version_is_watched_not_steered() {
    let mut desk = app(Scene::Live);
    desk.update(attached(Some("daemon 0.5.0, console 0.1.0")), &mut Vec::new());
    assert_eq!(press(&mut desk, Scene::Live, "x i 3 n P t"), []);
    let shown = screen(&desk);
    assert!(shown.contains("◇ READ-ONLY pid 4242") && shown.contains("Read-only: daemon 0.5.0, console 0.1.0"), "{shown}");
}

#[test]
fn leaving_an_attached_console_leaves_the_daemon_alone() {
    for link in [attached(None), attached(Some("daemon 0.5.0")), lost(2)] {
        let mut desk = app(Scene::Live);
        desk.update(link, &mut Vec::new());
        assert_eq!(press(&mut desk, Scene::Live, "q"), [Effect::Leave(Exit::Detached)]);
        let mut effects = Vec::new();
        desk.update(Msg::Key(KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL)), &mut effects);
        assert_eq!(effects, [Effect::Suspend], "a running job of the daemon is not stopped with the console");
    }
}

#[test]
fn a_stream_that_is_open_but_tells_nothing_is_stale() {
    let mut app = app(Scene::Idle);
    app.update(attached(None), &mut Vec::new());
    app.update(Msg::Clock(NOW * 1000 + 11_000), &mut Vec::new());
    assert!(!screen(&app).contains("STALE"), "two beats fit into this");
    app.update(Msg::Clock(NOW * 1000 + 13_000), &mut Vec::new());
    assert!(screen(&app).contains("STALE 13s"));
}
