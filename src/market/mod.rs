//! The vocabulary of the market: symbols, timeframes, candles, exchange sessions, corporate actions, the clock and
//! recurring times.
//!
//! Everything else in Nightdesk depends on this module; it depends on nothing of ours. It does no I/O.

pub mod actions;
pub mod calendar;
mod candle;
mod clock;
mod daily;
mod facets;
mod instrument;
mod recurrence;
mod regime;
mod source_id;
mod strategy;
mod symbol;
mod timeframe;

pub use actions::{Actions, Dividend, Split};
pub use calendar::{Calendar, Session};
pub use candle::{Bars, Candle};
pub use clock::{Clock, ManualClock, SystemClock};
pub use daily::DailyBars;
pub use facets::{ContractId, Facet, Fundamentals, METRICS, Metadata};
pub use instrument::{AssetClass, Instrument, Series, Universe};
pub use recurrence::{Recurrence, RecurrenceError};
pub use regime::Regime;
pub use source_id::SourceId;
pub use strategy::Strategy;
pub use symbol::{Symbol, SymbolError};
pub use timeframe::Timeframe;

/// Seconds in a civil day; daily, weekly and monthly bars are stamped at midnight UTC of their first date.
pub const DAY: i64 = 86_400;

/// Midnight UTC of `date`, the stamp of a daily bar.
pub fn date_to_ts(date: chrono::NaiveDate) -> i64 {
    date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
}

/// The UTC date of `ts`; for daily, weekly and monthly bars this is the session date the stamp stands for.
/// Instants outside chrono's range (±262,000 years) map to the epoch date.
pub fn ts_to_date(ts: i64) -> chrono::NaiveDate {
    chrono::DateTime::from_timestamp(ts, 0).unwrap_or_default().date_naive()
}
