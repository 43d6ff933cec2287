//! `nightdesk backtest`: the backtest job now, followed to its end: by the engine that runs on the data folder, or by one that
//! lives for the length of the job. Either way it is a run on record; the reports are read from the strategies' databases.

mod report;

use clap::Args;
use serde_json::{Value, json};

use super::output::{self, line};
use super::{Context, Exit, Failure, follow, rig, strategy};
use crate::control::Client;
use crate::engine::Command;
use crate::market::Strategy;
use crate::scan::WatchSpec;
use crate::scan::backtest::{BacktestReport, EndState, StrategyEnd, Summary};
use crate::store::master::StoreError;
use crate::store::model::ModelReader;
use crate::store::scheduler::{Job, JobRun};

/// Trade by what a strategy's models said of days that they had not learnt from, and tell what that would have earned
///
/// Of the champion; without one of the model on trial, else of the newest training run whose answers are kept, rejected or
/// not. Costs, sizes and exits are those of the training rules in force. A running engine is asked to do it; Ctrl-C or SIGTERM
/// stops it. Exit code: 0 done, also where nothing was trained yet, 1 failed, 3 one of two strategies failed, 130 interrupted.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this strategy [default: both, one after the other]
    #[arg(long, value_name = "S", value_parser = strategy::parser())]
    strategy: Option<Strategy>,
    /// The training run whose answers are traded; runs are numbered by strategy, so --strategy must say which
    #[arg(long, value_name = "N", requires = "strategy", value_parser = clap::value_parser!(i64).range(1..))]
    run: Option<i64>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    if !context.database().exists() {
        return Err(StoreError::Missing(context.database()).into());
    }
    let spec = WatchSpec { strategies: arguments.strategy.into_iter().collect(), run: arguments.run };
    rig::with_engine(context, async |client| foreground(client, context, spec, arguments.json).await)
}

/// The same for who has an engine at hand.
pub(super) async fn foreground(client: &Client, context: &Context, spec: WatchSpec, as_json: bool) -> Result<Exit, Failure> {
    let (run_id, signals) = follow::begin(client, context, Command::Watch { job: Job::Backtest, spec }).await?;
    let run = follow::told_to_end(client, context, run_id, signals).await?;
    let summary = Summary::stored(run.summary.as_deref()).unwrap_or_default();
    let made = summary.strategies.into_iter().map(|end| Ok((made(context, &end)?, end)));
    show(&run, &made.collect::<Result<Vec<_>, Failure>>()?, as_json)
}

/// The report that a strategy's backtest has stored.
fn made(context: &Context, end: &StrategyEnd) -> Result<Option<BacktestReport>, Failure> {
    let Some(run_id) = end.run_id else { return Ok(None) };
    let reader = ModelReader::open(&context.data_dir.join(end.strategy.database_file()), end.strategy)?;
    Ok(reader.backtest(run_id)?.map(|stored| stored.report))
}

fn show(run: &JobRun, made: &[(Option<BacktestReport>, StrategyEnd)], as_json: bool) -> Result<Exit, Failure> {
    let exit = follow::exit(run);
    if as_json {
        let one = |(report, end): &(Option<BacktestReport>, StrategyEnd)| json!({ "end": end, "report": report });
        let strategies: Vec<Value> = made.iter().map(one).collect();
        output::json(&follow::json_of_parts(run, &strategies))?;
        return Ok(exit);
    }
    for (report, end) in made {
        match report {
            Some(report) => report::print(report)?,
            None => line(format_args!("{}: {}\n  {}\n\n  next       {}\n", end.strategy, word(end.state), end.outcome, next(end)))?,
        }
    }
    line(follow::closing(run, "", made.is_empty()))?;
    Ok(exit)
}

fn word(state: EndState) -> &'static str {
    match state {
        EndState::Done => "done",
        EndState::Nothing => "nothing to backtest",
        EndState::Failed => "failed",
        EndState::Cancelled => "stopped",
    }
}

fn next(end: &StrategyEnd) -> String {
    match end.state {
        EndState::Done | EndState::Nothing => format!("`nightdesk train --strategy {}` makes models whose answers are kept", end.strategy),
        EndState::Cancelled => "run it again: it begins anew and takes seconds".to_owned(),
        EndState::Failed => "see to the cause, then run it again".to_owned(),
    }
}
