//! What was acknowledged is there: beside a reader, after a close, after kill -9, on a full disk.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use futures_util::future::join_all;
use nightdesk::market::{Actions, SourceId, Split, Symbol, ts_to_date};
use nightdesk::store::master::RunState::{Lost, Partial, Running};
use nightdesk::store::master::{CandleQuery, Reader, Span, StoreError, Writer, verify};

use crate::{Desk, START, aapl, all, bar, batch, minutes};

/// Set for a copy of this test program that plays the other process.
const CHILD: &str = "NIGHTDESK_TEST_CHILD";
const BATCH: i64 = 50;

fn child(test: &str, desk: &Desk) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, desk.db()).stdout(Stdio::piped());
    command
}

fn nth_batch(i: i64) -> Vec<nightdesk::market::Candle> {
    (i * BATCH..(i + 1) * BATCH).map(|k| bar(START + 60 * k, 50.0 + k as f64)).collect()
}

#[tokio::test]
async fn readers_see_whole_batches_while_the_writer_writes() {
    let desk = Desk::new();
    let writer = desk.writer();
    let reader = desk.reader();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let watching = tokio::task::spawn_blocking(move || {
        let mut seen = vec![0];
        while stopped.try_recv().is_err() {
            seen.push(all(&reader).len());
        }
        seen.push(all(&reader).len());
        seen
    });
    for i in 0..40 {
        writer.candles(batch(nth_batch(i))).await.unwrap();
    }
    stop.send(()).unwrap();
    let seen = watching.await.unwrap();
    assert!(seen.is_sorted() && seen.iter().all(|n| n % BATCH as usize == 0));
    assert_eq!(seen.last(), Some(&2000));
}

#[tokio::test]
async fn commands_in_flight_together_are_answered_each_for_itself() {
    let desk = Desk::new();
    let writer = desk.writer();
    let msft = Symbol::new("MSFT").unwrap();
    let bad = Actions { splits: vec![Split { ex_date: ts_to_date(START), numerator: 0.0, denominator: 1.0 }], dividends: vec![] };
    let good = (0..150).map(|i| writer.candles(batch(nth_batch(i))));
    let (good, refused) = tokio::join!(join_all(good), join_all((0..3).map(|_| writer.actions(msft, bad.clone(), SourceId::Yahoo, 1))));
    assert!(good.iter().all(|r| r.as_ref().is_ok_and(|r| r.inserted == 50)));
    assert!(refused.iter().all(|r| matches!(r, Err(StoreError::Database(_)))));
    assert_eq!(all(&desk.reader()).len(), 7500);
    // The refused commands left nothing behind, not even the symbol.
    assert!(desk.reader().search_symbols("MSFT", 9).unwrap().is_empty());
    assert!(verify(&desk.db(), &mut |_, _| {}).unwrap().is_sound());
}

#[tokio::test]
async fn readers_work_after_a_clean_close() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(100))).await.unwrap();
    writer.close().await.unwrap();
    assert!(desk.db().with_extension("db-wal").exists() && desk.db().with_extension("db-shm").exists());
    assert_eq!(all(&desk.reader()).len(), 100);
}

#[tokio::test]
async fn a_reader_without_write_permission_works_after_a_clean_close() {
    const TEST: &str = "durability::a_reader_without_write_permission_works_after_a_clean_close";
    if let Some(db) = std::env::var_os(CHILD) {
        let reader = Reader::open(db.as_ref()).unwrap();
        println!("read {} rows", all(&reader).len());
        return;
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can play another user");
        return;
    }
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(100))).await.unwrap();
    writer.close().await.unwrap();
    let open = |path: &std::path::Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    open(desk.dir.path(), 0o755);
    open(&desk.dir.path().join("data"), 0o755);
    for file in ["db", "db-wal", "db-shm"] {
        open(&desk.db().with_extension(file), 0o644);
    }
    let output = match child(TEST, &desk).uid(65_534).gid(65_534).output() {
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
            println!("skipped: another user may not run this test program");
            return;
        }
        other => other.unwrap(),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("read 100 rows"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn rows_acknowledged_before_a_kill_are_there() {
    if let Some(db) = std::env::var_os(CHILD) {
        let options = Desk::new().options();
        let writer = Writer::open(db.as_ref(), options).unwrap();
        for i in 0.. {
            writer.candles(batch(nth_batch(i))).await.unwrap();
            println!("acknowledged {i}");
        }
    }
    let desk = Desk::new();
    let mut process = child("durability::rows_acknowledged_before_a_kill_are_there", &desk).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let number = |line: &str| line.strip_prefix("acknowledged ").and_then(|n| n.parse::<i64>().ok());
    let mut last = lines.by_ref().find_map(|l| number(&l).filter(|&n| n >= 20)).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    last = lines.filter_map(|l| number(&l)).last().unwrap_or(last);

    let rows = all(&desk.reader()).len() as i64;
    assert!(rows % BATCH == 0 && rows >= (last + 1) * BATCH, "{rows} rows, acknowledged up to batch {last}");
    assert!(verify(&desk.db(), &mut |_, _| {}).unwrap().is_sound());
    // The folder is free again, and what the dead process wrote counts as written.
    let writer = desk.writer();
    assert_eq!(writer.candles(batch(nth_batch(0))).await.unwrap().unchanged, BATCH as u64);
}

#[tokio::test]
async fn a_full_disk_tears_nothing_and_the_writer_goes_on() {
    let desk = Desk::new();
    let writer = Writer::open_limited(&desk.db(), desk.options(), 1).unwrap();
    let big = |i: i64| batch((0..2000).map(|k| bar(START + 60 * (i * 2000 + k), 50.0 + (k as f64).sqrt())).collect());
    let ends = join_all((0..20).map(|i| writer.candles(big(i)))).await;
    let stored = ends.iter().take_while(|e| e.is_ok()).count();
    assert!(0 < stored && stored < 20 && ends[stored..].iter().all(|e| matches!(e, Err(StoreError::DiskFull))));
    let reader = desk.reader();
    assert_eq!(all(&reader).len(), stored * 2000);
    assert!(verify(&desk.db(), &mut |_, _| {}).unwrap().is_sound());

    // Space is made by the same writer, and used by it.
    let mut none = batch(Vec::new());
    none.replace = Some((START, START + 60 * 2000));
    assert_eq!(writer.candles(none).await.unwrap().deleted, 2000);
    assert_eq!(writer.candles(big(stored as i64)).await.unwrap().inserted, 2000);
    // Or the limit is raised.
    writer.close().await.unwrap();
    let writer = Writer::open_limited(&desk.db(), desk.options(), 8).unwrap();
    let ends = join_all((0..20).map(|i| writer.candles(big(i)))).await;
    assert!(ends.iter().all(Result::is_ok));
    let q = CandleQuery::new(aapl(), Span::All);
    assert_eq!(reader.candles(&q).unwrap().len(), 40_000);
    assert!(verify(&desk.db(), &mut |_, _| {}).unwrap().is_sound());
}

#[tokio::test]
async fn runs_of_a_dead_process_are_lost() {
    let desk = Desk::new();
    let writer = desk.writer();
    let (done, dead) = (writer.begin_run(None, "{}".into()).await.unwrap(), writer.begin_run(None, "{}".into()).await.unwrap());
    writer.finish_run(done, Partial, Some("{}".into()), None).await.unwrap();
    assert!(writer.mark_lost_runs().await.unwrap().is_empty());
    writer.close().await.unwrap();
    let writer = desk.writer();
    let alive = writer.begin_run(None, "{}".into()).await.unwrap();
    assert_eq!(writer.mark_lost_runs().await.unwrap(), [dead]);
    let states: Vec<_> = desk.reader().runs(9).unwrap().iter().map(|r| (r.id, r.state)).collect();
    assert_eq!(states, [(alive, Running), (dead, Lost), (done, Partial)]);
    assert!(matches!(writer.finish_run(99, Lost, None, None).await, Err(StoreError::NoRun(99))));
}
