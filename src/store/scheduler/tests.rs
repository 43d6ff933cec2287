//! The database as the engine sees it: what is stored comes back, damage and a full disk are survived.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use chrono::NaiveDate;
use tempfile::TempDir;

use super::*;

const NOW: i64 = 1_790_000_000;

fn at(dir: &TempDir) -> PathBuf {
    dir.path().join("scheduler.db")
}

fn open(dir: &TempDir) -> SchedulerDb {
    let opened = SchedulerDb::open(&at(dir), NOW).unwrap();
    assert_eq!(opened.moved, None);
    opened.db
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn run(job: Job, tick: Option<i64>, attempt: u32) -> JobRun {
    JobRun {
        id: 0,
        job,
        state: JobState::Queued,
        trigger: if tick.is_some() { Trigger::Schedule } else { Trigger::Manual },
        actor: "schedule".into(),
        scheduled_for: tick,
        session: Some(date("2026-09-21")),
        attempt,
        queued_at: NOW,
        not_before: Some(NOW + 3),
        started_at: None,
        ended_at: None,
        error: None,
        failures: 0,
        params: Some("{}".into()),
        summary: None,
        boot_id: "boot-1".into(),
    }
}

async fn ended(db: &SchedulerDb, job: Job, state: JobState, from: i64, seconds: i64) -> JobRun {
    let mut r = db.insert_run(run(job, None, 1)).await.unwrap().unwrap();
    r.state = state;
    r.started_at = (state != JobState::Skipped).then_some(from);
    r.ended_at = Some(from + seconds);
    db.update_run(r.clone()).await.unwrap();
    r
}

#[tokio::test]
async fn a_run_comes_back_as_it_was_stored() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    let mut r = db.insert_run(run(Job::Ingest, Some(NOW), 1)).await.unwrap().unwrap();
    assert_eq!(r.id, 1);
    r.state = JobState::TimedOut;
    r.not_before = None;
    r.started_at = Some(NOW + 1);
    r.ended_at = Some(NOW + 9);
    r.error = Some("took too long".into());
    r.failures = 2;
    r.summary = Some("{\"a\":1}".into());
    db.update_run(r.clone()).await.unwrap();
    db.close().await.unwrap();
    let db = open(&dir);
    assert_eq!(db.run(r.id).await.unwrap(), Some(r.clone()));
    assert_eq!(db.run(99).await.unwrap(), None);
    r.id = 99;
    assert_eq!(db.update_run(r).await, Err(SchedulerDbError::NoRun(99)));
    let mode = std::fs::metadata(at(&dir)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_tick_that_fires_twice_leads_to_one_run() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    let tries = (0..50).map(|_| db.insert_run(run(Job::Ingest, Some(NOW), 1)));
    let made = futures_util::future::try_join_all(tries).await.unwrap();
    assert_eq!(made.iter().flatten().count(), 1);
    assert!(db.insert_run(run(Job::Scan, Some(NOW), 1)).await.unwrap().is_some());
    assert!(db.insert_run(run(Job::Ingest, Some(NOW), 2)).await.unwrap().is_some());
    for _ in 0..2 {
        assert!(db.insert_run(run(Job::Ingest, None, 1)).await.unwrap().is_some(), "a person may ask as often as they like");
    }
    let attempts = db.attempts(Job::Ingest, NOW).await.unwrap();
    assert_eq!(attempts.iter().map(|r| r.attempt).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn numbers_are_lifted_and_never_given_twice() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    db.lift_run_ids(500).await.unwrap();
    db.lift_run_ids(20).await.unwrap();
    let r = ended(&db, Job::Scan, JobState::Succeeded, NOW, 5).await;
    let last = ended(&db, Job::Scan, JobState::Failed, NOW, 5).await;
    assert_eq!((r.id, last.id), (501, 502));
    assert_eq!(db.prune(NOW + 6).await.unwrap(), 1, "the last ended run of a job stays");
    assert_eq!(db.runs(RunFilter::default(), 10).await.unwrap(), [last]);
    assert_eq!(db.insert_run(run(Job::Scan, None, 1)).await.unwrap().unwrap().id, 503);
}

#[tokio::test]
async fn lists_are_filtered_and_newest_first() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    for (i, job) in [Job::Ingest, Job::Scan, Job::Ingest].into_iter().enumerate() {
        ended(&db, job, if i == 0 { JobState::Failed } else { JobState::Succeeded }, NOW, 10 * (i as i64 + 1)).await;
    }
    ended(&db, Job::Ingest, JobState::Skipped, NOW, 0).await;
    let ids = async |job, state, limit| {
        let runs = db.runs(RunFilter { job, state }, limit).await.unwrap();
        runs.into_iter().map(|r| r.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, None, 2).await, [4, 3]);
    assert_eq!(ids(Some(Job::Ingest), None, 9).await, [4, 3, 1]);
    assert_eq!(ids(Some(Job::Ingest), Some(JobState::Failed), 9).await, [1]);
    assert_eq!(ids(None, Some(JobState::Succeeded), 9).await, [3, 2]);
    assert_eq!(db.last_ended(Job::Ingest).await.unwrap().unwrap().id, 3, "a skipped tick is no run");
    assert_eq!(db.last_ended(Job::Train).await.unwrap(), None);
    let good = db.last_succeeded_for(Job::Ingest, date("2026-09-21")).await.unwrap();
    assert_eq!(good.unwrap().id, 3);
    assert_eq!(db.last_succeeded_for(Job::Ingest, date("2026-09-22")).await.unwrap(), None);
    assert_eq!(db.durations(Job::Ingest, 5).await.unwrap(), [10, 30]);
    assert_eq!(db.durations(Job::Ingest, 1).await.unwrap(), [30]);
}

#[tokio::test]
async fn a_run_tells_its_story_and_takes_it_along() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    let old = ended(&db, Job::Scan, JobState::Succeeded, NOW, 1).await;
    ended(&db, Job::Scan, JobState::Succeeded, NOW + 100, 1).await;
    let line = |n: i64| RunEvent { seq: 0, run_id: old.id, at_ms: NOW * 1000 + n, kind: "note".into(), text: format!("line {n}") };
    db.append_events((1..=5).map(line).collect()).await.unwrap();
    let texts = |events: Vec<RunEvent>| events.into_iter().map(|e| e.text).collect::<Vec<_>>();
    assert_eq!(texts(db.run_events(old.id, 3).await.unwrap()), ["line 3", "line 4", "line 5"]);
    let stray = RunEvent { run_id: 77, ..line(9) };
    assert!(db.append_events(vec![line(6), stray]).await.is_err(), "all or nothing");
    assert_eq!(db.run_events(old.id, 99).await.unwrap().len(), 5);
    assert_eq!(db.prune(NOW + 50).await.unwrap(), 1);
    assert!(db.run_events(old.id, 99).await.unwrap().is_empty());
}

#[tokio::test]
async fn runs_of_a_dead_process_are_lost() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    let queued = db.insert_run(run(Job::Scan, Some(NOW), 1)).await.unwrap().unwrap();
    let mut running = db.insert_run(run(Job::Ingest, Some(NOW), 1)).await.unwrap().unwrap();
    running.state = JobState::Running;
    running.started_at = Some(NOW + 1);
    db.update_run(running.clone()).await.unwrap();
    ended(&db, Job::Train, JobState::Failed, NOW, 1).await;
    let mine = db.insert_run(JobRun { boot_id: "boot-2".into(), ..run(Job::Drift, None, 1) }).await.unwrap().unwrap();
    let lost = db.mark_lost("boot-2".into(), NOW + 60).await.unwrap();
    assert_eq!(lost.iter().map(|r| (r.id, r.started_at)).collect::<Vec<_>>(), [(queued.id, None), (running.id, Some(NOW + 1))]);
    for r in lost {
        assert_eq!((r.state, r.ended_at), (JobState::Lost, Some(NOW + 60)));
        assert_eq!(db.run(r.id).await.unwrap(), Some(r));
    }
    assert_eq!(db.run(mine.id).await.unwrap(), Some(mine));
    assert!(db.mark_lost("boot-2".into(), NOW + 61).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_jobs_row_is_kept_and_its_parts_do_not_disturb_each_other() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    let pause = Pause { at: NOW, by: "cli".into(), reason: "holiday".into() };
    db.set_pause(Job::Scan, Some(pause.clone())).await.unwrap();
    db.set_next_tick(Job::Scan, Some(NOW + 5)).await.unwrap();
    db.set_last_tick(Job::Scan, "h1".into(), None).await.unwrap();
    db.set_failures(Job::Scan, 3).await.unwrap();
    let row = JobRow {
        job: Job::Scan,
        spec_hash: "h1".into(),
        paused: Some(pause),
        next_tick: Some(NOW + 5),
        last_tick: None,
        failures_in_row: 3,
    };
    assert_eq!(db.job_rows().await.unwrap(), std::slice::from_ref(&row));
    let other = JobRow { paused: None, last_tick: Some(NOW), ..row };
    db.set_job_row(other.clone()).await.unwrap();
    db.close().await.unwrap();
    assert_eq!(open(&dir).job_rows().await.unwrap(), [other]);
}

#[tokio::test]
async fn changed_keys_are_logged() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    let change = |key: &str| ConfigChange {
        at: NOW,
        actor: "hup".into(),
        origin: "nightdesk.toml:3".into(),
        key: key.into(),
        old: "1".into(),
        new: "2".into(),
        hash: "abc".into(),
    };
    db.append_config_changes(vec![change("a"), change("b")]).await.unwrap();
    assert_eq!(db.config_changes(9).await.unwrap(), [change("b"), change("a")]);
    let reader = SchedulerReader::open(&at(&dir)).unwrap();
    assert_eq!(reader.config_changes(1).unwrap(), [change("b")]);
}

#[tokio::test]
async fn readers_work_beside_the_engine_and_without_it() {
    let dir = TempDir::new().unwrap();
    assert_eq!(SchedulerReader::open(&at(&dir)).unwrap_err(), SchedulerDbError::Missing(at(&dir)));
    let db = open(&dir);
    let r = db.insert_run(run(Job::Ingest, Some(NOW), 1)).await.unwrap().unwrap();
    let look = || SchedulerReader::open(&at(&dir)).unwrap().runs(RunFilter::default(), 5).unwrap();
    assert_eq!(look(), std::slice::from_ref(&r));
    db.clone().close().await.unwrap();
    assert_eq!(db.run(r.id).await, Err(SchedulerDbError::Gone));
    assert_eq!(look(), std::slice::from_ref(&r));
    let reader = SchedulerReader::open(&at(&dir)).unwrap();
    assert_eq!(reader.run(r.id).unwrap(), Some(r.clone()));
    assert_eq!(reader.attempts(Job::Ingest, NOW).unwrap(), [r]);
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    for n in 0..200 {
        db.insert_run(run(Job::Ingest, Some(NOW + n), 1)).await.unwrap();
    }
    db.close().await.unwrap();
    let sound = std::fs::read(at(&dir)).unwrap();
    let mut zeroed = sound.clone();
    zeroed[8192..12_288].fill(0);
    let mut foreign = sound.clone();
    foreign[68..72].copy_from_slice(b"else");
    let broken = [b"not a database at all, only text of some length".repeat(9), sound[..5000].to_vec(), zeroed, foreign];
    for (i, bytes) in broken.into_iter().enumerate() {
        std::fs::write(at(&dir), &bytes).unwrap();
        let Opened { db, moved } = SchedulerDb::open(&at(&dir), NOW).unwrap();
        let moved = moved.unwrap();
        assert!(std::fs::read(&moved.to).unwrap() == bytes, "nothing is destroyed");
        let name = moved.to.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(name.starts_with("scheduler.db.corrupt-20260921T"), "{name}");
        assert!(moved.to_string().contains("was unusable"), "{moved}");
        assert!(db.runs(RunFilter::default(), 9).await.unwrap().is_empty(), "damage {i}");
        assert!(db.insert_run(run(Job::Ingest, Some(NOW), 1)).await.unwrap().is_some());
        db.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_newer_file_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    open(&dir).close().await.unwrap();
    rusqlite::Connection::open(at(&dir)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SchedulerDb::open(&at(&dir), NOW).unwrap_err();
    assert!(matches!(error, SchedulerDbError::Newer { found: 99, .. }), "{error}");
    assert!(at(&dir).exists());
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_nothing_is_harmed() {
    let dir = TempDir::new().unwrap();
    let db = SchedulerDb::open_limited(&at(&dir), NOW, Some(24)).unwrap().db;
    let mut stored = 0;
    let refused = loop {
        match db.insert_run(JobRun { summary: Some("x".repeat(2_000)), ..run(Job::Ingest, Some(NOW + stored), 1) }).await {
            Ok(made) => stored += i64::from(made.is_some()),
            Err(e) => break e,
        }
        assert!(stored < 1_000, "the limit must bite");
    };
    assert_eq!(refused, SchedulerDbError::DiskFull);
    let tries = (0..8).map(|n| db.insert_run(JobRun { summary: Some("x".repeat(9_000)), ..run(Job::Scan, Some(n), 1) }));
    for end in futures_util::future::join_all(tries).await {
        assert_eq!(end, Err(SchedulerDbError::DiskFull));
    }
    assert_eq!(db.runs(RunFilter::default(), 1_000).await.unwrap().len() as i64, stored);
    db.close().await.unwrap();
    let db = open(&dir);
    assert_eq!(db.runs(RunFilter::default(), 1_000).await.unwrap().len() as i64, stored);
    assert!(db.insert_run(run(Job::Scan, Some(NOW), 1)).await.unwrap().is_some(), "goes on once there is room");
}
