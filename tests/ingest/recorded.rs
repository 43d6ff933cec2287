//! Prices nobody here made up: the public-domain bars of 2000 to 2013 through both simulators, and recorded answers.

use std::path::Path;

use nightdesk::config::{Lookback, SourcePolicy};
use nightdesk::engine::{IngestSpec, Query, Reply};
use nightdesk::market::{SourceId, Split, Timeframe, date_to_ts};
use nightdesk::sim::{MarketFeed, Replay};
use nightdesk::store::master::{IssueFilter, RunState, Scope, StoredIssue};

use crate::support::{Build, Desk, daily, series, symbol, universe};

/// Saturday 2013-03-02, noon UTC: the recording ends the day before.
const AFTER: i64 = 1_362_225_600;

fn date(text: &str) -> i64 {
    date_to_ts(text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn thirteen_years_of_real_bars_pass_through_both_simulators() {
    for (policy, source) in [(SourcePolicy::Ib, SourceId::Ib), (SourcePolicy::Yahoo, SourceId::Yahoo)] {
        let replay = Replay::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/wiki")).unwrap();
        let feed = MarketFeed::new(universe(&["AAPL", "MSFT"]), 1).with_replay(replay);
        let mut desk = Desk::build(&["AAPL", "MSFT"], Build { now: AFTER, feed: Some(feed), ..Build::default() }).await;
        let spec = IngestSpec { source: Some(policy), lookback: Some(Lookback::days(4808)), refresh_facets: true, ..daily() };
        let run = desk.ingest(spec).await;
        let summary = run.summary.unwrap();
        assert_eq!(summary.series_failed, 0, "{policy:?}: {:?}", summary.failures);
        let reader = desk.reader();
        for name in ["AAPL", "MSFT"] {
            let days = series(name, Timeframe::D1);
            let bars = reader.bars(days, (i64::MIN, i64::MAX), true).unwrap();
            assert_eq!(bars.len(), 3_270, "{policy:?} {name}");
            assert_eq!(bars.last().unwrap().ts, date("2013-03-01"));
            assert_eq!(reader.provenance(days).unwrap().iter().map(|p| p.0).collect::<Vec<_>>(), [source]);
        }
        // The crash of 2000-09-29 waits for a second source, and no source may be asked but one.
        let Reply::Issues(issues) = desk.client().query(Query::Issues { limit: 999 }).await.unwrap() else { panic!("no findings") };
        let hiding: Vec<&StoredIssue> = issues.iter().filter(|i| i.issue.severity.hides()).collect();
        assert_eq!(hiding.iter().map(|i| (i.issue.check, crash_is_in(i))).collect::<Vec<_>>(), [(7, true)], "{policy:?}: {hiding:?}");
        assert!(!hiding[0].issue.message.contains("split"), "{hiding:?}");
        if policy == SourcePolicy::Yahoo {
            let splits = reader.splits(symbol("AAPL")).unwrap();
            let ratios: Vec<_> = splits.iter().map(|s| (s.ex_date.to_string(), s.ratio())).collect();
            assert_eq!(
                ratios,
                [("2000-06-21".to_owned(), 2.0), ("2005-02-28".to_owned(), 2.0)],
                "{:?}",
                splits.iter().map(Split::ratio).collect::<Vec<_>>()
            );
        }
    }
}

fn crash_is_in(finding: &StoredIssue) -> bool {
    matches!(finding.issue.scope, Scope::Bars { from, to } if (from..=to).contains(&date("2000-09-29")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_true_crash_is_shown_as_soon_as_the_second_source_shows_it_too() {
    let replay = Replay::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/wiki")).unwrap();
    let feed = MarketFeed::new(universe(&["AAPL"]), 1).with_replay(replay);
    let mut desk = Desk::build(&["AAPL"], Build { now: AFTER, feed: Some(feed), ..Build::default() }).await;
    let spec = IngestSpec { lookback: Some(Lookback::days(4808)), ..daily() };
    let run = desk.ingest(spec.clone()).await;
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.summary);
    let reader = desk.reader();
    let crash = reader.bars(series("AAPL", Timeframe::D1), (date("2000-09-28"), date("2000-09-30")), false).unwrap();
    assert!(crash.len() == 2 && crash[1].close / crash[0].close < 0.5, "{crash:?}");
    let week = reader.bars(series("AAPL", Timeframe::W1), (date("2000-09-25"), date("2000-09-26")), false).unwrap();
    assert_eq!(week[0].close, crash[1].close, "and what is derived counts it");
    let all = reader.data_quality_issues(IssueFilter { symbol: None, timeframe: None, settled: true, limit: 999 }).unwrap();
    let settled = all.iter().find(|i| i.issue.check == 7 && crash_is_in(i)).unwrap();
    assert_eq!(settled.resolved.as_ref().map(|r| r.1.contains("yahoo shows the same move")), Some(true), "{settled:?}");
    assert_eq!(desk.ingest(spec).await.summary.unwrap().requests, vec![], "and it is not asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_chart_of_yahoo_is_ingested() {
    let Some(folder) = std::env::var_os("NIGHTDESK_FIXTURES") else {
        println!("skipped: NIGHTDESK_FIXTURES is not set");
        return;
    };
    let file = Path::new(&folder).join("yahoo/chart/AAPL_1d_2020-08-31_2020-11-07_div_split.json");
    let body = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let stamps = serde_json::from_str::<serde_json::Value>(&body).unwrap()["chart"]["result"][0]["timestamp"].clone();
    let stamps: Vec<i64> = serde_json::from_value(stamps).unwrap();
    let now = stamps[stamps.len() - 1] + 2 * 86_400;
    let mut desk = Desk::build(&["AAPL", "KO"], Build { now, ..Build::default() }).await;
    desk.demo.server().serve_body("/v8/finance/chart/AAPL", 200, body);
    let days = u32::try_from((now - stamps[0]) / 86_400).unwrap() + 1;
    let spec = IngestSpec { source: Some(SourcePolicy::Yahoo), lookback: Some(Lookback::days(days)), ..daily() };
    let run = desk.ingest(spec).await;
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.summary);
    let rows = desk.reader().bars(series("AAPL", Timeframe::D1), (i64::MIN, i64::MAX), true).unwrap();
    assert!(rows.len() + 3 >= stamps.len() && rows.len() <= stamps.len(), "{} of {}", rows.len(), stamps.len());
}
