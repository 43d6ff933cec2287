//! The models of a strategy: the list, the one selected in it, and the ways in and out of service.

use tui_input::Input;

use super::overlay::Deed;
use super::table::{Cell, Column, Row, SortKey, Table};
use super::{App, Asked, Effect, Gate, Page, Slot, model_state, training};
use crate::console::fmt;
use crate::engine::{Query, Reply};
use crate::market::Strategy;
use crate::train::model_views::{ModelDetail, ModelRow, ModelState};
use crate::train::progress::TrainingState;

static COLUMNS: [Column; 8] = [
    Column { title: "model", width: 5, right: true },
    Column { title: "state", width: 11, right: false },
    Column { title: "run", width: 4, right: true },
    Column { title: "made UTC", width: 11, right: false },
    Column { title: "skill", width: 6, right: true },
    Column { title: "AUC", width: 5, right: true },
    Column { title: "expires", width: 8, right: true },
    Column { title: "why", width: 20, right: false },
];

/// The parts of the selected model that low screens show one at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelPart {
    /// The gates.
    #[default]
    Verdict,
    /// What it listens to.
    Features,
    /// Its figures, files and history.
    History,
}

impl ModelPart {
    /// All, left to right.
    pub const ALL: [Self; 3] = [Self::Verdict, Self::Features, Self::History];
}

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Models {
    /// Whose.
    pub strategy: Strategy,
    /// All of them.
    pub list: Asked<Vec<ModelRow>>,
    /// Their rows; the key is the model's.
    pub table: Table,
    /// The selected one.
    pub detail: Asked<Box<ModelDetail>>,
    /// The one that was asked for last.
    asked_for: Option<(Strategy, i64)>,
    /// The part of it that is shown where not all have room.
    pub part: ModelPart,
}

impl Default for Models {
    fn default() -> Self {
        let (list, detail, table) = (Asked::default(), Asked::default(), Table::new(&COLUMNS));
        Self { strategy: Strategy::Turbomode, list, table, detail, asked_for: None, part: ModelPart::Verdict }
    }
}

impl Models {
    /// The model under the cursor.
    pub fn selected(&self) -> Option<&ModelRow> {
        let id = self.table.selected?;
        self.list.value.iter().flatten().find(|m| m.model_id == id && m.strategy == self.strategy)
    }

    /// What is known of it.
    pub fn shown(&self) -> Option<&ModelDetail> {
        let id = self.table.selected?;
        self.detail.value.as_deref().filter(|d| d.row.model_id == id && d.row.strategy == self.strategy)
    }
}

impl App {
    /// Opens the page on the strategy that the pane or a training run's page shows.
    pub(super) fn open_models(&mut self, fx: &mut Vec<Effect>) {
        if self.page() != Some(Page::Models) {
            self.models.strategy = self.acting_strategy();
            self.push_page(Page::Models, fx);
        }
    }

    /// Asks the question of the models page.
    pub(super) fn ask_models(&mut self, fx: &mut Vec<Effect>) {
        if self.reachable() {
            let generation = self.models.list.ask();
            fx.push(Effect::Query { slot: Slot::Models, generation, query: Query::Models { strategy: self.models.strategy } });
            self.ask_model(fx);
        }
    }

    /// Asks for the model under the cursor when it has become another one, by whatever key, click, filter or answer.
    pub(super) fn ask_shown_model(&mut self, fx: &mut Vec<Effect>) {
        let selected = self.models.table.selected.map(|id| (self.models.strategy, id));
        if self.page() == Some(Page::Models) && selected.is_some() && selected != self.models.asked_for {
            self.ask_model(fx);
        }
    }

    /// Asks for the model under the cursor.
    fn ask_model(&mut self, fx: &mut Vec<Effect>) {
        let Some(model_id) = self.models.table.selected.filter(|_| self.reachable()) else { return };
        self.models.asked_for = Some((self.models.strategy, model_id));
        let generation = self.models.detail.ask();
        let query = Query::Model { strategy: self.models.strategy, model_id };
        fx.push(Effect::Query { slot: Slot::Model, generation, query });
    }

    /// Takes an answer to one of the two in; false when it is not for the newest question.
    pub(super) fn answer_models(&mut self, slot: Slot, generation: u64, result: Result<Reply, String>) -> bool {
        let odd = || "the engine answered another question".to_owned();
        if slot == Slot::Model {
            return self.models.detail.answer(generation, result.and_then(|r| if let Reply::Model(d) = r { Ok(d) } else { Err(odd()) }));
        }
        let newest = self.models.list.answer(generation, result.and_then(|r| if let Reply::Models(l) = r { Ok(l) } else { Err(odd()) }));
        if newest && let Some(list) = &self.models.list.value {
            let now = self.now();
            let rows = list.iter().map(|m| row(m, now)).collect();
            self.models.table.replace(rows);
        }
        newest
    }

    /// Moves in the list, or to another part of the selected model.
    pub(super) fn step_models(&mut self, dx: isize, dy: isize) {
        let at = ModelPart::ALL.iter().position(|p| *p == self.models.part).unwrap_or(0);
        self.models.part = ModelPart::ALL[at.saturating_add_signed(dx).min(ModelPart::ALL.len() - 1)];
        self.models.table.step(dy);
    }

    /// Shows the models of the other strategy.
    pub(super) fn other_models(&mut self, fx: &mut Vec<Effect>) {
        self.models.strategy = training::other(self.models.strategy);
        self.models.list.forget();
        self.models.detail.forget();
        self.models.table.replace(Vec::new());
        self.ask_models(fx);
    }

    /// Why the model that has the focus cannot become champion; `None` when it can.
    pub(super) fn promote_refusal(&self) -> Option<&str> {
        if self.page() == Some(Page::Models) {
            return match self.models.selected() {
                None => Some("No model is selected"),
                Some(m) if m.state == ModelState::Champion => Some("It is the champion already"),
                Some(m) => m.locked.as_deref(),
            };
        }
        let Some(view) = self.training() else { return Some("No training run is shown") };
        match view.state {
            TrainingState::Running => Some("It is not judged yet: the gates decide"),
            TrainingState::Promoted => Some("Its model became champion already"),
            TrainingState::Shadow if self.promotable().is_some() => None,
            TrainingState::Shadow => Some("Its model is not on trial any more; M lists the models"),
            TrainingState::Rejected => Some("Its model did not pass the gates"),
            TrainingState::Failed | TrainingState::Cancelled | TrainingState::Lost => {
                Some("It came to no verdict: there is no model to promote")
            }
        }
    }

    /// The model that a promotion is for.
    fn promotable(&self) -> Option<i64> {
        if self.page() == Some(Page::Models) {
            return self.models.selected().filter(|m| m.locked.is_none()).map(|m| m.model_id);
        }
        let view = self.training()?;
        self.standing(view.strategy)?.shadow.filter(|s| s.run_id == view.run_id).map(|s| s.model_id)
    }

    pub(super) fn ask_promote(&mut self) {
        let Some(model_id) = self.promotable() else { return };
        let strategy = self.acting_strategy();
        let standing = self.standing(strategy);
        let before = standing.and_then(|s| s.champion.as_ref()).map_or_else(
            || "There is no champion now: until then the strategy gives no signals.".to_owned(),
            |c| format!("Model {}, champion since {}, is retired; a rollback puts it back.", c.model_id, fmt::date(c.since)),
        );
        let trial = standing.and_then(|s| s.shadow).filter(|s| s.model_id == model_id && s.sessions_left > 0);
        let mut body = vec![format!("From the next scan on, signals of {strategy} are those of model {model_id}."), before];
        body.extend(trial.map(|s| {
            format!("Its trial is not over: {} of paper signals are left.", fmt::count(s.sessions_left.into(), "session", "sessions"))
        }));
        let gate = Gate::Typed { expected: model_id.to_string(), input: Input::default(), deed: Deed::Promote { strategy, model_id } };
        self.ask(format!("Make model {model_id} champion of {strategy}"), body, gate);
    }

    pub(super) fn ask_roll_back(&mut self) {
        let strategy = self.acting_strategy();
        let Some((standing, back)) = self.standing(strategy).and_then(|s| Some((s, s.rollback_to?))) else { return };
        let now = standing.champion.as_ref().map_or_else(
            || "There is no champion now.".to_owned(),
            |c| format!("Model {}, champion since {}, is retired.", c.model_id, fmt::date(c.since)),
        );
        let body = vec![now, format!("From the next scan on, signals of {strategy} are those of model {back} again.")];
        self.ask(format!("Put model {back} of {strategy} back"), body, Gate::Keys(vec![('y', "put it back", Deed::RollBack { strategy })]));
    }
}

fn row(m: &ModelRow, now: i64) -> Row {
    let (glyph, word, role) = model_state(m.state);
    let share = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{:+.1}%", v * 100.0));
    let ten_thousandths = |v: Option<f64>| v.map_or(i64::MIN, |v| (v * 1e6) as i64);
    let expires = match m.expires_at {
        None => "-".to_owned(),
        Some(at) if at <= now => "expired".to_owned(),
        Some(at) => fmt::age(at - now),
    };
    let auc = m.auc.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    Row {
        key: m.model_id,
        role,
        cells: vec![
            Cell::number(m.model_id.to_string(), m.model_id),
            Cell { text: format!("{glyph} {word}"), key: SortKey::Number(m.state as i64) },
            Cell::number(m.run_id.to_string(), m.run_id),
            Cell::number(fmt::day_minute(m.created_at), m.created_at),
            Cell::number(share(m.skill), ten_thousandths(m.skill)),
            Cell::number(auc, ten_thousandths(m.auc)),
            Cell::number(expires, m.expires_at.unwrap_or(i64::MAX)),
            Cell::text(m.reason.clone()),
        ],
    }
}
