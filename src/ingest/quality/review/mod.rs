//! Checks on a stored history, after writing.
//!
//! Daily bars get all of them. Intraday, and on weekly and monthly bars, only those that mean something there run:
//! missing sessions, stale runs from half an hour up, and freshness. Jumps and volumes inside a day are judged
//! through the daily bars they add up to (check 23).

mod actions;
mod calendar;
mod moves;
mod volume;

pub use calendar::{Behind, VENDOR_DELAY, behind};

use super::faults::{Faults, arranged};
use crate::config::QualitySettings;
use crate::market::{Calendar, Candle, Dividend, Series, Split, Timeframe};
use crate::store::master::{Issue, Scope, Severity};

/// What the prices of a series mean across a split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// Restated for every later split, as the sources serve them: a split leaves no jump.
    #[default]
    SplitAdjusted,
    /// As traded on the day: every split shows as a jump.
    Raw,
}

/// A stored history and what is known beside it.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Which series.
    pub series: Series,
    /// Its sessions.
    pub calendar: Calendar,
    /// All stored bars, ascending, also those that earlier findings hide.
    pub bars: &'a [Candle],
    /// What the prices mean across a split.
    pub basis: Basis,
    /// Stored splits, ascending.
    pub splits: &'a [Split],
    /// Stored dividends, ascending.
    pub dividends: &'a [Dividend],
    /// The source's split- and dividend-adjusted closes, one per bar, where it serves them.
    pub adj_close: Option<&'a [f64]>,
    /// UTC seconds.
    pub now: i64,
    /// Seconds after a close before a missing bar counts as late ([`VENDOR_DELAY`]).
    pub delay: i64,
    /// Thresholds.
    pub settings: &'a QualitySettings,
}

impl Input<'_> {
    fn issue(&self, check: u8, severity: Severity, scope: Scope, message: String) -> Issue {
        Issue { check, severity, series: self.series, scope, message }
    }
}

/// Bars a series needs before features of it mean anything (check 24).
const ELIGIBLE: usize = 272;

/// Checks 6, 7, 8, 10, 12, 13, 14, 15, 18, 19 and 24, by check and time. A bar that is still forming is left out; an
/// empty history has no findings.
pub fn review(input: &Input<'_>) -> Vec<Issue> {
    let finals = input.bars.iter().rposition(|b| b.is_final).map_or(0, |i| i + 1);
    let input = &Input { bars: &input.bars[..finals], ..*input };
    if input.bars.is_empty() || !input.settings.enabled {
        return Vec::new();
    }
    let timeframe = input.series.timeframe;
    let mut faults = Faults::new(input.series);
    let mut issues = calendar::missing_sessions(input);
    issues.extend(calendar::freshness(input));
    if !timeframe.is_intraday() || timeframe >= Timeframe::M30 {
        issues.extend(volume::stale(input));
    }
    if timeframe == Timeframe::D1 {
        issues.extend(moves::moves(input));
        issues.extend(volume::lifeless(input));
        volume::outliers(input, &mut faults);
        issues.extend(actions::adjustments(input));
        issues.extend(actions::continuous_splits(input));
        if input.bars.len() < ELIGIBLE {
            let message = format!("{} daily bars, features need {ELIGIBLE}: not eligible yet", input.bars.len());
            issues.push(input.issue(24, Severity::Info, Scope::Series, message));
        }
    }
    issues.extend(faults.into_issues());
    arranged(issues)
}

#[cfg(test)]
mod tests;
