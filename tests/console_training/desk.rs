//! A console at a stage of a training, keys pressed on it, and what it draws.

use std::fmt::Write as _;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nightdesk::console::{App, Background, ColorLevel, Effect, Look, Msg, Slot, view};
use nightdesk::engine::{Command, Query, Reply};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::console_fixture::{Scene, answer, app, look};
use crate::stages::{Stage, snap, story};

/// Sizes at which screens differ.
pub const SIZES: [(u16, u16); 4] = [(120, 40), (80, 24), (160, 50), (60, 15)];

pub fn press(desk: &mut App, keys: &str) -> Vec<Effect> {
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

pub fn commands(effects: &[Effect]) -> Vec<&Command> {
    effects.iter().filter_map(|e| if let Effect::Send(command, _) = e { Some(command) } else { None }).collect()
}

pub fn desk(stage: Stage, keys: &str) -> App {
    let mut desk = app(Scene::Idle);
    desk.update(Msg::Snapshot(Arc::new(snap(stage))), &mut Vec::new());
    press(&mut desk, keys);
    desk
}

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

pub fn screen(desk: &App) -> String {
    text(&frame(desk, &plain(), (120, 40)))
}
