//! Ticks, needs, overlap, pauses: what the schedule leads to.

use nightdesk::config::Overlap;
use nightdesk::engine::{Command, IngestSpec, Query, Reply};
use nightdesk::store::master::RunState;
use nightdesk::store::scheduler::{Job, JobState, SchedulerReader, Trigger};

use crate::script::{Act, Script, TICK, desk, detail, pass, reaches, settings};
use crate::support::{Build, Desk, Night};

async fn all_runs(desk: &Desk) -> Vec<(Job, JobState)> {
    let query = Query::JobRuns { job: None, state: None, limit: 100 };
    let Ok(Reply::JobRuns(runs)) = desk.client().query(query).await else { panic!("no runs") };
    runs.iter().rev().map(|r| (r.job, r.state)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_at_2245_leads_to_exactly_one_run() {
    let desk = desk(settings(), Vec::new()).await;
    let next = desk.wait_for(|s| s.jobs.first()?.next.zip(s.jobs[0].next_session)).await;
    assert_eq!((next.0, next.1.to_string().as_str()), (TICK, "2024-03-01"));
    pass(&desk.clock, 31);
    let run = reaches(&desk, 1, JobState::Succeeded).await;
    assert_eq!((run.trigger, run.scheduled_for, run.session.unwrap().to_string().as_str()), (Trigger::Schedule, Some(TICK), "2024-03-01"));
    let view = desk.ended(1).await;
    assert_eq!(view.state, RunState::Succeeded, "the ingest has the same number and its own summary: {:?}", view.summary);
    assert_eq!(desk.reader().run(1).unwrap().state, RunState::Succeeded);

    // No session closes on Saturday and Sunday: their ticks pass, and Monday's is next.
    pass(&desk.clock, 2 * 86_400);
    let monday = desk.wait_for(|s| s.jobs[0].next_session.filter(|d| d.to_string() == "2024-03-04")).await;
    assert_eq!(monday.to_string(), "2024-03-04");
    assert_eq!(all_runs(&desk).await, [(Job::Ingest, JobState::Succeeded)]);
    let story = detail(&desk, 1).await;
    let kinds: Vec<&str> = story.events.iter().map(|e| e.kind.as_str()).collect();
    assert!(kinds.starts_with(&["queued", "started", "phase"]) && kinds.ends_with(&["ended"]), "{:?}", story.events);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingest_by_hand_goes_through_the_dispatcher_and_is_on_record() {
    let mut desk = desk(settings(), Vec::new()).await;
    let asked = IngestSpec { refresh_facets: true, ..IngestSpec::default() };
    let run = desk.begin(asked.clone()).await;
    let job_run = reaches(&desk, run, JobState::Succeeded).await;
    assert_eq!((job_run.job, job_run.trigger, job_run.actor.as_str()), (Job::Ingest, Trigger::Manual, "test"));
    assert_eq!(desk.ended(run).await.spec, asked);
    let again = desk.send(Command::Rerun { run_id: run }).await.unwrap().unwrap();
    assert_eq!(desk.ended(again).await.spec, asked, "a rerun asks for the same");
    let refused = desk.send(Command::Run { job: Job::Train }).await.unwrap_err();
    assert!(refused.to_string().contains("this version cannot run train"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_twice_and_then_succeeded() {
    let script = Script::body(Job::Scan, [Act::Fail { retry: true }, Act::Fail { retry: true }]);
    let mut settings = settings();
    settings.schedule.scan.cron = "45 22 * * *".into();
    settings.schedule.scan.needs.clear();
    let desk = desk(settings, vec![script]).await;
    pass(&desk.clock, 31);
    let scan = |attempt| {
        move |s: &nightdesk::engine::Snapshot| {
            s.job_runs.iter().find(|r| r.job == Job::Scan && r.attempt == attempt).map(|r| (r.id, r.not_before))
        }
    };
    let (second, due) = desk.wait_for(scan(2)).await;
    assert!(due.unwrap() - TICK >= 60);
    pass(&desk.clock, 61);
    let (third, _) = desk.wait_for(scan(3)).await;
    pass(&desk.clock, 121);
    reaches(&desk, third, JobState::Succeeded).await;
    let story = detail(&desk, second).await;
    assert_eq!(story.attempts.iter().map(|r| (r.attempt, r.state)).collect::<Vec<_>>(), [(1, JobState::Failed), (3, JobState::Succeeded)]);
    assert!(desk.engine.state.borrow().alerts.iter().all(|a| !a.key.starts_with("run:")), "it went well in the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_waits_for_the_ingest_of_its_session() {
    let mut settings = settings();
    settings.schedule.scan.cron = "45 22 * * *".into();
    let desk = desk(settings, vec![Script::body(Job::Scan, [])]).await;
    pass(&desk.clock, 31);
    let scan = desk.wait_for(|s| s.job_runs.iter().find(|r| r.job == Job::Scan && r.state == JobState::Succeeded).cloned()).await;
    let ingest = desk.engine.state.borrow().job_runs.iter().find(|r| r.job == Job::Ingest).cloned().unwrap();
    assert_eq!((ingest.state, ingest.session), (JobState::Succeeded, scan.session));
    let waited = detail(&desk, scan.id).await.events;
    assert!(waited.iter().any(|e| e.kind == "waiting" && e.text.contains("ingest")), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_that_comes_too_early_is_skipped_with_the_reason() {
    let mut settings = settings();
    settings.schedule.maintenance.cron = "*/5 * * * *".into();
    settings.schedule.maintenance.overlap = Overlap::Skip;
    let desk = desk(settings, vec![Script::body(Job::Maintenance, [Act::UntilStopped])]).await;
    let of = |n: usize| {
        move |s: &nightdesk::engine::Snapshot| {
            let mut runs: Vec<_> = s.job_runs.iter().filter(|r| r.job == Job::Maintenance).cloned().collect();
            runs.reverse();
            runs.get(n).filter(|r| r.state != JobState::Queued).cloned()
        }
    };
    pass(&desk.clock, 31);
    let first = desk.wait_for(of(0)).await;
    pass(&desk.clock, 300);
    let second = desk.wait_for(of(1)).await;
    assert_eq!((second.state, second.error), (JobState::Skipped, Some(format!("run {} is not done yet", first.id))));
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_and_switched_off_ticks_pass_with_a_reason_and_it_survives_a_restart() {
    let mut desk = desk(settings(), Vec::new()).await;
    desk.send(Command::Pause { job: Job::Ingest, reason: "moving house".into() }).await.unwrap();
    desk.send(Command::Scheduler { on: false }).await.unwrap();
    desk.wait_for(|s| (s.jobs[0].next.is_none() && !s.scheduler.on).then_some(())).await;
    let mut desk = desk.reopen().await;
    let (pause, by) = desk.wait_for(|s| s.jobs.first()?.paused.clone().map(|p| (p, s.scheduler.by.clone()))).await;
    assert_eq!((pause.reason.as_str(), by.as_str()), ("moving house", "test"));
    pass(&desk.clock, 31);
    let run = reaches(&desk, 1, JobState::Skipped).await;
    assert!(run.error.as_ref().unwrap().contains("switched off by test"), "{run:?}");
    desk.send(Command::Scheduler { on: true }).await.unwrap();
    pass(&desk.clock, 3 * 86_400);
    let run = desk.wait_for(|s| s.job_runs.iter().find(|r| r.id > 1 && r.job == Job::Ingest).cloned()).await;
    assert!(run.state == JobState::Skipped && run.error.as_ref().unwrap().contains("paused by test: moving house"), "{run:?}");
    desk.send(Command::Resume { job: Job::Ingest }).await.unwrap();
    desk.wait_for(|s| s.jobs[0].next).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_the_clock_holds_the_schedule_until_it_is_confirmed() {
    let mut desk = desk(settings(), Vec::new()).await;
    desk.clock.jump_to(TICK + 10 * 86_400);
    let alert = desk.wait_for(|s| s.alerts.iter().find(|a| a.key == "scheduler").cloned()).await;
    assert!(alert.text.contains("the clock went forward by 240 h"), "{alert:?}");
    assert_eq!(all_runs(&desk).await, []);
    desk.send(Command::ConfirmClock).await.unwrap();
    desk.wait_for(|s| s.scheduler.held.is_none().then_some(())).await;
    let caught_up = desk.wait_for(|s| s.job_runs.iter().find(|r| r.trigger == Trigger::CatchUp).cloned()).await;
    assert_eq!(caught_up.job, Job::Ingest);
}

fn marked(desk: &Desk, job: Job) -> Option<i64> {
    let reader = SchedulerReader::open(&desk.dir.path().join("scheduler.db")).unwrap();
    reader.job_rows().unwrap().iter().find(|r| r.job == job)?.last_tick
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_is_marked_only_when_its_run_is_on_record() {
    let desk = desk(settings(), Vec::new()).await;
    desk.wait_for(|s| s.jobs.first()?.next).await;
    assert_eq!(marked(&desk, Job::Ingest), Some(TICK - 30), "where the schedule began");
    let other = rusqlite::Connection::open(desk.dir.path().join("scheduler.db")).unwrap();
    other.execute_batch("CREATE TRIGGER refuse BEFORE INSERT ON run BEGIN SELECT RAISE(FAIL, 'refused'); END").unwrap();
    pass(&desk.clock, 31);
    desk.wait_for(|s| s.alerts.iter().find(|a| a.key == "scheduler.db").cloned()).await;
    assert_eq!(marked(&desk, Job::Ingest), Some(TICK - 30), "a crash now must not lose the night");
    other.execute_batch("DROP TRIGGER refuse").unwrap();
    desk.wait_for(|s| s.job_runs.iter().find(|r| r.scheduled_for == Some(TICK)).cloned()).await;
    assert_eq!(marked(&desk, Job::Ingest), Some(TICK));
}

// One thread: nothing is published between a start and the look at its first snapshot.
#[tokio::test]
async fn the_first_maintenance_never_looks_as_if_it_had_left_no_backup() {
    let night = Night { schedule: true, maintenance: true, ..Night::default() };
    let mut desk = Desk::build(&["AAPL"], Build { settings: settings(), now: TICK - 3600, night, ..Build::default() }).await;
    let run = desk.send(Command::Run { job: Job::Maintenance }).await.unwrap().unwrap();
    let told = desk.wait_for(|s| s.job_runs.iter().any(|r| r.id == run && r.state.ended()).then(|| (s.alerts.clone(), s.host))).await;
    assert!(told.1.backup_at.is_some() && told.0.iter().all(|a| a.key != "backup"), "{told:?}");
    let desk = desk.reopen().await;
    let first = desk.engine.state.borrow().clone();
    assert!(first.jobs.iter().any(|j| j.job == Job::Maintenance && j.last.is_some()));
    assert!(first.alerts.iter().all(|a| a.key != "backup"), "{:?}", first.alerts);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_that_a_wrong_clock_passed_over_has_its_run_when_the_clock_is_right_again() {
    const AHEAD: i64 = 3 * 86_400 + 900;
    let desk = desk(settings(), Vec::new()).await;
    desk.wait_for(|s| s.jobs.first()?.next.filter(|at| *at == TICK)).await;
    // Monday night, says the clock: Friday's tick was missed.
    desk.clock.jump_to(TICK - 30 + AHEAD);
    let wrong = desk.wait_for(|s| s.job_runs.iter().find(|r| r.trigger == Trigger::CatchUp && r.state.ended()).cloned()).await;
    desk.clock.jump_to(TICK - 10);
    desk.wait_for(|s| s.jobs.first()?.next.filter(|at| *at == TICK)).await;
    pass(&desk.clock, 11);
    let night = desk.wait_for(|s| s.job_runs.iter().find(|r| r.scheduled_for == Some(TICK) && r.state != JobState::Skipped).cloned()).await;
    assert_eq!((night.trigger, night.attempt, wrong.scheduled_for), (Trigger::Schedule, 2, Some(TICK + 3 * 86_400)));
    reaches(&desk, night.id, JobState::Succeeded).await;
}
