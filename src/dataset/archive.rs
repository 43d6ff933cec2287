//! The archive of rare events: which rows are rare, which of them are kept, and which a training fold may have.
//!
//! The rules are `[rare_event_archive]` and `[dynamic_archive_updates]`; `store::model` keeps the rows. An archived row
//! goes only into training, and only where its label had ended before the fold's bound, like any other row.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::kept::{Kept, strongest};
use crate::config::strategy::{ArchiveUpdates, Eviction, RareEventArchive};
use crate::labels::regime::Measures;
use crate::market::{Regime, Symbol};
use crate::store::model::RareEvent;

/// What distinguishes a rare event: which rule found it and how extreme it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rarity {
    /// `move`, or the name of a regime.
    pub kind: &'static str,
    /// Standard deviations: of the day for a move, of the month for a regime.
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
    if rule.move_sigma > 0.0 && day.day_z.abs() > rule.move_sigma {
        return Some(Rarity { kind: "move", magnitude: day.day_z.abs() });
    }
    rule.regimes.contains(&regime).then(|| Rarity { kind: regime.name(), magnitude: day.z.abs() })
}

/// What becomes of the archive when `found` are the rare events of today's data. `sessions` are the ascending dates in
/// which ages and distances are counted.
pub fn update(
    archived: &[RareEvent],
    found: &[RareEvent],
    sessions: &[NaiveDate],
    rule: &RareEventArchive,
    updates: &ArchiveUpdates,
) -> Change {
    if !rule.enabled || !updates.enabled {
        return Change::default();
    }
    let stored: BTreeMap<Key, &RareEvent> = archived.iter().map(|e| (key(e), e)).collect();
    let today: BTreeMap<Key, &RareEvent> = found.iter().map(|e| (key(e), e)).collect();
    let axis = Axis { sessions, dedupe: updates.dedupe_sessions as usize };
    let mut new = axis.distinct(found.iter().filter(|e| !stored.contains_key(&key(e))).collect());
    strongest_first(&mut new);
    new.truncate(updates.max_added as usize);
    // What is stored and found again is kept as it is today: definitions and revised bars may have changed it.
    let known = archived.iter().map(|e| today.get(&key(e)).copied().unwrap_or(e));
    let young = |e: &&RareEvent| updates.max_age_sessions == 0 || axis.age(e.sample.date) <= updates.max_age_sessions as usize;
    let mut pool = axis.distinct(known.chain(new).filter(young).collect());
    match updates.evict {
        Eviction::Weakest => strongest_first(&mut pool),
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

/// Positions of the archived rows that a training fold of `rows` rows gets: known before `bound`, the most extreme first, up
/// to the rule's share.
pub(super) fn mixed_in(archived: &[Kept], bound: NaiveDate, rows: usize, rule: &RareEventArchive) -> Vec<usize> {
    let most = if rule.enabled { (rule.mix_ratio * rows as f64) as usize } else { 0 };
    strongest(archived, bound, most)
}

type Key = (Symbol, NaiveDate);

fn key(e: &RareEvent) -> Key {
    (e.sample.symbol, e.sample.date)
}

/// The more extreme first; equal ones by age and symbol, so that the order is always the same.
fn stronger(a: &RareEvent, b: &RareEvent) -> std::cmp::Ordering {
    b.magnitude.total_cmp(&a.magnitude).then_with(|| (a.sample.date, a.sample.symbol).cmp(&(b.sample.date, b.sample.symbol)))
}

fn strongest_first(events: &mut [&RareEvent]) {
    events.sort_by(|a, b| stronger(a, b));
}

/// Sessions in which ages and distances are counted.
struct Axis<'a> {
    sessions: &'a [NaiveDate],
    dedupe: usize,
}

impl Axis<'_> {
    fn at(&self, date: NaiveDate) -> usize {
        self.sessions.partition_point(|&s| s < date)
    }

    fn age(&self, date: NaiveDate) -> usize {
        self.sessions.len().saturating_sub(1 + self.at(date))
    }

    /// Of the rows of one symbol that are nearer than `dedupe` sessions, the most extreme.
    fn distinct<'e>(&self, mut events: Vec<&'e RareEvent>) -> Vec<&'e RareEvent> {
        strongest_first(&mut events);
        let mut taken: BTreeMap<Symbol, Vec<usize>> = BTreeMap::new();
        events.retain(|e| {
            let (near, at) = (taken.entry(e.sample.symbol).or_default(), self.at(e.sample.date));
            let apart = near.iter().all(|other| at.abs_diff(*other) >= self.dedupe);
            if apart {
                near.push(at);
            }
            apart
        });
        events
    }
}

#[cfg(test)]
mod tests;
