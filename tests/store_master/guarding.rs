//! A reader cannot write, by any way that SQL knows.

use nightdesk::store::master::{StoreError, VerifyReport, verify};

use crate::{Desk, all, batch, minutes};

#[tokio::test]
async fn every_way_to_write_through_a_reader_is_refused() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(10))).await.unwrap();
    let reader = desk.reader();
    let elsewhere = desk.dir.path().join("elsewhere.db");
    let away = elsewhere.display();
    let ways = [
        "INSERT INTO db_metadata VALUES ('a', 'b', 0)".to_owned(),
        "INSERT INTO db_metadata VALUES ('a', 'b', 0) RETURNING key".to_owned(),
        "REPLACE INTO db_metadata VALUES ('demo', '1', 0)".to_owned(),
        "WITH x(k) AS (SELECT 'a') INSERT INTO db_metadata SELECT k, k, 0 FROM x".to_owned(),
        "UPDATE candle SET close = 0".to_owned(),
        "DELETE FROM candle".to_owned(),
        "CREATE TABLE t (x)".to_owned(),
        "CREATE INDEX i ON candle (close)".to_owned(),
        "CREATE VIEW v AS SELECT 1".to_owned(),
        "CREATE TRIGGER g AFTER INSERT ON candle BEGIN SELECT 1; END".to_owned(),
        "ALTER TABLE candle RENAME TO c".to_owned(),
        "DROP TABLE candle".to_owned(),
        "DROP VIEW candles".to_owned(),
        "CREATE TEMP TABLE t (x)".to_owned(),
        "CREATE TEMP VIEW v AS SELECT 1".to_owned(),
        "CREATE TEMP TRIGGER g AFTER INSERT ON candle BEGIN SELECT 1; END".to_owned(),
        "CREATE VIRTUAL TABLE f USING fts5(x)".to_owned(),
        format!("ATTACH '{away}' AS a"),
        "ATTACH ':memory:' AS a".to_owned(),
        "VACUUM".to_owned(),
        format!("VACUUM INTO '{away}'"),
        "REINDEX".to_owned(),
        "ANALYZE".to_owned(),
        "PRAGMA query_only = 0".to_owned(),
        "PRAGMA writable_schema = 1".to_owned(),
        "PRAGMA journal_mode = delete".to_owned(),
        "PRAGMA wal_checkpoint(TRUNCATE)".to_owned(),
        "PRAGMA user_version = 5".to_owned(),
        "PRAGMA application_id = 5".to_owned(),
        "PRAGMA optimize".to_owned(),
        "PRAGMA incremental_vacuum".to_owned(),
        "UPDATE sqlite_schema SET sql = ''".to_owned(),
        "SELECT load_extension('x')".to_owned(),
    ];
    for way in &ways {
        assert!(reader.connection().execute_batch(way).is_err(), "{way} went through");
    }
    assert!(!elsewhere.exists());
    assert_eq!(all(&reader).iter().collect::<Vec<_>>(), minutes(10));
    let report = verify(&desk.db(), &mut |_, _| {}).unwrap();
    assert_eq!(report, VerifyReport { rows: 10, series: 1, digests: 1, ..VerifyReport::default() });
    // What is not typed can still be asked.
    let names: i64 = reader
        .connection()
        .query_row("SELECT count(*) FROM candles WHERE symbol = 'AAPL' AND time LIKE '2024-03-01 14:3%'", [], |r| r.get(0))
        .unwrap();
    assert_eq!(names, 10);
}

#[tokio::test]
async fn an_older_file_waits_for_a_writer() {
    let desk = Desk::new();
    desk.writer().close().await.unwrap();
    desk.foreign().execute_batch("PRAGMA user_version = 0").unwrap();
    assert!(matches!(nightdesk::store::master::Reader::open(&desk.db()), Err(StoreError::Older { found: 0, .. })));
}
