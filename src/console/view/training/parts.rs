//! The steps of a training run, and its base models.

use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use super::{PARTS, model_share, parts_done, step_mark};
use crate::console::app::{App, Part};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::console::view::canvas::{Canvas, Panel};
use crate::console::view::heatmap::window;
use crate::train::progress::{ModelView, PartState, StepView, TrainingView};

/// Cells of a step's bar.
const STEP_BAR: usize = 8;
/// Cells of a model's bar.
const MODEL_BAR: usize = 8;
/// Lines below the list for the selected model's figures.
const FIGURES: u16 = 2;

/// Draws the twelve steps in two columns.
pub fn pipeline(c: &mut Canvas<'_>, app: &App, view: &TrainingView, area: Rect) {
    let summary = format!("{} of {} steps   bar = share of the time", view.steps_done(), view.steps.len());
    let inner = c.panel(area, &Panel { title: "Pipeline", summary: &summary, ..Panel::default() });
    let whole: f64 = view.steps.iter().map(|s| s.seconds).sum();
    let lines = view.steps.len().div_ceil(2);
    let half = inner.width / 2;
    for (i, step) in view.steps.iter().enumerate() {
        let (column, line) = ((i / lines.max(1)) as u16, (i % lines.max(1)) as u16);
        if line >= inner.height {
            continue;
        }
        let place = Rect { x: inner.x + 1 + column * half, y: inner.y + line, width: half.saturating_sub(2), height: 1 };
        one_step(c, app, step, whole, place);
    }
}

fn one_step(c: &mut Canvas<'_>, app: &App, step: &StepView, whole: f64, area: Rect) {
    let (glyph, role) = step_mark(app, step.state);
    let name = format!("{:>3} {:<13} ", step.step as usize + 1, step.step.words());
    let words = if step.state == PartState::Waiting { c.s(Role::Dim) } else { c.s(Role::Text) };
    let bar = if whole > 0.0 { fmt::bar(step.seconds / whole, STEP_BAR) } else { String::new() };
    let bar = format!("{:<STEP_BAR$} ", bar.trim_end_matches('░'));
    let took = if step.seconds > 0.0 { fmt::clock(step.seconds.round() as i64) } else { String::new() };
    let at = area.right().saturating_sub(took.width() as u16);
    c.put(at, area.y, took.width() as u16, &took, c.s(Role::Dim));
    let parts = if step.total > 0 && step.state == PartState::Running { format!("{}  ", parts_done(step)) } else { String::new() };
    let note = if step.state == PartState::LeftOut && step.note.is_empty() { "left out" } else { &step.note };
    let pieces = [(glyph, c.s(role)), (&name, words), (&bar, c.s(Role::Focus)), (&parts, c.s(Role::Text)), (note, c.s(Role::Dim))];
    c.line(Rect { width: at.saturating_sub(area.x + 1), ..area }, &pieces);
}

/// Draws the base models, the selected one's figures below, and what ships of mean and meta-learner.
pub fn models(c: &mut Canvas<'_>, app: &App, view: &TrainingView, area: Rect) {
    let focused = app.trainings.part == Part::Models;
    let panel = Panel {
        title: "Models",
        summary: "loss  skill   AUC  fits",
        context: if focused { PARTS } else { "n next model" },
        focused,
        ..Panel::default()
    };
    let inner = c.panel(area, &panel);
    let chosen = app.trainings.model(view);
    let below = u16::from(!view.combination.is_empty()) + if inner.height > FIGURES + 4 { FIGURES } else { 0 };
    let list = Rect { height: inner.height.saturating_sub(below), ..inner };
    let row = chosen.and_then(|m| view.models.iter().position(|x| x.name == m.name)).unwrap_or(0);
    let first = window(row, view.models.len(), list.height.into());
    for ((i, one), y) in view.models.iter().enumerate().skip(first).zip(list.y..list.bottom()) {
        let selected = i == row;
        model(c, app, one, selected, Rect { y, height: 1, ..list });
        if selected && focused {
            c.drawn.selection = Some(Position::new(list.x, y));
        }
    }
    if focused {
        c.drawn.page = list.height.into();
    }
    let mut y = list.bottom();
    let line = |y| Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
    if !view.combination.is_empty() {
        c.line(line(y), &[("ships ", c.s(Role::Dim)), (&view.combination, c.s(Role::Text))]);
        y += 1;
    }
    if let Some(m) = chosen.filter(|_| y + FIGURES <= inner.bottom()) {
        for (text, y) in figures(m).iter().zip(y..) {
            c.line(line(y), &[(text, c.s(Role::Dim))]);
        }
    }
}

/// A model in a line: state, name, bar, loss and skill out of fold, AUC, fits; what has no room goes from the right.
pub fn model(c: &mut Canvas<'_>, app: &App, m: &ModelView, selected: bool, area: Rect) {
    let (glyph, role) = step_mark(app, m.state);
    let name = if selected { c.theme.strong(Role::Focus) } else { c.s(Role::Text) };
    let waits = m.state == PartState::Waiting && m.fits_done == 0;
    let bar = if waits { "╌".repeat(MODEL_BAR) } else { fmt::bar(model_share(m), MODEL_BAR) };
    let bar_role = if m.state == PartState::Running { Role::Focus } else { Role::Dim };
    let loss = m.loss.map_or_else(|| " ".repeat(7), |v| format!(" {v:>6.4}"));
    let skill = m.skill.map_or_else(|| " ".repeat(7), |v| format!(" {:>+5.1}%", v * 100.0));
    let auc = m.auc.map_or_else(|| " ".repeat(6), |v| format!(" {v:.3}"));
    let fits = format!(" {:>5}", format!("{}/{}", m.fits_done, m.fits));
    let pieces = [
        (if selected { "›" } else { " " }, name),
        (glyph, c.s(role)),
        (&format!(" {:<8}", m.name), name),
        (&bar, c.s(bar_role)),
        (&loss, c.s(Role::Text)),
        (&skill, c.s(if m.skill.is_some_and(|s| s > 0.0) { Role::Ok } else { Role::Dim })),
        (&auc, c.s(Role::Text)),
        (&fits, c.s(Role::Dim)),
    ];
    let mut x = area.x;
    for (text, style) in pieces {
        if x + text.width() as u16 > area.right() {
            return;
        }
        x = c.put(x, area.y, area.right() - x, text, style);
    }
}

/// The selected model's figures.
fn figures(m: &ModelView) -> [String; 2] {
    let known = |v: Option<f64>| v.map_or_else(|| "-".into(), |v| format!("{v:.4}"));
    let pace = m.epoch_seconds.map_or_else(String::new, |s| format!("  {s:.2} s/epoch"));
    [
        format!("{}  epoch {} of {}{pace}", m.name, m.epoch, m.epochs),
        format!("train {}  stop {}  took {}", known(m.train_loss), known(m.stop_loss), fmt::clock(m.seconds.round() as i64)),
    ]
}
