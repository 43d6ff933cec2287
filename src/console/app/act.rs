//! What each action does, and why it cannot be done now.

use tui_input::Input;

use super::overlay::Deed;
use super::{App, Confirm, Effect, Gate, LogPane, Overlay, Page, Palette, Pane, PlanForm, Prompt, PromptFor, ToastLevel};
use crate::console::action::Action;
use crate::console::fmt;
use crate::control::LinkView;
use crate::engine::Command;
use crate::store::master::Resolution;

/// Ctrl-c counts as pressed twice within this time, milliseconds.
const TWICE_MS: i64 = 2_000;

impl App {
    /// Why an action cannot be done now; `None` when it can.
    pub(in crate::console) fn refusal(&self, action: Action) -> Option<&'static str> {
        let needs_engine = matches!(
            action,
            Action::IngestNow
                | Action::CancelRun
                | Action::CancelRunNow
                | Action::Refresh
                | Action::Probe
                | Action::AcceptIssue
                | Action::DismissIssue
        );
        if needs_engine && self.link == LinkView::Gone {
            return Some("The engine has stopped; quit and start Nightdesk again");
        }
        let no = |cond: bool, why: &'static str| cond.then_some(why);
        match action {
            Action::IngestNow => no(self.live().active.is_some(), "A run is active; cancel it first, or wait"),
            Action::CancelRun | Action::CancelRunNow => match &self.live().active {
                None => Some("No run is active"),
                Some(run) => no(action == Action::CancelRun && run.cancelling, "The run is ending already"),
            },
            Action::ShowRun => no(self.snap().active.is_none() && self.snap().runs.is_empty(), "No run yet"),
            Action::NextAlert => no(self.snap().alerts.is_empty(), "Nothing needs you"),
            Action::AcceptIssue | Action::DismissIssue => no(self.issues_table.current().is_none(), "No finding is selected"),
            Action::Probe => no(self.source.is_none(), "No source is selected"),
            Action::Export => no(!self.exports(), "There is no table here to export"),
            Action::Filter => no(self.filter_target().is_none(), "There is nothing here to filter"),
            Action::Open => no(matches!(self.page(), Some(Page::Series | Page::Source(_) | Page::Run(_))), "There is nothing to open here"),
            Action::Zoom => no(self.page().is_some(), "A page has the whole screen already"),
            _ => None,
        }
    }

    /// Does an action; true when the screen must be drawn again.
    pub(super) fn perform(&mut self, action: Action, fx: &mut Vec<Effect>) -> bool {
        if let Some(why) = self.refusal(action) {
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

    fn ask_cancel(&mut self, now: bool) {
        let Some(run) = self.live().active.clone() else { return };
        let (id, p) = (run.id, &run.progress);
        let done = format!(
            "{} of {} done, {} written.",
            fmt::thousands(p.series_done.into()),
            fmt::count(p.series_total.into(), "series", "series"),
            fmt::count(p.written, "bar", "bars")
        );
        let deed = Deed::Cancel { run_id: id, now };
        let confirm = if now {
            Confirm {
                title: format!("Cancel run {id} at once"),
                body: vec![
                    done,
                    "Lost: the requests in flight. Kept: every batch that is written.".into(),
                    "The next ingest goes on from there.".into(),
                    "Gentler: x lets the requests in flight finish.".into(),
                ],
                gate: Gate::Typed { expected: id.to_string(), input: Input::default(), deed },
            }
        } else {
            Confirm {
                title: format!("Cancel run {id}"),
                body: vec![
                    done,
                    "Requests in flight finish and are kept; nothing new is asked for.".into(),
                    "The next ingest goes on from there.".into(),
                ],
                gate: Gate::Keys(vec![('y', "cancel the run", deed)]),
            }
        };
        self.overlays.push(Overlay::Confirm(confirm));
    }

    fn ask_resolve(&mut self, resolution: Resolution) {
        let Some(row) = self.issues_table.current() else { return };
        let id = row.key;
        let series = row.cells.get(3).map(|c| c.text.clone()).unwrap_or_default();
        let finding = row.cells.last().map(|c| c.text.clone()).unwrap_or_default();
        let (verb, effect) = match resolution {
            Resolution::Accepted => ("Accept", "The data are right: readers see them, and this is not reported again."),
            _ => ("Dismiss", "The data are wrong: they stay hidden, and this asks for no more attention."),
        };
        self.overlays.push(Overlay::Confirm(Confirm {
            title: format!("{verb} finding {id} on {series}"),
            body: vec![finding, effect.into()],
            gate: Gate::Keys(vec![(
                'y',
                if resolution == Resolution::Accepted { "accept" } else { "dismiss" },
                Deed::Resolve { id, resolution },
            )]),
        }));
    }

    fn quit(&mut self, fx: &mut Vec<Effect>) {
        let active = self.live().active.as_ref().filter(|_| self.link != LinkView::Gone).map(|r| r.id);
        let Some(run_id) = active else {
            fx.push(Effect::Quit);
            return;
        };
        self.overlays.push(Overlay::Confirm(Confirm {
            title: format!("Run {run_id} is active"),
            body: vec![
                "The engine runs in this process: quitting ends the run.".into(),
                "Requests in flight finish and are kept; the next ingest goes on from there.".into(),
            ],
            gate: Gate::Keys(vec![('s', "stop the run and quit", Deed::StopAndQuit { run_id }), ('q', "quit at once", Deed::Quit)]),
        }));
    }

    fn interrupt(&mut self, fx: &mut Vec<Effect>) {
        if self.interrupted_at.is_some_and(|at| self.now_ms - at <= TWICE_MS) {
            fx.push(Effect::Quit);
            return;
        }
        self.interrupted_at = Some(self.now_ms);
        let active = self.live().active.is_some();
        self.say(
            ToastLevel::Warn,
            if active { "Press ctrl-c again to quit; the run ends, what is written stays" } else { "Press ctrl-c again to quit" },
        );
    }

    fn suspend(&mut self, fx: &mut Vec<Effect>) {
        if self.live().active.is_none() || self.link == LinkView::Gone {
            fx.push(Effect::Suspend);
            return;
        }
        self.overlays.push(Overlay::Confirm(Confirm {
            title: "Suspend".into(),
            body: vec!["This stops 1 running job until fg.".into(), "Its connections may time out; the run then retries.".into()],
            gate: Gate::Keys(vec![('y', "suspend", Deed::Suspend)]),
        }));
    }

    /// Does what a question was about, after it was answered with yes.
    pub(super) fn confirmed(&mut self, deed: Deed, fx: &mut Vec<Effect>) {
        match deed {
            Deed::Cancel { run_id, now } => fx.push(Effect::Send(Command::Cancel { run_id, now }, format!("cancel run {run_id}"))),
            Deed::Resolve { id, resolution } => {
                let note = "Settled in the console".to_owned();
                fx.push(Effect::Send(Command::ResolveIssue { id, resolution, note }, format!("settle finding {id}")));
            }
            Deed::StopAndQuit { run_id } => {
                self.quitting = true;
                fx.push(Effect::Send(Command::Cancel { run_id, now: false }, format!("cancel run {run_id}")));
            }
            Deed::Suspend => fx.push(Effect::Suspend),
            Deed::Quit => fx.push(Effect::Quit),
        }
    }

    fn refresh(&mut self, action: Action, fx: &mut Vec<Effect>) {
        let on_source = action == Action::Probe || matches!((self.page(), self.focus), (Some(Page::Source(_)), _) | (None, Pane::Sources));
        match self.source.filter(|_| on_source) {
            Some(source) => fx.push(Effect::Send(Command::Probe { source }, format!("probe {source}"))),
            None => fx.push(Effect::Send(Command::Refresh, "refresh".into())),
        }
    }

    fn freeze(&mut self) {
        self.frozen = if self.is_frozen() { None } else { Some((self.live().clone(), self.now_ms)) };
        let market = self.snap().market.clone();
        self.heat.refresh(&market);
    }
}
