//! Random walks in place of a universe: what a run tries its whole pipeline on, features included.

use crate::config::strategy::StrategySettings;
use crate::dataset::of_bars::{FeatureFn, of_bars};
use crate::dataset::{DataSet, DatasetError};
use crate::market::{DailyBars, Universe};
use crate::train::nulls::{Walk, in_place_of};

/// Symbols of a walk at most: as many tell what the pipeline finds, and more would only take time and memory.
const MOST: usize = 80;

/// A data set of walks on the dates of the bars of `data`: a symbol for each that has bars, at most [`MOST`], those with the
/// longest histories and the benchmark.
pub fn data_set(
    (data, universe): (&DataSet, &Universe),
    rules: &StrategySettings,
    features: &FeatureFn<'_>,
    seed: u64,
) -> Result<DataSet, DatasetError> {
    let mut longest: Vec<usize> = (0..data.bars.len()).filter(|i| !data.bars[*i].is_empty()).collect();
    let is_benchmark = |i: usize| Some(universe.instruments[i].symbol) == rules.features.benchmark;
    longest.sort_by_key(|i| (!is_benchmark(*i), std::cmp::Reverse(data.bars[*i].len()), *i));
    longest.truncate(MOST);
    longest.sort_unstable();
    let (instruments, bars): (Vec<_>, Vec<DailyBars>) =
        longest.into_iter().map(|i| (universe.instruments[i].clone(), data.bars[i].clone())).unzip();
    let walks = in_place_of(&bars, &Walk::default(), seed);
    of_bars((data.summary.strategy, &Universe { instruments }), walks, rules, features, format!("walk:{seed:016x}"))
}
