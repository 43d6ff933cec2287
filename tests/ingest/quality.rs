//! Bad bars on their way through a run: found, hidden, left out of what is derived, and shown again by an operator.

use nightdesk::config::{Lookback, SourcePolicy};
use nightdesk::engine::{Command, Envelope, IngestSpec, Query, Reply};
use nightdesk::market::{Candle, DAY, ManualClock, SourceId, Timeframe};
use nightdesk::store::master::{
    CandleBatch, CandleQuery, DATABASE, Issue, Resolution, RunState, Scope, Severity, Span, StoreError, StoredIssue, Writer, WriterOptions,
};

use crate::support::{Build, Desk, SUNDAY, daily, quick_settings, series};

const HOUR: i64 = 3600;

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

/// A writer on the folder of a desk that is stopped.
pub fn writer(dir: &tempfile::TempDir) -> Writer {
    let options = WriterOptions { cache_mib: 8, demo: true, clock: ManualClock::at(SUNDAY) };
    Writer::open(&dir.path().join(DATABASE), options).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_series_blocks_what_is_derived_from_it() {
    let mut desk = Desk::start(&["AAPL", "KO"], quick_settings()).await;
    desk.ingest(IngestSpec::default()).await;
    let dir = desk.stop().await;
    let listing = |severity| Issue {
        check: 22,
        severity,
        series: series("AAPL", Timeframe::D1),
        scope: Scope::Series,
        message: "AAPL: the currency changed from USD to EUR".into(),
    };
    let outside = writer(&dir);
    outside.issues(vec![listing(Severity::Exclude)], None).await.unwrap();
    outside.close().await.unwrap();
    let week_later = SUNDAY + 7 * DAY;
    let mut desk = Desk::build(&["AAPL", "KO"], Build { dir: Some(dir), now: week_later, ..Build::default() }).await;
    assert_eq!(desk.ingest(IngestSpec::default()).await.state, RunState::Succeeded);
    let read = |d: &Desk, name, t| d.reader().candles(&CandleQuery::new(series(name, t), Span::All));
    for timeframe in [Timeframe::D1, Timeframe::W1, Timeframe::Mo1] {
        let refused = read(&desk, "AAPL", timeframe);
        assert!(matches!(&refused, Err(StoreError::Blocked { reason, .. }) if reason.contains("currency")), "{timeframe}: {refused:?}");
        assert!(read(&desk, "KO", timeframe).is_ok());
    }
    assert!(read(&desk, "AAPL", Timeframe::H1).is_ok(), "hours are not made of days");
    let last = |d: &Desk, t| d.reader().series_state(series("AAPL", t)).unwrap().unwrap().last_ts.unwrap();
    assert_eq!((last(&desk, Timeframe::D1), last(&desk, Timeframe::W1)), (week_later - 5 * HOUR * 12, SUNDAY - 6 * DAY - 12 * HOUR));
    assert_eq!(desk.ingest(IngestSpec::default()).await.summary.unwrap().derived, 0, "and it is no work for every night");

    let id = desk.reader().open_issues(9).unwrap().iter().find(|i| i.issue.check == 22).unwrap().id;
    desk.send(Command::ResolveIssue { id, resolution: Resolution::Accepted, note: String::new() }).await.unwrap();
    assert_eq!(last(&desk, Timeframe::W1), SUNDAY + DAY - 12 * HOUR, "the week that was waiting is there");
    assert!(read(&desk, "AAPL", Timeframe::W1).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_odd_in_the_whole_universe_leaves_its_week_until_it_is_made_good() {
    let symbols = ["AAPL", "KO"];
    let mut desk = Desk::start(&symbols, quick_settings()).await;
    desk.ingest(daily()).await;
    let friday = |d: &Desk, name| d.reader().last_bars(series(name, Timeframe::D1), 1).unwrap()[0].0;
    let sound = symbols.map(|name| friday(&desk, name));
    let rewrite = async |desk: Desk, factor: f64| {
        let dir = desk.stop().await;
        let outside = writer(&dir);
        for (name, bar) in symbols.iter().zip(sound) {
            let bar = Candle { high: bar.high * factor, close: bar.close * factor, ..bar };
            let run_id = outside.begin_run(None, "{}".into()).await.unwrap();
            let batch = CandleBatch { series: series(name, Timeframe::D1), source: SourceId::Ib, run_id, bars: vec![bar], replace: None };
            outside.candles(batch).await.unwrap();
        }
        outside.close().await.unwrap();
        Desk::build(&symbols, Build { dir: Some(dir), ..Build::default() }).await
    };
    let mut desk = rewrite(desk, 3.0).await;
    desk.ingest(IngestSpec { source: Some(SourcePolicy::Ib), ..daily() }).await;
    let of_check = |d: &Desk, n| d.reader().open_issues(99).unwrap().into_iter().filter(|i| i.issue.check == n).collect::<Vec<_>>();
    assert_eq!((of_check(&desk, 7).len(), of_check(&desk, 21).len()), (2, 2));
    let week = |d: &Desk, name| d.reader().last_bars(series(name, Timeframe::W1), 1).unwrap()[0].0;
    let in_week = |d: &Desk, factor| symbols.iter().zip(sound).all(|(name, bar)| week(d, name).close == bar.close * factor);
    for (check, resolution) in [(7, Resolution::Accepted), (21, Resolution::Fixed)] {
        for found in of_check(&desk, check) {
            desk.send(Command::ResolveIssue { id: found.id, resolution, note: String::new() }).await.unwrap();
        }
    }
    assert!(in_week(&desk, 3.0), "shown by the operator");
    desk.ingest(IngestSpec { source: Some(SourcePolicy::Ib), ..daily() }).await;
    assert_eq!(of_check(&desk, 21).len(), 2, "found again, after everything was derived");
    assert!(!in_week(&desk, 3.0), "hidden days are in no week");
    let mut desk = rewrite(desk, 1.0).await;
    desk.ingest(IngestSpec { source: Some(SourcePolicy::Ib), ..daily() }).await;
    assert_eq!(of_check(&desk, 21), [], "the day is as it should be");
    assert!(in_week(&desk, 1.0), "and in its week again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contradiction_settles_when_the_bars_that_were_compared_are_replaced() {
    let mut desk = Desk::start(&["AAPL"], quick_settings()).await;
    desk.ingest(IngestSpec::default()).await;
    let days = series("AAPL", Timeframe::D1);
    let last: Vec<Candle> = desk.reader().last_bars(days, 3).unwrap().into_iter().map(|(bar, _)| bar).collect();
    let dir = desk.stop().await;
    let outside = writer(&dir);
    let on = |check, ts| Issue {
        check,
        severity: Severity::Exclude,
        series: days,
        scope: Scope::Bars { from: ts, to: ts },
        message: format!("check {check}"),
    };
    // Wednesday and Thursday contradict a second source, Friday its minutes.
    let found = vec![on(20, last[0].ts), on(20, last[1].ts), on(23, last[2].ts)];
    let run = outside.begin_run(None, "{}".into()).await.unwrap();
    outside.issues(found, Some(run)).await.unwrap();
    let later = outside.begin_run(None, "{}".into()).await.unwrap();
    let revised = [last[1], last[2]].map(|bar| Candle { volume: bar.volume + 1.0, ..bar });
    let batch = CandleBatch { series: days, source: SourceId::Ib, run_id: later, bars: revised.to_vec(), replace: None };
    outside.candles(batch).await.unwrap();
    outside.close().await.unwrap();
    let mut desk = Desk::build(&["AAPL"], Build { dir: Some(dir), ..Build::default() }).await;
    desk.ingest(IngestSpec::default()).await;
    let open: Vec<_> = desk.reader().open_issues(99).unwrap().into_iter().filter(|i| [20, 23].contains(&i.issue.check)).collect();
    assert_eq!(open.iter().map(|i| (i.issue.check, i.issue.scope)).collect::<Vec<_>>(), [(20, on(20, last[0].ts).scope)], "{open:?}");
    let shown = desk.reader().stamps(days, (last[0].ts, i64::MAX)).unwrap().len() - 1;
    assert_eq!(desk.reader().bars(days, (last[0].ts, i64::MAX), false).unwrap().len(), shown, "only Wednesday stays hidden");
}

/// A desk with a finding that hides a bar from its week, and the number of that finding.
async fn hidden_bar() -> (Desk, i64) {
    let mut desk = Desk::start(&["AAPL"], quick_settings()).await;
    desk.yahoo_fault("x100:AAPL");
    desk.ingest(yahoo_days()).await;
    let hiding = |i: &StoredIssue| i.issue.severity.hides() && i.issue.series == series("AAPL", Timeframe::D1);
    let mut found: Vec<i64> = desk.reader().open_issues(99).unwrap().into_iter().filter(hiding).map(|i| i.id).collect();
    let last = found.pop().unwrap();
    for id in found {
        desk.send(Command::ResolveIssue { id, resolution: Resolution::Accepted, note: String::new() }).await.unwrap();
    }
    (desk, last)
}

/// Has each derived bar that is written do `what` first.
fn on_derived(desk: &Desk, what: &str) {
    let db = rusqlite::Connection::open(desk.dir.path().join(DATABASE)).unwrap();
    let week = Timeframe::W1.id();
    let trigger =
        |event: &str| format!("CREATE TRIGGER slow_{event} BEFORE {event} ON candle WHEN NEW.timeframe_id = {week} BEGIN {what}; END;");
    db.execute_batch(&(trigger("INSERT") + &trigger("UPDATE"))).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_answered_while_bars_are_derived_anew_and_an_ingest_waits() {
    let (mut desk, id) = hidden_bar().await;
    on_derived(
        &desk,
        "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600000) SELECT i FROM n)",
    );
    let command = Command::ResolveIssue { id, resolution: Resolution::Accepted, note: String::new() };
    let envelope = Envelope { id: "settle".into(), actor: "test".into(), command };
    let (client, again, twice) = (desk.client(), desk.client(), envelope.clone());
    let settled = tokio::spawn(async move { client.send(envelope).await });
    let repeated = tokio::spawn(async move { again.send(twice).await });
    while desk.reader().open_issues(99).unwrap().iter().any(|i| i.id == id) {
        tokio::task::yield_now().await;
    }
    let run = desk.begin(daily()).await;
    assert!(!settled.is_finished(), "the week is being derived");
    desk.wait_for(|s| s.job_runs.iter().find(|r| r.id == run && r.started_at.is_none()).cloned()).await;
    let ack = settled.await.unwrap().unwrap();
    assert!(ack.message.contains(&format!("finding {id} of AAPL 1d settled")), "{ack:?}");
    assert_eq!(repeated.await.unwrap().unwrap(), ack, "sent twice, done once");
    // Its end would take as long as the slow trigger wants.
    desk.wait_for(|s| s.job_runs.iter().find(|r| r.id == run && r.started_at.is_some()).cloned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_settles_a_finding_hears_that_its_bars_could_not_be_derived_and_it_is_settled_once() {
    let (desk, id) = hidden_bar().await;
    on_derived(&desk, "SELECT RAISE(FAIL, 'no week today')");
    let command = Command::ResolveIssue { id, resolution: Resolution::Accepted, note: String::new() };
    let envelope = Envelope { id: "settle".into(), actor: "test".into(), command };
    let ack = desk.client().send(envelope.clone()).await.unwrap();
    assert!(ack.message.contains(&format!("finding {id} of AAPL 1d settled")) && ack.message.contains("no week today"), "{ack:?}");
    desk.wait_for(|s| (s.quarantined == 0).then_some(())).await;
    let db = rusqlite::Connection::open(desk.dir.path().join(DATABASE)).unwrap();
    db.execute_batch("CREATE TRIGGER once BEFORE UPDATE ON data_quality_log BEGIN SELECT RAISE(FAIL, 'twice'); END").unwrap();
    assert_eq!(desk.client().send(envelope).await.unwrap(), ack, "sent twice, done once");
}
