//! What is printed on standard error while a training run works: its story line by line and, on a terminal, one line that
//! is kept up to date.

use std::convert::Infallible;
use std::io::{IsTerminal, Write};

use crate::cli::output;
use crate::config::strategy::Step;
use crate::control::Client;
use crate::train::progress::{TrainingState, TrainingView};
use crate::trainer::{Line, Story, lasted};

/// Carriage return, and everything to the end of the line erased (ECMA-48 EL).
const CLEAR: &str = "\r\x1b[K";

/// Prints what one run of the train job does.
pub struct Live {
    job_run: i64,
    stories: Vec<(crate::market::Strategy, Story)>,
    /// Whether there is a terminal to keep a line up to date on.
    terminal: bool,
    separator: &'static str,
    /// Whether the line that is kept up to date is there.
    shown: bool,
}

impl Live {
    pub fn new(job_run: i64, ascii: bool) -> Self {
        let separator = if ascii { " - " } else { " · " };
        Self { job_run, stories: Vec::new(), terminal: std::io::stderr().is_terminal(), separator, shown: false }
    }

    /// Prints what the engine shows of the run, for ever.
    pub async fn follow(&mut self, client: &Client) -> Infallible {
        let mut state = client.state();
        loop {
            let trainings = std::sync::Arc::clone(&state.borrow_and_update().training);
            let run = Some(self.job_run);
            for view in trainings.iter().filter(|v| v.job_run == run) {
                self.show(view);
            }
            if state.changed().await.is_err() {
                // Who waits for the end of the run hears of it too.
                return std::future::pending().await;
            }
        }
    }

    /// Prints what is left to be told.
    pub fn end<'a>(&mut self, views: impl Iterator<Item = &'a TrainingView>) {
        views.for_each(|view| self.show(view));
        self.clear();
    }

    fn show(&mut self, view: &TrainingView) {
        let at = self.stories.iter().position(|(s, _)| *s == view.strategy).unwrap_or_else(|| {
            self.stories.push((view.strategy, Story::default()));
            self.stories.len() - 1
        });
        for line in self.stories[at].1.lines(view) {
            self.clear();
            match line {
                Line::Step(text) => output::remark(text),
                Line::Note(text) => output::remark(format_args!("  {text}")),
            }
        }
        if self.terminal && view.state == TrainingState::Running {
            drop(write!(std::io::stderr(), "{CLEAR}{}", now(view).join(self.separator)));
            self.shown = true;
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            drop(write!(std::io::stderr(), "{CLEAR}"));
        }
    }
}

/// What a run does now, in parts of a line: `turbomode`, `base models 12 of 40`, `tcn epoch 3 of 12`, `about 3 min 20 s to go`.
pub fn now(view: &TrainingView) -> Vec<String> {
    let mut parts = vec![view.strategy.to_string()];
    if let Some(step) = view.at() {
        let count = if step.total > 0 { format!(" {} of {}", step.done, step.total) } else { String::new() };
        parts.push(format!("{}{count}", step.step.words()));
        if step.step == Step::BaseModels {
            let works = view.curves.iter().rfind(|c| c.live);
            parts.extend(works.map(|c| format!("{} epoch {} of {}", c.model, c.train.len(), c.epochs)));
        }
        if step.step == Step::Gates && view.nulls.total > 0 {
            parts.push(format!("refits without a signal {} of {}", view.nulls.done, view.nulls.total));
        }
    }
    parts.extend(view.eta_s.map(|s| format!("about {} to go", lasted(f64::from(s)))));
    parts.extend(view.stopping.then(|| "stopping".to_owned()));
    parts
}
