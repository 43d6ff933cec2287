//! `nightdesk maintenance`: the night's maintenance job in the foreground, while no other process holds the folder.

use std::sync::Arc;

use arc_swap::ArcSwap;
use clap::Args;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::output::{self, count, thousands};
use super::{Context, Exit, Failure};
use crate::engine::{JobEnd, JobLine, JobReport, JobStop};
use crate::maintenance::{Maintenance, Outcome, Summary};
use crate::store::master::StoreError;
use crate::store::scheduler::SchedulerDb;

/// Verify the databases, back them up, try the backup, pack old logs, forget old runs
///
/// The scheduler does the same every Sunday night. Exit code: 0 done, 1 failed or damage found, 3 done but a lesser
/// step failed, 130 interrupted.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    if !context.database().exists() {
        return Err(StoreError::Missing(context.database()).into());
    }
    let _logging = context.start_logging()?;
    let end = context.block_on(foreground(context))??;
    show(&end, arguments.json)
}

async fn foreground(context: &Context) -> Result<JobEnd, Failure> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let writer = context.open_writer()?;
    let path = context.data_dir.join("scheduler.db");
    let runs = if path.exists() {
        let opened = SchedulerDb::open(&path, context.clock.now()).map_err(|e| Failure::new(e.to_string()))?;
        Some(opened.db)
    } else {
        None
    };
    let settings = Arc::new(ArcSwap::from_pointee(context.settings.clone()));
    let (data_dir, clock) = (context.data_dir.clone(), Arc::clone(&context.clock));
    let job = Maintenance { data_dir, writer: writer.clone(), runs: runs.clone(), settings, clock };
    let (lines, mut told) = mpsc::channel::<JobLine>(16);
    let stop = JobStop::default();
    let report = JobReport::new(0, lines);
    let work = job.work(&report, &stop);
    tokio::pin!(work);
    let end = loop {
        tokio::select! { biased;
            Some(line) = told.recv() => remark(&line),
            Some(()) = interrupts.recv() => stop.at_once(),
            end = &mut work => break end,
        }
    };
    while let Ok(line) = told.try_recv() {
        remark(&line);
    }
    if let Some(runs) = runs {
        runs.close().await.map_err(|e| Failure::new(e.to_string()))?;
    }
    writer.close().await?;
    Ok(end)
}

fn remark(line: &JobLine) {
    let indent = if line.kind == "phase" { "" } else { "  " };
    output::remark(format_args!("{indent}{}", line.text));
}

fn show(end: &JobEnd, as_json: bool) -> Result<Exit, Failure> {
    let (exit, state, summary, error) = match end {
        JobEnd::Succeeded { failures: 0, summary, .. } => (Exit::Done, "succeeded", summary, None),
        JobEnd::Succeeded { summary, note, .. } => (Exit::Partial, "succeeded", summary, note.as_deref()),
        JobEnd::Failed { error, summary, .. } => (Exit::Failed, "failed", summary, Some(error.as_str())),
        JobEnd::Cancelled { summary } => (Exit::Interrupted, "cancelled", summary, None),
    };
    let summary: Summary = summary.as_deref().and_then(|s| serde_json::from_str(s).ok()).unwrap_or_default();
    if as_json {
        let ok = exit == Exit::Done;
        output::json(&json!({ "ok": ok, "state": state, "error": error.map_or(Value::Null, Value::from), "summary": summary }))?;
        return Ok(exit);
    }
    let done = summary.steps.iter().filter(|s| s.outcome == Outcome::Done).count();
    let steps = count(summary.steps.len(), "step", "steps");
    let (rows, mib) = (thousands(summary.rows), summary.bytes as f64 / f64::from(1 << 20));
    output::line(format_args!(
        "Maintenance {state} in {:.1} s: {done} of {steps}, {rows} bars verified, {mib:.1} MiB backed up.",
        summary.seconds
    ))?;
    if let Some(error) = error {
        output::line(error)?;
    }
    Ok(exit)
}
