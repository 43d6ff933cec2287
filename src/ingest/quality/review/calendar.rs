//! Missing sessions (check 10) and freshness (check 15).

use super::Input;
use crate::ingest::quality::faults::{span_text, stamp_text};
use crate::ingest::quality::measures::holes;
use crate::market::{Calendar, DAY, Timeframe, date_to_ts};
use crate::store::master::{Issue, Scope, Severity};

/// Seconds after a close in which a source may still be putting its bar together.
pub const VENDOR_DELAY: i64 = 2 * 3_600;

/// Check 10. The finding covers stamps without a bar, so it hides nothing, and a hole in the past does not block the
/// series; it stays open until the hole is filled or an operator accepts it (a halt, a listing gap).
pub(super) fn missing_sessions(input: &Input<'_>) -> Vec<Issue> {
    let timeframe = input.series.timeframe;
    let unit = match timeframe {
        Timeframe::W1 => "week",
        Timeframe::Mo1 => "month",
        _ => "session",
    };
    holes(input.calendar, timeframe, input.bars)
        .into_iter()
        .map(|hole| {
            let severity = match hole.count {
                1 => Severity::Warn,
                2..=4 => Severity::Exclude,
                _ => Severity::Critical,
            };
            let plural = if hole.count == 1 { "" } else { "s" };
            let message = format!("{}: no bar for {} {unit}{plural}", span_text(timeframe, hole.from, hole.to), hole.count);
            input.issue(10, severity, Scope::Bars { from: hole.from, to: hole.to }, message)
        })
        .collect()
}

/// How far a series is behind its calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The bar that should be there: its stamp, or the open of its session for intraday series.
    pub expected: i64,
    /// Sessions closed since the last stored one (weeks or months for those bars).
    pub count: usize,
}

/// Whether a series whose last final bar is stamped `last` lacks bars that a source should have at `now`, `delay`
/// seconds after the close. This is the question that signals ask before they use a series; readers of history do
/// not.
pub fn behind(calendar: Calendar, timeframe: Timeframe, last: i64, now: i64, delay: i64) -> Option<Behind> {
    let until = now.saturating_sub(delay);
    let mut expected = None;
    let mut count = 0;
    if matches!(timeframe, Timeframe::W1 | Timeframe::Mo1) {
        for stamp in calendar.expected(timeframe, last.saturating_add(1), until) {
            (expected, count) = (Some(stamp), count + 1);
        }
    } else {
        let open = |date| if timeframe.is_intraday() { calendar.session_on(date).map_or(0, |s| s.open) } else { date_to_ts(date) };
        // Intraday a session counts once it holds any bar; its last minutes may have had no trade.
        let after = |s: &crate::market::Session| if timeframe.is_intraday() { s.open > last } else { date_to_ts(s.date) > last };
        for session in calendar.sessions(last, until).filter(after).filter(|s| s.close <= until) {
            (expected, count) = (Some(open(session.date)), count + 1);
        }
    }
    expected.map(|expected| Behind { expected, count })
}

/// Check 15. Recorded as W on the whole series: C there would shut out every reader of a history that is sound.
pub(super) fn freshness(input: &Input<'_>) -> Option<Issue> {
    let timeframe = input.series.timeframe;
    let last = input.bars.last()?.ts;
    // Ten years behind and a hundred are the same message; the bound keeps a wrong clock from listing sessions for ever.
    let now = input.now.min(last.saturating_add(3_660 * DAY));
    let late = behind(input.calendar, timeframe, last, now, input.delay)?;
    let unit = match (timeframe, late.count) {
        (Timeframe::W1, 1) => "1 week".into(),
        (Timeframe::W1, n) => format!("{n} weeks"),
        (Timeframe::Mo1, 1) => "1 month".into(),
        (Timeframe::Mo1, n) => format!("{n} months"),
        (_, 1) => "1 session".into(),
        (_, n) => format!("{n} sessions"),
    };
    let message = format!(
        "Behind by {unit}: the last bar is of {}, {} is due; no signals",
        stamp_text(timeframe, last),
        stamp_text(timeframe, late.expected)
    );
    Some(input.issue(15, Severity::Warn, Scope::Series, message))
}
