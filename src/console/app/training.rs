//! Training runs as pane and page show them: which one, which part of it has the keys, which model's losses are drawn.

use ratatui::layout::Rect;

use super::{App, Asked, Effect, Page, Pane, Slot, ToastLevel};
use crate::config::strategy::ModelName;
use crate::console::action::Action;
use crate::console::images::Picture;
use crate::console::theme::Role;
use crate::engine::{Query, Reply, Snapshot, Training};
use crate::market::Strategy;
use crate::store::scheduler::{Job, JobRun};
use crate::train::model_views::ModelState;
use crate::train::progress::{Curve, Standing, TrainingState, TrainingView};
use crate::train::spec::TrainSpec;

/// Glyph, word and role of a training run's state. A rejected candidate is a normal end.
pub const fn training_state(state: TrainingState) -> (&'static str, &'static str, Role) {
    match state {
        TrainingState::Running => ("▸", "running", Role::Focus),
        TrainingState::Promoted => ("✓", "promoted", Role::Ok),
        TrainingState::Shadow => ("◐", "shadow", Role::Ok),
        TrainingState::Rejected => ("·", "rejected", Role::Text),
        TrainingState::Failed => ("✗", "failed", Role::Bad),
        TrainingState::Cancelled => ("‖", "cancelled", Role::Dim),
        TrainingState::Lost => ("✗", "lost", Role::Bad),
    }
}

/// Glyph, word and role of a model's state.
pub const fn model_state(state: ModelState) -> (&'static str, &'static str, Role) {
    match state {
        ModelState::Candidate => ("○", "candidate", Role::Text),
        ModelState::Rejected => ("·", "rejected", Role::Dim),
        ModelState::Shadow => ("◐", "shadow", Role::Focus),
        ModelState::Champion => ("●", "champion", Role::Ok),
        ModelState::Retired => ("‖", "retired", Role::Dim),
    }
}

/// The parts of a training run's page that keys can move in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The base models, and the losses of the selected one.
    #[default]
    Models,
    /// The gates, and the sentence of the selected one.
    Gates,
    /// The run's log.
    Log,
}

impl Part {
    /// All, left to right.
    pub const ALL: [Self; 3] = [Self::Models, Self::Gates, Self::Log];
}

/// What pane and page show of training runs.
#[derive(Clone, Debug, Default)]
pub struct Trainings {
    /// The strategy that was asked for; `None` shows the one at work, else the last.
    pub strategy: Option<Strategy>,
    /// Which run of it the page shows, where no run of the job says so.
    pub which: Training,
    /// A run that the snapshot does not have.
    pub asked: Asked<Option<Box<TrainingView>>>,
    /// The model that was chosen; `None` follows the one at work.
    pub model: Option<ModelName>,
    /// Losses on a logarithmic scale.
    pub log_scale: bool,
    /// Which part the keys move in.
    pub part: Part,
    /// The selected gate, counted from the first.
    pub gate: usize,
}

impl Trainings {
    /// Takes an answer in; false when it is not for the newest question.
    pub fn answer(&mut self, generation: u64, result: Result<Reply, String>) -> bool {
        let odd = || "the engine answered another question".to_owned();
        self.asked.answer(generation, result.and_then(|r| if let Reply::Training(t) = r { Ok(t) } else { Err(odd()) }))
    }

    /// The model whose losses are drawn: the chosen one, else the one at work, else the first with a curve.
    pub fn model<'a>(&self, view: &'a TrainingView) -> Option<&'a crate::train::progress::ModelView> {
        let chosen = self.model.filter(|name| view.models.iter().any(|m| m.name == *name));
        let live = || view.curves.iter().rfind(|c| c.live).or_else(|| view.curves.last()).map(|c| c.model);
        let name = chosen.or_else(live).or_else(|| view.models.first().map(|m| m.name))?;
        view.models.iter().find(|m| m.name == name)
    }

    /// The newest curve of that model.
    pub fn curve<'a>(&self, view: &'a TrainingView) -> Option<&'a Curve> {
        let name = self.model(view)?.name;
        view.curves.iter().rfind(|c| c.model == name)
    }
}

impl App {
    /// The picture that belongs over the losses at `area`.
    pub fn picture(&self, area: Option<Rect>) -> Option<Picture> {
        let curve = self.trainings.curve(self.training()?)?;
        area.map(|area| Picture { area, curve: curve.clone() })
    }

    /// Whether something lies over panes and pages.
    pub fn covered(&self) -> bool {
        !self.overlays.is_empty() || self.toasts.any()
    }
}

/// The run that has the attention: one at work, else the one that began last.
fn newest(snap: &Snapshot) -> Option<&TrainingView> {
    snap.training.iter().max_by_key(|t| (t.state == TrainingState::Running, t.started_at))
}

impl App {
    /// The training run that pane 4 shows.
    pub(in crate::console) fn shown_training(&self) -> Option<&TrainingView> {
        let snap = self.snap();
        match self.trainings.strategy {
            Some(strategy) => snap.training.iter().find(|t| t.strategy == strategy),
            None => newest(snap),
        }
    }

    /// The training run whose page is open, or that the pane shows.
    pub(in crate::console) fn training(&self) -> Option<&TrainingView> {
        let Some(which) = self.which() else { return self.shown_training() };
        let wanted = |t: &&TrainingView| is_the(t, which) && self.trainings.strategy.is_none_or(|s| s == t.strategy);
        let answered = || self.trainings.asked.value.iter().flatten().map(AsRef::as_ref).find(wanted);
        self.snap().training.iter().filter(wanted).max_by_key(|t| (t.state == TrainingState::Running, t.started_at)).or_else(answered)
    }

    /// Which training run the open page is about.
    fn which(&self) -> Option<Training> {
        match self.page() {
            Some(Page::Run(id)) => Some(Training::JobRun(id)),
            Some(Page::Training) => Some(self.trainings.which),
            _ => None,
        }
    }

    /// Where a strategy stands.
    pub(in crate::console) fn standing(&self, strategy: Strategy) -> Option<&Standing> {
        self.snap().standings.iter().find(|s| s.strategy == strategy)
    }

    /// Whether the open page shows a training run.
    pub(in crate::console) fn on_training_page(&self) -> bool {
        match self.page() {
            Some(Page::Training) => true,
            Some(Page::Run(id)) => self.trains(id) && self.training().is_some(),
            _ => false,
        }
    }

    /// Whether a run is one of the train job.
    pub(in crate::console) fn trains(&self, id: i64) -> bool {
        self.job_run(id).is_some_and(|r| r.job == Job::Train)
    }

    /// Opens the page of the run that the pane shows; false when there is none.
    pub(super) fn open_training(&mut self, fx: &mut Vec<Effect>) -> bool {
        let Some((strategy, job_run)) = self.shown_training().map(|t| (t.strategy, t.job_run)) else { return false };
        self.trainings.strategy = Some(strategy);
        self.trainings.which = Training::Newest;
        let known = job_run.filter(|id| self.job_run(*id).is_some());
        self.push_page(known.map_or(Page::Training, Page::Run), fx);
        true
    }

    /// Puts a training run's page at its beginning.
    pub(super) fn begin_training_page(&mut self) {
        self.trainings.asked.forget();
        (self.trainings.model, self.trainings.gate, self.trainings.part) = (None, 0, Part::Models);
        let Some(Page::Run(id)) = self.page() else { return };
        let of_run = |s: &Strategy| self.snap().training.iter().any(|t| t.job_run == Some(id) && t.strategy == *s);
        if self.trainings.strategy.is_some_and(|s| of_run(&s)) {
            return;
        }
        let chosen = self.job_run(id).map(of_strategies).unwrap_or_default();
        self.trainings.strategy = chosen.iter().copied().find(of_run).or_else(|| chosen.first().copied());
    }

    /// Asks for the training run of the open page, where the snapshot does not have it.
    pub(super) fn ask_training(&mut self, fx: &mut Vec<Effect>) {
        let (Some(which), Some(strategy)) = (self.which(), self.trainings.strategy) else { return };
        let other_job = matches!(which, Training::JobRun(id) if !self.trains(id));
        if other_job || !self.reachable() || self.snap().training.iter().any(|t| t.strategy == strategy && is_the(t, which)) {
            return;
        }
        let generation = self.trainings.asked.ask();
        fx.push(Effect::Query { slot: Slot::Training, generation, query: Query::Training { strategy, which } });
    }

    /// Asks for the story of the run that the training run of the open page was part of.
    pub(super) fn ask_training_story(&mut self, fx: &mut Vec<Effect>) {
        if self.page() == Some(Page::Training)
            && let Some(id) = self.training().and_then(|t| t.job_run)
        {
            self.ask_run(id, fx);
        }
    }

    /// Shows the other strategy: of the page, or of the pane.
    pub(super) fn other_training(&mut self, fx: &mut Vec<Effect>) {
        if self.page() == Some(Page::Models) {
            return self.other_models(fx);
        }
        let now = self.trainings.strategy.or_else(|| self.training().map(|t| t.strategy));
        self.trainings.strategy = Some(now.map_or(Strategy::Turbomode, other));
        (self.trainings.model, self.trainings.gate) = (None, 0);
        self.trainings.which = Training::Newest;
        self.trainings.asked.forget();
        self.ask_training(fx);
    }

    /// Draws the losses of the next model, `by` steps on.
    pub(super) fn step_model(&mut self, by: isize) {
        let Some(view) = self.training() else { return };
        let names: Vec<ModelName> = view.models.iter().map(|m| m.name).collect();
        let at = self.trainings.model(view).and_then(|m| names.iter().position(|n| *n == m.name)).unwrap_or(0);
        let len = names.len().max(1) as isize;
        self.trainings.model = names.get((at as isize + by).rem_euclid(len) as usize).copied();
    }

    /// Moves on a training run's page: `dx` to another part, `dy` inside the part.
    pub(super) fn step_training(&mut self, dx: isize, dy: isize) {
        let at = Part::ALL.iter().position(|p| *p == self.trainings.part).unwrap_or(0);
        self.trainings.part = Part::ALL[at.saturating_add_signed(dx).min(Part::ALL.len() - 1)];
        if dy == 0 {
            return;
        }
        match self.trainings.part {
            Part::Models => {
                let most = self.training().map_or(0, |t| t.models.len()) as isize;
                self.step_model(dy.clamp(-most, most));
            }
            Part::Gates => {
                let last = self.training().map_or(0, |t| t.gates.len()).saturating_sub(1);
                self.trainings.gate = self.trainings.gate.saturating_add_signed(dy).min(last);
            }
            Part::Log => self.scroll = self.scroll.saturating_add_signed(dy).min(self.story_len().saturating_sub(1)),
        }
    }

    /// Opens the page of the run that the selected model came from.
    pub(super) fn open_models_run(&mut self, fx: &mut Vec<Effect>) {
        let Some((strategy, run_id)) = self.models.selected().map(|m| (m.strategy, m.run_id)) else { return };
        (self.trainings.strategy, self.trainings.which) = (Some(strategy), Training::Run(run_id));
        self.push_page(Page::Training, fx);
    }

    /// The shown training run as a line of text.
    pub(super) fn training_text(&self) -> Option<String> {
        let view = self.training()?;
        let outcome = view.outcome.as_deref().unwrap_or_default();
        Some(format!("training run {} of {} {} {outcome}", view.run_id, view.strategy, training_state(view.state).1).trim_end().to_owned())
    }

    /// Why something cannot be done with training; `None` when it can.
    pub(super) fn training_refusal(&self, action: Action) -> Option<&str> {
        let no = |cond: bool, why: &'static str| cond.then_some(why);
        match action {
            Action::Train => match self.job_view(Job::Train) {
                None => Some("The jobs are not known yet"),
                Some(job) if job.missing.is_some() => Some("This version cannot run that job"),
                Some(job) => no(job.active.is_some(), "A training run is active; cancel it first, or wait"),
            },
            Action::NextModel | Action::LogScale => {
                let none = self.page() == Some(Page::Models) || self.training().is_none_or(|t| t.models.is_empty());
                no(none, "There are no losses here")
            }
            Action::OtherTraining => match self.page() {
                Some(Page::Run(id)) => no(self.job_run(id).is_none_or(|r| of_strategies(r).len() < 2), "This run trains one strategy only"),
                _ => None,
            },
            Action::Promote => self.promote_refusal(),
            Action::RollBack => match self.standing(self.acting_strategy()) {
                None => Some("The models are not known yet"),
                Some(standing) => no(standing.rollback_to.is_none(), "There is no champion before this one to go back to"),
            },
            _ => None,
        }
    }

    /// The strategy that a command on models is for.
    pub(super) fn acting_strategy(&self) -> Strategy {
        if self.page() == Some(Page::Models) {
            return self.models.strategy;
        }
        self.trainings.strategy.or_else(|| self.training().map(|t| t.strategy)).unwrap_or(Strategy::Turbomode)
    }

    /// The training run that `r` runs again from a step: the one of the page or pane, once it has ended.
    pub(super) fn retrainable(&self) -> Option<&TrainingView> {
        let here = self.on_training_page() || (self.page().is_none() && self.focus == Pane::Training);
        self.training().filter(|t| here && t.state != TrainingState::Running)
    }

    /// Says how training runs ended, and turns to those that begin.
    pub(super) fn follow_trainings(&mut self, before: &Snapshot, now: &Snapshot) {
        let was = |t: &TrainingView| before.training.iter().find(|b| b.strategy == t.strategy && b.run_id == t.run_id).map(|b| b.state);
        for t in now.training.iter() {
            match (was(t), t.state) {
                (Some(TrainingState::Running), TrainingState::Running) => {}
                (_, TrainingState::Running) => self.turn_to(t),
                (Some(TrainingState::Running), _) => self.tell_ending(t, now),
                _ => {}
            }
        }
    }

    /// Shows a run that has begun: on the page of its job's run, and in the pane while no page is open.
    fn turn_to(&mut self, begun: &TrainingView) {
        match self.page() {
            Some(Page::Run(id)) if begun.job_run == Some(id) => {
                (self.trainings.strategy, self.trainings.model, self.trainings.gate) = (Some(begun.strategy), None, 0);
            }
            None => self.trainings.strategy = None,
            Some(_) => {}
        }
    }

    /// Says how a training run ended: with the verdict, which the run of the job does not tell.
    fn tell_ending(&mut self, ended: &TrainingView, now: &Snapshot) {
        let (_, word, _) = training_state(ended.state);
        let level = match ended.state {
            TrainingState::Promoted | TrainingState::Shadow => ToastLevel::Ok,
            TrainingState::Failed | TrainingState::Lost => ToastLevel::Bad,
            _ => ToastLevel::Info,
        };
        let told = |id: i64| now.job_runs.iter().any(|r| r.id == id && r.state.bad());
        if level == ToastLevel::Bad && ended.job_run.is_some_and(told) {
            // The run of the job has failed with it, and tells why.
            return;
        }
        let why = ended.outcome.as_ref().map_or_else(String::new, |o| format!(": {o}"));
        self.report(level, format!("Training of {} {word}{why}", ended.strategy));
    }
}

/// Whether a run is the one that is meant.
fn is_the(run: &TrainingView, which: Training) -> bool {
    match which {
        Training::Newest => true,
        Training::Run(id) => run.run_id == id,
        Training::JobRun(id) => run.job_run == Some(id),
    }
}

/// The strategies that a run of the train job is for.
fn of_strategies(run: &JobRun) -> Vec<Strategy> {
    TrainSpec::of(run.params.as_deref()).unwrap_or_default().chosen()
}

/// The other of the two.
pub const fn other(strategy: Strategy) -> Strategy {
    match strategy {
        Strategy::Turbomode => Strategy::Slipstream,
        Strategy::Slipstream => Strategy::Turbomode,
    }
}
