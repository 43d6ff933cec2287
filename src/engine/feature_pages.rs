//! The answers about features: what each is, and what a strategy's cache holds of it. Read on a blocking thread, from
//! the strategy's database and from the master, which tells whether the cache is behind and where a volume is missing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::histogram::Histogram;
use crate::config::Strategies;
use crate::features::nightly::{self, Absent, Desk, Freshness, NightError};
use crate::features::{Feature, Missing, definition_hash, feature, registry};
use crate::market::{DAY, Strategy, Symbol, Universe};
use crate::store::StoreError;
use crate::store::master::ReadPool;
use crate::store::model::{FeatureColumns, ModelReader};

/// Last values that are given of each symbol.
const RECENT: usize = 60;
/// How far back values are counted, seconds.
const YEAR: i64 = 366 * DAY;

/// A feature as its definition table has it, with how often it has no value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FeatureView {
    /// Name.
    pub name: String,
    /// What it looks at.
    pub category: String,
    /// The exact formula.
    pub definition: String,
    /// Library function or paper it follows; empty when it is our own.
    pub reference: String,
    /// Index of the first bar, from 0, that has a value.
    pub lookback: u32,
    /// `fir` where exactly the last `lookback + 1` bars go into it, `iir` where all do.
    pub memory: String,
    /// What else it needs: `none`, `benchmark` or `universe`.
    pub needs: String,
    /// Share of the last year's values that are missing, 0..1; `None` without a cache.
    pub missing: Option<f64>,
}

/// What a strategy's cache of features holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FeatureCache {
    /// Symbols with features.
    pub symbols: u32,
    /// Bars with features in the last year, over all symbols.
    pub rows: u64,
    /// Stamp of the newest bar.
    pub newest: Option<i64>,
    /// Whether it is made of the market data of now; `None` where the engine does not know the strategy's rules.
    pub state: Option<Freshness>,
}

/// All features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FeatureList {
    /// Whose cache.
    pub strategy: Strategy,
    /// The cache, if it can be read.
    pub cache: Option<FeatureCache>,
    /// Why it cannot, and what to do.
    pub trouble: Option<String>,
    /// In the order of the table.
    pub features: Vec<FeatureView>,
}

/// A symbol's newest value of a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FeatureLast {
    /// Which symbol.
    pub symbol: Symbol,
    /// Stamp of its newest bar within a year.
    pub at: Option<i64>,
    /// The value of that bar, if it has one.
    pub value: Option<f64>,
    /// Why it has none.
    pub reason: Option<String>,
    /// Its last values, oldest first, at most 60.
    pub recent: Vec<Option<f64>>,
}

/// Everything the feature page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FeatureDetail {
    /// Whose cache.
    pub strategy: Strategy,
    /// The feature.
    pub feature: FeatureView,
    /// Why the cache cannot be read, and what to do.
    pub trouble: Option<String>,
    /// As [`FeatureCache::state`].
    pub state: Option<Freshness>,
    /// Spread of the newest values over the symbols.
    pub last: Histogram,
    /// Spread of all values of the last year.
    pub year: Histogram,
    /// By name.
    pub symbols: Vec<FeatureLast>,
}

/// Whose features are asked for, and what they are made of.
pub(super) struct Asked {
    pub strategy: Strategy,
    pub master: ReadPool,
    pub universe: Arc<Universe>,
    /// The rules of the strategies; `None` in an engine that a command gave its settings.
    pub rules: Option<Arc<Strategies>>,
    pub now: i64,
}

impl Asked {
    fn state(&self, reader: &ModelReader) -> Result<Option<Freshness>, StoreError> {
        let Some(rules) = &self.rules else {
            return Ok(reader.features_made()?.is_none().then_some(Freshness::CutShort));
        };
        let rules = &rules.get(self.strategy).settings.features;
        let desk = Desk {
            master: &self.master,
            instruments: &self.universe.instruments,
            benchmark: rules.benchmark,
            dividends: rules.uses_dividends(),
            progress: &|_, _| {},
            rows: nightly::ROWS,
            stop: &CancellationToken::new(),
        };
        match nightly::freshness(reader, &desk) {
            Ok(state) => Ok(Some(state)),
            Err(NightError::Store(e)) => Err(e),
            // Only a computation ends otherwise.
            Err(_) => Ok(None),
        }
    }
}

/// All features, with how many values are missing.
pub(super) fn list(asked: &Asked) -> FeatureList {
    let strategy = asked.strategy;
    let counted = Cache::open(asked).and_then(|cache| cache.count(asked));
    let (cache, shares, trouble) = match counted {
        Ok((cache, shares)) => (Some(cache), shares, None),
        Err(e) => (None, Vec::new(), Some(e.to_string())),
    };
    let features = registry().iter().map(|f| view(f, shares.get(f.index).copied())).collect();
    FeatureList { strategy, cache, trouble, features }
}

/// One feature with its values; `None` when there is no such feature.
pub(super) fn detail(asked: &Asked, name: &str) -> Option<FeatureDetail> {
    let (feature, strategy) = (feature(name)?, asked.strategy);
    let read = Cache::open(asked).and_then(|cache| Ok((cache.values(&asked.master, feature)?, asked.state(&cache.reader)?)));
    let (symbols, year, state, trouble) = match read {
        Ok(((symbols, year), state)) => (symbols, year, state, None),
        Err(e) => (Vec::new(), Vec::new(), None, Some(e.to_string())),
    };
    let year = Histogram::of(year);
    let last = Histogram::of(symbols.iter().filter(|s| s.at.is_some()).map(|s| s.value.unwrap_or(f64::NAN)).collect());
    let share = (year.values + year.missing > 0).then(|| year.missing as f64 / (year.values + year.missing) as f64);
    Some(FeatureDetail { strategy, feature: view(feature, share), trouble, state, last, year, symbols })
}

fn view(f: &Feature, missing: Option<f64>) -> FeatureView {
    FeatureView {
        name: f.name.clone(),
        category: f.category.to_string(),
        definition: f.definition.clone(),
        reference: f.reference.clone(),
        lookback: f.lookback as u32,
        memory: f.memory.to_string(),
        needs: f.needs.to_string(),
        missing,
    }
}

/// A strategy's features of the last year.
struct Cache {
    reader: ModelReader,
    /// With the number of all their bars, older ones too.
    symbols: Vec<(Symbol, u64)>,
    span: (i64, i64),
}

impl Cache {
    fn open(asked: &Asked) -> Result<Self, StoreError> {
        let (strategy, now) = (asked.strategy, asked.now);
        let path = asked.master.folder().join(strategy.database_file());
        let reader = ModelReader::open(&path, strategy)?;
        let symbols = reader.feature_symbols()?;
        if symbols.is_empty() {
            return Err(StoreError::NotBuilt { path, strategy });
        }
        Ok(Self { reader, symbols, span: (now - YEAR, i64::MAX) })
    }

    fn columns(&self, symbol: Symbol) -> Result<FeatureColumns, StoreError> {
        self.reader.features(symbol, self.span, definition_hash())
    }

    /// What there is, and the share of missing values of each feature.
    fn count(&self, asked: &Asked) -> Result<(FeatureCache, Vec<f64>), StoreError> {
        let mut cache = FeatureCache { symbols: self.symbols.len() as u32, ..FeatureCache::default() };
        let mut absent = vec![0_u64; registry().len()];
        for (symbol, _) in &self.symbols {
            let found = self.columns(*symbol)?;
            cache.rows += found.ts.len() as u64;
            cache.newest = cache.newest.max(found.ts.last().copied());
            for (n, column) in absent.iter_mut().zip(&found.columns) {
                *n += column.iter().filter(|v| v.is_nan()).count() as u64;
            }
        }
        cache.state = asked.state(&self.reader)?;
        let rows = cache.rows.max(1) as f64;
        Ok((cache, absent.into_iter().map(|n| n as f64 / rows).collect()))
    }

    /// The newest value of each symbol, and all values of the year.
    fn values(&self, master: &ReadPool, feature: &Feature) -> Result<(Vec<FeatureLast>, Vec<f64>), StoreError> {
        let (mut lasts, mut year) = (Vec::with_capacity(self.symbols.len()), Vec::new());
        for &(symbol, bars) in &self.symbols {
            let mut found = self.columns(symbol)?;
            let at = found.ts.last().copied();
            let column = if at.is_some() { found.columns.swap_remove(feature.index) } else { Vec::new() };
            let value = column.last().copied().filter(|v| v.is_finite());
            let reason = match (at, value) {
                (_, Some(_)) => None,
                (None, None) => Some("no bar in the last year".to_owned()),
                (Some(at), None) => Some(why(master, feature, symbol, (bars, at))?),
            };
            let recent = column[column.len().saturating_sub(RECENT)..].iter().map(|v| Some(*v).filter(|v| v.is_finite())).collect();
            lasts.push(FeatureLast { symbol, at, value, reason, recent });
            year.extend(column);
        }
        Ok((lasts, year))
    }
}

/// Why the newest of a symbol's cached bars, with its stamp, has no value.
fn why(master: &ReadPool, feature: &Feature, symbol: Symbol, (bars, at): (u64, i64)) -> Result<String, StoreError> {
    let absent = nightly::why_missing(master, feature, symbol, (bars, at))?;
    Ok(match absent {
        Absent::Because(Missing::ShortHistory) => format!("short history: {bars} of {} bars", feature.lookback + 1),
        Absent::Because(Missing::NoBenchmark) => "no market return on a day of its window".to_owned(),
        Absent::Because(Missing::SmallUniverse) => "too few symbols traded that day".to_owned(),
        Absent::Because(Missing::UnknownVolume) => "unknown volume in its window".to_owned(),
        Absent::Because(Missing::NotFinite) => "the formula gave no finite number".to_owned(),
        Absent::Blocked(_) => absent.to_string(),
    })
}
