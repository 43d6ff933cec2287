//! What a person does about alarms of drift: by the engine that runs on the data folder, or here.

use clap::Args;

use crate::cli::change::change;
use crate::cli::{Context, Exit, Failure, strategy};
use crate::engine::{Command, Watching};
use crate::market::Strategy;
use crate::watcher::Watcher;

/// Whose alarm.
#[derive(Debug, Args)]
pub struct Of {
    /// What has drifted, from the list
    subject: String,
    /// Whose
    #[arg(long, value_name = "S", value_parser = strategy::parser())]
    strategy: Strategy,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// How long an alarm keeps silent.
#[derive(Debug, Args)]
pub struct Snooze {
    #[command(flatten)]
    pub(super) of: Of,
    /// For so many hours
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=24 * 365))]
    hours: u32,
}

/// Whose halt.
#[derive(Debug, Args)]
pub struct Lift {
    /// Whose
    #[arg(long, value_name = "S", value_parser = strategy::parser())]
    strategy: Strategy,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn ack(a: &Of, context: &Context) -> Result<Exit, Failure> {
    let command = Command::Acknowledge { strategy: a.strategy, subject: a.subject.clone() };
    done(context, command, a.json, |watcher, actor| watcher.acknowledge(a.strategy, &a.subject, actor))
}

pub(super) fn snooze(a: &Snooze, context: &Context) -> Result<Exit, Failure> {
    let (Of { subject, strategy, json }, hours) = (&a.of, a.hours);
    let command = Command::Snooze { strategy: *strategy, subject: subject.clone(), hours };
    done(context, command, *json, |watcher, actor| watcher.snooze(*strategy, subject, hours, actor))
}

pub(super) fn lift(a: &Lift, context: &Context) -> Result<Exit, Failure> {
    done(context, Command::LiftHalt { strategy: a.strategy }, a.json, |watcher, actor| watcher.lift_halt(a.strategy, actor))
}

fn done(
    context: &Context,
    command: Command,
    as_json: bool,
    here: impl FnOnce(&Watcher, &str) -> Result<String, String>,
) -> Result<Exit, Failure> {
    context.warn();
    let watcher = Watcher::new(context.workplace());
    change(context, command, as_json, |actor| here(&watcher, actor))?;
    Ok(Exit::Done)
}
