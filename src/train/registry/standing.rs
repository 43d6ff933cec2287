//! Whether a strategy gives signals, and by which model, or why not: what panes, pages and commands show of it.

use super::rules;
use crate::market::{DAY, Strategy, ts_to_date};
use crate::store::StoreError;
use crate::store::model::{Halt, Model, ModelKind, ModelReader};
use crate::train::model_views::ModelState;
use crate::train::progress::{ChampionView, ShadowView, Standing, TrainingState};

/// How `strategy`, whose database `reader` reads, stands at `now` (UTC seconds). Looks at no model file.
pub fn standing(reader: &ModelReader, strategy: Strategy, now: i64) -> Result<Standing, StoreError> {
    let champion = reader.champion(ModelKind::Ensemble)?.map(|m| champion(&m, now));
    let halt = champion.as_ref().map(|c| reader.halt(c.model_id)).transpose()?.flatten();
    let on_trial = reader.newest_in(ModelState::Shadow)?;
    let shadow = on_trial.map(|m| shadow(reader, &m)).transpose()?;
    let words = match (&champion, &shadow) {
        (Some(c), _) => serving(c, halt.as_ref(), now),
        (None, Some(s)) => trying(s),
        (None, None) => format!("no champion: {}", absence(reader)?),
    };
    let rollback_to = reader.last_succeeded()?.map(|m| m.model_id);
    Ok(Standing { strategy, champion, shadow, rollback_to, words })
}

impl Standing {
    /// How a strategy without a database stands.
    pub fn untrained(strategy: Strategy) -> Self {
        Self { strategy, champion: None, shadow: None, rollback_to: None, words: format!("no champion: {NOTHING_YET}") }
    }
}

const NOTHING_YET: &str = "nothing was trained yet";

/// A figure of an ensemble that lists show: `skill` or `auc`.
pub fn figure(model: &Model, name: &str) -> Option<f64> {
    model.metrics.get(name).and_then(serde_json::Value::as_f64)
}

fn champion(model: &Model, now: i64) -> ChampionView {
    ChampionView {
        model_id: model.model_id,
        run_id: model.run_id,
        since: model.state_at,
        trained_to: model.trained_to,
        expires_at: model.expires_at,
        expired: rules::gives_signals(model, now).is_err(),
        skill: figure(model, "skill"),
        auc: figure(model, "auc"),
    }
}

fn shadow(reader: &ModelReader, model: &Model) -> Result<ShadowView, StoreError> {
    let served = reader.shadow_sessions(model.model_id)?;
    let sessions_left = model.shadow_sessions.saturating_sub(served);
    Ok(ShadowView { model_id: model.model_id, run_id: model.run_id, sessions_left })
}

fn serving(c: &ChampionView, halt: Option<&Halt>, now: i64) -> String {
    let until = ts_to_date(c.expires_at);
    if c.expired {
        return format!("model {} expired on {until} and gives no signals: train again", c.model_id);
    }
    if let Some(halt) = halt {
        return format!("model {} is champion, and its new signals are halted: {}", c.model_id, halt.reason);
    }
    format!("model {} is champion, good until {until}, for {} days", c.model_id, (c.expires_at - now).div_euclid(DAY))
}

fn trying(s: &ShadowView) -> String {
    let ShadowView { model_id, sessions_left, .. } = s;
    match sessions_left {
        0 => format!("no champion: model {model_id} passed the gates and may be promoted"),
        1 => format!("no champion: model {model_id} passed the gates and gives paper signals for 1 more session"),
        n => format!("no champion: model {model_id} passed the gates and gives paper signals for {n} more sessions"),
    }
}

/// Why there is neither champion nor shadow.
fn absence(reader: &ModelReader) -> Result<String, StoreError> {
    if let Some(m) = reader.newest_model(ModelKind::Ensemble)? {
        return Ok(match m.state {
            ModelState::Retired => format!("model {} was retired on {}: {}", m.model_id, ts_to_date(m.state_at), m.state_reason),
            _ => "gates not met".to_owned(),
        });
    }
    Ok(match reader.trainings(1)?.into_iter().next() {
        None => NOTHING_YET.to_owned(),
        Some(run) if run.state == TrainingState::Running => format!("the first training, run {}, is at work", run.run_id),
        Some(run) => format!("training run {} ended without a verdict ({})", run.run_id, run.state),
    })
}
