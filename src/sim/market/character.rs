//! What is particular to one symbol: its price level, its volatility, its listing date, its corporate actions.

use chrono::{Datelike, Duration, Months, NaiveDate};

use crate::market::{AssetClass, Calendar, Instrument, Split};
use crate::random::{Stream, key};

/// The day on which a symbol's split-adjusted price is at its level.
pub(super) const ANCHOR: (i32, u32, u32) = (2026, 1, 2);

/// First year of every generated history.
const FIRST_YEAR: i32 = 2000;

/// The seeded traits of one symbol. Volatilities are a session's standard deviation of log returns.
#[derive(Clone, Debug)]
pub(super) struct Character {
    pub key: u64,
    pub calendar: Calendar,
    /// First session of the history.
    pub listed: NaiveDate,
    /// Price on the anchor date, with all seeded splits applied.
    pub level: f64,
    /// Trend of the log price per session.
    pub drift: f64,
    /// Weight of the common factor.
    pub beta: f64,
    /// The symbol's own volatility.
    pub sigma: f64,
    /// Money traded in a usual session, in the currency.
    pub turnover: f64,
    /// Yearly dividend over price; 0 for those that pay none.
    pub dividend_yield: f64,
    /// 0, 1 or 2: which month of the quarter the ex-date falls in.
    pub dividend_month: u32,
    /// Seeded splits, ascending.
    pub splits: Vec<Split>,
}

/// The first session of `calendar` on or after `date`.
pub(super) fn session_from(calendar: Calendar, date: NaiveDate) -> NaiveDate {
    (0..10).map(|k| date + Duration::days(k)).find(|&d| calendar.session_on(d).is_some()).unwrap_or(date)
}

fn ymd(year: i32, month: u32, day: u32) -> NaiveDate {
    // Called with dates that exist.
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

pub(super) fn anchor() -> NaiveDate {
    ymd(ANCHOR.0, ANCHOR.1, ANCHOR.2)
}

impl Character {
    pub(super) fn of(seed: u64, instrument: &Instrument) -> Self {
        let key = key(instrument.symbol.as_str()) ^ seed.rotate_left(17);
        match instrument.asset {
            AssetClass::Stock => Self::stock(key),
            AssetClass::Crypto => Self::crypto(key, instrument.symbol.as_str()),
        }
    }

    fn stock(key: u64) -> Self {
        let mut s = Stream::new(&[key, 1]);
        let calendar = Calendar::Xnys;
        // One in six came to the market after 2010.
        let young = s.uniform() < 1.0 / 6.0;
        let (first, span) = if young { (2011, 11.0 * 365.0) } else { (FIRST_YEAR, 9.0 * 365.0) };
        let listed = session_from(calendar, ymd(first, 1, 2) + Duration::days((s.uniform() * span) as i64));
        let level = 15.0 * 60.0_f64.powf(s.uniform());
        let drift = s.between(0.01, 0.11) / 252.0;
        let beta = s.between(0.6, 1.5);
        let sigma = s.between(0.14, 0.40) / 252.0_f64.sqrt();
        let turnover = 1.0e8 * 60.0_f64.powf(s.uniform());
        let pays = s.uniform() < 0.65;
        let dividend_yield = if pays { s.between(0.004, 0.045) } else { 0.0 };
        let dividend_month = s.below(3) as u32;
        let splits = seeded_splits(&mut s, calendar, listed);
        Self { key, calendar, listed, level, drift, beta, sigma, turnover, dividend_yield, dividend_month, splits }
    }

    fn crypto(key: u64, symbol: &str) -> Self {
        let mut s = Stream::new(&[key, 2]);
        // Yahoo's first dates of the three pairs of the universe.
        let (level, listed) = match symbol {
            "BTC-USD" => (92_000.0, ymd(2014, 9, 17)),
            "ETH-USD" => (3_100.0, ymd(2017, 11, 9)),
            "SOL-USD" => (135.0, ymd(2020, 4, 10)),
            _ => (s.between(0.5, 90.0), ymd(2018, 1, 1)),
        };
        Self {
            key,
            calendar: Calendar::Continuous,
            listed,
            level,
            drift: s.between(0.15, 0.35) / 365.0,
            beta: s.between(0.9, 1.2),
            sigma: s.between(0.2, 0.5) / 365.0_f64.sqrt(),
            turnover: s.between(4.0e8, 2.0e9),
            dividend_yield: 0.0,
            dividend_month: 0,
            splits: Vec::new(),
        }
    }

    /// Volatility of one session with the common factor's share in it.
    pub(super) fn session_sigma(&self) -> f64 {
        let common = if self.calendar == Calendar::Xnys { 0.010 } else { 0.028 };
        (self.sigma.powi(2) + (self.beta * common).powi(2)).sqrt()
    }
}

/// A quarter of the stocks split once in the ten years before the anchor, a few of them twice.
fn seeded_splits(s: &mut Stream, calendar: Calendar, listed: NaiveDate) -> Vec<Split> {
    let chance = s.uniform();
    let count = if chance < 0.06 { 2 } else { usize::from(chance < 0.28) };
    let mut splits: Vec<Split> = (0..count)
        .map(|_| {
            let date = anchor() - Months::new(9 * 12) + Duration::days((s.uniform() * 9.0 * 365.0) as i64);
            let numerator = [2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 10.0][s.below(7)];
            Split { ex_date: session_from(calendar, date), numerator, denominator: 1.0 }
        })
        .filter(|split| split.ex_date.year() > listed.year())
        .collect();
    splits.sort_by_key(|split| split.ex_date);
    splits.dedup_by_key(|split| split.ex_date);
    splits
}
