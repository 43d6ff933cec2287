//! Rows from aside, ready to be mixed into training: archived rare events and errors to be learnt again.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use xxhash_rust::xxh3::Xxh3;

use crate::features::Feature;
use crate::labels::Class;
use crate::market::{Regime, Symbol};
use crate::store::model::{RareEvent, ReplayError, Sample};

/// A row that was kept, with the features of this data set.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptRow {
    /// Of which symbol.
    pub symbol: Symbol,
    /// Date of the decision.
    pub date: NaiveDate,
    /// Last session of the label's horizon.
    pub matured: NaiveDate,
    /// What the decision should have been.
    pub class: Class,
    /// The symbol's regime on the date.
    pub regime: Regime,
    /// In the order of the data set's features.
    pub features: Vec<f32>,
}

/// A kept row and how much it stands out: a rare event's magnitude, or the confidence of an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The row.
    pub row: KeptRow,
    /// Larger is more extreme.
    pub strength: f64,
}

/// The hashes that a kept row must carry to be used: definitions of the features, and rules of the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct InForce<'a> {
    pub definition: &'a str,
    pub rules: &'a str,
}

impl Kept {
    /// A rare event; `None` where it was made by other definitions or rules or lacks a feature that is used.
    pub(super) fn of_event(event: &RareEvent, used: &[&Feature], now: InForce<'_>) -> Option<Self> {
        Some(Self { row: row(&event.sample, used, now)?, strength: event.magnitude })
    }

    /// An error; `None` as above.
    pub(super) fn of_error(error: &ReplayError, used: &[&Feature], now: InForce<'_>) -> Option<Self> {
        Some(Self { row: row(&error.sample, used, now)?, strength: error.confidence })
    }
}

/// Of which symbols and dates today's data say whether there is a row.
#[derive(Clone, Debug, Default)]
pub struct Fresh<'a>(BTreeMap<Symbol, &'a [NaiveDate]>);

impl<'a> Fresh<'a> {
    /// By symbol the ascending dates of its bars.
    pub fn new(symbols: impl IntoIterator<Item = (Symbol, &'a [NaiveDate])>) -> Self {
        Self(symbols.into_iter().collect())
    }

    /// Whether a row of that symbol and date that was not made today is no row any more. Dates before the first and after
    /// the last bar are not covered: their bars are gone, and a kept row may be all that is left of them.
    pub fn covers(&self, symbol: Symbol, date: NaiveDate) -> bool {
        self.0.get(&symbol).is_some_and(|dates| dates.first().is_some_and(|f| *f <= date) && dates.last().is_some_and(|l| date <= *l))
    }
}

/// When and for how many rows a training fold mixes in rows from aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present<'a> {
    /// All that it knows has matured before this date.
    pub bound: NaiveDate,
    /// Its own rows.
    pub rows: usize,
    /// The ascending dates in which ages are counted.
    pub sessions: &'a [NaiveDate],
}

impl Present<'_> {
    /// Sessions since `date`, seen from the last one before the bound.
    pub fn age(&self, date: NaiveDate) -> usize {
        let known = self.sessions.partition_point(|&s| s < self.bound);
        known.saturating_sub(1 + self.sessions.partition_point(|&s| s < date))
    }

    /// Positions of what is known, at most `max_age` sessions old (0 = of any age) and let in by `admit`: the strongest
    /// first, up to `share` of the fold's rows.
    pub fn strongest(&self, kept: &[Kept], share: f64, max_age: u32, mut admit: impl FnMut(&KeptRow) -> bool) -> Vec<usize> {
        let young = |date| max_age == 0 || self.age(date) <= max_age as usize;
        let known = |i: &usize| kept[*i].row.matured < self.bound && young(kept[*i].row.date);
        let mut positions: Vec<usize> = (0..kept.len()).filter(known).collect();
        positions.sort_by(|&a, &b| kept[b].strength.total_cmp(&kept[a].strength).then(a.cmp(&b)));
        positions.into_iter().filter(|&i| admit(&kept[i].row)).take((share * self.rows as f64) as usize).collect()
    }
}

/// Tells apart any two lots of rows from aside, 16 hexadecimal digits.
pub(super) fn digest(archive: &[Kept], replay: &[Kept]) -> String {
    let mut hash = Xxh3::new();
    for lot in [archive, replay] {
        hash.update(&(lot.len() as u64).to_le_bytes());
        for Kept { row, strength } in lot {
            hash.update(row.symbol.as_str().as_bytes());
            let days = [row.date, row.matured].map(|d| d.num_days_from_ce().to_le_bytes());
            hash.update(days.as_flattened());
            hash.update(&[row.class.index() as u8, row.regime as u8]);
            hash.update(&strength.to_le_bytes());
            row.features.iter().for_each(|v| hash.update(&v.to_le_bytes()));
        }
    }
    format!("{:016x}", hash.digest())
}

fn row(sample: &Sample, used: &[&Feature], now: InForce<'_>) -> Option<KeptRow> {
    if sample.definition != now.definition || sample.rules != now.rules {
        return None;
    }
    let value = |f: &&Feature| sample.features.get(f.index).copied().filter(|v| v.is_finite()).map(|v| v as f32);
    Some(KeptRow {
        symbol: sample.symbol,
        date: sample.date,
        matured: sample.matured,
        class: *Class::ALL.get(usize::from(sample.class))?,
        regime: sample.regime.parse().ok()?,
        features: used.iter().map(value).collect::<Option<_>>()?,
    })
}
