//! The page of a training run: everything at once on a large screen, one part at a time on a small one.

use ratatui::layout::Rect;

use super::{PARTS, eta, fold, gates, loss, outcome, parts, strip};
use crate::console::app::{App, Part, training_state};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::console::view::canvas::{Canvas, Panel};
use crate::console::view::{detail, job, story, widget};
use crate::train::progress::{TrainingState, TrainingView};

/// Smallest page with all parts at once.
const ALL_PARTS: (u16, u16) = (100, 30);
/// Lines of the pipeline: six and the border.
const PIPELINE: u16 = 8;
/// Cells of the models beside the losses.
const MODELS: u16 = 50;
/// Narrowest part with the losses beside the models.
const BESIDE: u16 = 76;

/// Cells below which a picture of the losses says less than Braille.
const PICTURE: (u16, u16) = (36, 9);

/// Draws the page of the training run that the app shows; `run` is the run of the job that tells its log.
pub fn draw(c: &mut Canvas<'_>, app: &App, run: Option<i64>, area: Rect) {
    let Some(view) = app.training() else {
        let inner = c.panel(area, &Panel { title: "Training run", focused: true, ..Panel::default() });
        if app.trainings.asked.value.is_some() {
            detail::empty(c, inner, "There is no such training run.");
        } else {
            job::pending(c, app, app.trainings.asked.error.as_deref(), inner);
        }
        return;
    };
    let head = header(c, app, view, area);
    let rest = Rect { y: area.y + head, height: area.height.saturating_sub(head), ..area };
    if area.width >= ALL_PARTS.0 && area.height >= ALL_PARTS.1 {
        whole(c, app, (view, run), rest);
        return;
    }
    let [top, part] = widget::rows(rest, [1, rest.height]);
    strip(c, app, view, top);
    match app.trainings.part {
        Part::Models => models(c, app, view, part),
        Part::Gates => gates::draw(c, view, app.trainings.gate, true, part),
        Part::Log => log(c, app, run, part),
    }
}

/// All parts: pipeline, losses and models, gates and log.
fn whole(c: &mut Canvas<'_>, app: &App, (view, run): (&TrainingView, Option<i64>), area: Rect) {
    let rest = area.height.saturating_sub(PIPELINE);
    let middle = (rest / 2).clamp(8, 16);
    let [pipeline, middle, below] = widget::rows(area, [PIPELINE, middle, area.height]);
    parts::pipeline(c, app, view, pipeline);
    let chart = Rect { width: middle.width - MODELS, ..middle };
    losses(c, app, view, chart);
    parts::models(c, app, view, Rect { x: chart.right(), width: MODELS, ..middle });
    let left = Rect { width: below.width * 3 / 5, ..below };
    gates::draw(c, view, app.trainings.gate, app.trainings.part == Part::Gates, left);
    log(c, app, run, Rect { x: left.right(), width: below.width - left.width, ..below });
}

/// Models and losses beside each other, or one below the other.
fn models(c: &mut Canvas<'_>, app: &App, view: &TrainingView, area: Rect) {
    if area.width >= BESIDE {
        let list = Rect { width: 44.min(area.width), ..area };
        parts::models(c, app, view, list);
        losses(c, app, view, Rect { x: list.right(), width: area.width - list.width, ..area });
        return;
    }
    let room = (view.models.len() as u16 + 3).min(area.height);
    let chart = area.height - room;
    let [list, below] = widget::rows(area, [if chart >= 6 { room } else { area.height }, chart]);
    parts::models(c, app, view, list);
    if chart >= 6 {
        losses(c, app, view, below);
    }
}

fn losses(c: &mut Canvas<'_>, app: &App, view: &TrainingView, area: Rect) {
    let model = app.trainings.model(view);
    let curve = app.trainings.curve(view);
    let seed = |k: &crate::train::progress::Curve| if k.seed > 0 { format!(" seed {}", k.seed + 1) } else { String::new() };
    let title = match (model, curve) {
        (_, Some(k)) => format!("Loss  {} {}{}", k.model, fold(k), seed(k)),
        (Some(m), None) => format!("Loss  {}", m.name),
        (None, None) => "Loss".to_owned(),
    };
    let legend = [("─ train  ", c.s(Role::Dim)), ("┄ stop slice", c.s(Role::Focus))];
    let scale = if app.trainings.log_scale { "nats, log" } else { "nats" };
    let inner = c.panel(area, &Panel { title: &title, summary: scale, legend: &legend, ..Panel::default() });
    match curve {
        Some(k) => {
            loss::draw(c, k, app.trainings.log_scale, Rect { width: inner.width.saturating_sub(1), ..inner });
            // Pictures have a linear scale.
            c.drawn.losses = Some(inner).filter(|r| !app.trainings.log_scale && r.width >= PICTURE.0 && r.height >= PICTURE.1);
        }
        None if model.is_none_or(|m| m.fits_done == 0) => detail::empty(c, inner, "Losses come with the first epoch."),
        None => detail::empty(c, inner, "No losses of this model are kept: those of the newest fits are."),
    }
}

fn log(c: &mut Canvas<'_>, app: &App, run: Option<i64>, area: Rect) {
    let focused = app.trainings.part == Part::Log;
    if let Some(id) = run {
        story::draw(c, app, id, focused, area);
        return;
    }
    let inner = c.panel(area, &Panel { title: "Story", context: if focused { PARTS } else { "" }, focused, ..Panel::default() });
    detail::empty(c, inner, "No job of this engine ran it: its story is in the log of the command that did.");
}

/// What it is, and how it stands or ended; returns the lines used.
fn header(c: &mut Canvas<'_>, app: &App, view: &TrainingView, area: Rect) -> u16 {
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let lines = if area.height >= ALL_PARTS.1 { 2 } else { 1 + u16::from(area.height >= 16) };
    let mut y = inner.y;
    for line in widget::filled(&facts(app, view), inner.width).iter().take(lines.into()) {
        c.line(Rect { y, height: 1, ..inner }, &[(line, c.s(Role::Text))]);
        y += 1;
    }
    let rest = |y: u16, most: u16| Rect { y, height: most, ..inner };
    if view.state != TrainingState::Running {
        y += outcome(c, view, rest(y, lines));
    }
    if let Some(why) = view.device_remark.as_ref().filter(|_| area.height >= 16) {
        y += c.wrapped(rest(y, 1), &format!("▲ {}: {why}", view.device), c.s(Role::Warn));
    }
    y - area.y
}

fn facts(app: &App, view: &TrainingView) -> Vec<String> {
    let running = view.state == TrainingState::Running;
    let took = fmt::clock(view.ended_at.unwrap_or_else(|| app.now()) - view.attempt_at.max(view.started_at));
    let mut facts = vec![format!("{} run {}", view.strategy, view.run_id)];
    facts.push(if running { eta(view) } else { training_state(view.state).1.to_owned() });
    facts.extend([format!("{} {took}", if running { "elapsed" } else { "took" }), format!("{} profile", view.profile)]);
    facts.extend([format!("seed {}", view.seed), format!("rules {}", view.config_version)]);
    if !view.snapshot.is_empty() {
        facts.push(format!("data {}", view.snapshot.get(..12).unwrap_or(&view.snapshot)));
    }
    facts.extend([view.device.clone(), format!("started {} UTC", fmt::minute(view.started_at))]);
    if view.resumed > 0 {
        facts.push(format!("taken up again {}", fmt::count(view.resumed.into(), "time", "times")));
    }
    facts
}
