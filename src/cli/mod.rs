//! The command line: arguments, exit codes and what is printed. One file a subcommand.
//!
//! [`main`] is the whole program. A subcommand gets a [`Context`] (or, where it must work with a broken configuration,
//! the bare [`Common`] flags), prints through [`output`], and returns an [`Exit`] or a [`Failure`]. To add one: a file
//! with a clap `Args` type and its `run`, a variant of [`Command`], and a line in [`Command::run`].

mod alerts;
mod attach;
mod backtest;
mod care;
mod change;
mod config;
mod config_audit;
mod config_watch;
mod console;
mod context;
mod daemon;
mod dataset;
mod doctor;
mod drift;
mod export;
mod export_learning;
mod export_nights;
mod failure;
mod features;
mod follow;
mod import;
mod ingest;
mod issues;
mod keys;
pub mod logging;
mod logs;
mod maintenance;
mod models;
mod night;
pub mod output;
mod report;
mod rig;
mod runs;
mod scan;
mod schedule;
mod signals;
mod sim;
mod status;
mod strategy;
mod train;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use context::{Color, Common, Context};
pub use failure::{Exit, Failure};

/// The overnight desk for market data.
#[derive(Debug, Parser)]
#[command(name = "nightdesk", version, long_about = LONG_ABOUT)]
#[command(after_help = "Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 done with failures, 130 interrupted.")]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Run the engine without a console, following the schedule, until a signal ends it
    #[arg(long)]
    daemon: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

const LONG_ABOUT: &str = "The overnight desk for market data: a terminal console by day, headless commands by night.

Without a command it opens the console on the data folder; with --demo on simulators and a folder of their own, no \
account and no network needed. Where there is no terminal it prints the status, and with --demo runs one demo night.";

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    Ingest(ingest::Arguments),
    Status(status::Arguments),
    Doctor(doctor::Arguments),
    Config(config::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    Features(features::Arguments),
    Dataset(dataset::Arguments),
    Train(train::Arguments),
    Models(models::Arguments),
    Scan(scan::Arguments),
    Signals(signals::Arguments),
    Drift(drift::Arguments),
    Backtest(backtest::Arguments),
    Report(report::Arguments),
    Issues(issues::Arguments),
    Runs(runs::Arguments),
    Schedule(schedule::Arguments),
    Logs(logs::Arguments),
    Verify(care::VerifyArguments),
    Backup(care::BackupArguments),
    Restore(care::RestoreArguments),
    Maintenance(maintenance::Arguments),
    Alerts(alerts::Arguments),
    Sim(sim::Arguments),
    Keys(keys::Arguments),
}

impl Command {
    fn run(self, common: &Common) -> Result<Exit, Failure> {
        match self {
            Self::Ingest(a) => ingest::run(&a, &Context::load(common)?),
            Self::Status(a) => status::run(&a, &Context::load_despite(common)?),
            Self::Doctor(a) => doctor::run(&a, &Context::load(common)?),
            Self::Config(a) => config::run(&a, common),
            Self::Import(a) => import::run(&a, &Context::load(common)?),
            Self::Export(a) => export::run(&a, &Context::load(common)?),
            Self::Features(a) => features::run(&a, common),
            Self::Dataset(a) => dataset::run(&a, &Context::load(common)?),
            Self::Train(a) => train::run(&a, &Context::load(common)?),
            Self::Models(a) => models::run(&a, &Context::load_despite(common)?),
            Self::Scan(a) => scan::run(&a, &Context::load(common)?),
            Self::Signals(a) => signals::run(&a, &Context::load_despite(common)?),
            Self::Drift(a) => drift::run(&a, common),
            Self::Backtest(a) => backtest::run(&a, &Context::load(common)?),
            Self::Report(a) => report::run(&a, &Context::load_despite(common)?),
            Self::Issues(a) => issues::run(&a, &Context::load_despite(common)?),
            Self::Runs(a) => runs::run(&a, &Context::load_despite(common)?),
            Self::Schedule(a) => schedule::run(&a, &Context::load_despite(common)?),
            Self::Logs(a) => logs::run(&a, &Context::load_despite(common)?),
            Self::Verify(a) => care::verify(&a, &Context::load_despite(common)?),
            Self::Backup(a) => care::backup(&a, &Context::load_despite(common)?),
            Self::Restore(a) => care::restore(&a, &Context::load_despite(common)?),
            Self::Maintenance(a) => maintenance::run(&a, &Context::load(common)?),
            Self::Alerts(a) => alerts::run(&a, &Context::load(common)?),
            Self::Keys(a) => keys::run(&a),
            Self::Sim(a) => sim::run(&a, &Context::load(common)?),
        }
    }

    /// Whether standard output must be one JSON object, whatever happens.
    fn json(&self) -> bool {
        match self {
            Self::Config(a) => a.json(),
            Self::Ingest(a) => a.json,
            Self::Status(a) => a.json,
            Self::Doctor(a) => a.json,
            Self::Import(a) => a.json,
            Self::Features(a) => a.json(),
            Self::Dataset(a) => a.json,
            Self::Train(a) => a.json,
            Self::Models(a) => a.json(),
            Self::Scan(a) => a.night.json,
            Self::Signals(a) => a.json(),
            Self::Drift(a) => a.json(),
            Self::Backtest(a) => a.json,
            Self::Report(a) => a.json,
            Self::Issues(a) => a.json(),
            Self::Runs(a) => a.json(),
            Self::Schedule(a) => a.json,
            Self::Verify(a) => a.json,
            Self::Backup(a) => a.json,
            Self::Restore(a) => a.json,
            Self::Maintenance(a) => a.json,
            Self::Alerts(a) => a.json(),
            Self::Sim(a) => a.json(),
            Self::Export(_) | Self::Logs(_) | Self::Keys(_) => false,
        }
    }
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    // Every file from here on, logs and databases included, is for the user's eyes only.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let arguments = match Arguments::try_parse() {
        Ok(a) => a,
        Err(e) => {
            // Help and usage errors; a closed pipe is nothing to report about.
            drop(e.print());
            return if e.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let json = arguments.command.as_ref().is_some_and(Command::json);
    let color = arguments.common.color.on_stderr();
    let done = match arguments.command {
        Some(_) if arguments.daemon => Err(Failure::usage("--daemon takes no command").next("leave one of the two out")),
        Some(command) => command.run(&arguments.common),
        None if arguments.daemon => Context::load(&arguments.common).and_then(|context| daemon::run(&context)),
        None => Context::load_despite(&arguments.common).and_then(|context| console::run(&context)),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(json, color).into(),
    }
}
