//! The real ticker over our store. Time in the runtime is paused where the clock is a manual one, so half a second of
//! the beat costs nothing.

use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::config::ScheduleSettings;
use crate::market::{ManualClock, SystemClock};
use crate::schedule::{Planner, SchedulerState, Verdict, rules};
use crate::sim::OffsetClock;
use crate::store::scheduler::{JobRun, JobState, RunFilter, Trigger};

/// 2026-03-06 22:45 in New York, a Friday; the clocks change on Sunday.
const FRIDAY: i64 = 1_772_855_100;
const DAY: i64 = 86_400;
/// Longer than many beats.
const SILENCE: Duration = Duration::from_secs(30);

fn database(dir: &TempDir) -> SchedulerDb {
    SchedulerDb::open(&dir.path().join("scheduler.db"), FRIDAY).unwrap().db
}

fn rule(job: Job) -> Rule {
    Rule::new(&ScheduleSettings::default(), job).unwrap()
}

fn alarm(job: Job, next: i64) -> Alarm {
    Alarm { rule: rule(job), next: Some(next) }
}

#[tokio::test(start_paused = true)]
async fn rings_once_a_tick_across_the_change_of_the_clocks() {
    let dir = TempDir::new().unwrap();
    let clock = ManualClock::at(FRIDAY - 1);
    let (bell, mut ticks) = CronBell::start(clock.clone(), database(&dir)).await.unwrap();
    assert!(timeout(SILENCE, ticks.recv()).await.is_err(), "nothing is armed");
    bell.arm(vec![alarm(Job::Ingest, FRIDAY)]).await.unwrap();
    assert!(timeout(SILENCE, ticks.recv()).await.is_err(), "one second is missing");
    // Saturday's tick is 24 hours on, Sunday's only 23.
    for at in [FRIDAY, FRIDAY + DAY, FRIDAY + 2 * DAY - 3_600, FRIDAY + 3 * DAY - 3_600] {
        clock.advance(Duration::from_secs((at - clock.now()).unsigned_abs()));
        assert_eq!(ticks.recv().await, Some(Tick { job: Job::Ingest, at }));
        assert!(timeout(SILENCE, ticks.recv()).await.is_err(), "once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missed_tick_rings_at_once_and_several_ring_together() {
    let dir = TempDir::new().unwrap();
    let clock = ManualClock::at(FRIDAY + 20 * DAY);
    let (bell, mut ticks) = CronBell::start(clock.clone(), database(&dir)).await.unwrap();
    bell.arm(vec![alarm(Job::Ingest, FRIDAY), alarm(Job::Scan, FRIDAY + 2_700)]).await.unwrap();
    let mut heard = vec![ticks.recv().await.unwrap(), ticks.recv().await.unwrap()];
    heard.sort_by_key(|t| t.at);
    assert_eq!(heard, [Tick { job: Job::Ingest, at: FRIDAY }, Tick { job: Job::Scan, at: FRIDAY + 2_700 }]);
    assert!(timeout(SILENCE, ticks.recv()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn arming_again_replaces_everything_and_closing_ends_it() {
    let dir = TempDir::new().unwrap();
    let db = database(&dir);
    let clock = ManualClock::at(FRIDAY);
    let (bell, mut ticks) = CronBell::start(clock.clone(), db.clone()).await.unwrap();
    bell.arm(vec![alarm(Job::Ingest, FRIDAY + 60)]).await.unwrap();
    bell.arm(vec![alarm(Job::Scan, FRIDAY + 60)]).await.unwrap();
    let next = |rows: Vec<crate::store::scheduler::JobRow>, job| rows.into_iter().find(|r| r.job == job).and_then(|r| r.next_tick);
    assert_eq!(next(db.job_rows().await.unwrap(), Job::Ingest), None);
    assert_eq!(next(db.job_rows().await.unwrap(), Job::Scan), Some(FRIDAY + 60));
    clock.advance(Duration::from_mins(1));
    assert_eq!(ticks.recv().await, Some(Tick { job: Job::Scan, at: FRIDAY + 60 }));
    bell.arm(vec![alarm(Job::Scan, FRIDAY + 120)]).await.unwrap();
    bell.close().await;
    clock.advance(Duration::from_mins(1));
    assert!(timeout(SILENCE, ticks.recv()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_next_tick_is_stored_in_the_jobs_own_zone() {
    let dir = TempDir::new().unwrap();
    let db = database(&dir);
    let clock = ManualClock::at(FRIDAY + DAY);
    let table = Arc::new(Table::new(clock));
    table.arm(vec![alarm(Job::Ingest, FRIDAY + DAY)]);
    let mut store = TickStore::new(Arc::clone(&table), db.clone());
    let wrong = chrono::DateTime::from_timestamp(FRIDAY + 2 * DAY, 0);
    tokio_cron_scheduler::MetaDataStorage::set_next_and_last_tick(&mut store, id(Job::Ingest), wrong, wrong).await.unwrap();
    assert_eq!(db.job_rows().await.unwrap()[0].next_tick, Some(FRIDAY + 2 * DAY - 3_600), "22:45 after the change");
    assert_eq!(table.ring(Job::Ingest), Some(FRIDAY + DAY));
    assert_eq!(table.ring(Job::Ingest), None, "rung");
    assert_eq!(table.ring(Job::Train), None);
}

#[tokio::test]
async fn the_machines_own_clock_does_not_count() {
    let dir = TempDir::new().unwrap();
    let clock = OffsetClock::starting_at(SystemClock::shared(), FRIDAY - 1);
    let (bell, mut ticks) = CronBell::start(clock, database(&dir)).await.unwrap();
    bell.arm(vec![alarm(Job::Ingest, FRIDAY)]).await.unwrap();
    assert_eq!(ticks.recv().await, Some(Tick { job: Job::Ingest, at: FRIDAY }));
}

/// Bell, planner and database together, restarted each night and rung twice: one run a session.
#[tokio::test(start_paused = true)]
async fn one_run_a_session_survives_restarts_and_double_rings() {
    let dir = TempDir::new().unwrap();
    let db = database(&dir);
    let clock = ManualClock::at(FRIDAY - 60);
    let state = SchedulerState::first(true, FRIDAY);
    for _night in 0..16 {
        let rules = rules(&ScheduleSettings::default(), [Job::Ingest]).unwrap();
        let mut planner = Planner::new(rules, &db.job_rows().await.unwrap(), &state, &*clock);
        let (bell, mut ticks) = CronBell::start(clock.clone(), db.clone()).await.unwrap();
        bell.arm(planner.alarms()).await.unwrap();
        clock.advance(Duration::from_secs(DAY.unsigned_abs()));
        let tick = ticks.recv().await.unwrap();
        let due = planner.due(tick.job, clock.now(), None);
        for d in [due.clone(), due].concat() {
            if let Verdict::Run(trigger) = d.verdict {
                db.insert_run(queued(d.job, trigger, d.at, d.session)).await.unwrap();
            }
        }
        let (hash, last) = planner.mark(tick.job).unwrap();
        db.set_last_tick(tick.job, hash, Some(last)).await.unwrap();
        bell.close().await;
    }
    let mut sessions: Vec<_> = db.runs(RunFilter::default(), 99).await.unwrap().into_iter().filter_map(|r| r.session).collect();
    sessions.reverse();
    let days = [6, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20].map(|day| chrono::NaiveDate::from_ymd_opt(2026, 3, day).unwrap());
    assert_eq!(sessions, days);
}

fn queued(job: Job, trigger: Trigger, at: i64, session: Option<chrono::NaiveDate>) -> JobRun {
    JobRun {
        id: 0,
        job,
        state: JobState::Queued,
        trigger,
        actor: "schedule".into(),
        scheduled_for: Some(at),
        session,
        attempt: 1,
        queued_at: at,
        not_before: None,
        started_at: None,
        ended_at: None,
        error: None,
        failures: 0,
        params: None,
        summary: None,
        boot_id: "boot".into(),
    }
}
