//! Random walks in place of a universe: what a run tries its whole pipeline on, features included.

use crate::config::strategy::StrategySettings;
use crate::dataset::of_bars::{FeatureFn, of_bars};
use crate::dataset::{DataSet, DatasetError};
use crate::market::{DailyBars, Universe};
use crate::train::nulls::{Walk, in_place_of};

/// Symbols of a walk at most: as many tell what the pipeline finds, and more would only take time and memory.
const MOST: usize = 80;

/// A data set of walks, a symbol for each of the first symbols of `data` that has bars, on the dates of its bars.
pub fn data_set(
    (data, universe): (&DataSet, &Universe),
    rules: &StrategySettings,
    features: &FeatureFn<'_>,
    seed: u64,
) -> Result<DataSet, DatasetError> {
    let with_bars = universe.instruments.iter().zip(&data.bars).filter(|(_, bars)| !bars.is_empty()).take(MOST);
    let (instruments, bars): (Vec<_>, Vec<DailyBars>) = with_bars.map(|(i, b)| (i.clone(), b.clone())).unzip();
    let walks = in_place_of(&bars, &Walk::default(), seed);
    of_bars((data.summary.strategy, &Universe { instruments }), walks, rules, features, format!("walk:{seed:016x}"))
}
