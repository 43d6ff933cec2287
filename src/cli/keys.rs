//! `nightdesk keys`: the console's key table.

use clap::Args;

use super::{Exit, Failure, output};
use crate::console;

/// Print the console's keys
#[derive(Debug, Args)]
pub struct Arguments {
    /// As a Markdown page, for the documentation
    #[arg(long)]
    markdown: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let text = if arguments.markdown { console::keys_markdown() } else { console::keys_text() };
    output::line(text.trim_end())?;
    Ok(Exit::Done)
}
