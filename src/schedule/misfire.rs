//! What becomes of the ticks since the last one dealt with: which run now, which are written down as skipped, and why.

use chrono::NaiveDate;

use super::{PlannedTick, Rule};
use crate::config::Misfire;
use crate::store::scheduler::{Job, Trigger};

/// A tick younger than this is on time, seconds: a restart or a machine out of breath is no absence.
const LATE_S: i64 = 300;
/// More missed ticks than this are not made up for one by one.
const MAKE_UP_MAX: usize = 50;

/// What becomes of a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A run.
    Run(Trigger),
    /// A skipped run, with the reason; it may stand for several ticks.
    Skip(String),
}

/// A tick that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueTick {
    /// Whose.
    pub job: Job,
    /// UTC seconds; unique for the job, however often the same ticks are judged.
    pub at: i64,
    /// The session its run is for.
    pub session: Option<NaiveDate>,
    /// The run may not start before this time (jitter).
    pub not_before: Option<i64>,
    /// What becomes of it.
    pub verdict: Verdict,
}

impl Rule {
    /// Judges the ticks in `(last, now]`, oldest first. Ticks that the calendar leaves out are not among them. With
    /// `blocked` (scheduler off, job paused) they are all skipped for that reason.
    pub fn due(&self, last: i64, now: i64, blocked: Option<&str>) -> Vec<DueTick> {
        let window = last.max(now.saturating_sub(self.catch_up_s.max(LATE_S)));
        let mut open = if last < now { self.runs(window, now) } else { Vec::new() };
        let expired = if last < window { self.newest_run(last, window) } else { None };
        let mut out = Vec::new();
        if let Some(reason) = blocked {
            open.splice(0..0, expired);
            self.skip(&mut out, &open, reason);
            return out;
        }
        let on_time = open.pop_if(|t| now - t.at <= LATE_S);
        let (hours, job) = (self.catch_up_s / 3_600, self.job);
        self.skip(&mut out, expired.as_slice(), &format!("missed, and more than {hours} h ago: too late to be made up for"));
        // Within the grace of a tick, but older than a short window: a newer one is there, or it would be on time.
        let late = open.iter().position(|t| now - t.at <= self.catch_up_s).unwrap_or(open.len());
        let mut missed = open.split_off(late);
        self.skip(&mut out, &open, "missed, and a newer tick has come");
        match (self.misfire, &on_time) {
            (Misfire::Skip, _) => self.skip(&mut out, &missed, &format!("missed, and `schedule.{job}.misfire` is \"skip\"")),
            (Misfire::Once, Some(newest)) => self.skip(&mut out, &missed, &self.covered_by(newest)),
            (Misfire::Once, None) => {
                if let Some(newest) = missed.pop() {
                    self.skip(&mut out, &missed, &self.covered_by(&newest));
                    out.push(self.run(&newest, Trigger::CatchUp));
                }
            }
            (Misfire::All, _) => {
                let kept = missed.split_off(missed.len().saturating_sub(MAKE_UP_MAX));
                self.skip(&mut out, &missed, &format!("missed, with {MAKE_UP_MAX} newer ones to make up for"));
                out.extend(kept.iter().map(|t| self.run(t, Trigger::CatchUp)));
            }
        }
        out.extend(on_time.iter().map(|t| self.run(t, Trigger::Schedule)));
        out
    }

    fn covered_by(&self, tick: &PlannedTick) -> String {
        format!("missed; the run of {} makes up for it", self.local(tick.at))
    }

    fn run(&self, tick: &PlannedTick, trigger: Trigger) -> DueTick {
        let not_before = self.not_before(tick.at).filter(|_| trigger == Trigger::Schedule);
        DueTick { job: self.job, at: tick.at, session: tick.session, not_before, verdict: Verdict::Run(trigger) }
    }

    /// One entry for all of `ticks`, under the newest of them.
    fn skip(&self, out: &mut Vec<DueTick>, ticks: &[PlannedTick], reason: &str) {
        let Some(newest) = ticks.last() else { return };
        let reason = match ticks {
            [_] => reason.to_owned(),
            [first, ..] => format!("{} ticks since {}: {reason}", ticks.len(), self.local(first.at)),
            [] => return,
        };
        out.push(DueTick { job: self.job, at: newest.at, session: newest.session, not_before: None, verdict: Verdict::Skip(reason) });
    }
}
