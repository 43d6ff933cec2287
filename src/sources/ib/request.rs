//! The shape of a historical request: bar size, duration and end for a window, and how a span is cut into windows.
//!
//! Chunk sizes are IB's practice rather than its hard limits: long requests are slow and at worst drop the session.
//! IB's durations count sessions, not days, so requests reach back a little further than the window and the answer
//! is trimmed.

use chrono::{Datelike, Months, NaiveDate};
use ibapi::market_data::TradingHours;
use ibapi::market_data::historical::{BarSize, Duration, WhatToShow};
use time::OffsetDateTime;

use crate::market::calendar::{bucket_date, bucket_end};
use crate::market::{AssetClass, Calendar, DAY, Timeframe, date_to_ts, ts_to_date};
use crate::sources::Window;

/// Monday, 5 January 1970: grids of whole weeks start here.
const FIRST_MONDAY: i64 = 4 * DAY;
/// `S` durations are legal for one-minute bars up to a day; beyond an hour a day costs no more.
const SECONDS_UP_TO: i64 = 3_600;
/// IB refuses more days in one duration.
const MOST_DAYS: i64 = 365;

/// What goes on the wire beside the contract.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) bar_size: BarSize,
    pub(super) what: WhatToShow,
    pub(super) hours: TradingHours,
    pub(super) duration: Duration,
    /// `None` means now, which the gateway answers much faster than a date.
    pub(super) ending: Option<OffsetDateTime>,
}

/// IB's bar size; 90 minutes is the one that IB has not.
pub(super) const fn bar_size(timeframe: Timeframe) -> Option<BarSize> {
    Some(match timeframe {
        Timeframe::M1 => BarSize::Min,
        Timeframe::M2 => BarSize::Min2,
        Timeframe::M3 => BarSize::Min3,
        Timeframe::M5 => BarSize::Min5,
        Timeframe::M10 => BarSize::Min10,
        Timeframe::M15 => BarSize::Min15,
        Timeframe::M20 => BarSize::Min20,
        Timeframe::M30 => BarSize::Min30,
        Timeframe::H1 => BarSize::Hour,
        Timeframe::M90 => return None,
        Timeframe::H2 => BarSize::Hour2,
        Timeframe::H3 => BarSize::Hour3,
        Timeframe::H4 => BarSize::Hour4,
        Timeframe::H8 => BarSize::Hour8,
        Timeframe::D1 => BarSize::Day,
        Timeframe::W1 => BarSize::Week,
        Timeframe::Mo1 => BarSize::Month,
    })
}

/// Whether IB's bars of this size begin where ours do. IB cuts at multiples of the bar size on the clock, we at the
/// session's open, 09:30 in New York: sizes of which 09:30 is no multiple (20m, 1h and up) are derived instead.
pub(super) const fn on_session_grid(asset: AssetClass, timeframe: Timeframe) -> bool {
    const OPEN: i64 = 9 * 3_600 + 30 * 60;
    if bar_size(timeframe).is_none() {
        return false;
    }
    match asset {
        AssetClass::Crypto => true,
        AssetClass::Stock => !timeframe.is_intraday() || OPEN % timeframe.seconds() == 0,
    }
}

/// The request that covers `window` at `now` (both UTC seconds); `None` where IB has no such bar or the window is
/// empty or in the future.
pub(super) fn shape(asset: AssetClass, timeframe: Timeframe, window: Window, now: i64) -> Option<Shape> {
    let bar_size = bar_size(timeframe)?;
    if window.end <= window.start || window.start > now {
        return None;
    }
    let calendar = asset.calendar();
    let end = whole_bar_end(calendar, timeframe, window.end);
    let (what, hours) = match asset {
        AssetClass::Stock => (WhatToShow::Trades, TradingHours::Regular),
        AssetClass::Crypto => (WhatToShow::AggTrades, TradingHours::Extended),
    };
    let duration = duration(calendar, timeframe, window.start, end.min(now));
    let ending = if end >= now { None } else { Some(OffsetDateTime::from_unix_timestamp(end).ok()?) };
    Some(Shape { bar_size, what, hours, duration, ending })
}

/// The end of the bar that holds the window's last second: IB cuts the last bar at the end it is given, and a cut
/// bar would look complete.
fn whole_bar_end(calendar: Calendar, timeframe: Timeframe, end: i64) -> i64 {
    let last = end - 1;
    if timeframe.is_intraday() {
        let open = calendar.bucket(timeframe, Timeframe::M1, last);
        return open.and_then(|o| calendar.bar_close(timeframe, o)).unwrap_or(end);
    }
    date_to_ts(bucket_end(timeframe, bucket_date(timeframe, ts_to_date(last))))
}

fn duration(calendar: Calendar, timeframe: Timeframe, start: i64, end: i64) -> Duration {
    let span = (end - start).max(1);
    let days = span.div_euclid(DAY) + 1;
    match timeframe {
        // One bar more, because the gateway's "now" may be a few seconds before ours.
        Timeframe::M1 if span <= SECONDS_UP_TO => Duration::seconds(((span + 59) / 60 * 60 + 60) as i32),
        // The first week or month must be whole, hence the slack of a month.
        Timeframe::W1 | Timeframe::Mo1 => years(days + 31),
        // IB allows no day counts for bars above an hour; 28 days is the shortest month.
        t if t.is_intraday() && t > Timeframe::H1 => Duration::months((days.div_euclid(28) + 1).min(12) as i32),
        _ => {
            let sessions = calendar.sessions(start, end).count() as i64;
            // An end within a session makes that session one of the days counted, but only in part.
            let wanted = sessions + 1;
            if wanted <= MOST_DAYS { Duration::days(wanted as i32) } else { years(days + 1) }
        }
    }
}

fn years(days: i64) -> Duration {
    Duration::years(((days + 364) / 365) as i32)
}

/// The grid on which spans are cut.
#[derive(Clone, Copy)]
enum Grid {
    /// Whole weeks or days, counted from a Monday.
    Days(i64),
    /// Whole months, counted from January of year 0.
    Months(i32),
}

/// A few thousand bars a request; crypto has 3.7 times the minutes of a stock.
const fn grid(asset: AssetClass, timeframe: Timeframe) -> Grid {
    let crypto = matches!(asset, AssetClass::Crypto);
    match timeframe {
        Timeframe::M1 => Grid::Days(if crypto { 2 } else { 7 }),
        Timeframe::M2 | Timeframe::M3 => Grid::Days(if crypto { 7 } else { 14 }),
        Timeframe::M5 | Timeframe::M10 | Timeframe::M15 | Timeframe::M20 => Grid::Months(1),
        Timeframe::M30 => Grid::Months(2),
        Timeframe::H1 | Timeframe::M90 | Timeframe::H2 | Timeframe::H3 | Timeframe::H4 | Timeframe::H8 => Grid::Months(6),
        Timeframe::D1 => Grid::Months(120),
        Timeframe::W1 => Grid::Days(7 * 1_040),
        Timeframe::Mo1 => Grid::Months(240),
    }
}

/// Cuts `span` at the grid's lines, oldest first. The lines do not depend on the span, so planning again gives the
/// same windows but for the two ends.
pub(super) fn windows(asset: AssetClass, timeframe: Timeframe, span: Window) -> Vec<Window> {
    let grid = grid(asset, timeframe);
    let mut out = Vec::new();
    let mut start = span.start;
    while start < span.end {
        let line = next_line(grid, start).max(start + 1);
        let end = line.min(span.end);
        out.push(Window { start, end });
        start = end;
    }
    out
}

fn next_line(grid: Grid, ts: i64) -> i64 {
    match grid {
        Grid::Days(n) => {
            let step = n * DAY;
            FIRST_MONDAY + ((ts - FIRST_MONDAY).div_euclid(step) + 1) * step
        }
        Grid::Months(n) => {
            let date = ts_to_date(ts);
            let month = date.year() * 12 + date.month0() as i32;
            let ahead = n - month.rem_euclid(n);
            NaiveDate::from_ymd_opt(date.year(), date.month(), 1)
                .and_then(|d| d.checked_add_months(Months::new(ahead.unsigned_abs())))
                .map_or(i64::MAX, date_to_ts)
        }
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
