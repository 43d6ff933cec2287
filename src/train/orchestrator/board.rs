//! What a run has done and what it does now: keeps the [`TrainingView`] up to date and hands it to whoever listens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::strategy::{ModelName, Step};
use crate::market::Clock;
use crate::train::gates::GateResult;
use crate::train::models::{Epoch, FitReport};
use crate::train::progress::{Curve, ModelView, NullsView, PartState, StepView, TrainingState, TrainingView};

/// Curves that are shown.
const CURVES: usize = 4;
/// Nothing is foretold before this much time and a fit of every model: it would only mislead.
const WARM_UP: Duration = Duration::from_secs(10);

/// One fit of the run, as the board counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FitKey {
    /// Which model.
    pub model: ModelName,
    /// Number of the test block from 0; the number of blocks stands for the final fit.
    pub block: u32,
    /// Number of the seed.
    pub seed: u32,
}

/// What models are worth on the rows they were asked about so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Log loss, nats.
    pub loss: Option<f64>,
    /// Share of the prior's loss that is saved.
    pub skill: Option<f64>,
    /// AUC of BUY against SELL.
    pub auc: Option<f64>,
}

/// The state behind the view.
struct State {
    view: TrainingView,
    begun: HashMap<FitKey, Duration>,
    epoch_at: HashMap<FitKey, Duration>,
    /// Rows of each fit still to be done, and seconds and rows of those done, by model.
    todo: HashMap<FitKey, u64>,
    spent: HashMap<ModelName, (f64, u64)>,
    step_at: Duration,
    /// Seconds that the refits without a signal will still take, by the pace of those done.
    nulls_s: Option<f64>,
    /// Test blocks, and fits at work at the same time.
    blocks: u32,
    workers: usize,
}

impl State {
    /// The number of a fit's test block from 1; `None` for the final fit.
    fn fold(&self, key: FitKey) -> Option<u32> {
        (key.block < self.blocks).then_some(key.block + 1)
    }

    /// Shows a curve beside the newest others; those at work stay and come last.
    fn show(&mut self, curve: Curve) {
        let curves = &mut self.view.curves;
        curves.push(curve);
        curves.sort_by_key(|c| c.live);
        let over = curves.len().saturating_sub(CURVES);
        curves.drain(..over);
    }
}

/// The bookkeeping of one run.
pub struct Board<'a> {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    started: Duration,
    told: &'a (dyn Fn(&TrainingView) + Sync),
}

impl<'a> Board<'a> {
    /// A board for a run that begins with `view`; `told` hears of every change.
    pub fn new(view: TrainingView, clock: Arc<dyn Clock>, told: &'a (dyn Fn(&TrainingView) + Sync)) -> Self {
        let now = clock.mono();
        let state = State {
            view,
            begun: HashMap::new(),
            epoch_at: HashMap::new(),
            todo: HashMap::new(),
            spent: HashMap::new(),
            step_at: now,
            nulls_s: None,
            blocks: 0,
            workers: 1,
        };
        Self { state: Mutex::new(state), clock, started: now, told }
    }

    /// What is shown now.
    pub fn view(&self) -> TrainingView {
        self.lock().view.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with the lock left at most a stale figure.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is shown, and tells.
    pub fn change(&self, change: impl FnOnce(&mut TrainingView)) {
        self.with(|state| change(&mut state.view));
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let now = self.clock.mono();
        let since = now.saturating_sub(state.step_at).as_secs_f64();
        if let Some(step) = state.view.steps.iter_mut().find(|s| s.state == PartState::Running) {
            step.seconds = since;
        }
        state.view.eta_s = self.eta(&state, now);
        // With the lock held, so that views are told in the order in which they came about.
        (self.told)(&state.view);
    }

    /// A step begins.
    pub fn begin(&self, step: Step) {
        let now = self.clock.mono();
        self.with(|state| {
            state.step_at = now;
            let view = at(&mut state.view, step);
            (view.state, view.done, view.total) = (PartState::Running, 0, 0);
        });
    }

    /// Parts of the step at work.
    pub fn parts(&self, step: Step, done: usize, total: usize) {
        self.change(|view| {
            let step = at(view, step);
            (step.done, step.total) = (done as u32, total as u32);
        });
    }

    /// A step is finished.
    pub fn done(&self, step: Step, note: impl Into<String>) {
        self.end(step, PartState::Done, note.into());
    }

    /// A step is left out by the rules.
    pub fn left_out(&self, step: Step) {
        let now = self.clock.mono();
        self.with(|state| state.step_at = now);
        self.end(step, PartState::LeftOut, "left out by orchestrator.steps".to_owned());
    }

    fn end(&self, step: Step, how: PartState, note: String) {
        let now = self.clock.mono();
        self.with(|state| {
            let seconds = now.saturating_sub(state.step_at).as_secs_f64();
            let view = at(&mut state.view, step);
            (view.state, view.seconds, view.note) = (how, seconds, note);
        });
    }

    /// The run ends; the step at work, if any, ended it.
    pub fn finish(&self, end: TrainingState, outcome: String) {
        let at_ms = self.clock.now();
        self.with(|state| {
            let view = &mut state.view;
            // What a person stopped has not failed: it waits for the run to be taken up.
            let ended = match end {
                TrainingState::Cancelled => PartState::Waiting,
                _ if end.judged() => PartState::Done,
                _ => PartState::Failed,
            };
            view.steps.iter_mut().filter(|s| s.state == PartState::Running).for_each(|s| s.state = ended);
            view.models.iter_mut().filter(|m| m.state == PartState::Running).for_each(|m| m.state = ended);
            view.curves.iter_mut().for_each(|c| c.live = false);
            (view.state, view.ended_at, view.outcome) = (end, Some(at_ms), Some(outcome));
        });
    }

    /// The fits that the run consists of, with the rows of each.
    pub fn plan(&self, fits: &[(FitKey, u64)], (blocks, workers): (u32, usize), epochs: u32) {
        self.with(|state| {
            (state.blocks, state.workers) = (blocks, workers);
            state.todo = fits.iter().copied().collect();
            for view in &mut state.view.models {
                view.fits = fits.iter().filter(|(key, _)| key.model == view.name).count() as u32;
                view.epochs = epochs;
            }
        });
    }

    /// A fit begins.
    pub fn fit_begins(&self, key: FitKey, epochs: u32) {
        let now = self.clock.mono();
        self.with(|state| {
            let fold = state.fold(key);
            state.begun.insert(key, now);
            state.epoch_at.insert(key, now);
            let model = of(&mut state.view, key.model);
            (model.state, model.epoch, model.stop_loss) = (PartState::Running, 0, None);
            let (train, stop) = (Vec::new(), Vec::new());
            state.show(Curve { model: key.model, fold, seed: key.seed, train, stop, best: 0, epochs, live: true });
        });
    }

    /// A fit was found done, with this curve.
    pub fn fit_found(&self, curve: &Curve) {
        self.with(|state| state.show(Curve { live: false, ..curve.clone() }));
    }

    /// A pass over the rows is done.
    pub fn epoch(&self, key: FitKey, epoch: Epoch) {
        let now = self.clock.mono();
        self.with(|state| {
            let fold = state.fold(key);
            let before = state.epoch_at.insert(key, now).unwrap_or(now);
            let model = of(&mut state.view, key.model);
            model.epoch_seconds = Some(now.saturating_sub(before).as_secs_f64());
            (model.epoch, model.epochs, model.train_loss) = (epoch.number, epoch.of, Some(epoch.train_loss));
            model.stop_loss = match (model.stop_loss, epoch.stop_loss) {
                (Some(best), Some(now)) => Some(best.min(now)),
                (best, now) => now.or(best),
            };
            let live = |c: &&mut Curve| c.live && (c.model, c.fold, c.seed) == (key.model, fold, key.seed);
            if let Some(curve) = state.view.curves.iter_mut().find(live) {
                curve.train.push(epoch.train_loss as f32);
                curve.stop.extend(epoch.stop_loss.map(|v| v as f32));
                let least = curve.stop.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
                curve.best = least.map_or(curve.train.len(), |(i, _)| i + 1) as u32;
            }
        });
    }

    /// A fit is done, or was found done, and what the model is worth by now.
    pub fn fit_done(&self, key: FitKey, report: &FitReport, found: bool, figures: Figures) {
        let now = self.clock.mono();
        self.with(|state| {
            let fold = state.fold(key);
            let rows = state.todo.remove(&key).unwrap_or(0);
            let seconds = state.begun.remove(&key).map_or(0.0, |begun| now.saturating_sub(begun).as_secs_f64());
            if !found {
                let spent = state.spent.entry(key.model).or_default();
                *spent = (spent.0 + seconds, spent.1 + rows);
            }
            let others = state.begun.keys().any(|k| k.model == key.model);
            let model = of(&mut state.view, key.model);
            model.fits_done += 1;
            model.seconds += seconds;
            model.state = match (model.fits_done == model.fits, others, found) {
                (true, _, true) => PartState::Found,
                (true, ..) => PartState::Done,
                (false, true, _) => PartState::Running,
                (false, false, _) => PartState::Waiting,
            };
            model.stop_loss = report.stop_loss.or(model.stop_loss);
            if found {
                (model.epoch, model.train_loss) = (report.epochs, Some(report.train_loss));
            }
            (model.loss, model.skill, model.auc) = (figures.loss.or(model.loss), figures.skill.or(model.skill), figures.auc.or(model.auc));
            let live = |c: &&mut Curve| c.live && (c.model, c.fold, c.seed) == (key.model, fold, key.seed);
            if let Some(curve) = state.view.curves.iter_mut().find(live) {
                (curve.live, curve.best) = (false, report.best_epoch);
            }
        });
    }

    /// Refits without a signal.
    pub fn nulls(&self, nulls: NullsView) {
        let now = self.clock.mono();
        self.with(|state| {
            state.view.nulls = nulls;
            let spent = now.saturating_sub(state.step_at).as_secs_f64();
            let left = f64::from(nulls.total.saturating_sub(nulls.done));
            state.nulls_s = (nulls.done > 0).then(|| spent / f64::from(nulls.done) * left);
        });
    }

    /// Gates that have been judged.
    pub fn gates(&self, gates: &[GateResult]) {
        self.change(|view| view.gates = gates.to_vec());
    }

    /// Seconds that the fits still to be done, or the refits without a signal, will take. What lies between them is short and
    /// unknown: there is nothing to be told then.
    fn eta(&self, state: &State, now: Duration) -> Option<u32> {
        let warm = now.saturating_sub(self.started) >= WARM_UP;
        if !warm || state.view.state != TrainingState::Running {
            return None;
        }
        if state.todo.is_empty() {
            return state.nulls_s.filter(|_| state.view.gates.is_empty()).map(|s| s.round() as u32);
        }
        let mut seconds = 0.0;
        for (key, rows) in &state.todo {
            let (spent, done) = state.spent.get(&key.model).filter(|(_, done)| *done > 0)?;
            let whole = spent / *done as f64 * *rows as f64;
            let already = state.begun.get(key).map_or(0.0, |begun| now.saturating_sub(*begun).as_secs_f64());
            seconds += (whole - already).max(0.0);
        }
        Some((seconds / state.workers.max(1) as f64).round() as u32)
    }
}

fn at(view: &mut TrainingView, step: Step) -> &mut StepView {
    let position = Step::ALL.iter().position(|s| *s == step).unwrap_or(0);
    &mut view.steps[position]
}

fn of(view: &mut TrainingView, model: ModelName) -> &mut ModelView {
    let position = view.models.iter().position(|m| m.name == model).unwrap_or(0);
    &mut view.models[position]
}

/// The steps of a run that begins.
pub fn steps() -> Vec<StepView> {
    let waiting = |step| StepView { step, state: PartState::Waiting, seconds: 0.0, done: 0, total: 0, note: String::new() };
    Step::ALL.map(waiting).to_vec()
}

/// The models of a run that begins.
pub fn models(names: &[ModelName], epochs: u32) -> Vec<ModelView> {
    let waiting = |&name: &ModelName| ModelView {
        name,
        state: PartState::Waiting,
        fits_done: 0,
        fits: 0,
        epoch: 0,
        epochs,
        train_loss: None,
        stop_loss: None,
        loss: None,
        skill: None,
        auc: None,
        epoch_seconds: None,
        seconds: 0.0,
    };
    names.iter().map(waiting).collect()
}
