//! Leaving: what becomes of the engine when the console ends. Attached, it lives elsewhere and goes on; in this process
//! it is handed over or stopped, and the operator says which.

use super::overlay::Deed;
use super::{App, Effect, Gate, ToastLevel};
use crate::console::Exit;
use crate::control::LinkView;
use crate::engine::Command;

/// Ctrl-c counts as pressed twice within this time, milliseconds.
const TWICE_MS: i64 = 2_000;

impl App {
    /// Whether the engine runs in a daemon, reachable or not.
    pub(in crate::console) const fn attached(&self) -> bool {
        matches!(self.link, LinkView::Attached { .. } | LinkView::Lost { .. })
    }

    /// What leaving at once means here.
    const fn exit(&self) -> Exit {
        if self.attached() { Exit::Detached } else { Exit::Stop }
    }

    pub(super) fn quit(&mut self, fx: &mut Vec<Effect>) {
        if self.link != LinkView::Local {
            fx.push(Effect::Leave(self.exit()));
            return;
        }
        let stop = Deed::Leave(Exit::Stop);
        let hand_over = ('h', "hand over", Deed::Leave(Exit::HandOver));
        let mut body = vec!["The engine runs in this process.".to_owned()];
        let keys = match self.active_runs()[..] {
            [] => {
                body.push("h: a daemon takes over in the background; the schedule goes on.".into());
                body.push("s: it stops; no job runs until Nightdesk is started again.".into());
                vec![hand_over, ('s', "stop", stop)]
            }
            [first, ..] => {
                let more = if self.active_runs().len() > 1 { ", and not the only one" } else { "" };
                body.push(format!("Run {first} is active{more}. What is written stays, whatever you choose."));
                body.push("h: the run is cancelled; a daemon takes over in the background.".into());
                body.push("s: what is in flight finishes, then all stops.".into());
                body.push("q: all stops now.".into());
                vec![hand_over, ('s', "finish and stop", Deed::StopAndQuit), ('q', "stop now", stop)]
            }
        };
        self.ask("Leave the console".into(), body, Gate::Keys(keys));
    }

    /// Cancels what runs; the console leaves when nothing does any more.
    pub(super) fn stop_and_quit(&mut self, fx: &mut Vec<Effect>) {
        self.quitting = true;
        for run_id in self.active_runs() {
            self.command(Command::Cancel { run_id, now: false }, &format!("cancel run {run_id}"), fx);
        }
        self.leave_when_quiet(fx);
    }

    /// Leaves if that was asked for and nothing runs any more.
    pub(super) fn leave_when_quiet(&self, fx: &mut Vec<Effect>) {
        if self.quitting && (self.link == LinkView::Gone || self.active_runs().is_empty()) {
            fx.push(Effect::Leave(self.exit()));
        }
    }

    pub(super) fn interrupt(&mut self, fx: &mut Vec<Effect>) {
        if self.interrupted_at.is_some_and(|at| self.now_ms - at <= TWICE_MS) {
            fx.push(Effect::Leave(self.exit()));
            return;
        }
        self.interrupted_at = Some(self.now_ms);
        let text = match (self.attached(), self.active_runs().is_empty()) {
            (true, _) => "Press ctrl-c again to detach; the daemon goes on",
            (false, true) => "Press ctrl-c again to stop Nightdesk",
            (false, false) => "Press ctrl-c again to stop Nightdesk; the run ends, what is written stays",
        };
        self.say(ToastLevel::Warn, text);
    }

    /// Stopping the process group stops an engine in this process as well.
    pub(super) fn suspend(&mut self, fx: &mut Vec<Effect>) {
        let running = self.active_runs().len();
        if running == 0 || self.link != LinkView::Local {
            fx.push(Effect::Suspend);
            return;
        }
        let jobs = if running == 1 { "job" } else { "jobs" };
        let body = vec![
            format!("This stops {running} running {jobs} until fg."),
            "Their connections may time out; the work is then tried again.".into(),
        ];
        self.ask("Suspend".into(), body, Gate::Keys(vec![('y', "suspend", Deed::Suspend)]));
    }
}
