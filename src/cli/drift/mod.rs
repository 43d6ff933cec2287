//! `nightdesk drift`: how far values have moved. Without a subcommand it has the models in service looked at; `compare` looks at
//! two files and needs no data folder.

mod act;
mod compare;
mod look;
mod print;
mod table;

use clap::{Args, Subcommand};

pub(super) use look::foreground;

use super::{Common, Context, Exit, Failure, night};

/// Tell how far the models' inputs, answers and performance have moved from what they were trained on
///
/// Features and answers of the last sessions are compared with the baselines that were frozen with the model in service; alarms
/// need the calibrated test, levels alone are shown. Too few rows give no verdict, which is said. A running engine is asked to do
/// it; a night that is looked at again alarms no second time.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(flatten)]
    night: night::Watched,
    /// Show all subjects, not only those that stand out
    #[arg(long)]
    all: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(compare::Arguments),
    /// Take note of an open alarm: it keeps silent until it gets worse or is over
    Ack(act::Of),
    /// Keep an open alarm silent for a while
    Snooze(act::Snooze),
    /// Let a model that was halted because of drift give signals again
    LiftHalt(act::Lift),
}

impl Arguments {
    pub(super) fn json(&self) -> bool {
        match &self.command {
            Some(Command::Compare(a)) => a.json,
            Some(Command::Ack(a)) => a.json,
            Some(Command::Snooze(a)) => a.of.json,
            Some(Command::LiftHalt(a)) => a.json,
            None => self.night.json,
        }
    }
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, Failure> {
    match &arguments.command {
        Some(Command::Compare(a)) => compare::run(a),
        Some(Command::Ack(a)) => act::ack(a, &Context::load_despite(common)?),
        Some(Command::Snooze(a)) => act::snooze(a, &Context::load_despite(common)?),
        Some(Command::LiftHalt(a)) => act::lift(a, &Context::load_despite(common)?),
        None => look::run(&arguments.night, arguments.all, &Context::load(common)?),
    }
}
