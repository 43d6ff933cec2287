//! `nightdesk train`: a training run now, followed to its end: by the engine that runs on the data folder, or by one that
//! lives for the length of the run. Either way it is a run on record.

mod live;
pub(super) mod report;

use clap::Args;
use serde_json::{Value, json};

use super::output::{self, line};
use super::{Context, Exit, Failure, follow, rig, strategy};
use crate::config::strategy::{ProfileName, Step};
use crate::control::Client;
use crate::engine::{Command, Query, Reply, Training};
use crate::market::Strategy;
use crate::store::master::StoreError;
use crate::store::scheduler::JobRun;
use crate::train::progress::TrainingView;
use crate::train::spec::TrainSpec;
use crate::trainer::{StrategyEnd, Summary};

pub(super) use live::now;

const PROFILES: [ProfileName; 3] = [ProfileName::Full, ProfileName::Quick, ProfileName::Demo];

/// Train the models of a strategy, or of both, and judge whether they may give signals
///
/// Twelve steps from the market data to a verdict, each told as it goes. Models that do not pass the promotion gates give no
/// signals; that is a normal end. A running engine is asked to do it. Ctrl-C or SIGTERM stops it after the fits at work,
/// which are kept and gone on from by the next run; a second one stops it at once. Exit code: 0 a verdict, whatever it is,
/// 1 failed, 3 one of two strategies failed, 130 interrupted.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this strategy's models [default: both, one after the other]
    #[arg(long, value_name = "S", value_parser = strategy::parser())]
    strategy: Option<Strategy>,
    /// What to train: full, quick or demo [default: as configured; with --demo: demo]
    #[arg(long, value_name = "PROFILE", value_parser = |name: &str| strategy::one_of(name, &PROFILES))]
    profile: Option<ProfileName>,
    /// Seed of all randomness [default: as configured]
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// Throw away what an interrupted run kept of this step and later ones, and do them again
    #[arg(long, value_name = "STEP", value_parser = |name: &str| strategy::one_of(name, &Step::ALL))]
    rerun_from: Option<Step>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    if !context.database().exists() {
        return Err(StoreError::Missing(context.database()).into());
    }
    let spec = TrainSpec {
        strategies: arguments.strategy.into_iter().collect(),
        profile: arguments.profile,
        seed: arguments.seed,
        rerun_from: arguments.rerun_from,
    };
    rig::with_engine(context, async |client| foreground(client, context, spec, arguments.json).await)
}

pub(super) async fn foreground(client: &Client, context: &Context, spec: TrainSpec, as_json: bool) -> Result<Exit, Failure> {
    let (run_id, signals) = follow::begin(client, context, Command::Train { spec }).await?;
    let mut live = live::Live::new(run_id, context.ascii);
    // Beside each other: what is shown must not keep signals and the end of the run waiting.
    let end = tokio::select! { biased;
        end = follow::to_end(client, context, run_id, signals) => end?,
        never = live.follow(client) => match never {},
    };
    let summary = Summary::stored(end.summary.as_deref()).unwrap_or_default();
    let mut trained = Vec::new();
    for strategy in summary.strategies {
        let shown = training(client, strategy.strategy, run_id).await;
        trained.push((strategy, shown));
    }
    live.end(trained.iter().filter_map(|(_, view)| view.as_ref()));
    show(&end, &trained, as_json)
}

/// What the run of this job showed last for a strategy.
async fn training(client: &Client, strategy: Strategy, job_run: i64) -> Option<TrainingView> {
    match client.query(Query::Training { strategy, which: Training::JobRun(job_run) }).await {
        Ok(Reply::Training(view)) => view.map(|v| *v),
        // The summary tells the verdict all the same.
        _ => None,
    }
}

fn show(run: &JobRun, trained: &[(StrategyEnd, Option<TrainingView>)], as_json: bool) -> Result<Exit, Failure> {
    let exit = follow::exit(run);
    if as_json {
        let one = |(end, view): &(StrategyEnd, Option<TrainingView>)| json!({ "end": end, "training": view });
        let strategies: Vec<Value> = trained.iter().map(one).collect();
        output::json(&follow::json_of_parts(run, &strategies))?;
        return Ok(exit);
    }
    for (end, view) in trained {
        report::strategy(end, view.as_ref())?;
    }
    line(follow::closing(run, "", trained.is_empty()))?;
    Ok(exit)
}
