//! What the master holds of a strategy's symbols: enough to tell what has changed, without reading bars.

use chrono::NaiveDate;
use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use super::{Desk, NightError, NoFeatures};
use crate::features::bars::{Adjusted, forward_adjusted};
use crate::features::definition_hash;
use crate::market::{AssetClass, Calendar, Instrument, Symbol, date_to_ts};
use crate::store::master::DailyState;

/// The states of all series, as of the beginning of a run.
pub(super) struct Survey<'a> {
    pub instruments: &'a [Instrument],
    /// By position in the universe.
    pub states: Vec<DailyState>,
    pub benchmark: Option<(Symbol, DailyState)>,
    dividends: bool,
}

/// A hash of what the rows before a month depend on.
pub(super) struct Key {
    /// Of all symbols.
    pub all: u64,
    /// Of each symbol alone.
    pub own: Vec<u64>,
}

impl<'a> Survey<'a> {
    pub fn take(desk: &Desk<'a>) -> Result<Self, NightError> {
        let state = |symbol: Symbol| desk.master.ask(|reader| reader.daily_state(symbol));
        let states = desk.instruments.par_iter().map(|i| state(i.symbol)).collect::<Result<_, _>>()?;
        let benchmark = desk.benchmark.map(|symbol| state(symbol).map(|s| (symbol, s))).transpose()?;
        Ok(Self { instruments: desk.instruments, states, benchmark, dividends: desk.dividends })
    }

    /// Positions of the symbols that features are made of.
    pub fn usable(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.states.len()).filter(|&i| self.states[i].unusable.is_none() && !self.states[i].months.is_empty())
    }

    pub fn without(&self) -> Vec<(Symbol, NoFeatures)> {
        self.instruments.iter().zip(&self.states).filter_map(|(i, state)| Some((i.symbol, nothing(state)?))).collect()
    }

    /// The benchmark, if it gives no returns, and why.
    pub fn silent_benchmark(&self) -> Option<(Symbol, NoFeatures)> {
        self.benchmark.as_ref().and_then(|(symbol, state)| Some((*symbol, nothing(state)?)))
    }

    /// On which days a symbol trades, of the universe or not.
    pub fn calendar_of(&self, symbol: Symbol) -> Calendar {
        self.instruments.iter().find(|i| i.symbol == symbol).map_or_else(|| AssetClass::by_name(symbol), |i| i.asset).calendar()
    }

    /// The newest month that holds a bar of any symbol.
    pub fn newest_month(&self) -> Option<i64> {
        self.usable().filter_map(|i| self.states[i].months.last()).map(|m| m.month).max()
    }

    /// What the rows before the month that begins at the stamp `month` depend on.
    pub fn key(&self, month: i64) -> Key {
        let own: Vec<u64> = self.states.par_iter().map(|state| state.hash_before(month)).collect();
        let mut hash = self.hash(&own);
        hash.update(definition_hash().as_bytes());
        self.hash_benchmark(&mut hash, month);
        Key { all: hash.digest(), own }
    }

    /// Identifies the market data: symbols, bars, actions, benchmark. Thirty-two hex digits.
    pub fn snapshot(&self) -> String {
        let own: Vec<u64> = self.states.par_iter().map(|state| state.hash_before(i64::MAX)).collect();
        let mut hash = self.hash(&own);
        self.hash_benchmark(&mut hash, i64::MAX);
        format!("{:032x}", hash.digest128())
    }

    fn hash_benchmark(&self, hash: &mut Xxh3, before: i64) {
        hash.update(&[u8::from(self.benchmark.is_some())]);
        if let Some((symbol, state)) = &self.benchmark {
            hash.update(symbol.as_str().as_bytes());
            hash.update(&state.hash_before(before).to_le_bytes());
        }
    }

    fn hash(&self, own: &[u64]) -> Xxh3 {
        let mut hash = Xxh3::new();
        hash.update(&[u8::from(self.dividends)]);
        for (instrument, own) in self.instruments.iter().zip(own) {
            hash.update(instrument.symbol.as_str().as_bytes());
            // No symbol contains this byte, so that neighbours cannot run into each other.
            hash.update(&[0, u8::from(instrument.asset == AssetClass::Crypto)]);
            hash.update(&own.to_le_bytes());
        }
        hash
    }

    /// The forward-adjusted bars of a symbol from a date on, as long as its series is what the survey saw.
    pub fn bars(&self, desk: &Desk<'_>, position: usize, from: Option<(NaiveDate, f64)>) -> Result<Adjusted, NightError> {
        read(desk, self.instruments[position].symbol, &self.states[position], from)
    }

    /// All bars of the benchmark.
    pub fn benchmark_bars(&self, desk: &Desk<'_>) -> Result<Option<Adjusted>, NightError> {
        self.benchmark.as_ref().map(|(symbol, state)| read(desk, *symbol, state, None)).transpose()
    }
}

/// Why nothing can be made of a series, if so.
fn nothing(state: &DailyState) -> Option<NoFeatures> {
    let blocked = state.unusable.clone().map(NoFeatures::Blocked);
    blocked.or_else(|| state.months.is_empty().then_some(NoFeatures::NoBars))
}

fn read(desk: &Desk<'_>, symbol: Symbol, seen: &DailyState, from: Option<(NaiveDate, f64)>) -> Result<Adjusted, NightError> {
    let (date, factor) = from.map_or((i64::MIN, 1.0), |(date, factor)| (date_to_ts(date), factor));
    let (state, candles) = desk.master.ask(|reader| reader.daily(symbol, date))?;
    let dividends = if desk.dividends { &state.dividends[..] } else { &[] };
    if state == *seen { Ok(forward_adjusted(&candles, dividends, factor)) } else { Err(NightError::Changed(symbol)) }
}
