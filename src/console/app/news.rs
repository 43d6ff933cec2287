//! News: what a newer snapshot holds that the last one did not, as messages on screen and, when nobody looks at this
//! terminal, as a notice.

use std::collections::HashMap;

use super::history::{job_state, news};
use super::{App, Effect, ToastLevel, run_state};
use crate::console::fmt;
use crate::engine::{AlertLevel, RunView, Snapshot};
use crate::store::master::RunState;
use crate::store::scheduler::{JobRun, JobState};

/// Shortest time between two notices, milliseconds.
const QUIET_MS: i64 = 5_000;

/// Notices that wait for their turn. None is lost: those that come too soon are told together.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    waiting: Vec<String>,
    told_ms: Option<i64>,
}

impl Notices {
    /// Adds a notice.
    pub fn push(&mut self, text: String) {
        self.waiting.push(text);
    }

    /// The text to tell now, if there is one and the last was told long enough ago.
    pub fn due(&mut self, now_ms: i64) -> Option<String> {
        let quiet = self.told_ms.is_some_and(|at| (0..QUIET_MS).contains(&(now_ms - at)));
        let first = self.waiting.first().filter(|_| !quiet)?.clone();
        self.told_ms = Some(now_ms);
        let more = self.waiting.drain(..).count() - 1;
        Some(if more > 0 { format!("{first} (and {more} more)") } else { first })
    }

    /// Somebody looks: what waits is on screen.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }
}

impl App {
    /// Tells a user who looks elsewhere.
    pub(super) fn tell(&mut self, text: String, fx: &mut Vec<Effect>) {
        if !self.terminal_focused {
            self.notices.push(text);
            self.tell_waiting(fx);
        }
    }

    /// Tells what waits, if its turn has come.
    pub(super) fn tell_waiting(&mut self, fx: &mut Vec<Effect>) {
        fx.extend(self.notices.due(self.now_ms).map(Effect::Notify));
    }

    /// Says what is new. Only what is bad is told to a user who looks elsewhere.
    pub(super) fn announce(&mut self, before: &Snapshot, now: &Snapshot, fx: &mut Vec<Effect>) {
        let fresh = |key: &str| before.alerts.iter().all(|a| a.key != key);
        for alert in now.alerts.iter().filter(|a| fresh(&a.key)) {
            let level = if alert.level == AlertLevel::Bad { ToastLevel::Bad } else { ToastLevel::Warn };
            self.report(level, alert.text.clone());
        }
        // A run that needs the operator is told as an alert already.
        let told = |id: i64| now.alerts.iter().any(|a| a.key == format!("run:{id}"));
        let known: HashMap<i64, JobState> = before.job_runs.iter().map(|r| (r.id, r.state)).collect();
        let oldest = before.job_runs.last().map_or(0, |r| r.id);
        // A run under the oldest known one fell out of the list before and is back: no news.
        let just_ended = |r: &JobRun| known.get(&r.id).map_or(r.id > oldest, |s| !s.ended());
        // Of a training the verdict is told, which says more than that the job went well.
        let judged = |r: &JobRun| r.state == JobState::Succeeded && now.training.iter().any(|t| t.job_run == Some(r.id));
        let ended = now.job_runs.iter().filter(|r| r.state.ended() && r.state != JobState::Skipped && !judged(r));
        for run in ended.filter(|r| just_ended(r) && !told(r.id)) {
            let view = now.runs.iter().find(|v| v.id == run.id);
            let (level, text) = view.map_or_else(|| job_ending(run, self.now()), ending);
            self.report(level, text);
        }
        let plain = now.runs.iter().filter(|r| now.job_runs.iter().all(|j| j.id != r.id));
        for run in plain.filter(|r| before.runs.iter().all(|b| b.id != r.id) && !told(r.id)) {
            let (level, text) = ending(run);
            self.report(level, text);
        }
        self.tell_waiting(fx);
    }

    pub(super) fn report(&mut self, level: ToastLevel, text: String) {
        if level == ToastLevel::Bad && !self.terminal_focused {
            self.notices.push(text.clone());
        }
        self.say(level, text);
    }
}

/// How an ingest ended, in a sentence.
fn ending(run: &RunView) -> (ToastLevel, String) {
    let (_, word, _) = run_state(run.state);
    let level = match run.state {
        RunState::Succeeded => ToastLevel::Ok,
        RunState::Cancelled | RunState::Running => ToastLevel::Info,
        RunState::Partial => ToastLevel::Warn,
        RunState::Failed | RunState::Lost => ToastLevel::Bad,
    };
    let text = run.summary.as_ref().map_or_else(
        || format!("Run {} {word}", run.id),
        |s| format!("Run {} {word} in {}: {}", run.id, fmt::clock(s.seconds.round() as i64), news(s)),
    );
    (level, text)
}

/// How another job ended, in a sentence.
fn job_ending(run: &JobRun, now: i64) -> (ToastLevel, String) {
    let (_, word, _) = job_state(run);
    let level = match run.state {
        _ if run.state.bad() => ToastLevel::Bad,
        JobState::Succeeded if run.failures > 0 => ToastLevel::Warn,
        JobState::Succeeded => ToastLevel::Ok,
        _ => ToastLevel::Info,
    };
    let took = run.seconds(now).map_or_else(String::new, |s| format!(" after {}", fmt::clock(s)));
    let why = run.error.as_ref().map_or_else(String::new, |e| format!(": {e}"));
    (level, format!("Run {} {} {word}{took}{why}", run.id, run.job))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_that_come_too_soon_are_told_together() {
        let mut notices = Notices::default();
        assert_eq!(notices.due(0), None);
        notices.push("one".into());
        assert_eq!(notices.due(0).as_deref(), Some("one"));
        notices.push("two".into());
        notices.push("three".into());
        assert_eq!(notices.due(QUIET_MS - 1), None);
        assert_eq!(notices.due(QUIET_MS).as_deref(), Some("two (and 1 more)"));
        notices.push("seen".into());
        notices.forget();
        assert_eq!(notices.due(i64::MAX), None);
        notices.push("the clock was set back".into());
        assert!(notices.due(0).is_some(), "a clock that goes back silences nothing");
    }
}
