//! The features of a whole universe that is in memory: the market and the ranks first, then each symbol by itself.
//!
//! What a night does from the databases, with a cache, this does from bars. Training calls it for the random walks it tries
//! itself on; tests compute real bars with it.

use rayon::prelude::*;

use super::bars::Adjusted;
use super::engine::{EngineError, Input, Task, run};
use super::market::{CrossSection, MarketReturns};
use super::registry::COUNT;
use crate::market::{AssetClass, DailyBars, Instrument, Symbol, date_to_ts};
use crate::store::model::FeatureColumns;

/// The features of each symbol, on bars that carry their dividends, both in the order of `instruments`. Without a `benchmark`
/// the market is the equal-weight mean of the stocks.
pub fn compute(instruments: &[Instrument], bars: &[DailyBars], benchmark: Option<Symbol>) -> Result<Vec<FeatureColumns>, EngineError> {
    let mut returns = MarketReturns::default();
    let mut section = CrossSection::default();
    for (instrument, bars) in instruments.iter().zip(bars) {
        let counts = benchmark.map_or(instrument.asset == AssetClass::Stock, |symbol| symbol == instrument.symbol);
        if counts {
            returns.add(bars, instrument.calendar());
        }
        section.add(bars);
    }
    let ranks = section.rank();
    let of = |(instrument, bars): (&Instrument, &DailyBars)| {
        let (market, rank) = (returns.on(&bars.date), ranks.of(bars));
        // Features ask for ratios of prices only: the factor that bars carry is not looked at but for checkpoints.
        let adjusted = Adjusted { factor: vec![1.0; bars.len()], bars: bars.clone() };
        let sessions_a_year = instrument.asset.sessions_a_year();
        let input = Input { adjusted: &adjusted, market: Some(&market), rank: Some(&rank), sessions_a_year };
        let block = run(&Task { input, from: None, mark: None })?.block;
        let columns = (0..COUNT).map(|index| block.column(index).to_vec()).collect();
        Ok(FeatureColumns { ts: bars.date.iter().map(|d| date_to_ts(*d)).collect(), columns })
    };
    instruments.par_iter().zip(bars).map(of).collect()
}
