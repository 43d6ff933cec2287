//! The models of a strategy, and of the selected one the verdict, what it listens to, and how it came to stand there.

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::widget::{self, Fact};
use super::{detail, issues, job, training};
use crate::console::action::Action;
use crate::console::app::{App, ModelPart, model_state};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::train::model_views::{FeatureWeight, ModelDetail, ModelRow, StateChange};

/// Smallest page with all parts of a model at once.
const ALL_PARTS: (u16, u16) = (100, 30);
/// Cells of a feature's name and of its bars.
const NAME: usize = 22;
const BAR: usize = 8;

/// Draws the page.
pub fn draw(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let models = &app.models;
    let standing = app.standing(models.strategy).map_or_else(String::new, |s| format!("  {}", s.words));
    let title = format!("Models of {}{standing}", models.strategy);
    let Some(list) = &models.list.value else {
        let inner = c.panel(area, &Panel { title: &title, focused: true, ..Panel::default() });
        job::pending(c, app, models.list.error.as_deref(), inner);
        return;
    };
    if list.is_empty() {
        let inner = c.panel(area, &Panel { title: &title, focused: true, ..Panel::default() });
        let key = app.keymap.shown(Action::Train);
        detail::empty(c, inner, &format!("No model yet. {key} trains one: what passes the gates becomes champion."));
        return;
    }
    let whole = area.width >= ALL_PARTS.0 && area.height >= ALL_PARTS.1;
    let top = if whole { (list.len() as u16 + 3).clamp(6, area.height / 3) } else { (area.height / 3).max(5) };
    let [table, below] = widget::rows(area, [top, area.height]);
    issues::table(c, &models.table, &title, table);
    let Some(row) = models.selected() else { return };
    let Some(shown) = models.shown() else {
        let title = format!("Model {}", row.model_id);
        let inner = c.panel(below, &Panel { title: &title, ..Panel::default() });
        job::pending(c, app, models.detail.error.as_deref(), inner);
        return;
    };
    if !whole {
        part(c, app, shown, models.part, true, below);
        return;
    }
    let left = Rect { width: below.width / 2, ..below };
    let right = Rect { x: left.right(), width: below.width - left.width, ..below };
    let [features, history] = widget::rows(right, [right.height * 3 / 5, right.height]);
    for (one, place) in ModelPart::ALL.into_iter().zip([left, features, history]) {
        part(c, app, shown, one, models.part == one, place);
    }
}

fn part(c: &mut Canvas<'_>, app: &App, shown: &ModelDetail, part: ModelPart, focused: bool, area: Rect) {
    match part {
        ModelPart::Verdict => verdict(c, shown, focused, area),
        ModelPart::Features => features(c, shown, focused, area),
        ModelPart::History => history(c, app, shown, focused, area),
    }
}

/// Whether it can become champion, why it stands where it does, and its gates.
fn verdict(c: &mut Canvas<'_>, shown: &ModelDetail, focused: bool, area: Rect) {
    let title = format!("Model {}", shown.row.model_id);
    let inner = c.panel(area, &Panel { title: &title, summary: "verdict", context: "h l other parts", focused, ..Panel::default() });
    let ModelRow { state, state_at, reason, locked, .. } = &shown.row;
    let (glyph, word, role) = model_state(*state);
    let since = format!("{glyph} {word} since {}: {reason}", fmt::minute(*state_at));
    let mut facts: Vec<Fact<'_>> = vec![("state", since, c.s(role))];
    facts.extend(locked.as_ref().map(|why| ("promote", format!("not possible: {why}"), c.s(Role::Stale))));
    let used = detail::facts(c, Rect { height: inner.height.min(6), ..inner }, &facts);
    let gates = Rect { y: inner.y + used, height: inner.height.saturating_sub(used), ..inner };
    if shown.gates.is_empty() {
        detail::empty(c, gates, "Its gates are not on record.");
    } else {
        training::gates(c, &shown.gates, gates);
    }
}

/// The features it listens to most, with bars against the strongest.
fn features(c: &mut Canvas<'_>, shown: &ModelDetail, focused: bool, area: Rect) {
    let panel = Panel { title: "Listens to", summary: "shuffled: loss gained   share of gradients", focused, ..Panel::default() };
    let inner = c.panel(area, &panel);
    if shown.features.is_empty() {
        detail::empty(c, inner, "It was not asked what it listens to: the profile leaves that step out.");
        return;
    }
    let most = |of: fn(&FeatureWeight) -> Option<f64>| shown.features.iter().filter_map(of).fold(0.0, f64::max);
    let (permutation, gradient) = (most(|f| f.permutation), most(|f| f.gradient));
    let bar = |v: Option<f64>, most: f64| v.filter(|v| *v > 0.0 && most > 0.0).map_or_else(String::new, |v| fmt::bar(v / most, BAR));
    for (f, y) in shown.features.iter().zip(inner.y..inner.bottom()) {
        let name = format!(" {:<NAME$} ", f.feature);
        let shuffled =
            format!("{:<BAR$} {:>8}  ", bar(f.permutation, permutation).trim_end_matches('░'), known(f.permutation, fmt::figure));
        let share =
            format!("{:<BAR$} {:>6}", bar(f.gradient, gradient).trim_end_matches('░'), known(f.gradient, |v| format!("{:.1}%", v * 100.0)));
        let pieces = [(name.as_str(), c.s(Role::Text)), (&shuffled, c.s(Role::Focus)), (&share, c.s(Role::Dim))];
        c.line(Rect { y, height: 1, ..inner }, &pieces);
    }
}

fn known(v: Option<f64>, words: impl Fn(f64) -> String) -> String {
    v.map_or_else(|| "-".to_owned(), words)
}

/// What it was made of, its figures, its files, and the changes of its state, newest first.
fn history(c: &mut Canvas<'_>, app: &App, shown: &ModelDetail, focused: bool, area: Rect) {
    let made = format!("{} profile  seed {}  rules {}", shown.profile, shown.seed, shown.config_version);
    let inner = c.panel(area, &Panel { title: "History", summary: &made, focused, ..Panel::default() });
    let (text, dim) = (c.s(Role::Text), c.s(Role::Dim));
    let mut facts: Vec<Fact<'_>> = shown.history.iter().rev().map(|h| change(c, h)).collect();
    if let Some(at) = shown.row.expires_at {
        let expired = at <= app.now();
        let when =
            if expired { format!("since {}: it gives no signals", fmt::minute(at)) } else { format!("in {}", fmt::age(at - app.now())) };
        facts.push((if expired { "expired" } else { "expires" }, when, if expired { c.s(Role::Warn) } else { text }));
    }
    let trained = shown.row.trained_to.map(|d| format!("to {d}, data {}", shown.snapshot));
    facts.extend(trained.map(|t| ("trained", t, text)));
    facts.push(("ships", shown.combination.clone(), text));
    for m in &shown.metrics {
        let range = m.interval.map_or_else(String::new, |(low, high)| format!("  {} to {}", fmt::figure(low), fmt::figure(high)));
        facts.push((m.name.as_str(), format!("{}{range}", fmt::figure(m.value)), text));
    }
    for f in &shown.files {
        let told = f.trouble.as_ref().map_or_else(String::new, |t| format!(": {t}"));
        let style = if f.trouble.is_some() { c.s(Role::Bad) } else { dim };
        facts.push(("file", format!("{} {}{told}", f.name, fmt::bytes(f.bytes)), style));
    }
    detail::facts(c, inner, &facts);
}

fn change<'a>(c: &Canvas<'_>, h: &'a StateChange) -> Fact<'a> {
    let (glyph, word, role) = model_state(h.to);
    let style = if role == Role::Dim { c.s(Role::Text) } else { c.s(role) };
    (word, format!("{glyph} {} by {}: {}", fmt::day_minute(h.at), h.by, h.reason), style)
}
