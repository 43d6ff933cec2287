//! From IB's bars to ours: stamped canonically, inside the window, in order, each once, and final only when over.

use chrono::NaiveDate;
use ibapi::market_data::historical::{Bar, BarTimestamp};

use crate::market::calendar::bucket_date;
use crate::market::{Calendar, Candle, Session, Timeframe, date_to_ts, ts_to_date};
use crate::sources::{Fetched, Window};

/// Why bars of an answer were left out, counted.
#[derive(Default)]
struct Dropped {
    outside_sessions: u32,
    off_grid: u32,
    unusable: u32,
    repeated: u32,
    conflicting: u32,
}

/// Turns an answer into candles of `window`. `now` (UTC seconds) decides whether the last bar is still forming.
pub(super) fn canonical(bars: &[Bar], calendar: Calendar, timeframe: Timeframe, window: Window, now: i64) -> Fetched {
    let mut dropped = Dropped::default();
    let mut stamper = Stamper { calendar, timeframe, session: None };
    let mut out = Vec::with_capacity(bars.len());
    for bar in bars {
        let Some((ts, close)) = stamper.stamp(bar.date, &mut dropped) else { continue };
        if ts < window.start || ts >= window.end {
            continue;
        }
        let prices = [bar.open, bar.high, bar.low, bar.close];
        // IB writes -1, 0 or the largest double where it has no price.
        if !prices.iter().all(|p| p.is_finite() && *p > 0.0 && *p < f64::MAX) {
            dropped.unusable += 1;
            continue;
        }
        let volume = if bar.volume.is_finite() && bar.volume >= 0.0 { bar.volume } else { f64::NAN };
        out.push(Candle { ts, open: bar.open, high: bar.high, low: bar.low, close: bar.close, volume, is_final: close <= now });
    }
    if !out.is_sorted_by(|a: &Candle, b| a.ts < b.ts) {
        out = in_order(out, &mut dropped);
    }
    Fetched { bars: out, notes: dropped.notes() }
}

/// Sorts by stamp, stably, and keeps the last of bars with one stamp: what the gateway said last counts.
fn in_order(mut bars: Vec<Candle>, dropped: &mut Dropped) -> Vec<Candle> {
    bars.sort_by_key(|c| c.ts);
    let mut out: Vec<Candle> = Vec::with_capacity(bars.len());
    for c in bars {
        match out.last_mut() {
            Some(last) if last.ts == c.ts => {
                if last.same_content(&c) {
                    dropped.repeated += 1;
                } else {
                    dropped.conflicting += 1;
                    *last = c;
                }
            }
            _ => out.push(c),
        }
    }
    out
}

/// Finds stamp and close of bars; remembers the session, since bars come session by session.
struct Stamper {
    calendar: Calendar,
    timeframe: Timeframe,
    session: Option<Session>,
}

impl Stamper {
    fn stamp(&mut self, date: BarTimestamp, dropped: &mut Dropped) -> Option<(i64, i64)> {
        if self.timeframe.is_intraday() {
            let BarTimestamp::DateTime(at) = date else {
                dropped.unusable += 1;
                return None;
            };
            return self.intraday(at.unix_timestamp(), dropped);
        }
        let date = match date {
            BarTimestamp::Date(d) => NaiveDate::from_ymd_opt(d.year(), u32::from(u8::from(d.month())), u32::from(d.day()))?,
            BarTimestamp::DateTime(at) => {
                let ts = at.unix_timestamp();
                self.calendar.session_at(ts).map_or_else(|| ts_to_date(ts), |s| s.date)
            }
        };
        if self.timeframe == Timeframe::D1 && self.calendar.session_on(date).is_none() {
            dropped.outside_sessions += 1;
            return None;
        }
        let ts = date_to_ts(bucket_date(self.timeframe, date));
        let close = self.calendar.bar_close(self.timeframe, ts);
        if close.is_none() {
            dropped.outside_sessions += 1;
        }
        Some((ts, close?))
    }

    fn intraday(&mut self, ts: i64, dropped: &mut Dropped) -> Option<(i64, i64)> {
        if !self.session.is_some_and(|s| s.open <= ts && ts < s.close) {
            self.session = self.calendar.session_at(ts);
        }
        let Some(s) = self.session else {
            dropped.outside_sessions += 1;
            return None;
        };
        let step = self.timeframe.seconds();
        if (ts - s.open) % step != 0 {
            dropped.off_grid += 1;
            return None;
        }
        Some((ts, (ts + step).min(s.close)))
    }
}

impl Dropped {
    fn notes(&self) -> Vec<String> {
        [
            (self.outside_sessions, "outside trading sessions dropped"),
            (self.off_grid, "off the session's bar grid dropped"),
            (self.unusable, "without usable prices or times dropped"),
            (self.repeated, "sent twice, alike"),
            (self.conflicting, "sent twice with different content, the last kept"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {} {what}", if n == 1 { "bar" } else { "bars" }))
        .collect()
    }
}

#[cfg(test)]
#[path = "bars_tests.rs"]
mod tests;
