//! The form before a training run: whose models, which profile, which seed, and from which step.

use crossterm::event::{KeyCode, KeyEvent};
use tui_input::Input;

use super::overlay::edit;
use super::{App, Effect, Overlay, ToastLevel};
use crate::config::strategy::{ProfileName, Step};
use crate::console::action::{Action, Context};
use crate::engine::Command;
use crate::market::Strategy;
use crate::train::spec::TrainSpec;

/// One line of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainField {
    /// Whose models.
    Strategy,
    /// What to train.
    Profile,
    /// Seed of all randomness.
    Seed,
    /// The step to begin from.
    From,
}

impl TrainField {
    /// All, top to bottom.
    pub const ALL: [Self; 4] = [Self::Strategy, Self::Profile, Self::Seed, Self::From];
}

const PROFILES: [Option<ProfileName>; 4] = [None, Some(ProfileName::Full), Some(ProfileName::Quick), Some(ProfileName::Demo)];

/// The form.
#[derive(Clone, Debug)]
pub struct TrainForm {
    /// The line with the cursor.
    pub field: TrainField,
    /// Whose models; `None` means both.
    pub strategy: Option<Strategy>,
    /// What to train; `None` means as configured.
    pub profile: Option<ProfileName>,
    /// The seed as typed; empty means as configured.
    pub seed: Input,
    /// The step to begin from; `None` takes up what a run that did not end has kept, else begins anew.
    pub from: Option<Step>,
    /// The training run that is run again.
    pub again: Option<i64>,
}

/// What a key did to the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrainStep {
    /// Nothing that matters outside.
    Stay,
    /// Close it.
    Cancel,
    /// Start this.
    Start(TrainSpec),
}

impl TrainForm {
    /// A form for the job's normal work, on one strategy if one is looked at.
    pub fn new(strategy: Option<Strategy>) -> Self {
        Self { field: TrainField::Strategy, strategy, profile: None, seed: Input::default(), from: None, again: None }
    }

    /// What the form says, or what is wrong with it.
    ///
    /// # Errors
    /// The seed is no number of 32 bits.
    pub fn spec(&self) -> Result<TrainSpec, String> {
        let seed = match self.seed.value().trim() {
            "" => None,
            text => Some(text.parse().map_err(|_| format!("{text:?} is no seed: write a whole number from 0 to {}", u32::MAX))?),
        };
        Ok(TrainSpec { strategies: self.strategy.into_iter().collect(), profile: self.profile, seed, rerun_from: self.from })
    }

    /// Takes a key in.
    pub fn key(&mut self, key: KeyEvent) -> TrainStep {
        let at = self.field as usize;
        match key.code {
            KeyCode::Esc => return TrainStep::Cancel,
            KeyCode::Enter => return self.spec().map_or(TrainStep::Stay, TrainStep::Start),
            KeyCode::Tab | KeyCode::Down => self.field = TrainField::ALL[(at + 1) % TrainField::ALL.len()],
            KeyCode::BackTab | KeyCode::Up => self.field = TrainField::ALL[(at + TrainField::ALL.len() - 1) % TrainField::ALL.len()],
            KeyCode::Char(' ') | KeyCode::Right if self.field != TrainField::Seed => self.turn(true),
            KeyCode::Left if self.field != TrainField::Seed => self.turn(false),
            _ if self.field == TrainField::Seed => edit(&mut self.seed, key),
            _ => {}
        }
        TrainStep::Stay
    }

    /// The next choice of the line with the cursor, or the one before.
    fn turn(&mut self, forth: bool) {
        match self.field {
            TrainField::Strategy => {
                self.strategy = turned(&[None, Some(Strategy::Turbomode), Some(Strategy::Slipstream)], self.strategy, forth);
            }
            TrainField::Profile => self.profile = turned(&PROFILES, self.profile, forth),
            TrainField::From => {
                let steps: Vec<Option<Step>> = std::iter::once(None).chain(Step::ALL.map(Some)).collect();
                self.from = turned(&steps, self.from, forth);
            }
            TrainField::Seed => {}
        }
    }
}

fn turned<T: Copy + PartialEq + Default>(choices: &[T], now: T, forth: bool) -> T {
    let at = choices.iter().position(|c| *c == now).unwrap_or(0);
    let next = if forth { at + 1 } else { at + choices.len() - 1 };
    choices.get(next % choices.len()).copied().unwrap_or_default()
}

impl App {
    /// The strategy that the form begins with: the one whose drift or signals are looked at, else that of the training shown.
    fn trained_for(&self) -> Option<Strategy> {
        let drifts = matches!(self.contexts().first(), Some(Context::Drift | Context::Signals));
        if drifts { Some(self.watched()) } else { self.trainings.strategy }
    }

    /// Opens the form: empty for `t`, with what the shown training run was asked for for `r`. False when `r` is about no
    /// training run.
    pub(super) fn open_train_form(&mut self, action: Action) -> bool {
        let form = if action == Action::Train {
            TrainForm::new(self.trained_for())
        } else {
            let Some(view) = self.retrainable() else { return false };
            TrainForm {
                field: TrainField::From,
                profile: Some(view.profile),
                seed: Input::from(view.seed.to_string()),
                from: view.state.judged().then_some(Step::BaseModels),
                again: Some(view.run_id),
                ..TrainForm::new(Some(view.strategy))
            }
        };
        self.overlays.push(Overlay::Train(Box::new(form)));
        true
    }

    pub(super) fn train_key(&mut self, key: KeyEvent, fx: &mut Vec<Effect>) -> bool {
        let Some(Overlay::Train(form)) = self.overlays.last_mut() else { return false };
        match form.key(key) {
            TrainStep::Stay => {}
            TrainStep::Cancel => drop(self.overlays.pop()),
            TrainStep::Start(spec) => {
                self.overlays.pop();
                if let Some(why) = self.refusal(Action::Train).map(str::to_owned) {
                    self.say(ToastLevel::Warn, why);
                } else {
                    self.command(Command::Train { spec }, "train", fx);
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(form: &mut TrainForm, keys: &[KeyCode]) {
        for key in keys {
            form.key((*key).into());
        }
    }

    #[test]
    fn what_is_chosen_becomes_a_spec() {
        let (space, down) = (KeyCode::Char(' '), KeyCode::Down);
        let mut form = TrainForm::new(None);
        assert_eq!(form.spec(), Ok(TrainSpec::default()));
        typed(&mut form, &[space, down, space, space, down, KeyCode::Char('4'), KeyCode::Char('2'), down, KeyCode::Left]);
        let spec = TrainSpec {
            strategies: vec![Strategy::Turbomode],
            profile: Some(ProfileName::Quick),
            seed: Some(42),
            rerun_from: Some(Step::Record),
        };
        assert_eq!(form.key(KeyCode::Enter.into()), TrainStep::Start(spec));
    }

    #[test]
    fn a_seed_that_is_none_does_not_start_and_says_why() {
        let mut form = TrainForm::new(None);
        typed(&mut form, &[KeyCode::Down, KeyCode::Down, KeyCode::Char('-'), KeyCode::Char('1')]);
        assert!(form.spec().unwrap_err().contains("\"-1\" is no seed"));
        assert_eq!(form.key(KeyCode::Enter.into()), TrainStep::Stay);
        assert_eq!(form.key(KeyCode::Esc.into()), TrainStep::Cancel);
    }
}
