//! What the engine of a scene answers.

use nightdesk::console::{App, Effect, Msg, Slot};
use nightdesk::engine::{Query, Reply};

use super::{Scene, detail, drift, issues, logs, nights, plan, signals, training};

/// Answers to what the console asks, as the engine of a scene gives them, so that its pages have something to show.
pub fn answer(app: &mut App, scene: Scene, effects: Vec<Effect>) {
    for effect in effects {
        let msg = match effect {
            Effect::Query { slot, generation, query } => {
                let result = match (slot, query) {
                    (Slot::Series, Query::Series { series }) => Ok(Reply::Series(Box::new(detail(series)))),
                    (Slot::Plan, _) => Ok(Reply::Plan(plan())),
                    (Slot::Issues, _) => Ok(Reply::Issues(issues())),
                    (Slot::Job, Query::Job { job }) => Ok(Reply::Job(Box::new(nights::job_detail(job, scene)))),
                    (Slot::JobRuns, _) => Ok(Reply::JobRuns(nights::job_runs(scene))),
                    (Slot::Run, Query::Run { run_id }) => nights::run_detail(run_id, scene)
                        .map(|d| Reply::Run(Box::new(d)))
                        .ok_or_else(|| format!("there is no run {run_id}")),
                    (Slot::Training, _) => Ok(Reply::Training(None)),
                    (Slot::Models, Query::Models { strategy }) => Ok(Reply::Models(training::rows(strategy))),
                    (Slot::Model, Query::Model { strategy, model_id }) => training::detail(strategy, model_id)
                        .map(|d| Reply::Model(Box::new(d)))
                        .ok_or_else(|| format!("there is no model {model_id}")),
                    (Slot::Drift, Query::Drift { strategy }) => Ok(Reply::Drift(Box::new(drift::page(strategy, drift::night(scene))))),
                    (Slot::Subject, Query::Subject { strategy, subject }) => drift::detail(strategy, drift::night(scene), &subject)
                        .map(|d| Reply::Subject(Box::new(d)))
                        .ok_or_else(|| format!("{strategy} watches no {subject}")),
                    (Slot::Signals, Query::Signals { strategy, .. }) => Ok(Reply::Signals(Box::new(signals::page(strategy)))),
                    (Slot::Signal, Query::Signal { strategy, signal_id }) => signals::detail(strategy, signal_id)
                        .map(|d| Reply::Signal(Box::new(d)))
                        .ok_or_else(|| format!("{strategy} has no signal {signal_id}")),
                    (Slot::Sectors, _) => Ok(Reply::Sectors(signals::sectors())),
                    _ => Ok(Reply::Runs(Vec::new())),
                };
                Msg::Answer { slot, generation, result }
            }
            Effect::ReadLogs(_) => Msg::Logs(logs(), 2),
            _ => continue,
        };
        let mut further = Vec::new();
        app.update(msg, &mut further);
        // An answer may lead to another question, as a list does to the first of its rows.
        answer(app, scene, further);
    }
}
