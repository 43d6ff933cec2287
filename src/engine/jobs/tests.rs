//! The board, driven by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::NaiveDate;

use super::*;
use crate::config::{Overlap, ScheduleSettings};
use crate::job::{JobEnd, JobLine};
use crate::store::scheduler::{Job, JobRun, JobState, Trigger};

/// Tuesday 2024-03-05, 22:45 in New York.
pub(super) const TICK: i64 = 1_709_696_700;

pub(super) fn session() -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(2024, 3, 5)
}

/// The board with an owner and a database that do what they should.
pub(super) struct Night {
    pub(super) board: Board,
    pub(super) now: Now,
    pub(super) stored: BTreeMap<i64, JobRun>,
    pub(super) keys: BTreeSet<(Job, i64, u32)>,
    pub(super) working: BTreeSet<i64>,
    pub(super) stops: Vec<(i64, bool)>,
    pub(super) aborted: BTreeSet<i64>,
    pub(super) told: Vec<JobLine>,
    pub(super) pauses: Vec<Job>,
}

impl Night {
    pub(super) fn new(rules: ScheduleSettings) -> Self {
        let board = Board::new(rules, [Job::Ingest, Job::Scan, Job::Train, Job::Maintenance], "boot".into());
        Self {
            board,
            now: Now { wall: TICK, mono: Duration::from_hours(1) },
            stored: BTreeMap::new(),
            keys: BTreeSet::new(),
            working: BTreeSet::new(),
            stops: Vec::new(),
            aborted: BTreeSet::new(),
            told: Vec::new(),
            pauses: Vec::new(),
        }
    }

    pub(super) fn usual() -> Self {
        Self::new(ScheduleSettings::default())
    }

    /// Carries out what the board decided, until it has nothing more to say.
    pub(super) fn carry_out(&mut self) {
        loop {
            let effects = self.board.effects(self.now);
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                self.apply(effect);
            }
        }
    }

    pub(super) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Queue(mut run) => {
                if run.scheduled_for.is_some_and(|at| !self.keys.insert((run.job, at, run.attempt))) {
                    return;
                }
                run.id = self.stored.len() as i64 + 1;
                self.stored.insert(run.id, JobRun::clone(&run));
                self.board.admit(*run, self.now);
            }
            Effect::Save(run) => drop(self.stored.insert(run.id, JobRun::clone(&run))),
            Effect::Start(run) => {
                assert!(self.working.insert(run.id), "run {} began twice", run.id);
                let jobs: Vec<Job> = self.working.iter().map(|id| self.stored[id].job).collect();
                let different: BTreeSet<Job> = jobs.iter().copied().collect();
                assert_eq!(jobs.len(), different.len(), "two runs of one job at once: {jobs:?}");
                assert!(jobs.len() <= self.board.rules.slots as usize, "more runs than slots");
            }
            Effect::Stop { run_id, at_once } => self.stops.push((run_id, at_once)),
            Effect::Abort { run_id } => drop(self.aborted.insert(run_id)),
            Effect::Tell(line) => self.told.push(line),
            Effect::Pause { job, .. } => self.pauses.push(job),
            Effect::Failures { .. } => {}
        }
    }

    pub(super) fn tick(&mut self, job: Job, at: i64) -> &mut Self {
        self.board.tick(Tick { job, at, session: session(), not_before: None, missed: false, skip: None }, self.now);
        self.carry_out();
        self
    }

    pub(super) fn order(&mut self, job: Job) -> Result<(), String> {
        self.ask(job, session(), None)
    }

    /// As [`Self::order`], for a session, or for a part of the job's work.
    pub(super) fn ask(&mut self, job: Job, session: Option<NaiveDate>, params: Option<&str>) -> Result<(), String> {
        let params = params.map(str::to_owned);
        let order = Order { job, trigger: Trigger::Manual, actor: "test".into(), session, params };
        let answer = self.board.order(order, Busy::Refuse, self.now);
        self.carry_out();
        answer
    }

    pub(super) fn end(&mut self, id: i64, end: BodyEnd) -> &mut Self {
        self.working.remove(&id);
        self.board.ended(id, end, self.now);
        self.carry_out();
        self
    }

    pub(super) fn pass(&mut self, seconds: u64) -> &mut Self {
        self.now.wall += seconds.cast_signed();
        self.now.mono += Duration::from_secs(seconds);
        self.carry_out();
        self
    }

    pub(super) fn state(&self, id: i64) -> JobState {
        self.stored[&id].state
    }

    pub(super) fn states(&self) -> Vec<JobState> {
        self.stored.values().map(|r| r.state).collect()
    }

    pub(super) fn error(&self, id: i64) -> &str {
        self.stored[&id].error.as_deref().unwrap_or_default()
    }
}

pub(super) fn done() -> BodyEnd {
    BodyEnd::Told(JobEnd::Succeeded { failures: 0, summary: None, note: None })
}

pub(super) fn failed(retry: bool) -> BodyEnd {
    BodyEnd::Told(JobEnd::Failed { error: "no source answers".into(), retry, summary: None })
}

pub(super) fn with(change: impl FnOnce(&mut ScheduleSettings)) -> Night {
    let mut rules = ScheduleSettings::default();
    change(&mut rules);
    Night::new(rules)
}

#[test]
fn a_tick_that_fires_twice_leads_to_one_run() {
    let mut n = Night::usual();
    n.tick(Job::Ingest, TICK).end(1, done()).tick(Job::Ingest, TICK);
    assert_eq!(n.states(), [JobState::Succeeded]);
}

#[test]
fn failures_are_retried_with_doubling_pauses_until_one_succeeds() {
    let mut n = Night::usual();
    n.tick(Job::Ingest, TICK).end(1, failed(true));
    assert_eq!((n.state(1), n.state(2)), (JobState::Failed, JobState::Queued));
    n.pass(59);
    assert_eq!(n.state(2), JobState::Queued);
    n.pass(1);
    assert_eq!(n.state(2), JobState::Running);
    n.end(2, failed(true)).pass(119);
    assert_eq!(n.state(3), JobState::Queued);
    n.pass(1).end(3, done());
    assert_eq!(n.states(), [JobState::Failed, JobState::Failed, JobState::Succeeded]);
    assert_eq!(n.stored.last_key_value().map(|(_, r)| (r.attempt, r.trigger)), Some((3, Trigger::Retry)));
    assert_eq!(n.board.failures(Job::Ingest), 0, "one tick, and it succeeded");
}

#[test]
fn back_off_is_capped_at_half_an_hour() {
    assert_eq!([1, 2, 3, 6, 40, 70].map(|n| endings::backoff(60, n)), [60, 120, 240, 1800, 1800, 1800]);
}

#[test]
fn what_a_retry_cannot_help_is_not_retried_and_a_person_does_it_again_himself() {
    let mut n = Night::usual();
    n.tick(Job::Ingest, TICK).end(1, failed(false));
    n.order(Job::Ingest).unwrap();
    n.end(2, failed(true));
    assert_eq!(n.states(), [JobState::Failed, JobState::Failed]);
    assert_eq!(n.board.failures(Job::Ingest), 1, "only ticks count");
}

#[test]
fn a_run_that_takes_too_long_is_stopped_harder_and_harder() {
    let mut n = Night::usual();
    n.tick(Job::Maintenance, TICK).pass(30 * 60);
    assert_eq!(n.stops, [(1, false)]);
    n.pass(5);
    assert_eq!(n.stops, [(1, false), (1, true)]);
    n.pass(4);
    assert!(n.aborted.is_empty());
    n.pass(1);
    assert!(n.aborted.contains(&1) && n.state(1) == JobState::Running, "it ends when it is gone, not before");
    n.end(1, BodyEnd::Aborted);
    assert_eq!(n.state(1), JobState::TimedOut);
    assert!(n.error(1).contains("longer than 30 minutes; it did not let go"), "{}", n.error(1));
}

#[test]
fn a_timed_out_tick_is_tried_again() {
    let mut n = Night::usual();
    n.tick(Job::Ingest, TICK).pass(30 * 60).end(1, BodyEnd::Told(JobEnd::Cancelled { summary: Some("{}".into()) }));
    assert_eq!((n.state(1), n.stored[&1].summary.as_deref(), n.state(2)), (JobState::TimedOut, Some("{}"), JobState::Queued));
}

#[test]
fn a_cancelled_run_that_succeeds_all_the_same_has_succeeded() {
    let mut n = Night::usual();
    n.tick(Job::Ingest, TICK);
    assert_eq!(n.board.cancel(1, false, "test", n.now), Ok(Stopping::Told));
    n.end(1, done());
    assert_eq!(n.state(1), JobState::Succeeded);
    assert_eq!(n.board.cancel(1, false, "test", n.now), Err("run 1 is not active".into()));
}

#[test]
fn a_cancel_ends_what_waits_at_once_and_is_not_retried() {
    let mut n = Night::usual();
    n.tick(Job::Ingest, TICK).end(1, failed(true));
    assert_eq!(n.board.cancel(2, false, "ann", n.now), Ok(Stopping::Over));
    n.carry_out();
    assert_eq!((n.state(2), n.error(2)), (JobState::Cancelled, "cancelled by ann"));
    n.pass(3600);
    assert_eq!(n.stored.len(), 2);
}

#[test]
fn overlap_skips_buffers_or_replaces() {
    let overlap = |o: Overlap| with(|r| r.ingest.overlap = o);
    let mut n = overlap(Overlap::Skip);
    n.tick(Job::Ingest, TICK).tick(Job::Ingest, TICK + 60);
    assert_eq!((n.state(2), n.error(2)), (JobState::Skipped, "run 1 is not done yet"));

    let mut n = overlap(Overlap::Buffer);
    n.tick(Job::Ingest, TICK).tick(Job::Ingest, TICK + 60).tick(Job::Ingest, TICK + 120);
    assert_eq!(n.states(), [JobState::Running, JobState::Queued, JobState::Skipped]);
    n.end(1, done());
    assert_eq!(n.state(2), JobState::Running);

    let mut n = overlap(Overlap::Replace);
    n.tick(Job::Ingest, TICK).tick(Job::Ingest, TICK + 60);
    assert_eq!((n.stops.as_slice(), n.state(2)), ([(1, true)].as_slice(), JobState::Queued));
    n.end(1, BodyEnd::Told(JobEnd::Cancelled { summary: None }));
    assert_eq!(n.states(), [JobState::Cancelled, JobState::Running]);
}

#[test]
fn a_tick_waits_for_what_a_person_asked_for_and_one_that_is_skipped_keeps_its_alarm() {
    for overlap in [Overlap::Skip, Overlap::Buffer, Overlap::Replace] {
        let mut n = with(|r| r.ingest.overlap = overlap);
        n.order(Job::Ingest).unwrap();
        n.tick(Job::Ingest, TICK);
        assert_eq!((n.states(), n.stops.len()), (vec![JobState::Running, JobState::Queued], 0), "{overlap:?}");
        n.end(1, done());
        assert_eq!(n.state(2), JobState::Running, "{overlap:?}");
    }
    let mut n = with(|r| (r.ingest.overlap, r.ingest.timeout_minutes) = (Overlap::Skip, 600));
    n.tick(Job::Ingest, TICK).tick(Job::Ingest, TICK + 60).pass(120 * 60 + 60);
    assert_eq!((n.state(2), n.board.late(Job::Ingest)), (JobState::Skipped, Some(TICK + 60 + 120 * 60)));
}

#[test]
fn missed_ticks_that_are_all_made_up_for_run_one_after_the_other() {
    let mut n = Night::usual();
    for day in 0..3 {
        n.board.tick(Tick { job: Job::Train, at: TICK - day * 86_400, session: None, not_before: None, missed: true, skip: None }, n.now);
    }
    n.carry_out();
    assert_eq!(n.states(), [JobState::Running, JobState::Queued, JobState::Queued]);
    n.end(1, done()).end(2, done()).end(3, done());
    assert!(n.states().iter().all(|s| *s == JobState::Succeeded));
}

#[test]
fn scan_waits_for_the_ingest_of_its_session_and_for_no_other() {
    let mut n = Night::usual();
    n.tick(Job::Ingest, TICK).tick(Job::Scan, TICK + 60);
    assert_eq!((n.state(2), n.told.last().unwrap().text.as_str()), (JobState::Queued, "waits for ingest, run 1"));
    n.end(1, failed(true));
    assert_eq!(n.state(2), JobState::Queued, "the retry may still succeed");
    n.pass(60).end(3, done());
    assert_eq!(n.state(2), JobState::Running);

    let mut n = Night::usual();
    n.tick(Job::Ingest, TICK).tick(Job::Scan, TICK + 60).end(1, failed(false));
    assert_eq!((n.state(2), n.error(2)), (JobState::Skipped, "it needs ingest, whose run 1 is failed"));

    let mut n = Night::usual();
    n.board.set_due(Job::Ingest, session());
    n.tick(Job::Scan, TICK);
    assert_eq!(n.state(1), JobState::Queued);
    n.pass(60 * 60);
    assert_eq!((n.state(1), n.error(1)), (JobState::Skipped, "waits for ingest, which is still due, and its own time is over"));

    let mut n = Night::usual();
    n.tick(Job::Scan, TICK);
    assert_eq!(n.error(1), "it needs ingest, which has not run for 2024-03-05");
}

#[test]
fn what_is_done_once_more_for_a_session_is_waited_for() {
    let mut n = Night::usual();
    n.tick(Job::Ingest, TICK).end(1, done());
    n.order(Job::Ingest).unwrap();
    n.tick(Job::Scan, TICK + 60);
    assert_eq!((n.state(3), n.told.last().unwrap().text.as_str()), (JobState::Queued, "waits for ingest, run 2"));
    n.end(2, done());
    assert_eq!(n.state(3), JobState::Running);
}

#[test]
fn a_job_that_is_missing_blocks_what_needs_it_and_is_refused_in_words() {
    let mut n = with(|r| r.scan.needs = vec![Job::Backtest]);
    n.tick(Job::Scan, TICK);
    assert_eq!((n.state(1), n.error(1)), (JobState::Skipped, "it needs backtest, which this version cannot run"));
    assert_eq!(n.order(Job::Drift), Err("this version cannot run drift: its work comes in a later one".into()));
    n.order(Job::Ingest).unwrap();
    assert_eq!(n.order(Job::Ingest), Err("run 2 is active: wait for it, or cancel it first".into()));
}

#[test]
fn what_comes_after_another_job_does_not_ask_how_that_ended() {
    let after = || with(|r| (r.scan.needs, r.scan.after) = (Vec::new(), vec![Job::Train]));
    let mut n = after();
    n.tick(Job::Train, TICK).tick(Job::Scan, TICK + 60);
    assert_eq!((n.state(2), n.told.last().unwrap().text.as_str()), (JobState::Queued, "waits for train, run 1"));
    n.end(1, failed(false));
    assert_eq!(n.state(2), JobState::Running);

    let mut n = after();
    n.tick(Job::Train, TICK).tick(Job::Scan, TICK + 60).pass(60 * 60);
    assert_eq!(n.state(2), JobState::Running, "a training that takes all night keeps nobody from looking");

    let mut n = after();
    n.tick(Job::Scan, TICK);
    assert_eq!(n.state(1), JobState::Running, "nothing was trained yet");
}

#[test]
fn a_need_that_is_not_gated_looks_at_the_last_run() {
    let mut n = with(|r| r.scan.needs = vec![Job::Train]);
    n.tick(Job::Scan, TICK);
    assert_eq!(n.error(1), "it needs train, which has not run yet");
    n.tick(Job::Train, TICK).tick(Job::Scan, TICK + 60);
    assert_eq!(n.state(3), JobState::Queued);
    n.end(2, done());
    assert_eq!(n.state(3), JobState::Running);
}

#[test]
fn no_more_runs_than_slots() {
    let mut n = with(|r| r.slots = 1);
    n.tick(Job::Ingest, TICK).tick(Job::Train, TICK);
    assert_eq!((n.state(2), n.told.last().unwrap().text.as_str()), (JobState::Queued, "waits for a slot"));
    n.end(1, done());
    assert_eq!(n.state(2), JobState::Running);
}

#[test]
fn a_tick_that_is_put_off_begins_when_it_may() {
    let mut n = Night::usual();
    n.board.tick(Tick { job: Job::Ingest, at: TICK, session: session(), not_before: Some(TICK + 90), missed: false, skip: None }, n.now);
    n.carry_out();
    n.pass(89);
    assert_eq!(n.state(1), JobState::Queued);
    n.pass(1);
    assert_eq!(n.state(1), JobState::Running);
}

#[test]
fn a_job_pauses_after_too_many_failed_ticks_and_its_ticks_pass() {
    let mut n = with(|r| r.maintenance.pause_after_failures = 2);
    n.tick(Job::Maintenance, TICK).end(1, failed(true)).tick(Job::Maintenance, TICK + 60).end(2, failed(true));
    assert_eq!(n.pauses, [Job::Maintenance]);
    n.tick(Job::Maintenance, TICK + 120);
    assert_eq!((n.state(3), n.error(3)), (JobState::Skipped, "paused by schedule: 2 ticks in a row have failed"));
    assert!(n.board.resume(Job::Maintenance) && n.board.failures(Job::Maintenance) == 0);
    n.tick(Job::Maintenance, TICK + 180);
    assert_eq!(n.state(4), JobState::Running);
}

#[test]
fn a_deadline_that_passes_without_a_success_is_told_and_a_success_ends_it() {
    let mut n = Night::usual();
    n.tick(Job::Ingest, TICK).end(1, failed(false)).pass(120 * 60 - 1);
    assert_eq!(n.board.late(Job::Ingest), None);
    n.pass(1);
    assert_eq!(n.board.late(Job::Ingest), Some(TICK + 120 * 60));
    n.ask(Job::Ingest, None, Some("{}")).unwrap();
    n.end(2, done());
    n.ask(Job::Ingest, session().and_then(|s| s.pred_opt()), None).unwrap();
    n.end(3, done());
    assert_eq!((n.board.late(Job::Ingest), n.board.failures(Job::Ingest)), (Some(TICK + 120 * 60), 1), "neither did its work");
    n.order(Job::Ingest).unwrap();
    n.end(4, done());
    assert_eq!((n.board.late(Job::Ingest), n.board.failures(Job::Ingest)), (None, 0));
}

#[test]
fn a_panic_ends_the_run_and_says_that_it_is_a_bug() {
    let mut n = Night::usual();
    n.tick(Job::Ingest, TICK).end(1, BodyEnd::Panicked("index out of bounds".into()));
    assert_eq!((n.states(), n.error(1)), (vec![JobState::Failed], "a bug ended it: index out of bounds"));
}
