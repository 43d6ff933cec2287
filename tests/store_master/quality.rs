//! Findings hide bars and block series; settling them shows what may be shown.

use nightdesk::market::Series;
use nightdesk::store::master::{CandleQuery, Issue, IssueFilter, IssueReport, Resolution, Scope, Severity, Span, StoreError, verify};

use crate::{Desk, START, aapl, batch, minutes};

fn issue(check: u8, severity: Severity, from: i64, to: i64) -> Issue {
    let scope = Scope::Bars { from: START + 60 * from, to: START + 60 * to };
    Issue { check, severity, series: aapl(), scope, message: format!("check {check}") }
}

fn seen(desk: &Desk) -> Vec<i64> {
    let c = desk.reader().candles(&CandleQuery::new(aapl(), Span::All)).unwrap();
    assert!(verify(&desk.db(), &mut |_, _| {}).unwrap().is_sound());
    c.ts.iter().map(|ts| (ts - START) / 60).collect()
}

#[tokio::test]
async fn quarantine_hides_and_acceptance_shows() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(6))).await.unwrap();
    let found = vec![issue(1, Severity::Critical, 1, 3), issue(2, Severity::Exclude, 3, 4), issue(3, Severity::Warn, 0, 5)];
    let report = writer.issues(found.clone(), Some(1)).await.unwrap();
    assert_eq!(report, IssueReport { opened: 3, known: 0, fixed: 0 });
    assert_eq!(seen(&desk), [0, 5]);
    let reader = desk.reader();
    assert_eq!(reader.quarantined_spans(aapl()).unwrap(), [(START + 60, START + 300)]);
    assert_eq!(reader.issue_counts().unwrap(), (2, 3));
    let open = reader.open_issues(9).unwrap();
    assert_eq!(open.iter().map(|i| i.issue.check).collect::<Vec<_>>(), [1, 2, 3]);

    // Bar 3 stays hidden: check 2 covers it too.
    let settled = writer.resolve(open[0].id, Resolution::Accepted, "a real move".into()).await.unwrap();
    assert_eq!(settled.resolved, Some((START + 86_400, "accepted: a real move".into())));
    assert_eq!(seen(&desk), [0, 1, 2, 5]);
    // An accepted finding is not opened again, an open one is known.
    assert_eq!(writer.issues(found, Some(2)).await.unwrap(), IssueReport { opened: 0, known: 3, fixed: 0 });
    assert_eq!(seen(&desk), [0, 1, 2, 5]);
    // A dismissed one stops asking and keeps hiding.
    writer.resolve(open[1].id, Resolution::Dismissed, String::new()).await.unwrap();
    assert_eq!((seen(&desk), reader.issue_counts().unwrap()), (vec![0, 1, 2, 5], (0, 1)));
    let all = IssueFilter { symbol: Some(aapl().symbol), timeframe: None, settled: true, limit: 9 };
    assert_eq!(reader.data_quality_issues(all).unwrap().len(), 3);
    assert!(matches!(writer.resolve(99, Resolution::Fixed, String::new()).await, Err(StoreError::NoIssue(99))));
}

#[tokio::test]
async fn corrected_bars_come_out_of_quarantine_and_unchanged_ones_stay() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(6))).await.unwrap();
    let found = issue(1, Severity::Exclude, 2, 3);
    writer.issues(vec![found.clone()], None).await.unwrap();
    let mut again = minutes(6);
    again[2].close += 1.0;
    writer.candles(batch(again)).await.unwrap();
    assert_eq!(seen(&desk), [0, 1, 2, 4, 5]);
    // Found again on the new bar, it hides again; not found, it is fixed.
    let window = (START, START + 360);
    let report = writer.reconcile(aapl(), vec![1], window, vec![found], None).await.unwrap();
    assert_eq!((report, seen(&desk)), (IssueReport { opened: 0, known: 1, fixed: 0 }, vec![0, 1, 4, 5]));
    for (checks, window) in [(vec![2], window), (vec![1], (START + 180, START + 360))] {
        assert_eq!(writer.reconcile(aapl(), checks, window, vec![], None).await.unwrap().fixed, 0);
    }
    assert_eq!(writer.reconcile(aapl(), vec![1], window, vec![], None).await.unwrap().fixed, 1);
    assert_eq!(seen(&desk), [0, 1, 2, 3, 4, 5]);
    // A fixed finding can come back.
    assert_eq!(writer.issues(vec![issue(1, Severity::Exclude, 2, 3)], None).await.unwrap().opened, 1);
    // And it can become milder.
    writer.issues(vec![issue(1, Severity::Warn, 2, 3)], None).await.unwrap();
    assert_eq!(seen(&desk), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_critical_finding_on_a_series_blocks_it() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(3))).await.unwrap();
    let found = Issue { scope: Scope::Series, ..issue(7, Severity::Critical, 0, 0) };
    writer.issues(vec![found.clone()], None).await.unwrap();
    let reader = desk.reader();
    let q = CandleQuery::new(aapl(), Span::Last(2));
    assert!(matches!(reader.candles(&q), Err(StoreError::Blocked { reason, .. }) if reason == "check 7"));
    assert_eq!(reader.candles(&CandleQuery { include_quarantined: true, ..q }).unwrap().len(), 2);
    assert_eq!(reader.series_state(aapl()).unwrap().unwrap().blocked.as_deref(), Some("check 7"));
    let other = Series { timeframe: nightdesk::market::Timeframe::D1, ..aapl() };
    assert!(reader.candles(&CandleQuery::new(other, Span::All)).unwrap().is_empty());
    let id = reader.open_issues(1).unwrap()[0].id;
    assert_eq!(reader.issue(id).unwrap().unwrap().issue, found);
    writer.resolve(id, Resolution::Fixed, String::new()).await.unwrap();
    assert_eq!(seen(&desk), [0, 1, 2]);
}

#[tokio::test]
async fn bars_and_the_findings_that_hide_them_are_written_together() {
    let desk = Desk::new();
    let writer = desk.writer();
    let (window, bad) = ((START, START + 360), issue(9, Severity::Critical, 2, 3));
    let (report, found) = writer.screened(batch(minutes(6)), vec![9], window, vec![bad.clone()]).await.unwrap();
    assert_eq!((report.inserted, found.opened), (6, 1));
    assert_eq!(seen(&desk), [0, 1, 4, 5]);
    let mut broken = minutes(8);
    broken[7].close = f64::NAN;
    assert!(writer.screened(batch(broken), vec![9], window, vec![Issue { check: 5, ..bad }]).await.is_err());
    assert_eq!(desk.reader().issue_counts().unwrap(), (1, 1), "no findings of bars that are not stored");
    let mut again = minutes(6);
    again[2].close += 1.0;
    assert_eq!(writer.screened(batch(again), vec![9], window, vec![]).await.unwrap().1.fixed, 1);
    assert_eq!(seen(&desk), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_finding_whose_span_moves_stays_the_same_one() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(12))).await.unwrap();
    let found = |check, from, to| vec![issue(check, Severity::Exclude, from, to)];
    let log = |found: Vec<Issue>| writer.reconcile(aapl(), vec![6, 9, 12], (i64::MIN, i64::MAX), found, None);
    // A stale run that goes on: open, then accepted.
    assert_eq!(log(found(12, 2, 4)).await.unwrap().opened, 1);
    assert_eq!(log(found(12, 2, 5)).await.unwrap(), IssueReport { opened: 0, known: 1, fixed: 0 });
    assert_eq!(seen(&desk), [0, 1, 6, 7, 8, 9, 10, 11]);
    let open = || desk.reader().open_issues(9).unwrap();
    writer.resolve(open()[0].id, Resolution::Accepted, String::new()).await.unwrap();
    assert_eq!(log(found(12, 1, 6)).await.unwrap(), IssueReport { opened: 0, known: 1, fixed: 0 });
    assert_eq!(seen(&desk).len(), 12);
    // Worse than what was accepted is news.
    let worse = Issue { severity: Severity::Critical, ..found(12, 1, 7).remove(0) };
    assert_eq!(log(vec![worse]).await.unwrap().opened, 1);
    assert_eq!(log(vec![]).await.unwrap().fixed, 1);
    // A break is known by its last bar, however far back the history reaches; another break is another finding.
    log(found(6, 3, 5)).await.unwrap();
    writer.resolve(open()[0].id, Resolution::Dismissed, String::new()).await.unwrap();
    assert_eq!(log(found(6, 0, 5)).await.unwrap(), IssueReport { opened: 0, known: 1, fixed: 0 });
    assert_eq!(seen(&desk), [6, 7, 8, 9, 10, 11], "still hidden, and the older bars with it");
    assert_eq!(log(found(6, 0, 8)).await.unwrap().opened, 1);
}

#[tokio::test]
async fn a_bad_bar_beside_an_accepted_one_is_news() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(6))).await.unwrap();
    let log = |from, to| writer.reconcile(aapl(), vec![9], (START, START + 360), vec![issue(9, Severity::Critical, from, to)], None);
    log(1, 1).await.unwrap();
    let reader = desk.reader();
    let first = reader.open_issues(9).unwrap().remove(0);
    writer.resolve(first.id, Resolution::Accepted, String::new()).await.unwrap();
    assert_eq!(log(1, 2).await.unwrap(), IssueReport { opened: 1, known: 1, fixed: 0 });
    assert_eq!(seen(&desk), [0, 1, 3, 4, 5]);
    let open = reader.open_issues(9).unwrap();
    assert_eq!(open[0].issue.scope, issue(9, Severity::Critical, 2, 2).scope);
    assert_eq!(log(1, 2).await.unwrap(), IssueReport { opened: 0, known: 2, fixed: 0 });
    // A look at a part of the span leaves the rest as it was.
    let part = vec![issue(9, Severity::Critical, 3, 4)];
    writer.reconcile(aapl(), vec![9], (START + 180, START + 360), part, None).await.unwrap();
    assert_eq!(seen(&desk), [0, 1, 5]);
}
