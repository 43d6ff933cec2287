//! One job's compiled schedule: its ticks, and which of them the trading calendar lets lead to a run.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Misfire, ScheduleSettings};
use crate::market::{Calendar, Recurrence, RecurrenceError};
use crate::store::scheduler::Job;

/// The calendar that gates: every instrument with sessions trades in New York.
const GATE: Calendar = Calendar::Xnys;

/// A tick that lies ahead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlannedTick {
    /// UTC seconds.
    pub at: i64,
    /// The session it is for.
    pub session: Option<NaiveDate>,
    /// Why it will pass without a run.
    pub skip: Option<String>,
}

/// A schedule that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` cannot be used: {reason}")]
pub struct ScheduleError {
    /// The configuration key.
    pub key: String,
    /// What is wrong with its value.
    pub reason: RecurrenceError,
}

/// When a job runs, compiled.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) job: Job,
    pub(super) when: Recurrence,
    gated: bool,
    pub(super) misfire: Misfire,
    pub(super) catch_up_s: i64,
    jitter_s: u32,
    hash: String,
}

/// Compiles the schedules of `jobs`.
pub fn rules(settings: &ScheduleSettings, jobs: impl IntoIterator<Item = Job>) -> Result<Vec<Rule>, ScheduleError> {
    jobs.into_iter().map(|job| Rule::new(settings, job)).collect()
}

impl Rule {
    /// Compiles the schedule of one job.
    pub fn new(settings: &ScheduleSettings, job: Job) -> Result<Self, ScheduleError> {
        let (own, zone) = (settings.job(job), settings.zone_of(job));
        let when = Recurrence::new(&own.cron, zone).map_err(|reason| {
            let key = match reason {
                RecurrenceError::Zone(_) if own.zone.is_empty() => "schedule.zone".to_owned(),
                RecurrenceError::Zone(_) => format!("schedule.{job}.zone"),
                _ => format!("schedule.{job}.cron"),
            };
            ScheduleError { key, reason }
        })?;
        let spec = format!("{}|{zone}|{}", own.cron, own.trading_days);
        Ok(Self {
            job,
            when,
            gated: own.trading_days,
            misfire: own.misfire,
            catch_up_s: i64::from(own.catch_up_hours) * 3_600,
            jitter_s: own.jitter_s,
            hash: format!("{:016x}", xxh3_64(spec.as_bytes())),
        })
    }

    /// Which job.
    pub const fn job(&self) -> Job {
        self.job
    }

    /// Identifies expression, zone and gate; with another hash, earlier ticks mean nothing.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// For people: `22:45 New York, after each trading session`.
    pub fn words(&self) -> String {
        let when = self.when.words();
        match (self.gated, when.contains(", ")) {
            (false, _) => when,
            (true, false) => when + ", after each trading session",
            (true, true) => when + ", if there was a trading session",
        }
    }

    /// A tick as the job's own wall clock shows it.
    pub fn local(&self, at: i64) -> String {
        self.when.local(at)
    }

    /// The first tick after `after`, whether it leads to a run or not.
    pub fn next_tick(&self, after: i64) -> Option<i64> {
        self.when.next_after(after)
    }

    /// The newest tick at or before `now`.
    pub fn last_tick(&self, now: i64) -> Option<i64> {
        self.when.last_before(now + 1)
    }

    /// All ticks after `after`, in order, those that lead to no run with the reason.
    pub fn planned(&self, after: i64) -> impl Iterator<Item = PlannedTick> {
        let mut previous = self.last_tick(after).unwrap_or(after);
        self.when.between(after, i64::MAX).map(move |at| self.judged(std::mem::replace(&mut previous, at), at))
    }

    fn judged(&self, previous: i64, at: i64) -> PlannedTick {
        if !self.gated {
            return PlannedTick { at, session: None, skip: None };
        }
        let session = GATE.last_closed(at).filter(|s| s.close > previous).map(|s| s.date);
        let skip = session.is_none().then(|| "no trading session ended since the tick before".to_owned());
        PlannedTick { at, session, skip }
    }

    /// The ticks in `(after, until]` that lead to a run. A gated tick does iff a session closed since the tick before
    /// it, so it is the first tick at or after some session's close.
    pub fn runs(&self, after: i64, until: i64) -> Vec<PlannedTick> {
        if !self.gated {
            return self.when.between(after, until).map(|at| self.judged(after, at)).collect();
        }
        let previous = self.last_tick(after).unwrap_or(after);
        let mut ticks: Vec<PlannedTick> = Vec::new();
        for session in GATE.sessions(previous, until).take_while(|s| s.close <= until) {
            let Some(at) = self.when.next_from(session.close).filter(|&at| at <= until) else { break };
            ticks.pop_if(|last| last.at == at);
            ticks.push(PlannedTick { at, session: Some(session.date), skip: None });
        }
        ticks
    }

    /// The next tick after `after` that leads to a run.
    pub fn next_run(&self, after: i64) -> Option<PlannedTick> {
        let at = if self.gated {
            let previous = self.last_tick(after).unwrap_or(after);
            self.when.next_from(GATE.sessions(previous, i64::MAX).next()?.close)?
        } else {
            self.when.next_after(after)?
        };
        let session = GATE.last_closed(at).filter(|_| self.gated).map(|s| s.date);
        Some(PlannedTick { at, session, skip: None })
    }

    /// The newest tick in `(after, until]` that leads to a run.
    pub(super) fn newest_run(&self, after: i64, until: i64) -> Option<PlannedTick> {
        if !self.gated {
            return self.last_tick(until).filter(|&at| at > after).map(|at| self.judged(after, at));
        }
        let mut session = GATE.last_closed(until)?;
        loop {
            match self.when.next_from(session.close) {
                Some(at) if at <= after => return None,
                Some(at) if at <= until => return Some(PlannedTick { at, session: Some(session.date), skip: None }),
                _ => session = GATE.last_closed(session.close - 1)?,
            }
        }
    }

    /// The instant before which the run of a tick does not start: the tick put off by at most `jitter_s`, the same for
    /// one job and tick on every machine.
    pub fn not_before(&self, at: i64) -> Option<i64> {
        let hash = xxh3_64(format!("{}:{at}", self.job).as_bytes());
        (self.jitter_s > 0).then(|| at + (hash % (u64::from(self.jitter_s) + 1)) as i64)
    }
}
