//! From which month on features are to be computed: from the newest checkpoint that still holds for every symbol.

use std::collections::HashMap;

use super::survey::{Key, Survey};
use crate::features::engine;
use crate::market::{Symbol, ts_to_date};
use crate::store::model::Checkpoint;

/// Checkpoints kept: the current month's, and those before it, for what vendors correct later.
const KEPT: usize = 3;

/// What a run is to do.
pub(super) struct Plan {
    /// Rows from this month on are computed; `None` for all rows.
    pub from: Option<i64>,
    /// Where each symbol goes on, by position; empty when everything is computed. `None` for a symbol that has too short a
    /// history before `from`.
    pub states: Vec<Option<engine::Checkpoint>>,
    /// The month to make a checkpoint of, and its key.
    pub mark: Option<(i64, Key)>,
    /// Months whose checkpoints stay.
    pub keep: Vec<i64>,
    /// Why everything is computed, if it is.
    pub why_whole: Option<String>,
}

impl Plan {
    pub fn whole(survey: &Survey<'_>, why: &str) -> Self {
        let newest = survey.newest_month();
        Self {
            from: None,
            states: Vec::new(),
            mark: newest.map(|month| (month, survey.key(month))),
            keep: newest.into_iter().collect(),
            why_whole: Some(why.to_owned()),
        }
    }

    /// Relies on as much of what is stored as still holds. `stored` comes newest month first.
    pub fn choose(survey: &Survey<'_>, stored: &[Checkpoint]) -> Self {
        let mut why = None;
        for group in stored.chunk_by(|a, b| a.month == b.month) {
            let month = group[0].month;
            let key = survey.key(month);
            match resumed(survey, group, &key) {
                Ok(states) => return Self::tail(survey, month, states, stored),
                Err(reason) => why = why.or(Some(reason)),
            }
        }
        Self::whole(survey, &why.unwrap_or_else(|| "no checkpoint is stored".to_owned()))
    }

    fn tail(survey: &Survey<'_>, from: i64, states: Vec<Option<engine::Checkpoint>>, stored: &[Checkpoint]) -> Self {
        let mark = survey.newest_month().filter(|&newest| newest > from);
        let mut keep: Vec<i64> = stored.iter().map(|c| c.month).filter(|&m| m <= from).chain(mark).collect();
        keep.sort_unstable_by(|a, b| b.cmp(a));
        keep.dedup();
        keep.truncate(KEPT);
        Self { from: Some(from), states, mark: mark.map(|month| (month, survey.key(month))), keep, why_whole: None }
    }
}

/// Where each symbol goes on from the checkpoints of one month, or why they do not hold.
fn resumed(survey: &Survey<'_>, group: &[Checkpoint], key: &Key) -> Result<Vec<Option<engine::Checkpoint>>, String> {
    let by_symbol: HashMap<Symbol, &Checkpoint> = group.iter().map(|c| (c.symbol, c)).collect();
    let mut states = Vec::with_capacity(survey.instruments.len());
    for instrument in survey.instruments {
        match by_symbol.get(&instrument.symbol) {
            Some(c) if c.key == key.all && !c.sound => return Err(format!("the checkpoint of {} is damaged", c.symbol)),
            Some(c) if c.key == key.all => states.push(c.state.as_deref().map(decode).transpose()?),
            _ => return Err(reason(survey, &by_symbol, key)),
        }
    }
    Ok(states)
}

/// Why the key of a month is another one now.
fn reason(survey: &Survey<'_>, stored: &HashMap<Symbol, &Checkpoint>, key: &Key) -> String {
    if let Some(new) = survey.instruments.iter().find(|i| !stored.contains_key(&i.symbol)) {
        return format!("{} has no checkpoint: it is new, or an earlier run was cut short", new.symbol);
    }
    if let Some(gone) = stored.keys().filter(|s| !survey.instruments.iter().any(|i| i.symbol == **s)).min() {
        return format!("{gone} is no longer among the symbols");
    }
    let changed = survey.instruments.iter().zip(&key.own).find(|(i, own)| stored.get(&i.symbol).is_some_and(|c| c.own != **own));
    if let Some((instrument, _)) = changed {
        let month = stored.values().next().map_or(0, |c| c.month);
        return format!("the history of {} before {} has changed", instrument.symbol, ts_to_date(month).format("%Y-%m"));
    }
    "the definitions, the benchmark, the sources or the order of the symbols have changed".to_owned()
}

/// A checkpoint of the engine as bytes: three numbers and the state.
pub(super) fn encode(c: &engine::Checkpoint) -> Vec<u8> {
    let numbers = [(c.emit as u64).to_le_bytes(), crate::market::date_to_ts(c.date).to_le_bytes(), c.factor.to_le_bytes()];
    [numbers.as_flattened(), &c.state].concat()
}

fn decode(bytes: &[u8]) -> Result<engine::Checkpoint, String> {
    let (numbers, state) = bytes.split_at_checked(24).ok_or("a stored checkpoint is cut short")?;
    let number = |i: usize| -> [u8; 8] { std::array::from_fn(|k| numbers[8 * i + k]) };
    let emit = usize::try_from(u64::from_le_bytes(number(0))).ok().filter(|&emit| emit >= engine::Checkpoint::LEAST);
    let checkpoint = engine::Checkpoint {
        emit: emit.ok_or("a stored checkpoint lies before the first possible one")?,
        date: ts_to_date(i64::from_le_bytes(number(1))),
        factor: f64::from_le_bytes(number(2)),
        state: state.to_vec(),
    };
    checkpoint.check().map_err(|foreign| foreign.to_string())?;
    Ok(checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_another_program_is_told_and_not_gone_on_from() {
        let checkpoint = |state| engine::Checkpoint { emit: engine::Checkpoint::LEAST, date: ts_to_date(0), factor: 1.0, state };
        let why = decode(&encode(&checkpoint(vec![0; 8]))).unwrap_err();
        assert!(why.contains("8 bytes instead of") && why.contains("another version"), "{why}");
        assert!(decode(&[0; 23]).is_err() && decode(&encode(&engine::Checkpoint { emit: 0, ..checkpoint(Vec::new()) })).is_err());
    }
}
