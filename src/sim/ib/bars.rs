//! Bars as IB cuts and stamps them.
//!
//! Up to 30 minutes the cuts are ours. From an hour up IB cuts at clock hours of the exchange, so a stock's first
//! hour bar is 09:30 to 10:00. A daily bar carries its date, a weekly or monthly one the last trading day in it.

use chrono::{NaiveDate, Offset, TimeZone};

use crate::market::calendar::{bucket_date, bucket_end};
use crate::market::{Bars, Calendar, Candle, DAY, Instrument, Timeframe, date_to_ts, ts_to_date};
use crate::sim::MarketFeed;

/// A bar's time on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    Instant(i64),
    Date(NaiveDate),
}

/// One bar on its way to a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct WireBar {
    pub stamp: Stamp,
    pub candle: Candle,
}

/// The bars of a window as of `now`; all times UTC seconds.
pub(super) fn bars(feed: &MarketFeed, instrument: &Instrument, timeframe: Timeframe, start: i64, end: i64, now: i64) -> Vec<WireBar> {
    let calendar = instrument.calendar();
    let wire = |bars: Bars, stamp: &dyn Fn(&Candle) -> Stamp| bars.iter().map(|c| WireBar { stamp: stamp(c), candle: *c }).collect();
    match timeframe {
        Timeframe::D1 => wire(feed.bars(instrument, timeframe, start, end, now), &|c| Stamp::Date(ts_to_date(c.ts))),
        Timeframe::W1 | Timeframe::Mo1 => {
            let from = date_to_ts(bucket_date(timeframe, ts_to_date(start)));
            wire(feed.bars(instrument, timeframe, from, end, now), &|c| Stamp::Date(last_session(calendar, timeframe, c.ts, now)))
        }
        Timeframe::H1 | Timeframe::H2 | Timeframe::H3 | Timeframe::H4 | Timeframe::H8 => {
            let halves = feed.bars(instrument, Timeframe::M30, start - timeframe.seconds(), end, now);
            let mut hours = at_clock_hours(calendar, &halves, timeframe.seconds());
            hours.retain(|c| c.ts >= start);
            wire(hours, &|c| Stamp::Instant(c.ts))
        }
        _ => wire(feed.bars(instrument, timeframe, start, end, now), &|c| Stamp::Instant(c.ts)),
    }
}

fn last_session(calendar: Calendar, timeframe: Timeframe, ts: i64, now: i64) -> NaiveDate {
    let first = ts_to_date(ts);
    let over = bucket_end(timeframe, first);
    let sessions = calendar.sessions(ts - 2 * DAY, now.min(date_to_ts(over) + DAY));
    sessions.filter(|s| s.date >= first && s.date < over).last().map_or(first, |s| s.date)
}

/// Joins half hours that fall into the same `step` seconds of the exchange's day.
fn at_clock_hours(calendar: Calendar, halves: &[Candle], step: i64) -> Bars {
    let mut out: Vec<(i64, Candle)> = Vec::new();
    for half in halves {
        let local = half.ts + utc_offset(calendar, half.ts);
        let bucket = local.div_euclid(DAY) * DAY + local.rem_euclid(DAY) / step * step;
        match out.last_mut() {
            Some((last, sum)) if *last == bucket => {
                sum.high = sum.high.max(half.high);
                sum.low = sum.low.min(half.low);
                sum.close = half.close;
                sum.volume += half.volume;
                sum.is_final = half.is_final;
            }
            _ => out.push((bucket, *half)),
        }
    }
    out.into_iter().map(|(_, c)| c).collect()
}

/// Seconds the exchange's clock is ahead of UTC.
fn utc_offset(calendar: Calendar, ts: i64) -> i64 {
    match calendar {
        Calendar::Xnys => {
            let at = chrono::DateTime::from_timestamp(ts, 0).unwrap_or_default().naive_utc();
            i64::from(chrono_tz::US::Eastern.offset_from_utc_datetime(&at).fix().local_minus_utc())
        }
        Calendar::Continuous => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{AssetClass, Symbol, Universe};

    fn feed() -> (MarketFeed, Instrument) {
        let aapl = Instrument {
            symbol: Symbol::new("AAPL").unwrap(),
            asset: AssetClass::Stock,
            sector: "Technology".into(),
            name: "Apple".into(),
        };
        (MarketFeed::new(Universe { instruments: vec![aapl.clone()] }, 1), aapl)
    }

    fn at(text: &str) -> i64 {
        text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp()
    }

    #[test]
    fn hours_are_cut_at_the_clock() {
        let (feed, aapl) = feed();
        let (start, end) = (at("2026-07-01T13:30:00Z"), at("2026-07-01T20:00:00Z"));
        let starts = |timeframe| -> Vec<String> {
            let bars = bars(&feed, &aapl, timeframe, start, end, end);
            let clock = |b: &WireBar| chrono::DateTime::from_timestamp(b.candle.ts - 4 * 3600, 0).unwrap().format("%H:%M").to_string();
            bars.iter().map(clock).collect()
        };
        assert_eq!(starts(Timeframe::H1), ["09:30", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00"]);
        assert_eq!(starts(Timeframe::H4), ["09:30", "12:00"]);
        assert_eq!(starts(Timeframe::H8), ["09:30"]);
        let whole = bars(&feed, &aapl, Timeframe::H8, start, end, end);
        let day = bars(&feed, &aapl, Timeframe::D1, at("2026-07-01T00:00:00Z"), end, end);
        assert_eq!((whole[0].candle.high, whole[0].candle.volume), (day[0].candle.high, day[0].candle.volume));
    }

    #[test]
    fn weeks_and_months_carry_their_last_trading_day() {
        let (feed, aapl) = feed();
        let now = at("2026-11-18T18:00:00Z");
        let dates = |timeframe, start| -> Vec<String> {
            let date = |b: &WireBar| match b.stamp {
                Stamp::Date(d) => d.to_string(),
                Stamp::Instant(ts) => ts.to_string(),
            };
            bars(&feed, &aapl, timeframe, start, now, now).iter().map(date).collect()
        };
        // Good Friday 2026 is April 3.
        assert_eq!(dates(Timeframe::W1, at("2026-04-01T00:00:00Z"))[..2], ["2026-04-02", "2026-04-10"]);
        assert_eq!(dates(Timeframe::W1, at("2026-11-10T00:00:00Z")), ["2026-11-13", "2026-11-18"]);
        assert_eq!(dates(Timeframe::Mo1, at("2026-10-10T00:00:00Z")), ["2026-10-30", "2026-11-18"]);
    }
}
