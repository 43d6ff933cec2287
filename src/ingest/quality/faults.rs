//! What a check can find wrong with single bars, and the gathering of adjoining bars into one issue.
//!
//! A vendor's mistake rarely hits one bar: fifty rows of nulls are one finding of fifty bars, not fifty findings.

use crate::market::{Series, Timeframe, ts_to_date};
use crate::store::master::{Issue, Scope, Severity};

/// Issues of one kind that a call lists one by one; the bars after them are gathered in the last one, so that a feed
/// gone mad does not write a row per bar into the log.
const LISTED: usize = 256;

/// What is wrong with a bar. Check number, severity and wording hang on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoPrice,
    NoPlace,
    Repeated,
    Conflicting,
    Illogical,
    Unenclosed,
    NotPositive,
    NegativeVolume,
    WrongUnit,
    NonSession,
    OffGrid,
    StillForming,
    ThinLast,
    VolumeHigh,
    VolumeLow,
    Revised,
    SourceDiffers,
    SourceContradicts,
    PriceDiffers,
    PriceContradicts,
    VolumeDiffers,
    VolumeContradicts,
}

impl Fault {
    const COUNT: usize = Self::VolumeContradicts as usize + 1;

    /// Number of the check that looks for it.
    pub(super) const fn check(self) -> u8 {
        match self {
            Self::NoPrice | Self::NoPlace => 1,
            Self::Repeated | Self::Conflicting => 2,
            Self::Illogical | Self::Unenclosed => 4,
            Self::NotPositive | Self::NegativeVolume => 5,
            Self::WrongUnit => 9,
            Self::NonSession => 11,
            Self::VolumeHigh | Self::VolumeLow => 14,
            Self::StillForming | Self::ThinLast => 16,
            Self::Revised => 17,
            Self::SourceDiffers | Self::SourceContradicts => 20,
            Self::PriceDiffers | Self::PriceContradicts | Self::VolumeDiffers | Self::VolumeContradicts => 23,
            Self::OffGrid => 25,
        }
    }

    const fn severity(self) -> Severity {
        match self {
            Self::Repeated => Severity::Info,
            Self::Unenclosed
            | Self::VolumeHigh
            | Self::VolumeLow
            | Self::Revised
            | Self::SourceDiffers
            | Self::PriceDiffers
            | Self::VolumeDiffers => Severity::Warn,
            Self::NonSession | Self::SourceContradicts | Self::PriceContradicts | Self::VolumeContradicts => Severity::Exclude,
            _ => Severity::Critical,
        }
    }

    /// What is said of the bars; `figure` is that of the first of them.
    fn clause(self, figure: f64) -> String {
        match self {
            Self::NoPrice => "with a price that is missing or not a number; not stored".into(),
            Self::NoPlace => {
                "stamped where no bar can be (in the future, off its boundary, or outside the calendar's years); not stored".into()
            }
            Self::Repeated => "received more than once with the same content; kept once".into(),
            Self::Conflicting => "received more than once with different content; the last one is kept, in quarantine".into(),
            Self::Illogical => format!("whose high and low miss the other prices by {:.2}% of the close", figure * 100.0),
            Self::Unenclosed => format!("whose high and low miss the other prices by {:.4}% of the close", figure * 100.0),
            Self::NotPositive => format!("with a price of {figure}, not above zero"),
            Self::NegativeVolume => format!("with a volume of {figure}, below zero"),
            Self::WrongUnit => {
                format!("priced at {figure:.4} times the median of the five closes before: cents for dollars, or the reverse")
            }
            Self::NonSession => "outside trading sessions (a weekend, a holiday, or outside regular hours); not stored".into(),
            Self::OffGrid => format!("stamped {figure:.0} seconds past a bar boundary, which starts at the session's open"),
            Self::StillForming => "said to be final before their close; kept as still forming".into(),
            Self::ThinLast => {
                format!("with {:.0}% of the usual volume, fetched right after the close: probably not complete yet", figure * 100.0)
            }
            Self::VolumeHigh => format!("with a log volume {figure:.1} standard deviations above its 60-bar mean"),
            Self::VolumeLow => format!("with {:.2}% of the 60-bar median volume", figure * 100.0),
            Self::Revised => format!("changed by the source after they were final, by {:.3}% in the first", figure * 100.0),
            Self::SourceDiffers | Self::SourceContradicts => {
                format!("whose close differs from the second source by {:.2}%", figure * 100.0)
            }
            Self::PriceDiffers | Self::PriceContradicts => format!("whose prices differ from the intraday bars by {:.1}%", figure * 100.0),
            Self::VolumeDiffers | Self::VolumeContradicts => {
                format!("to whose volume the intraday bars add up with {:+.1}%", figure * 100.0)
            }
        }
    }
}

struct Run {
    fault: Fault,
    last_position: usize,
    from: i64,
    to: i64,
    count: usize,
    figure: f64,
}

/// Gathers faults, bar by bar in ascending order, into issues over adjoining bars.
pub(super) struct Faults {
    series: Series,
    open: [Option<Run>; Fault::COUNT],
    listed: [usize; Fault::COUNT],
    issues: Vec<Issue>,
}

impl Faults {
    pub(super) fn new(series: Series) -> Self {
        Self { series, open: [const { None }; Fault::COUNT], listed: [0; Fault::COUNT], issues: Vec::new() }
    }

    /// Notes a fault of the bar stamped `ts` at `position` of the run; positions that follow each other adjoin.
    pub(super) fn note(&mut self, fault: Fault, position: usize, ts: i64, figure: f64) {
        let slot = &mut self.open[fault as usize];
        match slot {
            Some(run) if position <= run.last_position + 1 || self.listed[fault as usize] >= LISTED => {
                (run.last_position, run.to, run.count) = (position, run.to.max(ts), run.count + 1);
            }
            _ => {
                let closed = slot.replace(Run { fault, last_position: position, from: ts, to: ts, count: 1, figure });
                self.listed[fault as usize] += 1;
                self.issues.extend(closed.map(|run| issue_of(self.series, &run)));
            }
        }
    }

    /// Adds an issue that covers more than adjoining bars.
    pub(super) fn push(&mut self, issue: Issue) {
        self.issues.push(issue);
    }

    /// All issues, by check and then by time.
    pub(super) fn into_issues(mut self) -> Vec<Issue> {
        let open = std::mem::replace(&mut self.open, [const { None }; Fault::COUNT]);
        self.issues.extend(open.into_iter().flatten().map(|run| issue_of(self.series, &run)));
        arranged(self.issues)
    }
}

/// Issues by check and then by the first bar they cover. The log knows a finding by check and span, so those that
/// share both become one: the worst severity, all that was said.
pub(super) fn arranged(mut issues: Vec<Issue>) -> Vec<Issue> {
    issues.sort_by_key(|i| match i.scope {
        Scope::Bars { from, to } => (i.check, from, to),
        Scope::Series => (i.check, i64::MIN, i64::MIN),
    });
    issues.dedup_by(|later, kept| {
        let same = (later.check, later.series, later.scope) == (kept.check, kept.series, kept.scope);
        if same {
            kept.severity = kept.severity.max(later.severity);
            kept.message = format!("{}. {}", kept.message, later.message);
        }
        same
    });
    issues
}

fn issue_of(series: Series, run: &Run) -> Issue {
    let bars = if run.count == 1 { "1 bar" } else { &format!("{} bars", run.count) };
    let message = format!("{}: {bars} {}", span_text(series.timeframe, run.from, run.to), run.fault.clause(run.figure));
    let scope = Scope::Bars { from: run.from, to: run.to };
    Issue { check: run.fault.check(), severity: run.fault.severity(), series, scope, message }
}

/// A stamp for people: the date of daily and longer bars, date and minute in UTC of the others.
pub(super) fn stamp_text(timeframe: Timeframe, ts: i64) -> String {
    if timeframe.is_intraday()
        && let Some(t) = chrono::DateTime::from_timestamp(ts, 0)
    {
        return t.format("%Y-%m-%d %H:%M UTC").to_string();
    }
    ts_to_date(ts).to_string()
}

/// A span of stamps for people.
pub(super) fn span_text(timeframe: Timeframe, from: i64, to: i64) -> String {
    if from == to {
        return stamp_text(timeframe, from);
    }
    format!("{} to {}", stamp_text(timeframe, from), stamp_text(timeframe, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{DAY, Symbol};

    fn faults() -> Faults {
        Faults::new(Series { symbol: Symbol::new("AAPL").unwrap(), timeframe: Timeframe::D1 })
    }

    #[test]
    fn adjoining_bars_make_one_issue() {
        let mut f = faults();
        for position in [3, 4, 5, 9] {
            f.note(Fault::NotPositive, position, position as i64 * DAY, 0.0);
        }
        let issues = f.into_issues();
        assert_eq!(issues.len(), 2);
        assert_eq!(issues[0].scope, Scope::Bars { from: 3 * DAY, to: 5 * DAY });
        assert_eq!(issues[0].message, "1970-01-04 to 1970-01-06: 3 bars with a price of 0, not above zero");
        assert_eq!(issues[1].message, "1970-01-10: 1 bar with a price of 0, not above zero");
    }

    #[test]
    fn what_the_log_cannot_tell_apart_becomes_one() {
        let mut f = faults();
        f.note(Fault::Repeated, 0, DAY, 0.0);
        f.note(Fault::Conflicting, 0, DAY, 0.0);
        f.note(Fault::Repeated, 4, 5 * DAY, 0.0);
        let issues = f.into_issues();
        assert_eq!(issues.iter().map(|i| i.severity).collect::<Vec<_>>(), [Severity::Critical, Severity::Info]);
        assert!(issues[0].message.contains("kept once. 1970-01-02: 1 bar received more than once with different content"));
    }

    #[test]
    fn a_feed_gone_mad_does_not_flood_the_log() {
        let mut f = faults();
        for position in 0..10_000 {
            f.note(Fault::WrongUnit, position * 2, position as i64 * DAY, 100.0);
        }
        let issues = f.into_issues();
        assert_eq!(issues.len(), LISTED);
        assert_eq!(issues[LISTED - 1].scope, Scope::Bars { from: 255 * DAY, to: 9_999 * DAY });
    }
}
