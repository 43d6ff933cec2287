//! `nightdesk maintenance`: the night's maintenance job now, followed to its end: by the engine that runs on the data folder,
//! or by one that lives for the length of the job. Either way it is a run on record.

use clap::Args;
use serde_json::{Value, json};

use super::output::{self, count, thousands};
use super::{Context, Exit, Failure, follow, rig};
use crate::control::Client;
use crate::engine::Command;
use crate::maintenance::{Outcome, Summary};
use crate::store::master::StoreError;
use crate::store::scheduler::{Job, JobRun};

/// Verify the databases, back them up, try the backup, pack old logs, forget old runs
///
/// The scheduler does the same every Sunday night. A running engine is asked to do it. Ctrl-C or SIGTERM stops it, a second
/// one at once. Exit code: 0 done, 1 failed or damage found, 3 done but a lesser step failed, 130 interrupted.
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
    rig::with_engine(context, async |client| foreground(client, context, arguments.json).await)
}

async fn foreground(client: &Client, context: &Context, as_json: bool) -> Result<Exit, Failure> {
    let (run_id, signals) = follow::begin(client, context, Command::Run { job: Job::Maintenance }).await?;
    show(&follow::told_to_end(client, context, run_id, signals).await?, as_json)
}

fn show(run: &JobRun, as_json: bool) -> Result<Exit, Failure> {
    let exit = follow::exit(run);
    let (state, error) = (run.state, run.error.as_deref());
    let summary: Summary = run.summary.as_deref().and_then(|s| serde_json::from_str(s).ok()).unwrap_or_default();
    if as_json {
        let ok = exit == Exit::Done;
        output::json(
            &json!({ "ok": ok, "run": run.id, "state": state, "error": error.map_or(Value::Null, Value::from), "summary": summary }),
        )?;
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
