//! Whether a strategy gives signals, and by which model, or why not: what panes, pages and commands show of it.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::market::{DAY, Strategy, date_to_ts, ts_to_date};
use crate::store::StoreError;
use crate::store::model::{Model, ModelKind, ModelReader, ModelState};
use crate::train::progress::TrainingState;

/// How a strategy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum StandingKind {
    /// A champion gives signals.
    Champion,
    /// The champion's data are too old: it gives none.
    Expired,
    /// No champion; a shadow gives paper signals.
    Shadow,
    /// No champion: the newest models did not pass the gates. A normal state.
    GatesNotMet,
    /// No champion: the last one was taken out of service.
    Withdrawn,
    /// No champion: no training run came to a verdict yet.
    Untrained,
}

/// A model in service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelBrief {
    /// Its number.
    pub model_id: i64,
    /// The run that made it.
    pub run_id: i64,
    /// In this state since, UTC seconds.
    pub since: i64,
    /// Last date that it learnt from.
    pub trained_to: NaiveDate,
    /// Days from that date to now.
    pub age_days: i64,
    /// When it stops giving signals, UTC seconds.
    pub expires_at: i64,
    /// Days from now to then; negative afterwards.
    pub days_left: i64,
    /// Sessions in which it gave paper signals.
    pub shadow_served: u32,
    /// Of so many that it owed before it might be champion.
    pub shadow_owed: u32,
}

/// How a strategy stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Standing {
    /// Which.
    pub strategy: Strategy,
    /// In one word.
    pub kind: StandingKind,
    /// In one sentence.
    pub sentence: String,
    /// Whether it gives signals.
    pub gives_signals: bool,
    /// The champion, an expired one too.
    pub champion: Option<ModelBrief>,
    /// The newest shadow.
    pub shadow: Option<ModelBrief>,
}

/// How `strategy`, whose database `reader` reads, stands at `now` (UTC seconds). Looks at no model file.
pub fn standing(reader: &ModelReader, strategy: Strategy, now: i64) -> Result<Standing, StoreError> {
    let brief = |model: Option<Model>| model.map(|m| brief(reader, &m, now)).transpose();
    let champion = reader.champion(ModelKind::Ensemble)?;
    let expired = champion.as_ref().and_then(|c| rules::gives_signals(c, now).err());
    let (champion, shadow) = (brief(champion)?, brief(reader.newest_in(ModelState::Shadow)?)?);
    let (kind, sentence) = match (&champion, &shadow, expired) {
        (Some(_), _, Some(why)) => (StandingKind::Expired, format!("The champion gives no signals: {why}.")),
        (Some(c), ..) => (StandingKind::Champion, serving(c)),
        (None, Some(s), _) => (StandingKind::Shadow, trying(s)),
        (None, None, _) => absence(reader)?,
    };
    Ok(Standing { strategy, kind, sentence, gives_signals: kind == StandingKind::Champion, champion, shadow })
}

fn brief(reader: &ModelReader, model: &Model, now: i64) -> Result<ModelBrief, StoreError> {
    Ok(ModelBrief {
        model_id: model.model_id,
        run_id: model.run_id,
        since: model.state_at,
        trained_to: model.trained_to,
        age_days: (now - date_to_ts(model.trained_to)).div_euclid(DAY),
        expires_at: model.expires_at,
        days_left: (model.expires_at - now).div_euclid(DAY),
        shadow_served: reader.shadow_sessions(model.model_id)?,
        shadow_owed: model.shadow_sessions,
    })
}

fn serving(c: &ModelBrief) -> String {
    format!(
        "Model {} is champion since {}; it learnt from data up to {}, {} days ago, and expires in {} days.",
        c.model_id,
        ts_to_date(c.since),
        c.trained_to,
        c.age_days,
        c.days_left
    )
}

fn trying(s: &ModelBrief) -> String {
    let ModelBrief { model_id, shadow_served, shadow_owed, .. } = s;
    if shadow_served < shadow_owed {
        format!("No champion: model {model_id} passed the gates and has given paper signals in {shadow_served} of {shadow_owed} sessions.")
    } else {
        format!("No champion: model {model_id} passed the gates and may be promoted.")
    }
}

/// Why there is neither champion nor shadow.
fn absence(reader: &ModelReader) -> Result<(StandingKind, String), StoreError> {
    if let Some(m) = reader.newest_model(ModelKind::Ensemble)? {
        return Ok(match m.state {
            ModelState::Retired => {
                let sentence = format!("No champion: model {} was retired on {}: {}.", m.model_id, ts_to_date(m.state_at), m.state_reason);
                (StandingKind::Withdrawn, sentence)
            }
            _ => (StandingKind::GatesNotMet, format!("No champion: gates not met by training run {}: {}", m.run_id, m.state_reason)),
        });
    }
    let why = match reader.trainings(1)?.into_iter().next() {
        None => "nothing was trained yet".to_owned(),
        Some(run) if run.state == TrainingState::Running => format!("training run {} is at work", run.run_id),
        Some(run) => {
            let error = run.error.map(|e| format!(": {e}")).unwrap_or_default();
            format!("training run {} ended without a verdict ({}){error}", run.run_id, run.state)
        }
    };
    Ok((StandingKind::Untrained, format!("No champion: {why}.")))
}
