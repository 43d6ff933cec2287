//! The error replay buffer: matured predictions that were wrong enough to be learnt again.
//!
//! The rule is `[error_replay_buffer]`. Training gives what its models predicted out of fold, the scanner what they
//! predicted by night; `store::model` keeps the rows. Like all rows they go only where their horizon had ended
//! before the fold's bound.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::kept::{Fresh, Kept, KeptRow, Present};
use crate::config::strategy::{ErrorReplay, PredictionError};
use crate::labels::{Class, weights};
use crate::market::Symbol;
use crate::store::model::{ReplayError, Sample};

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

/// What becomes of the buffer when `found` are new errors. It is bounded by its size alone; how old a row may be, each fold
/// asks for itself.
pub fn update(buffered: &[ReplayError], found: &[ReplayError], rule: &ErrorReplay) -> Change {
    if !rule.enabled {
        return Change::default();
    }
    let stored: BTreeMap<Key, &ReplayError> = buffered.iter().map(|e| (key(e), e)).collect();
    let mut pool: BTreeMap<Key, &ReplayError> = stored.clone();
    // The newest model's error is the one that is still made.
    pool.extend(found.iter().map(|e| (key(e), e)));
    let mut pool: Vec<&ReplayError> = pool.into_values().collect();
    pool.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then_with(|| key(a).cmp(&key(b))));
    pool.truncate(rule.max_rows as usize);
    let kept: BTreeMap<Key, &ReplayError> = pool.into_iter().map(|e| (key(e), e)).collect();
    Change {
        gone: stored.keys().filter(|k| !kept.contains_key(*k)).copied().collect(),
        taken: kept.iter().filter(|(k, e)| stored.get(*k) != Some(*e)).map(|(_, e)| (*e).clone()).collect(),
    }
}

/// What becomes of the buffer when its rows are made anew: `found` are those of them that the data which `fresh` tells of
/// still give. A row that they no longer give goes, and so does one whose outcome turns out to be what was predicted.
pub fn refresh(buffered: &[ReplayError], found: &[Sample], fresh: &Fresh<'_>, rule: &ErrorReplay) -> Change {
    let mut change = Change::default();
    if !rule.enabled {
        return change;
    }
    let today: BTreeMap<Key, &Sample> = found.iter().map(|s| ((s.symbol, s.date), s)).collect();
    for error in buffered {
        match today.get(&key(error)) {
            Some(sample) if sample.class == error.predicted => change.gone.push(key(error)),
            Some(&sample) if *sample != error.sample => change.taken.push(ReplayError { sample: sample.clone(), ..error.clone() }),
            None if fresh.covers(error.sample.symbol, error.sample.date) => change.gone.push(key(error)),
            _ => {}
        }
    }
    change
}

/// Positions of the buffered rows that a training fold gets, with the loss weight of each beside that of its regime: known and
/// young enough, the most confident first, up to the rule's share of those that `admit` lets in.
pub(super) fn mixed_in(
    buffered: &[Kept],
    present: &Present<'_>,
    rule: &ErrorReplay,
    admit: impl FnMut(&KeptRow) -> bool,
) -> Vec<(usize, f64)> {
    let share = if rule.enabled { rule.max_share } else { 0.0 };
    // Ages count from the fold's own present, or a later fold's rows would fade an earlier one's.
    let weight = |i: usize| rule.weight * weights::halved(present.age(buffered[i].row.date), rule.half_life_sessions);
    present.strongest(buffered, share, rule.max_age_sessions, admit).into_iter().map(|i| (i, weight(i))).collect()
}

type Key = (Symbol, NaiveDate);

fn key(e: &ReplayError) -> Key {
    (e.sample.symbol, e.sample.date)
}

#[cfg(test)]
mod tests;
