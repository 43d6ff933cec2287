//! `nightdesk models`: the models of the strategies, what is known of each, and which of them serves. Read from the databases;
//! what changes models is done by the engine that runs on the data folder, or here.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::change::change;
use super::output::{self, line, second, thousands};
use super::train::report;
use super::{Context, Exit, Failure, strategy};
use crate::engine::{Command as EngineCommand, Learning};
use crate::market::{Strategy, ts_to_date};
use crate::train::model_views::{ModelDetail, ModelRow, ModelState};
use crate::trainer::Trainer;

/// Models that a list shows of a strategy.
const LISTED: usize = 20;
/// Features that are shown of a model.
const FEATURES: usize = 15;

/// List the models of the strategies, show one, put one in service, or the one before back
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the models with what they are worth, newest first, and which of them serves
    List {
        /// Only this strategy's
        #[arg(long, value_name = "S", value_parser = strategy::parser())]
        strategy: Option<Strategy>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show one model: figures, gates, features, files with their hashes checked, and history
    Show {
        /// Its number, from the list
        id: i64,
        /// Whose [default: the one that has a model of this number]
        #[arg(long, value_name = "S", value_parser = strategy::parser())]
        strategy: Option<Strategy>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Make a model champion: its signals count from then on. Refused for one that did not pass the gates
    Promote {
        /// Its number, from the list
        id: i64,
        /// Whose [default: the one that has a model of this number]
        #[arg(long, value_name = "S", value_parser = strategy::parser())]
        strategy: Option<Strategy>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Put the champion before the present one back
    Rollback {
        /// Whose [default: the one that has a champion before]
        #[arg(long, value_name = "S", value_parser = strategy::parser())]
        strategy: Option<Strategy>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

impl Arguments {
    pub(super) const fn json(&self) -> bool {
        match self.command {
            Command::List { json, .. } | Command::Show { json, .. } | Command::Promote { json, .. } | Command::Rollback { json, .. } => {
                json
            }
        }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    context.warn();
    let trainer = Trainer::new(context.workplace());
    match arguments.command {
        Command::List { strategy, json } => list(&trainer, strategy, json)?,
        Command::Show { id, strategy, json } => {
            let strategy = owner(&trainer, id, strategy)?;
            let found = trainer.model(strategy, id).map_err(Failure::new)?;
            let none = || Failure::new(format!("there is no model {id}")).next("see which there are: nightdesk models list");
            let detail = found.ok_or_else(none)?;
            if json { output::json(&detail)? } else { show(&detail)? }
        }
        Command::Promote { id, strategy, json } => {
            let strategy = owner(&trainer, id, strategy)?;
            let command = EngineCommand::Promote { strategy, model_id: id };
            change(context, command, json, |actor| trainer.promote(strategy, id, actor))?;
        }
        Command::Rollback { strategy, json } => {
            let strategy = strategy::only(strategy, "have a champion before", |s| Ok(trainer.standing(s)?.rollback_to.is_some()))?;
            change(context, EngineCommand::Rollback { strategy }, json, |actor| trainer.rollback(strategy, actor))?;
        }
    }
    Ok(Exit::Done)
}

/// The strategy that was named, or the one that has a model of this number.
fn owner(trainer: &Trainer, id: i64, named: Option<Strategy>) -> Result<Strategy, Failure> {
    strategy::only(named, &format!("have a model {id}"), |s| Ok(trainer.models(s).map_err(Failure::new)?.iter().any(|m| m.model_id == id)))
}

fn list(trainer: &Trainer, only: Option<Strategy>, as_json: bool) -> Result<(), Failure> {
    let chosen: Vec<Strategy> = Strategy::ALL.into_iter().filter(|s| only.is_none_or(|one| one == *s)).collect();
    let mut all = Vec::new();
    for strategy in chosen {
        all.push((trainer.standing(strategy)?, trainer.models(strategy).map_err(Failure::new)?));
    }
    if as_json {
        let strategies: Vec<Value> = all.iter().map(|(standing, models)| json!({ "standing": standing, "models": models })).collect();
        return output::json(&json!({ "ok": true, "strategies": strategies }));
    }
    for (standing, models) in &all {
        line(format_args!("{}: {}", standing.strategy, standing.words))?;
        if !models.is_empty() {
            line(format_args!(
                "  {:>5}  {:>5}  {:<9}  {:<19}  {:<10}  {:<10}  {:>8}  {:>6}  why",
                "model", "run", "state", "since UTC", "trained to", "good until", "skill", "AUC"
            ))?;
        }
        models.iter().take(LISTED).try_for_each(row)?;
        if models.len() > LISTED {
            line(format_args!("  and {} older ones; --json lists all", models.len() - LISTED))?;
        }
    }
    Ok(())
}

fn row(m: &ModelRow) -> Result<(), Failure> {
    line(format_args!(
        "  {:>5}  {:>5}  {:<9}  {}  {:<10}  {:<10}  {:>8}  {:>6}  {}",
        m.model_id,
        m.run_id,
        m.state.to_string(),
        second(m.state_at),
        m.trained_to.map(|d| d.to_string()).unwrap_or_default(),
        m.expires_at.map(|at| ts_to_date(at).to_string()).unwrap_or_default(),
        share(m.skill),
        figure(m.auc),
        brief(m.state, &m.reason)
    ))
}

/// A reason that fits into a line: rejected models have one sentence for each gate, which stand in their table.
fn brief(state: ModelState, reason: &str) -> &str {
    if state == ModelState::Rejected { "gates not met" } else { reason }
}

fn figure(v: Option<f64>) -> String {
    v.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"))
}

fn share(v: Option<f64>) -> String {
    v.map_or_else(|| "-".to_owned(), |v| format!("{:+.2} %", 100.0 * v))
}

fn show(d: &ModelDetail) -> Result<(), Failure> {
    let m = &d.row;
    line(format_args!("Model {} of {}, from training run {}", m.model_id, m.strategy, m.run_id))?;
    line(format_args!("  state      {} since {} UTC: {}", m.state, second(m.state_at), brief(m.state, &m.reason)))?;
    if let Some(why) = &d.halted {
        line(format_args!("  halted     no new signals: {why}"))?;
    }
    if let Some(date) = m.trained_to {
        line(format_args!(
            "  learnt     from data up to {date}{}",
            m.expires_at.map(|at| format!(", good until {}", ts_to_date(at))).unwrap_or_default()
        ))?;
    }
    line(format_args!(
        "  made       {} UTC, {} profile, seed {}, rules version {}",
        second(m.created_at),
        d.profile,
        d.seed,
        d.config_version
    ))?;
    line(format_args!("  data       {}", d.snapshot))?;
    line(format_args!("  answer     {}", d.combination))?;
    if let Some(why) = m.locked.as_ref().filter(|_| !matches!(m.state, ModelState::Rejected | ModelState::Champion)) {
        line(format_args!("  champion   cannot be: {why}"))?;
    }
    line("\n  out of fold")?;
    for metric in &d.metrics {
        let interval = metric.interval.map(|(low, high)| format!("  {low:.4} to {high:.4}")).unwrap_or_default();
        line(format_args!("    {:<36} {:>12}{interval}", metric.name, number(metric.value)))?;
    }
    report::gates(&d.gates)?;
    line(format_args!("\n  {:<28} {:>14} {:>10}", "listens to", "shuffled, nats", "gradient"))?;
    for f in d.features.iter().take(FEATURES) {
        let cost = f.permutation.map_or_else(|| "-".to_owned(), |v| format!("{v:+.5}"));
        let part = f.gradient.map_or_else(|| "-".to_owned(), |v| format!("{:.1} %", 100.0 * v));
        line(format_args!("  {:<28} {cost:>14} {part:>10}", f.feature))?;
    }
    line("")?;
    for f in &d.files {
        let state = f.trouble.as_ref().map_or_else(|| "as it was written".to_owned(), |t| format!("UNUSABLE: {t}"));
        line(format_args!("  file       {}, {} bytes, {state}\n             SHA-256 {}", f.name, thousands(f.bytes), f.hash))?;
    }
    for c in &d.history {
        line(format_args!("  {} {:<9} by {}: {}", second(c.at), c.to.to_string(), c.by, brief(c.to, &c.reason)))?;
    }
    Ok(())
}

/// Whole numbers without a point, others with four places.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() >= 2.0 { thousands(value as u64) } else { format!("{value:.4}") }
}
