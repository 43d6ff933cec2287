//! From Yahoo's rows to canonical bars: stamps on our boundaries, nothing that is not a price, unknown volume as NaN.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::chart::{Chart, Row};
use super::limits;
use crate::market::calendar::{bucket_date, bucket_end};
use crate::market::{Actions, Calendar, Candle, DAY, Dividend, Split, Symbol, Timeframe, date_to_ts, ts_to_date};
use crate::sources::{CandleRequest, Fault, Fetched, Outcome};

/// What was left out, and why.
#[derive(Debug, Default)]
struct Dropped {
    incomplete: usize,
    out_of_session: usize,
    off_grid: usize,
}

/// Checks that the answer is to the question, then turns its rows into bars.
pub(super) fn bars(chart: &Chart, request: &CandleRequest, now: i64) -> Outcome<Fetched> {
    if let Err(fault) = same_question(chart, request) {
        return Outcome::Schema(fault);
    }
    let zone = match zone(chart) {
        Ok(zone) => zone,
        Err(fault) => return Outcome::Schema(fault),
    };
    let frame = Frame { timeframe: request.timeframe, calendar: request.instrument.calendar(), zone, now };
    let mut dropped = Dropped::default();
    let mut by_stamp: BTreeMap<i64, Candle> = BTreeMap::new();
    for (i, row) in chart.rows.iter().enumerate() {
        let Some(stamp) = frame.stamp(row.ts, i + 1 == chart.rows.len(), &mut dropped) else { continue };
        if stamp < request.window.start || stamp >= request.window.end {
            continue;
        }
        let Some(bar) = candle(row, stamp, frame.is_final(stamp)) else {
            dropped.incomplete += 1;
            continue;
        };
        let merged = by_stamp.get(&stamp).map_or(bar, |earlier| frame.merge(earlier, &bar, row.ts == stamp));
        by_stamp.insert(stamp, merged);
    }
    let bars: Vec<Candle> = by_stamp.into_values().collect();
    let notes = dropped.notes();
    if bars.is_empty() {
        let why = if notes.is_empty() { "Yahoo has no rows in this window".into() } else { format!("no usable row: {}", notes.join("; ")) };
        return Outcome::Empty(why);
    }
    Outcome::Data(Fetched { bars, notes })
}

fn same_question(chart: &Chart, request: &CandleRequest) -> Result<(), Fault> {
    let asked = request.instrument.symbol;
    same_symbol(chart, asked)?;
    if limits::granularity(&chart.granularity) != Some(request.timeframe) {
        return Err(Fault::new(format!(
            "asked Yahoo for {} bars of {asked} and was served {:?} ones",
            request.timeframe, chart.granularity
        )));
    }
    Ok(())
}

fn same_symbol(chart: &Chart, asked: Symbol) -> Result<(), Fault> {
    if chart.symbol.eq_ignore_ascii_case(asked.as_str()) {
        return Ok(());
    }
    Err(Fault::new(format!("asked Yahoo for {asked} and was answered for {:?}", chart.symbol)))
}

fn zone(chart: &Chart) -> Result<Tz, Fault> {
    chart.zone.parse().map_err(|_| Fault::new(format!("Yahoo names a time zone that is not known: {:?}", chart.zone)))
}

/// A bar, when all four prices are there and positive. Yahoo writes null, and the crate 0, for a price it lacks. A
/// volume of 0 is Yahoo's word for "not known" (currencies, crypto, first bars, closing prints).
fn candle(row: &Row, ts: i64, is_final: bool) -> Option<Candle> {
    let price = |p: Option<f64>| p.filter(|&p| p > 0.0);
    let volume = row.volume.filter(|&v| v > 0.0).unwrap_or(f64::NAN);
    Some(Candle { ts, open: price(row.open)?, high: price(row.high)?, low: price(row.low)?, close: price(row.close)?, volume, is_final })
}

struct Frame {
    timeframe: Timeframe,
    calendar: Calendar,
    zone: Tz,
    now: i64,
}

impl Frame {
    /// The canonical stamp of Yahoo's `ts`. The last row may carry the second of the last trade instead of its bar's
    /// open; it is folded onto the bar it belongs to.
    fn stamp(&self, ts: i64, is_last: bool, dropped: &mut Dropped) -> Option<i64> {
        if !self.timeframe.is_intraday() {
            return Some(date_to_ts(bucket_date(self.timeframe, exchange_date(ts, self.zone)?)));
        }
        let Some(open) = self.calendar.bucket(self.timeframe, self.timeframe, ts) else {
            // The closing print, stamped with the close, is no bar and no news.
            let closing = self.calendar.session_at(ts - 1).is_some_and(|s| s.close == ts);
            dropped.out_of_session += usize::from(!closing);
            return None;
        };
        if open == ts || (is_last && !self.is_final(open)) {
            return Some(open);
        }
        dropped.off_grid += 1;
        None
    }

    fn is_final(&self, stamp: i64) -> bool {
        // Yahoo has daily rows on dates that our calendar calls closed; such a bucket is over a day after its last date.
        let over = || date_to_ts(bucket_end(self.timeframe, ts_to_date(stamp))) + DAY;
        self.calendar.bar_close(self.timeframe, stamp).unwrap_or_else(over) <= self.now
    }

    /// Two rows for one bar: the live row beside the bar proper. A day's live row repeats the whole day. Beside a week or
    /// a month it is the last day alone, which after the close is counted in the bar already (then the closes agree).
    fn merge(&self, earlier: &Candle, later: &Candle, later_is_whole: bool) -> Candle {
        if self.timeframe == Timeframe::D1 || (self.timeframe.is_intraday() && later_is_whole) {
            return *later;
        }
        let counted = later.volume.is_nan() || earlier.close == later.close;
        let volume = if counted { earlier.volume } else { earlier.volume + later.volume };
        Candle { open: earlier.open, high: earlier.high.max(later.high), low: earlier.low.min(later.low), volume, ..*later }
    }
}

/// The exchange's date at `ts`. Never by `meta.gmtoffset`, which is today's offset for every row.
fn exchange_date(ts: i64, zone: Tz) -> Option<NaiveDate> {
    DateTime::<Utc>::from_timestamp(ts, 0).map(|t| t.with_timezone(&zone).date_naive())
}

impl Dropped {
    fn notes(&self) -> Vec<String> {
        let said = [
            (self.incomplete, "rows without a full set of prices were dropped"),
            (self.out_of_session, "rows outside trading hours were dropped"),
            (self.off_grid, "rows off the session's bar boundaries were dropped"),
        ];
        said.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect()
    }
}

/// The splits and dividends of a chart with an ex-date on or after `since`.
pub(super) fn actions(chart: &Chart, asked: Symbol, since: NaiveDate) -> Outcome<Actions> {
    let zone = match same_symbol(chart, asked).and_then(|()| zone(chart)) {
        Ok(zone) => zone,
        Err(fault) => return Outcome::Schema(fault),
    };
    let date = |ts| exchange_date(ts, zone).filter(|d| *d >= since);
    let splits = chart.splits.iter().filter_map(|&(ts, numerator, denominator)| Some(Split { ex_date: date(ts)?, numerator, denominator }));
    let dividends = chart.dividends.iter().filter_map(|&(ts, amount)| Some(Dividend { ex_date: date(ts)?, amount }));
    Outcome::Data(Actions { splits: splits.collect(), dividends: dividends.collect() })
}

#[cfg(test)]
mod tests;
