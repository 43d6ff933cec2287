//! Exchange sessions, and what bars a session should hold.
//!
//! The planner asks here what is missing, the aggregator where a bar begins, the quality checks what a day should
//! look like. A session is never derived from a UTC date: the exchange's own time zone decides.

mod nyse;

use std::sync::LazyLock;

use chrono::{Datelike, Duration, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{DAY, Timeframe, date_to_ts, ts_to_date};

static XNYS: LazyLock<Vec<Session>> = LazyLock::new(nyse::table);

/// One trading day of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The exchange's date.
    pub date: NaiveDate,
    /// First instant of trading, UTC seconds.
    pub open: i64,
    /// First instant after trading, UTC seconds.
    pub close: i64,
}

impl Session {
    /// Opens of this session's bars of an intraday `timeframe`, anchored at the session's open; the last bar may be
    /// cut short by the close.
    pub fn bar_opens(&self, timeframe: Timeframe) -> impl Iterator<Item = i64> + use<> {
        let (open, close, step) = (self.open, self.close, timeframe.seconds());
        (0..).map(move |k| open + k * step).take_while(move |&t| t < close)
    }

    /// How many bars of an intraday `timeframe` the session holds.
    pub fn bar_count(&self, timeframe: Timeframe) -> i64 {
        let step = timeframe.seconds();
        (self.close - self.open + step - 1) / step
    }
}

/// A set of trading hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Calendar {
    /// New York Stock Exchange and Nasdaq, regular hours, 1990 to 2040.
    Xnys,
    /// Around the clock; a session is a UTC day.
    Continuous,
}

impl Calendar {
    /// The session of an exchange date, if there is one.
    pub fn session_on(self, date: NaiveDate) -> Option<Session> {
        match self {
            Self::Xnys => XNYS.binary_search_by_key(&date, |s| s.date).ok().map(|i| XNYS[i]),
            Self::Continuous => Some(continuous(date)),
        }
    }

    /// The session in which `ts` falls.
    pub fn session_at(self, ts: i64) -> Option<Session> {
        match self {
            Self::Xnys => {
                let i = XNYS.partition_point(|s| s.open <= ts);
                i.checked_sub(1).map(|i| XNYS[i]).filter(|s| ts < s.close)
            }
            Self::Continuous => Some(continuous(ts_to_date(ts))),
        }
    }

    /// Sessions that overlap `start..end` (UTC seconds), ascending.
    pub fn sessions(self, start: i64, end: i64) -> Box<dyn Iterator<Item = Session> + Send> {
        match self {
            Self::Xnys => {
                let from = XNYS.partition_point(|s| s.close <= start);
                Box::new(XNYS[from..].iter().copied().take_while(move |s| s.open < end))
            }
            Self::Continuous => {
                let first = start.div_euclid(DAY) * DAY;
                Box::new((0..).map(move |k| first + k * DAY).take_while(move |&t| t < end).map(|t| continuous(ts_to_date(t))))
            }
        }
    }

    /// The last session that had closed by `now`.
    pub fn last_closed(self, now: i64) -> Option<Session> {
        match self {
            Self::Xnys => XNYS.partition_point(|s| s.close <= now).checked_sub(1).map(|i| XNYS[i]),
            Self::Continuous => Some(continuous(ts_to_date(now - DAY))),
        }
    }

    /// The first session that opens after `now`.
    pub fn next_open(self, now: i64) -> Option<Session> {
        match self {
            Self::Xnys => XNYS.get(XNYS.partition_point(|s| s.open <= now)).copied(),
            Self::Continuous => Some(continuous(ts_to_date(now + DAY))),
        }
    }

    /// Open of the bar of `timeframe` that contains the bar stamped `ts` in a finer timeframe. For intraday input
    /// `ts` is an instant, for daily input a date stamp. `None` when `ts` lies in no session.
    pub fn bucket(self, timeframe: Timeframe, finer: Timeframe, ts: i64) -> Option<i64> {
        if timeframe.is_intraday() {
            let s = self.session_at(ts)?;
            return Some(s.open + (ts - s.open) / timeframe.seconds() * timeframe.seconds());
        }
        let date = if finer.is_intraday() { self.session_at(ts)?.date } else { ts_to_date(ts) };
        Some(date_to_ts(bucket_date(timeframe, date)))
    }

    /// The instant at which the bar that opens at `ts` is complete. `None` when `ts` is not in a session, or the
    /// bucket holds no session at all.
    pub fn bar_close(self, timeframe: Timeframe, ts: i64) -> Option<i64> {
        if timeframe.is_intraday() {
            let s = self.session_at(ts)?;
            return Some((ts + timeframe.seconds()).min(s.close));
        }
        let start = ts_to_date(ts);
        let end = bucket_end(timeframe, start);
        // Two days' slack covers any offset between an exchange's date and UTC.
        self.sessions(date_to_ts(start) - 2 * DAY, date_to_ts(end) + 2 * DAY)
            .filter(|s| s.date >= start && s.date < end)
            .last()
            .map(|s| s.close)
    }

    /// Stamps of all bars of `timeframe` that open at or after `start` and are complete by `end`, ascending.
    pub fn expected(self, timeframe: Timeframe, start: i64, end: i64) -> Vec<i64> {
        let mut out = Vec::new();
        if timeframe.is_intraday() {
            for s in self.sessions(start, end) {
                let complete = |t: i64| (t + timeframe.seconds()).min(s.close) <= end;
                out.extend(s.bar_opens(timeframe).filter(|&t| t >= start && complete(t)));
            }
            return out;
        }
        for s in self.sessions(start - 2 * DAY, end) {
            let stamp = date_to_ts(bucket_date(timeframe, s.date));
            if stamp >= start && out.last() != Some(&stamp) {
                out.push(stamp);
            }
        }
        while out.last().is_some_and(|&t| self.bar_close(timeframe, t).is_none_or(|c| c > end)) {
            out.pop();
        }
        out
    }
}

/// First date of the daily, weekly (Monday) or monthly bucket that holds `date`.
pub fn bucket_date(timeframe: Timeframe, date: NaiveDate) -> NaiveDate {
    match timeframe {
        Timeframe::W1 => date - Duration::days(i64::from(date.weekday().num_days_from_monday())),
        Timeframe::Mo1 => date.with_day(1).unwrap_or(date),
        _ => date,
    }
}

/// First date after the bucket that begins on `start`.
pub fn bucket_end(timeframe: Timeframe, start: NaiveDate) -> NaiveDate {
    match timeframe {
        Timeframe::W1 => start + Duration::days(7),
        Timeframe::Mo1 => start.checked_add_months(chrono::Months::new(1)).unwrap_or(start),
        _ => start + Duration::days(1),
    }
}

fn continuous(date: NaiveDate) -> Session {
    let open = date_to_ts(date);
    Session { date, open, close: open + DAY }
}

#[cfg(test)]
mod tests;
