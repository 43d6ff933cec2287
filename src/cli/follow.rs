//! Following a run of any job in the foreground to its end.

use std::cell::Cell;
use std::convert::Infallible;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::rig::{self, Rig};
use super::{Context, Exit, Failure, attach, output};
use crate::control::{Client, LinkView};
use crate::engine::{Command, Query, Reply, Snapshot};
use crate::store::master::Role;
use crate::store::scheduler::{JobRun, JobState};
use crate::trainer::lasted;

/// Has a command that starts a run done: by the engine that runs on the folder, which is then left alone with it, or by
/// one that lives for the length of the run.
pub(super) fn done(context: &Context, command: Command, as_json: bool) -> Result<Exit, Failure> {
    rig::runtime()?.block_on(async {
        if let Some(client) = attach::attach(context).await? {
            context.warn();
            let ack = attach::send(&client, context, command).await?;
            if as_json {
                output::json(&json!({ "ok": true, "run": ack.run_id, "message": ack.message }))?;
            } else {
                output::line(&ack.message)?;
            }
            return Ok(Exit::Done);
        }
        context.sound()?;
        let logging = context.start_logging()?;
        let rig = Rig::start(context, Role::Command, &logging).await?;
        let outcome = foreground(&rig.client(), context, command, as_json).await;
        rig.stop().await;
        outcome
    })
}

async fn foreground(client: &Client, context: &Context, command: Command, as_json: bool) -> Result<Exit, Failure> {
    let (run_id, signals) = begin(client, context, command).await?;
    report(&to_end(client, context, run_id, signals).await?, as_json)
}

/// Has a command that starts a run accepted, and gives the run's number. Signals are caught from here on: none finds its
/// default action, which would cut the run off.
pub(super) async fn begin(client: &Client, context: &Context, command: Command) -> Result<(i64, [Signal; 2]), Failure> {
    let signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    let ack = attach::send(client, context, command).await?;
    let Some(run_id) = ack.run_id else { return Err(Failure::new(ack.message)) };
    output::remark(&ack.message);
    Ok((run_id, signals))
}

/// Waits for the end of a run. Ctrl-C, or SIGTERM as a service manager sends it, stops it gently, a second one at once.
pub(super) async fn to_end(
    client: &Client,
    context: &Context,
    run_id: i64,
    [mut interrupt, mut terminate]: [Signal; 2],
) -> Result<JobRun, Failure> {
    let (mut state, mut link, mut stops) = (client.state(), client.link(), 0);
    loop {
        if let Some(run) = ended(&state.borrow_and_update(), run_id) {
            return Ok(run);
        }
        tokio::select! {
            changed = state.changed() => {
                changed.map_err(|_| Failure::new("the engine stopped before the run ended").next("look into the log: nightdesk logs"))?;
                continue;
            }
            now = client.link_changed(&link) => {
                link_remark(&link, &now);
                link = now;
                continue;
            }
            _ = interrupt.recv() => stops += 1,
            _ = terminate.recv() => stops += 1,
        }
        stop(client, context, run_id, stops > 1)?;
        output::remark(if stops == 1 { "Stopping; Ctrl-C again stops now" } else { "Stopping now" });
    }
}

/// As [`to_end`], and prints what the run tells meanwhile.
pub(super) async fn told_to_end(client: &Client, context: &Context, run_id: i64, signals: [Signal; 2]) -> Result<JobRun, Failure> {
    let told = Cell::new(0);
    // Beside each other: an answer that does not come must not keep signals and the end of the run waiting.
    let end = tokio::select! {
        end = to_end(client, context, run_id, signals) => end?,
        never = stories(client, run_id, &told) => match never {},
    };
    story(client, run_id, told.get()).await;
    Ok(end)
}

/// Prints what the run tells, for ever; `told` is the last line printed.
async fn stories(client: &Client, run_id: i64, told: &Cell<i64>) -> Infallible {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        told.set(story(client, run_id, told.get()).await);
    }
}

/// Prints what the run has told since line `after`, and gives the last line.
async fn story(client: &Client, run_id: i64, after: i64) -> i64 {
    // An engine that does not answer now is asked again.
    let Ok(Reply::Run(detail)) = client.query(Query::Run { run_id }).await else { return after };
    for event in detail.events.iter().filter(|e| e.seq > after) {
        match event.kind.as_str() {
            "phase" => output::remark(&event.text),
            "note" => output::remark(format_args!("  {}", event.text)),
            _ => {}
        }
    }
    detail.events.last().map_or(after, |e| e.seq.max(after))
}

/// Tells a run to stop, and waits for no answer: one that has just ended refuses, and its end is reported next; and a daemon
/// that is slow must make no signal wait. Fails where the daemon is out of reach.
pub(super) fn stop(client: &Client, context: &Context, run_id: i64, now: bool) -> Result<(), Failure> {
    if matches!(client.link(), LinkView::Lost { .. }) {
        let what = format!("the daemon does not answer, run {run_id} could not be told to stop");
        return Err(Failure::new(what).next(format!("when it is back: nightdesk runs show {run_id}")));
    }
    let (client, cancel) = (client.clone(), attach::envelope(context, Command::Cancel { run_id, now }));
    tokio::spawn(async move { client.send(cancel).await });
    Ok(())
}

/// Says what a change of the way to the engine means for who waits.
pub(super) fn link_remark(before: &LinkView, now: &LinkView) {
    match (before, now) {
        (LinkView::Lost { .. }, LinkView::Lost { .. }) => {}
        (_, LinkView::Lost { cause, .. }) => output::remark(format_args!("The daemon does not answer, waiting for it: {cause}")),
        (LinkView::Lost { .. }, LinkView::Attached { .. }) => output::remark("The daemon answers again"),
        _ => {}
    }
}

fn ended(snapshot: &Snapshot, run_id: i64) -> Option<JobRun> {
    snapshot.job_runs.iter().find(|r| r.id == run_id && r.state.ended()).cloned()
}

/// The last line about a run that has ended. `part`: what else to count; `why`: whether its error is not told above.
pub(super) fn closing(run: &JobRun, part: &str, why: bool) -> String {
    let why = run.error.as_ref().filter(|_| why).map(|e| format!(": {e}")).unwrap_or_default();
    format!("Run {} of {} {} after {}{part}{why}", run.id, run.job, run.state, took(run))
}

/// What is printed of a run that worked through the strategies, as JSON.
pub(super) fn json_of_parts(run: &JobRun, strategies: &[Value]) -> Value {
    json!({ "ok": exit(run) == Exit::Done, "run": run.id, "state": run.state, "note": run.error, "strategies": strategies })
}

fn report(run: &JobRun, as_json: bool) -> Result<Exit, Failure> {
    if as_json {
        output::json(&super::runs::job_json(run))?;
    } else {
        let failed =
            if run.failures > 0 { format!(", {}", output::count(run.failures as usize, "failure", "failures")) } else { String::new() };
        output::line(closing(run, &failed, true))?;
    }
    Ok(exit(run))
}

/// How long a run that has ended took; its times are whole seconds.
pub(super) fn took(run: &JobRun) -> String {
    match run.seconds(run.ended_at.unwrap_or_default()).unwrap_or(0) {
        ..=0 => "less than a second".to_owned(),
        seconds @ 1..=9 => format!("{seconds} s"),
        seconds => lasted(seconds as f64),
    }
}

/// Time between two looks at what a run tells.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a command that waited for a run ends with.
pub(super) fn exit(run: &JobRun) -> Exit {
    match run.state {
        JobState::Succeeded if run.failures > 0 => Exit::Partial,
        JobState::Succeeded => Exit::Done,
        JobState::Cancelled => Exit::Interrupted,
        _ => Exit::Failed,
    }
}
