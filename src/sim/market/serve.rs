//! From plans and minutes to bars: the share basis of `now`, rounding to the tick, aggregation.

use chrono::NaiveDate;

use super::actions::Basis;
use super::character::Character;
use super::path::{DayPlan, Path};
use super::session::{self, Minute, Profile};
use crate::market::calendar::{bucket_date, bucket_end};
use crate::market::{Bars, Calendar, Candle, DAY, Session, Timeframe, date_to_ts, ts_to_date};

/// Serves one symbol's bars as of `now`.
pub(super) struct Server<'a> {
    pub known: &'a Character,
    pub path: &'a Path,
    pub basis: &'a Basis,
    pub now: i64,
}

/// A bar being added up; volume in units so that sums are exact.
#[derive(Clone, Copy)]
struct Sum {
    ts: i64,
    close_at: i64,
    bar: Minute,
}

impl Sum {
    fn add(&mut self, m: &Minute) {
        self.bar.high = self.bar.high.max(m.high);
        self.bar.low = self.bar.low.min(m.low);
        self.bar.close = m.close;
        self.bar.units += m.units;
    }
}

impl Server<'_> {
    pub(super) fn bars(&self, timeframe: Timeframe, start: i64, end: i64) -> Bars {
        if timeframe.is_intraday() { self.intraday(timeframe, start, end) } else { self.daily(timeframe, start, end) }
    }

    fn profile(&self) -> Profile {
        if self.known.calendar == Calendar::Xnys { Profile::UShaped } else { Profile::Even }
    }

    fn candle(&self, sum: &Sum) -> Candle {
        // Rounding is monotone, so the rounded extremes are the extremes of the rounded minutes.
        let tick = |x: f64| (x * self.basis.price * 100.0).round() / 100.0;
        let volume = sum.bar.units as f64;
        Candle {
            ts: sum.ts,
            open: tick(sum.bar.open),
            high: tick(sum.bar.high),
            low: tick(sum.bar.low),
            close: tick(sum.bar.close),
            volume: if self.known.calendar == Calendar::Xnys { volume } else { volume / 1e4 },
            is_final: sum.close_at <= self.now,
        }
    }

    /// The minutes of a session that had begun before `now`, on the share basis of `now`; a minute still running is
    /// cut at `now`.
    fn minutes(&self, session: &Session, plan: &DayPlan, out: &mut Vec<Minute>) {
        let n = ((session.close - session.open) / 60) as usize;
        session::minutes(self.known.key, plan, n, self.profile(), out);
        let elapsed = self.now - session.open;
        if elapsed < session.close - session.open {
            out.truncate(((elapsed + 59) / 60).max(0) as usize);
            if let Some(m) = out.last_mut().filter(|_| elapsed % 60 != 0) {
                cut(m, (elapsed % 60) as f64 / 60.0);
            }
        }
        let shares = self.basis.shares(plan.date);
        if shares != 1 {
            for m in out.iter_mut() {
                m.units *= shares;
            }
        }
    }

    fn intraday(&self, timeframe: Timeframe, start: i64, end: i64) -> Bars {
        let step = (timeframe.seconds() / 60) as usize;
        let mut out = Bars::new();
        let mut buffer = Vec::new();
        for session in self.known.calendar.sessions(start, end.min(self.now)) {
            let Some(plan) = self.path.on(session.date) else { continue };
            self.minutes(&session, plan, &mut buffer);
            for (i, chunk) in buffer.chunks(step).enumerate() {
                let ts = session.open + i as i64 * timeframe.seconds();
                if ts < start || ts >= end {
                    continue;
                }
                let close_at = (ts + timeframe.seconds()).min(session.close);
                let mut sum = Sum { ts, close_at, bar: chunk[0] };
                chunk[1..].iter().for_each(|m| sum.add(m));
                out.push(self.candle(&sum));
            }
        }
        out
    }

    fn daily(&self, timeframe: Timeframe, start: i64, end: i64) -> Bars {
        let mut out = Bars::new();
        let mut sum: Option<Sum> = None;
        let mut buffer = Vec::new();
        let from = bucket_date(timeframe, ts_to_date(start));
        let days = &self.path.days[self.path.days.partition_point(|d| d.date < from)..];
        for plan in days {
            let ts = date_to_ts(bucket_date(timeframe, plan.date));
            // The slack spares the calendar look-up for days far from now.
            if ts >= end || date_to_ts(plan.date) > self.now + DAY {
                break;
            }
            let Some(day) = self.day(plan, &mut buffer).filter(|_| ts >= start) else { continue };
            match &mut sum {
                Some(s) if s.ts == ts => s.add(&day),
                _ => {
                    out.extend(sum.take().map(|s| self.candle(&s)));
                    sum = Some(Sum { ts, close_at: self.close_of(timeframe, plan.date), bar: day });
                }
            }
        }
        out.extend(sum.map(|s| self.candle(&s)));
        out
    }

    /// A whole session, or the part of it that had passed by `now`; `None` before its first trade.
    fn day(&self, plan: &DayPlan, buffer: &mut Vec<Minute>) -> Option<Minute> {
        // Sessions close within two days of their date's midnight UTC.
        if date_to_ts(plan.date) + 2 * DAY > self.now {
            let session = self.known.calendar.session_on(plan.date)?;
            if session.open >= self.now {
                return None;
            }
            if session.close > self.now {
                self.minutes(&session, plan, buffer);
                let mut sum = Sum { ts: 0, close_at: 0, bar: *buffer.first()? };
                buffer[1..].iter().for_each(|m| sum.add(m));
                return Some(sum.bar);
            }
        }
        let units = plan.units * self.basis.shares(plan.date);
        Some(Minute { open: plan.open, high: plan.high, low: plan.low, close: plan.close, units })
    }

    fn close_of(&self, timeframe: Timeframe, date: NaiveDate) -> i64 {
        let start = bucket_date(timeframe, date);
        let over = date_to_ts(bucket_end(timeframe, start)) + DAY;
        if over <= self.now {
            return over;
        }
        self.known.calendar.bar_close(timeframe, date_to_ts(start)).unwrap_or(over)
    }
}

/// The part of a minute that had passed at `share` of it: it moves straight to its close, and its extremes count from
/// the half minute on.
fn cut(m: &mut Minute, share: f64) {
    m.close = m.open + (m.close - m.open) * share;
    if share < 0.5 {
        m.high = m.open.max(m.close);
        m.low = m.open.min(m.close);
    }
    m.units = (m.units as f64 * share) as u64;
}
