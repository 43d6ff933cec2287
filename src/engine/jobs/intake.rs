//! How runs come onto the board: ticks, orders of a person, and what an earlier process left behind.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;

use super::board::{Board, Busy, Effect, Entry, Now, Order, Phase, Tick, Why};
use super::history::stopped;
use crate::config::Overlap;
use crate::store::scheduler::{Job, JobRun, JobState, Pause, Trigger};

impl Board {
    /// Takes the state that an earlier process kept of a job: its ended runs, newest first, its pause and failures.
    pub fn remember(&mut self, job: Job, ended: Vec<JobRun>, paused: Option<Pause>, failures: u32) {
        // The newest tick may still be without its success.
        if let Some(tick) = ended.iter().filter(|r| r.scheduled_for.is_some()).max_by_key(|r| r.scheduled_for) {
            let deadline = self.deadline(job, tick.scheduled_for.unwrap_or_default(), tick.session);
            let done = ended.iter().any(|r| deadline.met_by(r));
            let skipped = ended.iter().any(|r| r.state == JobState::Skipped && r.scheduled_for == tick.scheduled_for);
            self.deadlines[job.index()] = Some(deadline).filter(|_| !done && !skipped && paused.is_none());
        }
        ended.into_iter().rev().for_each(|run| self.history.push(Arc::new(run)));
        self.paused[job.index()] = paused;
        self.failures[job.index()] = failures;
    }

    /// Runs again what the end of an earlier process cut short, as if its tick had been missed: those of the schedule,
    /// while the tick is young enough to be made up for, and not for ever when the job itself is what kills the process.
    pub fn recover(&mut self, lost: &[JobRun], now: Now) {
        // A single command may have found the loss, and left it to who follows the schedule.
        let cut = |r: &JobRun| r.state == JobState::Lost || stopped(r);
        let last = Job::ALL.into_iter().filter_map(|job| self.history.last_of_tick(job)).map(Arc::as_ref);
        let met = |r: &JobRun| {
            let deadline = self.deadline(r.job, r.scheduled_for.unwrap_or_default(), r.session);
            self.history.of(r.job).any(|other| deadline.met_by(other))
        };
        let found: Vec<JobRun> = last.filter(|r| cut(r) && !lost.iter().any(|l| l.id == r.id) && !met(r)).cloned().collect();
        for run in lost.iter().chain(&found) {
            let rule = self.rule(run.job);
            let Some(tick) = run.scheduled_for else { continue };
            let young = now.wall < tick + i64::from(rule.catch_up_hours) * 3600 || now.wall < tick + i64::from(rule.timeout_minutes) * 60;
            let again = self.able[run.job.index()]
                && self.paused[run.job.index()].is_none()
                && self.history.tries(run.job, Some(tick)) <= rule.retries.max(1);
            if young && again {
                let order = Order {
                    job: run.job,
                    trigger: Trigger::Recovery,
                    actor: "schedule".to_owned(),
                    session: run.session,
                    params: run.params.clone(),
                };
                let mut next = self.blank(order, now);
                (next.scheduled_for, next.attempt) = (run.scheduled_for, run.attempt + 1);
                self.deadlines[run.job.index()] = Some(self.deadline(run.job, tick, run.session));
                self.out.push(Effect::Queue(Box::new(next)));
            } else if lost.iter().any(|l| l.id == run.id) {
                self.count_failure(run.job, now);
            }
        }
    }

    /// The session that a job's next tick is for.
    pub fn set_due(&mut self, job: Job, session: Option<NaiveDate>) {
        self.due[job.index()] = session;
    }

    /// A tick of the schedule.
    pub fn tick(&mut self, tick: Tick, now: Now) {
        let Tick { job, at, session, not_before, missed, skip } = tick;
        let trigger = if missed { Trigger::CatchUp } else { Trigger::Schedule };
        let mut run = self.blank(Order { job, trigger, actor: "schedule".to_owned(), session, params: None }, now);
        run.scheduled_for = Some(at);
        let pause = self.paused[job.index()].as_ref().map(|p| format!("paused by {}: {}", p.by, p.reason));
        let mut skip = skip.or(pause);
        // What makes a tick pass by intent silences its alarm; an earlier run that hangs must not.
        if skip.is_none() {
            self.deadlines[job.index()] = Some(self.deadline(job, at, session));
            skip = self.overlap(job, missed, now);
        }
        if skip.is_some() {
            (run.state, run.ended_at, run.error) = (JobState::Skipped, Some(now.wall), skip);
        } else {
            run.not_before = not_before;
        }
        self.out.push(Effect::Queue(Box::new(run)));
    }

    /// Why a tick must pass because the run of an earlier one is not done, if it must. What a person asked for, or the
    /// engine itself, need not be the tick's work: the tick waits for it.
    fn overlap(&mut self, job: Job, missed: bool, now: Now) -> Option<String> {
        let of_ticks = self.active.values().filter(|e| e.run.job == job && e.run.scheduled_for.is_some());
        let at_work: Vec<(i64, bool)> = of_ticks.map(|e| (e.run.id, matches!(e.phase, Phase::Queued))).collect();
        let (id, _) = *at_work.first()?;
        // Missed ticks that are all to be made up for come at one moment, and wait for each other.
        if missed {
            return None;
        }
        match self.rule(job).overlap {
            Overlap::Skip => Some(format!("run {id} is not done yet")),
            Overlap::Buffer => at_work.iter().find(|(_, queued)| *queued).map(|(id, _)| format!("run {id} waits already")),
            Overlap::Replace => {
                for (id, _) in at_work {
                    self.stop(id, &Why::Cancelled("a newer tick takes its place".to_owned()), true, now);
                }
                None
            }
        }
    }

    /// A person, or the engine itself, asks for a run. Refused in words.
    pub fn order(&mut self, order: Order, busy: Busy, now: Now) -> Result<(), String> {
        let job = order.job;
        if self.stopping {
            return Err("the engine is stopping".to_owned());
        }
        if !self.able[job.index()] {
            return Err(format!("this version cannot run {job}: its work comes in a later one"));
        }
        let same = || self.active.values().filter(|e| e.run.job == job);
        if let Some(waiting) = same().find(|e| matches!(e.phase, Phase::Queued) && busy == Busy::Queue) {
            return Err(format!("run {} waits for its turn already: wait for it, or cancel it first", waiting.run.id));
        }
        if let Some(entry) = same().next().filter(|_| busy == Busy::Refuse) {
            return Err(format!("run {} is active: wait for it, or cancel it first", entry.run.id));
        }
        let run = self.blank(order, now);
        self.out.push(Effect::Queue(Box::new(run)));
        Ok(())
    }

    pub(super) fn blank(&self, order: Order, now: Now) -> JobRun {
        let Order { job, trigger, actor, session, params } = order;
        JobRun {
            id: 0,
            job,
            state: JobState::Queued,
            trigger,
            actor,
            scheduled_for: None,
            session,
            attempt: 1,
            queued_at: now.wall,
            not_before: None,
            started_at: None,
            ended_at: None,
            error: None,
            failures: 0,
            params,
            summary: None,
            boot_id: self.boot_id.clone(),
        }
    }

    /// Takes in a run that has got its number.
    pub fn admit(&mut self, run: JobRun, now: Now) {
        if run.state.ended() {
            self.tell(run.id, "ended", format!("{}: {}", run.state, run.error.as_deref().unwrap_or_default()));
            self.history.push(Arc::new(run));
            return;
        }
        let wait = run.not_before.map_or(0, |at| (at - now.wall).max(0));
        let attempt = if run.attempt > 1 { format!(", attempt {}", run.attempt) } else { String::new() };
        let begins = if wait > 0 { format!(", begins in {wait} s") } else { String::new() };
        self.tell(run.id, "queued", format!("queued, {}, by {}{attempt}{begins}", run.trigger, run.actor));
        let id = run.id;
        let ready = now.mono + Duration::from_secs(wait.unsigned_abs());
        self.active.insert(id, Entry { run, phase: Phase::Queued, queued: now.mono, ready, waits: None });
        if self.stopping {
            self.stop(id, &Why::EngineStops, true, now);
        }
    }
}
