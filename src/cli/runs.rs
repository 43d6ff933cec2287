//! `nightdesk runs`: what was asked for at night and what came of it, from the databases: runs of all jobs, and imports.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{self, line, second, thousands};
use super::train::report;
use super::{Context, Exit, Failure, attach, follow, rig};
use crate::engine::{Command as EngineCommand, IngestSpec, RunSummary, SCHEDULER_DATABASE, asked};
use crate::store::master::{Holder, Reader, RunRecord, RunState};
use crate::store::scheduler::{Job, JobRun, JobState, RunEvent, RunFilter, SchedulerReader};
use crate::train::spec::TrainSpec;

/// Lines of a run's story that are shown.
const STORY: usize = 1_000;

/// List, show, cancel or repeat runs of jobs; imports are listed too
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
        /// Only runs of this job
        #[arg(long, value_name = "JOB", value_parser = Job::parse)]
        job: Option<Job>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show one run: what was asked for, what came of it, what failed, and its story
    Show {
        /// Its number, from the list
        id: i64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Stop a run of the engine that runs on the data folder
    Cancel {
        /// Its number
        id: i64,
        /// At once, withdrawing the requests in flight
        #[arg(long)]
        now: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Do again what an ended run did, with what it was asked for
    Rerun {
        /// Its number
        id: i64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

impl Arguments {
    pub(super) fn json(&self) -> bool {
        match self.command {
            Command::List { json, .. } | Command::Show { json, .. } | Command::Cancel { json, .. } | Command::Rerun { json, .. } => json,
        }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    if !matches!(arguments.command, Command::Rerun { .. }) {
        context.warn();
    }
    match arguments.command {
        Command::List { limit, job, json } => {
            let rows = rows(context, limit as usize, job)?;
            if json {
                let runs: Vec<Value> = rows.iter().map(Row::json).collect();
                output::json(&json!({ "ok": true, "runs": runs }))?;
            } else {
                list(&rows)?;
            }
        }
        Command::Show { id, json } => show(context, id, json)?,
        Command::Cancel { id, now, json } => return cancel(context, id, now, json),
        Command::Rerun { id, json } => return follow::done(context, EngineCommand::Rerun { run_id: id }, json),
    }
    Ok(Exit::Done)
}

fn cancel(context: &Context, run_id: i64, now: bool, as_json: bool) -> Result<Exit, Failure> {
    let ack = rig::runtime()?.block_on(async {
        let client = attach::running(context).await?;
        let sent = attach::send(&client, context, EngineCommand::Cancel { run_id, now }).await;
        sent.map_err(|failure| failure.next("`nightdesk runs list` shows which runs there are and which of them work"))
    })?;
    if as_json {
        output::json(&json!({ "ok": true, "run": run_id, "message": ack.message }))?;
    } else {
        line(ack.message)?;
    }
    Ok(Exit::Done)
}

/// What is said of a run that its record shows at work although nobody works at it any more.
const ENDED: &str = "its engine ended";

/// A run as either database knows it: a job's in `scheduler.db`, and an ingest or an import in the master database.
/// Where both know it, they use the same number.
struct Row {
    job: Option<JobRun>,
    record: Option<RunRecord>,
}

/// The record of runs; `None` before the first engine has made it.
fn record(context: &Context) -> Result<Option<SchedulerReader>, Failure> {
    let path = context.data_dir.join(SCHEDULER_DATABASE);
    if !path.exists() {
        return Ok(None);
    }
    SchedulerReader::open(&path).map(Some).map_err(|e| Failure::new(e.to_string()))
}

fn rows(context: &Context, limit: usize, job: Option<Job>) -> Result<Vec<Row>, Failure> {
    let master = Reader::open(&context.database())?;
    let mut rows: BTreeMap<i64, Row> = BTreeMap::new();
    if let Some(jobs) = record(context)? {
        let found = jobs.runs(RunFilter { job, state: None }, limit).map_err(|e| Failure::new(e.to_string()))?;
        rows.extend(found.into_iter().map(|run| (run.id, Row { job: Some(run), record: None })));
    }
    for found in master.runs(limit)? {
        match rows.get_mut(&found.id) {
            Some(row) => row.record = Some(found),
            None if job.is_none() || job == Some(Job::Ingest) && !is_import(&found) => {
                rows.insert(found.id, Row { job: None, record: Some(found) });
            }
            None => {}
        }
    }
    let living = Holder::living(&context.database());
    Ok(rows.into_values().rev().take(limit).map(|row| row.judged(living.as_ref())).collect())
}

/// The run as the master database knows it, lost where its engine has ended.
pub(super) fn judged(context: &Context, found: RunRecord) -> RunRecord {
    if found.state != RunState::Running {
        return found;
    }
    // Without the record of jobs only the holder of the folder tells.
    let job = record(context).ok().flatten().and_then(|jobs| jobs.run(found.id).ok().flatten());
    let row = Row { job, record: Some(found.clone()) }.judged(Holder::living(&context.database()).as_ref());
    row.record.unwrap_or(found)
}

/// The state of such a run in words.
pub(super) fn record_word(run: &RunRecord) -> String {
    if run.state == RunState::Lost { format!("{} ({ENDED})", run.state) } else { run.state.to_string() }
}

fn is_import(record: &RunRecord) -> bool {
    IngestSpec::words(&record.spec).starts_with("import ")
}

/// A text that may be JSON, as a value.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// An ingest or an import with its spec and its summary as values instead of the JSON texts that the record keeps.
pub(super) fn json(run: &RunRecord) -> Value {
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

/// A run of a job, likewise.
pub(super) fn job_json(run: &JobRun) -> Value {
    json!({
        "id": run.id,
        "job": run.job,
        "state": run.state,
        "trigger": run.trigger,
        "actor": run.actor,
        "scheduled_for": run.scheduled_for,
        "session": run.session,
        "attempt": run.attempt,
        "queued_at": run.queued_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "failures": run.failures,
        "spec": run.params.as_deref().map(value),
        "summary": run.summary.as_deref().map(value),
        "error": run.error,
    })
}

impl Row {
    /// What only looks as if it worked or waited is lost: the engine it belongs to does not hold the folder any more. The next
    /// engine writes that down.
    fn judged(mut self, living: Option<&Holder>) -> Self {
        // An engine that is just starting has no boot id yet, and so tells nothing.
        let gone = |boot: &str| living.is_none_or(|h| !h.boot_id.is_empty() && h.boot_id != boot);
        if let Some(run) = self.job.as_mut().filter(|r| !r.state.ended() && gone(&r.boot_id)) {
            (run.state, run.error) = (JobState::Lost, Some(ENDED.to_owned()));
        }
        let lost = self.job.as_ref().map_or(living.is_none(), |run| run.state == JobState::Lost);
        if let Some(record) = self.record.as_mut().filter(|r| r.state == RunState::Running && lost) {
            (record.state, record.error) = (RunState::Lost, Some(ENDED.to_owned()));
        }
        self
    }

    fn json(&self) -> Value {
        match (&self.job, &self.record) {
            (Some(run), record) => {
                let mut all = job_json(run);
                // A run without parameters did the job's normal work, which the master database spells out.
                if let Some(record) = record.as_ref().filter(|_| run.params.is_none()) {
                    all["spec"] = value(&record.spec);
                }
                all
            }
            (None, Some(record)) => json(record),
            (None, None) => Value::Null,
        }
    }

    fn what(&self) -> String {
        let words = self.record.as_ref().map(|r| IngestSpec::words(&r.spec));
        let Some(run) = &self.job else { return words.unwrap_or_default() };
        let mut parts = vec![run.trigger.to_string()];
        parts.extend(run.session.map(|s| format!("for {s}")));
        parts.extend((run.attempt > 1).then(|| format!("attempt {}", run.attempt)));
        parts.extend(asked(run).filter(|_| run.job != Job::Ingest).or(words.filter(|_| run.params.is_some())));
        parts.extend(run.error.clone());
        parts.join(", ")
    }

    fn print(&self) -> Result<(), Failure> {
        let (id, job, state, started, took, text) = match (&self.job, &self.record) {
            (Some(r), _) => (r.id, r.job.name(), state_word(r), r.started_at, r.ended_at.and_then(|e| r.seconds(e)), r.summary.as_deref()),
            (None, Some(r)) => {
                let job = if is_import(r) { "import" } else { "ingest" };
                (r.id, job, r.state.to_string(), Some(r.started_at), r.ended_at.map(|e| e - r.started_at), r.summary.as_deref())
            }
            (None, None) => return Ok(()),
        };
        let summary = RunSummary::stored(text);
        let figure = |f: fn(&RunSummary) -> u64| summary.as_ref().map_or_else(|| "-".to_owned(), |s| thousands(f(s)));
        line(format_args!(
            "{id:>5}  {job:<11}  {state:<9}  {:<19}  {:>8}  {:>6}  {:>6}  {:>11}  {}",
            started.map_or_else(|| "-".to_owned(), second),
            took.map_or_else(|| "-".to_owned(), clock),
            figure(|s| s.series_ok.into()),
            figure(|s| s.series_failed.into()),
            figure(|s| s.inserted),
            self.what()
        ))
    }
}

fn state_word(run: &JobRun) -> String {
    if run.state == JobState::Succeeded && run.failures > 0 { "partial".to_owned() } else { run.state.to_string() }
}

fn list(rows: &[Row]) -> Result<(), Failure> {
    if rows.is_empty() {
        return line("No run yet.");
    }
    line(format_args!(
        "{:>5}  {:<11}  {:<9}  {:<19}  {:>8}  {:>6}  {:>6}  {:>11}  why, and what for",
        "run", "job", "state", "started UTC", "took", "ok", "failed", "new bars"
    ))?;
    rows.iter().try_for_each(Row::print)
}

fn show(context: &Context, id: i64, as_json: bool) -> Result<(), Failure> {
    let jobs = record(context)?;
    let failed = |e: crate::store::scheduler::SchedulerDbError| Failure::new(e.to_string());
    let job = jobs.as_ref().map(|j| j.run(id)).transpose().map_err(failed)?.flatten();
    let story = jobs.as_ref().map(|j| j.run_events(id, STORY)).transpose().map_err(failed)?.unwrap_or_default();
    let master = Reader::open(&context.database())?;
    // A run of another job has no row there, which is no failure.
    let record = if job.is_some() { master.run(id).ok() } else { Some(master.run(id)?) };
    let row = Row { job, record }.judged(Holder::living(&context.database()).as_ref());
    if as_json {
        let mut all = row.json();
        if row.job.is_some() {
            all["events"] = json!(story);
        }
        return output::json(&all);
    }
    match (&row.job, &row.record) {
        (Some(run), record) => {
            show_job(run, record.as_ref())?;
            report::of_job(context, run)?;
            story.iter().try_for_each(told)
        }
        (None, Some(record)) => show_record(record),
        (None, None) => Ok(()),
    }
}

fn show_job(run: &JobRun, record: Option<&RunRecord>) -> Result<(), Failure> {
    let own = asked(run).filter(|_| run.job != Job::Ingest).or_else(|| (run.job == Job::Train).then(|| TrainSpec::default().to_string()));
    let asked = own.or_else(|| record.map(|r| IngestSpec::words(&r.spec))).map(|words| format!(": {words}")).unwrap_or_default();
    line(format_args!("Run {} of {}{asked}", run.id, run.job))?;
    line(format_args!("  state      {}", state_word(run)))?;
    let attempt = if run.attempt > 1 { format!(", attempt {}", run.attempt) } else { String::new() };
    line(format_args!("  asked by   {}, {}{attempt}", run.actor, run.trigger))?;
    if let Some(tick) = run.scheduled_for {
        line(format_args!("  tick       {} UTC", second(tick)))?;
    }
    if let Some(session) = run.session {
        line(format_args!("  session    {session}"))?;
    }
    if let Some(started) = run.started_at {
        line(format_args!("  started    {} UTC", second(started)))?;
        line(format_args!("  took       {}", run.ended_at.map_or_else(|| "-".to_owned(), |e| clock(e - started))))?;
    }
    if let Some(error) = &run.error {
        line(format_args!("  reason     {error}"))?;
    }
    match record {
        Some(record) => came(record),
        None => figures(run.summary.as_deref()),
    }
}

fn told(event: &RunEvent) -> Result<(), Failure> {
    // Some kinds say it all: `started started` says it twice.
    let text = if event.text == event.kind { "" } else { &event.text };
    line(format!("  {} {:<8} {text}", second(event.at_ms.div_euclid(1000)), event.kind).trim_end())
}

fn show_record(run: &RunRecord) -> Result<(), Failure> {
    line(format_args!("Run {}: {}", run.id, IngestSpec::words(&run.spec)))?;
    line(format_args!("  state      {}", run.state))?;
    line(format_args!("  started    {} UTC", second(run.started_at)))?;
    line(format_args!("  took       {}", run.ended_at.map_or_else(|| "-".to_owned(), |e| clock(e - run.started_at))))?;
    if let Some(error) = &run.error {
        line(format_args!("  error      {error}"))?;
    }
    came(run)
}

/// What came of an ingest or an import.
fn came(run: &RunRecord) -> Result<(), Failure> {
    let Some(s) = RunSummary::stored(run.summary.as_deref()) else { return figures(run.summary.as_deref()) };
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
    s.failures.iter().try_for_each(|failure| line(format_args!("  failed     {failure}")))
}

/// Other jobs and imports keep figures of their own; those that say something are shown by their names.
fn figures(summary: Option<&str>) -> Result<(), Failure> {
    let summary: Option<Value> = summary.and_then(|s| serde_json::from_str(s).ok());
    for (name, value) in summary.as_ref().and_then(Value::as_object).into_iter().flatten() {
        if let Some(n) = value.as_u64().filter(|n| *n > 0 && name != "run_id") {
            line(format_args!("  {:<9}  {}", name.replace('_', " "), thousands(n)))?;
        }
    }
    Ok(())
}

/// `01:02:07`, hours first.
fn clock(seconds: i64) -> String {
    let s = seconds.max(0);
    format!("{:02}:{:02}:{:02}", s / 3600, s % 3600 / 60, s % 60)
}
