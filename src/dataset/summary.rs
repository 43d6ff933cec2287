//! What a data set holds, in numbers for people: `nightdesk dataset`, the run page and the record of a training run.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::samples::Samples;
use super::tracking::Thin;
use crate::config::strategy::StrategySettings;
use crate::labels::{Class, sampling, weights};
use crate::market::{Regime, Strategy, Symbol};

/// Why a bar gave no row. Each bar gives a row or one of these; the first that applies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case", tag = "reason")]
#[strum(serialize_all = "snake_case")]
pub enum Dropped {
    /// Too few bars before it for a feature, the regime or the range.
    ShortHistory,
    /// A feature has no value although there is history.
    MissingFeature {
        /// Name of the first such feature.
        feature: String,
        /// Why it has none.
        why: String,
    },
    /// A session that decides the outcome has no bar.
    MissingSession,
    /// Both barriers lie in one bar.
    Ambiguous,
    /// The horizon has not passed.
    Unmatured,
    /// Neither range nor cost gives the barriers any distance.
    NoWidth,
}

/// How many bars were dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropCount {
    /// Why.
    #[serde(flatten)]
    pub why: Dropped,
    /// How many.
    pub rows: u64,
}

/// A symbol of the universe that gives no rows at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Without {
    /// Which.
    pub symbol: Symbol,
    /// Why.
    pub why: String,
}

/// Rows that have something in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What: a regime, a sector or a symbol.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Share of all rows.
    pub share: f64,
    /// Rows of each class: SELL, HOLD, BUY. Those that mature within the hold-out, or an embargo before it, are left out:
    /// what came of them is read once, for a candidate.
    pub classes: [u64; Class::COUNT],
    /// Sum of uniqueness.
    pub n_eff: f64,
}

/// What balanced sampling and the loss make of a regime's rows, in a fold that had the shares of the whole set, before
/// archive and replay are mixed in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Emphasis {
    /// Which regime.
    pub regime: Regime,
    /// How many times its natural frequency it is drawn.
    pub drawn: f64,
    /// The cap on repetitions keeps it below its share.
    pub capped: bool,
    /// What each drawn row weighs in the loss.
    pub loss: f64,
    /// Both together.
    pub effective: f64,
}

/// The archive of rare events after this data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Events kept.
    pub kept: usize,
    /// Of these, those made by the present definitions and rules.
    pub usable: usize,
    /// Taken in now.
    pub added: usize,
    /// Let go now.
    pub gone: usize,
}

/// The size of one test block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockSize {
    /// First session.
    pub first: NaiveDate,
    /// Last session.
    pub last: NaiveDate,
    /// Horizons of training rows end before this date.
    pub bound: NaiveDate,
    /// Training rows.
    pub train: usize,
    /// Rows left out between.
    pub purged: usize,
    /// Test rows.
    pub test: usize,
}

/// What a data set holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Of which strategy.
    pub strategy: Strategy,
    /// Version of its rules.
    pub config_version: u32,
    /// Hash of its rules.
    pub rules: String,
    /// Id of the market data.
    pub snapshot: String,
    /// Hash of the definitions of the features.
    pub definition: String,
    /// Features a row.
    pub features: usize,
    /// Date of the first and the last row.
    pub dates: Option<(NaiveDate, NaiveDate)>,
    /// Bars looked at.
    pub bars: u64,
    /// All rows.
    pub all: Group,
    /// By regime, in their order.
    pub regimes: Vec<Group>,
    /// By sector, by name.
    pub sectors: Vec<Group>,
    /// By symbol, in the universe's order.
    pub symbols: Vec<Group>,
    /// What sampling and loss make of the regimes.
    pub emphasis: Vec<Emphasis>,
    /// Bars without a row, most frequent reason first. With the rows they are all bars.
    pub dropped: Vec<DropCount>,
    /// Symbols without any row.
    pub without: Vec<Without>,
    /// Sectors and symbols with too few rows.
    pub thin: Vec<Thin>,
    /// Rare events.
    pub archive: Archived,
    /// Errors kept to be learnt again.
    pub replay: usize,
    /// Hash of the usable rows of archive and replay. With `snapshot`, `definition`, `rules` and a seed it fixes each row of
    /// each fold.
    pub aside: String,
    /// Test blocks in order, the hold-out last; none where the history is too short.
    pub blocks: Vec<BlockSize>,
    /// Why there are no blocks.
    pub no_blocks: Option<String>,
}

/// The reasons with their counts, most frequent first.
pub(super) fn drop_counts(counts: BTreeMap<Dropped, u64>) -> Vec<DropCount> {
    let mut all: Vec<DropCount> = counts.into_iter().map(|(why, rows)| DropCount { why, rows }).collect();
    // Stable, so that equal counts stay in the order of the reasons.
    all.sort_by_key(|d| std::cmp::Reverse(d.rows));
    all
}

/// Groups rows by `key`, a number below the count of `names`. A name without a row has a group without rows.
/// Classes are counted of rows that mature before `bound`.
pub(super) fn groups(
    (samples, bound): (&Samples, NaiveDate),
    names: impl IntoIterator<Item = String>,
    key: impl Fn(usize) -> usize,
) -> Vec<Group> {
    let mut groups: Vec<Group> = names.into_iter().map(|name| Group { name, ..Group::default() }).collect();
    for row in 0..samples.len() {
        let group = &mut groups[key(row)];
        group.rows += 1;
        group.classes[samples.class[row].index()] += u64::from(samples.matured[row] < bound);
        group.n_eff += samples.uniqueness[row];
    }
    for group in &mut groups {
        group.share = group.rows as f64 / samples.len().max(1) as f64;
    }
    groups
}

/// What the rules make of regimes that have `rows` each.
pub(super) fn emphasis(rows: &[Group], rules: &StrategySettings) -> Vec<Emphasis> {
    let drawn = sampling::quotas(std::array::from_fn(|r| rows[r].rows as usize), &rules.balanced_sampling);
    let of = |regime: Regime| {
        let (d, loss) = (drawn[regime as usize], weights::regime_weight(regime, &rules.regime_weighted_loss));
        Emphasis { regime, drawn: d.factor, capped: d.capped, loss, effective: d.effective_weight(loss) }
    };
    Regime::ALL.map(of).to_vec()
}
