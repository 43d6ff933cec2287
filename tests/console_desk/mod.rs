//! Keys pressed on a console, and what it draws. Each test of the console has its own answers to what is asked meanwhile.

#![allow(dead_code, reason = "a test crate uses what it needs of this")]

use std::fmt::Write as _;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nightdesk::console::{App, Background, ColorLevel, Effect, Look, Msg, Role, view};
use nightdesk::engine::Command;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::console_fixture::look;

/// The key that a word names.
fn key(word: &str) -> KeyEvent {
    let code = match word {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "space" => KeyCode::Char(' '),
        _ => {
            let modifiers = if word.starts_with("ctrl-") { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
            return KeyEvent::new(KeyCode::Char(word.trim_start_matches("ctrl-").chars().next().unwrap()), modifiers);
        }
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// Presses keys, has each question answered by `reply` before the next key, and gives the other effects.
pub fn press(desk: &mut App, keys: &str, mut reply: impl FnMut(&mut App, Effect)) -> Vec<Effect> {
    let mut out = Vec::new();
    for word in keys.split_whitespace() {
        let mut effects = Vec::new();
        desk.update(Msg::Key(key(word)), &mut effects);
        for effect in effects {
            match effect {
                asked @ (Effect::Query { .. } | Effect::ReadLogs(_)) => reply(desk, asked),
                other => out.push(other),
            }
        }
    }
    out
}

/// The commands among effects.
pub fn commands(effects: &[Effect]) -> Vec<&Command> {
    effects.iter().filter_map(|e| if let Effect::Send(command, _) = e { Some(command) } else { None }).collect()
}

/// All colours on a dark screen.
pub fn plain() -> Look {
    look(Background::Dark, ColorLevel::True, false)
}

pub fn frame(desk: &App, look: &Look, (width, height): (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view(desk, look, area, &mut buffer);
    buffer
}

pub fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let line: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// What a screen of the usual size says.
pub fn screen(desk: &App) -> String {
    text(&frame(desk, &plain(), (120, 40)))
}

/// One letter a cell by role, upper case when bold, `.` for blanks.
pub fn styles(buffer: &Buffer, look: &Look) -> String {
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
