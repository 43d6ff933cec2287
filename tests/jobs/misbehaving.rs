//! Jobs that panic, hang and take too long; an engine that stops under load.

use std::time::{Duration, Instant};

use nightdesk::engine::{Command, Pulse};
use nightdesk::store::scheduler::{Job, JobState};

use crate::script::{Act, Script, desk, pass, reaches, settings};
use crate::support::Desk;

async fn maintenance(acts: &[Act]) -> (Desk, i64) {
    let mut settings = settings();
    settings.schedule.cancel_grace_s = 1;
    let mut desk = desk(settings, vec![Script::body(Job::Maintenance, acts.to_vec())]).await;
    let run = desk.send(Command::Run { job: Job::Maintenance }).await.unwrap().unwrap();
    (desk, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_the_run_and_not_the_engine() {
    let (mut desk, run) = maintenance(&[Act::Panic]).await;
    let ended = reaches(&desk, run, JobState::Failed).await;
    assert_eq!(ended.error.as_deref(), Some("a bug ended it: a bug"));
    let alert = desk.wait_for(|s| s.alerts.iter().find(|a| a.key == format!("run:{run}")).cloned()).await;
    assert!(alert.text.contains("maintenance run 1 failed: a bug ended it"), "{alert:?}");
    let next = desk.send(Command::Run { job: Job::Maintenance }).await.unwrap().unwrap();
    reaches(&desk, next, JobState::Succeeded).await;
    desk.wait_for(|s| s.alerts.iter().all(|a| !a.key.starts_with("run:")).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_takes_too_long_is_stopped() {
    let (desk, run) = maintenance(&[Act::UntilStopped]).await;
    reaches(&desk, run, JobState::Running).await;
    pass(&desk.clock, 30 * 60);
    let ended = reaches(&desk, run, JobState::TimedOut).await;
    assert_eq!(ended.error.as_deref(), Some("it took longer than 30 minutes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_heard_and_a_deaf_run_is_dropped() {
    let (mut desk, run) = maintenance(&[Act::UntilStopped, Act::Deaf]).await;
    desk.send(Command::Cancel { run_id: run, now: false }).await.unwrap();
    let ended = reaches(&desk, run, JobState::Cancelled).await;
    assert_eq!(ended.error.as_deref(), Some("cancelled by test"));

    let deaf = desk.send(Command::Run { job: Job::Maintenance }).await.unwrap().unwrap();
    desk.send(Command::Cancel { run_id: deaf, now: false }).await.unwrap();
    pass(&desk.clock, 1);
    desk.wait_for(|s| (s.job_runs.iter().any(|r| r.id == deaf && r.state == JobState::Running)).then_some(())).await;
    // Told gently, then at once, then dropped: a grace each.
    let dropped = async {
        while desk.engine.state.borrow().job_runs.iter().any(|r| r.id == deaf && r.state == JobState::Running) {
            pass(&desk.clock, 1);
            desk.engine.state.clone().changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), dropped).await.unwrap();
    let ended = reaches(&desk, deaf, JobState::Cancelled).await;
    assert!(ended.error.as_ref().unwrap().contains("it did not let go and was dropped"), "{ended:?}");
    assert!(desk.send(Command::Cancel { run_id: deaf, now: true }).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_with_a_deaf_run_stops_within_five_seconds_and_says_the_truth() {
    let (desk, run) = maintenance(&[Act::Deaf]).await;
    reaches(&desk, run, JobState::Running).await;
    let (began, state) = (Instant::now(), desk.engine.state.clone());
    drop(desk.stop().await);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let last = state.borrow().job_runs.first().cloned().unwrap();
    assert_eq!((last.state, last.error.as_deref()), (JobState::Cancelled, Some("the engine was stopped")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pulse_is_felt_while_the_engine_lives_and_no_longer() {
    let (desk, _) = maintenance(&[]).await;
    let pulse: Pulse = desk.engine.pulse();
    assert_eq!(pulse.beat(Duration::from_secs(5)).await, Ok(()));
    drop(desk.stop().await);
    assert!(pulse.beat(Duration::from_secs(5)).await.is_err());
}
