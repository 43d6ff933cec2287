//! The way to the engine: what changes on screen when it is lost, found again or may only be watched, and the gate that
//! all commands pass.

use super::{App, Effect, ToastLevel};
use crate::console::action::Action;
use crate::control::LinkView;
use crate::engine::Command;

/// Whether an action asks the engine to change something.
const fn steers(action: Action) -> bool {
    matches!(
        action,
        Action::IngestNow
            | Action::Train
            | Action::Promote
            | Action::RollBack
            | Action::CancelRun
            | Action::CancelRunNow
            | Action::Rerun
            | Action::RunJob
            | Action::PauseJob
            | Action::Scheduler
            | Action::ConfirmClock
            | Action::Refresh
            | Action::Probe
            | Action::AcceptIssue
            | Action::DismissIssue
            | Action::Acknowledge
            | Action::Snooze
            | Action::LiftHalt
    )
}

impl App {
    /// Takes a new state of the way to the engine in; true when it is another one.
    pub(super) fn on_link(&mut self, link: LinkView, fx: &mut Vec<Effect>) -> bool {
        if self.link == link {
            return false;
        }
        let before = std::mem::replace(&mut self.link, link);
        let was_lost = matches!(before, LinkView::Lost { .. });
        match &self.link {
            LinkView::Attached { pid, read_only } => {
                let (pid, read_only) = (*pid, read_only.clone());
                if was_lost {
                    self.say(ToastLevel::Ok, format!("The daemon answers again: attached to pid {pid}"));
                    self.ask_page(fx);
                }
                if let Some(why) = read_only {
                    self.say(ToastLevel::Warn, format!("Read-only: {why}"));
                }
            }
            LinkView::Lost { cause, .. } if !was_lost => {
                let text = format!("The daemon does not answer: {cause}");
                self.tell(text, fx);
            }
            LinkView::Local | LinkView::Lost { .. } | LinkView::Gone => {}
        }
        self.leave_when_quiet(fx);
        true
    }

    /// Whether questions can be answered now.
    pub(super) const fn reachable(&self) -> bool {
        matches!(self.link, LinkView::Local | LinkView::Attached { .. })
    }

    /// How long the daemon has not answered, seconds, the attempts so far, and the cause.
    pub(in crate::console) fn lost(&self) -> Option<(i64, u32, &str)> {
        match &self.link {
            LinkView::Lost { since_ms, attempt, cause } => Some(((self.now_ms - since_ms).max(0) / 1000, *attempt, cause)),
            _ => None,
        }
    }

    /// Why nothing may be changed through this link, if so.
    pub(in crate::console) const fn read_only(&self) -> Option<&str> {
        match &self.link {
            LinkView::Attached { read_only: Some(why), .. } => Some(why.as_str()),
            _ => None,
        }
    }

    /// Why the link does not let an action through.
    pub(super) fn unreachable_for(&self, action: Action) -> Option<&'static str> {
        if steers(action) { self.refused() } else { None }
    }

    fn refused(&self) -> Option<&'static str> {
        match &self.link {
            LinkView::Gone => Some("The engine has stopped; quit and start Nightdesk again"),
            LinkView::Lost { .. } => Some("The daemon does not answer; nothing can be asked of it until it is back"),
            LinkView::Attached { read_only: Some(_), .. } => Some("Read-only: this daemon can be watched, not steered"),
            LinkView::Local | LinkView::Attached { .. } => None,
        }
    }

    /// Sends a command, unless the link does not let it through: it may have been lost while a question was open.
    pub(super) fn command(&mut self, command: Command, what: &str, fx: &mut Vec<Effect>) {
        match self.refused() {
            Some(why) => self.say(ToastLevel::Warn, why),
            None => fx.push(Effect::Send(command, what.to_owned())),
        }
    }
}
