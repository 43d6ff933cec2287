//! A data set made of bars that are in memory, without a database: what training tries itself on, and its tests.
//!
//! Rows, labels, regimes and splits come from the code that makes real data sets; there is no archive and no replay.

use rayon::prelude::*;

use super::build::{Part, sessions, summarise};
use super::samples::{Samples, SymbolRows};
use super::symbol::{self, Source};
use super::{DataSet, DatasetError};
use crate::config::strategy::StrategySettings;
use crate::features::Feature;
use crate::features::universe::compute;
use crate::labels::splits;
use crate::market::{DailyBars, Strategy, Symbol, Universe};
use crate::store::model::FeatureColumns;

/// Makes the features of a universe's bars: [`real_features`], or in a test something that should be found out.
pub type FeatureFn<'a> = dyn Fn(&Universe, &[DailyBars], &StrategySettings) -> Result<Vec<FeatureColumns>, DatasetError> + Sync + 'a;

/// The features that models learn from.
pub fn real_features(universe: &Universe, bars: &[DailyBars], rules: &StrategySettings) -> Result<Vec<FeatureColumns>, DatasetError> {
    // A benchmark that the universe does not hold gives no return, and what needs it is missing everywhere.
    compute(&universe.instruments, bars, rules.features.benchmark).map_err(|e| DatasetError::Walk(e.to_string()))
}

/// The data set of `bars`, in the order of the universe. `snapshot` names them in the summary.
pub fn of_bars(
    (strategy, universe): (Strategy, &Universe),
    bars: Vec<DailyBars>,
    rules: &StrategySettings,
    features: &FeatureFn<'_>,
    snapshot: String,
) -> Result<DataSet, DatasetError> {
    let used = super::build::used(rules)?;
    let columns = features(universe, &bars, rules)?;
    let known = |of: &crate::market::Instrument| {
        let same = universe.instruments.iter().zip(&bars).filter(|(i, _)| i.calendar() == of.calendar());
        same.filter_map(|(_, b)| b.date.last().copied()).max().unwrap_or(chrono::NaiveDate::MIN)
    };
    let make = |((instrument, bars), features): ((&crate::market::Instrument, &DailyBars), &FeatureColumns)| {
        let source = Source { bars, features, calendar: instrument.calendar(), known: known(instrument) };
        symbol::rows(&source, &used, rules)
    };
    let made: Vec<symbol::Made> = universe.instruments.par_iter().zip(&bars).zip(&columns).map(make).collect();
    drop(columns);
    let mut parts: Vec<Part> = bars.into_iter().zip(made).map(|(bars, made)| Part { bars, made, ..Part::default() }).collect();
    let rows: Vec<SymbolRows> = parts.iter_mut().map(|p| std::mem::take(&mut p.made.rows)).collect();
    let symbols: Vec<Symbol> = universe.instruments.iter().map(|i| i.symbol).collect();
    let samples = Samples::gather(symbols, used.len(), &rows);
    let sessions = sessions(&samples, &universe.instruments);
    let splits = splits::plan(&samples.lifetimes(), &sessions, &rules.validation);
    let mut summary = summarise((strategy, rules, universe), &samples, &parts, &splits, snapshot);
    summary.features = used.len();
    let columns = used.iter().map(|f: &&Feature| f.index).collect();
    let bars = parts.into_iter().map(|p| p.bars).collect();
    Ok(DataSet { samples, bars, columns, sessions, splits: splits.ok(), archive: Vec::new(), replay: Vec::new(), summary })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::splits::Proof;
    use crate::market::{Calendar, Instrument, date_to_ts};
    use crate::train::nulls::{Walk, in_place_of};

    #[test]
    fn walks_become_rows_with_splits_that_hold() {
        let rules = StrategySettings::shipped(Strategy::Turbomode).unwrap();
        let name = |i| Symbol::new(&format!("W{i}")).unwrap();
        let stock =
            |i| Instrument { symbol: name(i), asset: crate::market::AssetClass::Stock, sector: "Walks".into(), name: String::new() };
        let universe = Universe { instruments: (0..5).map(stock).collect() };
        let [from, to] = [2010, 2017].map(|year| date_to_ts(chrono::NaiveDate::from_ymd_opt(year, 1, 1).unwrap()));
        let dates: Vec<_> = Calendar::Xnys.sessions(from, to).map(|s| s.date).collect();
        let empty: Vec<_> = (0..5).map(|_| DailyBars { date: dates.clone(), ..DailyBars::default() }).collect();
        let bars = in_place_of(&empty, &Walk::default(), 7);
        let data = of_bars((Strategy::Turbomode, &universe), bars, &rules, &real_features, "walk".into()).unwrap();
        assert_eq!(data.columns.len(), crate::features::COUNT);
        assert!(data.samples.len() > 5 * (dates.len() - 300), "{} rows of {} dates", data.samples.len(), dates.len());
        assert!(data.samples.features.iter().all(|v| v.is_finite()));
        let splits = data.splits.as_ref().unwrap();
        let proof = splits.proof(&data.samples.lifetimes(), &data.sessions, &rules.validation);
        assert!(!proof.is_empty() && proof.iter().all(Proof::holds));
    }
}
