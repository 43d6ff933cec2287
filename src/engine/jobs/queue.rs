//! What the passing of time does to the board: runs begin, run out of time, are pushed harder, and come too late.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;

use super::board::{Board, Effect, Now, Phase, Push, Why};
use crate::store::scheduler::{Job, JobRun, JobState, Trigger};

/// Whether what a run needs is there.
enum Need {
    Met,
    /// Not yet, and why.
    Wait(String),
    /// Something else comes first, unless its time is over before.
    Behind(String),
    /// Never for this run, and why.
    Never(String),
}

impl Board {
    /// Brings the board up to `now`.
    pub(super) fn pass(&mut self, now: Now) {
        self.push_stopping(now);
        self.begin_ready(now);
        self.watch_deadlines(now);
    }

    fn push_stopping(&mut self, now: Now) {
        let grace = Duration::from_secs(self.rules.cancel_grace_s);
        let mut over = Vec::new();
        for (&run_id, entry) in &mut self.active {
            match &mut entry.phase {
                Phase::Running { until } if now.mono >= *until => over.push(run_id),
                Phase::Stopping { next, .. } => match *next {
                    Some((at, Push::AtOnce)) if now.mono >= at => {
                        *next = Some((now.mono + grace, Push::Abort));
                        self.out.push(Effect::Stop { run_id, at_once: true });
                    }
                    Some((at, Push::Abort)) if now.mono >= at => {
                        *next = None;
                        self.out.push(Effect::Abort { run_id });
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        for run_id in over {
            self.stop(run_id, &Why::TimedOut, false, now);
        }
    }

    fn begin_ready(&mut self, now: Now) {
        let queued: Vec<i64> = self.active.iter().filter(|(_, e)| matches!(e.phase, Phase::Queued)).map(|(id, _)| *id).collect();
        for id in queued {
            let Some(entry) = self.active.get(&id) else { continue };
            if let Some(why) = self.held[entry.run.job.index()] {
                self.wait(id, why.to_owned());
                continue;
            }
            let late = now.mono.saturating_sub(entry.queued) >= self.timeout(entry.run.job);
            match self.needs(&entry.run) {
                Need::Never(why) => self.end(id, JobState::Skipped, Some(why), now),
                Need::Wait(why) if late => self.end(id, JobState::Skipped, Some(format!("{why}, and its own time is over")), now),
                Need::Wait(why) => self.wait(id, why),
                Need::Behind(why) if !late => self.wait(id, why),
                Need::Met | Need::Behind(_) if now.mono < entry.ready => {}
                Need::Met | Need::Behind(_) => match self.slot(entry.run.job) {
                    Ok(()) => self.begin(id, now),
                    Err(why) => self.wait(id, why),
                },
            }
        }
    }

    fn timeout(&self, job: Job) -> Duration {
        Duration::from_mins(u64::from(self.rule(job).timeout_minutes))
    }

    /// Tells why a run waits, once for each reason.
    fn wait(&mut self, id: i64, why: String) {
        let Some(entry) = self.active.get_mut(&id) else { return };
        if entry.waits.as_ref() != Some(&why) {
            entry.waits = Some(why.clone());
            self.tell(id, "waiting", why);
        }
    }

    fn slot(&self, job: Job) -> Result<(), String> {
        let working = || self.active.values().filter(|e| !matches!(e.phase, Phase::Queued));
        if let Some(same) = working().find(|e| e.run.job == job) {
            return Err(format!("waits for run {}", same.run.id));
        }
        if working().count() >= self.rules.slots as usize { Err("waits for a slot".to_owned()) } else { Ok(()) }
    }

    fn begin(&mut self, id: i64, now: Now) {
        let Some(entry) = self.active.get(&id) else { return };
        let until = now.mono + self.timeout(entry.run.job);
        let Some(entry) = self.active.get_mut(&id) else { return };
        entry.phase = Phase::Running { until };
        (entry.run.state, entry.run.started_at) = (JobState::Running, Some(now.wall));
        let run = Arc::new(entry.run.clone());
        self.tell(id, "started", "started".to_owned());
        self.out.push(Effect::Save(Arc::clone(&run)));
        self.out.push(Effect::Start(run));
    }

    /// What a run of the schedule needs. A person who asks for a run has decided it.
    fn needs(&self, run: &JobRun) -> Need {
        if matches!(run.trigger, Trigger::Manual | Trigger::SourceBack | Trigger::Drift) {
            return Need::Met;
        }
        let mut waits = None;
        for &needed in &self.rule(run.job).needs {
            match self.need(run, needed) {
                Need::Met => {}
                Need::Wait(why) | Need::Behind(why) => waits = waits.or(Some(why)),
                never @ Need::Never(_) => return never,
            }
        }
        let before = || self.rule(run.job).after.iter().find_map(|&other| self.before(run, other));
        waits.map(Need::Wait).or_else(|| before().map(Need::Behind)).unwrap_or(Need::Met)
    }

    /// What a run waits for that comes after another job: that job while it is at work or still due.
    fn before(&self, run: &JobRun, other: Job) -> Option<String> {
        let session = run.session.filter(|_| self.rule(other).trading_days);
        if let Some(at_work) = self.at_work(other, session) {
            return Some(format!("waits for {other}, run {}", at_work.id));
        }
        (session.is_some() && self.able[other.index()] && self.due[other.index()] == session)
            .then(|| format!("waits for {other}, which is still due"))
    }

    /// A run of a job that is active, for a session if one is given.
    fn at_work(&self, job: Job, session: Option<NaiveDate>) -> Option<&JobRun> {
        self.active.values().map(|e| &e.run).find(|run| run.job == job && (session.is_none() || run.session == session))
    }

    fn need(&self, run: &JobRun, needed: Job) -> Need {
        if !self.able[needed.index()] {
            return Need::Never(format!("it needs {needed}, which this version cannot run"));
        }
        let session = run.session.filter(|_| self.rule(needed).trading_days);
        // A run at work may be about to change what an earlier one brought.
        if let Some(other) = self.at_work(needed, session) {
            return Need::Wait(format!("waits for {needed}, run {}", other.id));
        }
        if session.is_some_and(|s| self.history.succeeded_for(needed, s)) {
            return Need::Met;
        }
        let last = match session {
            Some(s) if self.due[needed.index()] == Some(s) => return Need::Wait(format!("waits for {needed}, which is still due")),
            Some(s) => self.history.last_for(needed, s),
            None => self.history.last_whole(needed),
        };
        match (last, session) {
            (Some(last), None) if last.state == JobState::Succeeded => Need::Met,
            (Some(last), _) => Need::Never(format!("it needs {needed}, whose run {} is {}", last.id, last.state)),
            (None, Some(s)) => Need::Never(format!("it needs {needed}, which has not run for {s}")),
            (None, None) => Need::Never(format!("it needs {needed}, which has not run yet")),
        }
    }

    fn watch_deadlines(&mut self, now: Now) {
        for job in Job::ALL {
            let Some(deadline) = &mut self.deadlines[job.index()] else { continue };
            if deadline.late || deadline.until.is_none_or(|until| now.wall < until) {
                continue;
            }
            deadline.late = true;
            let concerned = self.active.values().find(|e| e.run.job == job).map(|e| e.run.id);
            if let Some(id) = concerned.or_else(|| self.history.last(job).map(|r| r.id)) {
                self.tell(id, "note", "late: its deadline has passed without a success".to_owned());
            }
        }
    }

    /// Whether nothing waits and nothing works.
    pub fn is_idle(&self) -> bool {
        self.active.is_empty()
    }

    /// Queued and running runs.
    pub fn active(&self) -> impl Iterator<Item = &JobRun> {
        self.active.values().map(|e| &e.run)
    }

    /// Whether a run works, and has not been told to stop.
    pub fn is_running(&self, run_id: i64) -> bool {
        self.active.get(&run_id).is_some_and(|e| !matches!(e.phase, Phase::Queued))
    }

    /// Ended runs of a job, newest first.
    pub fn ended_runs(&self, job: Job) -> impl Iterator<Item = &Arc<JobRun>> {
        self.history.of(job)
    }

    /// The last run of a job that was more than a skipped tick.
    pub fn last(&self, job: Job) -> Option<&Arc<JobRun>> {
        self.history.last(job)
    }

    /// Seconds that the last runs of a job worked, oldest first.
    pub fn durations(&self, job: Job) -> Vec<u32> {
        self.history.durations(job)
    }

    /// The deadline that has passed without a success, UTC seconds.
    pub fn late(&self, job: Job) -> Option<i64> {
        self.deadlines[job.index()].filter(|d| d.late)?.until
    }

    /// A job's pause.
    pub fn paused(&self, job: Job) -> Option<&crate::store::scheduler::Pause> {
        self.paused[job.index()].as_ref()
    }

    /// Whether a job has a body.
    pub const fn is_able(&self, job: Job) -> bool {
        self.able[job.index()]
    }
}
