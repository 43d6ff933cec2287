//! Commands that change what strategies keep, short enough for a moment: models, alarms.

use serde_json::json;

use super::{Context, Failure, attach, output, rig};
use crate::engine::Command;
use crate::store::master::Reader;

/// Has a change done by the engine that runs on the folder, or else does it `here`, and prints what it says.
pub(super) fn change(
    context: &Context,
    command: Command,
    as_json: bool,
    here: impl FnOnce(&str) -> Result<String, String>,
) -> Result<(), Failure> {
    let by_engine = rig::runtime()?.block_on(async {
        match attach::attach(context).await? {
            Some(client) => attach::send(&client, context, command).await.map(|ack| Some(ack.message)),
            None => Ok(None),
        }
    })?;
    let message = match by_engine {
        Some(message) => message,
        None => alone(context, here)?,
    };
    if as_json { output::json(&json!({ "ok": true, "message": message })) } else { output::line(message) }
}

/// The same without an engine, on a folder of the kind of data that was asked for.
fn alone(context: &Context, change: impl FnOnce(&str) -> Result<String, String>) -> Result<String, Failure> {
    let simulated = Reader::open(&context.database())?.is_demo()?;
    if simulated != context.demo {
        let (found, advice) = if simulated { ("simulated", "start with --demo") } else { ("real", "leave --demo out") };
        return Err(Failure::new(format!("{} holds {found} data", context.data_dir.display())).next(advice));
    }
    let _logging = context.start_logging()?;
    change("cli").map_err(Failure::new)
}
