//! `nightdesk schedule`: when jobs run, and steering that. An engine that runs on the data folder is asked; without one
//! the databases are read, and written under the folder's lock.

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{self, line, second};
use super::rig::{self, JOBS};
use super::{Context, Exit, Failure, attach, follow};
use crate::engine::{Command as EngineCommand, JobView, SCHEDULER_DATABASE, SCHEDULER_STATE, SchedulerView};
use crate::schedule::{PlannedTick, Rule, SchedulerState};
use crate::store::master::FolderLock;
use crate::store::scheduler::{Job, JobRow, Pause, RunFilter, SchedulerDb, SchedulerReader};

const ENGINE_ONLY: &str = "only a running engine can do this";

/// See when jobs run; pause, resume or start them; switch the scheduler on and off
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON object
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the jobs: when they run, how they went last, what they do now
    List,
    /// List the next ticks of all jobs, those without a run with the reason
    Next {
        /// Only of this job
        #[arg(value_name = "JOB", value_parser = Job::parse)]
        job: Option<Job>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 10)]
        limit: usize,
    },
    /// Let the ticks of a job pass without a run
    Pause {
        /// Which job
        #[arg(value_name = "JOB", value_parser = Job::parse)]
        job: Job,
        /// Why
        #[arg(long, default_value = "no reason given")]
        reason: String,
    },
    /// End the pause of a job
    Resume {
        /// Which job
        #[arg(value_name = "JOB", value_parser = Job::parse)]
        job: Job,
    },
    /// Do the normal work of a job now
    RunNow {
        /// Which job
        #[arg(value_name = "JOB", value_parser = Job::parse)]
        job: Job,
    },
    /// Switch the scheduler on
    Start,
    /// Switch the scheduler off: ticks pass without a run, commands still work
    Stop,
    /// Go on after the clock jumped further than missed ticks are made up for
    ConfirmClock,
}

/// Runs the command.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let json = arguments.json;
    let command = match &arguments.command {
        Command::List => return list(context, json),
        Command::Next { job, limit } => return next(context, *job, *limit, json),
        Command::RunNow { job } => return follow::done(context, EngineCommand::Run { job: *job }, json),
        Command::Pause { job, reason } => EngineCommand::Pause { job: *job, reason: reason.clone() },
        Command::Resume { job } => EngineCommand::Resume { job: *job },
        Command::Start => EngineCommand::Scheduler { on: true },
        Command::Stop => EngineCommand::Scheduler { on: false },
        Command::ConfirmClock => EngineCommand::ConfirmClock,
    };
    context.warn();
    let message = rig::runtime()?.block_on(async {
        match attach::attach(context).await? {
            Some(client) => attach::send(&client, context, command).await.map(|ack| ack.message),
            None => alone(context, command).await,
        }
    })?;
    if json {
        output::json(&json!({ "ok": true, "message": message }))?;
    } else {
        line(message)?;
    }
    Ok(Exit::Done)
}

/// What is changed while no engine runs: the next one finds it.
async fn alone(context: &Context, command: EngineCommand) -> Result<String, Failure> {
    if !matches!(command, EngineCommand::Pause { .. } | EngineCommand::Resume { .. } | EngineCommand::Scheduler { .. }) {
        return Err(Failure::new(ENGINE_ONLY).next("start one: nightdesk --daemon"));
    }
    let lock = FolderLock::take(&context.database(), context.clock.now())?;
    let done = set(context, command).await;
    // After a process that was killed the next engine must still look through the whole database.
    if lock.after_unclean_end() || done.is_err() {
        lock.give_back()?;
    } else {
        lock.release(context.clock.now())?;
    }
    Ok(format!("{} (no engine runs here now)", done?))
}

async fn set(context: &Context, command: EngineCommand) -> Result<String, Failure> {
    let now = context.clock.now();
    match command {
        EngineCommand::Pause { job, reason } => {
            set_pause(context, job, Some(Pause { at: now, by: "cli".to_owned(), reason })).await?;
            Ok(format!("{job} is paused: its ticks pass without a run"))
        }
        EngineCommand::Resume { job } => {
            set_pause(context, job, None).await?;
            Ok(format!("{job} goes on with its next tick"))
        }
        EngineCommand::Scheduler { on } => {
            let path = context.data_dir.join(SCHEDULER_STATE);
            let mut state = SchedulerState::load(&path, context.settings.schedule.enabled, now).state;
            (state.on, state.since, state.by) = (on, now, "cli".to_owned());
            state.save(&path).map_err(|e| Failure::new(e.to_string()))?;
            Ok(format!("the scheduler is {}", if on { "on" } else { "off" }))
        }
        _ => Err(Failure::new(ENGINE_ONLY)),
    }
}

async fn set_pause(context: &Context, job: Job, pause: Option<Pause>) -> Result<(), Failure> {
    let failed = |e: crate::store::scheduler::SchedulerDbError| Failure::new(e.to_string());
    let db = SchedulerDb::open(&context.data_dir.join(SCHEDULER_DATABASE), context.clock.now()).map_err(failed)?.db;
    let resumed = pause.is_none();
    db.set_pause(job, pause).await.map_err(failed)?;
    if resumed {
        db.set_failures(job, 0).await.map_err(failed)?;
    }
    db.close().await.map_err(failed)
}

/// The jobs as an engine shows them, or as the databases tell.
fn list(context: &Context, as_json: bool) -> Result<Exit, Failure> {
    let attached = rig::runtime()?.block_on(async {
        let client = attach::attach(context).await?;
        Ok::<_, Failure>(client.map(|c| {
            let state = c.state();
            let snapshot = state.borrow();
            (SchedulerView::clone(&snapshot.scheduler), Vec::clone(&snapshot.jobs))
        }))
    })?;
    let running = attached.is_some();
    if running {
        context.warn();
    } else {
        context.sound()?;
    }
    let (scheduler, jobs) = attached.map_or_else(|| stored(context), Ok)?;
    if as_json {
        output::json(&json!({ "engine": running, "scheduler": scheduler, "jobs": jobs }))?;
        return Ok(Exit::Done);
    }
    let on = if scheduler.on { "on" } else { "off" };
    let engine = if running { "" } else { "; no engine runs here now, so nothing starts by itself" };
    line(format_args!("The scheduler is {on}, switched by {}{engine}", scheduler.by))?;
    if let Some(held) = &scheduler.held {
        line(format_args!("HELD: {held}; nightdesk schedule confirm-clock"))?;
    }
    line(format_args!("{:<11}  {:<52}  {:<19}  last run", "job", "when", "next UTC"))?;
    jobs.iter().try_for_each(show)?;
    Ok(Exit::Done)
}

fn show(view: &JobView) -> Result<(), Failure> {
    let next = match (&view.missing, &view.paused, view.next) {
        (Some(_), ..) => "not in this version".to_owned(),
        (_, Some(_), _) => "paused".to_owned(),
        (.., Some(next)) => second(next),
        (.., None) => "-".to_owned(),
    };
    let last = match (&view.active, &view.last) {
        (Some(run), _) => format!("run {} {}", run.id, run.state),
        (None, Some(run)) => format!("run {} {} {}", run.id, run.state, second(run.ended_at.unwrap_or(run.queued_at))),
        (None, None) => "-".to_owned(),
    };
    let why = view.paused.as_ref().map(|p| format!("  (by {}: {})", p.by, p.reason)).unwrap_or_default();
    line(format_args!("{:<11}  {:<52}  {next:<19}  {last}{why}", view.job, view.words))
}

/// The scheduler and its jobs as the databases tell.
fn stored(context: &Context) -> Result<(SchedulerView, Vec<JobView>), Failure> {
    let failed = |e: crate::store::scheduler::SchedulerDbError| Failure::new(e.to_string());
    let path = context.data_dir.join(SCHEDULER_DATABASE);
    let reader = if path.exists() { Some(SchedulerReader::open(&path).map_err(failed)?) } else { None };
    let rows = reader.as_ref().map(SchedulerReader::job_rows).transpose().map_err(failed)?.unwrap_or_default();
    let state = state(context);
    let mut jobs = Vec::new();
    for job in Job::ALL {
        let row = rows.iter().find(|r| r.job == job);
        let mut view = view(context, job, row, state.on)?;
        if let Some(reader) = &reader {
            view.last = reader.last_ended(job).map_err(failed)?;
            let newest = reader.runs(RunFilter { job: Some(job), state: None }, 10).map_err(failed)?;
            view.durations = newest.iter().rev().filter_map(|r| u32::try_from(r.seconds(r.ended_at?)?).ok()).collect();
        }
        jobs.push(view);
    }
    Ok((SchedulerView { on: state.on, since: state.since, by: state.by, held: None }, jobs))
}

/// The scheduler's state, read only: an engine that starts moves an unreadable file aside.
fn state(context: &Context) -> SchedulerState {
    let read = std::fs::read(context.data_dir.join(SCHEDULER_STATE)).ok();
    let first = || SchedulerState::first(context.settings.schedule.enabled, context.clock.now());
    read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_else(first)
}

fn view(context: &Context, job: Job, row: Option<&JobRow>, on: bool) -> Result<JobView, Failure> {
    let settings = &context.settings.schedule;
    let rule = rule(context, job)?;
    let missing = (!JOBS.contains(&job)).then(|| format!("this version cannot run {job}"));
    let paused = row.and_then(|r| r.paused.clone());
    let next = (on && missing.is_none() && paused.is_none()).then(|| rule.next_run(context.clock.now())).flatten();
    Ok(JobView {
        job,
        missing,
        cron: settings.job(job).cron.clone(),
        zone: settings.zone_of(job).to_owned(),
        words: rule.words(),
        paused,
        next: next.as_ref().map(|t| t.at),
        next_session: next.and_then(|t| t.session),
        active: None,
        last: None,
        timeout_s: settings.job(job).timeout_minutes * 60,
        failures_in_row: row.map_or(0, |r| r.failures_in_row),
        durations: Vec::new(),
    })
}

fn rule(context: &Context, job: Job) -> Result<Rule, Failure> {
    Rule::new(&context.settings.schedule, job).map_err(|e| Failure::usage(e.to_string()))
}

/// The next ticks, which depend on nothing but configuration, calendar and time.
fn next(context: &Context, job: Option<Job>, limit: usize, as_json: bool) -> Result<Exit, Failure> {
    context.sound()?;
    let now = context.clock.now();
    let mut ticks: Vec<(Job, PlannedTick, String)> = Vec::new();
    for job in JOBS.into_iter().filter(|j| job.is_none_or(|only| only == *j)) {
        let rule = rule(context, job)?;
        ticks.extend(rule.planned(now).take(limit).map(|tick| (job, tick.clone(), rule.local(tick.at))));
    }
    ticks.sort_by_key(|(job, tick, _)| (tick.at, *job));
    ticks.truncate(limit);
    if as_json {
        let of = |(job, tick, local): &(Job, PlannedTick, String)| json!({ "job": job, "at": tick.at, "local": local, "session": tick.session, "skip": tick.skip });
        output::json(&json!({ "ticks": ticks.iter().map(of).collect::<Vec<_>>() }))?;
        return Ok(Exit::Done);
    }
    for (job, tick, local) in &ticks {
        let what = match (&tick.skip, tick.session) {
            (Some(why), _) => format!("no run: {why}"),
            (None, Some(session)) => format!("for {session}"),
            (None, None) => String::new(),
        };
        line(format_args!("{} UTC  {local:<22}  {:<11}  {what}", second(tick.at), job))?;
    }
    if ticks.is_empty() {
        line("No tick ahead: jobs without their work in this version have none.")?;
    }
    Ok(Exit::Done)
}
