//! What the console shows: every main screen in every state and at every size, with its styles.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built must stop the run")]

mod console_desk;
mod console_fixture;

use std::fmt::Write as _;

use console_desk::{frame, plain, text};
use console_fixture::{NOW, Scene, answer, app, look};
use nightdesk::console::{App, Background, ColorLevel, Look, Msg, Role};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

const SIZES: [(u16, u16); 5] = [(120, 40), (80, 24), (200, 60), (60, 15), (48, 12)];

fn press(desk: &mut App, keys: &str) {
    console_desk::press(desk, keys, |desk, asked| answer(desk, Scene::Live, vec![asked]));
}

/// The styles of a buffer: one letter a cell by role (upper case when bold), `.` for unstyled blanks.
fn styles(buffer: &Buffer, look: &Look) -> String {
    let letters = ['t', 'd', 'f', 'o', 'w', 'b', 's'];
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let line: String = (0..buffer.area.width)
            .map(|x| {
                let cell = &buffer[(x, y)];
                if cell.symbol() == " " && !cell.modifier.intersects(Modifier::REVERSED | Modifier::UNDERLINED) {
                    return '.';
                }
                let bold = cell.modifier.contains(Modifier::BOLD);
                let bare = Style { add_modifier: cell.modifier - Modifier::BOLD, ..cell.style() };
                let role = Role::ALL.iter().position(|r| {
                    let style = look.theme.style(*r);
                    style.fg.unwrap_or(Color::Reset) == cell.fg && style.add_modifier - Modifier::BOLD == bare.add_modifier
                });
                let inverted = Role::ALL.iter().position(|r| look.theme.style(*r).fg.unwrap_or(Color::Reset) == cell.fg);
                match (role, inverted) {
                    (Some(i), _) if bold => letters[i].to_ascii_uppercase(),
                    (Some(i), _) => letters[i],
                    // Inverted: the selection.
                    (None, Some(i)) if cell.modifier.contains(Modifier::REVERSED) => char::from(b'0' + i as u8),
                    _ => '?',
                }
            })
            .collect();
        let _ = writeln!(out, "{}", line.trim_end_matches('.'));
    }
    out
}

#[test]
fn the_overview_at_every_size_in_every_state() {
    for scene in Scene::ALL {
        for size in SIZES {
            insta::assert_snapshot!(format!("overview_{scene:?}_{}x{}", size.0, size.1), text(&frame(&app(scene), &plain(), size)));
        }
    }
}

#[test]
fn pages_and_overlays_in_the_states_that_fill_them() {
    let screens = [
        ("series", "enter"),
        ("source", "2 enter"),
        ("run", "v"),
        ("runs", "R"),
        ("findings", "D"),
        ("logs", "6 z"),
        ("help", "?"),
        ("palette", ": i n g"),
        ("plan", "i"),
        ("confirm", "x"),
        ("typed_confirm", "X"),
        ("accept", "D A"),
        ("quit", "q"),
        ("filter", "/ t e c h"),
        ("alert", "a a a"),
        ("frozen", "F"),
    ];
    for (name, keys) in screens {
        for (scene, size) in [(Scene::Live, (120, 40)), (Scene::Failures, (80, 24))] {
            let mut app = app(scene);
            press(&mut app, keys);
            insta::assert_snapshot!(format!("{name}_{scene:?}_{}x{}", size.0, size.1), text(&frame(&app, &plain(), size)));
        }
    }
}

#[test]
fn the_overview_in_every_theme() {
    let looks = [
        ("dark", look(Background::Dark, ColorLevel::True, false)),
        ("light", look(Background::Light, ColorLevel::True, false)),
        ("sixteen", look(Background::Dark, ColorLevel::Sixteen, false)),
        ("no_color", look(Background::Dark, ColorLevel::None, false)),
    ];
    for (name, look) in looks {
        let buffer = frame(&app(Scene::Failures), &look, (120, 40));
        insta::assert_snapshot!(format!("styles_{name}"), styles(&buffer, &look));
    }
    let ascii = look(Background::Dark, ColorLevel::Sixteen, true);
    insta::assert_snapshot!("ascii", text(&frame(&app(Scene::Failures), &ascii, (120, 40))));
}

#[test]
fn ascii_screens_hold_nothing_but_ascii() {
    let ascii = look(Background::Dark, ColorLevel::True, true);
    for scene in Scene::ALL {
        for keys in ["", "enter", "2 enter", "v", "R", "D", "6 z", "?", "i", "x", "F"] {
            let mut app = app(scene);
            press(&mut app, keys);
            let text = text(&frame(&app, &ascii, (120, 40)));
            let foreign: Vec<char> = text.chars().filter(|c| !c.is_ascii()).collect();
            assert!(foreign.is_empty(), "{scene:?} {keys}: {foreign:?}");
            assert!(
                !text.contains('?') || keys == "?" || text.contains("? help") || text.contains("split?") || text.contains("running with"),
                "{scene:?} {keys}\n{text}"
            );
        }
    }
}

/// The monochrome law: with all styles gone, each state still has its glyph and its word.
#[test]
fn no_state_is_told_by_colour_alone() {
    let bare = |scene| text(&frame(&app(scene), &look(Background::Dark, ColorLevel::None, false), (120, 40)));
    let said = [
        (Scene::Live, vec!["● LIVE", "DEMO", "▸ fetching", "▒ late", "▓ gap", "○ queued", "ETA 02:41", "12.4k bars/s", "● ib", "up"]),
        (Scene::Idle, vec!["ALL QUIET", "· fresh", "100.0%", "▲ run 28 partial"]),
        (Scene::Loading, vec!["LOADING", "reading the state"]),
        (
            Scene::Failures,
            vec![
                "NEEDS YOU 3",
                "✗ ib is down",
                "▲ yahoo 429",
                "✗ fail",
                "◇ quar",
                "✗ breaker open, probe 00:52",
                "‖ cooling down 01:15",
                "down",
            ],
        ),
        (Scene::Stale, vec!["◐ STALE 14s"]),
    ];
    for (scene, words) in said {
        let screen = bare(scene);
        for word in words {
            assert!(screen.contains(word), "{scene:?} does not say {word:?}\n{screen}");
        }
    }
}

#[test]
fn no_glyph_is_one_that_some_terminals_draw_two_cells_wide() {
    use unicode_width::UnicodeWidthStr;
    // Code points with the Emoji property that look like ours; none of them may slip in.
    let emoji = ['✔', '✖', '▶', '⚠', '⏸', '❄', '☑', '◀', '⏹', '⏺', '▪', '▫', '◼', '◻', '✳', '✴', '❌', '✅', '↔', '↕', 'ℹ'];
    for scene in Scene::ALL {
        let buffer = frame(&app(scene), &plain(), (200, 60));
        for cell in buffer.content() {
            assert!(cell.symbol().width() <= 1 && !cell.symbol().contains(emoji), "{:?}", cell.symbol());
        }
    }
}

#[test]
fn the_cursor_is_named_where_it_stands() {
    let mut app = app(Scene::Live);
    let screen = text(&frame(&app, &plain(), (120, 40)));
    assert!(screen.contains("AAPL 1d"), "{screen}");
    press(&mut app, "k k k k k k");
    assert!(text(&frame(&app, &plain(), (120, 40))).contains("AAPL 1h"));
    press(&mut app, "G");
    assert!(text(&frame(&app, &plain(), (80, 24))).contains("SOL-USD 1h"));
}

#[test]
fn a_stale_screen_is_dimmed_and_its_age_counts() {
    let mut app = app(Scene::Stale);
    app.update(Msg::Clock(NOW * 1000 + 10_000), &mut Vec::new());
    let look = plain();
    let buffer = frame(&app, &look, (120, 40));
    assert!(text(&buffer).contains("STALE 24s"));
    let dim = look.theme.style(Role::Dim).fg.unwrap();
    let body = (2..39).flat_map(|y| (0..120).map(move |x| (x, y)));
    assert!(body.clone().count() > 0 && body.into_iter().all(|at| buffer[at].symbol() == " " || buffer[at].fg == dim));
}
