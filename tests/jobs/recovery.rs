//! What a start makes of a process that was killed in the middle of the night.

use std::sync::Arc;
use std::time::Duration;

use nightdesk::engine::{AlertLevel, Command, JobBody};
use nightdesk::store::master::DATABASE;
use nightdesk::store::scheduler::{Job, JobState, Trigger};

use crate::script::{Act, Script, TICK, desk, detail, pass, reaches, settings};
use crate::support::{Build, Desk, Night, daily};

fn bodies() -> Vec<Arc<dyn JobBody>> {
    vec![Script::body(Job::Maintenance, [Act::Deaf]), Script::body(Job::Scan, [Act::Deaf])]
}

fn night() -> nightdesk::config::Settings {
    let mut s = settings();
    s.schedule.maintenance.cron = "45 22 * * *".into();
    s
}

#[test]
fn a_killed_process_loses_its_runs_and_the_next_one_takes_up_those_of_the_schedule() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let first = runtime();
    let (desk, by_tick, by_hand) = first.block_on(async {
        let mut desk = desk(night(), bodies()).await;
        pass(&desk.clock, 31);
        let tick = desk.wait_for(|s| s.job_runs.iter().find(|r| r.job == Job::Maintenance && r.state == JobState::Running).cloned()).await;
        let hand = desk.send(Command::Run { job: Job::Scan }).await.unwrap().unwrap();
        reaches(&desk, hand, JobState::Running).await;
        (desk, tick.id, hand)
    });
    // All tasks stop where they are, as in a crash.
    first.shutdown_timeout(Duration::from_secs(10));
    let Desk { dir, engine, .. } = desk;
    drop(engine);
    runtime().block_on(async {
        let lock = dir.path().join(DATABASE).with_extension("lock");
        let free = async {
            while std::fs::File::open(&lock).unwrap().try_lock().is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), free).await.unwrap();
        let night_again =
            Night { schedule: true, bodies: vec![Script::body(Job::Maintenance, []), Script::body(Job::Scan, [])], ..Night::default() };
        let build = Build { dir: Some(dir), settings: night(), now: TICK + 600, night: night_again, ..Build::default() };
        let desk = Desk::build(&["AAPL"], build).await;
        let lost = reaches(&desk, by_tick, JobState::Lost).await;
        assert_eq!(lost.error.as_deref(), Some("its process ended while it worked"));
        reaches(&desk, by_hand, JobState::Lost).await;
        let again =
            desk.wait_for(|s| s.job_runs.iter().find(|r| r.trigger == Trigger::Recovery && r.state == JobState::Succeeded).cloned()).await;
        assert_eq!((again.job, again.scheduled_for, again.attempt), (Job::Maintenance, lost.scheduled_for, 2));
        let scans = desk.engine.state.borrow().job_runs.iter().filter(|r| r.job == Job::Scan && r.trigger == Trigger::Recovery).count();
        assert_eq!(scans, 0, "who asked for the scan asks again");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_that_was_missed_is_made_up_for_once() {
    let desk = desk(settings(), Vec::new()).await;
    let (dir, settings) = (desk.stop().await, settings());
    let night = Night { schedule: true, ..Night::default() };
    // Three days later: Friday's and Monday's tick were missed.
    let desk = Desk::build(&["AAPL"], Build { dir: Some(dir), settings, now: TICK + 3 * 86_400 + 7200, night, ..Build::default() }).await;
    let run = desk.wait_for(|s| s.job_runs.iter().find(|r| r.trigger == Trigger::CatchUp && r.state == JobState::Succeeded).cloned()).await;
    assert_eq!(run.session.unwrap().to_string(), "2024-03-04");
    let runs = desk.engine.state.borrow().job_runs.clone();
    assert_eq!(runs.iter().filter(|r| r.started_at.is_some()).count(), 1, "{runs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_schedule_counts_from_its_change_also_when_its_first_tick_is_missed() {
    let desk = desk(settings(), Vec::new()).await;
    pass(&desk.clock, 31);
    reaches(&desk, 1, JobState::Succeeded).await;
    let mut later = settings();
    later.schedule.ingest.cron = "55 22 * * *".into();
    let start = async |dir, now| {
        let night = Night { schedule: true, ..Night::default() };
        Desk::build(&["AAPL"], Build { dir: Some(dir), settings: later.clone(), now, night, ..Build::default() }).await
    };
    let desk = start(desk.stop().await, TICK + 60).await;
    desk.wait_for(|s| s.jobs.first()?.next.filter(|at| *at == TICK + 600)).await;
    let desk = start(desk.stop().await, TICK + 7_200).await;
    let run = desk.wait_for(|s| s.job_runs.iter().find(|r| r.trigger == Trigger::CatchUp).cloned()).await;
    assert_eq!((run.job, run.scheduled_for), (Job::Ingest, Some(TICK + 600)));
}

async fn next_start(dir: tempfile::TempDir) -> Desk {
    let night = Night { schedule: true, ..Night::default() };
    Desk::build(&["AAPL"], Build { dir: Some(dir), settings: settings(), now: TICK + 600, night, ..Build::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_takes_nothing_keeps_no_engine_from_starting() {
    let dir = desk(settings(), Vec::new()).await.stop().await;
    let record = rusqlite::Connection::open(dir.path().join("scheduler.db")).unwrap();
    let cut = format!(
        "INSERT INTO run (job, state, trigger, actor, scheduled_for, attempt, queued_at, started_at, failures, boot_id)
         VALUES ('ingest', 'running', 'schedule', 'schedule', {TICK}, 1, {TICK}, {TICK}, 0, 'gone');
         CREATE TRIGGER refuse BEFORE UPDATE ON run BEGIN SELECT RAISE(FAIL, 'refused'); END"
    );
    record.execute_batch(&cut).unwrap();
    let desk = next_start(dir).await;
    desk.wait_for(|s| s.alerts.iter().find(|a| a.key == "scheduler.db").cloned()).await;
    record.execute_batch("DROP TRIGGER refuse").unwrap();
    let again = desk.wait_for(|s| s.job_runs.iter().find(|r| r.trigger == Trigger::Recovery).cloned()).await;
    assert_eq!((again.job, again.scheduled_for, again.attempt), (Job::Ingest, Some(TICK), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_is_told_until_the_next_start() {
    let dir = desk(settings(), Vec::new()).await.stop().await;
    std::fs::write(dir.path().join("scheduler.db"), b"not a database".repeat(400)).unwrap();
    let desk = next_start(dir).await;
    let alert = desk.wait_for(|s| s.alerts.iter().find(|a| a.key == "scheduler.db.moved").cloned()).await;
    assert!(alert.level == AlertLevel::Bad && alert.text.contains("pauses and the history of runs are gone"), "{alert:?}");
    let desk = next_start(desk.stop().await).await;
    desk.wait_for(|s| s.jobs.first()?.next).await;
    assert!(desk.engine.state.borrow().alerts.iter().all(|a| a.key != "scheduler.db.moved"));
}

/// As a kill leaves it: the lock file tells of no end.
fn cut_off(dir: &tempfile::TempDir) {
    let path = dir.path().join(DATABASE).with_extension("lock");
    let mut holder: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    holder["ended_at"] = serde_json::Value::Null;
    std::fs::write(&path, holder.to_string()).unwrap();
}

// One thread: the owner has not had its turn when the start returns.
#[tokio::test]
async fn an_engine_is_there_while_its_database_is_checked_and_runs_begin_afterwards() {
    let dir = desk(settings(), Vec::new()).await.stop().await;
    cut_off(&dir);
    let desk = next_start(dir).await;
    let alert = desk.engine.state.borrow().alerts.iter().find(|a| a.key == "database.check").cloned().unwrap();
    assert!(alert.level == AlertLevel::Warn && alert.text.contains("checking the database after an unclean end"), "{alert:?}");
    let run = desk.wait_for(|s| s.job_runs.iter().find(|r| r.trigger == Trigger::CatchUp && r.state.ended()).cloned()).await;
    let waited = detail(&desk, run.id).await.events.iter().any(|e| e.text == "waits until the database is checked after an unclean end");
    assert!(run.state == JobState::Succeeded && waited, "{run:?}");
    assert!(desk.engine.state.borrow().alerts.iter().all(|a| a.key != "database.check"));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_told_and_no_run_begins() {
    let dir = desk(settings(), Vec::new()).await.stop().await;
    let path = dir.path().join(DATABASE);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO ingest_runs (spec, state, started_at) SELECT printf('%.200c', 'x'), 'succeeded', i FROM n;
         PRAGMA wal_checkpoint(TRUNCATE)",
    )
    .unwrap();
    drop(db);
    let mut bytes = std::fs::read(&path).unwrap();
    let page = bytes.len() / 2 / 4096 * 4096;
    bytes[page..page + 4096].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    cut_off(&dir);
    let backup = dir.path().join("backups/backup-20240301T020000Z");
    std::fs::create_dir_all(&backup).unwrap();
    std::fs::write(backup.join(DATABASE), "").unwrap();
    let of = std::fs::canonicalize(dir.path()).unwrap();
    let manifest = serde_json::json!({ "data_dir": of, "version": "0", "rows": 0, "series": 0, "bytes": 0 });
    std::fs::write(backup.join("backup.json"), manifest.to_string()).unwrap();
    let mut desk = next_start(dir).await;
    let alert = desk.wait_for(|s| s.alerts.iter().find(|a| a.key == "database").cloned()).await;
    let advice = format!("`nightdesk restore {}`", backup.display());
    assert!(alert.level == AlertLevel::Bad && alert.text.contains(&advice) && alert.text.lines().count() == 1, "{alert:?}");
    let run = desk.begin(daily()).await;
    let ended = reaches(&desk, run, JobState::Failed).await;
    assert!(ended.error.unwrap().contains("the database is damaged"));
    let dir = desk.stop().await;
    assert!(std::fs::read(dir.path().join(DATABASE)).unwrap() == bytes, "nothing was written");
}
