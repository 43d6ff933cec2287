//! `nightdesk config`: show, check, schema, openapi.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Common, Context, Exit, Failure, attach, output};
use crate::config::{Loaded, Origin, schema};
use crate::control::openapi;
use crate::engine::{Command as EngineCommand, SCHEDULER_DATABASE};
use crate::store::scheduler::SchedulerReader;

/// Show or check the configuration, or have a running engine read it again
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print every setting with its value
    Show {
        /// Also print where each value came from: default, file and line, environment, flag
        #[arg(long)]
        origin: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Report everything that is wrong with the configuration
    Check,
    /// Print the JSON schema of nightdesk.toml, for editors
    Schema,
    /// Have the running engine read the configuration again; it also does so by itself when a file changes
    Reload {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List the keys that changed while an engine ran, newest first
    Audit {
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the description of the control API, as `OpenAPI` JSON
    Openapi,
}

impl Arguments {
    pub(super) fn json(&self) -> bool {
        matches!(self.command, Command::Show { json: true, .. } | Command::Reload { json: true } | Command::Audit { json: true, .. })
    }
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, Failure> {
    match arguments.command {
        Command::Schema => output::json(&schema())?,
        Command::Openapi => output::json(&openapi())?,
        Command::Check => check(&common.load_config()?)?,
        Command::Show { origin, json: true } => output::json(&as_json(&common.load_config()?, origin))?,
        Command::Reload { json } => reload(json, &Context::load_despite(common)?)?,
        Command::Audit { limit, json } => audit(limit, json, &Context::load_despite(common)?)?,
        Command::Show { origin, json: false } => show(&common.load_config()?, origin)?,
    }
    Ok(Exit::Done)
}

fn reload(json: bool, context: &Context) -> Result<(), Failure> {
    let ack = context.block_on(async {
        let client = attach::running(context).await?;
        attach::send(&client, context, EngineCommand::Reload).await
    })??;
    if json { output::json(&json!({ "ok": true, "message": ack.message })) } else { output::line(ack.message) }
}

fn audit(limit: usize, json: bool, context: &Context) -> Result<(), Failure> {
    context.warn();
    let path = context.data_dir.join(SCHEDULER_DATABASE);
    let changes = if path.exists() {
        let read = SchedulerReader::open(&path).and_then(|r| r.config_changes(limit));
        read.map_err(|e| Failure::new(e.to_string()))?
    } else {
        Vec::new()
    };
    if json {
        return output::json(&json!({ "ok": true, "changes": changes }));
    }
    if changes.is_empty() {
        return output::line("No key changed while an engine ran.");
    }
    for c in changes {
        output::line(format_args!("{} UTC  {:<8} {}  {} -> {}  ({})", output::second(c.at), c.actor, c.key, c.old, c.new, c.origin))?;
    }
    Ok(())
}

fn check(loaded: &Loaded) -> Result<(), Failure> {
    let set = loaded.origins.values().filter(|o| **o != Origin::Default).count();
    output::line(format_args!(
        "The configuration is sound: {} set by you, the rest are defaults; the universe has {} instruments ({}).",
        output::count(set, "key", "keys"),
        loaded.universe.instruments.len(),
        loaded.universe_origin,
    ))
}

fn show(loaded: &Loaded, with_origin: bool) -> Result<(), Failure> {
    let mut table = String::new();
    for (path, value) in loaded.settings.without_secrets().leaves() {
        let (head, key) = path.rsplit_once('.').unwrap_or(("", &path));
        if head != table {
            output::line(format_args!("{}[{head}]", if table.is_empty() { "" } else { "\n" }))?;
            head.clone_into(&mut table);
        }
        let shown = match &value {
            // TOML has no null: an optional key that is not set is shown as the comment it would be in the file.
            Value::Null => format!("# {key} is not set"),
            v => format!("{key} = {v}"),
        };
        match loaded.origins.get(&path).filter(|_| with_origin) {
            Some(origin) => output::line(format_args!("{shown:<44}  # {origin}"))?,
            None => output::line(shown)?,
        }
    }
    let n = loaded.universe.instruments.len();
    output::line(format_args!("\n# universe: {n} instruments, from {}", loaded.universe_origin))
}

fn as_json(loaded: &Loaded, with_origin: bool) -> Value {
    let mut out = json!({ "settings": loaded.settings.without_secrets(), "universe": loaded.universe.instruments });
    if with_origin {
        out["origins"] = loaded.origins.iter().map(|(k, o)| (k.clone(), Value::from(o.to_string()))).collect();
        out["universe_origin"] = loaded.universe_origin.to_string().into();
    }
    out
}
