//! What a running engine adds to `nightdesk status`: what it does now, what is next, what needs a person; and
//! `status --watch`, which prints the status anew whenever it changes.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::output::{line, second};
use super::{Context, Exit, Failure, attach, status, train};
use crate::control::{Client, LinkView};
use crate::engine::{JobView, Snapshot};
use crate::train::progress::{TrainingState, TrainingView};

/// Shortest time between two prints, and the wait for a change while no engine runs.
const EVERY: Duration = Duration::from_secs(1);
/// Home, and everything below the cursor erased (ECMA-48 CUP and ED).
const HOME: &str = "\x1b[H\x1b[J";

/// Prints the status for ever, at most once a second and only when it changed.
pub(super) fn watch(context: &Context) -> Result<Exit, Failure> {
    let terminal = std::io::stdout().is_terminal();
    context.block_on(async {
        let mut before = String::new();
        loop {
            let client = attach::attach(context).await?;
            let now = status::text(context, client.as_ref())?;
            if now != before {
                if terminal {
                    write!(std::io::stdout().lock(), "{HOME}")?;
                }
                line(now.trim_end())?;
                before = now;
            }
            next(client.as_ref()).await;
        }
    })?
}

/// Waits until there may be something new.
async fn next(client: Option<&Client>) {
    let changed = async {
        match client {
            Some(client) => drop(client.state().changed().await),
            None => std::future::pending().await,
        }
    };
    tokio::join!(tokio::time::sleep(EVERY), async { drop(tokio::time::timeout(5 * EVERY, changed).await) });
}

/// The engine's part of the status, line by line.
pub(super) fn lines(client: &Client, out: &mut Vec<String>) {
    let state = client.state();
    let s = state.borrow();
    let p = &s.process;
    let what = if p.daemon { "daemon" } else { "console" };
    let note = match client.link() {
        LinkView::Attached { read_only: Some(why), .. } => format!("; {why}"),
        LinkView::Lost { cause, .. } => format!("; it does not answer: {cause}"),
        _ => String::new(),
    };
    out.push(format!("{what} {} runs since {} UTC as process {}{note}", p.version, second(p.started_at), p.pid));
    if let Some(run) = &s.active {
        let p = &run.progress;
        out.push(format!("now   run {}: {}, {} of {} series, {} failed", run.id, p.phase, p.series_done, p.series_total, p.failed));
    }
    for run in s.job_runs.iter().filter(|r| !r.state.ended() && s.active.as_ref().is_none_or(|a| a.id != r.id)) {
        out.push(format!("now   run {}: {} {}", run.id, run.job, run.state));
        let training = s.training.iter().find(|v| v.job_run == Some(run.id) && v.state == TrainingState::Running);
        out.extend(training.map(|view| format!("      {}", train::now(view).join(", "))));
    }
    if !s.jobs.is_empty() {
        let held = s.scheduler.held.as_ref().map(|h| format!(", held: {h}")).unwrap_or_default();
        out.push(format!("scheduler {}{held}", if s.scheduler.on { "on" } else { "off" }));
    }
    out.extend(s.jobs.iter().filter(|j| j.missing.is_none()).map(job));
    if s.alerts.is_empty() {
        out.push("nothing needs you".to_owned());
    }
    out.extend(s.alerts.iter().map(|a| format!("NEEDS YOU  {} (since {} UTC)", a.text, second(a.since))));
}

fn job(j: &JobView) -> String {
    let next = match (&j.paused, j.next) {
        (Some(pause), _) => format!("paused by {}: {}", pause.by, pause.reason),
        (None, Some(at)) => format!("next {} UTC", second(at)),
        (None, None) => "no tick ahead".to_owned(),
    };
    let last = j.last.as_ref().map(|r| format!(", last run {} {}", r.id, r.state)).unwrap_or_default();
    format!("  {:<11} {:<34} {next}{last}", j.job, j.words)
}

/// The engine's part of `status --json`.
pub(super) fn json(s: &Snapshot) -> Value {
    let active = s.active.as_ref().map(|r| json!({ "run": r.id, "started_at": r.started_at, "progress": r.progress }));
    // The curves are for pictures.
    let bare = |v: &TrainingView| TrainingView { curves: Vec::new(), ..v.clone() };
    let training: Vec<TrainingView> = s.training.iter().filter(|v| v.state == TrainingState::Running).map(bare).collect();
    json!({
        "boot_id": s.epoch,
        "process": *s.process,
        "scheduler": *s.scheduler,
        "active": active,
        "training": training,
        "jobs": *s.jobs,
        "needs_you": *s.alerts,
        "host": s.host,
    })
}
