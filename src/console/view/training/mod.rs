//! Training: pane 4, and the page of a training run with its steps, losses, models, gates and log.

mod gates;
mod loss;
mod page;
mod parts;

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel, Piece};
use super::{detail, spinner, widget};
use crate::config::strategy::Step;
use crate::console::action::Action;
use crate::console::app::{App, Pane, training_state};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::market::Strategy;
use crate::store::scheduler::Job;
use crate::train::gates::GateResult;
use crate::train::progress::{Curve, ModelView, PartState, Standing, StepView, TrainingState, TrainingView};

pub use page::draw as page;

/// Writes the gates of a model that was judged before.
pub fn gates(c: &mut Canvas<'_>, landed: &[GateResult], area: Rect) {
    gates::list(c, landed, None, area);
}

/// Narrowest pane with losses beside the models.
const CURVE_BESIDE: u16 = 62;
/// Cells of a model's line in the pane.
const MODEL_LINE: u16 = 40;

/// How to get from one part of a page to another.
const PARTS: &str = "h l other parts";

/// Draws pane 4.
pub fn pane(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let focused = app.focus == Pane::Training;
    let view = app.shown_training();
    let summary = view.map(|v| summary(app, v)).unwrap_or_default();
    let beside = area.width >= CURVE_BESIDE + 2 && area.height >= 6;
    let curve = view.filter(|v| beside && v.state == TrainingState::Running).and_then(|v| app.trainings.curve(v));
    let legend = [("─ train  ", c.s(Role::Dim)), ("┄ stop slice", c.s(Role::Focus))];
    let context = curve.map(|k| format!("{} {}", k.model, fold(k))).unwrap_or_default();
    let legend: &[Piece<'_>] = if curve.is_some() { &legend } else { &[] };
    let panel = Panel { title: Pane::Training.title(), summary: &summary, legend, context: &context, focused };
    let inner = c.panel(area, &panel);
    let standings = standings(app, inner);
    let [body, foot] = widget::rows(inner, [inner.height.saturating_sub(standings.len() as u16), inner.height]);
    for ((text, role), y) in standings.iter().zip(foot.y..foot.bottom()) {
        c.line(Rect { x: foot.x + 1, y, width: foot.width.saturating_sub(1), height: 1 }, &[(text, c.s(*role))]);
    }
    let Some(view) = view else {
        detail::empty(c, body, &nothing(app));
        return;
    };
    let left = if curve.is_some() { Rect { width: MODEL_LINE, ..body } } else { body };
    run(c, app, view, body, left);
    if let Some(curve) = curve {
        let x = left.right() + 1;
        let chart = Rect { x, y: body.y + 1, width: body.right().saturating_sub(x + 1), height: body.height.saturating_sub(1) };
        loss::draw(c, curve, app.trainings.log_scale, chart);
    }
}

/// The strip, what came of the run, and its models as far as there is room.
fn run(c: &mut Canvas<'_>, app: &App, view: &TrainingView, area: Rect, left: Rect) {
    let [top, rest] = widget::rows(area, [1, area.height]);
    strip(c, app, view, top);
    let mut y = rest.y;
    if view.state != TrainingState::Running && rest.height > 0 {
        let told = Rect { x: left.x + 1, width: left.width.saturating_sub(2), height: rest.height.min(2), ..rest };
        y += outcome(c, view, told);
    }
    let list = Rect { y, height: rest.bottom().saturating_sub(y), ..left };
    let at_work = view.models.iter().position(|m| m.state == PartState::Running).unwrap_or(0);
    let first = super::heatmap::window(at_work, view.models.len(), list.height.into());
    for (model, y) in view.models.iter().skip(first).zip(list.y..list.bottom()) {
        parts::model(c, app, model, false, Rect { y, height: 1, ..list });
    }
}

/// Whose run, which, how long it has worked and how long it will.
fn summary(app: &App, view: &TrainingView) -> String {
    let running = view.state == TrainingState::Running;
    let took = fmt::clock(view.ended_at.unwrap_or_else(|| app.now()) - view.attempt_at.max(view.started_at));
    let ago = view.ended_at.map_or_else(String::new, |at| format!(", {} ago", fmt::age(app.now() - at)));
    let eta = if running { format!("  {}", eta(view)) } else { ago };
    format!("{} run {}  {}  {took}{eta}", view.strategy, view.run_id, view.profile)
}

/// Time to go, in words.
fn eta(view: &TrainingView) -> String {
    match view.eta_s {
        _ if view.stopping => "stopping".into(),
        Some(s) => format!("ETA {}", fmt::clock(s.into())),
        // Between the fits and the refits without a signal nothing can be foretold.
        None if view.steps.iter().any(|s| s.step > Step::BaseModels && s.state != PartState::Waiting) => String::new(),
        None => "ETA warming up".into(),
    }
}

/// Why there is no training to show, and what to do.
fn nothing(app: &App) -> String {
    let key = app.keymap.shown(Action::Train);
    if let Some(strategy) = app.trainings.strategy.filter(|_| !app.snap().training.is_empty()) {
        return format!("{strategy} is not trained yet. {key} trains it, {} shows the other one.", app.keymap.shown(Action::OtherTraining));
    }
    match app.job_view(Job::Train) {
        _ if app.loading() => "Reading what was trained.".into(),
        None => "The engine has not told its jobs yet.".into(),
        Some(job) => match &job.missing {
            Some(why) => format!("No training here: {why}"),
            None => format!("Nothing is trained yet. {key} trains: it asks what, and shows first what it would do."),
        },
    }
}

/// Where the strategies stand: a line each where there is room, else one for both.
fn standings(app: &App, area: Rect) -> Vec<(String, Role)> {
    let known: Vec<&Standing> = Strategy::ALL.into_iter().filter_map(|s| app.standing(s)).collect();
    let words = |s: &&Standing| format!("{}: {}", s.strategy, s.words);
    if area.height >= 6 || known.len() < 2 {
        return known.iter().map(|s| (words(s), standing_role(s))).collect();
    }
    let role = if known.iter().any(|s| standing_role(s) == Role::Warn) { Role::Warn } else { Role::Dim };
    vec![(known.iter().map(words).collect::<Vec<_>>().join("  "), role)]
}

/// A champion that is too old gives no signals and wants a look; none at all is a state like any other.
fn standing_role(standing: &Standing) -> Role {
    if standing.champion.as_ref().is_some_and(|c| c.expired) { Role::Warn } else { Role::Dim }
}

/// The twelve steps as glyphs, the one at work in words.
fn strip(c: &mut Canvas<'_>, app: &App, view: &TrainingView, area: Rect) {
    let mut x = area.x + 1;
    for step in &view.steps {
        let (glyph, role) = step_mark(app, step.state);
        x = c.put(x, area.y, area.right().saturating_sub(x), glyph, c.s(role));
    }
    let Some(at) = view.at() else { return };
    let parts = if at.total > 0 { format!("  {}", parts_done(at)) } else { String::new() };
    let live = view.curves.iter().rfind(|k| k.live).map_or_else(String::new, |k| format!("  {}", fold(k)));
    let text = format!("  {}/{} {}{parts}{live}", at.step as usize + 1, view.steps.len(), at.step.words());
    c.line(Rect { x, width: area.right().saturating_sub(x), ..area }, &[(&text, c.s(Role::Text))]);
}

/// `12 of 30`.
fn parts_done(step: &StepView) -> String {
    format!("{} of {}", step.done, step.total)
}

/// Which fit a curve is of.
fn fold(curve: &Curve) -> String {
    curve.fold.map_or_else(|| "final fit".into(), |n| format!("fold {n}"))
}

/// Glyph and role of a step's or a model's state.
fn step_mark(app: &App, state: PartState) -> (&'static str, Role) {
    match state {
        PartState::Waiting => ("○", Role::Dim),
        PartState::Running => (spinner(app), Role::Focus),
        PartState::Done => ("✓", Role::Ok),
        PartState::Found => ("✓", Role::Dim),
        PartState::LeftOut => ("·", Role::Dim),
        PartState::Failed => ("✗", Role::Bad),
    }
}

/// How a run ended, in words; returns the lines used.
fn outcome(c: &mut Canvas<'_>, view: &TrainingView, area: Rect) -> u16 {
    let (glyph, word, role) = training_state(view.state);
    let told = view.outcome.as_ref().map_or_else(String::new, |o| format!(": {o}"));
    c.wrapped(area, &format!("{glyph} {word}{told}"), c.s(role))
}

/// How much of a model's fits is done, the one at work by its epochs.
fn model_share(m: &ModelView) -> f64 {
    let part = if m.state == PartState::Running && m.epochs > 0 { f64::from(m.epoch) / f64::from(m.epochs) } else { 0.0 };
    if m.fits == 0 { 0.0 } else { (f64::from(m.fits_done) + part) / f64::from(m.fits) }
}
