//! What the dispatcher asks: what is due, what comes next, and whether the clock can be trusted. No I/O.

use std::collections::BTreeMap;

use super::clock_watch::ClockWatch;
use super::{Alarm, DueTick, Jump, PlannedTick, Rule, SchedulerState};
use crate::market::{Clock, DAY};
use crate::store::scheduler::{Job, JobRow};

/// Shorter jumps never hold anything back, however short the windows of the jobs are: a machine slept.
const MIN_WINDOW_S: i64 = DAY;

/// The schedules of all jobs, and the last tick of each that was dealt with. A tick at or before that one is never due
/// again, whatever the clock does.
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
}

impl Lane {
    fn new(last: i64, rule: Rule) -> Self {
        Self { first: rule.next_tick(last), rule, last }
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
        let old = std::mem::take(&mut self.lanes);
        let last = |rule: &Rule| old.get(&rule.job()).filter(|lane| lane.rule.hash() == rule.hash()).map_or(now, |lane| lane.last);
        self.lanes = rules.into_iter().map(|rule| (rule.job(), Lane::new(last(&rule), rule))).collect();
    }

    /// Looks whether the clock jumped since the last look. After a jump the bell must be armed again. One that is
    /// longer than missed ticks are made up for holds everything back until [`Planner::confirm`], or until the clock
    /// is right again.
    pub fn look(&mut self, clock: &dyn Clock) -> Option<Jump> {
        let jump = self.watch.look(clock)?;
        tracing::warn!(target: "schedule", seconds = jump.ms / 1000, "The clock jumped");
        self.hold(self.held_ms.unwrap_or(0) + jump.ms);
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
            // Ticks dealt with while the clock was ahead come again; the database knows those that led to runs.
            self.lanes.values_mut().for_each(|lane| lane.set_last(lane.last.min(now)));
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
        lane.set_last(newest);
        due
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
