//! What came of a training run, for people: verdict, gates, models, steps, and what to do next.

use crate::cli::output::line;
use crate::cli::{Context, Failure};
use crate::engine::{Learning, Training};
use crate::market::Strategy;
use crate::store::scheduler::{Job, JobRun};
use crate::train::gates::{GateResult, Status};
use crate::train::progress::{PartState, TrainingState, TrainingView};
use crate::trainer::Trainer;
use crate::trainer::{StrategyEnd, lasted, word};

/// What came of a strategy's training.
pub fn strategy(end: &StrategyEnd, view: Option<&TrainingView>) -> Result<(), Failure> {
    let run = end.run_id.map(|id| format!(" run {id}")).unwrap_or_default();
    line(format_args!("{}{run}: {} after {}", end.strategy, end.state, lasted(end.seconds)))?;
    line(format_args!("  {}", end.outcome))?;
    if let Some(view) = view {
        gates(&view.gates)?;
        models(view)?;
    }
    line(format_args!("\n  next       {}\n", next(end)))
}

/// The gates, one a line: what was measured, its bound, what the rules ask for, and what that means.
pub fn gates(gates: &[GateResult]) -> Result<(), Failure> {
    if gates.is_empty() {
        return Ok(());
    }
    // Counts are whole.
    let short = |v: f64| if v.fract() == 0.0 && v.abs() >= 2.0 { format!("{v:.0}") } else { format!("{v:.4}") };
    let figure = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), short);
    line(format_args!("\n  {:<5} {:<8} {:>10} {:>10} {:>10}", "gate", "", "value", "bound", "threshold"))?;
    for g in gates {
        line(format_args!(
            "  {:<5} {:<8} {:>10} {:>10} {:>10}  {}",
            g.gate.code(),
            word(g.status),
            figure(g.value),
            figure(g.bound),
            figure(g.threshold),
            told(g)
        ))?;
    }
    Ok(())
}

/// What a gate found; of one that is passed only what that means.
fn told(gate: &GateResult) -> &str {
    match gate.status {
        Status::Pass => gate.sentence.split(':').next().unwrap_or_default(),
        _ => &gate.sentence,
    }
}

/// The base models, out of fold.
fn models(view: &TrainingView) -> Result<(), Failure> {
    if view.models.iter().all(|m| m.fits_done == 0) {
        return Ok(());
    }
    // Counts are whole.
    let short = |v: f64| if v.fract() == 0.0 && v.abs() >= 2.0 { format!("{v:.0}") } else { format!("{v:.4}") };
    let figure = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), short);
    let share = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{:+.2} %", 100.0 * v));
    line(format_args!("\n  {:<9} {:>8} {:>9} {:>9} {:>8} {:>12}", "model", "fits", "loss", "skill", "AUC", "took"))?;
    for m in &view.models {
        line(format_args!(
            "  {:<9} {:>8} {:>9} {:>9} {:>8} {:>12}",
            m.name.to_string(),
            format!("{}/{}", m.fits_done, m.fits),
            figure(m.loss),
            share(m.skill),
            figure(m.auc),
            lasted(m.seconds)
        ))?;
    }
    if view.combination.is_empty() { Ok(()) } else { line(format_args!("  ships the {}", view.combination)) }
}

/// The steps of the training runs that were part of a run of the train job.
pub fn of_job(context: &Context, run: &JobRun) -> Result<(), Failure> {
    if run.job != Job::Train {
        return Ok(());
    }
    let trainer = Trainer::new(context.workplace());
    for strategy in Strategy::ALL {
        if let Some(view) = trainer.training(strategy, Training::JobRun(run.id)).map_err(Failure::new)? {
            steps(&view)?;
        }
    }
    line("")
}

fn steps(view: &TrainingView) -> Result<(), Failure> {
    let head =
        format!("{} run {}: {}, {} profile, seed {}, {}", view.strategy, view.run_id, view.state, view.profile, view.seed, view.device);
    line(format_args!("\n  {head}"))?;
    for s in &view.steps {
        let took = if matches!(s.state, PartState::Waiting | PartState::LeftOut) { "-".to_owned() } else { lasted(s.seconds) };
        let text = format!("    {:<14} {:<9} {took:>12}  {}", s.step.words(), state(s.state), s.note);
        line(text.trim_end())?;
    }
    let told = |outcome: &&String| view.steps.last().is_none_or(|s| s.note != **outcome);
    view.outcome.as_ref().filter(told).map_or(Ok(()), |outcome| line(format_args!("    {outcome}")))
}

fn state(state: PartState) -> String {
    if state == PartState::LeftOut { "left out".to_owned() } else { state.to_string() }
}

fn next(end: &StrategyEnd) -> String {
    let s = end.strategy;
    match end.state {
        TrainingState::Promoted => {
            format!("`nightdesk models list --strategy {s}` shows it; `nightdesk models rollback --strategy {s}` takes it back")
        }
        TrainingState::Shadow => {
            format!("nothing: once its sessions are done, `nightdesk models list --strategy {s}` says that it may be promoted")
        }
        TrainingState::Rejected => match end.champion {
            Some(model) => format!("nothing: model {model} stays champion; the next run learns from more data"),
            None => "nothing: without a champion there are no signals, and the next run learns from more data".to_owned(),
        },
        TrainingState::Cancelled | TrainingState::Lost => "run it again: it goes on from the fits that are kept".to_owned(),
        TrainingState::Failed if end.retry => "run it again later".to_owned(),
        TrainingState::Failed => "see to the cause, then run it again: it goes on from the fits that are kept".to_owned(),
        TrainingState::Running => "it still works: nightdesk status".to_owned(),
    }
}
