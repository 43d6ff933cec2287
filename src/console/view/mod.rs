//! Draws the console's state into a buffer. It reads [`App`] only: no clock, no terminal, no engine.

mod ascii;
mod canvas;
mod chrome;
mod detail;
mod drift;
mod features;
mod heatmap;
mod ingest;
mod issues;
mod job;
mod layout;
mod logs;
mod models;
mod overlay;
mod plan;
mod run;
mod schedule;
mod series;
mod signals;
mod sources;
mod spread;
mod story;
mod train_form;
mod training;
mod widget;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::canvas::Canvas;
use super::app::{App, Page, Pane};
use super::hit::{Drawn, Hit};
use super::theme::{Role, Theme};

/// The smallest screen that shows panes.
pub const SMALLEST: (u16, u16) = (60, 15);

/// How frames look.
#[derive(Clone, Debug)]
pub struct Look {
    /// Styles by role.
    pub theme: Theme,
    /// Only ASCII characters.
    pub ascii: bool,
}

/// Draws one frame over the whole of `area` and tells what was put where.
pub fn view(app: &App, look: &Look, area: Rect, buf: &mut Buffer) -> Drawn {
    let area = area.intersection(buf.area);
    let mut canvas = Canvas { buf, theme: &look.theme, drawn: Drawn::default() };
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        chrome::card(&mut canvas, app, area);
    } else {
        screen(&mut canvas, app, area);
    }
    let drawn = canvas.drawn;
    if look.ascii {
        ascii::translate(buf);
    }
    drawn
}

fn screen(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let [header, needs, body] = widget::rows(area, [1, 1, area.height - 3]);
    let footer = Rect { y: area.bottom() - 1, height: 1, ..area };
    chrome::header(c, app, header);
    let panes = if app.pages.is_empty() { layout::panes(app, body) } else { Vec::new() };
    // Where the pane that tells of signals has no place, the line of quiet does.
    let signals = app.pages.is_empty() && panes.iter().all(|(pane, _)| *pane != Pane::Drift);
    chrome::needs(c, app, signals, needs);
    if let Some(page) = app.page() {
        draw_page(c, app, page, body);
    } else {
        for (pane, rect) in panes {
            c.drawn.note(rect, Hit::Pane(pane));
            draw_pane(c, app, pane, rect);
        }
        if let Some(rect) = layout::run_list(app, body) {
            run::list(c, app, rect);
        }
    }
    let faded = app.stale().is_some() || app.lost().is_some();
    if faded {
        c.fade(body);
    }
    // A picture would lie over all that.
    if faded || app.covered() {
        c.drawn.losses = None;
    }
    chrome::footer(c, app, footer);
    chrome::toasts(c, app, body);
    overlay::draw(c, app, area, footer);
}

fn draw_pane(c: &mut Canvas<'_>, app: &App, pane: Pane, area: Rect) {
    match pane {
        Pane::Ingest => ingest::draw(c, app, area),
        Pane::Sources => sources::pane(c, app, area),
        Pane::Schedule => schedule::pane(c, app, area),
        Pane::Training => training::pane(c, app, area),
        Pane::Drift => drift::pane(c, app, area),
        Pane::Logs => logs::draw(c, app, area),
    }
}

fn draw_page(c: &mut Canvas<'_>, app: &App, page: Page, area: Rect) {
    match page {
        Page::Series => series::draw(c, app, area),
        Page::Source(id) => sources::page(c, app, id, area),
        Page::Job(job) => job::draw(c, app, job, area),
        Page::Run(id) if app.on_training_page() => training::page(c, app, Some(id), area),
        Page::Run(id) => run::draw(c, app, id, area),
        Page::Runs => issues::table(c, &app.runs_table, "Runs of all jobs", area),
        Page::Issues => issues::draw(c, app, area),
        Page::Features => features::list(c, app, area),
        Page::Feature => features::page(c, app, area),
        Page::Training => training::page(c, app, app.training().and_then(|t| t.job_run), area),
        Page::Models => models::draw(c, app, area),
        Page::Drift => drift::list(c, app, area),
        Page::Subject => drift::subject(c, app, area),
        Page::Signals => signals::list(c, app, area),
        Page::Signal(id) => signals::one(c, app, id, area),
        Page::Sectors => signals::sectors(c, app, area),
    }
}

/// The spinner's glyph: it turns while something runs, or stands still when motion is unwelcome.
const fn spinner(app: &App) -> &'static str {
    const TURN: [&str; 8] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"];
    if app.reduce_motion { "▸" } else { TURN[app.spinner % TURN.len()] }
}

/// The role of a severity of words: how strongly something asks for attention.
const fn alert_look(level: crate::engine::AlertLevel) -> (&'static str, Role) {
    match level {
        crate::engine::AlertLevel::Bad => ("✗", Role::Bad),
        crate::engine::AlertLevel::Warn => ("▲", Role::Warn),
    }
}
