//! After the first fill: the nightly top-up, holes, splits, and symbols nobody knows.

use nightdesk::config::{Lookback, SourcePolicy};
use nightdesk::engine::{CellState, IngestSpec, Query, Reply};
use nightdesk::ingest::derive::{aggregate, order};
use nightdesk::market::{Actions, DAY, SourceId, Split, Timeframe};
use nightdesk::sim::MarketFeed;
use nightdesk::store::master::RunState;

use crate::support::{Build, Desk, SUNDAY, daily, quick_settings, series, symbol, universe};

const HOUR: i64 = 3600;
/// Friday 2024-03-01, 11:00 in New York: a session is going on.
const FRIDAY: i64 = SUNDAY - 2 * DAY + 4 * HOUR;

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_brings_the_new_bars_and_completes_the_forming_ones() {
    let mut desk = Desk::start_at(&["AAPL", "BTC-USD"], quick_settings(), FRIDAY).await;
    assert_eq!(desk.ingest(IngestSpec::default()).await.state, RunState::Succeeded);
    let before = desk.contents();
    let forming = |c: &crate::support::Contents, s: &str| c[s].iter().filter(|b| !b.2).count();
    for name in ["AAPL 1h", "AAPL 1w", "BTC-USD 1w"] {
        assert_eq!(forming(&before, name), 1, "{name}");
    }
    desk.clock.jump_to(SUNDAY);
    let run = desk.ingest(IngestSpec::default()).await;
    let summary = run.summary.unwrap();
    assert_eq!((run.state, summary.series_failed, summary.revised), (RunState::Succeeded, 0, 0), "{summary:?}");
    let after = desk.contents();
    for (name, old) in &before {
        let last = old.iter().rposition(|b| b.2).unwrap();
        assert_eq!(after[name][..=last], old[..=last], "{name}: what was final stays");
    }
    assert_eq!(after["AAPL 1d"].len(), before["AAPL 1d"].len() + 1, "Friday's bar");
    assert_eq!((forming(&after, "AAPL 1h"), forming(&after, "AAPL 1w"), forming(&after, "AAPL 1mo")), (0, 0, 1));
    assert_eq!(after["BTC-USD 1d"].len(), before["BTC-USD 1d"].len() + 2);
    assert_eq!(after["AAPL 1m"].len(), before["AAPL 1m"].len() + 300, "the five hours from 11:00 to 16:00");
    assert!(summary.requests.iter().map(|r| r.1).sum::<u32>() <= 12, "{:?}", summary.requests);

    // A desk that fills all of it at once holds the same.
    let mut fresh = Desk::start(&["AAPL", "BTC-USD"], quick_settings()).await;
    fresh.ingest(IngestSpec::default()).await;
    for (name, bars) in fresh.contents() {
        let first = bars[0].0;
        let ours: Vec<_> = after[&name].iter().filter(|b| b.0 >= first).copied().collect();
        assert_eq!(ours.len(), bars.len(), "{name}");
        assert!(ours == bars, "{name} differs from a fill in one go");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_is_kept_in_mind_and_healed_after_the_re_ask_time() {
    let mut settings = quick_settings();
    settings.ingest.history.insert(Timeframe::D1, Lookback::days(60));
    let mut desk = Desk::start(&["AAPL", "KO"], settings).await;
    assert_eq!(desk.ingest(daily()).await.state, RunState::Succeeded);
    // Reaching further back meets a vendor that says there is nothing.
    desk.ib_fault("no-data:AAPL*1");
    let longer = IngestSpec { lookback: Some(Lookback::days(200)), ..daily() };
    assert_eq!(desk.ingest(longer.clone()).await.state, RunState::Succeeded);
    let rows = |d: &Desk, s: &str| d.contents()[s].len();
    assert!(rows(&desk, "AAPL 1d") < 50 && rows(&desk, "KO 1d") > 130);
    let again = desk.ingest(longer.clone()).await.summary.unwrap();
    assert_eq!(again.requests, vec![], "a confirmed hole is not asked for every night");
    desk.clock.jump_to(SUNDAY + 8 * DAY);
    let healed = desk.ingest(IngestSpec { lookback: Some(Lookback::days(208)), ..daily() }).await;
    assert_eq!(healed.state, RunState::Succeeded);
    assert_eq!(rows(&desk, "AAPL 1d"), rows(&desk, "KO 1d"));
    assert_eq!(rows(&desk, "AAPL 1w"), rows(&desk, "KO 1w"), "and what is derived with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbol_nobody_knows_stops_no_other_and_rests_after_three_answers() {
    let feed = MarketFeed::new(universe(&["AAPL", "KO"]), 7);
    let mut desk = Desk::build(&["AAPL", "GONE", "KO"], Build { feed: Some(feed), ..Build::default() }).await;
    let run = desk.ingest(IngestSpec::default()).await;
    let summary = run.summary.unwrap();
    assert_eq!(run.state, RunState::Partial);
    assert!(summary.failures.iter().any(|f| f.starts_with("GONE 1d:")), "{:?}", summary.failures);
    assert!(summary.failures.iter().all(|f| f.starts_with("GONE")), "{:?}", summary.failures);
    assert_eq!(summary.series_ok, 34);
    let market = desk.engine.state.borrow().market.clone();
    assert_eq!((market.count(CellState::Fresh), market.count(CellState::Failed)), (34, 3));
    desk.ingest(daily()).await;
    desk.ingest(daily()).await;
    let rested = desk.ingest(daily()).await;
    assert_eq!((rested.state, rested.summary.unwrap().requests), (RunState::Succeeded, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_rewrites_the_whole_history_at_once() {
    let mut desk = Desk::start_at(&["AAPL", "KO"], quick_settings(), FRIDAY - 12 * HOUR).await;
    desk.ingest(IngestSpec::default()).await;
    let before = desk.contents();
    desk.ib_fault("split-tonight:AAPL");
    desk.clock.jump_to(SUNDAY);
    let run = desk.ingest(IngestSpec::default()).await;
    let summary = run.summary.unwrap();
    assert_eq!((run.state, summary.splits), (RunState::Succeeded, 1), "{summary:?}");
    let after = desk.contents();
    for (name, old) in &before {
        let now = &after[name];
        assert!(now.windows(2).all(|w| w[0].0 < w[1].0), "{name}: no bar twice");
        let factor = if name.starts_with("AAPL") { 4.0 } else { 1.0 };
        for (ts, figures, is_final) in old.iter().filter(|b| b.2) {
            let at = now.binary_search_by_key(ts, |b| b.0).unwrap_or_else(|_| panic!("{name} lost {ts}"));
            let ratio = f64::from_bits(figures[3]) / f64::from_bits(now[at].1[3]);
            assert!((ratio / factor - 1.0).abs() < 1e-3 && now[at].2 == *is_final, "{name} {ts}: {ratio}");
        }
    }
    // Nothing of it looks like damage, and a further run has nothing to do.
    assert_eq!(desk.engine.state.borrow().market.count(CellState::Quarantined), 0);
    let again = desk.ingest(IngestSpec::default()).await.summary.unwrap();
    assert_eq!((again.inserted, again.revised, again.derived), (0, 0, 0), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn minutes_that_yahoo_no_longer_serves_are_adjusted_after_a_split() {
    let feed = MarketFeed::new(universe(&["AAPL"]), 7);
    let mut desk = Desk::build(&["AAPL"], Build { feed: Some(feed), ..Build::default() }).await;
    desk.yahoo_fault("split-tonight:AAPL");
    let spec = IngestSpec { source: Some(SourcePolicy::Yahoo), ..IngestSpec::default() };
    assert_eq!(desk.ingest(spec.clone()).await.state, RunState::Succeeded);
    let minutes = series("AAPL", Timeframe::M1);
    let read = |d: &Desk| d.reader().bars(minutes, (i64::MIN, i64::MAX), false).unwrap();
    let before = read(&desk);
    assert!(before.len() > 1_000);
    // Two months later: the minutes of March are out of Yahoo's reach.
    desk.clock.jump_to(SUNDAY + 60 * DAY);
    let run = desk.ingest(IngestSpec { lookback: Some(Lookback::days(5)), ..spec.clone() }).await;
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.summary);
    let after = read(&desk);
    for old in &before {
        let new = after.iter().find(|b| b.ts == old.ts).unwrap();
        assert_eq!((new.open, new.close, new.volume), (old.open / 4.0, old.close / 4.0, old.volume * 4.0), "{}", old.ts);
    }
    let noted = desk.reader().open_issues(99).unwrap();
    assert!(noted.iter().any(|i| i.issue.series == minutes && i.issue.message.contains("adjusted here: price / 4")), "{noted:?}");
    let fives = desk.reader().bars(series("AAPL", Timeframe::M5), (i64::MIN, i64::MAX), false).unwrap();
    assert!(fives[0].open == after[0].open, "and what is derived from them");
    let again = desk.ingest(spec).await.summary.unwrap();
    assert_eq!((again.inserted, again.revised, again.derived), (0, 0, 0), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_names_the_histories_that_are_due_to_be_fetched_again() {
    let mut desk = Desk::start(&["AAPL"], quick_settings()).await;
    desk.ingest(IngestSpec::default()).await;
    let dir = desk.stop().await;
    let outside = crate::quality::writer(&dir);
    let run = outside.begin_run(None, "{}".into()).await.unwrap();
    let split = Split { ex_date: nightdesk::market::ts_to_date(SUNDAY - DAY), numerator: 2.0, denominator: 1.0 };
    outside.actions(symbol("AAPL"), Actions { splits: vec![split], dividends: vec![] }, SourceId::Yahoo, run).await.unwrap();
    outside.finish_run(run, RunState::Succeeded, None, None).await.unwrap();
    outside.close().await.unwrap();
    let desk = Desk::build(&["AAPL"], Build { dir: Some(dir), ..Build::default() }).await;
    let Reply::Plan(plan) = desk.client().query(Query::Plan { spec: IngestSpec::default() }).await.unwrap() else { panic!("no plan") };
    assert!(plan.series == 17 && plan.fresh == 0 && plan.requests.iter().map(|r| r.1).sum::<u32>() >= 3, "{plan:?}");
    assert_eq!(plan.notes.iter().filter(|n| n.contains("fetched again")).count(), 3, "{:?}", plan.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_derived_series_is_the_aggregate_of_its_base() {
    let mut desk = Desk::start_at(&["MSFT", "ETH-USD"], quick_settings(), FRIDAY).await;
    desk.ingest(IngestSpec::default()).await;
    desk.clock.jump_to(SUNDAY);
    desk.ingest(IngestSpec::default()).await;
    let reader = desk.reader();
    let (mut compared, mut cut) = (0, 0);
    for instrument in &desk.universe.instruments {
        for (target, base) in order(&desk.settings.ingest.native) {
            let name = instrument.symbol.as_str();
            let all = |t| reader.bars(series(name, t), (i64::MIN, i64::MAX), false).unwrap();
            let mut want = aggregate(instrument.calendar(), target, base, &all(base), SUNDAY);
            // The history begins within a month: what there is of it is no month.
            if base == Timeframe::D1 && !instrument.calendar().expected(base, want[0].ts, all(base)[0].ts).is_empty() {
                want.remove(0);
                cut += 1;
            }
            let got = all(target);
            assert_eq!(got.len(), want.len(), "{name} {target} from {base}");
            assert!(got.iter().zip(&want).all(|(a, b)| a.same_content(b)), "{name} {target} from {base}");
            let state = reader.series_state(series(name, target)).unwrap().unwrap();
            assert_eq!(state.derived_from, Some(base), "{name} {target}");
            compared += got.len();
        }
    }
    assert!(compared > 5_000 && cut >= 2, "{compared} {cut}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_names_the_only_source_asked() {
    for (policy, source) in [(SourcePolicy::Yahoo, SourceId::Yahoo), (SourcePolicy::Ib, SourceId::Ib)] {
        let mut desk = Desk::start(&["AAPL", "BTC-USD"], quick_settings()).await;
        let run = desk.ingest(IngestSpec { source: Some(policy), timeframes: vec![Timeframe::D1, Timeframe::M30], ..daily() }).await;
        let summary = run.summary.unwrap();
        assert_eq!(run.state, RunState::Succeeded, "{policy:?}: {:?}", summary.failures);
        assert!(summary.requests.iter().all(|r| r.0 == source), "{policy:?}: {:?}", summary.requests);
        let reader = desk.reader();
        for timeframe in [Timeframe::D1, Timeframe::W1, Timeframe::H1] {
            let from = reader.provenance(series("AAPL", timeframe)).unwrap();
            assert_eq!(from.iter().map(|p| p.0).collect::<Vec<_>>(), [source], "{policy:?} {timeframe}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn crypto_is_filled_around_the_clock() {
    let mut desk = Desk::start(&["BTC-USD"], quick_settings()).await;
    assert_eq!(desk.ingest(IngestSpec::default()).await.state, RunState::Succeeded);
    let reader = desk.reader();
    let days = reader.stamps(series("BTC-USD", Timeframe::D1), (SUNDAY - 300 * DAY, SUNDAY)).unwrap();
    assert!(days.windows(2).all(|w| w[1] - w[0] == DAY), "weekends and holidays too");
    let minutes = reader.stamps(series("BTC-USD", Timeframe::M1), (SUNDAY - 4 * DAY, SUNDAY)).unwrap();
    assert_eq!(minutes.len() as i64, 4 * DAY / 60);
    assert!(reader.latest_fundamentals(symbol("BTC-USD")).unwrap().is_none_or(|f| f.1 == SourceId::Yahoo));
}
