//! The form before a training run.

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::overlay::{boxed, edited};
use crate::config::strategy::Step;
use crate::console::app::{App, TrainField, TrainForm};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::store::scheduler::Job;

/// Draws the form.
pub fn draw(c: &mut Canvas<'_>, app: &App, form: &TrainForm, area: Rect) {
    let title = form.again.map_or_else(|| "Train".to_owned(), |id| format!("Train again, as training run {id}"));
    let panel = Panel { title: &title, context: "enter start  tab next field  esc cancel", focused: true, ..Panel::default() };
    let inner = boxed(c, area, 78, 14, &panel);
    let strategy = form.strategy.map_or_else(|| "both".to_owned(), |s| s.to_string());
    let profile = form.profile.map_or_else(|| "as configured".to_owned(), |p| p.to_string());
    let from = form.from.map_or_else(|| "the beginning".to_owned(), |s| format!("step {}, {}", s as usize + 1, s.words()));
    for (field, y) in TrainField::ALL.into_iter().zip(inner.y..inner.bottom()) {
        let (name, value) = match field {
            TrainField::Strategy => ("strategy", strategy.as_str()),
            TrainField::Profile => ("profile", profile.as_str()),
            TrainField::Seed => ("seed", "as configured"),
            TrainField::From => ("from", from.as_str()),
        };
        let here = form.field == field;
        let style = if here { c.theme.strong(Role::Focus) } else { c.s(Role::Text) };
        let head = format!("{name:<13}");
        let x = c.line(Rect { x: inner.x, y, width: 15, height: 1 }, &[(if here { "›" } else { " " }, style), (&head, style)]);
        let rest = Rect { x, y, width: inner.right().saturating_sub(x + 1), height: 1 };
        if field != TrainField::Seed {
            c.line(rest, &[(value, style), (if here { "   space changes" } else { "" }, c.s(Role::Dim))]);
            continue;
        }
        if form.seed.value().is_empty() {
            let indent = if here { 2 } else { 0 };
            c.put(rest.x + indent, y, rest.width.saturating_sub(indent), value, c.s(Role::Dim));
        }
        if here {
            edited(c, rest, &form.seed, style);
        } else {
            c.line(rest, &[(form.seed.value(), style)]);
        }
    }
    let top = inner.y + TrainField::ALL.len() as u16 + 1;
    let mut rest = Rect { x: inner.x + 1, y: top, width: inner.width.saturating_sub(2), height: inner.bottom().saturating_sub(top) };
    if let Err(why) = form.spec() {
        c.wrapped(rest, &format!("✗ {why}"), c.s(Role::Bad));
        return;
    }
    for text in effects(app, form) {
        let used = c.wrapped(rest, &text, c.s(Role::Dim));
        rest = Rect { y: rest.y + used, height: rest.height.saturating_sub(used), ..rest };
    }
}

/// What the run would do.
fn effects(app: &App, form: &TrainForm) -> Vec<String> {
    let whose = form.strategy.map_or_else(|| "both strategies, one after the other".to_owned(), |s| s.to_string());
    let models = match form.profile {
        Some(p) => format!("the {p} profile's models"),
        None => "the models of the configured profile".to_owned(),
    };
    let begin = match form.from {
        None => "All twelve steps; finished fits of a run that did not end are taken up.".to_owned(),
        Some(Step::Configuration) => "All twelve steps anew; nothing that was kept is used.".to_owned(),
        Some(step) => format!("What was kept of the steps before {} is used, the rest is made anew.", step.words()),
    };
    let mut out = vec![format!("Trains {models} for {whose}."), begin];
    out.push("A candidate that does not pass the gates changes nothing; one that does is promoted, or goes on trial.".to_owned());
    let job = app.job_view(Job::Train);
    out.extend(job.and_then(|j| j.last.as_ref()?.seconds(app.now())).map(|s| format!("The last run of the job took {}.", fmt::clock(s))));
    out
}
