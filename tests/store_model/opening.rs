//! Which files are opened: ours, of this strategy and side, of a version we know, by one process at a time.

use std::os::unix::fs::PermissionsExt;

use nightdesk::market::Strategy;
use nightdesk::store::StoreError;
use nightdesk::store::model::{APPLICATION_ID, ModelDb, ModelReader, VERSION};

use crate::Desk;

#[test]
fn a_new_file_has_our_mark_and_private_permissions() {
    let desk = Desk::new();
    let db = desk.db();
    let other = desk.foreign();
    let pragma = |name: &str| other.query_row(&format!("PRAGMA {name}"), [], |r| r.get::<_, i32>(0)).unwrap();
    assert_eq!((pragma("application_id"), pragma("user_version")), (APPLICATION_ID, VERSION));
    for (file, mode) in [("", 0o700), ("turbomode.db", 0o600), ("turbomode.db-wal", 0o600), ("turbomode.lock", 0o600)] {
        let found = std::fs::metadata(desk.path().parent().unwrap().join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{file}: {found:o}");
    }
    let loose = "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite%'";
    assert_eq!(other.query_row(loose, [], |r| r.get::<_, i64>(0)).unwrap(), 0);
    assert!(!db.reader().is_demo().unwrap());
    drop(other);
    db.close().unwrap();
    assert!(!desk.reader().is_demo().unwrap());
}

#[test]
fn all_tables_of_the_contract_are_there() {
    let desk = Desk::new();
    let _db = desk.db();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    let other = desk.foreign();
    let names: Vec<String> = other.prepare(sql).unwrap().query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        names,
        [
            "backtests",
            "config_audit_log",
            "db_metadata",
            "drift_baselines",
            "drift_episodes",
            "drift_monitoring",
            "error_replay",
            "feature_checkpoint",
            "feature_store",
            "halts",
            "holdout_readings",
            "model_changes",
            "model_files",
            "model_metadata",
            "predictions",
            "rare_event_archive",
            "scans",
            "sector_stats",
            "signal_history",
            "signals",
            "trades",
            "training_runs",
            "trials",
        ]
    );
}

#[test]
fn files_that_are_not_this_strategys_are_refused() {
    let desk = Desk::new();
    let open = |strategy, demo| ModelDb::open(&desk.path(), strategy, demo, desk.clock.clone()).map(drop);
    assert!(matches!(ModelReader::open(&desk.path(), Strategy::Turbomode), Err(e @ StoreError::NotBuilt { .. })
        if e.to_string().contains("nightdesk features build --strategy turbomode")));
    let held = desk.db();
    assert!(matches!(open(Strategy::Turbomode, false), Err(StoreError::Locked { .. })));
    held.close().unwrap();
    assert!(matches!(open(Strategy::Turbomode, true), Err(StoreError::Demo { demo: false, .. })));
    assert!(matches!(open(Strategy::Slipstream, false), Err(StoreError::OtherStrategy { found, .. }) if found == "turbomode"));
    assert!(matches!(ModelReader::open(&desk.path(), Strategy::Slipstream), Err(StoreError::OtherStrategy { .. })));
    desk.foreign().pragma_update(None, "user_version", VERSION + 1).unwrap();
    assert!(matches!(open(Strategy::Turbomode, false), Err(StoreError::Newer { .. })));
    assert!(matches!(ModelReader::open(&desk.path(), Strategy::Turbomode), Err(StoreError::Newer { .. })));
    desk.foreign().pragma_update(None, "application_id", 7).unwrap();
    assert!(matches!(open(Strategy::Turbomode, false), Err(StoreError::Foreign { found: 7, .. })));
}
