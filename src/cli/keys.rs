//! `nightdesk keys`: the console's key table.

use clap::Args;

use super::{Exit, Failure, output};
use crate::console;

/// Print the console's keys
#[derive(Debug, Args)]
pub struct Arguments {
    /// As a Markdown table, for the documentation
    #[arg(long, required = true)]
    markdown: bool,
}

pub(super) fn run(_: &Arguments) -> Result<Exit, Failure> {
    output::line(console::keys_markdown().trim_end())?;
    Ok(Exit::Done)
}
