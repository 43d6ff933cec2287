//! What the console does with keys: any keys, in any order, in any state of the desk.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built must stop the run")]

mod console_desk;
mod console_fixture;

use std::sync::Arc;

use console_desk::commands;
use console_fixture::{NOW, Scene, answer, app, look, snapshot};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use nightdesk::console::{App, Background, ColorLevel, Effect, Exit, Msg, keys_markdown, view};
use nightdesk::control::LinkView;
use nightdesk::engine::{Command, Market, Query, Snapshot};
use nightdesk::market::SourceId;
use nightdesk::store::master::Resolution;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

fn key(code: KeyCode) -> Msg {
    Msg::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn control(c: char) -> Msg {
    Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL))
}

/// Presses keys, answers questions, and returns the other effects.
fn press(desk: &mut App, keys: &str) -> Vec<Effect> {
    console_desk::press(desk, keys, |desk, asked| answer(desk, Scene::Live, vec![asked]))
}

fn draw(app: &App, area: Rect) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, area.right(), area.bottom()));
    view(app, &look(Background::Dark, ColorLevel::True, false), area, &mut buffer);
    buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect()
}

const SCREEN: Rect = Rect::new(0, 0, 120, 40);

#[test]
fn a_run_is_cancelled_only_after_yes() {
    let mut desk = app(Scene::Live);
    assert_eq!(press(&mut desk, "x n"), []);
    assert_eq!(press(&mut desk, "x esc"), []);
    assert_eq!(commands(&press(&mut desk, "x y")), [&Command::Cancel { run_id: 29, now: false }]);
    assert_eq!(commands(&press(&mut desk, "x enter")), [&Command::Cancel { run_id: 29, now: false }]);
    assert_eq!(press(&mut desk, "x q"), []);
    assert!(draw(&desk, SCREEN).contains("Answer with y or enter for yes, n or esc for no."));
    press(&mut desk, "esc");
    assert_eq!(press(&mut desk, "X y enter esc"), []);
    assert_eq!(press(&mut desk, "X 2 8 enter esc"), []);
    assert_eq!(commands(&press(&mut desk, "X 2 9 enter")), [&Command::Cancel { run_id: 29, now: true }]);
}

#[test]
fn a_finding_is_settled_only_with_a_reason() {
    let mut desk = app(Scene::Failures);
    assert_eq!(press(&mut desk, "D j A esc"), []);
    assert_eq!(press(&mut desk, "A enter esc"), []);
    let effects = press(&mut desk, "A o k enter d b a d enter");
    let settle = |resolution, note: &str| Command::ResolveIssue { id: 2, resolution, note: note.into() };
    assert_eq!(commands(&effects), [&settle(Resolution::Accepted, "ok"), &settle(Resolution::Dismissed, "bad")]);
}

#[test]
fn an_ingest_is_planned_before_it_starts() {
    let mut desk = app(Scene::Idle);
    let mut effects = Vec::new();
    desk.update(key(KeyCode::Char('i')), &mut effects);
    assert!(matches!(effects.as_slice(), [Effect::Query { query: Query::Plan { .. }, .. }]));
    answer(&mut desk, Scene::Live, effects);
    let screen = draw(&desk, SCREEN);
    assert!(screen.contains("29 series, about 37 requests, 4,312 bars, about 12 s"), "{screen}");
    let effects = press(&mut desk, ". tab 1 h enter");
    let [Command::Ingest { spec }] = commands(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((spec.symbols.len(), spec.timeframes.len()), (1, 1));
    assert_eq!(press(&mut desk, "i esc"), []);
}

#[test]
fn q_asks_what_becomes_of_an_engine_in_this_process() {
    let mut idle = app(Scene::Idle);
    assert_eq!(press(&mut idle, "q esc"), []);
    assert_eq!(press(&mut idle, "q s"), [Effect::Leave(Exit::Stop)]);
    assert_eq!(press(&mut idle, "q h"), [Effect::Leave(Exit::HandOver)]);
    let mut desk = app(Scene::Live);
    assert_eq!(press(&mut desk, "q esc"), []);
    assert_eq!(commands(&press(&mut desk, "q s")), [&Command::Cancel { run_id: 29, now: false }]);
    let mut effects = Vec::new();
    desk.update(Msg::Snapshot(Arc::new(Snapshot { seq: 9_000, ..snapshot(Scene::Idle) })), &mut effects);
    assert!(effects.contains(&Effect::Leave(Exit::Stop)), "the console leaves when the run has ended");
    assert_eq!(press(&mut app(Scene::Live), "q q"), [Effect::Leave(Exit::Stop)]);
}

#[test]
fn ctrl_c_quits_when_pressed_twice_in_time() {
    let mut desk = app(Scene::Live);
    assert_eq!(press(&mut desk, "ctrl-c"), []);
    desk.update(Msg::Clock(NOW * 1000 + 5_000), &mut Vec::new());
    assert_eq!(press(&mut desk, "ctrl-c"), []);
    assert_eq!(press(&mut desk, "x ctrl-c"), [Effect::Leave(Exit::Stop)], "it works over a question too");
}

#[test]
fn suspending_asks_while_a_run_is_active() {
    assert_eq!(press(&mut app(Scene::Idle), "ctrl-z"), [Effect::Suspend]);
    let mut desk = app(Scene::Live);
    assert_eq!(press(&mut desk, "ctrl-z"), []);
    assert!(draw(&desk, SCREEN).contains("This stops 1 running job until fg"));
    assert_eq!(press(&mut desk, "y"), [Effect::Suspend]);
}

#[test]
fn refresh_probes_the_source_that_has_the_focus() {
    let mut desk = app(Scene::Failures);
    assert_eq!(commands(&press(&mut desk, "ctrl-r")), [&Command::Refresh]);
    assert_eq!(commands(&press(&mut desk, "2 j ctrl-r p")), [&Command::Probe { source: SourceId::Yahoo }; 2]);
}

#[test]
fn a_stopped_engine_is_told_and_refused_commands() {
    let mut desk = app(Scene::Live);
    desk.update(Msg::Link(LinkView::Gone), &mut Vec::new());
    assert_eq!(press(&mut desk, "x i ctrl-r"), []);
    let screen = draw(&desk, SCREEN);
    assert!(screen.contains("✗ ENGINE STOPPED") && screen.contains("quit and start Nightdesk again"));
    assert_eq!(press(&mut desk, "q"), [Effect::Leave(Exit::Stop)], "there is no run left to ask about");
}

#[test]
fn a_late_answer_never_replaces_a_newer_one() {
    let mut desk = app(Scene::Idle);
    let mut effects = Vec::new();
    for code in [KeyCode::Enter, KeyCode::Char('l'), KeyCode::Char('l')] {
        desk.update(key(code), &mut effects);
    }
    assert_eq!(effects.len(), 3);
    effects.reverse();
    let (newest, older) = effects.split_at(1);
    answer(&mut desk, Scene::Live, newest.to_vec());
    let shown = draw(&desk, SCREEN);
    answer(&mut desk, Scene::Live, older.to_vec());
    assert_eq!(draw(&desk, SCREEN), shown);
}

#[test]
fn frozen_screens_stand_still_while_snapshots_wait() {
    let mut desk = app(Scene::Idle);
    press(&mut desk, "F");
    let newer = Snapshot { seq: 4_812 + 318, ..snapshot(Scene::Failures) };
    desk.update(Msg::Snapshot(Arc::new(newer)), &mut Vec::new());
    let screen = draw(&desk, SCREEN);
    assert!(screen.contains("FROZEN at 14:32:07 (+318)") && screen.contains("ALL QUIET"), "{screen}");
    press(&mut desk, "F");
    assert!(draw(&desk, SCREEN).contains("NEEDS YOU 3"));
}

#[test]
fn alerts_are_walked_worst_first() {
    let mut desk = app(Scene::Failures);
    press(&mut desk, "a");
    assert!(draw(&desk, SCREEN).contains("›✗ ib is down"));
    press(&mut desk, "a a");
    let screen = draw(&desk, SCREEN);
    assert!(screen.contains("›▲ AAPL 1h late") && screen.contains("AAPL 1h  "), "{screen}");
}

#[test]
fn news_become_toasts_and_reach_a_user_who_looks_elsewhere() {
    let mut desk = app(Scene::Idle);
    desk.update(Msg::Focus(false), &mut Vec::new());
    let mut effects = Vec::new();
    desk.update(Msg::Snapshot(Arc::new(Snapshot { seq: 4_813, ..snapshot(Scene::Failures) })), &mut effects);
    let told: Vec<&Effect> = effects.iter().filter(|e| matches!(e, Effect::Notify(_))).collect();
    assert_eq!(told, [&Effect::Notify("ib is down, retry in 00:41 (and 1 more)".into())], "the alert and the failed run, once");
    assert!(draw(&desk, SCREEN).contains("✗ ib is down, retry in 00:41  esc"));
    desk.update(Msg::Clock(NOW * 1000 + 9_000), &mut Vec::new());
    assert!(draw(&desk, SCREEN).contains("00:41  esc"), "an error stays until it is read");
    press(&mut desk, "esc");
    assert!(!draw(&desk, SCREEN).contains("00:41  esc"));
}

#[test]
fn copies_and_exports_are_plain_values() {
    let mut desk = app(Scene::Idle);
    let effects = press(&mut desk, "y e");
    let [Effect::Copy(row), Effect::Export(export)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(row.starts_with("AAPL 1d fresh last 2026-11-21"), "{row}");
    assert_eq!(export.name, "nightdesk-series-20261122T143207.csv");
    assert_eq!(export.text.lines().count(), 1 + 80 * 17);
    let effects = press(&mut desk, "6 Y");
    let [Effect::Copy(json)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(json.contains("\"seq\":40"), "{json}");
}

#[test]
fn the_mouse_points_at_cells_and_panes_only_while_it_is_on() {
    let mut desk = app(Scene::Idle);
    let area = SCREEN;
    let mut buffer = Buffer::empty(area);
    let drawn = view(&desk, &look(Background::Dark, ColorLevel::True, false), area, &mut buffer);
    desk.set_drawn(drawn);
    let click =
        Msg::Mouse(MouseEvent { kind: MouseEventKind::Down(MouseButton::Left), column: 6 + 7, row: 4, modifiers: KeyModifiers::NONE });
    assert!(!desk.update(click.clone(), &mut Vec::new()));
    assert_eq!(press(&mut desk, "m"), [Effect::Mouse(true)]);
    assert!(desk.update(click, &mut Vec::new()));
    let effects = press(&mut desk, "y");
    let [Effect::Copy(row)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(row.contains(" 1m fresh") && !row.starts_with("AAPL"), "{row}");
}

#[test]
fn the_key_page_is_the_generated_one() {
    let page = include_str!("../docs/keys.md");
    assert_eq!(page, keys_markdown(), "run `nightdesk keys --markdown > docs/keys.md`");
}

/// A message of any kind a terminal or an engine can send.
fn message() -> impl Strategy<Value = Msg> {
    let keys = "abcdefghijklmnopqrstuvwxyzABDFGLMNOPRSTVXYZ123456:/?+-=.! ";
    let named = vec![
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Backspace,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Home,
        KeyCode::PageDown,
    ];
    prop_oneof![
        8 => prop::sample::select(keys.chars().collect::<Vec<_>>()).prop_map(|c| key(KeyCode::Char(c))),
        4 => prop::sample::select(named).prop_map(key),
        1 => prop::sample::select(vec!['c', 'r', 'u', 'd', 'z']).prop_map(control),
        1 => "\\PC{0,12}".prop_map(Msg::Paste),
        1 => (0_u16..130, 0_u16..45).prop_map(|(column, row)| Msg::Mouse(MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left), column, row, modifiers: KeyModifiers::NONE,
        })),
        1 => prop::sample::select(Scene::ALL.to_vec()).prop_map(|s| Msg::Snapshot(Arc::new(snapshot(s)))),
        1 => Just(Msg::Snapshot(Arc::new(small()))),
        1 => (0_i64..100_000).prop_map(|ms| Msg::Clock(NOW * 1000 + ms)),
    ]
}

/// A desk whose universe has shrunk to three symbols.
fn small() -> Snapshot {
    let full = snapshot(Scene::Failures);
    let instruments = full.market.instruments[..3].to_vec();
    let cells = full.market.cells[..3 * 17].to_vec();
    Snapshot { market: Arc::new(Market { instruments: Arc::new(instruments), cells }), sources: Arc::default(), ..full }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Nothing that cannot be undone happens without a question on screen before the key that does it.
    #[test]
    fn no_dangerous_effect_without_a_question(messages in prop::collection::vec(message(), 1..60)) {
        let mut desk = app(Scene::Live);
        for msg in messages {
            let asked = desk.asks();
            let mut effects = Vec::new();
            desk.update(msg, &mut effects);
            for command in commands(&effects) {
                let harmless = |c: &Command| matches!(c, Command::Probe { .. } | Command::Refresh | Command::Acknowledge { .. } | Command::Snooze { .. });
                let dangerous = !harmless(command);
                prop_assert!(!dangerous || asked, "{command:?}");
            }
            answer(&mut desk, Scene::Live, effects);
        }
        // Esc always leads out: at most one layer, page, filter or message each time.
        for _ in 0..12 {
            desk.update(key(KeyCode::Esc), &mut Vec::new());
        }
        prop_assert!(!desk.asks());
    }

    /// Whatever was pressed, every screen size is drawn without a panic, and never outside its area.
    #[test]
    fn any_state_can_be_drawn_on_any_area(messages in prop::collection::vec(message(), 0..30), x in 0_u16..20, y in 0_u16..10, w in 0_u16..220, h in 0_u16..70) {
        let mut desk = app(Scene::Failures);
        for msg in messages {
            let mut effects = Vec::new();
            desk.update(msg, &mut effects);
            answer(&mut desk, Scene::Live, effects);
        }
        let area = Rect::new(x, y, w, h);
        let mut buffer = Buffer::empty(Rect::new(0, 0, x + w, y + h));
        let drawn = view(&desk, &look(Background::Light, ColorLevel::None, false), area, &mut buffer);
        let blank = ratatui::buffer::Cell::default();
        for row in 0..y + h {
            for column in 0..x + w {
                let inside = column >= x && row >= y;
                prop_assert!(inside || buffer[(column, row)] == blank, "({column}, {row})");
            }
        }
        for at in [drawn.cursor, drawn.selection].into_iter().flatten() {
            prop_assert!(buffer.area.contains(at), "{at:?} outside {area:?}");
        }
        desk.set_drawn(drawn);
    }
}
