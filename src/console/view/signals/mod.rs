//! Signals: the page of all, the page of one, the sectors, and the line of them that other panes show.

mod one;

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, Panel};
use super::{detail, issues, job, widget};
use crate::console::action::Action;
use crate::console::app::{App, SignalsPart, Table};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::scan::views::{Settled, SignalsView};

pub use one::draw as one;

/// Smallest page with all tables at once.
const ALL_PARTS: (u16, u16) = (100, 30);

/// How the signals stand in a few words, for panes and lines of something else: the key that shows them, and the words.
pub fn in_short(app: &App) -> Vec<(String, Role)> {
    let Some(view) = app.signals_view() else { return Vec::new() };
    vec![(format!("{} signals: ", app.keymap.shown(Action::ShowSignals)), Role::Dim), (few_words(view), Role::Text)]
}

/// How the signals of all strategies stand, as far as there is room.
pub fn quietly(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let all: Vec<String> = app.snap().signals.iter().map(|v| format!("{} {}", v.strategy, few_words(v))).collect();
    let (Some(first), Some(view)) = (all.first(), app.signals_view()) else { return };
    let key = app.keymap.shown(Action::ShowSignals);
    let texts = [format!("{key} signals: {}", all.join("  ")), format!("{key} signals: {first}"), format!("signals: {}", few_words(view))];
    if let Some(text) = texts.iter().find(|t| t.width() <= usize::from(area.width)) {
        c.line(area, &[(text, c.s(Role::Dim))]);
    }
}

/// `3 open, 2 new`, or why there are none.
pub fn few_words(view: &SignalsView) -> String {
    match (view.session, view.model_id) {
        (None, _) => "no scan yet".to_owned(),
        (Some(_), None) if view.open == 0 => "no answers".to_owned(),
        (Some(_), None) => format!("{} open, no answers", view.open),
        (Some(_), Some(_)) if view.paper && view.open == 0 => "on paper".to_owned(),
        (Some(_), Some(_)) if view.paper => format!("{} open, on paper", view.open),
        (Some(_), Some(_)) => format!("{} open, {} new", view.open, view.new),
    }
}

/// Draws the page of all signals.
pub fn list(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let title = format!("Signals of {}", app.watched());
    if app.signals.list.value.is_none() {
        let inner = c.panel(area, &Panel { title: &title, focused: true, ..Panel::default() });
        job::pending(c, app, app.signals.list.error.as_deref(), inner);
        return;
    }
    let head = header(c, app, area);
    let rest = Rect { y: area.y + head, height: area.height.saturating_sub(head), ..area };
    let part = app.signals.part;
    if area.width < ALL_PARTS.0 || area.height < ALL_PARTS.1 {
        table(c, app, part, true, rest);
        return;
    }
    let open = app.signals.open.shown().len() as u16;
    let [top, below] = widget::rows(rest, [(open + 3).clamp(5, rest.height / 3), rest.height]);
    let left = Rect { width: below.width / 2, ..below };
    let right = Rect { x: left.right(), width: below.width - left.width, ..below };
    for (one, place) in SignalsPart::ALL.into_iter().zip([top, left, right]) {
        table(c, app, one, one == part, place);
    }
}

/// How it stands in a sentence, and the figures behind it; returns the lines used.
fn header(c: &mut Canvas<'_>, app: &App, area: Rect) -> u16 {
    let Some(view) = app.signals_view().or_else(|| app.signals.list.value.as_deref().map(|p| &p.view)) else { return 0 };
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), height: if area.height < 16 { 1 } else { 2 }, ..area };
    let glyph = match (view.session, view.model_id) {
        (Some(_), Some(_)) if view.paper => "◇",
        (Some(_), Some(_)) => "●",
        _ => "○",
    };
    let mut y = inner.y + c.wrapped(inner, &format!("{glyph} {}", view.words), c.theme.strong(Role::Text));
    let figures = widget::filled(&figures(app, view), inner.width);
    for line in figures.iter().take(if area.height < 16 { 0 } else { 2 }) {
        c.line(Rect { y, height: 1, ..inner }, &[(line, c.s(Role::Dim))]);
        y += 1;
    }
    y - area.y
}

fn figures(app: &App, view: &SignalsView) -> Vec<String> {
    let mut out: Vec<String> = view.session.map(|s| format!("scan of {s}")).into_iter().collect();
    out.extend(view.at.map(|at| format!("made {} ago", fmt::age(app.now() - at))));
    out.extend(view.model_id.map(|id| format!("model {id}{}", if view.paper { " on paper" } else { "" })));
    if view.session.is_some() {
        out.push(format!("{} of {} symbols eligible", view.eligible, view.symbols));
    }
    out.push(format!("{} open, {} new", view.open, view.new));
    out.push(format!("last 60 sessions: {}", settled(&view.settled)));
    out
}

/// What came of settled signals, in words.
fn settled(s: &Settled) -> String {
    if s.signals == 0 {
        return "none settled".to_owned();
    }
    let net = s.net.map_or_else(String::new, |v| format!(", {} net each", fmt::percent(v)));
    format!("{} settled, {} won{net}", s.signals, s.wins)
}

/// One of the three tables, with a word where it is empty.
fn table(c: &mut Canvas<'_>, app: &App, part: SignalsPart, focused: bool, area: Rect) {
    let signals = &app.signals;
    let (title, table, none): (&str, &Table, &str) = match part {
        SignalsPart::Open => ("Open", &signals.open, "No signal is open."),
        SignalsPart::Settled => {
            ("Settled", &signals.settled, "None is settled yet: a signal settles at a barrier, or at the end of its horizon.")
        }
        SignalsPart::Scan => ("Newest scan", &signals.scanned, "No scan was made yet."),
    };
    let hint = if focused { "  h l other tables" } else { "" };
    let title = format!("{title}{hint}");
    if table.shown().len() == 0 && table.filter.is_empty() {
        let inner = c.panel(area, &Panel { title: &title, focused, ..Panel::default() });
        detail::empty(c, inner, none);
        return;
    }
    issues::list(c, table, &title, focused, area);
}

/// Draws the page of the sectors.
pub fn sectors(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let title = format!("Sectors of {}", app.watched());
    let signals = &app.signals;
    let Some(rows) = &signals.sectors.value else {
        let inner = c.panel(area, &Panel { title: &title, focused: true, ..Panel::default() });
        job::pending(c, app, signals.sectors.error.as_deref(), inner);
        return;
    };
    if rows.is_empty() {
        let inner = c.panel(area, &Panel { title: &title, focused: true, ..Panel::default() });
        detail::empty(c, inner, "No symbol of the universe has a sector.");
        return;
    }
    let note = if area.height >= 18 { 3 } else { 0 };
    let [table, foot] = widget::rows(area, [area.height - note, note]);
    issues::table(c, &signals.sector_table, &title, table);
    let text = "lean: probability of buy less that of sell in the newest scan, the mean of a sector's symbols; half a bar is 0.2. won \
                and net: settled signals after costs. rows: those of the last data set.";
    c.wrapped(Rect { x: foot.x + 1, width: foot.width.saturating_sub(2), ..foot }, text, c.s(Role::Dim));
}
