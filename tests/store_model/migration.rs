//! A database of the first edition keeps what it holds, and gets the tables of training.

use nightdesk::market::{Strategy, date_to_ts};
use nightdesk::store::StoreError;
use nightdesk::store::model::{APPLICATION_ID, ModelReader, VERSION, copy, upgrade, verify};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::made::{begun, identity};
use crate::{Desk, date, symbol};

const FIRST: &str = include_str!("../../src/store/model/migrations/0001_strategy.sql");

/// As the program of then left it: two features of one bar, a checkpoint, an archived row, the audit.
fn first_edition() -> Desk {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path().parent().unwrap()).unwrap();
    let conn = desk.foreign();
    conn.pragma_update(None, "page_size", 16_384).unwrap();
    conn.pragma_update(None, "journal_mode", "wal").unwrap();
    conn.execute_batch(FIRST).unwrap();
    conn.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    conn.pragma_update(None, "user_version", 1).unwrap();
    let month = date_to_ts(date("2024-03-01"));
    let (dates, features) = (month.to_le_bytes().to_vec(), [1.5_f64, 2.5].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    let digest = xxh3_64_with_seed(&features, xxh3_64(&dates)) as i64;
    conn.execute_batch(
        "INSERT INTO db_metadata VALUES ('strategy', 'turbomode', 0), ('demo', '0', 0), ('created_at', '0', 0);
         INSERT INTO rare_event_archive VALUES ('AAPL', '2024-03-01', '2024-03-18', '2024-04-01', 2, 'crash', x'0000000000000840', 'd', 'r',
             'crash', 3.0, 0);
         INSERT INTO config_audit_log (at, file, key, old, new, version) VALUES (0, 'turbomode.toml', 'a', NULL, '1', '1');",
    )
    .unwrap();
    conn.execute("INSERT INTO feature_store VALUES ('AAPL', ?1, ?2, 'd', 's', ?3, ?4)", rusqlite::params![month, digest, dates, features])
        .unwrap();
    conn.execute("INSERT INTO feature_checkpoint VALUES (?1, 'AAPL', 1, 2, x'01', 3)", [month]).unwrap();
    desk
}

#[test]
fn what_was_there_stays_and_training_can_begin() {
    let desk = first_edition();
    let reader = ModelReader::open(&desk.path(), Strategy::Turbomode);
    assert!(matches!(reader, Err(StoreError::Older { found: 1, .. })), "readers wait for a writer");
    let mut db = desk.db();
    assert_eq!(desk.foreign().query_row("PRAGMA user_version", [], |r| r.get::<_, i32>(0)).unwrap(), VERSION);
    let r = db.reader();
    let columns = r.features(symbol("AAPL"), (0, i64::MAX), "d").unwrap().columns;
    assert_eq!((columns, r.checkpoints().unwrap().len()), (vec![vec![1.5], vec![2.5]], 1));
    assert_eq!((r.rare_events().unwrap()[0].sample.features[0], r.config_changes(9).unwrap().len()), (3.0, 1));
    let id = db.begin_training(&begun()).unwrap();
    assert_eq!(db.reader().training(id).unwrap().unwrap().identity, identity());
    db.close().unwrap();
    assert!(verify(&desk.path(), Strategy::Turbomode, &CancellationToken::new()).unwrap().is_sound());
    desk.db().close().unwrap();
    assert_eq!(desk.reader().trainings(9).unwrap().len(), 1, "opening again makes nothing anew");
}

#[test]
fn the_engine_brings_old_files_up_to_date_and_leaves_others_alone() {
    let desk = first_edition();
    let bring = || upgrade(&desk.path(), Strategy::Turbomode, false, desk.clock.clone());
    bring().unwrap();
    assert!(desk.reader().features(symbol("AAPL"), (0, i64::MAX), "d").unwrap().ts.len() == 1);
    let held = desk.db();
    bring().unwrap();
    drop(held);
    let none = Desk::new();
    upgrade(&none.path(), Strategy::Turbomode, false, none.clock.clone()).unwrap();
    assert!(!none.path().exists());
}

#[test]
fn the_schema_is_the_same_whichever_edition_made_the_file() {
    let (old, new) = (first_edition(), Desk::new());
    old.db().close().unwrap();
    new.db().close().unwrap();
    let schema = |desk: &Desk| -> Vec<(String, String)> {
        let conn = desk.foreign();
        let mut select = conn.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
        select.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(schema(&old), schema(&new));
    let violations: i64 = old.foreign().query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |r| r.get(0)).unwrap();
    assert_eq!(violations, 0);
}

#[test]
fn a_database_of_the_first_edition_is_backed_up_as_it_is() {
    let desk = first_edition();
    let to = desk.dir.path().join("copy.db");
    copy(&desk.path(), &to, Strategy::Turbomode, &CancellationToken::new()).unwrap();
    assert!(verify(&to, Strategy::Turbomode, &CancellationToken::new()).unwrap().is_sound());
    let conn = rusqlite::Connection::open(&to).unwrap();
    assert_eq!(conn.query_row("PRAGMA user_version", [], |r| r.get::<_, i32>(0)).unwrap(), 1);
    assert_eq!(conn.query_row("SELECT count(*) FROM rare_event_archive", [], |r| r.get::<_, i64>(0)).unwrap(), 1);
}
