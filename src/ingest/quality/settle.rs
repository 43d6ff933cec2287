//! Closing what is no longer found.

use crate::market::Series;
use crate::store::master::{Issue, Scope, StoredIssue};

/// Keys of the open findings of `series` that a fresh pass has disproved: their check is among `checks`, they lie
/// wholly inside the `span` that was checked (`[start, end)` in stamps; findings on the series as a whole count as
/// inside), and `found` no longer holds one of that check on any of their bars. The pipeline resolves these as fixed:
/// without it a bar that a source corrected would stay hidden.
pub fn settled(open: &[StoredIssue], series: Series, checks: &[u8], span: (i64, i64), found: &[Issue]) -> Vec<i64> {
    let inside = |scope: Scope| match scope {
        Scope::Bars { from, to } => from >= span.0 && to < span.1,
        Scope::Series => true,
    };
    let again = |old: &Issue| found.iter().any(|new| new.check == old.check && new.series == series && overlap(new.scope, old.scope));
    open.iter()
        .filter(|o| o.resolved.is_none() && o.issue.series == series && checks.contains(&o.issue.check))
        .filter(|o| inside(o.issue.scope) && !again(&o.issue))
        .map(|o| o.id)
        .collect()
}

const fn overlap(a: Scope, b: Scope) -> bool {
    match (a, b) {
        (Scope::Bars { from, to }, Scope::Bars { from: start, to: end }) => from <= end && start <= to,
        (Scope::Series, Scope::Series) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{Symbol, Timeframe};
    use crate::store::master::Severity;

    #[test]
    fn only_disproved_findings_inside_the_span_are_closed() {
        let series = Series { symbol: Symbol::new("AAPL").unwrap(), timeframe: Timeframe::D1 };
        let issue = |check, scope| Issue { check, severity: Severity::Critical, series, scope, message: String::new() };
        let stored = |id, check, scope| StoredIssue { id, opened_at: 0, run_id: None, resolved: None, issue: issue(check, scope) };
        let bars = |from, to| Scope::Bars { from, to };
        let mut open = vec![
            stored(1, 5, bars(10, 20)),
            stored(2, 5, bars(90, 120)),
            stored(3, 8, bars(10, 20)),
            stored(4, 5, bars(30, 40)),
            stored(5, 5, Scope::Series),
            stored(6, 5, bars(50, 60)),
        ];
        open[5].resolved = Some((0, "accepted".into()));
        let found = [issue(5, bars(35, 36))];
        assert_eq!(settled(&open, series, &[5], (0, 100), &found), [1, 5]);
        assert!(settled(&open, Series { timeframe: Timeframe::W1, ..series }, &[5], (0, 100), &[]).is_empty());
    }
}
