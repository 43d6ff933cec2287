//! Checks on bars as a source delivered them, before they are written.
//!
//! One pass over the batch; nothing is allocated for a bar that is in order. What cannot be stored (no price, no
//! place in a session) is dropped and reported; everything else is kept as received, never clamped, and a critical
//! finding quarantines it where the operator can see it.

use super::facts::Facts;
use super::faults::{Fault, Faults, span_text};
use super::measures::median;
use crate::config::QualitySettings;
use crate::market::calendar::bucket_date;
use crate::market::{Bars, Calendar, Candle, DAY, Series, Session, Timeframe, date_to_ts, ts_to_date};
use crate::store::master::{Issue, Scope, Severity};

/// Clock skew, seconds, within which a bar of the future is put down to a wrong clock rather than a wrong stamp.
const SKEW: i64 = DAY;
/// Relative violation of high and low that is noise (check 4), and the one from which it is critical.
const LOGIC_NOISE: f64 = 1e-6;
const LOGIC_CRITICAL: f64 = 0.005;
/// A price this many times its reference, or one part in as many, is in the wrong unit (check 9), within 5%.
const UNIT: f64 = 100.0;
const UNIT_BAND: f64 = 0.05;
/// Share of the usual volume below which a bar fetched soon after the close is partial (check 16), and how soon.
const THIN: f64 = 0.3;
const SOON: i64 = 30 * 60;

/// What the checks need to know about a batch besides its bars.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Which series.
    pub series: Series,
    /// Its sessions.
    pub calendar: Calendar,
    /// Stored bars right before the batch, ascending; 20 are enough, none is allowed. They give the checks at the
    /// batch's first bars something to compare with.
    pub before: &'a [Candle],
    /// UTC seconds.
    pub now: i64,
    /// Thresholds; when disabled nothing is reported, but what cannot be stored is dropped all the same.
    pub settings: &'a QualitySettings,
}

/// A batch fit to be written, and what was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Screened {
    /// Ascending, without duplicates, finite prices, on session dates.
    pub bars: Bars,
    /// Findings, by check and time.
    pub issues: Vec<Issue>,
    /// Rows received that are not in `bars`.
    pub dropped: usize,
}

/// Checks 1, 2, 3, 4, 5, 9, 11, 16 and 25 on the bars of one answer, in the order received.
pub fn screen(context: &Context<'_>, mut bars: Bars) -> Screened {
    let received = bars.len();
    let mut faults = Faults::new(context.series);
    if !bars.is_sorted_by(|a, b| a.ts < b.ts) {
        arrange(context, &mut bars, &mut faults);
    }
    let mut pass = Pass::new(context, &mut faults);
    bars.retain_mut(|bar| pass.admit(bar));
    pass.close_day();
    thin_last(context, &bars, received, &mut faults);
    let dropped = received - bars.len();
    Screened { bars, issues: if context.settings.enabled { faults.into_issues() } else { Vec::new() }, dropped }
}

/// Sorts by stamp and keeps the last received of each (checks 2 and 3): a vendor that sends a bar twice sends the
/// fresher one later.
fn arrange(context: &Context<'_>, bars: &mut Bars, faults: &mut Faults) {
    let late = bars.windows(2).filter(|w| w[1].ts < w[0].ts).count();
    if late > 0 {
        // Sorting repairs this wholly, so the finding must not hide the bars: W, where the rule's letter is E.
        let message = format!("{late} of {} bars arrived earlier than the bar ahead of them; they were sorted", bars.len());
        faults.push(Issue { check: 3, severity: Severity::Warn, series: context.series, scope: Scope::Series, message });
        bars.sort_by_key(|b| b.ts);
    }
    let mut position = 0;
    let mut conflicts: Option<(i64, i64)> = None;
    let step = context.series.timeframe.seconds();
    bars.dedup_by(|later, kept| {
        if later.ts != kept.ts {
            position += 1;
            return false;
        }
        let fault = if later.same_content(kept) { Fault::Repeated } else { Fault::Conflicting };
        faults.note(fault, position, kept.ts, 0.0);
        if fault == Fault::Conflicting {
            let from = conflicts.filter(|&(_, to)| kept.ts <= to.saturating_add(step)).map_or(kept.ts, |(from, _)| from);
            conflicts = Some((from, kept.ts));
            if repeats_the_autumn_hour(step, from, kept.ts) {
                let text = span_text(context.series.timeframe, from, kept.ts);
                let message = format!("{text}: the hour comes twice; stamps in local time repeat it when summer time ends");
                faults.push(zone_issue(context.series, from, kept.ts, message));
            }
        }
        *kept = *later;
        true
    });
}

fn zone_issue(series: Series, from: i64, to: i64, message: String) -> Issue {
    Issue { check: 25, severity: Severity::Critical, series, scope: Scope::Bars { from, to }, message }
}

/// Whether conflicting stamps `from..=to` are exactly one clock hour of a Sunday in October or November, when zones
/// leave summer time and local stamps repeat.
fn repeats_the_autumn_hour(step: i64, from: i64, to: i64) -> bool {
    use chrono::{Datelike, Weekday};
    let date = ts_to_date(from);
    step < 3_600
        && to.saturating_add(step).saturating_sub(from) == 3_600
        && from % 3_600 == 0
        && date.weekday() == Weekday::Sun
        && matches!(date.month(), 10 | 11)
}

/// Where a stamp lies.
enum Place {
    Session,
    OffGrid(i64),
    NonSession,
    Nowhere,
}

/// The stamps of one UTC day, to see whether a session is shifted by an hour.
struct Day {
    end: i64,
    first: i64,
    last: i64,
    kept: Option<(i64, i64)>,
}

/// The state of the pass.
struct Pass<'a, 'f> {
    context: &'a Context<'a>,
    timeframe: Timeframe,
    faults: &'f mut Faults,
    position: usize,
    session: Option<Session>,
    day: Option<Day>,
    /// The last five good closes, and their median.
    recent: [f64; 5],
    seen: usize,
    reference: f64,
    /// Stamps in the calendar's years and not in the future.
    known: std::ops::Range<i64>,
    /// Stamps from here on may belong to bars that are not complete yet.
    unsettled: i64,
    /// Half a tick (check 4), for prices from one unit up and below it.
    half_tick: (f64, f64),
}

impl<'a, 'f> Pass<'a, 'f> {
    fn new(context: &'a Context<'a>, faults: &'f mut Faults) -> Self {
        let timeframe = context.series.timeframe;
        // Shares trade in cents, below a dollar in hundredths of a cent (Regulation NMS, rule 612).
        let (known, half_tick) = match context.calendar {
            Calendar::Xnys => (year(1990)..year(2041), (0.005, 0.000_05)),
            Calendar::Continuous => (1..year(2200), (0.0, 0.0)),
        };
        let span = if timeframe.is_intraday() { timeframe.seconds() } else { timeframe.seconds() + 3 * DAY };
        let known = known.start..known.end.min(context.now.saturating_add(SKEW));
        let mut pass = Self {
            context,
            timeframe,
            faults,
            position: 0,
            session: None,
            day: None,
            recent: [0.0; 5],
            seen: 0,
            reference: f64::NAN,
            known,
            unsettled: context.now.saturating_sub(span),
            half_tick,
        };
        for bar in &context.before[context.before.len().saturating_sub(5)..] {
            if bar.close > 0.0 && bar.close.is_finite() {
                pass.remember(bar.close);
            }
        }
        pass
    }

    /// Judges one bar; whether it can be stored.
    fn admit(&mut self, bar: &mut Candle) -> bool {
        let position = self.position;
        self.position += 1;
        let facts = Facts::of(bar);
        if facts.any(Facts::NULL) {
            self.faults.note(Fault::NoPrice, position, bar.ts, 0.0);
            return false;
        }
        let place = self.place(bar.ts);
        let stored = matches!(place, Place::Session | Place::OffGrid(_));
        match place {
            Place::Session => {}
            Place::OffGrid(by) => self.faults.note(Fault::OffGrid, position, bar.ts, by as f64),
            Place::NonSession => self.faults.note(Fault::NonSession, position, bar.ts, 0.0),
            Place::Nowhere => {
                self.faults.note(Fault::NoPlace, position, bar.ts, 0.0);
                return false;
            }
        }
        self.track_day(bar.ts, stored);
        if !stored {
            return false;
        }
        self.judge_figures(bar, facts, position);
        if bar.ts >= self.unsettled
            && bar.is_final
            && self.context.calendar.bar_close(self.timeframe, bar.ts).is_some_and(|c| c > self.context.now)
        {
            bar.is_final = false;
            self.faults.note(Fault::StillForming, position, bar.ts, 0.0);
        }
        true
    }

    fn judge_figures(&mut self, bar: &Candle, facts: Facts, position: usize) {
        if facts.any(Facts::NONPOSITIVE) {
            self.faults.note(Fault::NotPositive, position, bar.ts, bar.open.min(bar.high).min(bar.low).min(bar.close));
        }
        if facts.any(Facts::NEGATIVE_VOLUME) {
            self.faults.note(Fault::NegativeVolume, position, bar.ts, bar.volume);
        }
        if facts.any(Facts::ILLOGICAL) {
            self.judge_logic(bar, position);
        }
        if facts.any(Facts::NONPOSITIVE) {
            return;
        }
        match [bar.open, bar.high, bar.low, bar.close].into_iter().map(|p| p / self.reference).find(|&q| wrong_unit(q)) {
            Some(ratio) if self.seen >= 3 => self.faults.note(Fault::WrongUnit, position, bar.ts, ratio),
            _ => self.remember(bar.close),
        }
    }

    fn judge_logic(&mut self, bar: &Candle, position: usize) {
        let over = bar.open.max(bar.close).max(bar.low) - bar.high;
        let under = bar.low - bar.open.min(bar.close).min(bar.high);
        let miss = over.max(under);
        let close = bar.close.abs();
        let half_tick = if close >= 1.0 { self.half_tick.0 } else { self.half_tick.1 };
        if miss <= (LOGIC_NOISE * close).max(half_tick) {
            return;
        }
        let relative = miss / close;
        let fault = if relative > LOGIC_CRITICAL { Fault::Illogical } else { Fault::Unenclosed };
        self.faults.note(fault, position, bar.ts, relative);
    }

    fn remember(&mut self, close: f64) {
        self.recent[self.seen % 5] = close;
        self.seen += 1;
        let n = self.seen.min(5);
        let mut sorted = self.recent;
        sorted[..n].sort_unstable_by(f64::total_cmp);
        self.reference = sorted[n / 2];
    }

    fn place(&mut self, ts: i64) -> Place {
        let calendar = self.context.calendar;
        if self.timeframe.is_intraday() {
            let session = match self.session {
                Some(s) if ts >= s.open && ts < s.close => s,
                _ if !self.known.contains(&ts) => return Place::Nowhere,
                _ => match calendar.session_at(ts) {
                    Some(s) => *self.session.insert(s),
                    None => return Place::NonSession,
                },
            };
            let past = (ts - session.open) % self.timeframe.seconds();
            return if past == 0 { Place::Session } else { Place::OffGrid(past) };
        }
        if !self.known.contains(&ts) || ts % DAY != 0 {
            return Place::Nowhere;
        }
        let date = ts_to_date(ts);
        if self.timeframe == Timeframe::D1 {
            return if calendar.session_on(date).is_some() { Place::Session } else { Place::NonSession };
        }
        if bucket_date(self.timeframe, date) != date {
            return Place::Nowhere;
        }
        if calendar.bar_close(self.timeframe, ts).is_some() { Place::Session } else { Place::NonSession }
    }

    fn track_day(&mut self, ts: i64, kept: bool) {
        if self.context.calendar != Calendar::Xnys || !self.timeframe.is_intraday() {
            return;
        }
        if self.day.as_ref().is_none_or(|d| ts >= d.end) {
            self.close_day();
            self.day = Some(Day { end: (ts.div_euclid(DAY) + 1) * DAY, first: ts, last: ts, kept: None });
        }
        if let Some(day) = &mut self.day {
            day.last = ts;
            if kept {
                day.kept = Some((day.kept.map_or(ts, |(from, _)| from), ts));
            }
        }
    }

    /// Check 25: a session whose bars run from an hour before the open to an hour before the close, or from an hour
    /// after to an hour after, was stamped with the wrong summer-time offset.
    fn close_day(&mut self) {
        let Some(day) = self.day.take() else { return };
        let Some(session) = self.context.calendar.session_on(ts_to_date(day.first)) else { return };
        let Some((from, to)) = day.kept else { return };
        let early = day.first == session.open - 3_600 && day.last <= session.close - 3_600;
        let late = day.first == session.open + 3_600 && day.last >= session.close;
        if early || late {
            let side = if early { "before" } else { "after" };
            let message = format!("{}: the session begins an hour {side} the calendar's open; its stamps are off by an hour", session.date);
            self.faults.push(zone_issue(self.context.series, from, to, message));
        }
    }
}

fn year(y: i32) -> i64 {
    chrono::NaiveDate::from_ymd_opt(y, 1, 1).map_or(0, date_to_ts)
}

fn wrong_unit(ratio: f64) -> bool {
    let band = 1.0 - UNIT_BAND..=1.0 + UNIT_BAND;
    band.contains(&(ratio / UNIT)) || band.contains(&(ratio * UNIT))
}

/// Check 16: a daily bar fetched soon after its close, with a fraction of the usual volume, is not the whole day.
fn thin_last(context: &Context<'_>, bars: &[Candle], received: usize, faults: &mut Faults) {
    let Some((last, earlier)) = bars.split_last() else { return };
    if context.series.timeframe != Timeframe::D1 || !last.is_final {
        return;
    }
    let Some(session) = context.calendar.session_on(ts_to_date(last.ts)) else { return };
    if context.now.saturating_sub(session.close) > SOON {
        return;
    }
    let known = context.before.iter().chain(earlier).rev().filter(|b| b.is_final && b.volume > 0.0 && b.ts < last.ts);
    let mut usual: Vec<f64> = known.take(20).map(|b| b.volume).collect();
    if usual.len() < 5 {
        return;
    }
    let full = if context.calendar == Calendar::Xnys { 23_400 } else { DAY };
    let part = (session.close - session.open) as f64 / full as f64;
    if let Some(share) = median(&mut usual).map(|m| last.volume / (m * part)).filter(|&s| s < THIN) {
        faults.note(Fault::ThinLast, received, last.ts, share);
    }
}

#[cfg(test)]
mod tests;
