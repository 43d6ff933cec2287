//! The newest rows of all symbols, labelled or not: what a scan asks models about, and what drift compares with a reference.

use chrono::NaiveDate;
use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use super::DatasetError;
use crate::config::strategy::StrategySettings;
use crate::features::bars::{Adjusted, forward_adjusted};
use crate::features::nightly::{self, Desk, NightError, NoFeatures};
use crate::features::{Feature, registry};
use crate::labels::regimes;
use crate::market::{Instrument, Regime, Universe, date_to_ts};
use crate::store::master::ReadPool;
use crate::store::model::{FeatureColumns, ModelDb};

/// What the rows are made of, and who is told.
pub struct Reading<'a> {
    /// Symbols.
    pub universe: &'a Universe,
    /// The market data.
    pub master: &'a ReadPool,
    /// The rules of features and regimes.
    pub rules: &'a StrategySettings,
    /// Hears of steps done and of all steps.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
    /// Ends the work within a second; what is stored stays sound.
    pub stop: &'a CancellationToken,
}

/// One symbol: all its bars, and the features of the newest of them.
#[derive(Clone, Debug, Default)]
pub struct RecentSymbol {
    /// Forward-adjusted bars, from the first stored one on, and what each was multiplied by.
    pub adjusted: Adjusted,
    /// Regime of each bar; `None` before there is history enough.
    pub regimes: Vec<Option<Regime>>,
    /// Features of the newest bars, in the order of the registry.
    pub features: FeatureColumns,
    /// Why there are none.
    pub without: Option<String>,
    /// It has bars that may not be used until somebody has looked at them.
    pub blocked: bool,
}

/// The newest rows of a universe.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// In the order of the universe.
    pub symbols: Vec<RecentSymbol>,
    /// Id of the market data.
    pub snapshot: String,
}

/// A row: a symbol's position in the universe and the number of its bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowAt {
    /// Position in the universe.
    pub symbol: usize,
    /// Number of the bar, from the first stored one.
    pub bar: usize,
}

impl Recent {
    /// Brings the strategy's features up to date and reads those of bars from `since` on. Blocks, and uses all cores.
    pub fn read(db: &mut ModelDb, reading: &Reading<'_>, since: NaiveDate) -> Result<Self, DatasetError> {
        let (instruments, features) = (&reading.universe.instruments, &reading.rules.features);
        let desk = Desk {
            master: reading.master,
            instruments,
            benchmark: features.benchmark,
            dividends: features.uses_dividends(),
            progress: reading.progress,
            rows: nightly::ROWS,
            stop: reading.stop,
        };
        let made = nightly::bring_up_to_date(db, &desk, false)?;
        let mut symbols = instruments.par_iter().map(|i| bars(reading, i)).collect::<Result<Vec<_>, _>>()?;
        for (instrument, symbol) in instruments.iter().zip(&mut symbols).filter(|(_, s)| s.without.is_none()) {
            symbol.features = nightly::read_features(db.reader(), instrument.symbol, (date_to_ts(since), i64::MAX))?;
            symbol.check()?;
        }
        if reading.stop.is_cancelled() {
            return Err(NightError::Stopped.into());
        }
        if nightly::snapshot_id(&desk)? != made.snapshot {
            return Err(DatasetError::Changed);
        }
        Ok(Self { symbols, snapshot: made.snapshot })
    }

    /// All rows that features were read of, by symbol and date.
    pub fn rows(&self) -> impl Iterator<Item = RowAt> + '_ {
        let of = |(symbol, s): (usize, &RecentSymbol)| (s.first()..s.adjusted.bars.len()).map(move |bar| RowAt { symbol, bar });
        self.symbols.iter().enumerate().flat_map(of)
    }

    /// The date of a row.
    pub fn date(&self, row: RowAt) -> NaiveDate {
        self.symbols[row.symbol].adjusted.bars.date[row.bar]
    }

    /// The value of a feature; NaN where it is missing.
    pub fn value(&self, row: RowAt, feature: &Feature) -> f64 {
        self.symbols[row.symbol].value(row.bar, feature.index)
    }

    /// The first feature among `used` that a row lacks.
    pub fn lacks(&self, row: RowAt, used: &[usize]) -> Option<&'static Feature> {
        let s = &self.symbols[row.symbol];
        used.iter().find(|f| !s.value(row.bar, **f).is_finite()).map(|f| &registry()[*f])
    }
}

impl RecentSymbol {
    /// Number of the first bar that features were read of.
    pub fn first(&self) -> usize {
        self.adjusted.bars.len() - self.features.ts.len()
    }

    fn value(&self, bar: usize, feature: usize) -> f64 {
        let read = bar.checked_sub(self.first()).and_then(|row| self.features.columns.get(feature)?.get(row));
        read.copied().unwrap_or(f64::NAN)
    }

    /// A price of the stored, split-adjusted bars, from one of the adjusted ones.
    pub fn unadjusted(&self, bar: usize, price: f64) -> f64 {
        price / self.adjusted.factor[bar]
    }

    /// Features and bars are of the same days, or an ingest has written in between.
    fn check(&self) -> Result<(), DatasetError> {
        let dates = &self.adjusted.bars.date;
        let newest = dates.get(dates.len().saturating_sub(self.features.ts.len())..).unwrap_or_default();
        let same = newest.iter().map(|d| date_to_ts(*d)).eq(self.features.ts.iter().copied());
        if same { Ok(()) } else { Err(DatasetError::Changed) }
    }
}

fn bars(reading: &Reading<'_>, instrument: &Instrument) -> Result<RecentSymbol, DatasetError> {
    let (state, candles) = reading.master.ask(|reader| reader.daily(instrument.symbol, i64::MIN))?;
    if let Some(why) = state.unusable {
        return Ok(RecentSymbol { without: Some(NoFeatures::Blocked(why).to_string()), blocked: true, ..RecentSymbol::default() });
    }
    let dividends = if reading.rules.features.uses_dividends() { &state.dividends[..] } else { &[] };
    let adjusted = forward_adjusted(&candles, dividends, 1.0);
    let without = adjusted.bars.is_empty().then(|| NoFeatures::NoBars.to_string());
    let regimes = regimes(&adjusted.bars.close, &reading.rules.regime_labeling);
    Ok(RecentSymbol { adjusted, regimes, features: FeatureColumns::default(), without, blocked: false })
}
