//! Where market data comes from: one trait, one outcome type, and the implementations.
//!
//! `ingest` is the only caller. A source paces itself, bounds every request with a deadline, classifies every answer
//! and never panics; it knows nothing of the database.

mod backoff;
mod breaker;
pub mod file;
pub mod hybrid;
pub mod ib;
mod outcome;
mod status;
pub mod yahoo;

use async_trait::async_trait;
use chrono::NaiveDate;
use tokio::sync::watch;

pub(crate) use backoff::Backoff;
pub use outcome::{Fault, Outcome};
pub use status::{BreakerState, FarmState, LinkState, SourceStatus};

use crate::market::calendar::bucket_date;
use crate::market::{
    Actions, AssetClass, Bars, Calendar, Facet, Fundamentals, Instrument, Metadata, Session, SourceId, Timeframe, date_to_ts,
};

/// A half-open span of time, UTC seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Window {
    /// First instant wanted.
    pub start: i64,
    /// First instant not wanted.
    pub end: i64,
}

impl Window {
    /// Two windows in place of one that proved too long, cut at a session boundary near the middle (or at the start of
    /// a week or month of those bars); `None` where the window holds a single session or bar.
    pub(crate) fn halves(self, calendar: Calendar, timeframe: Timeframe) -> Option<[Self; 2]> {
        let sessions: Vec<Session> = calendar.sessions(self.start, self.end).collect();
        let middle = sessions.get(sessions.len() / 2)?;
        let cut = if timeframe.is_intraday() { middle.open } else { date_to_ts(bucket_date(timeframe, middle.date)) };
        let inside = sessions.len() > 1 && self.start < cut && cut < self.end;
        inside.then_some([Self { end: cut, ..self }, Self { start: cut, ..self }])
    }
}

/// One request for bars: a window that fits one wire request of the source it is meant for.
#[derive(Clone, Debug, PartialEq)]
pub struct CandleRequest {
    /// What.
    pub instrument: Instrument,
    /// In which bar size.
    pub timeframe: Timeframe,
    /// For which span; the source returns no bar outside it.
    pub window: Window,
}

/// The bars of one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    /// Ascending, without duplicates, stamped canonically (intraday: open in UTC on session boundaries; daily and
    /// longer: midnight UTC of the bucket's first date). The forming bar, if any, is last and not final.
    pub bars: Bars,
    /// What the source said beside the bars and the user should know (dropped null bars, coarser granularity).
    pub notes: Vec<String>,
}

/// A provider of market data.
#[async_trait]
pub trait Source: Send + Sync {
    /// Which one.
    fn id(&self) -> SourceId;

    /// Whether it serves bars of `timeframe` stamped on our session boundaries. (IB cuts hour bars at clock hours,
    /// not at the session's open, so it does not "serve" hours in this sense: they are derived.)
    fn serves(&self, asset: AssetClass, timeframe: Timeframe) -> bool;

    /// Whether it answers this facet at all.
    fn answers(&self, facet: Facet, asset: AssetClass) -> bool;

    /// The earliest instant it would serve `timeframe` for at `now`; `None` when there is no wall.
    fn earliest(&self, timeframe: Timeframe, now: i64) -> Option<i64>;

    /// Cuts a span into windows of one wire request each, oldest first.
    fn windows(&self, asset: AssetClass, timeframe: Timeframe, span: Window) -> Vec<Window>;

    /// Fetches one window. Cancel-safe: dropping the future withdraws the request.
    async fn candles(&self, request: &CandleRequest) -> Outcome<Fetched>;

    /// Splits and dividends with an ex-date on or after `since`.
    async fn actions(&self, instrument: &Instrument, since: NaiveDate) -> Outcome<Actions>;

    /// Today's fundamentals.
    async fn fundamentals(&self, instrument: &Instrument) -> Outcome<Fundamentals>;

    /// Name, sector, exchange and so on.
    async fn metadata(&self, instrument: &Instrument) -> Outcome<Metadata>;

    /// Asks whether the source answers at all, with the cheapest request it has.
    async fn probe(&self) -> Outcome<()>;

    /// Live state for the Sources pane.
    fn status(&self) -> watch::Receiver<SourceStatus>;

    /// Closes connections politely; later calls fail with a transient outcome.
    async fn shutdown(&self);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::market::DAY;

    /// Monday 2024-02-26, midnight UTC.
    const MONDAY: i64 = 1_708_905_600;

    #[test]
    fn a_week_of_minutes_is_halved_down_to_single_sessions() {
        let mut todo = vec![Window { start: MONDAY, end: MONDAY + 7 * DAY }];
        let mut whole = Vec::new();
        while let Some(w) = todo.pop() {
            match w.halves(Calendar::Xnys, Timeframe::M1) {
                Some(two) => todo.extend(two),
                None => whole.push(w),
            }
        }
        whole.sort_by_key(|w| w.start);
        assert_eq!(whole.len(), 5);
        assert!(whole.windows(2).all(|w| w[0].end == w[1].start));
        assert!(whole.iter().all(|w| Calendar::Xnys.sessions(w.start, w.end).count() == 1));
    }

    #[test]
    fn weeks_and_months_are_cut_at_their_own_starts() {
        let year = Window { start: MONDAY, end: MONDAY + 365 * DAY };
        let cut = |t| year.halves(Calendar::Xnys, t).map(|h| crate::market::ts_to_date(h[1].start).to_string());
        assert_eq!(cut(Timeframe::W1).as_deref(), Some("2024-08-19"));
        assert_eq!(cut(Timeframe::Mo1).as_deref(), Some("2024-08-01"));
        let week = Window { start: MONDAY, end: MONDAY + 7 * DAY };
        assert_eq!(week.halves(Calendar::Xnys, Timeframe::W1), None, "one bar");
    }

    proptest! {
        #[test]
        fn halves_tile_the_window_and_share_its_sessions(
            start in MONDAY..MONDAY + 300 * DAY, days in 0i64..400, crypto: bool, t in proptest::sample::select(Timeframe::ALL.to_vec())
        ) {
            let calendar = if crypto { Calendar::Continuous } else { Calendar::Xnys };
            let w = Window { start, end: start + days * DAY + 1 };
            if let Some([a, b]) = w.halves(calendar, t) {
                prop_assert!(a.start == w.start && a.end == b.start && b.end == w.end && a.start < a.end && b.start < b.end);
                if t.is_intraday() {
                    let n = |w: Window| calendar.sessions(w.start, w.end).count();
                    prop_assert_eq!(n(a) + n(b), n(w));
                }
            }
        }
    }
}
