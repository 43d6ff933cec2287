//! What has no value, and why.

use std::fmt;

use strum::IntoEnumIterator;

use crate::features::bars::Adjusted;
use crate::features::engine::Block;
use crate::features::{Feature, Missing, missing, registry};
use crate::market::{Series, Symbol, Timeframe};
use crate::store::StoreError;
use crate::store::master::{CandleQuery, ReadPool, Span};

/// Why a symbol has no features at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoFeatures {
    /// No daily bar is stored.
    NoBars,
    /// Its daily series must not be used; a sentence why.
    Blocked(String),
}

impl fmt::Display for NoFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBars => f.write_str("no daily bar is stored"),
            Self::Blocked(why) => write!(f, "its daily bars are blocked: {why}"),
        }
    }
}

/// Why a cached value is missing, as far as the market data of now still tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The reason.
    Because(Missing),
    /// The series must not be used since; a sentence why.
    Blocked(String),
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Because(why) => why.fmt(f),
            Self::Blocked(why) => write!(f, "its daily bars were blocked since: {why}"),
        }
    }
}

/// Why `feature` has no value on the bar stamped `at`, the last of the `bars` of `symbol` that are cached. Bars that came
/// later have no say.
pub fn why_missing(master: &ReadPool, feature: &Feature, symbol: Symbol, (bars, at): (u64, i64)) -> Result<Absent, StoreError> {
    let last = (bars as usize).saturating_sub(1);
    let why = |volume: &[f64]| Absent::Because(missing(feature, f64::NAN, last, volume).unwrap_or(Missing::NotFinite));
    if last < feature.lookback || !feature.reads_volume {
        return Ok(why(&[]));
    }
    let series = Series { symbol, timeframe: Timeframe::D1 };
    master.ask(|reader| match reader.daily_state(symbol)?.unusable {
        Some(blocked) => Ok(Absent::Blocked(blocked)),
        None => Ok(why(&reader.candles(&CandleQuery::new(series, Span::Range(i64::MIN, at + 1)))?.volume)),
    })
}

/// Missing values by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingCounts([u64; 5]);

impl MissingCounts {
    /// Those of the rows of `block` from `skip` on. `adjusted` are the bars that the block ends with.
    pub(super) fn of(block: &Block, skip: usize, adjusted: &Adjusted) -> Self {
        let mut counts = Self::default();
        let volume = &adjusted.bars.volume;
        let before = volume.len() - block.rows;
        for feature in registry() {
            let column = &block.column(feature.index)[skip..];
            for (row, &value) in (skip..).zip(column).filter(|(_, value)| !value.is_finite()) {
                if let Some(why) = missing(feature, value, block.first + row, &volume[..=before + row]) {
                    counts.0[why as usize] += 1;
                }
            }
        }
        counts
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
    }

    /// Each reason that occurs, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Missing, u64)> + '_ {
        Missing::iter().zip(self.0).filter(|(_, n)| *n > 0)
    }
}
