//! Whether a series is fresh: judged against the last session that has closed and settled, never by the raw age of
//! its last bar. A calm desk is quiet through the trading day and late only when a night has not done its work.

use std::collections::HashMap;

use super::{CellState, SeriesCell};
use crate::market::{Calendar, DAY, Instrument, Timeframe};
use crate::store::master::SeriesState;

/// What should be stored by now, per calendar and timeframe. Recomputed when a session has settled.
#[derive(Debug, Default)]
pub struct Expectation {
    last: HashMap<(Calendar, Timeframe), i64>,
    made: i64,
    until: i64,
}

impl Expectation {
    /// Refreshes the expectation if `now` has moved past what it was made for, or back before it.
    pub fn update(&mut self, now: i64, settle_s: i64) {
        if (self.made..self.until).contains(&now) && !self.last.is_empty() {
            return;
        }
        self.last.clear();
        self.made = now;
        self.until = i64::MAX;
        for calendar in [Calendar::Xnys, Calendar::Continuous] {
            let Some(settled) = calendar.last_closed(now - settle_s) else { continue };
            let next = calendar.sessions(settled.close, settled.close + 15 * DAY).find(|s| s.close > settled.close);
            self.until = self.until.min(next.map_or(i64::MAX, |s| s.close + settle_s));
            for timeframe in Timeframe::ALL {
                // Two months reach back over any week, month and holiday.
                let from = if timeframe.is_intraday() { settled.open } else { settled.close - 70 * DAY };
                if let Some(&last) = calendar.expected(timeframe, from, settled.close).last() {
                    self.last.insert((calendar, timeframe), last);
                }
            }
        }
    }

    /// The cell of a series at rest.
    pub fn cell(&self, instrument: &Instrument, timeframe: Timeframe, state: Option<&SeriesState>) -> SeriesCell {
        let Some(state) = state else { return SeriesCell::default() };
        let late_since = self.late_since(instrument.calendar(), timeframe, state.last_final_ts);
        let gaps = u32::try_from(state.gaps).unwrap_or(u32::MAX);
        let shown = match state {
            s if s.blocked.is_some() => CellState::Quarantined,
            s if s.error.is_some() => CellState::Failed,
            s if s.rows == 0 => CellState::Empty,
            _ if late_since.is_some() => CellState::Late,
            _ if gaps > 0 => CellState::Gap,
            _ => CellState::Fresh,
        };
        SeriesCell { state: shown, last_ts: state.last_ts, late_since, gaps, source: state.source }
    }

    /// Close of the first missing bar, when the newest expected bar is not stored.
    fn late_since(&self, calendar: Calendar, timeframe: Timeframe, last_final: Option<i64>) -> Option<i64> {
        let expected = *self.last.get(&(calendar, timeframe))?;
        let last = last_final?;
        if last >= expected {
            return None;
        }
        // Only the first is wanted, and a series may be years behind: hundreds of thousands of minutes.
        let next = if timeframe.is_intraday() {
            calendar.sessions(last + 1, expected + DAY).flat_map(|s| s.bar_opens(timeframe)).find(|&t| t > last)
        } else {
            calendar.expected(timeframe, last + 1, last + 70 * DAY).into_iter().next()
        };
        calendar.bar_close(timeframe, next.unwrap_or(expected))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};

    use super::*;
    use crate::market::{AssetClass, Series, Symbol};

    fn at(day: u32, h: u32, mi: u32) -> i64 {
        Utc.with_ymd_and_hms(2024, 11, day, h, mi, 0).unwrap().timestamp()
    }

    fn instrument() -> Instrument {
        Instrument { symbol: Symbol::new("AAPL").unwrap(), asset: AssetClass::Stock, sector: "Technology".into(), name: "Apple".into() }
    }

    fn state(timeframe: Timeframe, last: i64) -> SeriesState {
        let series = Series { symbol: Symbol::new("AAPL").unwrap(), timeframe };
        SeriesState {
            series,
            first_ts: Some(last - DAY),
            last_ts: Some(last),
            last_final_ts: Some(last),
            rows: 10,
            source: None,
            derived_from: None,
            attempted_at: None,
            succeeded_at: None,
            gaps: 0,
            error: None,
            blocked: None,
        }
    }

    #[test]
    fn yesterdays_last_bar_is_fresh_until_todays_session_has_settled() {
        let wednesday_last = at(27, 20, 59); // 15:59 New York, the last minute of a full day
        let mut e = Expectation::default();
        // Friday the 29th closes early, at 18:00 UTC.
        for (now, want) in [(at(29, 15, 0), CellState::Fresh), (at(29, 18, 10), CellState::Fresh), (at(29, 18, 15), CellState::Late)] {
            e.update(now, 15 * 60);
            let cell = e.cell(&instrument(), Timeframe::M1, Some(&state(Timeframe::M1, wednesday_last)));
            assert_eq!(cell.state, want, "at {now}");
            if want == CellState::Late {
                assert_eq!(cell.late_since, Some(at(29, 14, 31)), "the first minute of Friday");
            }
        }
    }

    #[test]
    fn a_week_is_late_only_after_its_last_session() {
        let mut e = Expectation::default();
        let last_week = crate::market::date_to_ts(chrono::NaiveDate::from_ymd_opt(2024, 11, 18).unwrap());
        e.update(at(28, 12, 0), 900);
        assert_eq!(e.cell(&instrument(), Timeframe::W1, Some(&state(Timeframe::W1, last_week))).state, CellState::Fresh);
        e.update(at(30, 12, 0), 900);
        assert_eq!(e.cell(&instrument(), Timeframe::W1, Some(&state(Timeframe::W1, last_week))).state, CellState::Late);
    }

    #[test]
    fn failure_and_quarantine_outrank_lateness() {
        let mut e = Expectation::default();
        e.update(at(30, 12, 0), 900);
        let mut s = state(Timeframe::D1, 0);
        s.error = Some("refused".into());
        assert_eq!(e.cell(&instrument(), Timeframe::D1, Some(&s)).state, CellState::Failed);
        s.blocked = Some("check 6".into());
        assert_eq!(e.cell(&instrument(), Timeframe::D1, Some(&s)).state, CellState::Quarantined);
        assert_eq!(e.cell(&instrument(), Timeframe::D1, None).state, CellState::Empty);
    }
}
