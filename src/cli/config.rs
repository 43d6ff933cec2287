//! `nightdesk config`: show, check, schema, openapi.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Common, Context, Exit, Failure, attach, config_audit, output, strategy};
use crate::config::{Loaded, Origin, Rules, schema, strategy_schema};
use crate::control::openapi;
use crate::engine::Command as EngineCommand;
use crate::market::Strategy;

/// Show or check the configuration, or have a running engine read it again
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print every setting with its value, or the training rules of a strategy
    Show {
        /// The rules of this strategy instead
        #[arg(long, value_name = "S", value_parser = strategy::parser())]
        strategy: Option<Strategy>,
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
    Schema {
        /// That of turbomode.toml and slipstream.toml instead
        #[arg(long)]
        strategy: bool,
    },
    /// Have the running engine read the configuration again; it also does so by itself when a file changes
    Reload {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List changed keys, newest first: settings that changed while an engine ran, and training rules
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
        Command::Schema { strategy } => output::json(&if strategy { strategy_schema() } else { schema() })?,
        Command::Openapi => output::json(&openapi())?,
        Command::Check => check(&common.load_config()?)?,
        Command::Show { strategy, origin, json } => show(&common.load_config()?, strategy, origin, json)?,
        Command::Reload { json } => reload(json, &Context::load_despite(common)?)?,
        Command::Audit { limit, json } => config_audit::run(limit, json, &Context::load_despite(common)?)?,
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

fn check(loaded: &Loaded) -> Result<(), Failure> {
    let set = |origins: &BTreeMap<String, Origin>| origins.values().filter(|o| **o != Origin::Default).count();
    output::line(format_args!(
        "The configuration is sound: {} set by you, the rest are defaults; the universe has {} instruments ({}).",
        output::count(set(&loaded.origins), "key", "keys"),
        loaded.universe.instruments.len(),
        loaded.universe_origin,
    ))?;
    for strategy in Strategy::ALL {
        let rules = loaded.strategies.get(strategy);
        output::line(format_args!(
            "Training rules of {strategy}: version {}, {} set by you, {} are shipped.",
            rules.settings.metadata.version,
            output::count(set(&rules.origins), "key", "keys"),
            rules.origins.len() - set(&rules.origins),
        ))?;
    }
    Ok(())
}

fn show(loaded: &Loaded, strategy: Option<Strategy>, with_origin: bool, json: bool) -> Result<(), Failure> {
    match (strategy, json) {
        (None, true) => output::json(&as_json(loaded, with_origin)),
        (None, false) => {
            table(&loaded.settings.without_secrets().leaves(), with_origin.then_some(&loaded.origins))?;
            let n = loaded.universe.instruments.len();
            output::line(format_args!("\n# universe: {n} instruments, from {}", loaded.universe_origin))
        }
        (Some(strategy), true) => {
            let Rules { settings, origins } = loaded.strategies.get(strategy);
            let mut out = json!({ "strategy": strategy, "hash": settings.hash(), "settings": settings });
            if with_origin {
                out["origins"] = origins_json(origins);
            }
            output::json(&out)
        }
        (Some(strategy), false) => {
            let rules = loaded.strategies.get(strategy);
            table(&rules.settings.leaves(), with_origin.then_some(&rules.origins))?;
            output::line(format_args!("\n# training rules of {strategy}: version {}", rules.settings.metadata.version))
        }
    }
}

/// Keys and values as the TOML file that would give them.
fn table(leaves: &[(String, Value)], origins: Option<&BTreeMap<String, Origin>>) -> Result<(), Failure> {
    let mut table = String::new();
    for (path, value) in leaves {
        let (head, key) = path.rsplit_once('.').unwrap_or(("", path));
        if head != table {
            output::line(format_args!("{}[{head}]", if table.is_empty() { "" } else { "\n" }))?;
            head.clone_into(&mut table);
        }
        let shown = match value {
            // TOML has no null: an optional key that is not set is shown as the comment it would be in the file.
            Value::Null => format!("# {key} is not set"),
            v => format!("{key} = {v}"),
        };
        match origins.and_then(|o| o.get(path)) {
            Some(origin) => output::line(format_args!("{shown:<44}  # {origin}"))?,
            None => output::line(shown)?,
        }
    }
    Ok(())
}

fn as_json(loaded: &Loaded, with_origin: bool) -> Value {
    let mut out = json!({ "settings": loaded.settings.without_secrets(), "universe": loaded.universe.instruments });
    if with_origin {
        out["origins"] = origins_json(&loaded.origins);
        out["universe_origin"] = loaded.universe_origin.to_string().into();
    }
    out
}

fn origins_json(origins: &BTreeMap<String, Origin>) -> Value {
    origins.iter().map(|(k, o)| (k.clone(), Value::from(o.to_string()))).collect()
}
