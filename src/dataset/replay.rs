//! The error replay buffer: matured predictions that were wrong enough to be learnt again.
//!
//! The rule is `[error_replay_buffer]`. Training gives what its models predicted out of fold, the scanner what they
//! predicted by night; `store::model` keeps the rows. Like all rows they go only where their label had ended before the
//! fold's bound.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::kept::{Kept, strongest};
use crate::config::strategy::{ErrorReplay, PredictionError};
use crate::labels::{Class, weights};
use crate::market::Symbol;
use crate::store::model::ReplayError;

/// What the buffer lets go and takes in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Keys of rows that go.
    pub gone: Vec<(Symbol, NaiveDate)>,
    /// Rows that come, or come in place of another error on the same symbol and date.
    pub taken: Vec<ReplayError>,
}

/// How a decision for `predicted` was wrong when `came` came; `None` for a right one.
pub fn error_of(predicted: Class, came: Class) -> Option<PredictionError> {
    match (predicted, came) {
        (p, c) if p == c => None,
        (Class::Buy, _) => Some(PredictionError::FalseBuy),
        (Class::Sell, _) => Some(PredictionError::FalseSell),
        (Class::Hold, Class::Buy) => Some(PredictionError::MissedBuy),
        (Class::Hold, _) => Some(PredictionError::MissedSell),
    }
}

/// Whether a decision, taken with `probabilities` in the order of the classes, is to be learnt again, and how confident
/// the model was in it.
pub fn is_replayed(decision: Class, probabilities: &[f64; Class::COUNT], came: Class, rule: &ErrorReplay) -> Option<f64> {
    let error = error_of(decision, came)?;
    let confidence = probabilities[decision.index()];
    (rule.enabled && rule.errors.contains(&error) && confidence >= rule.min_confidence).then_some(confidence)
}

/// What becomes of the buffer when `found` are new errors. `sessions` are the ascending dates in which ages are counted.
pub fn update(buffered: &[ReplayError], found: &[ReplayError], sessions: &[NaiveDate], rule: &ErrorReplay) -> Change {
    if !rule.enabled {
        return Change::default();
    }
    let stored: BTreeMap<(Symbol, NaiveDate), &ReplayError> = buffered.iter().map(|e| (key(e), e)).collect();
    let mut pool: BTreeMap<(Symbol, NaiveDate), &ReplayError> = stored.clone();
    // The newest model's error is the one that is still made.
    pool.extend(found.iter().map(|e| (key(e), e)));
    let mut pool: Vec<&ReplayError> =
        pool.into_values().filter(|e| age(e.sample.date, sessions) <= rule.max_age_sessions as usize).collect();
    pool.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then_with(|| key(a).cmp(&key(b))));
    pool.truncate(rule.max_rows as usize);
    let kept: BTreeMap<(Symbol, NaiveDate), &ReplayError> = pool.into_iter().map(|e| (key(e), e)).collect();
    Change {
        gone: stored.keys().filter(|k| !kept.contains_key(*k)).copied().collect(),
        taken: kept.iter().filter(|(k, e)| stored.get(*k) != Some(*e)).map(|(_, e)| (*e).clone()).collect(),
    }
}

/// Positions of the buffered rows that a training fold of `rows` rows gets, with the loss weight of each beside that of
/// its regime: known before `bound`, the most confident first, up to the rule's share.
pub(super) fn mixed_in(buffered: &[Kept], bound: NaiveDate, rows: usize, sessions: &[NaiveDate], rule: &ErrorReplay) -> Vec<(usize, f64)> {
    let most = if rule.enabled { (rule.max_share * rows as f64) as usize } else { 0 };
    // Ages count from the fold's own present, or a later fold's rows would fade an earlier one's.
    let known = &sessions[..sessions.partition_point(|&s| s < bound)];
    let weight = |i: usize| rule.weight * weights::halved(age(buffered[i].row.date, known), rule.half_life_sessions);
    strongest(buffered, bound, most).into_iter().map(|i| (i, weight(i))).collect()
}

fn key(e: &ReplayError) -> (Symbol, NaiveDate) {
    (e.sample.symbol, e.sample.date)
}

fn age(date: NaiveDate, sessions: &[NaiveDate]) -> usize {
    sessions.len().saturating_sub(1 + sessions.partition_point(|&s| s < date))
}

#[cfg(test)]
mod tests;
