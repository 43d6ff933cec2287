//! The instruments as IB lists them: its own symbols, contract ids, exchanges and trading hours.

use std::collections::HashSet;
use std::fmt::Write;

use super::request::ContractKey;
use crate::market::{AssetClass, Calendar, DAY, Instrument};
use crate::sim::MarketFeed;
use crate::sim::market::exchange_date;

/// One instrument with its IB identity.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    pub instrument: Instrument,
    pub con_id: i32,
    /// `BRK B` where Yahoo writes `BRK-B`, `BTC` for `BTC-USD`.
    pub symbol: String,
    /// `NASDAQ`, `NYSE` or `PAXOS`.
    pub primary: &'static str,
}

impl Listing {
    pub(super) fn sec_type(&self) -> &'static str {
        if self.instrument.asset == AssetClass::Stock { "STK" } else { "CRYPTO" }
    }

    /// Where requests go: SMART routing for stocks.
    pub(super) fn exchange(&self) -> &'static str {
        if self.instrument.asset == AssetClass::Stock { "SMART" } else { self.primary }
    }

    /// The zone of its trading hours.
    pub(super) fn time_zone(&self) -> &'static str {
        if self.instrument.asset == AssetClass::Stock { "US/Eastern" } else { "UTC" }
    }

    /// `20261123:0930-20261123:1600;20261124:CLOSED` for a week from `now`.
    pub(super) fn hours(&self, now: i64) -> String {
        let calendar = self.instrument.calendar();
        let today = exchange_date(calendar, now);
        let mut out = String::new();
        for date in today.iter_days().take(7) {
            let separator = if out.is_empty() { "" } else { ";" };
            // Writing to a string cannot fail.
            let _ = match calendar.session_on(date) {
                Some(s) => write!(out, "{separator}{}-{}", self.local(s.open, "%Y%m%d:%H%M"), self.local(s.close, "%Y%m%d:%H%M")),
                None => write!(out, "{separator}{}:CLOSED", date.format("%Y%m%d")),
            };
        }
        out
    }

    /// `ts` on the exchange's clock.
    pub(super) fn local(&self, ts: i64, format: &str) -> String {
        let at = chrono::DateTime::from_timestamp(ts, 0).unwrap_or_default();
        match self.instrument.calendar() {
            Calendar::Xnys => at.with_timezone(&chrono_tz::US::Eastern).format(format).to_string(),
            Calendar::Continuous => at.format(format).to_string(),
        }
    }
}

/// All instruments of a gateway.
#[derive(Debug)]
pub(super) struct Directory {
    listings: Vec<Listing>,
}

impl Directory {
    pub(super) fn new(feed: &MarketFeed, now: i64) -> Self {
        let mut taken = HashSet::new();
        let listings = feed
            .universe()
            .instruments
            .iter()
            .map(|instrument| {
                let text = instrument.symbol.as_str();
                let mut con_id = (xxhash_rust::xxh3::xxh3_64(text.as_bytes()) % 900_000_000) as i32 + 1_000_000;
                while !taken.insert(con_id) {
                    con_id += 1;
                }
                let (symbol, primary) = match instrument.asset {
                    AssetClass::Crypto => (text.trim_end_matches("-USD").to_owned(), "PAXOS"),
                    AssetClass::Stock => {
                        let exchange = feed.profile(instrument, now.max(DAY)).metadata.exchange;
                        (text.replace('-', " "), if exchange.as_deref() == Some("NMS") { "NASDAQ" } else { "NYSE" })
                    }
                };
                Listing { instrument: instrument.clone(), con_id, symbol, primary }
            })
            .collect();
        Self { listings }
    }

    /// The listing a contract means: by contract id where one is given, else by symbol, type, exchange and currency.
    pub(super) fn find(&self, key: &ContractKey) -> Option<&Listing> {
        let exchange_fits = |l: &Listing| {
            let exchange = key.exchange.as_str();
            let second = if l.instrument.asset == AssetClass::Crypto { "ZEROHASH" } else { "SMART" };
            exchange.is_empty() || exchange == second || exchange == l.primary
        };
        self.listings.iter().find(|l| {
            let same = if key.con_id != 0 {
                l.con_id == key.con_id
            } else {
                l.symbol == key.symbol && l.sec_type() == key.sec_type && (key.currency.is_empty() || key.currency == "USD")
            };
            same && exchange_fits(l)
        })
    }
}
