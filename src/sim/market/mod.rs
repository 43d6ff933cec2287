//! The deterministic market behind both simulators: a pure function of (seed, symbol, time).
//!
//! A cached daily path per symbol ([`path`]) frames every session; the minutes of a session ([`session`]) fill the
//! frame, and every other bar size is an aggregate of them on session boundaries. Prices are served split-adjusted as
//! of `now`, as both vendors do: when the clock passes an ex-date, every earlier price changes.

mod actions;
mod character;
mod path;
mod profile;
mod serve;
mod session;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chrono::{Datelike, NaiveDate};

use character::Character;
use path::{Factor, Path};

pub use profile::Profile;

use crate::market::{Bars, Calendar, Instrument, Split, Symbol, Timeframe, ts_to_date};

/// The generator. Cheap to share behind an `Arc`; its caches hold about 0.3 MB a symbol.
#[derive(Debug)]
pub struct Generator {
    seed: u64,
    stock_factor: OnceLock<Factor>,
    crypto_factor: OnceLock<Factor>,
    paths: Mutex<HashMap<Symbol, Arc<Known>>>,
    announced: Mutex<HashMap<Symbol, Vec<Split>>>,
}

/// A symbol's character with its path as far as it was needed.
#[derive(Debug)]
struct Known {
    character: Character,
    path: Path,
}

/// The exchange's date at `ts`: New York's for stocks, UTC's for crypto.
pub(crate) fn exchange_date(calendar: Calendar, ts: i64) -> NaiveDate {
    match calendar {
        Calendar::Xnys => {
            chrono::DateTime::from_timestamp(ts, 0).unwrap_or_default().with_timezone(&chrono_tz::America::New_York).date_naive()
        }
        Calendar::Continuous => ts_to_date(ts),
    }
}

impl Generator {
    /// A market of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, stock_factor: OnceLock::new(), crypto_factor: OnceLock::new(), paths: Mutex::default(), announced: Mutex::default() }
    }

    /// Adds a split to come. From its ex-date on, prices before it are served on the new share basis.
    pub fn announce_split(&self, symbol: Symbol, split: Split) {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        let splits = announced.entry(symbol).or_default();
        if !splits.iter().any(|s| s.ex_date == split.ex_date) {
            splits.push(split);
        }
    }

    /// The bars with `start <= ts < end` whose trading had begun before `now`; the one still forming is the last and
    /// not final. Times are UTC seconds.
    pub fn bars(&self, instrument: &Instrument, timeframe: Timeframe, start: i64, end: i64, now: i64) -> Bars {
        let known = self.known(instrument, now);
        let basis = self.basis(&known.character, instrument.symbol, now);
        serve::Server { known: &known.character, path: &known.path, basis: &basis, now }.bars(timeframe, start, end)
    }

    /// The first session of the symbol's history.
    pub fn first_trade_date(&self, instrument: &Instrument) -> NaiveDate {
        Character::of(self.seed, instrument).listed
    }

    fn factor(&self, calendar: Calendar) -> &Factor {
        match calendar {
            Calendar::Xnys => self.stock_factor.get_or_init(|| Factor::new(self.seed, calendar)),
            Calendar::Continuous => self.crypto_factor.get_or_init(|| Factor::new(self.seed, calendar)),
        }
    }

    fn known(&self, instrument: &Instrument, now: i64) -> Arc<Known> {
        let year = ts_to_date(now).year().min(2040);
        let cached = self.paths.lock().unwrap_or_else(PoisonError::into_inner).get(&instrument.symbol).cloned();
        if let Some(known) = cached.filter(|k| k.path.through >= year) {
            return known;
        }
        let character = Character::of(self.seed, instrument);
        let path = Path::build(&character, self.factor(character.calendar), year);
        let known = Arc::new(Known { character, path });
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).insert(instrument.symbol, Arc::clone(&known));
        known
    }
}
