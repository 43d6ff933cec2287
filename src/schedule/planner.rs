//! What the dispatcher asks: what is due, what comes next, and whether the clock can be trusted. No I/O.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::clock_watch::ClockWatch;
use super::{Alarm, DueTick, Jump, PlannedTick, Rule, SchedulerState, Verdict};
use crate::market::{Clock, DAY};
use crate::store::scheduler::{Job, JobRow};

/// Shorter jumps never hold anything back, however short the windows of the jobs are: a machine slept.
const MIN_WINDOW_S: i64 = DAY;

/// Jumps forward that may yet be undone, for as long as missed ticks are made up for; a laptop that sleeps makes one a night.
const LEAPS: usize = 8;
/// How far a jump back may differ from the jump forward that it undoes, milliseconds: two settings by hand, and drift.
const SAME_MS: i64 = 300_000;
/// Ticks known to have led to runs: nearly three days of a job that runs every minute.
const RAN: usize = 4096;

/// The schedules of all jobs, and the last tick of each that was dealt with. A tick at or before that one is not due
/// again, unless the clock turns out to have been ahead; one that led to a run never is.
#[derive(Debug)]
pub struct Planner {
    lanes: BTreeMap<Job, Lane>,
    watch: ClockWatch,
    /// How far the clock jumped, all in all, milliseconds, while an operator has not confirmed it.
    held_ms: Option<i64>,
}

#[derive(Debug)]
struct Lane {
    rule: Rule,
    last: i64,
    /// The first tick after `last`, kept because it is asked for every second.
    first: Option<i64>,
    /// Jumps forward, oldest first.
    leaps: VecDeque<Leap>,
    /// Ticks that led to runs.
    ran: BTreeSet<i64>,
    /// The newest tick that passed while the job was paused or the scheduler off.
    passed: i64,
}

/// A jump forward, and the last tick dealt with before it.
#[derive(Debug)]
struct Leap {
    ms: i64,
    last: i64,
    /// On the monotonic clock.
    at: Duration,
}

impl Lane {
    fn new(last: i64, rule: Rule) -> Self {
        Self { first: rule.next_tick(last), rule, last, leaps: VecDeque::new(), ran: BTreeSet::new(), passed: i64::MIN }
    }

    /// Keeps the state before a jump forward. A jump back that undoes the newest of them says that the clock was ahead:
    /// what it made of the ticks since is judged again, but for ticks that nobody missed because they were to pass. One
    /// that undoes none frees the ticks that are to come again.
    fn jumped(&mut self, ms: i64, clock: &dyn Clock) {
        let (now, mono) = (clock.now(), clock.mono());
        let window = Duration::from_secs(self.rule.catch_up_s.max(MIN_WINDOW_S).unsigned_abs());
        self.leaps.retain(|leap| mono.saturating_sub(leap.at) <= window);
        if ms > 0 {
            self.leaps.push_back(Leap { ms, last: self.last, at: mono });
            if self.leaps.len() > LEAPS {
                self.leaps.pop_front();
            }
            return;
        }
        // A small step back says nothing of a leap that happens to be small too.
        let same = SAME_MS.min(-ms / 2);
        let mut left = ms;
        let undone = (0..self.leaps.len()).rev().find(|&i| {
            left += self.leaps[i].ms;
            left.abs() <= same
        });
        let before = undone.and_then(|i| self.leaps.drain(i..).next());
        let back_to = before.map_or(now, |leap| leap.last.max(self.passed.min(now)));
        self.set_last(self.last.min(back_to));
    }

    /// Drops the runs that were there before.
    fn once(&mut self, mut due: Vec<DueTick>) -> Vec<DueTick> {
        due.retain(|tick| !matches!(tick.verdict, Verdict::Run(_)) || self.ran.insert(tick.at));
        while self.ran.len() > RAN {
            self.ran.pop_first();
        }
        due
    }

    fn set_last(&mut self, last: i64) {
        (self.last, self.first) = (last, self.rule.next_tick(last));
    }
}

impl Planner {
    /// Begins where the last process ended, as `rows` or else `state` tell. A job that is new, or whose schedule is
    /// another now, begins now.
    pub fn new(rules: Vec<Rule>, rows: &[JobRow], state: &SchedulerState, clock: &dyn Clock) -> Self {
        let now = clock.now();
        let last_of = |rule: &Rule| {
            let row = rows.iter().find(|row| row.job == rule.job() && row.last_tick.is_some());
            match row {
                Some(row) => row.last_tick.filter(|_| row.spec_hash == rule.hash()),
                None => state.jobs.get(&rule.job()).and_then(|times| times.last),
            }
        };
        let lane = |rule: Rule| (rule.job(), Lane::new(last_of(&rule).unwrap_or(now), rule));
        let lanes = rules.into_iter().map(lane).collect();
        let mut planner = Self { lanes, watch: ClockWatch::new(clock), held_ms: None };
        // The last ticks of an earlier process lie far ahead: one of the two clocks was wrong.
        let ahead = planner.lanes.values().map(|lane| lane.last - now).max().unwrap_or(0);
        planner.hold((-ahead * 1000).min(0));
        planner
    }

    /// Takes over changed schedules. One that is another than before begins now; the others go on.
    pub fn reload(&mut self, rules: Vec<Rule>, now: i64) {
        let mut old = std::mem::take(&mut self.lanes);
        let mut lane = |rule: Rule| match old.remove(&rule.job()).filter(|lane| lane.rule.hash() == rule.hash()) {
            Some(lane) => Lane { leaps: lane.leaps, ran: lane.ran, passed: lane.passed, ..Lane::new(lane.last, rule) },
            None => Lane::new(now, rule),
        };
        self.lanes = rules.into_iter().map(|rule| (rule.job(), lane(rule))).collect();
    }

    /// Looks whether the clock jumped since the last look. After a jump the bell must be armed again. One that is
    /// longer than missed ticks are made up for holds everything back until [`Planner::confirm`], or until the clock
    /// is right again.
    pub fn look(&mut self, clock: &dyn Clock) -> Option<Jump> {
        let jump = self.watch.look(clock)?;
        tracing::warn!(target: "schedule", seconds = jump.ms / 1000, "The clock jumped");
        // When a hold ends, the rest of what was held is a jump like others.
        let all = self.held_ms.unwrap_or(0) + jump.ms;
        self.hold(all);
        if self.held_ms.is_none() {
            self.lanes.values_mut().for_each(|lane| lane.jumped(all, clock));
        }
        Some(jump)
    }

    fn hold(&mut self, ms: i64) {
        self.held_ms = (ms.abs() > self.window_s() * 1000).then_some(ms);
    }

    fn window_s(&self) -> i64 {
        self.lanes.values().map(|lane| lane.rule.catch_up_s).min().unwrap_or(0).max(MIN_WINDOW_S)
    }

    /// Why no tick is due although the scheduler is on.
    pub fn held(&self) -> Option<String> {
        let ms = self.held_ms?;
        let (hours, way) = (ms.abs() / 3_600_000, if ms > 0 { "forward" } else { "back" });
        Some(format!(
            "the clock went {way} by {hours} h: check the machine's date and time, then confirm it; until then nothing is started"
        ))
    }

    /// The operator says that the clock is right. Whether anything was held back.
    pub fn confirm(&mut self, now: i64) -> bool {
        let held = self.held_ms.take().is_some();
        if held {
            // Ticks dealt with while the clock was ahead come again; the database knows those of another process that led
            // to runs.
            for lane in self.lanes.values_mut() {
                lane.leaps.clear();
                lane.set_last(lane.last.min(now));
            }
        }
        held
    }

    /// Whether [`Planner::due`] has a tick to judge. Costs next to nothing.
    pub fn is_due(&self, now: i64) -> bool {
        self.held_ms.is_none() && self.lanes.values().any(|lane| lane.first.is_some_and(|at| at <= now))
    }

    /// Judges the job's ticks up to `now` that have not been judged, oldest first; empty while held. `blocked` is why
    /// none may lead to a run (the scheduler is off, the job is paused).
    pub fn due(&mut self, job: Job, now: i64, blocked: Option<&str>) -> Vec<DueTick> {
        let held = self.held_ms.is_some();
        let Some(lane) = self.lanes.get_mut(&job).filter(|_| !held) else { return Vec::new() };
        let come = lane.first.is_some_and(|at| at <= now);
        let Some(newest) = lane.rule.last_tick(now).filter(|_| come) else { return Vec::new() };
        let due = lane.rule.due(lane.last, now, blocked);
        if blocked.is_some() {
            lane.passed = newest;
        }
        lane.set_last(newest);
        lane.once(due)
    }

    /// The next tick of a job that leads to a run.
    pub fn next(&self, job: Job, now: i64) -> Option<PlannedTick> {
        let lane = self.lanes.get(&job)?;
        lane.rule.next_run(lane.last.max(now))
    }

    /// The next `n` ticks of a job, those without a run with the reason.
    pub fn upcoming(&self, job: Job, now: i64, n: usize) -> Vec<PlannedTick> {
        self.lanes.get(&job).map_or_else(Vec::new, |lane| lane.rule.planned(lane.last.max(now)).take(n).collect())
    }

    /// The schedule of a job that has one.
    pub fn rule(&self, job: Job) -> Option<&Rule> {
        self.lanes.get(&job).map(|lane| &lane.rule)
    }

    /// What `SchedulerDb::set_last_tick` stores of a job: the schedule's hash and the last tick dealt with.
    pub fn mark(&self, job: Job) -> Option<(String, i64)> {
        self.lanes.get(&job).map(|lane| (lane.rule.hash().to_owned(), lane.last))
    }

    /// What the bell is armed with: for each job the first tick not dealt with, be it in the past.
    pub fn alarms(&self) -> Vec<Alarm> {
        let alarm = |lane: &Lane| Alarm { next: lane.first, rule: lane.rule.clone() };
        self.lanes.values().map(alarm).collect()
    }
}
