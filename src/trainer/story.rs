//! Tells what a training run does, line by line, from what it shows: for the record of the job's run and for the terminal.

use std::collections::HashMap;

use crate::config::strategy::{ModelName, Step};
use crate::train::gates::Status;
use crate::train::progress::{ModelView, PartState, StepView, TrainingState, TrainingView};

/// A line of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A step begins.
    Step(String),
    /// Something that happened inside it.
    Note(String),
}

/// What was told of one run already. Views may be left out between two looks; nothing is told twice.
#[derive(Debug, Default)]
pub struct Story {
    run: Option<(i64, u32)>,
    begun: usize,
    ended: usize,
    fits: HashMap<ModelName, u32>,
    nulls: u32,
    gates: usize,
    stopping: bool,
    over: bool,
}

impl Story {
    /// What is new in `view`.
    pub fn lines(&mut self, view: &TrainingView) -> Vec<Line> {
        let mut out = Vec::new();
        if self.run != Some((view.run_id, view.resumed)) {
            *self = Self { run: Some((view.run_id, view.resumed)), ..Self::default() };
            out.push(Line::Note(head(view)));
            out.extend(view.device_remark.clone().map(Line::Note));
        }
        for (i, step) in view.steps.iter().enumerate() {
            self.step(i, step, view, &mut out);
        }
        if view.stopping && !self.stopping {
            self.stopping = true;
            out.push(Line::Note("stops after the fits at work".to_owned()));
        }
        if view.state != TrainingState::Running && !self.over {
            self.over = true;
            out.extend(view.outcome.clone().map(Line::Note));
        }
        out
    }

    /// Whether the end of the run was told.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    fn step(&mut self, i: usize, step: &StepView, view: &TrainingView, out: &mut Vec<Line>) {
        if step.state == PartState::Waiting {
            return;
        }
        if i >= self.begun {
            self.begun = i + 1;
            out.push(Line::Step(format!("{}, step {} of {}: {}", view.strategy, i + 1, view.steps.len(), step.step.words())));
        }
        match step.step {
            Step::BaseModels => out.extend(view.models.iter().filter_map(|m| self.fit(m, view))),
            Step::Gates => self.gates(view, out),
            _ => {}
        }
        if i >= self.ended && !matches!(step.state, PartState::Running | PartState::Waiting) {
            self.ended = i + 1;
            // The last step's note is the run's outcome, which comes next.
            let note = if step.step == Step::Record { "" } else { step.note.as_str() };
            out.extend((!note.is_empty()).then(|| Line::Note(format!("{note} ({})", lasted(step.seconds)))));
        }
    }

    fn fit(&mut self, model: &ModelView, view: &TrainingView) -> Option<Line> {
        let told = self.fits.entry(model.name).or_default();
        if model.fits_done <= *told {
            return None;
        }
        *told = model.fits_done;
        let mut parts = vec![format!("{}: {} of {} fits done", model.name, model.fits_done, model.fits)];
        parts.extend(model.loss.map(|v| format!("loss {v:.4}")));
        parts.extend(model.skill.map(|v| format!("skill {:+.2} %", 100.0 * v)));
        parts.extend(model.auc.map(|v| format!("AUC {v:.4}")));
        parts.extend(view.eta_s.map(|s| format!("about {} to go", lasted(f64::from(s)))));
        Some(Line::Note(parts.join(", ")))
    }

    fn gates(&mut self, view: &TrainingView, out: &mut Vec<Line>) {
        let nulls = view.nulls;
        // Told in eighths: there are many of them.
        let eighth = |done: u32| (8 * done).checked_div(nulls.total).unwrap_or(0);
        if eighth(nulls.done) > eighth(self.nulls) {
            self.nulls = nulls.done;
            out.push(Line::Note(format!("refits without a signal: {} of {} done, {} passed", nulls.done, nulls.total, nulls.passed)));
        }
        for gate in view.gates.iter().skip(self.gates) {
            out.push(Line::Note(format!("{:<4} {:<7} {}", gate.gate.code(), word(gate.status), gate.sentence)));
        }
        self.gates = self.gates.max(view.gates.len());
    }
}

fn head(view: &TrainingView) -> String {
    let again = if view.resumed > 0 { ", goes on from what was finished before" } else { "" };
    format!("{} run {}{again}: {} profile, seed {}, {}", view.strategy, view.run_id, view.profile, view.seed, view.device)
}

/// A gate's status in a word.
pub fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "passed",
        Status::Fail => "not met",
        Status::Muted => "muted",
        Status::NotApplicable => "n/a",
    }
}

/// `0.4 s`, `12 s`, `3 min 20 s`, `1 h 5 min`.
pub fn lasted(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..=9 => format!("{:.1} s", seconds.max(0.0)),
        10..=59 => format!("{s} s"),
        60..=3599 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests;
