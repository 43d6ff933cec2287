//! `nightdesk alerts test`: tries the way to the webhook.

use std::sync::Arc;

use arc_swap::ArcSwap;
use clap::{Args, Subcommand};
use serde_json::json;

use super::output;
use super::{Context, Exit, Failure};
use crate::config::SETTINGS_FILE;
use crate::webhook::{Webhook, WebhookFault};

/// Try the alerts that leave this machine
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send a test alert to the webhook now, and print the answer
    Test {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

impl Arguments {
    pub(super) fn json(&self) -> bool {
        let Command::Test { json } = self.command;
        json
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let settings = Arc::new(ArcSwap::from_pointee(context.settings.clone()));
    let webhook = Webhook::new(&context.data_dir, context.demo, settings, Arc::clone(&context.clock));
    let answer = context.block_on(webhook.test())?.map_err(|e| match e {
        WebhookFault::None => {
            let file = context.config_dir.join(SETTINGS_FILE);
            let how = format!("write `webhook = \"https://...\"` under [alerts] in {}; `nightdesk config check` checks it", file.display());
            Failure::usage(e.to_string()).next(how)
        }
        e => Failure::new(format!("the test alert did not arrive: {e}")),
    })?;
    if arguments.json() {
        output::json(&json!({ "ok": true, "answer": answer }))?;
    } else {
        let said = if answer.said.is_empty() { String::new() } else { format!(": {}", answer.said) };
        output::line(format_args!("{} took the test alert and answered {}{said}", answer.host, answer.status))?;
    }
    Ok(Exit::Done)
}
