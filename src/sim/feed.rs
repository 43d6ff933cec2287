//! The market as both simulators see it: recorded bars where there are any, generated ones elsewhere.

use chrono::NaiveDate;

use super::market::Profile;
use super::{Generator, Replay};
use crate::market::{Actions, AssetClass, Bars, Instrument, Split, Symbol, Timeframe, Universe};

/// A universe with the prices behind it.
#[derive(Debug)]
pub struct MarketFeed {
    universe: Universe,
    generator: Generator,
    replay: Replay,
}

impl MarketFeed {
    /// A feed of generated prices.
    pub fn new(universe: Universe, seed: u64) -> Self {
        Self { universe, generator: Generator::new(seed), replay: Replay::default() }
    }

    /// Serves `replay` instead of generated prices for its symbols.
    #[must_use]
    pub fn with_replay(mut self, replay: Replay) -> Self {
        self.replay = replay;
        self
    }

    /// The instrument of a ticker. A simulator knows no other symbols than these.
    pub fn instrument(&self, symbol: Symbol) -> Option<&Instrument> {
        self.universe.get(symbol)
    }

    /// All instruments.
    pub fn universe(&self) -> &Universe {
        &self.universe
    }

    /// The generator, for knobs such as a split to come.
    pub fn generator(&self) -> &Generator {
        &self.generator
    }

    /// Bars with `start <= ts < end`, as [`Generator::bars`].
    pub fn bars(&self, instrument: &Instrument, timeframe: Timeframe, start: i64, end: i64, now: i64) -> Bars {
        match self.replay.get(instrument.symbol) {
            Some(recorded) => recorded.bars(instrument.calendar(), timeframe, start, end, now),
            None => self.generator.bars(instrument, timeframe, start, end, now),
        }
    }

    /// Splits and dividends known at `now`.
    pub fn actions(&self, instrument: &Instrument, now: i64) -> Actions {
        match self.replay.get(instrument.symbol) {
            Some(recorded) => recorded.actions(instrument.calendar(), now),
            None => self.generator.actions(instrument, now),
        }
    }

    /// Announces a 4:1 split that goes ex on the next session after `now`, of `symbol` or else of the first stock: the
    /// fault `split-tonight`. Symbols that are replayed or never split are left alone.
    pub fn split_tonight(&self, symbol: Option<Symbol>, now: i64) {
        let chosen = match symbol {
            Some(symbol) => self.instrument(symbol),
            None => self.universe.instruments.iter().find(|i| i.asset == AssetClass::Stock),
        };
        let Some(instrument) = chosen.filter(|i| i.asset == AssetClass::Stock) else { return };
        if let Some(session) = instrument.calendar().next_open(now) {
            let split = Split { ex_date: session.date, numerator: 4.0, denominator: 1.0 };
            self.generator.announce_split(instrument.symbol, split);
            tracing::info!(target: "sim", symbol = %instrument.symbol, ex_date = %session.date, "A 4:1 split is announced");
        }
    }

    /// The first date with bars.
    pub fn first_trade_date(&self, instrument: &Instrument) -> NaiveDate {
        let recorded = self.replay.get(instrument.symbol).and_then(super::replay::Recorded::first_date);
        recorded.unwrap_or_else(|| self.generator.first_trade_date(instrument))
    }

    /// Fundamentals and metadata at `now`, always generated: recordings hold prices only.
    pub fn profile(&self, instrument: &Instrument, now: i64) -> Profile {
        let mut profile = self.generator.profile(instrument, now);
        profile.metadata.first_trade_date = Some(self.first_trade_date(instrument));
        profile
    }
}
