//! Backup, restore, and the check of broken files.

use std::time::Duration;

use nightdesk::market::Clock;
use nightdesk::store::master::{Holder, StoreError, backup, restore, verify};

use crate::{Desk, all, batch, minutes};

#[tokio::test]
async fn a_backup_made_beside_a_writer_restores_whole() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(500))).await.unwrap();
    let to = desk.dir.path().join("backups");
    let clock: &dyn Clock = &*desk.clock;
    let first = backup(&desk.db(), &to, clock).unwrap();
    assert_eq!((first.path.file_name().unwrap().to_str().unwrap(), first.rows), ("market_data-20240302T143000Z.db", 500));
    writer.candles(batch(minutes(600))).await.unwrap();
    desk.clock.advance(Duration::from_mins(1));
    let second = backup(&desk.db(), &to, clock).unwrap();
    assert_eq!((second.rows, std::fs::read_dir(&to).unwrap().count()), (600, 2));

    assert!(matches!(restore(&first.path, &desk.db(), clock), Err(StoreError::Locked { .. })));
    writer.candles(batch(minutes(700))).await.unwrap();
    writer.close().await.unwrap();
    let done = restore(&to, &desk.db(), clock).unwrap();
    assert_eq!((done.from, done.rows), (second.path, 600));
    assert_eq!(all(&desk.reader()).len(), 600);
    // What was replaced is kept, with its log.
    let kept = done.kept.unwrap();
    assert_eq!(kept.file_name().unwrap().to_str().unwrap(), "market_data.db.before-restore-20240302T143100Z");
    // Another restore, even within the same second, keeps both what it replaces and what was kept before.
    let again = restore(&first.path, &desk.db(), clock).unwrap().kept.unwrap();
    let rows = [&kept, &again].map(|path| verify(path, &mut |_, _| {}).unwrap().rows);
    assert_eq!(rows, [700, 600]);
    let writer = desk.writer();
    assert_eq!(writer.candles(batch(minutes(600))).await.unwrap().inserted, 100);
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_nothing_is_replaced() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(500))).await.unwrap();
    let to = desk.dir.path().join("backups");
    let made = backup(&desk.db(), &to, &*desk.clock).unwrap();
    writer.close().await.unwrap();
    rusqlite::Connection::open(&made.path).unwrap().execute_batch("UPDATE candle SET low = low / 2 WHERE ts % 7 = 0").unwrap();
    let e = restore(&made.path, &desk.db(), &*desk.clock).unwrap_err();
    assert!(e.to_string().contains("AAPL 1m, 2024-03: a value differs"), "{e}");
    std::fs::write(&made.path, b"gone").unwrap();
    assert!(matches!(restore(&made.path, &desk.db(), &*desk.clock), Err(StoreError::BadBackup { .. })));
    assert!(Holder::of(&desk.db()).unwrap().ended_at.is_some(), "a refusal does not look like a kill");
    for nothing in [desk.dir.path().join("nothing"), desk.dir.path().join("data")] {
        let e = restore(&nothing, &desk.db(), &*desk.clock).unwrap_err();
        assert!(matches!(e, StoreError::NoBackup(_)) && e.to_string().contains("nightdesk backup"), "{e}");
    }
    assert_eq!(all(&desk.reader()).len(), 500);
    // No partial file is left behind.
    assert!(
        std::fs::read_dir(desk.dir.path().join("data")).unwrap().all(|f| !f.unwrap().file_name().to_string_lossy().contains("restoring"))
    );
}

#[tokio::test]
async fn broken_pages_are_reported_not_read() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(20_000))).await.unwrap();
    writer.close().await.unwrap();
    let mut bytes = std::fs::read(desk.db()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0);
    std::fs::write(desk.db(), bytes).unwrap();
    let report = verify(&desk.db(), &mut |_, _| {}).unwrap();
    assert!(report.found > 0 && report.problems[0].starts_with("SQLite: "), "{report:?}");
}

#[tokio::test]
async fn verify_tells_how_far_it_is() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(300))).await.unwrap();
    let mut heard = Vec::new();
    verify(&desk.db(), &mut |done, all| heard.push((done, all))).unwrap();
    assert_eq!(heard, [(0, 300), (300, 300)]);
}
