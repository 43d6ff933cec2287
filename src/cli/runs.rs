//! `nightdesk runs`: what was asked for at night and what came of it, from the database.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{self, line, second, thousands};
use super::{Context, Exit, Failure};
use crate::engine::{IngestSpec, RunSummary};
use crate::store::master::{Reader, RunRecord};

/// List or show ingest runs and imports
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List runs, newest first
    List {
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u32,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show one run: what was asked for, what came of it, what failed
    Show {
        /// Its number, from the list
        id: i64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

impl Arguments {
    pub(super) fn json(&self) -> bool {
        match self.command {
            Command::List { json, .. } | Command::Show { json, .. } => json,
        }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let reader = Reader::open(&context.database())?;
    match arguments.command {
        Command::List { limit, json } => {
            let runs = reader.runs(limit as usize)?;
            if json {
                let runs: Vec<Value> = runs.iter().map(self::json).collect();
                output::json(&json!({ "ok": true, "runs": runs }))?;
            } else {
                list(&runs)?;
            }
        }
        Command::Show { id, json } => {
            let run = reader.run(id)?;
            if json { output::json(&self::json(&run))? } else { show(&run)? }
        }
    }
    Ok(Exit::Done)
}

/// A run with its spec and its summary as values instead of the JSON texts that the record keeps.
pub(super) fn json(run: &RunRecord) -> Value {
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    json!({
        "id": run.id,
        "state": run.state,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "spec": value(&run.spec),
        "summary": run.summary.as_deref().map(value),
        "error": run.error,
    })
}

fn list(runs: &[RunRecord]) -> Result<(), Failure> {
    if runs.is_empty() {
        return line("No run yet.");
    }
    line(format_args!(
        "{:>5}  {:<9}  {:<19}  {:>8}  {:>6}  {:>6}  {:>11}  asked for",
        "run", "state", "started UTC", "took", "ok", "failed", "new bars"
    ))?;
    for run in runs {
        let summary = RunSummary::stored(run.summary.as_deref());
        let figure = |f: fn(&RunSummary) -> u64| summary.as_ref().map_or_else(|| "-".to_owned(), |s| thousands(f(s)));
        line(format_args!(
            "{:>5}  {:<9}  {:<19}  {:>8}  {:>6}  {:>6}  {:>11}  {}",
            run.id,
            run.state,
            second(run.started_at),
            took(run),
            figure(|s| s.series_ok.into()),
            figure(|s| s.series_failed.into()),
            figure(|s| s.inserted),
            IngestSpec::words(&run.spec)
        ))?;
    }
    Ok(())
}

fn show(run: &RunRecord) -> Result<(), Failure> {
    line(format_args!("Run {}: {}", run.id, IngestSpec::words(&run.spec)))?;
    line(format_args!("  state      {}", run.state))?;
    line(format_args!("  started    {} UTC", second(run.started_at)))?;
    line(format_args!("  took       {}", took(run)))?;
    if let Some(error) = &run.error {
        line(format_args!("  error      {error}"))?;
    }
    let Some(s) = RunSummary::stored(run.summary.as_deref()) else { return figures(run) };
    let requests: Vec<String> = s.requests.iter().map(|(source, n)| format!("{source} {n}")).collect();
    line(format_args!("  series     {} brought up to date, {} failed, {} were fresh", s.series_ok, s.series_failed, s.series_fresh))?;
    line(format_args!("  requests   {}", if requests.is_empty() { "none".to_owned() } else { requests.join(", ") }))?;
    line(format_args!(
        "  bars       {} received, {} new, {} revised, {} derived",
        thousands(s.bars),
        thousands(s.inserted),
        thousands(s.revised),
        thousands(s.derived)
    ))?;
    line(format_args!("  actions    {} splits, {} dividends, {} fundamentals", s.splits, s.dividends, s.fundamentals))?;
    line(format_args!("  findings   {}", s.issues))?;
    for failure in &s.failures {
        line(format_args!("  failed     {failure}"))?;
    }
    Ok(())
}

/// An import keeps other figures than an ingest; those that say something are shown by their names.
fn figures(run: &RunRecord) -> Result<(), Failure> {
    let summary: Option<Value> = run.summary.as_deref().and_then(|s| serde_json::from_str(s).ok());
    for (name, value) in summary.as_ref().and_then(Value::as_object).into_iter().flatten() {
        if let Some(n) = value.as_u64().filter(|n| *n > 0 && name != "run_id") {
            line(format_args!("  {:<9}  {}", name.replace('_', " "), thousands(n)))?;
        }
    }
    Ok(())
}

/// `01:02:07`, hours first.
fn took(run: &RunRecord) -> String {
    let Some(s) = run.ended_at.map(|e| (e - run.started_at).max(0)) else { return "-".to_owned() };
    format!("{:02}:{:02}:{:02}", s / 3600, s % 3600 / 60, s % 60)
}
