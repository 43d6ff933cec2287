use std::sync::Arc;

use super::*;
use crate::engine::{Alert, JobView};
use crate::store::scheduler::{Job, Pause, Trigger};

/// When the process began.
const START: i64 = 1_700_000_000;

fn run(id: i64, state: JobState, attempt: u32) -> JobRun {
    JobRun {
        id,
        job: Job::Ingest,
        state,
        trigger: Trigger::Schedule,
        actor: "schedule".into(),
        scheduled_for: Some(START),
        session: None,
        attempt,
        queued_at: START,
        not_before: None,
        started_at: Some(START),
        ended_at: state.ended().then_some(START + id),
        error: Some("the gateway is away".into()),
        failures: 0,
        params: None,
        summary: None,
        boot_id: "b".into(),
    }
}

fn snapshot(runs: Vec<JobRun>, alerts: &[(&str, AlertLevel)]) -> Snapshot {
    let alert =
        |(key, level): &(&str, AlertLevel)| Alert { key: (*key).into(), level: *level, text: "x".into(), since: START, series: None };
    Snapshot { at_ms: START * 1000, job_runs: Arc::new(runs), alerts: Arc::new(alerts.iter().map(alert).collect()), ..Snapshot::default() }
}

/// What is told when the snapshots come at these seconds.
fn told(course: &[(u64, Snapshot)]) -> Vec<(u64, Event, String)> {
    let (mut causes, start, mut out) = (Causes::default(), Instant::now(), Vec::new());
    for (at, snapshot) in course {
        let now = start + Duration::from_secs(*at);
        causes.observe(snapshot, now);
        for (key, notice) in causes.due(now) {
            causes.settled(&key);
            out.push((*at, notice.event, key));
        }
    }
    out
}

#[test]
fn a_failure_is_told_once_and_only_when_no_attempt_follows() {
    let (first, second) = (run(1, JobState::Failed, 1), run(2, JobState::Queued, 2));
    let last = run(2, JobState::Failed, 2);
    let course = [
        (0, snapshot(vec![], &[])),
        (1, snapshot(vec![first.clone()], &[])),
        (2, snapshot(vec![second, first.clone()], &[])),
        (9, snapshot(vec![last.clone(), first.clone()], &[])),
        (12, snapshot(vec![last.clone(), first.clone()], &[("run:2", AlertLevel::Bad)])),
        (99, snapshot(vec![last, first], &[("run:2", AlertLevel::Bad)])),
    ];
    assert_eq!(told(&course), [(12, Event::RunFailed, "run:2".to_owned())]);
}

#[test]
fn a_lost_run_is_told_although_it_is_made_up_for_and_old_ends_are_not() {
    let lost = JobRun { ended_at: Some(START - 2), ..run(5, JobState::Lost, 1) };
    let old = JobRun { ended_at: Some(START - 11), ..run(3, JobState::TimedOut, 1) };
    let now = || snapshot(vec![run(6, JobState::Running, 2), lost.clone(), old.clone()], &[]);
    assert_eq!(told(&[(0, now()), (3, now()), (9, now())]), [(3, Event::RunLost, "run:5".to_owned())]);
}

#[test]
fn alerts_must_last_a_minute_and_are_told_again_only_after_they_were_gone() {
    let there = || snapshot(vec![], &[("disk", AlertLevel::Bad), ("wal", AlertLevel::Warn), ("late:ingest", AlertLevel::Bad)]);
    let gone = || snapshot(vec![], &[]);
    let course = [
        (0, there()),
        (30, gone()),
        (40, there()),
        (99, there()),
        (100, there()),
        (300, there()),
        (301, gone()),
        (302, there()),
        (400, there()),
    ];
    let disk: Vec<_> = told(&course).into_iter().filter(|t| t.2 == "disk").map(|t| (t.0, t.1)).collect();
    assert_eq!(disk, [(100, Event::Alert), (400, Event::Alert)]);
    let late: Vec<_> = told(&course).into_iter().filter(|t| t.2 == "late:ingest").map(|t| (t.0, t.1)).collect();
    assert_eq!(late, [(0, Event::RunLate), (40, Event::RunLate), (302, Event::RunLate)]);
    assert!(told(&course).iter().all(|t| t.2 != "wal"));
}

#[test]
fn a_pause_is_told_when_it_is_new() {
    let paused = |at: i64| {
        let pause = Some(Pause { at, by: "schedule".into(), reason: "3 ticks in a row have failed".into() });
        let (next, last, active) = (None, None, None);
        let view = JobView {
            job: Job::Ingest,
            missing: None,
            cron: String::new(),
            zone: String::new(),
            words: String::new(),
            timeout_s: 1_800,
            paused: pause,
            next,
            next_session: None,
            active,
            last,
            failures_in_row: 3,
            durations: Vec::new(),
        };
        Snapshot { jobs: Arc::new(vec![view]), ..snapshot(vec![], &[("paused:ingest", AlertLevel::Bad)]) }
    };
    assert_eq!(told(&[(0, paused(START - 99)), (90, paused(START - 99))]), []);
    assert_eq!(told(&[(0, paused(START)), (90, paused(START))]), [(0, Event::JobPaused, "paused:ingest".to_owned())]);
}

#[test]
fn the_next_due_time_is_known_and_a_loading_engine_says_nothing() {
    let mut causes = Causes::default();
    let now = Instant::now();
    let there = snapshot(vec![run(1, JobState::Failed, 1)], &[("disk", AlertLevel::Bad)]);
    causes.observe(&Snapshot { loading: true, ..there.clone() }, now);
    assert_eq!(causes.next_due(now), None);
    causes.observe(&there, now);
    assert_eq!(causes.next_due(now), Some(now + SETTLED));
    causes.settled("run:1");
    assert_eq!(causes.next_due(now), Some(now + LASTING));
}
