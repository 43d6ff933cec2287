//! Splits and dividends as a vendor reports them at `now`, and the share basis they imply.

use std::sync::PoisonError;

use chrono::{Datelike, NaiveDate};

use super::character::{Character, session_from};
use super::{Generator, exchange_date};
use crate::market::{Actions, Dividend, Instrument, Split, Symbol, date_to_ts};

/// The share basis of an instant.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    /// Turns a planned price into the served one. The same for all dates: on an ex-date the traded price falls by the
    /// very ratio by which earlier prices are adjusted.
    pub price: f64,
    /// Splits applied by now.
    applied: Vec<Split>,
}

impl Basis {
    /// Shares of today per share traded on `date`. Seeded and announced ratios are whole numbers.
    pub(super) fn shares(&self, date: NaiveDate) -> u64 {
        self.applied.iter().filter(|s| s.ex_date > date).map(|s| s.ratio().round().max(1.0) as u64).product()
    }
}

impl Generator {
    pub(super) fn basis(&self, c: &Character, symbol: Symbol, now: i64) -> Basis {
        let today = exchange_date(c.calendar, now);
        let announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner).get(&symbol).cloned().unwrap_or_default();
        // Plans have the seeded splits applied and the announced ones not.
        let pending: f64 = c.splits.iter().filter(|s| s.ex_date > today).map(Split::ratio).product();
        let done: f64 = announced.iter().filter(|s| s.ex_date <= today).map(Split::ratio).product();
        let mut applied: Vec<Split> = c.splits.iter().chain(&announced).copied().filter(|s| s.ex_date <= today).collect();
        applied.sort_by_key(|s| s.ex_date);
        Basis { price: pending / done, applied }
    }

    /// The splits and dividends with an ex-date up to the exchange's date at `now`; dividends on the share basis of
    /// `now`, as the prices are.
    pub fn actions(&self, instrument: &Instrument, now: i64) -> Actions {
        let known = self.known(instrument, now);
        let c = &known.character;
        let basis = self.basis(c, instrument.symbol, now);
        let today = exchange_date(c.calendar, now);
        let dividends = ex_dates(c, today)
            .filter_map(|ex_date| {
                let close = known.path.before(ex_date)?.close * basis.price;
                let shares = basis.shares(ex_date) as f64;
                // Declared in whole cents on the share basis of its day.
                let declared = (close * shares * c.dividend_yield / 4.0 * 100.0).round() / 100.0;
                (declared > 0.0).then_some(Dividend { ex_date, amount: declared / shares })
            })
            .collect();
        Actions { splits: basis.applied, dividends }
    }
}

/// Quarterly ex-dates after the first year of listing through `today`.
fn ex_dates(c: &Character, today: NaiveDate) -> impl Iterator<Item = NaiveDate> + use<'_> {
    let (listed, month, day) = (c.listed.year(), c.dividend_month + 1, 5 + (c.key % 15) as u32);
    // A symbol that pays nothing has no year of payments.
    let last = if c.dividend_yield > 0.0 { today.year() } else { listed };
    (listed + 1..=last)
        .flat_map(move |y| (0..4).filter_map(move |q| NaiveDate::from_ymd_opt(y, q * 3 + month, day)))
        .map(|d| session_from(c.calendar, d))
        .filter(move |d| date_to_ts(*d) <= date_to_ts(today))
}
