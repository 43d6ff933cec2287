//! Prices nobody here made up: the public-domain bars of 2000 to 2013 through both simulators, and recorded answers.

use std::path::Path;

use nightdesk::config::{Lookback, SourcePolicy};
use nightdesk::engine::{IngestSpec, Query, Reply};
use nightdesk::market::{SourceId, Split, Timeframe, date_to_ts};
use nightdesk::sim::{MarketFeed, Replay};
use nightdesk::store::master::RunState;

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
            let hidden = reader.quarantined_spans(days).unwrap();
            assert_eq!((bars.len(), hidden), (3_270, vec![]), "{policy:?} {name}");
            assert_eq!(bars.last().unwrap().ts, date("2013-03-01"));
            assert_eq!(reader.provenance(days).unwrap().iter().map(|p| p.0).collect::<Vec<_>>(), [source]);
        }
        // The crash of 2000-09-29 is a day of trading: neither hidden nor called a split.
        let crash = reader.bars(series("AAPL", Timeframe::D1), (date("2000-09-28"), date("2000-09-30")), false).unwrap();
        assert!(crash.len() == 2 && crash[1].close / crash[0].close < 0.5, "{policy:?}: {crash:?}");
        let Reply::Issues(issues) = desk.client().query(Query::Issues { limit: 999 }).await.unwrap() else { panic!("no findings") };
        let crash_day = date("2000-09-29");
        for issue in issues.iter().filter(|i| i.issue.severity.hides()) {
            let covers =
                matches!(issue.issue.scope, nightdesk::store::master::Scope::Bars { from, to } if from <= crash_day && crash_day <= to);
            assert!(!covers, "{policy:?}: {issue:?}");
        }
        assert!(!issues.iter().any(|i| i.issue.message.contains("split") && i.issue.severity.hides()), "{policy:?}: {issues:?}");
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
