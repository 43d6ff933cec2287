//! What each action does, and why it cannot be done now.

use tui_input::Input;

use super::overlay::Deed;
use super::{App, Effect, Gate, LogPane, Overlay, Page, Palette, Pane, PlanForm, Prompt, PromptFor, ToastLevel};
use crate::console::action::Action;
use crate::engine::Command;
use crate::store::master::Resolution;

impl App {
    /// Why an action cannot be done now; `None` when it can.
    pub(in crate::console) fn refusal(&self, action: Action) -> Option<&str> {
        if let Some(why) = self.unreachable_for(action) {
            return Some(why);
        }
        let no = |cond: bool, why: &'static str| cond.then_some(why);
        match action {
            Action::IngestNow => no(self.live().active.is_some(), "A run is active; cancel it first, or wait"),
            Action::CancelRun => match self.cancellable() {
                None => Some("No run is active"),
                Some(id) => no(self.is_cancelling(id), "The run is ending already"),
            },
            Action::Train | Action::NextModel | Action::LogScale | Action::OtherTraining | Action::Promote | Action::RollBack => {
                self.training_refusal(action)
            }
            Action::Acknowledge | Action::Snooze | Action::ShowValues | Action::LiftHalt | Action::FeatureDrift => {
                self.drift_refusal(action)
            }
            Action::ShowSectors => no(self.page() == Some(Page::Sectors), "These are the sectors"),
            Action::CancelRunNow => no(self.cancellable().is_none(), "No run is active"),
            Action::Rerun if self.retrainable().is_some_and(|t| t.state.judged()) => {
                Some("It came to a verdict and nothing is kept of it; t trains anew, and counts as a further try")
            }
            Action::Rerun if self.retrainable().is_some() => self.training_refusal(Action::Train),
            Action::Rerun => no(self.rerunnable().is_none(), "No ended run is selected; R lists the runs"),
            Action::RunJob | Action::PauseJob | Action::ConfirmClock => self.job_refusal(action),
            Action::ShowRun => no(self.shown_run().is_none(), "No run yet"),
            Action::NextAlert => no(self.snap().alerts.is_empty(), "Nothing needs you"),
            Action::AcceptIssue | Action::DismissIssue => no(self.issues_table.current().is_none(), "No finding is selected"),
            Action::Probe => no(self.source.is_none(), "No source is selected"),
            Action::Export => no(!self.exports(), "There is no table here to export"),
            Action::Filter => no(self.filter_target().is_none(), "There is nothing here to filter"),
            Action::Open if self.page() == Some(Page::Signals) => no(self.signals.table().current().is_none(), "No signal is selected"),
            Action::Open if self.page() == Some(Page::Drift) => no(self.drift.table.current().is_none(), "No subject is selected"),
            Action::Open => no(
                matches!(
                    self.page(),
                    Some(
                        Page::Series
                            | Page::Source(_)
                            | Page::Run(_)
                            | Page::Feature
                            | Page::Training
                            | Page::Subject
                            | Page::Signal(_)
                            | Page::Sectors
                    )
                ),
                "There is nothing to open here",
            ),
            Action::OtherSpread => no(self.page() == Some(Page::Features), "enter shows the feature's values first"),
            Action::Zoom => no(self.page().is_some(), "A page has the whole screen already"),
            _ => None,
        }
    }

    /// Does an action; true when the screen must be drawn again.
    pub(super) fn perform(&mut self, action: Action, fx: &mut Vec<Effect>) -> bool {
        if let Some(why) = self.refusal(action).map(str::to_owned) {
            self.say(ToastLevel::Info, why);
            return true;
        }
        match action {
            Action::Help => self.overlays.push(Overlay::Help(0)),
            Action::Palette => {
                self.overlays.push(Overlay::Palette(Palette::default()));
                self.refresh_palette();
            }
            Action::Filter => self.open_prompt(),
            Action::IngestNow => {
                self.overlays.push(Overlay::Plan(Box::new(PlanForm::new(self.heat.cursor))));
                self.ask_plan(fx);
            }
            Action::CancelRun => self.ask_cancel(false),
            Action::CancelRunNow => self.ask_cancel(true),
            Action::Train | Action::Rerun if self.open_train_form(action) => {}
            Action::Rerun => self.ask_rerun(),
            Action::RunJob => self.ask_run_job(),
            Action::PauseJob => self.ask_pause(),
            Action::Scheduler => self.ask_scheduler(),
            Action::ConfirmClock => self.ask_clock(),
            Action::AcceptIssue => self.ask_resolve(Resolution::Accepted),
            Action::DismissIssue => self.ask_resolve(Resolution::Dismissed),
            Action::Quit => self.quit(fx),
            Action::Interrupt => self.interrupt(fx),
            Action::Suspend => self.suspend(fx),
            Action::Refresh | Action::Probe => self.refresh(action, fx),
            Action::Freeze => self.freeze(),
            Action::Mouse => {
                self.mouse = !self.mouse;
                fx.push(Effect::Mouse(self.mouse));
                self.say(ToastLevel::Info, if self.mouse { "Mouse on: the terminal cannot select text now" } else { "Mouse off" });
            }
            Action::CopyRow | Action::CopyJson => self.copy(action == Action::CopyJson, fx),
            Action::Export => self.export(fx),
            Action::Zoom => self.zoom = !self.zoom,
            Action::OtherStrategy => self.other_strategy(fx),
            Action::OtherTraining => self.other_training(fx),
            Action::OtherDrift | Action::OtherSignals => self.other_watched(fx),
            Action::Acknowledge | Action::Snooze => self.hush(action, fx),
            Action::LiftHalt => self.ask_lift_halt(),
            Action::NextModel => self.step_model(1),
            Action::LogScale => self.trainings.log_scale = !self.trainings.log_scale,
            Action::Promote => self.ask_promote(),
            Action::RollBack => self.ask_roll_back(),
            Action::OtherSpread => self.next_spread(),
            Action::Sort | Action::SortReverse => {
                if let Some(table) = self.table_mut() {
                    if action == Action::Sort { table.sort_next() } else { table.sort_reverse() }
                }
            }
            _ => return self.navigate(action, fx) || self.log_action(action),
        }
        true
    }

    fn log_action(&mut self, action: Action) -> bool {
        let logs: &mut LogPane = &mut self.logs;
        match action {
            Action::LogMore => logs.change_level(1),
            Action::LogLess => logs.change_level(-1),
            Action::LogSource => logs.cycle_source(),
            Action::LogFollow => logs.toggle_follow(),
            Action::LogWrap => logs.wrap = !logs.wrap,
            Action::LogTime => logs.times = !logs.times,
            Action::LogMark => logs.mark = Some(logs.last()),
            Action::LogClear => logs.clear(),
            Action::LogSearch => self.prompt(PromptFor::Search, self.logs.search.clone()),
            Action::LogNext | Action::LogPrevious => {
                let said = if self.logs.search.is_empty() { "Nothing is searched; S asks for a text" } else { "No further match" };
                if !self.logs.jump(action == Action::LogNext) {
                    self.say(ToastLevel::Info, said);
                }
            }
            _ => return false,
        }
        true
    }

    pub(super) fn filter_target(&self) -> Option<(PromptFor, String)> {
        match (self.page(), self.focus) {
            (Some(Page::Runs), _) => Some((PromptFor::Table, self.runs_table.filter.clone())),
            (Some(Page::Issues), _) => Some((PromptFor::Table, self.issues_table.filter.clone())),
            (Some(Page::Job(_)), _) => Some((PromptFor::Table, self.history_table.filter.clone())),
            (Some(Page::Features), _) => Some((PromptFor::Table, self.features.table.filter.clone())),
            (Some(Page::Feature), _) => Some((PromptFor::Table, self.features.lasts.filter.clone())),
            (Some(Page::Models), _) => Some((PromptFor::Table, self.models.table.filter.clone())),
            (Some(Page::Drift), _) => Some((PromptFor::Table, self.drift.table.filter.clone())),
            (Some(Page::Signals), _) => Some((PromptFor::Table, self.signals.table().filter.clone())),
            (Some(Page::Sectors), _) => Some((PromptFor::Table, self.signals.sector_table.filter.clone())),
            (None, Pane::Ingest) => Some((PromptFor::Heat, self.heat.filter.clone())),
            (None, Pane::Logs) => Some((PromptFor::Logs, self.logs.text.clone())),
            _ => None,
        }
    }

    fn open_prompt(&mut self) {
        if let Some((target, text)) = self.filter_target() {
            self.prompt(target, text);
        }
    }

    fn prompt(&mut self, target: PromptFor, text: String) {
        self.overlays.push(Overlay::Prompt(Prompt { target, input: Input::from(text.clone()), before: text }));
    }

    fn ask_resolve(&mut self, resolution: Resolution) {
        let Some(row) = self.issues_table.current() else { return };
        let id = row.key;
        let series = row.cells.get(3).map(|c| c.text.clone()).unwrap_or_default();
        let finding = row.cells.last().map(|c| c.text.clone()).unwrap_or_default();
        let (title, verb, effect) = match resolution {
            Resolution::Accepted => ("Accept", "accept", "The data are right: readers see them, and this is not reported again."),
            _ => ("Dismiss", "dismiss", "The data are wrong: they stay hidden, and this asks for no more attention."),
        };
        let gate = Gate::Reason { verb, input: Input::default(), deed: Deed::Resolve { id, resolution } };
        self.ask(format!("{title} finding {id} on {series}"), vec![finding, effect.into()], gate);
    }

    /// Does what a question was about, after it was answered with yes.
    pub(super) fn confirmed(&mut self, deed: Deed, reason: String, fx: &mut Vec<Effect>) {
        let (command, what) = match deed {
            Deed::Cancel { run_id, now } => (Command::Cancel { run_id, now }, format!("cancel run {run_id}")),
            Deed::Resolve { id, resolution } => (Command::ResolveIssue { id, resolution, note: reason }, format!("settle finding {id}")),
            Deed::Run { job } => (Command::Run { job }, format!("run {job}")),
            Deed::Rerun { run_id } => (Command::Rerun { run_id }, format!("run {run_id} again")),
            Deed::Pause { job } => (Command::Pause { job, reason }, format!("pause {job}")),
            Deed::Resume { job } => (Command::Resume { job }, format!("resume {job}")),
            Deed::Scheduler { on } => (Command::Scheduler { on }, "switch the scheduler".to_owned()),
            Deed::ConfirmClock => (Command::ConfirmClock, "go on after the clock jumped".to_owned()),
            Deed::Promote { strategy, model_id } => (Command::Promote { strategy, model_id }, format!("promote model {model_id}")),
            Deed::RollBack { strategy } => (Command::Rollback { strategy }, format!("roll back {strategy}")),
            Deed::LiftHalt { strategy } => (Command::LiftHalt { strategy }, format!("lift the halt of {strategy}")),
            Deed::StopAndQuit => return self.stop_and_quit(fx),
            Deed::Suspend => return fx.push(Effect::Suspend),
            Deed::Leave(exit) => return fx.push(Effect::Leave(exit)),
        };
        self.command(command, &what, fx);
    }

    fn refresh(&mut self, action: Action, fx: &mut Vec<Effect>) {
        let on_source = action == Action::Probe || matches!((self.page(), self.focus), (Some(Page::Source(_)), _) | (None, Pane::Sources));
        match self.source.filter(|_| on_source) {
            Some(source) => self.command(Command::Probe { source }, &format!("probe {source}"), fx),
            None => self.command(Command::Refresh, "refresh", fx),
        }
    }

    fn freeze(&mut self) {
        self.frozen = if self.is_frozen() { None } else { Some((self.live().clone(), self.now_ms)) };
        let market = self.snap().market.clone();
        self.heat.refresh(&market);
    }
}
