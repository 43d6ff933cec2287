//! Which finding on record a new one is: a finding is known by what it means, not by its exact span.
//!
//! History grows at its end every night and now and then at its beginning, so the span of a finding moves while its
//! meaning stays. What an operator has settled must not come back for that, and what is open must not be listed twice.

use std::cmp::Reverse;

use crate::store::master::{Issue, Scope, Severity};

/// The check of one break in a history: it is known by the last bar before the break.
const BREAK: u8 = 6;
/// Checks of a run or a hole as a whole, which stays the same one as it grows or shrinks. The others judge each bar.
const WHOLE: [u8; 3] = [10, 12, 13];
/// The check of a listing, where each change is a finding of its own.
const LISTING: u8 = 22;

/// What an operator has said of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    Accepted,
    Dismissed,
}

/// A finding on record, of the same check and series as a new one.
#[derive(Clone, Debug)]
pub(super) struct Kin {
    pub id: i64,
    pub standing: Standing,
    pub severity: Severity,
    pub scope: Scope,
    pub message: String,
}

impl Kin {
    /// How near its scope comes to `scope`: the same one, the same end, the same beginning; the older one of equals.
    pub fn likeness(&self, scope: Scope) -> (bool, bool, bool, Reverse<i64>) {
        let (from, to) = match (self.scope, scope) {
            (Scope::Bars { from: a, to: b }, Scope::Bars { from: c, to: d }) => (a == c, b == d),
            _ => (false, false),
        };
        (self.scope == scope, to, from, Reverse(self.id))
    }
}

/// Whether a finding on record may be this one, of the same check and series.
pub(super) fn same(check: u8, kin: &Kin, issue: &Issue) -> bool {
    match (kin.scope, issue.scope) {
        (Scope::Series, Scope::Series) => check != LISTING || kin.message == issue.message,
        (Scope::Bars { to: a, .. }, Scope::Bars { to: b, .. }) if check == BREAK => a == b,
        (Scope::Bars { from: a, to: b }, Scope::Bars { from: c, to: d }) => a <= d && c <= b,
        _ => false,
    }
}

/// The part of a finding that a settled one speaks of: all of it where both are about one thing.
pub(super) fn common(issue: &Issue, settled: &Kin) -> Scope {
    match (issue.scope, settled.scope) {
        (Scope::Bars { from: a, to: b }, Scope::Bars { from: c, to: d }) if !is_whole(issue.check) => {
            Scope::Bars { from: a.max(c), to: b.min(d) }
        }
        _ => issue.scope,
    }
}

fn is_whole(check: u8) -> bool {
    check == BREAK || WHOLE.contains(&check)
}

/// What of a finding is news beside those that an operator has settled: all of it, nothing, or the bars in between.
pub(super) fn rests(issue: &Issue, settled: &[Kin]) -> Vec<Scope> {
    let Scope::Bars { from, to } = issue.scope else { return unless_settled(issue, settled) };
    if is_whole(issue.check) {
        return unless_settled(issue, settled);
    }
    let mut rests = vec![(from, to)];
    for kin in settled {
        if let Scope::Bars { from: a, to: b } = kin.scope {
            let outside = |(f, t): (i64, i64)| [(f, t.min(a.saturating_sub(1))), (f.max(b.saturating_add(1)), t)];
            rests = rests.into_iter().flat_map(outside).filter(|(f, t)| f <= t).collect();
        }
    }
    rests.into_iter().map(|(from, to)| Scope::Bars { from, to }).collect()
}

fn unless_settled(issue: &Issue, settled: &[Kin]) -> Vec<Scope> {
    if settled.iter().any(|k| same(issue.check, k, issue)) { Vec::new() } else { vec![issue.scope] }
}

/// The extent of an open finding that was found again: as found inside `window`, as known outside it.
pub(super) fn union(known: Scope, found: Scope, window: Option<(i64, i64)>) -> Scope {
    let (Scope::Bars { from: a, to: b }, Scope::Bars { from: c, to: d }) = (known, found) else { return found };
    let (start, end) = window.unwrap_or((i64::MAX, i64::MIN));
    Scope::Bars { from: if a < start { a.min(c) } else { c }, to: if b >= end { b.max(d) } else { d } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{Series, Symbol, Timeframe};

    const fn bars(from: i64, to: i64) -> Scope {
        Scope::Bars { from, to }
    }

    fn found(check: u8, scope: Scope) -> Issue {
        let series = Series { symbol: Symbol::new("AAPL").unwrap(), timeframe: Timeframe::D1 };
        Issue { check, severity: Severity::Exclude, series, scope, message: "new".into() }
    }

    fn kin(scope: Scope) -> Kin {
        Kin { id: 1, standing: Standing::Accepted, severity: Severity::Exclude, scope, message: "old".into() }
    }

    #[test]
    fn bars_that_were_not_settled_are_news() {
        let settled = [kin(bars(3, 4)), kin(bars(7, 7))];
        assert_eq!(rests(&found(9, bars(3, 4)), &settled), []);
        assert_eq!(rests(&found(9, bars(1, 9)), &settled), [bars(1, 2), bars(5, 6), bars(8, 9)]);
        assert_eq!(rests(&found(9, bars(10, 12)), &settled), [bars(10, 12)]);
    }

    #[test]
    fn a_run_stays_the_same_one_and_a_break_is_known_by_its_end() {
        assert_eq!(rests(&found(12, bars(1, 9)), &[kin(bars(3, 4))]), []);
        assert_eq!(rests(&found(6, bars(-99, 4)), &[kin(bars(3, 4))]), [], "older bars were fetched");
        assert_eq!(rests(&found(6, bars(3, 8)), &[kin(bars(3, 4))]), [bars(3, 8)], "a second split");
    }

    #[test]
    fn each_change_of_a_listing_is_news_and_lateness_is_not() {
        assert_eq!(rests(&found(15, Scope::Series), &[kin(Scope::Series)]), []);
        assert_eq!(rests(&found(22, Scope::Series), &[kin(Scope::Series)]), [Scope::Series]);
    }

    #[test]
    fn a_look_at_a_part_changes_a_part() {
        assert_eq!(union(bars(1, 5), bars(4, 8), Some((4, 9))), bars(1, 8));
        assert_eq!(union(bars(1, 5), bars(2, 3), Some((0, 9))), bars(2, 3));
        assert_eq!(union(bars(1, 5), bars(4, 8), None), bars(1, 8));
    }

    #[test]
    fn the_nearest_scope_is_taken() {
        let near = |scope| kin(scope).likeness(bars(3, 8));
        assert!(near(bars(3, 8)) > near(bars(1, 8)) && near(bars(1, 8)) > near(bars(3, 4)) && near(bars(3, 4)) > near(bars(4, 7)));
    }
}
