//! How runs leave the board: cancelled, timed out, ended by their body; and what follows, a retry or a pause.

use std::sync::Arc;
use std::time::Duration;

use super::board::{Board, BodyEnd, Effect, Entry, Now, Order, Phase, Push, Stopping, Why};
use super::history::{STOPPED, whole};
use crate::job::JobEnd;
use crate::store::scheduler::{Job, JobRun, JobState, Pause, Trigger};

/// Longest pause before a retry.
const LONGEST_DELAY_S: u64 = 1800;

impl Board {
    /// Cancels a run: gently, or at once. Refused in words when it is not active.
    pub fn cancel(&mut self, run_id: i64, at_once: bool, actor: &str, now: Now) -> Result<Stopping, String> {
        self.stop(run_id, &Why::Cancelled(format!("cancelled by {actor}")), at_once, now)
            .ok_or_else(|| format!("run {run_id} is not active"))
    }

    /// The engine stops: what waits is over, what works is told to stop at once.
    pub fn stop_all(&mut self, now: Now) {
        self.stopping = true;
        for id in self.active.keys().copied().collect::<Vec<_>>() {
            self.stop(id, &Why::EngineStops, true, now);
        }
    }

    /// Drops all bodies that have not let go.
    pub fn abort_all(&mut self) {
        self.out.extend(self.active.keys().map(|&run_id| Effect::Abort { run_id }));
    }

    /// Ends as lost what did not even let itself be dropped.
    pub fn give_up(&mut self, now: Now) {
        for id in self.active.keys().copied().collect::<Vec<_>>() {
            self.end(id, JobState::Lost, Some("it did not let go when the engine was stopped".to_owned()), now);
        }
    }

    pub(super) fn stop(&mut self, run_id: i64, why: &Why, at_once: bool, now: Now) -> Option<Stopping> {
        let grace = Duration::from_secs(self.rules.cancel_grace_s);
        let entry = self.active.get_mut(&run_id)?;
        if matches!(entry.phase, Phase::Queued) {
            let reason = match why {
                Why::Cancelled(reason) => reason.clone(),
                Why::TimedOut | Why::EngineStops => STOPPED.to_owned(),
            };
            self.end(run_id, JobState::Cancelled, Some(reason), now);
            return Some(Stopping::Over);
        }
        // The first reason stands: a run that has timed out is not cancelled as well.
        let first = match &entry.phase {
            Phase::Stopping { why, .. } => why.clone(),
            _ => why.clone(),
        };
        let push = if at_once { Push::Abort } else { Push::AtOnce };
        entry.phase = Phase::Stopping { why: first, next: Some((now.mono + grace, push)) };
        self.out.push(Effect::Stop { run_id, at_once });
        let text = match why {
            Why::Cancelled(reason) => reason.clone(),
            Why::TimedOut => "its time is over".to_owned(),
            Why::EngineStops => STOPPED.to_owned(),
        };
        self.tell(run_id, "cancel", format!("{text}, stops {}", if at_once { "at once" } else { "gently" }));
        Some(Stopping::Told)
    }

    /// A body has come to its end.
    pub fn ended(&mut self, run_id: i64, end: BodyEnd, now: Now) {
        let Some(entry) = self.active.get_mut(&run_id) else { return };
        let why = match &entry.phase {
            Phase::Stopping { why, .. } => Some(why.clone()),
            _ => None,
        };
        let minutes = self.rules.job(entry.run.job).timeout_minutes;
        let run = &mut entry.run;
        let dropped = if matches!(end, BodyEnd::Aborted) { "; it did not let go and was dropped" } else { "" };
        let (said, helps) = match end {
            BodyEnd::Told(JobEnd::Succeeded { failures, summary, note }) => {
                (run.failures, run.summary) = (failures, summary);
                self.end(run_id, JobState::Succeeded, note, now);
                return;
            }
            BodyEnd::Told(JobEnd::Failed { error, retry, summary }) => {
                run.summary = summary;
                (Some(error), retry)
            }
            BodyEnd::Told(JobEnd::Cancelled { summary }) => {
                run.summary = summary;
                (None, false)
            }
            BodyEnd::Panicked(message) => (Some(format!("a bug ended it: {message}")), false),
            BodyEnd::Aborted => (None, false),
        };
        let (state, error, retry) = match (why, said) {
            // What no retry helps, like damage that was found, must be heard whoever else wanted the run to end.
            (Some(Why::Cancelled(_) | Why::TimedOut), Some(error)) if !helps => (JobState::Failed, error, false),
            (Some(Why::Cancelled(reason)), _) => (JobState::Cancelled, reason + dropped, false),
            (Some(Why::EngineStops), _) => (JobState::Cancelled, STOPPED.to_owned(), false),
            (Some(Why::TimedOut), _) => (JobState::TimedOut, format!("it took longer than {minutes} minutes{dropped}"), true),
            (None, Some(error)) => (JobState::Failed, error, helps),
            (None, None) => (JobState::Cancelled, format!("it stopped by itself{dropped}"), false),
        };
        let tried = run.clone();
        self.end(run_id, state, Some(error), now);
        if state.bad() {
            self.retry(&tried, retry, now);
        }
    }

    /// Queues the next attempt, or counts the tick as failed.
    fn retry(&mut self, tried: &JobRun, helps: bool, now: Now) {
        let job = tried.job;
        let rule = self.rule(job);
        let tries = self.history.tries(job, tried.scheduled_for);
        let more = tries <= rule.retries && tried.scheduled_for.is_some() && self.paused[job.index()].is_none();
        if !helps || !more || self.stopping {
            if tried.scheduled_for.is_some() {
                self.count_failure(job, now);
            }
            return;
        }
        let delay = backoff(rule.retry_delay_s, tries);
        let order =
            Order { job, trigger: Trigger::Retry, actor: "schedule".to_owned(), session: tried.session, params: tried.params.clone() };
        let mut run = self.blank(order, now);
        (run.scheduled_for, run.attempt) = (tried.scheduled_for, tried.attempt + 1);
        run.not_before = Some(now.wall + delay.cast_signed());
        self.tell(tried.id, "retry", format!("attempt {} in {delay} s", run.attempt));
        self.out.push(Effect::Queue(Box::new(run)));
    }

    pub(super) fn count_failure(&mut self, job: Job, now: Now) {
        let in_row = &mut self.failures[job.index()];
        *in_row += 1;
        let in_row = *in_row;
        self.out.push(Effect::Failures { job, in_row });
        let limit = self.rule(job).pause_after_failures;
        if limit > 0 && in_row >= limit && self.paused[job.index()].is_none() {
            let pause = Pause { at: now.wall, by: "schedule".to_owned(), reason: format!("{in_row} ticks in a row have failed") };
            self.paused[job.index()] = Some(pause.clone());
            self.out.push(Effect::Pause { job, pause });
        }
    }

    /// Ends a run and keeps it.
    pub(super) fn end(&mut self, run_id: i64, state: JobState, error: Option<String>, now: Now) {
        let Some(Entry { mut run, .. }) = self.active.remove(&run_id) else { return };
        (run.state, run.error, run.ended_at) = (state, error, Some(now.wall));
        let because = run.error.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
        self.tell(run_id, "ended", format!("{state}{because}"));
        let job = run.job;
        let met = self.deadlines[job.index()].map_or(whole(&run), |d| d.met_by(&run));
        if state == JobState::Succeeded && met {
            self.deadlines[job.index()] = None;
            if std::mem::take(&mut self.failures[job.index()]) > 0 {
                self.out.push(Effect::Failures { job, in_row: 0 });
            }
        }
        let run = Arc::new(run);
        self.out.push(Effect::Save(Arc::clone(&run)));
        self.history.push(run);
    }
}

/// Seconds before the attempt after `attempt`: doubling, up to half an hour.
pub(super) fn backoff(first_s: u64, attempt: u32) -> u64 {
    first_s.saturating_mul(1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX)).min(LONGEST_DELAY_S)
}
