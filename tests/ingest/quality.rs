//! Bad bars on their way through a run: found, hidden, left out of what is derived, and shown again by an operator.

use nightdesk::config::{Lookback, SourcePolicy};
use nightdesk::engine::{Command, IngestSpec, Query, Reply};
use nightdesk::market::Timeframe;
use nightdesk::store::master::{Resolution, RunState, Scope};

use crate::support::{Build, Desk, daily, quick_settings, series};

fn yahoo_days() -> IngestSpec {
    IngestSpec { source: Some(SourcePolicy::Yahoo), lookback: Some(Lookback::days(300)), ..daily() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_a_hundred_times_too_high_is_hidden_until_an_operator_shows_it() {
    let mut desk = Desk::build(&["AAPL"], Build { settings: quick_settings(), ..Build::default() }).await;
    desk.yahoo_fault("x100:AAPL");
    let run = desk.ingest(yahoo_days()).await;
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.summary);
    let Reply::Issues(issues) = desk.client().query(Query::Issues { limit: 99 }).await.unwrap() else { panic!("no findings") };
    let daily = series("AAPL", Timeframe::D1);
    let hiding: Vec<_> = issues.iter().filter(|i| i.issue.severity.hides() && i.issue.series == daily).collect();
    assert!(!hiding.is_empty(), "{issues:?}");
    let Scope::Bars { from, .. } = hiding[0].issue.scope else { panic!("{:?}", hiding[0]) };
    let bars = |hidden| desk.reader().bars(daily, (i64::MIN, i64::MAX), hidden).unwrap();
    let (shown, all) = (bars(false), bars(true));
    assert!(shown.len() < all.len());
    let usual = shown[shown.len() / 2].close;
    assert!(shown.iter().all(|b| b.close < usual * 10.0), "no wrong price is shown");
    let week = series("AAPL", Timeframe::W1);
    let weeks = |d: &Desk| d.reader().bars(week, (i64::MIN, i64::MAX), true).unwrap();
    assert!(weeks(&desk).iter().all(|b| b.high < usual * 10.0), "nor derived from");

    for finding in &hiding {
        let command = Command::ResolveIssue { id: finding.id, resolution: Resolution::Accepted, note: "seen on the tape".into() };
        desk.send(command).await.unwrap();
    }
    let shown = desk.reader().bars(daily, (from, from + 1), false).unwrap();
    assert_eq!(shown.len(), 1, "shown again");
    assert!(weeks(&desk).iter().any(|b| b.high > usual * 10.0), "and derived again");
    let snapshot = desk.wait_for(|s| (s.quarantined == 0).then(|| s.clone())).await;
    assert!(snapshot.alerts.iter().all(|a| a.key != "issues"), "{:?}", snapshot.alerts);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_nulls_become_no_prices() {
    for fault in ["null-ohlc:AAPL", "null-bar:AAPL", "zero-volume:AAPL"] {
        let mut desk = Desk::start(&["AAPL"], quick_settings()).await;
        desk.yahoo_fault(fault);
        let run = desk.ingest(yahoo_days()).await;
        assert_eq!(run.state, RunState::Succeeded, "{fault}: {:?}", run.summary);
        let bars = desk.reader().bars(series("AAPL", Timeframe::D1), (i64::MIN, i64::MAX), true).unwrap();
        assert!(bars.len() > 150, "{fault}: {}", bars.len());
        assert!(bars.iter().all(|b| b.low > 0.0 && b.volume != 0.0), "{fault}");
    }
}
