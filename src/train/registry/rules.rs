//! Which moves of models are right: a state machine without I/O.
//!
//! ```text
//! candidate -> rejected
//!           -> shadow -> champion -> retired -> champion again, by a person or a rollback
//!                    '-> retired
//! ```
//!
//! A champion that has expired stays champion and gives no signals: nothing better is there to take its place, and panes
//! show it with its age. A refusal changes nothing.

use chrono::{NaiveDate, TimeDelta};

use crate::market::{date_to_ts, ts_to_date};
use crate::store::model::{Model, ModelKind, ModelMove, MoveCause};
use crate::train::gates::Verdict;
use crate::train::model_views::ModelState;

/// Who asks for a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor<'a> {
    /// The program, as part of a run.
    Program,
    /// A person, by the name that commands carry.
    Person(&'a str),
}

impl<'a> Actor<'a> {
    /// As the log of moves names it.
    pub const fn name(self) -> &'a str {
        match self {
            Self::Program => "nightdesk",
            Self::Person(name) => name,
        }
    }
}

/// Why a move is not made. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such model.
    #[error("there is no model {0}; `nightdesk models list` lists those there are")]
    NoModel(i64),
    /// Base models do not move by themselves.
    #[error("model {model_id} is the {kind} of training run {run_id}, which serves only as part of its ensemble; name the ensemble")]
    BaseModel {
        /// Which.
        model_id: i64,
        /// Which of the run's.
        kind: ModelKind,
        /// Whose.
        run_id: i64,
    },
    /// It did not pass.
    #[error("gates not met: {0}")]
    GatesNotMet(String),
    /// It was not judged.
    #[error("model {0} was not judged yet; the training run that made it has to end first")]
    NotJudged(i64),
    /// It owes paper signals.
    #[error(
        "model {model_id} has given paper signals in {served} of the {owed} sessions that promotion_gates.shadow_sessions asks for; wait for the others"
    )]
    OwesSessions {
        /// Which.
        model_id: i64,
        /// Sessions so far.
        served: u32,
        /// Sessions asked for.
        owed: u32,
    },
    /// It is already there.
    #[error("model {0} is the champion already")]
    IsChampion(i64),
    /// Only a person brings a retired model back.
    #[error("model {0} is retired; only a person brings it back")]
    NeedsPerson(i64),
    /// It is too old.
    #[error("model {model_id} learnt from data up to {trained_to} and expired on {expired}; train again")]
    Expired {
        /// Which.
        model_id: i64,
        /// Last date that it learnt from.
        trained_to: NaiveDate,
        /// When it expired.
        expired: NaiveDate,
    },
    /// There is nothing to go back to.
    #[error("there is no champion before this one to go back to; train again, or promote a retired model by its number")]
    NoneBefore,
    /// It gives no signals anyway.
    #[error("model {model_id} is {state}: it gives no signals that could be ended")]
    NotInService {
        /// Which.
        model_id: i64,
        /// Its state.
        state: ModelState,
    },
}

/// When models that learnt from data up to `trained_to` stop giving signals, UTC seconds: after `expiry_days` whole days.
pub fn expiry(trained_to: NaiveDate, expiry_days: u32) -> i64 {
    date_to_ts(trained_to + TimeDelta::days(i64::from(expiry_days) + 1))
}

/// What a verdict makes of a candidate: its state, the sessions it owes, and why.
pub fn judged(verdict: &Verdict) -> (ModelState, u32, String) {
    match verdict {
        Verdict::Promote => (ModelState::Shadow, 0, "passed the gates".to_owned()),
        Verdict::Shadow { sessions_left } => {
            let reason = format!("passed the gates; gives paper signals for {sessions_left} sessions first");
            (ModelState::Shadow, *sessions_left, reason)
        }
        Verdict::Reject { reasons } => (ModelState::Rejected, 0, reasons.join(" ")),
    }
}

/// Whether an ensemble gives signals at `now`, or why not.
pub fn gives_signals(model: &Model, now: i64) -> Result<(), Refusal> {
    match model.state {
        ModelState::Champion => not_expired(model, now),
        state => Err(Refusal::NotInService { model_id: model.model_id, state }),
    }
}

fn not_expired(model: &Model, now: i64) -> Result<(), Refusal> {
    if now < model.expires_at {
        return Ok(());
    }
    let (model_id, trained_to, expired) = (model.model_id, model.trained_to, ts_to_date(model.expires_at));
    Err(Refusal::Expired { model_id, trained_to, expired })
}

/// The moves that make `model` champion, in place of `champion`. `served`: sessions in which it gave paper signals. The caller
/// has seen to its file.
pub fn promotion(
    model: &Model,
    champion: Option<&Model>,
    served: u32,
    actor: Actor<'_>,
    reason: &str,
    now: i64,
) -> Result<Vec<ModelMove>, Refusal> {
    let model_id = model.model_id;
    if model.kind != ModelKind::Ensemble {
        return Err(Refusal::BaseModel { model_id, kind: model.kind, run_id: model.run_id });
    }
    match model.state {
        ModelState::Rejected => return Err(Refusal::GatesNotMet(model.state_reason.clone())),
        ModelState::Candidate => return Err(Refusal::NotJudged(model_id)),
        ModelState::Champion => return Err(Refusal::IsChampion(model_id)),
        ModelState::Retired if actor == Actor::Program => return Err(Refusal::NeedsPerson(model_id)),
        // A retired model that never was champion owes what it owed as a shadow.
        ModelState::Shadow | ModelState::Retired if served < model.shadow_sessions => {
            return Err(Refusal::OwesSessions { model_id, served, owed: model.shadow_sessions });
        }
        ModelState::Shadow | ModelState::Retired => not_expired(model, now)?,
    }
    let cause = if model.state == ModelState::Shadow { MoveCause::Promoted } else { MoveCause::Restored };
    let mut moves = Vec::new();
    if let Some(old) = champion {
        moves.push(leave(old, MoveCause::Succeeded, format!("model {model_id} took its place: {reason}")));
    }
    moves.push(serve(model, cause, reason.to_owned()));
    Ok(moves)
}

/// The moves that put the champion `before` back in place of the `present` one, if there still is one.
pub fn rollback(present: Option<&Model>, before: Option<&Model>, reason: &str, now: i64) -> Result<Vec<ModelMove>, Refusal> {
    let before = before.ok_or(Refusal::NoneBefore)?;
    not_expired(before, now)?;
    let gone = present.map(|p| leave(p, MoveCause::RolledBack, format!("rolled back to model {}: {reason}", before.model_id)));
    let back = serve(before, MoveCause::Restored, format!("rolled back to: {reason}"));
    Ok(gone.into_iter().chain([back]).collect())
}

/// The move that ends the service of a champion or shadow.
pub fn withdrawal(model: &Model, reason: &str) -> Result<Vec<ModelMove>, Refusal> {
    match model.state {
        _ if model.kind != ModelKind::Ensemble => {
            Err(Refusal::BaseModel { model_id: model.model_id, kind: model.kind, run_id: model.run_id })
        }
        ModelState::Champion | ModelState::Shadow => Ok(vec![leave(model, MoveCause::Withdrawn, reason.to_owned())]),
        state => Err(Refusal::NotInService { model_id: model.model_id, state }),
    }
}

fn leave(model: &Model, cause: MoveCause, reason: String) -> ModelMove {
    ModelMove { run_id: model.run_id, from: model.state, to: ModelState::Retired, cause, reason }
}

fn serve(model: &Model, cause: MoveCause, reason: String) -> ModelMove {
    ModelMove { run_id: model.run_id, from: model.state, to: ModelState::Champion, cause, reason }
}
