//! The jobs of a night that work through the strategies: scan, drift, backtest. Done by the engine that runs on the data folder,
//! or by one that lives for the length of the run, and followed to the end either way.

use clap::Args;
use serde_json::{Value, json};

use super::output::{self, line};
use super::{Context, Exit, Failure, follow, rig, strategy};
use crate::control::Client;
use crate::engine::Command;
use crate::market::Strategy;
use crate::scan::{NightSummary, WatchSpec};
use crate::store::master::StoreError;
use crate::store::scheduler::{Job, JobRun};

/// What these commands have in common.
#[derive(Debug, Args)]
pub struct Watched {
    /// Only this strategy [default: both, one after the other]
    #[arg(long, value_name = "S", value_parser = strategy::parser())]
    pub strategy: Option<Strategy>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl Watched {
    fn spec(&self) -> WatchSpec {
        WatchSpec { strategies: self.strategy.into_iter().collect(), run: None }
    }
}

/// What a strategy's part came to, beside its sentence: lines for people, and JSON.
pub(super) type Told = (Vec<String>, Value);

/// Does `job` and prints what came of it; `tell` reads more about a strategy, once its part has ended.
pub(super) fn run(
    job: Job,
    arguments: &Watched,
    context: &Context,
    tell: impl AsyncFn(&Client, Strategy) -> Option<Told>,
) -> Result<Exit, Failure> {
    if !context.database().exists() {
        return Err(StoreError::Missing(context.database()).into());
    }
    let asked = (job, arguments.spec());
    rig::with_engine(context, async |client| foreground(client, context, asked, arguments.json, tell).await)
}

/// The same for who has an engine at hand.
pub(super) async fn foreground(
    client: &Client,
    context: &Context,
    (job, spec): (Job, WatchSpec),
    as_json: bool,
    tell: impl AsyncFn(&Client, Strategy) -> Option<Told>,
) -> Result<Exit, Failure> {
    let (run_id, signals) = follow::begin(client, context, Command::Watch { job, spec }).await?;
    let end = follow::to_end(client, context, run_id, signals).await?;
    let summary = NightSummary::stored(end.summary.as_deref()).unwrap_or_default();
    let mut told = Vec::new();
    for night in &summary.strategies {
        let more = if night.ok { tell(client, night.strategy).await } else { None };
        told.push(more.unwrap_or_default());
    }
    show(&end, &summary, &told, as_json)
}

fn show(run: &JobRun, summary: &NightSummary, told: &[Told], as_json: bool) -> Result<Exit, Failure> {
    let exit = follow::exit(run);
    if as_json {
        let one = |(end, (_, found)): (_, &Told)| json!({ "end": end, "found": found });
        let strategies: Vec<Value> = summary.strategies.iter().zip(told).map(one).collect();
        output::json(&follow::json_of_parts(run, &strategies))?;
        return Ok(exit);
    }
    for (night, (lines, _)) in summary.strategies.iter().zip(told) {
        line(format_args!("{}: {}", night.strategy, night.words))?;
        lines.iter().try_for_each(|text| line(format_args!("  {text}")))?;
    }
    let failed = summary.strategies.iter().filter(|s| !s.ok).count();
    let part = if failed == 0 { String::new() } else { format!(", {failed} of {} strategies failed", told.len()) };
    line(follow::closing(run, &part, told.is_empty()))?;
    Ok(exit)
}
