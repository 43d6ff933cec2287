//! What the engine knows of training beside the job itself: a feed of what to show, questions about models, and who may
//! put one in or out of service. The one who keeps the models implements [`Learning`]; the engine reads no model file.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use super::owner::Owner;
use super::watching::NO_WATCH;
use super::{Ack, Command, CommandError, Envelope, Query, QueryError, Reply};
use crate::market::Strategy;
use crate::train::model_views::{ModelDetail, ModelRow};
use crate::train::progress::{Standing, TrainingView};

/// Why there is nothing to ask or to change.
const NO_TRAINING: &str = "this engine has no training";

/// Which training run of a strategy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Training {
    /// The run at work, else the last one that ended.
    #[default]
    Newest,
    /// By its number in the strategy's database.
    Run(i64),
    /// By the run of the train job that it was part of.
    JobRun(i64),
}

/// The one who trains and keeps the models. Its methods may wait for the disk: the engine calls them on blocking threads.
/// Errors are sentences for people.
pub trait Learning: Send + Sync {
    /// At most one run a strategy: the one at work, else the last one that ended. Changes may come faster than they are
    /// shown; the engine publishes the newest at most ten times a second.
    fn trainings(&self) -> watch::Receiver<Arc<Vec<TrainingView>>>;

    /// Which model each strategy has in service.
    fn standings(&self) -> watch::Receiver<Arc<Vec<Standing>>>;

    /// The ensembles of a strategy, newest first.
    fn models(&self, strategy: Strategy) -> Result<Vec<ModelRow>, String>;

    /// Everything about one; `None` when there is no such model.
    fn model(&self, strategy: Strategy, model_id: i64) -> Result<Option<ModelDetail>, String>;

    /// A training run as it was last shown; `None` when there is no such run.
    fn training(&self, strategy: Strategy, which: Training) -> Result<Option<TrainingView>, String>;

    /// Makes a model champion and says so in a sentence. Refuses one that has not passed the gates.
    fn promote(&self, strategy: Strategy, model_id: i64, actor: &str) -> Result<String, String>;

    /// Puts the champion before the present one back and says so in a sentence.
    fn rollback(&self, strategy: Strategy, actor: &str) -> Result<String, String>;
}

/// Work of a command, done when it has said so in a sentence.
type LateWork = Box<dyn FnOnce() -> Result<String, String> + Send>;
type Back = oneshot::Sender<Result<Ack, CommandError>>;

/// A command on models that has come to its end: its id, and what to say.
pub(super) type Changed = (String, Result<String, String>);

/// The owner's view of training.
pub(super) struct Learned {
    learning: Option<Arc<dyn Learning>>,
    /// What is shown of training runs.
    pub trainings: watch::Receiver<Arc<Vec<TrainingView>>>,
    /// Which models are in service.
    pub standings: watch::Receiver<Arc<Vec<Standing>>>,
    /// Commands at work by their ids, with who waits for each: more than one when it was sent again meanwhile.
    at_work: HashMap<String, (Command, Vec<Back>)>,
    done: mpsc::Sender<Changed>,
}

impl Learned {
    /// Without `learning` the feeds stay empty.
    pub fn new(learning: Option<Arc<dyn Learning>>, done: mpsc::Sender<Changed>) -> Self {
        let trainings = learning.as_ref().map_or_else(|| watch::channel(Arc::default()).1, |l| l.trainings());
        let standings = learning.as_ref().map_or_else(|| watch::channel(Arc::default()).1, |l| l.standings());
        Self { learning, trainings, standings, at_work: HashMap::new(), done }
    }

    /// Answers a question about models or training runs, beside the owner.
    pub fn answer(&self, query: Query) -> impl Future<Output = Result<Reply, QueryError>> + Send + use<> {
        let learning = self.learning.clone();
        async move {
            let learning = learning.ok_or_else(|| QueryError::Failed(NO_TRAINING.to_owned()))?;
            let read = tokio::task::spawn_blocking(move || answer(learning.as_ref(), &query)).await;
            read.map_err(|e| QueryError::Failed(e.to_string()))?.map_err(QueryError::Failed)
        }
    }
}

fn answer(learning: &dyn Learning, query: &Query) -> Result<Reply, String> {
    Ok(match *query {
        Query::Models { strategy } => Reply::Models(learning.models(strategy)?),
        Query::Model { strategy, model_id } => {
            let found = learning.model(strategy, model_id)?;
            Reply::Model(Box::new(found.ok_or_else(|| format!("{strategy} has no model {model_id}"))?))
        }
        Query::Training { strategy, which } => Reply::Training(learning.training(strategy, which)?.map(Box::new)),
        _ => return Err("that is no question about training".to_owned()),
    })
}

impl Owner {
    /// Puts a model in or out of service, or takes note of an alarm, on a blocking thread; who asked is answered when that is done, and other commands
    /// go on.
    pub(super) fn change_models(&mut self, envelope: Envelope, back: Back) {
        let Envelope { id, actor, command } = envelope;
        if let Some((known, backs)) = self.learned.at_work.get_mut(&id) {
            if *known == command {
                backs.push(back);
            } else {
                let _ = back.send(Err(CommandError::Refused(format!("the id {id:?} belongs to another command: send it with a new id"))));
            }
            return;
        }
        tracing::info!(target: "engine", actor, command = command.to_string(), "Command");
        let work = match self.late_work(command.clone(), actor) {
            Ok(work) => work,
            Err(why) => {
                let _ = back.send(Err(CommandError::Refused(why.to_owned())));
                return;
            }
        };
        self.learned.at_work.insert(id.clone(), (command, vec![back]));
        let done = self.learned.done.clone();
        tokio::spawn(async move {
            let end = tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(e.to_string()));
            // The engine may be going down; the change stands or not all the same.
            let _ = done.send((id, end)).await;
        });
    }

    /// What a command on models, signals or alarms does, on a blocking thread; or why this engine cannot.
    fn late_work(&self, command: Command, actor: String) -> Result<LateWork, &'static str> {
        let learning = || self.learned.learning.clone().ok_or(NO_TRAINING);
        let watching = || self.watched.watching.clone().ok_or(NO_WATCH);
        Ok(match command {
            Command::Promote { strategy, model_id } => {
                let learning = learning()?;
                Box::new(move || learning.promote(strategy, model_id, &actor))
            }
            Command::Rollback { strategy } => {
                let learning = learning()?;
                Box::new(move || learning.rollback(strategy, &actor))
            }
            Command::Acknowledge { strategy, subject } => {
                let watching = watching()?;
                Box::new(move || watching.acknowledge(strategy, &subject, &actor))
            }
            Command::Snooze { strategy, subject, hours } => {
                let watching = watching()?;
                Box::new(move || watching.snooze(strategy, &subject, hours, &actor))
            }
            Command::LiftHalt { strategy } => {
                let watching = watching()?;
                Box::new(move || watching.lift_halt(strategy, &actor))
            }
            _ => return Err("that is no command that is answered late"),
        })
    }

    /// A command on models has come to its end: answers who waited for it.
    pub(super) fn models_changed(&mut self, (id, end): Changed) {
        let Some((command, backs)) = self.learned.at_work.remove(&id) else { return };
        let answer = end.map(|message| Ack { id, run_id: None, message }).map_err(CommandError::Refused);
        if let Ok(ack) = &answer {
            self.acks.keep(command, ack);
        }
        for back in backs {
            // The asker may have gone.
            let _ = back.send(answer.clone());
        }
    }
}
