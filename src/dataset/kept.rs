//! Rows from aside, ready to be mixed into training: archived rare events and errors to be learnt again.

use chrono::NaiveDate;

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
    /// Last date that the label knows of.
    pub label_end: NaiveDate,
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

impl Kept {
    /// A rare event; `None` where its features have other definitions or lack one that is used.
    pub(super) fn of_event(event: &RareEvent, used: &[&Feature], definition: &str) -> Option<Self> {
        Some(Self { row: row(&event.sample, used, definition)?, strength: event.magnitude })
    }

    /// An error; `None` as above.
    pub(super) fn of_error(error: &ReplayError, used: &[&Feature], definition: &str) -> Option<Self> {
        Some(Self { row: row(&error.sample, used, definition)?, strength: error.confidence })
    }
}

/// Positions of what may be known before `bound`, the strongest first, at most `most`.
pub(super) fn strongest(kept: &[Kept], bound: NaiveDate, most: usize) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..kept.len()).filter(|&i| kept[i].row.label_end < bound).collect();
    positions.sort_by(|&a, &b| kept[b].strength.total_cmp(&kept[a].strength).then(a.cmp(&b)));
    positions.truncate(most);
    positions
}

fn row(sample: &Sample, used: &[&Feature], definition: &str) -> Option<KeptRow> {
    if sample.definition != definition {
        return None;
    }
    let value = |f: &&Feature| sample.features.get(f.index).copied().filter(|v| v.is_finite()).map(|v| v as f32);
    Some(KeptRow {
        symbol: sample.symbol,
        date: sample.date,
        label_end: sample.label_end,
        class: *Class::ALL.get(usize::from(sample.class))?,
        regime: sample.regime.parse().ok()?,
        features: used.iter().map(value).collect::<Option<_>>()?,
    })
}
