//! What nights leave, as sheets: signals with their outcomes, and drift.

use super::{Sheet, Values};
use crate::labels::Class;
use crate::market::{Strategy, date_to_ts};
use crate::store::model::{DriftRow, StoredOutcome, StoredSignal};

impl Sheet {
    /// Signals with what came of them, a row each. Prices are on the split basis of the night that wrote them.
    pub fn signals(strategy: Strategy, signals: &[StoredSignal]) -> Self {
        let number = |pick: &dyn Fn(&StoredSignal) -> f64| Values::Number(signals.iter().map(pick).collect());
        let word = |pick: &dyn Fn(&StoredSignal) -> Option<String>| Values::Text(signals.iter().map(pick).collect());
        let outcome = |pick: fn(&StoredOutcome) -> f64| number(&|s| s.outcome.as_ref().map_or(f64::NAN, pick));
        let class = |index: u8| Class::ALL.get(usize::from(index)).map(ToString::to_string);
        let exit = |s: &StoredSignal| s.outcome.as_ref().map(|o| date_to_ts(o.exit_date));
        Self {
            about: vec![("kind", "signals".to_owned()), ("strategy", strategy.to_string())],
            columns: vec![
                ("date", Values::Date(signals.iter().map(|s| date_to_ts(s.signal.date)).collect())),
                ("symbol", word(&|s| Some(s.signal.symbol.to_string()))),
                ("sector", word(&|s| Some(s.signal.sector.clone()))),
                ("signal_id", number(&|s| s.signal_id as f64)),
                ("model_id", number(&|s| s.model_id as f64)),
                ("side", word(&|s| class(s.signal.side))),
                ("p_sell", number(&|s| s.prediction.p[0])),
                ("p_hold", number(&|s| s.prediction.p[1])),
                ("p_buy", number(&|s| s.prediction.p[2])),
                ("lift", number(&|s| s.prediction.edge)),
                ("regime", word(&|s| Some(s.prediction.regime.clone()))),
                ("close", number(&|s| s.signal.close)),
                ("half_width", number(&|s| s.signal.half_width)),
                ("horizon_end", Values::Date(signals.iter().map(|s| date_to_ts(s.signal.horizon_end)).collect())),
                ("entry", number(&|s| s.entry.unwrap_or(f64::NAN))),
                ("state", word(&|s| Some(s.state.clone()))),
                ("why_void", word(&|s| s.void.clone())),
                ("class", word(&|s| s.outcome.as_ref().and_then(|o| class(o.class?)))),
                ("reason", word(&|s| s.outcome.as_ref().map(|o| o.reason.to_string()))),
                ("exit_date", Values::MaybeDate(signals.iter().map(exit).collect())),
                ("exit_price", outcome(|o| o.exit_price)),
                ("bars_held", outcome(|o| f64::from(o.bars_held))),
                ("gross_return", outcome(|o| o.gross)),
                ("cost", outcome(|o| o.cost)),
                ("net_return", outcome(|o| o.net)),
            ],
        }
    }

    /// What nights made of a model's subjects, a row a subject and night.
    pub fn drift(strategy: Strategy, model_id: i64, rows: &[DriftRow]) -> Self {
        let number = |pick: fn(&DriftRow) -> Option<f64>| Values::Number(rows.iter().map(|r| pick(r).unwrap_or(f64::NAN)).collect());
        let word = |pick: &dyn Fn(&DriftRow) -> Option<String>| Values::Text(rows.iter().map(pick).collect());
        let about = vec![("kind", "drift".to_owned()), ("strategy", strategy.to_string()), ("model", model_id.to_string())];
        Self {
            about,
            columns: vec![
                ("date", Values::Date(rows.iter().map(|r| date_to_ts(r.date)).collect())),
                ("subject", word(&|r| Some(r.subject.clone()))),
                ("kind", word(&|r| Some(r.kind.to_string()))),
                ("verdict", word(&|r| Some(r.verdict.to_string()))),
                ("alarmed", word(&|r| Some(if r.alarmed { "yes" } else { "no" }.to_owned()))),
                ("rows", number(|r| Some(f64::from(r.rows)))),
                ("psi", number(|r| r.psi)),
                ("kl", number(|r| r.kl)),
                ("ks", number(|r| r.ks)),
                ("ks_p", number(|r| r.ks_p)),
                ("z", number(|r| r.z)),
                ("p", number(|r| r.p)),
                ("p_adjusted", number(|r| r.p_adjusted)),
                ("value", number(|r| r.value)),
                ("warning_below", number(|r| r.warning)),
                ("critical_below", number(|r| r.critical)),
                ("note", word(&|r| (!r.note.is_empty()).then(|| r.note.clone()))),
            ],
        }
    }
}
