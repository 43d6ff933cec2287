//! The nights of the fixture: six jobs, their runs, what the engine tells of them.

use std::sync::Arc;

use chrono::NaiveDate;
use nightdesk::engine::{JobDetail, JobView, PlannedTick, RunDetail, SchedulerView};
use nightdesk::store::scheduler::{Job, JobRun, JobState, Pause, RunEvent, Trigger};

use super::{NOW, Scene};

/// 22:45 in New York on Friday 20 November, UTC seconds.
const FRIDAY: i64 = 1_795_232_700;
/// 02:00 in New York on Sunday 22 November.
const SUNDAY: i64 = 1_795_330_800;
const DAY: i64 = 86_400;

fn session(day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(2026, 11, day)
}

fn run(id: i64, job: Job, state: JobState, tick: Option<i64>, seconds: i64) -> JobRun {
    let started = tick.unwrap_or(NOW - 4_000 * (30 - id)) + 2;
    let ran = state != JobState::Skipped && state != JobState::Queued;
    JobRun {
        id,
        job,
        state,
        trigger: if tick.is_some() { Trigger::Schedule } else { Trigger::Manual },
        actor: if tick.is_some() { "schedule".into() } else { "console".into() },
        scheduled_for: tick,
        session: (job == Job::Ingest && tick.is_some()).then(|| session(20)).flatten(),
        attempt: 1,
        queued_at: started - 2,
        not_before: None,
        started_at: ran.then_some(started),
        ended_at: state.ended().then_some(started + seconds),
        error: None,
        failures: 0,
        params: None,
        summary: None,
        boot_id: "fixture".into(),
    }
}

/// Ended runs, newest first.
fn ended() -> Vec<JobRun> {
    let maintenance = r#"{"bytes":671088640,"ok":true,"rows":2701890,"seconds":41.26,"problems":[],"steps":[
        {"step":"pages","outcome":"done","text":"every page is sound"},{"step":"backup","outcome":"done","text":"2026-11-22.db, tried and sound"}]}"#;
    let refused = "no source answered: ib refused the connection, yahoo is cooling down";
    vec![
        JobRun {
            failures: 4,
            params: Some(r#"{"symbols":[],"timeframes":[]}"#.into()),
            ..run(28, Job::Ingest, JobState::Succeeded, None, 131)
        },
        run(27, Job::Ingest, JobState::Succeeded, None, 131),
        JobRun { summary: Some(maintenance.into()), ..run(26, Job::Maintenance, JobState::Succeeded, Some(SUNDAY), 41) },
        JobRun { attempt: 2, trigger: Trigger::Retry, ..run(25, Job::Ingest, JobState::Succeeded, Some(FRIDAY), 172) },
        JobRun { error: Some(refused.into()), ..run(24, Job::Ingest, JobState::Failed, Some(FRIDAY), 63) },
        JobRun { trigger: Trigger::CatchUp, session: session(19), ..run(23, Job::Ingest, JobState::Succeeded, Some(FRIDAY - DAY), 148) },
        JobRun {
            session: session(18),
            error: Some("missed while Nightdesk was not running; run 23 makes up for it".into()),
            ..run(22, Job::Ingest, JobState::Skipped, Some(FRIDAY - 2 * DAY), 0)
        },
        JobRun {
            error: Some("took longer than 30 minutes".into()),
            ..run(21, Job::Ingest, JobState::TimedOut, Some(FRIDAY - 3 * DAY), 1_800)
        },
    ]
}

/// All runs of a scene, newest first.
pub fn job_runs(scene: Scene) -> Vec<JobRun> {
    let mut runs = match scene {
        Scene::Loading => return Vec::new(),
        Scene::Idle => Vec::new(),
        Scene::Live | Scene::Stale => vec![JobRun { started_at: Some(NOW - 92), ..run(29, Job::Ingest, JobState::Running, None, 0) }],
        Scene::Failures => {
            let failed = JobRun {
                error: Some("ib is down (connection refused) and yahoo is cooling down".into()),
                ..run(29, Job::Ingest, JobState::Failed, Some(NOW - 400), 341)
            };
            let queued = run(30, Job::Ingest, JobState::Queued, Some(NOW - 400), 0);
            vec![JobRun { attempt: 2, trigger: Trigger::Retry, not_before: Some(NOW + 41), ..queued }, failed]
        }
    };
    runs.extend(ended());
    runs
}

/// A job of a scene.
fn view(job: Job, scene: Scene) -> JobView {
    let runs = job_runs(scene);
    let own = || runs.iter().filter(|r| r.job == job);
    let last = own().find(|r| r.state.ended() && r.state != JobState::Skipped).cloned();
    let (cron, words, timeout) = match job {
        Job::Ingest => ("45 22 * * *", "22:45 after each trading session", 30),
        Job::Scan => ("30 23 * * *", "23:30 after each trading session", 60),
        Job::Backtest => ("0 0 * * *", "00:00 after each trading session", 90),
        Job::Drift => ("30 0 * * *", "00:30 after each trading session", 45),
        Job::Train => ("0 0 * * SUN", "Sundays at 00:00", 120),
        Job::Maintenance => ("0 2 * * SUN", "Sundays at 02:00", 30),
    };
    let built = matches!(job, Job::Ingest | Job::Maintenance | Job::Train);
    let pause = Pause { at: NOW - 7_500, by: "anna".into(), reason: "the disk is being replaced".into() };
    let paused = (scene == Scene::Failures && job == Job::Maintenance).then_some(pause);
    let ticks = built && paused.is_none() && scene != Scene::Stale;
    JobView {
        job,
        missing: (!built).then(|| "This version has no such work yet.".to_owned()),
        cron: cron.into(),
        zone: "America/New_York".into(),
        words: words.into(),
        paused,
        next: ticks.then_some(if job == Job::Ingest { FRIDAY + 3 * DAY } else { SUNDAY + 7 * DAY }),
        next_session: (ticks && job == Job::Ingest).then(|| session(23)).flatten(),
        active: own().find(|r| !r.state.ended()).cloned(),
        last,
        timeout_s: timeout * 60,
        failures_in_row: u32::from(scene == Scene::Failures && job == Job::Ingest),
        durations: if built { vec![118, 140, 122, 131, 1_800, 148, 63, 172, 131, 131] } else { Vec::new() },
    }
}

/// The jobs of a scene, in the order of a night.
pub fn jobs(scene: Scene) -> Vec<JobView> {
    if scene == Scene::Loading { Vec::new() } else { Job::ALL.map(|job| view(job, scene)).to_vec() }
}

/// The scheduler of a scene: an operator has switched it off in the stale one.
pub fn scheduler(scene: Scene) -> SchedulerView {
    let off = scene == Scene::Stale;
    SchedulerView { on: !off, since: NOW - 7_500, by: if off { "anna".into() } else { String::new() }, held: None }
}

/// Everything about a job.
pub fn job_detail(job: Job, scene: Scene) -> JobDetail {
    let tick = |days: i64, day: u32, skip: Option<&str>| PlannedTick {
        at: FRIDAY + days * DAY,
        session: if skip.is_none() { session(day) } else { None },
        skip: skip.map(str::to_owned),
    };
    let weekend = Some("no session since the last tick");
    let next = match job {
        Job::Ingest => vec![
            tick(2, 0, weekend),
            tick(3, 23, None),
            tick(4, 24, None),
            tick(5, 25, None),
            tick(6, 0, Some("Thanksgiving Day")),
            tick(7, 27, None),
        ],
        Job::Maintenance => (1..=4).map(|week| PlannedTick { at: SUNDAY + week * 7 * DAY, session: None, skip: None }).collect(),
        _ => Vec::new(),
    };
    JobDetail { view: view(job, scene), next, runs: job_runs(scene).into_iter().filter(|r| r.job == job).collect() }
}

/// Everything about a run of a scene.
pub fn run_detail(id: i64, scene: Scene) -> Option<RunDetail> {
    let runs = job_runs(scene);
    let run = runs.iter().find(|r| r.id == id)?.clone();
    let from = run.started_at.unwrap_or(run.queued_at);
    let event = |seq: i64, after: i64, kind: &str, text: &str| RunEvent {
        seq,
        run_id: id,
        at_ms: (from + after) * 1000,
        kind: kind.into(),
        text: text.into(),
    };
    let mut events = vec![event(1, -2, "queued", "Waits for a slot")];
    if run.started_at.is_some() {
        events.push(event(2, 0, "started", "A slot is free"));
        events.push(event(3, 1, "phase", "Planning: 1,360 series, 3,611 requests"));
        events.push(event(4, 9, "phase", "Fetching from ib"));
    }
    if let (Some(at), Some(error)) = (run.ended_at, &run.error) {
        events.push(event(5, at - from, "ended", error));
    }
    let same_tick = |r: &&JobRun| r.id != id && r.job == run.job && run.scheduled_for.is_some() && r.scheduled_for == run.scheduled_for;
    let attempts = runs.iter().filter(same_tick).cloned().collect();
    Some(RunDetail { run, events, attempts })
}

/// What all jobs of a snapshot share.
pub fn shared(scene: Scene) -> (Arc<SchedulerView>, Arc<Vec<JobView>>, Arc<Vec<JobRun>>) {
    (Arc::new(scheduler(scene)), Arc::new(jobs(scene)), Arc::new(job_runs(scene)))
}
