//! `nightdesk drift`: how far values have moved. `compare` looks at two files and needs no data folder.

mod compare;
mod print;
mod table;

use clap::{Args, Subcommand};

use super::{Exit, Failure};

/// Tell how far values have moved from what they were
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(compare::Arguments),
}

impl Arguments {
    pub(super) fn json(&self) -> bool {
        match &self.command {
            Command::Compare(a) => a.json,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Compare(a) => compare::run(a),
    }
}
