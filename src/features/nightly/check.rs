//! Whether the cache holds what would be computed now, bit for bit, and whether any feature looks ahead.

use chrono::NaiveDate;

use super::compute::{self, Part};
use super::plan::Plan;
use super::survey::Survey;
use super::write::months;
use super::{Desk, Freshness, MissingCounts, NightError, NoFeatures, Steps};
use crate::features::engine::Block;
use crate::features::{COUNT, registry};
use crate::market::{Symbol, ts_to_date};
use crate::store::model::{FeatureMonth, ModelReader};

/// Differences listed in full.
const LISTED: usize = 100;

/// What a check looked at and found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// Symbols computed.
    pub symbols: usize,
    /// Rows computed: bars times symbols.
    pub rows: u64,
    /// Whether the cache was made of the market data and definitions of now; otherwise differences are to be expected.
    pub current: bool,
    /// The first 100 differences.
    pub differences: Vec<Difference>,
    /// All differences: one at most a symbol, month and kind.
    pub found: u64,
    /// The date after which everything was left out to see whether features look ahead.
    pub cut: Option<NaiveDate>,
    /// Symbols without features, and why.
    pub without: Vec<(Symbol, NoFeatures)>,
    /// The benchmark, if it gives no returns, and why.
    pub silent_benchmark: Option<(Symbol, NoFeatures)>,
    /// Symbols with fewer bars than the longest feature needs, and how many they have.
    pub short: Vec<(Symbol, usize)>,
    /// Missing values by reason.
    pub missing: MissingCounts,
}

/// A value that is not what it should be; the first of its symbol, month and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of which symbol.
    pub symbol: Symbol,
    /// On which date.
    pub date: NaiveDate,
    /// Of which feature; `None` when the bars themselves are others.
    pub feature: Option<&'static str>,
    /// Whether it changed when the future was cut off; otherwise the cache holds another value.
    pub looks_ahead: bool,
}

/// What one symbol came to.
struct Seen {
    position: usize,
    months: Vec<FeatureMonth>,
    ahead: Option<Difference>,
    bars: usize,
    missing: MissingCounts,
}

/// Computes `symbols` anew (all when empty) and compares; writes nothing.
pub fn check(reader: &ModelReader, desk: &Desk<'_>, symbols: &[Symbol]) -> Result<Checked, NightError> {
    let survey = Survey::take(desk)?;
    let made = reader.features_made()?;
    let cut = middle(&survey);
    let mut out = Checked {
        current: Freshness::of(made.as_ref(), &survey.snapshot()) == Freshness::Current,
        cut,
        without: survey.without(),
        silent_benchmark: survey.silent_benchmark(),
        ..Checked::default()
    };
    out.without.retain(|(symbol, _)| symbols.is_empty() || symbols.contains(symbol));
    let wanted = |i: &usize| symbols.is_empty() || symbols.contains(&survey.instruments[*i].symbol);
    let positions: Vec<usize> = survey.usable().filter(wanted).collect();
    let steps = Steps::new(desk, 0);
    let plan = Plan { mark: None, ..Plan::whole(&survey, "") };
    let market = compute::market(&steps, &survey, None, None)?;
    let before = compute::market(&Steps::new(desk, 0), &survey, None, cut)?;
    let work = |position: usize| {
        let bars = survey.bars(desk, position, None)?;
        let part = compute::symbol(&survey, &plan, &market, position, &bars)?;
        let early = compute::up_to(bars.clone(), cut);
        let early = compute::symbol(&survey, &plan, &before, position, &early)?;
        let ahead = looks_ahead(survey.instruments[position].symbol, &part, &early.output.block);
        let missing = MissingCounts::of(&part.output.block, 0, &bars);
        Ok(Seen { position, months: months(&part), ahead, bars: bars.bars.len(), missing })
    };
    compute::each(&steps, &positions, work, |seen| {
        let symbol = survey.instruments[seen.position].symbol;
        out.note(seen.ahead.clone());
        let stored = reader.feature_months(symbol)?;
        compare(symbol, &seen.months, &stored).for_each(|d| out.note(Some(d)));
        out.take(symbol, &seen);
        Ok(())
    })?;
    out.differences.sort_by_key(|d| (d.symbol, d.date));
    out.short.sort();
    Ok(out)
}

impl Checked {
    /// Whether nothing differs.
    pub fn is_sound(&self) -> bool {
        self.found == 0
    }

    fn take(&mut self, symbol: Symbol, seen: &Seen) {
        let longest = registry().iter().map(|f| f.lookback).max().unwrap_or(0);
        self.symbols += 1;
        self.rows += seen.bars as u64;
        self.missing.add(&seen.missing);
        if seen.bars <= longest {
            self.short.push((symbol, seen.bars));
        }
    }

    fn note(&mut self, difference: Option<Difference>) {
        let Some(difference) = difference else { return };
        self.found += 1;
        if self.differences.len() < LISTED {
            self.differences.push(difference);
        }
    }
}

/// A date with two thirds of the longest history before it.
fn middle(survey: &Survey<'_>) -> Option<NaiveDate> {
    let longest = survey.usable().map(|i| &survey.states[i].months).max_by_key(|m| m.len())?;
    longest.get(longest.len() * 2 / 3).map(|m| ts_to_date(m.month))
}

/// The first value that is another one without the future.
fn looks_ahead(symbol: Symbol, part: &Part<'_>, early: &Block) -> Option<Difference> {
    let block = &part.output.block;
    (0..COUNT).find_map(|i| {
        let mut pairs = block.column(i).iter().zip(early.column(i));
        let row = pairs.position(|(all, early)| all.to_bits() != early.to_bits() && !(all.is_nan() && early.is_nan()))?;
        Some(Difference { symbol, date: part.adjusted.bars.date[row], feature: Some(&registry()[i].name), looks_ahead: true })
    })
}

/// Where computed and stored months differ.
fn compare<'m>(symbol: Symbol, computed: &'m [FeatureMonth], stored: &'m [FeatureMonth]) -> impl Iterator<Item = Difference> + 'm {
    let other = |all: &'m [FeatureMonth], month: i64| all.binary_search_by_key(&month, FeatureMonth::month).ok().map(|i| &all[i]);
    let gone = stored.iter().filter(move |s| other(computed, s.month()).is_none()).map(|s| (s.month(), None));
    let changed = computed.iter().filter_map(move |c| other(stored, c.month()).map_or(Some((c.month(), None)), |s| c.differs(s)));
    changed.chain(gone).map(move |(ts, column)| Difference {
        symbol,
        date: ts_to_date(ts),
        feature: column.and_then(|i| registry().get(i)).map(|f| f.name.as_str()),
        looks_ahead: false,
    })
}
