//! Where a key, a click or a paste goes: to the top overlay, else through the keymap to an action.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use tui_input::Input;

use super::form::FormStep;
use super::overlay::{Answer, Entry, edit};
use super::{App, Confirm, Effect, Gate, Overlay, Pane, PromptFor, Slot, ToastLevel};
use crate::console::action::{ACTIONS, Action};
use crate::console::hit::Hit;
use crate::engine::{Command, Query};
use crate::market::Symbol;

impl App {
    pub(super) fn on_key(&mut self, key: KeyEvent, fx: &mut Vec<Effect>) -> bool {
        if key.kind == KeyEventKind::Release {
            return false;
        }
        let action = self.keymap.action(key, self.contexts());
        // Leaving must work from everywhere.
        if action == Some(Action::Interrupt) {
            return self.perform(Action::Interrupt, fx);
        }
        match self.overlays.last() {
            None => action.is_some_and(|a| self.perform(a, fx)),
            Some(Overlay::Confirm(_)) => self.confirm_key(key, fx),
            Some(Overlay::Palette(_)) => self.palette_key(key, fx),
            Some(Overlay::Help(_)) => self.help_key(key, action),
            Some(Overlay::Prompt(_)) => self.prompt_key(key, fx),
            Some(Overlay::Plan(_)) => self.plan_key(key, fx),
            Some(Overlay::Train(_)) => self.train_key(key, fx),
        }
    }

    fn confirm_key(&mut self, key: KeyEvent, fx: &mut Vec<Effect>) -> bool {
        let Some(Overlay::Confirm(confirm)) = self.overlays.last_mut() else { return false };
        match confirm.key(key) {
            Answer::Stay | Answer::Wrong => {}
            Answer::No => drop(self.overlays.pop()),
            Answer::Yes(deed, reason) => {
                self.overlays.pop();
                self.confirmed(deed, reason, fx);
            }
        }
        true
    }

    fn help_key(&mut self, key: KeyEvent, action: Option<Action>) -> bool {
        let Some(Overlay::Help(scroll)) = self.overlays.last_mut() else { return false };
        match action {
            Some(Action::Up) => *scroll = scroll.saturating_sub(1),
            // The end is where the last action is the first line.
            Some(Action::Down) => *scroll = (*scroll + 1).min(ACTIONS.len()),
            Some(Action::PageUp) => *scroll = scroll.saturating_sub(10),
            Some(Action::PageDown) => *scroll = (*scroll + 10).min(ACTIONS.len()),
            Some(Action::Help | Action::Back | Action::Quit | Action::Open) => drop(self.overlays.pop()),
            _ if key.code == KeyCode::Esc => drop(self.overlays.pop()),
            _ => return false,
        }
        true
    }

    fn palette_key(&mut self, key: KeyEvent, fx: &mut Vec<Effect>) -> bool {
        let Some(Overlay::Palette(palette)) = self.overlays.last_mut() else { return false };
        match key.code {
            KeyCode::Esc => drop(self.overlays.pop()),
            KeyCode::Up | KeyCode::BackTab => palette.row = palette.row.saturating_sub(1),
            KeyCode::Down | KeyCode::Tab => palette.row = (palette.row + 1).min(palette.hits.len().saturating_sub(1)),
            KeyCode::Enter => {
                let entry = palette.hits.get(palette.row).copied();
                self.overlays.pop();
                match entry {
                    Some(Entry::Action(action)) => drop(self.perform(action, fx)),
                    Some(Entry::Symbol(symbol)) => self.go_to_symbol(symbol),
                    None => {}
                }
            }
            _ => {
                edit(&mut palette.input, key);
                palette.row = 0;
                self.refresh_palette();
            }
        }
        true
    }

    /// Offers the actions of the present context that can be done now, and all symbols.
    pub(super) fn refresh_palette(&mut self) {
        let contexts = self.contexts();
        let quiet = [Action::Palette, Action::Interrupt, Action::Back];
        let offered = |a: &Action| contexts.contains(&a.spec().context) && !quiet.contains(a) && self.refusal(*a).is_none();
        let actions: Vec<Action> = ACTIONS.iter().map(|s| s.action).filter(offered).collect();
        let symbols: Vec<Symbol> = self.snap().market.instruments.iter().map(|i| i.symbol).collect();
        if let Some(Overlay::Palette(palette)) = self.overlays.last_mut() {
            palette.refresh(&actions, &symbols);
        }
    }

    fn prompt_key(&mut self, key: KeyEvent, fx: &mut Vec<Effect>) -> bool {
        let Some(Overlay::Prompt(prompt)) = self.overlays.last_mut() else { return false };
        match key.code {
            KeyCode::Enter => {
                let target = prompt.target;
                self.overlays.pop();
                if target == PromptFor::Search && !self.logs.search.is_empty() {
                    self.perform(Action::LogPrevious, fx);
                }
                return true;
            }
            KeyCode::Esc => {
                let (target, before) = (prompt.target, prompt.before.clone());
                self.overlays.pop();
                self.apply_text(target, &before);
                return true;
            }
            _ => edit(&mut prompt.input, key),
        }
        let (target, text) = (prompt.target, prompt.input.value().to_owned());
        self.apply_text(target, &text);
        true
    }

    /// Applies a filter or search text while it is typed.
    pub(super) fn apply_text(&mut self, target: PromptFor, text: &str) {
        match target {
            PromptFor::Heat => {
                text.clone_into(&mut self.heat.filter);
                let market = self.snap().market.clone();
                self.heat.refresh(&market);
            }
            PromptFor::Logs => {
                text.clone_into(&mut self.logs.text);
                self.logs.refilter();
            }
            PromptFor::Table => {
                if let Some(table) = self.table_mut() {
                    text.clone_into(&mut table.filter);
                    table.refresh();
                }
            }
            PromptFor::Search => text.clone_into(&mut self.logs.search),
        }
    }

    fn plan_key(&mut self, key: KeyEvent, fx: &mut Vec<Effect>) -> bool {
        let Some(Overlay::Plan(form)) = self.overlays.last_mut() else { return false };
        match form.key(key) {
            FormStep::Stay => self.ask_plan(fx),
            FormStep::Cancel => drop(self.overlays.pop()),
            FormStep::Start(spec) => {
                self.overlays.pop();
                if let Some(why) = self.refusal(Action::IngestNow).map(str::to_owned) {
                    self.say(ToastLevel::Warn, why);
                } else {
                    self.command(Command::Ingest { spec }, "ingest", fx);
                }
            }
        }
        true
    }

    /// Asks for the plan of what the form says now, if that is new.
    pub(super) fn ask_plan(&mut self, fx: &mut Vec<Effect>) {
        let Some(Overlay::Plan(form)) = self.overlays.last_mut() else { return };
        if let Some(spec) = form.wants_plan() {
            let generation = form.plan.ask();
            fx.push(Effect::Query { slot: Slot::Plan, generation, query: Query::Plan { spec } });
        }
    }

    pub(super) fn on_paste(&mut self, text: &str, fx: &mut Vec<Effect>) -> bool {
        let clean: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        let append = |input: &Input| Input::from(format!("{}{clean}", input.value()));
        match self.overlays.last_mut() {
            Some(Overlay::Palette(palette)) => {
                palette.input = append(&palette.input);
                self.refresh_palette();
            }
            Some(Overlay::Prompt(prompt)) => {
                prompt.input = append(&prompt.input);
                let (target, text) = (prompt.target, prompt.input.value().to_owned());
                self.apply_text(target, &text);
            }
            Some(Overlay::Plan(form)) => {
                form.paste(&clean);
                self.ask_plan(fx);
            }
            Some(Overlay::Confirm(Confirm { gate: Gate::Reason { input, .. }, .. })) => *input = append(input),
            // A pasted text must not answer a question, nor run as a row of keys.
            Some(Overlay::Confirm(_) | Overlay::Help(_) | Overlay::Train(_)) | None => return false,
        }
        true
    }

    pub(super) fn on_mouse(&mut self, event: MouseEvent, fx: &mut Vec<Effect>) -> bool {
        if !self.mouse || !self.overlays.is_empty() {
            return false;
        }
        match event.kind {
            MouseEventKind::ScrollUp => self.perform(Action::Up, fx),
            MouseEventKind::ScrollDown => self.perform(Action::Down, fx),
            MouseEventKind::Down(MouseButton::Left) => self.click(event),
            _ => false,
        }
    }

    fn click(&mut self, event: MouseEvent) -> bool {
        let hits: Vec<_> = self.drawn.at(event.column, event.row).collect();
        for (area, hit) in &hits {
            let (dx, dy) = (usize::from(event.column - area.x), usize::from(event.row - area.y));
            match *hit {
                Hit::Pane(pane) => self.focus = pane,
                Hit::Heat { x, y } => {
                    self.focus = Pane::Ingest;
                    let market = self.snap().market.clone();
                    self.heat.place(&market, x + dx, y + dy);
                    return true;
                }
                Hit::Entry(pane, row) => {
                    self.focus = pane;
                    self.select_row(row);
                    return true;
                }
                Hit::Rows(pane, first) => {
                    self.focus = pane;
                    self.select_row(first + dy);
                    return true;
                }
            }
        }
        !hits.is_empty()
    }
}
