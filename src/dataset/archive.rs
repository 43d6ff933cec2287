//! The archive of rare events: which rows are rare, which of them are kept, and which a training fold may have.
//!
//! The rules are `[rare_event_archive]` and `[dynamic_archive_updates]`; `store::model` keeps the rows. What today's
//! bars show is archived as they show it, however often it is looked at; only rows whose bars are gone live on. An
//! archived row goes only into training, and only where its horizon had ended before the fold's bound, like any other row.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::kept::{Fresh, Kept, KeptRow, Present};
use crate::config::strategy::{ArchiveUpdates, Eviction, RareEventArchive};
use crate::labels::regime::Measures;
use crate::market::{Regime, Symbol};
use crate::store::model::RareEvent;

/// What distinguishes a rare event: which rule found it and how extreme it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rarity {
    /// `move`, or the name of a regime.
    pub kind: &'static str,
    /// Standard deviations: of the day for a move, of the month for a regime; for a crash those of the fall.
    pub magnitude: f64,
}

/// What the archive lets go and takes in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Keys of rows that go.
    pub gone: Vec<(Symbol, NaiveDate)>,
    /// Rows that come, or come anew because their content has changed.
    pub taken: Vec<RareEvent>,
}

/// Whether a row is a rare event by `rule`. A move by more than the threshold says more than the regime it falls in.
pub fn rarity(regime: Regime, day: &Measures, rule: &RareEventArchive) -> Option<Rarity> {
    let moved = day.day_z.abs();
    if rule.move_sigma > 0.0 && moved > rule.move_sigma && moved.is_finite() {
        return Some(Rarity { kind: "move", magnitude: moved });
    }
    // A crash is not over when the month has risen again, but such a day is no extreme of it.
    let magnitude = if regime == Regime::Crash { -day.z } else { day.z.abs() };
    (rule.regimes.contains(&regime) && magnitude.is_finite()).then(|| Rarity { kind: regime.name(), magnitude })
}

/// What becomes of the archive when `found` are the rare events of the data that `fresh` tells of. `sessions` are the ascending
/// dates in which distances are counted.
pub fn update(
    archived: &[RareEvent],
    found: &[RareEvent],
    fresh: &Fresh<'_>,
    sessions: &[NaiveDate],
    rule: &RareEventArchive,
    updates: &ArchiveUpdates,
) -> Change {
    if !rule.enabled || !updates.enabled {
        return Change::default();
    }
    let stored: BTreeMap<Key, &RareEvent> = archived.iter().map(|e| (key(e), e)).collect();
    let found: BTreeMap<Key, &RareEvent> = found.iter().map(|e| (key(e), e)).collect();
    // Rows whose bars are gone lie outside `sessions`, and were apart when they were taken in.
    let gone = stored.iter().filter(|(k, _)| !fresh.covers(k.0, k.1) && !found.contains_key(*k)).map(|(_, e)| *e);
    let gone: Vec<&RareEvent> = gone.collect();
    let mut pool = first_of_each(found.into_values(), sessions, updates.dedupe_sessions as usize);
    pool.extend(gone);
    match updates.evict {
        Eviction::Weakest => pool.sort_by(|a, b| stronger(a, b)),
        Eviction::Oldest => pool.sort_by_key(|e| (std::cmp::Reverse(e.sample.date), e.sample.symbol)),
    }
    let mut of_symbol: BTreeMap<Symbol, u32> = BTreeMap::new();
    pool.retain(|e| {
        let count = of_symbol.entry(e.sample.symbol).or_default();
        *count += 1;
        *count <= rule.max_rows_per_symbol
    });
    pool.truncate(rule.max_rows as usize);
    let kept: BTreeMap<Key, &RareEvent> = pool.into_iter().map(|e| (key(e), e)).collect();
    let differs =
        |e: &RareEvent| stored.get(&key(e)).is_none_or(|s| s.sample != e.sample || s.kind != e.kind || s.magnitude != e.magnitude);
    Change {
        gone: stored.keys().filter(|k| !kept.contains_key(*k)).copied().collect(),
        taken: kept.values().filter(|e| differs(e)).map(|e| (*e).clone()).collect(),
    }
}

/// Positions of the archived rows that a training fold gets: known and young enough, the most extreme first, up to the rule's
/// share of those that `admit` lets in.
pub(super) fn mixed_in(
    archived: &[Kept],
    present: &Present<'_>,
    (rule, updates): (&RareEventArchive, &ArchiveUpdates),
    admit: impl FnMut(&KeptRow) -> bool,
) -> Vec<usize> {
    let share = if rule.enabled { rule.mix_ratio } else { 0.0 };
    present.strongest(archived, share, updates.max_age_sessions, admit)
}

type Key = (Symbol, NaiveDate);

fn key(e: &RareEvent) -> Key {
    (e.sample.symbol, e.sample.date)
}

/// The more extreme first; equal ones by age and symbol, so that the order is always the same.
fn stronger(a: &RareEvent, b: &RareEvent) -> std::cmp::Ordering {
    b.magnitude.total_cmp(&a.magnitude).then_with(|| (a.sample.date, a.sample.symbol).cmp(&(b.sample.date, b.sample.symbol)))
}

/// Of the rows of one symbol that are nearer than `apart` sessions, the first. Whether a row is kept depends on none after it:
/// its strongest day is known only when an event has passed. `events` ascend by symbol and date.
fn first_of_each<'e>(events: impl Iterator<Item = &'e RareEvent>, sessions: &[NaiveDate], apart: usize) -> Vec<&'e RareEvent> {
    let mut last: Option<(Symbol, usize)> = None;
    events
        .filter(|e| {
            let (symbol, at) = (e.sample.symbol, sessions.partition_point(|&s| s < e.sample.date));
            let new = last.is_none_or(|(other, before)| other != symbol || at - before >= apart);
            if new {
                last = Some((symbol, at));
            }
            new
        })
        .collect()
}

#[cfg(test)]
mod tests;
