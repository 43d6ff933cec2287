//! What one series lacks: the calendar's expectation, less what is stored, less what a source said does not exist.
//!
//! Pure functions over stamps, called by the planner for every fetched series and by the pipeline to count holes.

use crate::market::{Calendar, DAY, SourceId, Timeframe};
use crate::sources::Window;
use crate::store::master::EmptySpan;

/// What the store knows of a series inside the horizon.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// Stamps of stored bars, ascending.
    pub stamps: Vec<i64>,
    /// Stamp of the newest final bar; later stored bars are still forming and count as missing once complete.
    pub last_final: Option<i64>,
    /// Spans that a source said hold nothing.
    pub empty: Vec<EmptySpan>,
    /// Spans filled by the fallback source: first stamp, and end of the last bar.
    pub fallback: Vec<(i64, i64)>,
}

/// Why a span is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Nothing is stored before it.
    FirstFill,
    /// It follows the newest stored bar.
    TopUp,
    /// It lies between stored bars.
    Heal,
    /// The fallback filled it, and the primary is back.
    Recover,
    /// It is on another share basis than the source's.
    Rebase,
}

/// A span to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// From the first missing bar to the close of the last.
    pub window: Window,
    /// Why.
    pub reason: Reason,
    /// Missing bars in it.
    pub bars: u32,
}

/// The rules of one planning.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The exchange's sessions.
    pub calendar: Calendar,
    /// Bar size.
    pub timeframe: Timeframe,
    /// First instant of history wanted, UTC seconds.
    pub horizon: i64,
    /// Now, UTC seconds.
    pub now: i64,
    /// Days until a span called empty is asked for again; multiplied by how often it was asked.
    pub reask_days: u32,
    /// Whether spans filled by the fallback should be fetched again from the primary.
    pub recover: bool,
}

impl Rules {
    /// The horizon moved back to the start of its bucket, or of its session, so that the first bar, and the first one
    /// derived from it, is whole.
    fn first_stamp(&self) -> i64 {
        if self.timeframe.is_intraday() {
            self.calendar.session_at(self.horizon).map_or(self.horizon, |s| s.open)
        } else {
            let date = crate::market::ts_to_date(self.horizon);
            crate::market::date_to_ts(crate::market::calendar::bucket_date(self.timeframe, date))
        }
    }

    /// Spans closer than this are fetched as one: a request costs more than the bars in between.
    /// A week reaches over any weekend and closure, so that neighbouring sessions are never torn apart.
    const fn merge_distance(&self) -> i64 {
        if self.timeframe.is_intraday() { 7 * DAY } else { 90 * DAY }
    }

    fn close_of(&self, stamp: i64) -> i64 {
        self.calendar.bar_close(self.timeframe, stamp).unwrap_or(stamp + self.timeframe.seconds())
    }

    fn is_explained(&self, stamp: i64, empty: &[EmptySpan]) -> bool {
        empty.iter().any(|e| self.explains(e, stamp))
    }

    /// Whether the bar of `stamp` was asked for as part of `e`, recently enough not to be asked for again.
    fn explains(&self, e: &EmptySpan, stamp: i64) -> bool {
        let patience = i64::from(self.reask_days) * DAY * i64::from(e.times.max(1));
        e.start <= stamp && stamp < e.end && self.now - e.asked_at < patience
    }
}

/// Stamps that should be stored and are not, ascending. Bars a source recently called non-existent are left out.
pub fn missing_stamps(rules: &Rules, known: &Known) -> Vec<i64> {
    let mut stored = known.stamps.iter().copied().filter(|&t| known.last_final.is_some_and(|f| t <= f)).peekable();
    rules
        .calendar
        .expected(rules.timeframe, rules.first_stamp(), rules.now)
        .into_iter()
        .filter(|&t| {
            while stored.next_if(|&s| s < t).is_some() {}
            stored.peek() != Some(&t) && !rules.is_explained(t, &known.empty)
        })
        .collect()
}

/// The spans to fetch for one series, oldest first, not overlapping.
pub fn wanted(rules: &Rules, known: &Known) -> Vec<Want> {
    let missing = missing_stamps(rules, known);
    let mut spans: Vec<Want> = Vec::new();
    for &stamp in &missing {
        let close = rules.close_of(stamp);
        let reason = reason_of(stamp, known);
        match spans.last_mut() {
            Some(w) if w.reason == reason && stamp - w.window.end <= rules.merge_distance() => {
                w.window.end = close;
                w.bars += 1;
            }
            _ => spans.push(Want { window: Window { start: stamp, end: close }, reason, bars: 1 }),
        }
    }
    let mut previous_end = i64::MIN;
    for w in &mut spans {
        if w.reason == Reason::TopUp {
            w.window.start = overlap_start(w.window.start, known).max(previous_end);
        }
        previous_end = w.window.end;
    }
    if rules.recover {
        add_recoveries(rules, known, &mut spans);
    }
    spans
}

fn reason_of(stamp: i64, known: &Known) -> Reason {
    match (known.stamps.first(), known.last_final) {
        (Some(&first), _) if stamp < first => Reason::FirstFill,
        (Some(_), Some(last)) if stamp < last => Reason::Heal,
        (Some(_), _) => Reason::TopUp,
        (None, _) => Reason::FirstFill,
    }
}

/// A top-up starts two stored bars early: a changed overlap betrays a split or a revision.
fn overlap_start(start: i64, known: &Known) -> i64 {
    let before = known.stamps.partition_point(|&t| t < start);
    known.stamps.get(before.saturating_sub(2)).copied().filter(|&t| t < start).unwrap_or(start)
}

/// Adds the spans that the fallback filled, less the bars at their ends that the primary recently said it lacks: those
/// are asked of it as rarely as any hole, or every run would ask in vain.
fn add_recoveries(rules: &Rules, known: &Known, spans: &mut Vec<Want>) {
    let first = rules.first_stamp();
    let lacked = |t: i64| known.empty.iter().any(|e| e.source == SourceId::Ib && rules.explains(e, t));
    let within = |from: i64, to: i64| {
        let at = |t: i64| known.stamps.partition_point(|&s| s < t);
        &known.stamps[at(from)..at(to).max(at(from))]
    };
    for &(from, to) in &known.fallback {
        let stamps = within(from.max(first), to);
        let had = |&t: &i64| !lacked(t);
        let (Some(start), Some(last)) = (stamps.iter().position(had), stamps.iter().rposition(had)) else { continue };
        let end = if last + 1 == stamps.len() { to } else { rules.close_of(stamps[last]) };
        let window = Window { start: stamps[start], end };
        if !spans.iter().any(|w| w.window.start < window.end && window.start < w.window.end) {
            spans.push(Want { window, reason: Reason::Recover, bars: (last + 1 - start) as u32 });
        }
    }
    spans.sort_by_key(|w| w.window.start);
}

/// Stamps the answered `window` should have held and `received` does not: what the source says does not exist. Bars
/// younger than `settled` are left out, since a vendor may simply be late with them.
pub fn confirmed_empty(calendar: Calendar, timeframe: Timeframe, window: Window, received: &[i64], settled: i64) -> Vec<(i64, i64)> {
    let mut have = received.iter().copied().peekable();
    let mut spans: Vec<(i64, i64)> = Vec::new();
    let mut open = false;
    for stamp in calendar.expected(timeframe, window.start, window.end.min(settled)) {
        while have.next_if(|&s| s < stamp).is_some() {}
        if have.peek() == Some(&stamp) {
            open = false;
            continue;
        }
        let end = calendar.bar_close(timeframe, stamp).unwrap_or(stamp + timeframe.seconds());
        match spans.last_mut() {
            Some(last) if open => last.1 = end,
            _ => spans.push((stamp, end)),
        }
        open = true;
    }
    spans
}

#[cfg(test)]
mod tests;
