//! Counts of what is odd in a run of rows as received: a description, not a judgement.
//!
//! The import's summary and the tests call it; the checks are built on the same predicates, so a count here and a
//! finding there cannot disagree on what was seen.

use std::collections::HashSet;

use chrono::Datelike;

use super::facts::Facts;
use super::measures::{holes, is_jump, log_returns, runs, trailing_sigma};
use crate::market::{Calendar, Candle, Timeframe, ts_to_date};

/// The stamp of a row whose date could not be read.
pub const BAD_DATE: i64 = i64::MIN;

/// Move that the `jump` counter counts.
const JUMP: f64 = 0.4;
/// Sigmas that the `sigma10` counter counts, and the returns a sigma needs.
const SIGMAS: f64 = 10.0;
const LEAST_RETURNS: usize = 20;

/// What a run of rows holds. Rows stay in the order received and nothing is dropped before counting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Rows.
    pub rows: usize,
    /// Rows with a price missing, NaN or infinite.
    pub null: usize,
    /// Rows whose date could not be read ([`BAD_DATE`]).
    pub bad_date: usize,
    /// Rows with a stamp that an earlier row has.
    pub dup: usize,
    /// Rows stamped before the row ahead of them.
    pub unsorted: usize,
    /// Rows with a price of zero or less.
    pub nonpos: usize,
    /// Rows with a volume below zero.
    pub negvol: usize,
    /// Rows with high below low.
    pub high_lt_low: usize,
    /// Rows with high below open or close.
    pub high_lt_oc: usize,
    /// Rows with low above open or close.
    pub low_gt_oc: usize,
    /// Rows with volume zero.
    pub zero_vol: usize,
    /// Rows with one price for open, high, low and close.
    pub flat: usize,
    /// Closes that moved by more than 40% (by ratio, up or down) on the row before.
    pub jump40: usize,
    /// Log returns above ten times the standard deviation of the 60 before (at least 20 of them).
    pub sigma10: usize,
    /// Most times in a row that a close repeats the one before.
    pub max_same_close_run: usize,
    /// Rows stamped on a Saturday or Sunday, UTC.
    pub weekend: usize,
    /// Sessions between the first and last date without a row (daily rows, with a calendar).
    pub missing_sessions: usize,
    /// Rows on a date without a session (daily rows, with a calendar).
    pub non_sessions: usize,
}

/// Counts rows in the order received. With a calendar the rows are taken as daily and held against its sessions.
pub fn census(rows: &[Candle], calendar: Option<Calendar>) -> Census {
    let mut c = Census { rows: rows.len(), ..Census::default() };
    for row in rows {
        let facts = Facts::of(row);
        c.null += usize::from(facts.any(Facts::NULL));
        c.nonpos += usize::from(facts.any(Facts::NONPOSITIVE));
        c.negvol += usize::from(facts.any(Facts::NEGATIVE_VOLUME));
        c.high_lt_low += usize::from(facts.any(Facts::HIGH_LT_LOW));
        c.high_lt_oc += usize::from(facts.any(Facts::HIGH_LT_OC));
        c.low_gt_oc += usize::from(facts.any(Facts::LOW_GT_OC));
        c.zero_vol += usize::from(facts.any(Facts::ZERO_VOLUME));
        c.flat += usize::from(facts.any(Facts::FLAT));
    }
    count_stamps(&mut c, rows, calendar);
    let returns = log_returns(rows);
    c.jump40 = returns.iter().filter(|&&r| is_jump(r, JUMP)).count();
    let beyond = |i: usize| trailing_sigma(&returns, i, LEAST_RETURNS).is_some_and(|s| returns[i].abs() > SIGMAS * s);
    c.sigma10 = (0..rows.len()).filter(|&i| beyond(i)).count();
    c.max_same_close_run = runs(rows, 2, |a, b| a.close == b.close).into_iter().map(|(from, to)| to - from).max().unwrap_or(0);
    c
}

fn count_stamps(c: &mut Census, rows: &[Candle], calendar: Option<Calendar>) {
    let mut dated: Vec<Candle> = rows.iter().filter(|r| r.ts != BAD_DATE).copied().collect();
    c.bad_date = rows.len() - dated.len();
    c.unsorted = dated.windows(2).filter(|w| w[1].ts < w[0].ts).count();
    c.dup = dated.len() - dated.iter().map(|r| r.ts).collect::<HashSet<_>>().len();
    c.weekend = dated.iter().filter(|r| ts_to_date(r.ts).weekday().number_from_monday() > 5).count();
    let Some(calendar) = calendar else { return };
    dated.sort_by_key(|r| r.ts);
    c.non_sessions = dated.iter().filter(|r| calendar.session_on(ts_to_date(r.ts)).is_none()).count();
    c.missing_sessions = holes(calendar, Timeframe::D1, &dated).into_iter().map(|h| h.count).sum();
}
