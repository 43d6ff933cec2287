//! Which files are opened: ours, of a version we know, by one process at a time.

use std::os::unix::fs::PermissionsExt;

use nightdesk::market::{METRICS, SourceId, Timeframe};
use nightdesk::store::master::{APPLICATION_ID, Holder, Reader, Seat, StoreError, VERSION, Writer};

use crate::{Desk, batch, minutes};

#[tokio::test]
async fn a_new_file_has_our_mark_and_private_permissions() {
    let desk = Desk::new();
    let writer = desk.writer();
    let db = desk.foreign();
    let pragma = |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |r| r.get::<_, i32>(0)).unwrap();
    assert_eq!((pragma("application_id"), pragma("user_version")), (APPLICATION_ID, VERSION));
    for (file, mode) in
        [("data", 0o700), ("data/market_data.db", 0o600), ("data/market_data.db-wal", 0o600), ("data/market_data.lock", 0o600)]
    {
        let found = std::fs::metadata(desk.dir.path().join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{file}: {found:o}");
    }
    drop(db);
    writer.close().await.unwrap();
    desk.writer().close().await.unwrap();
    assert!(desk.reader().db_metadata().unwrap().contains(&("demo".to_owned(), "0".to_owned())));
}

#[tokio::test]
async fn a_file_whose_birth_was_cut_short_is_completed() {
    let desk = Desk::new();
    desk.writer().close().await.unwrap();
    desk.foreign().execute("DELETE FROM db_metadata WHERE key <> 'created_at'", []).unwrap();
    desk.writer().close().await.unwrap();
    let keys: Vec<String> = desk.reader().db_metadata().unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["created_at", "created_by", "demo"]);
}

#[tokio::test]
async fn the_tables_say_what_the_program_says() {
    let desk = Desk::new();
    let _writer = desk.writer();
    let db = desk.foreign();
    let pairs = |sql: &str| -> Vec<(i64, String)> {
        db.prepare(sql).unwrap().query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    let timeframes: Vec<_> = Timeframe::ALL.iter().map(|t| (t.id(), format!("{t} {}", t.seconds()))).collect();
    assert_eq!(pairs("SELECT timeframe_id, name || ' ' || seconds FROM timeframe ORDER BY 1"), timeframes);
    let sources: Vec<_> = SourceId::ALL.iter().map(|s| (s.id(), s.to_string())).collect();
    assert_eq!(pairs("SELECT source_id, name FROM source ORDER BY 1"), sources);
    let columns = pairs("SELECT cid, name FROM pragma_table_info('fundamentals')");
    let metrics: Vec<&str> = columns.iter().map(|(_, n)| n.as_str()).filter(|n| METRICS.contains(n)).collect();
    assert_eq!(metrics, METRICS);
    assert_eq!(
        pairs("SELECT count(*), ifnull(group_concat(name), '') FROM pragma_table_list WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite%'")
            [0]
        .0,
        0
    );
}

#[tokio::test]
async fn newer_and_foreign_files_are_refused_and_left_alone() {
    for (sql, newer) in [("PRAGMA user_version = 99", true), ("PRAGMA application_id = 7", false)] {
        let desk = Desk::new();
        desk.writer().close().await.unwrap();
        desk.foreign().execute_batch(sql).unwrap();
        for e in [Writer::open(&desk.db(), desk.options()).unwrap_err(), Reader::open(&desk.db()).unwrap_err()] {
            if newer {
                assert!(matches!(e, StoreError::Newer { found: 99, .. }), "{e}");
            } else {
                assert!(matches!(e, StoreError::Foreign { found: 7, .. }), "{e}");
            }
        }
    }
    // Another program's database without any mark.
    let desk = Desk::new();
    std::fs::create_dir(desk.dir.path().join("data")).unwrap();
    desk.foreign().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(Writer::open(&desk.db(), desk.options()), Err(StoreError::Foreign { .. })));
    // No database at all.
    std::fs::write(
        desk.db(),
        "Dear diary, this is a text of more than a hundred bytes and certainly not a database file at all. ".repeat(9),
    )
    .unwrap();
    assert!(matches!(Writer::open(&desk.db(), desk.options()), Err(StoreError::Corrupt(_))));
}

#[test]
fn a_missing_file_is_said_to_be_missing() {
    let desk = Desk::new();
    let e = Reader::open(&desk.db()).unwrap_err();
    assert!(matches!(e, StoreError::Missing(_)) && e.to_string().contains("nightdesk ingest"), "{e}");
}

#[tokio::test]
async fn two_writers_on_one_folder_are_refused() {
    let desk = Desk::new();
    let first = desk.writer();
    let e = Writer::open(&desk.db(), desk.options()).unwrap_err();
    assert!(e.to_string().contains(&format!("process {}", std::process::id())), "{e}");
    let other = first.clone();
    first.close().await.unwrap();
    assert!(matches!(other.checkpoint().await, Err(StoreError::WriterGone)));
    desk.writer().close().await.unwrap();
}

#[tokio::test]
async fn demo_and_real_data_never_share_a_file() {
    let desk = Desk::new();
    desk.writer().close().await.unwrap();
    let mut demo = desk.options();
    demo.demo = true;
    let before = Holder::of(&desk.db());
    assert!(matches!(Writer::open(&desk.db(), demo), Err(StoreError::Demo { demo: false, .. })));
    assert_eq!(Holder::of(&desk.db()), before, "a refusal is no unclean end");
}

/// As a kill leaves it: what the lock file tells of the last holder has no end.
fn cut_off(desk: &Desk) {
    let path = desk.db().with_extension("lock");
    let mut holder: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    holder["ended_at"] = serde_json::Value::Null;
    std::fs::write(&path, holder.to_string()).unwrap();
}

#[tokio::test]
async fn after_an_unclean_end_writes_wait_for_the_check_and_are_then_done() {
    let desk = Desk::new();
    let (first, none) = Writer::open_beside(&desk.db(), desk.options()).unwrap();
    assert!(none.is_none(), "nobody was here before");
    first.candles(batch(minutes(20_000))).await.unwrap();
    first.close().await.unwrap();
    cut_off(&desk);
    let (writer, check) = Writer::open_beside(&desk.db(), desk.options()).unwrap();
    // The writer lives and has a seat at once, whatever the check does.
    writer.pulse().await.unwrap();
    writer.declare(Seat::default()).await.unwrap();
    let mut check = check.unwrap();
    writer.set_meta("after".into(), "the check".into()).await.unwrap();
    assert!(check.try_recv().unwrap().is_ok(), "the write came after the check");
    writer.close().await.unwrap();
    let (writer, check) = Writer::open_beside(&desk.db(), desk.options()).unwrap();
    assert!(check.is_none(), "a checked file that was closed well is not checked again");
    writer.close().await.unwrap();
    assert!(desk.reader().db_metadata().unwrap().contains(&("after".to_owned(), "the check".to_owned())));
}

#[tokio::test]
async fn a_damaged_file_is_not_written_however_often_it_is_opened() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(20_000))).await.unwrap();
    writer.close().await.unwrap();
    let mut bytes = std::fs::read(desk.db()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0);
    std::fs::write(desk.db(), &bytes).unwrap();
    cut_off(&desk);
    for _ in 0..2 {
        let (writer, check) = Writer::open_beside(&desk.db(), desk.options()).unwrap();
        let (waits, other) = (writer.clone(), writer.clone());
        let (set, checkpoint) = tokio::join!(waits.set_meta("a".into(), "b".into()), other.checkpoint());
        assert!(matches!(set, Err(StoreError::Corrupt(_))) && matches!(checkpoint, Err(StoreError::Corrupt(_))), "{set:?} {checkpoint:?}");
        let found = check.unwrap().await.unwrap().unwrap_err().to_string();
        assert!(found.contains("is damaged") && found.contains("nightdesk restore") && found.lines().count() == 1, "{found}");
        assert!(writer.set_meta("a".into(), "b".into()).await.is_err(), "and later writes are refused at once");
        writer.close().await.unwrap();
        assert!(std::fs::read(desk.db()).unwrap() == bytes, "not a byte of the file has changed");
    }
    let e = Writer::open(&desk.db(), desk.options()).unwrap_err();
    assert!(matches!(e, StoreError::Corrupt(_)), "a single command refuses to begin: {e}");
}

#[tokio::test]
async fn a_command_that_is_refused_after_a_kill_leaves_file_and_log_as_they_are() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(20_000))).await.unwrap();
    writer.checkpoint().await.unwrap();
    writer.set_meta("only".into(), "in the log".into()).await.unwrap();
    // The folder as a kill leaves it at this moment, with one bad page.
    let killed = Desk::new();
    std::fs::create_dir(killed.dir.path().join("data")).unwrap();
    let part = |desk: &Desk, end: &str| desk.db().with_extension(end);
    for end in ["db", "db-wal", "db-shm", "lock"] {
        std::fs::copy(part(&desk, end), part(&killed, end)).unwrap();
    }
    let mut bytes = std::fs::read(killed.db()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0);
    std::fs::write(killed.db(), &bytes).unwrap();
    let log = std::fs::read(part(&killed, "db-wal")).unwrap();
    assert!(!log.is_empty());
    for _ in 0..2 {
        let refused = Writer::open(&killed.db(), killed.options()).unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt(_)) && refused.to_string().lines().count() == 1, "{refused}");
        assert!(std::fs::read(killed.db()).unwrap() == bytes, "not a byte of the file has changed");
        assert!(std::fs::read(part(&killed, "db-wal")).unwrap() == log, "nor of its log");
        assert!(part(&killed, "db-shm").exists());
    }
    writer.close().await.unwrap();
}

#[tokio::test]
async fn who_leaves_before_the_check_has_ended_leaves_it_to_the_next() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(20_000))).await.unwrap();
    writer.close().await.unwrap();
    cut_off(&desk);
    let (writer, check) = Writer::open_beside(&desk.db(), desk.options()).unwrap();
    assert!(Holder::of(&desk.db()).unwrap().ended_at.is_none());
    let (closed, checked) = (writer.close().await, check.unwrap().await);
    closed.unwrap();
    let (_, again) = Writer::open_beside(&desk.db(), desk.options()).unwrap();
    assert_eq!(again.is_some(), checked.is_err(), "checked by one of the two");
}
