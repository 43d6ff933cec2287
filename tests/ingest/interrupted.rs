//! Runs that are stopped, and what the next run makes of them.

use std::time::Duration;

use nightdesk::config::{Lookback, SourcePolicy};
use nightdesk::engine::{Command, CommandError, IngestSpec, Query, Reply, RunView};
use nightdesk::ingest::pipeline::{Pipeline, RunEnd, Stop};
use nightdesk::market::{Candle, ManualClock, SourceId, Timeframe};
use nightdesk::sim::demo::Demo;
use nightdesk::sources::Source;
use nightdesk::sources::hybrid::Hybrid;
use nightdesk::sources::yahoo::YahooSource;
use nightdesk::store::master::{CandleBatch, DATABASE, ReadPool, RunState, StoreError, Writer, WriterOptions, verify};

use crate::support::{Build, Contents, Desk, SUNDAY, daily, quick_settings, series, universe};

const SYMBOLS: [&str; 4] = ["AAPL", "MSFT", "KO", "BTC-USD"];

async fn uninterrupted() -> Contents {
    let mut desk = Desk::start(&SYMBOLS, quick_settings()).await;
    desk.ingest(IngestSpec::default()).await;
    desk.contents()
}

/// Waits until some bars, but not all, are written.
async fn underway(desk: &Desk) {
    desk.wait_for(|s| s.active.as_ref().filter(|a| a.progress.written > 0).map(|_| ())).await;
}

async fn cancelled(desk: &mut Desk, now: bool) -> RunView {
    let run_id = desk.begin(IngestSpec::default()).await;
    underway(desk).await;
    desk.send(Command::Cancel { run_id, now }).await.unwrap();
    desk.ended(run_id).await
}

fn slow(mut settings: nightdesk::config::Settings) -> nightdesk::config::Settings {
    settings.ingest.workers = 1;
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_keeps_what_it_wrote_and_the_next_one_completes_it() {
    let want = uninterrupted().await;
    for now in [false, true] {
        let mut desk = Desk::start(&SYMBOLS, slow(quick_settings())).await;
        let run = cancelled(&mut desk, now).await;
        let summary = run.summary.unwrap();
        assert_eq!((run.state, summary.series_failed), (RunState::Cancelled, 0), "{summary:?}");
        assert!(summary.inserted > 0, "now = {now}: the record counts what was written: {summary:?}");
        let part: usize = desk.contents().values().map(Vec::len).sum();
        assert!(part < want.values().map(Vec::len).sum(), "it was stopped midway");
        if !now {
            // A gentle stop waits for its answers, so no request is without its record.
            let journal = desk.demo.gateway().journal().counters();
            assert_eq!(journal.cancelled, 0, "nothing was withdrawn");
        }
        let next = desk.ingest(IngestSpec::default()).await;
        assert_eq!(next.state, RunState::Succeeded, "{:?}", next.summary);
        assert!(desk.contents() == want, "now = {now}: the same as without the cancel");
        assert!(matches!(desk.send(Command::Cancel { run_id: next.id, now }).await, Err(CommandError::Refused(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_stopped_mid_run_takes_up_where_it_was() {
    let want = uninterrupted().await;
    let mut desk = Desk::start(&SYMBOLS, slow(quick_settings())).await;
    desk.begin(IngestSpec::default()).await;
    underway(&desk).await;
    let mut desk = desk.reopen().await;
    let last = desk.engine.state.borrow().runs[0].clone();
    assert_eq!(last.state, RunState::Cancelled);
    assert_eq!(desk.ingest(IngestSpec::default()).await.state, RunState::Succeeded);
    assert!(desk.contents() == want);
}

#[test]
fn a_run_cut_off_with_its_process_is_called_lost_and_nothing_of_it_is_torn() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let first = runtime();
    let desk = first.block_on(async {
        let mut desk = Desk::build(&SYMBOLS, Build { dir: Some(dir), settings: slow(quick_settings()), ..Build::default() }).await;
        desk.begin(IngestSpec::default()).await;
        underway(&desk).await;
        desk
    });
    // All tasks stop where they are, as in a crash; only the writer thread ends its transaction.
    first.shutdown_timeout(Duration::from_secs(10));
    let Desk { dir, engine, .. } = desk;
    drop(engine);
    runtime().block_on(async {
        let lock = path.join(DATABASE).with_extension("lock");
        let free = async {
            while std::fs::File::open(&lock).unwrap().try_lock().is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), free).await.unwrap();
        assert!(verify(&path.join(DATABASE), &mut |_, _| {}).unwrap().is_sound());
        let mut desk = Desk::build(&SYMBOLS, Build { dir: Some(dir), ..Build::default() }).await;
        assert_eq!(desk.engine.state.borrow().runs[0].state, RunState::Lost);
        let alert = desk.wait_for(|s| s.alerts.iter().find(|a| a.key.starts_with("run:")).cloned()).await;
        assert!(alert.text.contains("was cut off"), "{alert:?}");
        assert_eq!(desk.ingest(IngestSpec::default()).await.state, RunState::Succeeded);
        let want = uninterrupted().await;
        assert!(desk.contents() == want);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_command_starts_one_run_and_a_second_run_waits_its_turn() {
    let mut desk = Desk::start(&["AAPL"], quick_settings()).await;
    let run = desk.begin(daily()).await;
    let second = desk.send(Command::Ingest { spec: daily() }).await;
    assert!(matches!(&second, Err(CommandError::Refused(why)) if why.contains("is active")), "{second:?}");
    desk.ended(run).await;
    let Reply::Runs(runs) = desk.client().query(Query::Runs { limit: 9 }).await.unwrap() else { panic!("no runs") };
    assert_eq!(runs.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_disk_refuses_the_ingest_and_says_what_to_do() {
    let mut settings = quick_settings();
    settings.store.disk_floor_mib = 1 << 30;
    let mut desk = Desk::start(&["AAPL"], settings).await;
    let refused = desk.send(Command::Ingest { spec: daily() }).await;
    let Err(CommandError::Refused(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("MiB of disk are free, the floor is 1073741824 MiB: free some space"), "{why}");
    let alert = desk.wait_for(|s| s.alerts.iter().find(|a| a.key == "disk").cloned()).await;
    assert!(alert.text.contains("no ingest starts"), "{alert:?}");
    assert!(desk.engine.state.borrow().runs.is_empty());
}

/// The pipeline on a writer of its own, against the simulated Yahoo.
fn pipeline(demo: &Demo, dir: &std::path::Path, max_mib: Option<u32>) -> std::sync::Arc<Pipeline> {
    let mut settings = quick_settings();
    settings.ingest.history.insert(Timeframe::D1, Lookback::days(6000));
    demo.point(&mut settings);
    let clock = ManualClock::at(SUNDAY);
    let options = WriterOptions { cache_mib: 8, demo: true, clock: clock.clone() };
    let path = dir.join(DATABASE);
    let writer = max_mib.map_or_else(|| Writer::open(&path, options.clone()), |m| Writer::open_limited(&path, options.clone(), m)).unwrap();
    let yahoo = YahooSource::new(&settings.yahoo, clock.clone()).unwrap() as std::sync::Arc<dyn Source>;
    std::sync::Arc::new(Pipeline {
        writer,
        reads: ReadPool::new(&path),
        hybrid: Hybrid::start(None, Some(yahoo), &settings.ingest, clock.clone()),
        settings: settings.into(),
        universe: universe(&["AAPL", "MSFT"]).into(),
        clock,
    })
}

async fn run(pipeline: &std::sync::Arc<Pipeline>) -> RunEnd {
    pipeline.writer.sync_universe((*pipeline.universe).clone()).await.unwrap();
    let id = pipeline.writer.begin_run(None, "{}".to_owned()).await.unwrap();
    let (events, mut heard) = tokio::sync::mpsc::channel(64);
    let listen = async { while heard.recv().await.is_some() {} };
    let spec = IngestSpec { source: Some(SourcePolicy::Yahoo), ..IngestSpec::default() };
    tokio::join!(pipeline.clone().run(id, spec, events, Stop::default()), listen).0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_run_with_its_reason_and_the_next_one_completes_it() {
    let dir = tempfile::tempdir().unwrap();
    let demo =
        Demo::start(&universe(&["AAPL", "MSFT"]), nightdesk::sim::Replay::default(), dir.path(), ManualClock::at(SUNDAY)).await.unwrap();
    let full = pipeline(&demo, dir.path(), Some(1));
    let end = run(&full).await;
    let RunEnd::Failed(summary, StoreError::DiskFull) = &end else { panic!("{end:?}") };
    assert!(summary.inserted > 0, "{summary:?}");
    full.hybrid.shutdown().await;
    full.writer.clone().close().await.unwrap();
    drop(full);
    assert!(verify(&dir.path().join(DATABASE), &mut |_, _| {}).unwrap().is_sound());

    let roomy = pipeline(&demo, dir.path(), None);
    let end = run(&roomy).await;
    let RunEnd::Finished(summary) = &end else { panic!("{end:?}") };
    assert_eq!((summary.series_failed, summary.failures.clone()), (0, vec![]));
    let again = run(&roomy).await;
    assert!(matches!(&again, RunEnd::Finished(s) if s.inserted + s.derived == 0), "{again:?}");
    assert!(summary.requests.iter().all(|r| r.0 == SourceId::Yahoo));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_left_half_on_the_old_share_basis_is_fetched_again() {
    let mut desk = Desk::start(&["AAPL", "KO"], quick_settings()).await;
    desk.ingest(IngestSpec::default()).await;
    let whole = desk.contents();
    let daily = series("AAPL", Timeframe::D1);
    let bars = desk.reader().bars(daily, (i64::MIN, i64::MAX), true).unwrap();
    let dir = desk.stop().await;
    // What a process leaves that is killed between the top-up after a 4-for-1 split and the re-fetch it calls for.
    let options = WriterOptions { cache_mib: 8, demo: true, clock: ManualClock::at(SUNDAY) };
    let writer = Writer::open(&dir.path().join(DATABASE), options).unwrap();
    let before_split = |c: &Candle| Candle { open: c.open * 4.0, high: c.high * 4.0, low: c.low * 4.0, close: c.close * 4.0, ..*c };
    let batch = |bars: Vec<Candle>| CandleBatch { series: daily, source: SourceId::Ib, run_id: 1, bars, replace: None };
    writer.candles(CandleBatch { replace: Some((i64::MIN, i64::MAX)), ..batch(bars.iter().map(before_split).collect()) }).await.unwrap();
    writer.candles(batch(bars[bars.len() - 2..].to_vec())).await.unwrap();
    writer.close().await.unwrap();
    let mut desk = Desk::build(&["AAPL", "KO"], Build { dir: Some(dir), ..Build::default() }).await;
    let run = desk.ingest(IngestSpec::default()).await;
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.summary);
    assert!(desk.contents() == whole, "every bar is back on one basis, derived ones too");
    assert_eq!(desk.ingest(IngestSpec::default()).await.summary.unwrap().requests, vec![]);
}
