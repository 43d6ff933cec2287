//! The rows of a chart as Yahoo stamps them, its events, and the dividend-adjusted closes.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;

use super::chart::{Group, Interval};
use crate::market::actions::{dividend_steps, factor_on};
use crate::market::calendar::bucket_end;
use crate::market::{Actions, Calendar, Candle, DAY, Instrument, Timeframe, ts_to_date};
use crate::sim::MarketFeed;
use crate::sources::Window;

/// One row with Yahoo's stamp and the date its adjustment factor is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row {
    pub ts: i64,
    pub date: NaiveDate,
    pub bar: Candle,
}

/// One symbol at one instant.
pub(super) struct View<'a> {
    pub feed: &'a MarketFeed,
    pub instrument: &'a Instrument,
    pub now: i64,
}

impl View<'_> {
    pub(super) fn calendar(&self) -> Calendar {
        self.instrument.calendar()
    }

    pub(super) fn zone(&self) -> Tz {
        match self.calendar() {
            Calendar::Xnys => chrono_tz::America::New_York,
            Calendar::Continuous => Tz::UTC,
        }
    }

    /// The exchange's date at `ts`.
    pub(super) fn date(&self, ts: i64) -> NaiveDate {
        chrono::DateTime::from_timestamp(ts, 0).unwrap_or_default().with_timezone(&self.zone()).date_naive()
    }

    /// Midnight of the exchange's `date`, UTC seconds.
    pub(super) fn midnight(&self, date: NaiveDate) -> i64 {
        // Neither zone changes its clocks at midnight, so there is exactly one.
        self.zone().from_local_datetime(&date.and_time(NaiveTime::MIN)).earliest().map_or(0, |t| t.timestamp())
    }

    /// The open of the session of `date`, or its midnight on a day without one.
    pub(super) fn open(&self, date: NaiveDate) -> i64 {
        self.calendar().session_on(date).map_or_else(|| self.midnight(date), |s| s.open)
    }

    /// Daily bars of a window, canonical stamps.
    pub(super) fn daily(&self, start: i64, end: i64) -> Vec<Candle> {
        self.feed.bars(self.instrument, Timeframe::D1, start, end, self.now)
    }

    /// The rows of a chart.
    pub(super) fn rows(&self, interval: &Interval, window: Window) -> Vec<Row> {
        match (interval.timeframe, interval.group) {
            (_, Some(group)) => grouped(&self.days(window), |date| group_of(group, date)),
            (Timeframe::D1, None) => self.days(window),
            (Timeframe::W1 | Timeframe::Mo1, None) => self.buckets(interval.timeframe, window),
            (timeframe, None) => self.intraday(timeframe, window),
        }
    }

    /// A bar still forming carries the second of the last trade; a session that is over appends its closing print.
    fn intraday(&self, timeframe: Timeframe, window: Window) -> Vec<Row> {
        let bars = self.feed.bars(self.instrument, timeframe, window.start, window.end, self.now);
        let mut rows: Vec<Row> = bars.into_iter().map(|bar| Row { ts: bar.ts, date: self.date(bar.ts), bar }).collect();
        let Some(last) = rows.last_mut() else { return rows };
        if !last.bar.is_final {
            last.ts = last.ts.max(self.now);
            return rows;
        }
        let (date, close) = (last.date, last.bar.close);
        let over = self.calendar().session_on(date).filter(|s| self.calendar() == Calendar::Xnys && s.close <= self.now);
        if let Some(session) = over.filter(|s| date == self.date(self.now) && s.close < window.end) {
            let bar = Candle { ts: session.close, open: close, high: close, low: close, close, volume: 0.0, is_final: true };
            rows.push(Row { ts: session.close, date, bar });
        }
        rows
    }

    /// Daily rows are stamped with the session's open; today's with the second of the last trade.
    fn days(&self, window: Window) -> Vec<Row> {
        let today = self.date(self.now);
        let bars = self.daily(window.start.div_euclid(DAY) * DAY - DAY, window.end);
        let rows = bars.into_iter().filter_map(|bar| {
            let date = ts_to_date(bar.ts);
            let open = self.open(date);
            let live = (date == today).then(|| self.last_trade(date));
            (open >= window.start && open < window.end).then_some(Row { ts: live.unwrap_or(open), date, bar })
        });
        rows.collect()
    }

    /// Weeks and months are stamped with local midnight of their first date.
    fn buckets(&self, timeframe: Timeframe, window: Window) -> Vec<Row> {
        let bars = self.feed.bars(self.instrument, timeframe, window.start - 32 * DAY, window.end, self.now);
        let rows = bars.into_iter().filter_map(|bar| {
            let date = ts_to_date(bar.ts);
            let (ts, end) = (self.midnight(date), self.midnight(bucket_end(timeframe, date)));
            (end > window.start && ts < window.end).then_some(Row { ts, date, bar })
        });
        rows.collect()
    }

    /// The second of the last trade of `date`, not after now.
    pub(super) fn last_trade(&self, date: NaiveDate) -> i64 {
        // Yahoo's regularMarketTime of a closed session is one second after the close.
        self.calendar().session_on(date).map_or(self.now, |s| self.now.min(s.close + 1))
    }

    /// Splits and dividends whose session opens inside the window.
    pub(super) fn actions(&self, window: Window) -> Actions {
        let inside = |date| (window.start..window.end).contains(&self.open(date));
        let mut actions = self.feed.actions(self.instrument, self.now);
        actions.splits.retain(|s| inside(s.ex_date));
        actions.dividends.retain(|d| inside(d.ex_date));
        actions
    }

    /// Closes adjusted for the dividends known by now: times `1 - dividend / close before` for each later ex-date.
    pub(super) fn adjusted(&self, rows: &[Row]) -> Vec<f64> {
        let dividends = self.feed.actions(self.instrument, self.now).dividends;
        let first = rows.first().map_or(self.now, |r| r.bar.ts);
        let closes = if dividends.is_empty() { Vec::new() } else { self.daily(first - 10 * DAY, self.now + DAY) };
        let steps = dividend_steps(&dividends, |ex| {
            let at = closes.partition_point(|c| ts_to_date(c.ts) < ex);
            at.checked_sub(1).map(|i| narrow(closes[i].close))
        });
        rows.iter().map(|r| narrow(narrow(r.bar.close) * factor_on(&steps, r.date))).collect()
    }
}

/// Yahoo keeps prices as 32-bit floats and widens them on the way out.
pub(super) fn narrow(price: f64) -> f64 {
    f64::from(price as f32)
}

/// First date of the group that holds `date`.
fn group_of(group: Group, date: NaiveDate) -> NaiveDate {
    match group {
        Group::Quarter => NaiveDate::from_ymd_opt(date.year(), (date.month0() / 3) * 3 + 1, 1).unwrap_or(date),
        Group::FiveDays => date - chrono::Days::new(u64::from(date.num_days_from_ce().rem_euclid(5).unsigned_abs())),
    }
}

/// Days added up by the key of their date; each sum is stamped with its first row.
fn grouped(days: &[Row], key: impl Fn(NaiveDate) -> NaiveDate) -> Vec<Row> {
    days.chunk_by(|a, b| key(a.date) == key(b.date)).filter_map(sum).collect()
}

fn sum(rows: &[Row]) -> Option<Row> {
    let (first, last) = (rows.first()?, rows.last()?);
    let high = rows.iter().map(|r| r.bar.high).fold(f64::MIN, f64::max);
    let low = rows.iter().map(|r| r.bar.low).fold(f64::MAX, f64::min);
    let volume = rows.iter().map(|r| r.bar.volume).filter(|v| !v.is_nan()).sum();
    let bar = Candle { high, low, volume, close: last.bar.close, is_final: last.bar.is_final, ..first.bar };
    Some(Row { bar, ..*first })
}
