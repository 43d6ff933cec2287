//! What an operator can ask the engine to do.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{Query, QueryError, Reply};
use crate::config::Settings;
use crate::ingest::IngestSpec;
use crate::market::{SourceId, Strategy};
use crate::scan::WatchSpec;
use crate::store::master::Resolution;
use crate::store::scheduler::Job;
use crate::train::spec::TrainSpec;

/// A command with its identity; sending it twice does it once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Envelope {
    /// Unique per command, chosen by the sender.
    pub id: String,
    /// Who asks (`console`, `cli`).
    pub actor: String,
    /// What.
    pub command: Command,
}

/// A request to change something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Command {
    /// Run a job's normal work now.
    Run {
        /// Which job.
        job: Job,
    },
    /// Do again what a run did, with what it was asked for.
    Rerun {
        /// An ended run.
        run_id: i64,
    },
    /// Switch the scheduler on or off. Off, ticks pass without a run; commands still work.
    Scheduler {
        /// On or off.
        on: bool,
    },
    /// Let a job's ticks pass without a run.
    Pause {
        /// Which job.
        job: Job,
        /// Why.
        reason: String,
    },
    /// End a job's pause.
    Resume {
        /// Which job.
        job: Job,
    },
    /// Go on after the clock jumped further than missed ticks are made up for.
    ConfirmClock,
    /// Read the configuration again.
    Reload,
    /// Send a test alert through the webhook.
    TestAlert,
    /// Start an ingest run.
    Ingest {
        /// What to fetch.
        spec: IngestSpec,
    },
    /// Start a training run.
    Train {
        /// What to train.
        spec: TrainSpec,
    },
    /// Run a scan, a backtest or a look at drift, for some strategies.
    Watch {
        /// Which of these jobs.
        job: Job,
        /// For whom.
        spec: WatchSpec,
    },
    /// Take note of the open alarm of a subject of drift.
    Acknowledge {
        /// Whose.
        strategy: Strategy,
        /// Of what.
        subject: String,
    },
    /// Keep it silent for a while.
    Snooze {
        /// Whose.
        strategy: Strategy,
        /// Of what.
        subject: String,
        /// Hours.
        hours: u32,
    },
    /// Let a model that was halted give signals again.
    LiftHalt {
        /// Whose.
        strategy: Strategy,
    },
    /// Make a model champion: its signals count from now on.
    Promote {
        /// Whose.
        strategy: Strategy,
        /// Its key.
        model_id: i64,
    },
    /// Put the champion before the present one back.
    Rollback {
        /// Whose.
        strategy: Strategy,
    },
    /// Stop a run: after the work in flight, or at once.
    Cancel {
        /// Which run.
        run_id: i64,
        /// At once, giving up the work in flight.
        now: bool,
    },
    /// Probe a source now, whatever its breaker says.
    Probe {
        /// Which source.
        source: SourceId,
    },
    /// Settle a data-quality finding.
    ResolveIssue {
        /// Key in `data_quality_log`.
        id: i64,
        /// How.
        resolution: Resolution,
        /// Why, in the operator's words.
        note: String,
    },
    /// Recompute the state of all series from the database.
    Refresh,
}

impl Command {
    /// Whether it is done on a blocking thread and answered when that is done.
    pub(super) const fn is_answered_late(&self) -> bool {
        matches!(
            self,
            Self::Promote { .. } | Self::Rollback { .. } | Self::Acknowledge { .. } | Self::Snooze { .. } | Self::LiftHalt { .. }
        )
    }
}

/// The command as the log tells it: `cancel run 3 now`.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { job } => write!(f, "run {job}"),
            Self::Rerun { run_id } => write!(f, "run {run_id} again"),
            Self::Scheduler { on } => write!(f, "switch the scheduler {}", if *on { "on" } else { "off" }),
            Self::Pause { job, reason } => write!(f, "pause {job}: {reason}"),
            Self::Resume { job } => write!(f, "resume {job}"),
            Self::ConfirmClock => f.write_str("go on after the clock jumped"),
            Self::Reload => f.write_str("read the configuration again"),
            Self::TestAlert => f.write_str("send a test alert"),
            Self::Ingest { spec } => write!(f, "ingest {spec}"),
            Self::Train { spec } => write!(f, "train {spec}"),
            Self::Watch { job, spec } => write!(f, "{job} of {spec}"),
            Self::Acknowledge { strategy, subject } => write!(f, "take note of the drift of {subject} in {strategy}"),
            Self::Snooze { strategy, subject, hours } => write!(f, "keep the drift of {subject} in {strategy} silent for {hours} h"),
            Self::LiftHalt { strategy } => write!(f, "let {strategy} give signals again"),
            Self::Promote { strategy, model_id } => write!(f, "make model {model_id} champion of {strategy}"),
            Self::Rollback { strategy } => write!(f, "put the champion before back in {strategy}"),
            Self::Cancel { run_id, now } => write!(f, "cancel run {run_id}{}", if *now { " now" } else { "" }),
            Self::Probe { source } => write!(f, "probe {source}"),
            Self::ResolveIssue { id, resolution, note } => write!(f, "settle finding {id} as {resolution}: {note}"),
            Self::Refresh => f.write_str("read the state again"),
        }
    }
}

/// The engine accepted a command. The result arrives in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ack {
    /// The command's id.
    pub id: String,
    /// The run it started, if any.
    pub run_id: Option<i64>,
    /// What happens next, for people.
    pub message: String,
}

/// Why a command was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It cannot be done now, or not at all.
    #[error("{0}")]
    Refused(String),
    /// The engine is gone.
    #[error("the engine has stopped")]
    Gone,
}

/// A request to the engine's owner task, with the way back.
#[derive(Debug)]
pub enum Request {
    /// Change something.
    Command(Envelope, oneshot::Sender<Result<Ack, CommandError>>),
    /// Ask something.
    Query(Query, oneshot::Sender<Result<Reply, QueryError>>),
    /// Put these settings in force: those that can change while the engine works. Refused in words.
    Settings(Arc<Settings>, oneshot::Sender<Result<(), String>>),
    /// Give a sign of life.
    Pulse(oneshot::Sender<()>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_read_as_words() {
        let settle = Command::ResolveIssue { id: 7, resolution: Resolution::Accepted, note: "seen on the tape".into() };
        for (command, words) in [
            (Command::Ingest { spec: IngestSpec::default() }, "ingest all symbols, all timeframes"),
            (Command::Train { spec: TrainSpec { seed: Some(4), ..TrainSpec::default() } }, "train both strategies, seed 4"),
            (Command::Promote { strategy: Strategy::Turbomode, model_id: 9 }, "make model 9 champion of turbomode"),
            (Command::Rollback { strategy: Strategy::Slipstream }, "put the champion before back in slipstream"),
            (Command::Cancel { run_id: 3, now: false }, "cancel run 3"),
            (Command::Cancel { run_id: 3, now: true }, "cancel run 3 now"),
            (Command::Probe { source: SourceId::Ib }, "probe ib"),
            (settle, "settle finding 7 as accepted: seen on the tape"),
            (Command::Refresh, "read the state again"),
        ] {
            assert_eq!(command.to_string(), words);
        }
    }
}
