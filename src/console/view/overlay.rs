//! What lies over the screen: question, palette, help, prompt, plan form.

use ratatui::layout::{Position, Rect};
use tui_input::Input;
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, Panel, wrap};
use super::heatmap::window;
use super::{heatmap, plan, train_form, widget};
use crate::console::action::{ACTIONS, Context, Danger};
use crate::console::app::{App, Confirm, Entry, Gate, Overlay, Palette, Prompt, PromptFor, STATES, word};
use crate::console::theme::Role;
use crate::engine::CellState;

/// Draws all overlays, the lowest first.
pub fn draw(c: &mut Canvas<'_>, app: &App, area: Rect, footer: Rect) {
    for overlay in &app.overlays {
        match overlay {
            Overlay::Confirm(confirm) => question(c, confirm, area),
            Overlay::Palette(palette) => palette_box(c, app, palette, area),
            Overlay::Help(scroll) => help(c, app, *scroll, area),
            Overlay::Prompt(prompt) => prompt_line(c, prompt, footer),
            Overlay::Plan(form) => plan::draw(c, app, form, area),
            Overlay::Train(form) => train_form::draw(c, app, form, area),
        }
    }
}

/// A box in the middle of the screen, cleared, with its border; returns the inside.
pub fn boxed(c: &mut Canvas<'_>, area: Rect, width: u16, height: u16, panel: &Panel<'_>) -> Rect {
    let width = width.min(area.width.saturating_sub(2));
    let height = height.min(area.height.saturating_sub(2));
    let rect = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 3, width, height };
    c.clear(Rect { x: rect.x.saturating_sub(1), width: rect.width + 2, ..rect });
    c.panel(rect, panel)
}

/// Draws a line that is being edited, with the text cursor in it.
pub fn edited(c: &mut Canvas<'_>, area: Rect, input: &Input, style: ratatui::style::Style) {
    let width = usize::from(area.width.saturating_sub(1));
    let from = input.visual_scroll(width);
    let skipped: String = {
        let mut cells = 0;
        input
            .value()
            .chars()
            .skip_while(|ch| {
                let here = cells;
                cells += unicode_width::UnicodeWidthChar::width(*ch).unwrap_or(0);
                here < from
            })
            .collect()
    };
    c.put(area.x, area.y, area.width, &skipped, style);
    let at = input.visual_cursor().saturating_sub(from).min(width) as u16;
    c.drawn.cursor = Some(Position::new(area.x + at, area.y));
}

fn question(c: &mut Canvas<'_>, confirm: &Confirm, area: Rect) {
    let width = 68.min(area.width.saturating_sub(4));
    let inner_width = width.saturating_sub(4);
    let lines: Vec<&str> = confirm.body.iter().flat_map(|l| wrap(l, inner_width)).collect();
    let inner = boxed(c, area, width, lines.len() as u16 + 4, &Panel { title: &confirm.title, focused: true, ..Panel::default() });
    let x = inner.x + 1;
    let last = inner.bottom().saturating_sub(1);
    for (line, y) in lines.iter().zip(inner.y..last) {
        c.put(x, y, inner_width, line, c.s(Role::Text));
    }
    if confirm.puzzled {
        c.put(x, last.saturating_sub(1), inner_width, &confirm.answers(), c.theme.strong(Role::Bad));
    }
    match &confirm.gate {
        Gate::Keys(keys) => {
            let mut at = x;
            for (key, words, _) in keys {
                let key = if keys.len() == 1 { format!("{key}/enter") } else { key.to_string() };
                at = c.put(at, last, inner_width, &key, c.theme.strong(Role::Warn));
                at = c.put(at + 1, last, inner.right().saturating_sub(at), words, c.s(Role::Text)) + 3;
            }
            c.right(at, inner.right() - 1, last, "n/esc stay", c.s(Role::Dim));
        }
        Gate::Typed { expected, input, .. } => {
            let ask = format!("type {expected} and enter: ");
            let at = c.put(x, last, inner_width, &ask, c.theme.strong(Role::Bad));
            edited(c, Rect { x: at, y: last, width: 12, height: 1 }, input, c.theme.strong(Role::Text));
            c.right(at + 12, inner.right() - 1, last, "esc cancel", c.s(Role::Dim));
        }
        Gate::Reason { verb, input, .. } => {
            let at = c.put(x, last, inner_width, "reason: ", c.theme.strong(Role::Warn));
            let hint = format!("enter {verb}  esc cancel");
            let width = inner.right().saturating_sub(at + hint.width() as u16 + 3);
            edited(c, Rect { x: at, y: last, width, height: 1 }, input, c.theme.strong(Role::Text));
            c.right(at + width, inner.right() - 1, last, &hint, c.s(Role::Dim));
        }
    }
}

fn prompt_line(c: &mut Canvas<'_>, prompt: &Prompt, area: Rect) {
    c.clear(area);
    let (label, hint) = match prompt.target {
        PromptFor::Heat => (" / ", "symbol, name, sector or state; ! inverts   enter keep  esc undo "),
        PromptFor::Logs => (" / ", "text in the message; ! inverts   enter keep  esc undo "),
        PromptFor::Table => (" / ", "text in any column; ! inverts   enter keep  esc undo "),
        PromptFor::Search => (" S ", "enter search backwards, n N next and previous  esc undo "),
    };
    let x = c.put(area.x, area.y, 3, label, c.theme.strong(Role::Focus));
    let room = area.width.saturating_sub(3 + hint.width() as u16);
    c.right(x, area.right(), area.y, hint, c.s(Role::Dim));
    let width = if room >= 12 { room } else { area.width.saturating_sub(3) };
    c.clear(Rect { x, width, ..area });
    edited(c, Rect { x, width, ..area }, &prompt.input, c.s(Role::Text));
}

fn palette_box(c: &mut Canvas<'_>, app: &App, palette: &Palette, area: Rect) {
    let count = format!("{} found", palette.hits.len());
    let inner = boxed(
        c,
        area,
        84,
        20,
        &Panel { title: "Command", summary: &count, context: "enter do  esc close", focused: true, ..Panel::default() },
    );
    if inner.height < 3 {
        return;
    }
    let [line, list] = widget::rows(inner, [1, inner.height]);
    let x = c.put(line.x + 1, line.y, 2, ": ", c.theme.strong(Role::Focus));
    edited(c, Rect { x, width: line.right().saturating_sub(x), ..line }, &palette.input, c.s(Role::Text));
    if palette.hits.is_empty() {
        c.put(list.x + 1, list.y, list.width, "Nothing matches.", c.s(Role::Dim));
    }
    let first = window(palette.row, palette.hits.len(), list.height.into());
    for ((row, entry), y) in palette.hits.iter().enumerate().skip(first).zip(list.y..list.bottom()) {
        let selected = row == palette.row;
        let style = if selected { c.theme.strong(Role::Focus) } else { c.s(Role::Text) };
        let mark = if selected { "›" } else { " " };
        let (key, name, words) = match entry {
            Entry::Action(action) => (app.keymap.shown(*action), action.spec().name.to_owned(), action.spec().help.to_owned()),
            Entry::Symbol(symbol) => (String::new(), symbol.to_string(), "put the cursor on this symbol".to_owned()),
        };
        let head = format!("{key:>9}  ");
        let name = format!("{name:<16} ");
        c.line(Rect { y, height: 1, ..list }, &[(mark, style), (&head, c.s(Role::Dim)), (&name, style), (&words, c.s(Role::Dim))]);
    }
}

/// States with their glyphs, for screens too narrow for the map's legend.
fn glyphs(states: &[CellState]) -> String {
    let one = |s: &CellState| format!("{} {:<12}", heatmap::glyph(*s).0, word(*s));
    states.iter().map(one).collect::<String>()
}

fn help(c: &mut Canvas<'_>, app: &App, scroll: usize, area: Rect) {
    let height = area.height.saturating_sub(4).max(6);
    let panel =
        Panel { title: "Keys", summary: "of what has the focus", context: "j k scroll  esc close", focused: true, ..Panel::default() };
    let inner = boxed(c, area, 100, height, &panel);
    let mut lines = Vec::new();
    for context in app.contexts() {
        lines.push((context.title().to_owned(), None));
        if *context == Context::Ingest {
            lines.extend([&STATES[..4], &STATES[4..]].map(|states| (glyphs(states), None)));
        }
        lines.extend(ACTIONS.iter().filter(|s| s.context == *context).map(|s| (app.keymap.chords(s.action), Some(s))));
        lines.push((String::new(), None));
    }
    let first = scroll.min(lines.len().saturating_sub(inner.height.into()));
    for ((keys, spec), y) in lines.iter().skip(first).zip(inner.y..inner.bottom()) {
        let line = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
        let Some(spec) = spec else {
            c.line(line, &[(keys, c.theme.strong(Role::Focus))]);
            continue;
        };
        let guard = match spec.danger {
            Danger::None => "",
            Danger::Confirm => "  (asks first)",
            Danger::TypeName => "  (its number must be typed)",
        };
        let why = app.refusal(spec.action).map_or_else(String::new, |w| format!("  [{w}]"));
        let words = if why.is_empty() { c.s(Role::Text) } else { c.s(Role::Dim) };
        let keys = format!("{keys:>13}  ");
        c.line(line, &[(&keys, c.theme.strong(Role::Text)), (spec.help, words), (guard, c.s(Role::Warn)), (&why, c.s(Role::Dim))]);
    }
}
