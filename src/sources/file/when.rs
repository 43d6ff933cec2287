//! Dates and times as people's files write them.

use chrono::{DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, TimeZone, Timelike};
use chrono_tz::Tz;

use super::Options;
use crate::market::calendar::bucket_date;
use crate::market::{AssetClass, DAY, Timeframe, date_to_ts};

/// What a time column says, before a zone and a timeframe give it meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum When {
    /// `2013-03-01`
    Date(NaiveDate),
    /// `2020-12-15 09:30:00`
    Local(NaiveDateTime),
    /// `2021-09-27 14:45:00+01:00`
    Offset(DateTime<FixedOffset>),
    /// `1632750300`
    Epoch(i64),
}

/// First year a row may have; older stamps are typing errors.
const FIRST_YEAR: i64 = -70 * 366 * DAY;

/// The zone of an instrument's exchange.
pub const fn default_zone(asset: AssetClass) -> Tz {
    match asset {
        AssetClass::Stock => Tz::America__New_York,
        AssetClass::Crypto => Tz::UTC,
    }
}

/// An IANA zone by name.
pub fn parse_zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| format!("{name:?} is not a time zone; use an IANA name such as America/New_York or UTC"))
}

impl When {
    /// Reads `text`. Eight digits that make a date are one; other whole numbers are epoch seconds, or milliseconds
    /// when the seconds would lie beyond the year 5000.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Ok(Self::Date(date));
        }
        if text.len() == 8
            && let Ok(date) = NaiveDate::parse_from_str(text, "%Y%m%d")
        {
            return Ok(Self::Date(date));
        }
        if let Ok(n) = text.parse::<i64>() {
            return match n {
                100_000_000_000.. if n % 1000 == 0 => Ok(Self::Epoch(n / 1000)),
                100_000_000_000.. => Err("is not a whole second".into()),
                n => Ok(Self::Epoch(n)),
            };
        }
        let text = text.replacen(' ', "T", 1);
        for format in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%dT%H:%M:%S%.f %#z"] {
            if let Ok(t) = DateTime::parse_from_str(&text, format) {
                return whole(t.nanosecond()).map(|()| Self::Offset(t));
            }
        }
        for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
            if let Ok(t) = NaiveDateTime::parse_from_str(&text, format) {
                return whole(t.nanosecond()).map(|()| Self::Local(t));
            }
        }
        Err("is not a date (2013-03-01), a time (2020-12-15 09:30:00, with or without offset) or epoch seconds".into())
    }

    /// Whether it stands for a day rather than an instant.
    pub fn is_midnight(&self) -> bool {
        match self {
            Self::Date(_) => true,
            Self::Local(t) => t.num_seconds_from_midnight() == 0,
            Self::Offset(t) => t.num_seconds_from_midnight() == 0,
            Self::Epoch(n) => n % DAY == 0,
        }
    }

    /// The canonical stamp of a bar of `timeframe`. An hour that the clock shows twice is the first one, unless that
    /// is not after `previous`.
    pub fn stamp(&self, timeframe: Timeframe, options: &Options, previous: Option<i64>) -> Result<i64, String> {
        let ts = if timeframe.is_intraday() {
            self.instant(options.zone, previous)?
        } else {
            date_to_ts(bucket_date(timeframe, self.date(options.zone)))
        };
        match ts {
            ..FIRST_YEAR => Err("lies before 1900".into()),
            // A day's slack: a daily bar of a zone ahead of UTC may carry tomorrow's date.
            t if t > options.now + DAY => Err("lies in the future".into()),
            t => Ok(t),
        }
    }

    /// The date it names, where it was written.
    pub fn date(&self, zone: Tz) -> NaiveDate {
        match self {
            Self::Date(d) => *d,
            Self::Local(t) => t.date(),
            Self::Offset(t) => t.date_naive(),
            // Midnight UTC is how daily stamps are written; other instants belong to the exchange's day.
            Self::Epoch(n) => {
                let utc = DateTime::from_timestamp(*n, 0).unwrap_or_default();
                if self.is_midnight() { utc.date_naive() } else { utc.with_timezone(&zone).date_naive() }
            }
        }
    }

    fn instant(&self, zone: Tz, previous: Option<i64>) -> Result<i64, String> {
        match self {
            Self::Date(_) => Err("has no time of day".into()),
            Self::Offset(t) => Ok(t.timestamp()),
            Self::Epoch(n) => Ok(*n),
            Self::Local(t) => match zone.from_local_datetime(t) {
                LocalResult::Single(t) => Ok(t.timestamp()),
                LocalResult::Ambiguous(a, b) => {
                    let first = a.timestamp();
                    Ok(if previous.is_some_and(|p| p >= first) { b.timestamp() } else { first })
                }
                LocalResult::None => Err(format!("does not exist in {zone}: the clock skips that hour")),
            },
        }
    }
}

fn whole(nanos: u32) -> Result<(), String> {
    if nanos == 0 { Ok(()) } else { Err("is not a whole second".into()) }
}
