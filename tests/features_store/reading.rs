//! Reading the cache, and checking it.

use nightdesk::features::nightly::{Checked, Desk, ROWS, check, read_features};
use nightdesk::features::{COUNT, Missing, definition_hash, feature};
use nightdesk::market::date_to_ts;
use nightdesk::store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::{House, date, symbol};

fn checked(house: &House, symbols: &[&str]) -> Checked {
    let stop = CancellationToken::new();
    let (instruments, benchmark) = (&house.instruments, house.benchmark);
    let desk =
        Desk { master: &house.pool, instruments, benchmark, dividends: house.dividends, progress: &|_, _| {}, rows: ROWS, stop: &stop };
    let symbols: Vec<_> = symbols.iter().map(|s| symbol(s)).collect();
    check(house.db.reader(), &desk, &symbols).unwrap()
}

#[tokio::test]
async fn a_span_is_read_as_columns() {
    let house = House::built().await;
    let span = (date_to_ts(date("2024-04-29")), date_to_ts(date("2024-05-03")));
    let columns = read_features(house.db.reader(), symbol("AAA"), span).unwrap();
    assert_eq!(columns.ts, ["2024-04-29", "2024-04-30", "2024-05-01", "2024-05-02"].map(|d| date_to_ts(date(d))));
    assert_eq!(columns.columns.len(), COUNT);
    assert!(columns.columns.iter().all(|c| c.len() == 4 && c.iter().all(|v| v.is_finite())));
    let rsi = &columns.columns[feature("rsi_14").unwrap().index];
    assert!(rsi.iter().all(|v| (0.0..=100.0).contains(v)));
}

#[tokio::test]
async fn other_definitions_are_not_read_and_are_made_anew() {
    let mut house = House::built().await;
    let other = rusqlite::Connection::open(house.dir.path().join("turbomode.db")).unwrap();
    // As an older program left it.
    other.execute_batch("UPDATE feature_store SET definition = 'older'; UPDATE feature_checkpoint SET key = key + 1").unwrap();
    let read = |house: &House| read_features(house.db.reader(), symbol("AAA"), (i64::MIN, i64::MAX));
    assert!(matches!(read(&house), Err(StoreError::OldFeatures { .. })));
    let report = house.whole("definitions");
    assert_eq!(report.rows_written, report.rows);
    assert_eq!(house.db.reader().features_made().unwrap().unwrap().definition, definition_hash());
    assert!(read(&house).is_ok());
}

#[tokio::test]
async fn what_rotted_on_disk_is_not_read_and_is_made_good() {
    let mut house = House::built().await;
    let other = rusqlite::Connection::open(house.dir.path().join("turbomode.db")).unwrap();
    let rot = |month: &str| {
        let sql = "UPDATE feature_store SET features = CAST(x'0000000000000000' || substr(features, 9) AS BLOB) WHERE symbol = 'AAA' AND month = ?1";
        assert_eq!(other.execute(sql, [date_to_ts(date(month))]).unwrap(), 1);
    };
    let read = |house: &House| read_features(house.db.reader(), symbol("AAA"), (i64::MIN, i64::MAX));
    rot("2024-05-01");
    assert!(matches!(read(&house), Err(StoreError::BadFeatures { .. })));
    assert_eq!(house.tail().rows_written, 11, "the month is computed every night");
    assert!(read(&house).is_ok());
    rot("2023-11-01");
    house.tail();
    let error = read(&house).unwrap_err().to_string();
    assert!(error.contains("AAA in 2023-11") && error.contains("nightdesk features build --whole"), "{error}");
    house.anew();
    assert!(read(&house).is_ok());
    house.assert_same_as_anew();
}

#[tokio::test]
async fn a_sound_cache_passes_and_no_feature_looks_ahead() {
    let house = House::built().await;
    let seen = checked(&house, &[]);
    assert!(seen.is_sound() && seen.current, "{seen:?}");
    assert_eq!((seen.symbols, seen.without.len(), seen.found), (7, 0, 0));
    assert!(seen.cut.is_some());
    let short: Vec<_> = seen.short.iter().map(|(s, n)| (s.as_str().to_owned(), *n)).collect();
    assert_eq!(short, [("NEW".to_owned(), 68)]);
    let reasons: Vec<Missing> = seen.missing.iter().map(|(why, _)| why).collect();
    assert!(reasons.contains(&Missing::ShortHistory) && !reasons.contains(&Missing::NotFinite), "{reasons:?}");
    assert_eq!(checked(&house, &["NEW"]).rows, 68);
}

#[tokio::test]
async fn a_value_that_changed_on_disk_is_found_and_named() {
    let mut house = House::built().await;
    let other = rusqlite::Connection::open(house.dir.path().join("turbomode.db")).unwrap();
    // The first value of the first column of May: rsi_7 on the first session.
    let sql =
        "UPDATE feature_store SET features = CAST(x'0000000000000000' || substr(features, 9) AS BLOB) WHERE symbol = 'AAA' AND month = ?1";
    assert_eq!(other.execute(sql, [date_to_ts(date("2024-05-01"))]).unwrap(), 1);
    let seen = checked(&house, &["AAA"]);
    let [d] = &seen.differences[..] else { panic!("{seen:?}") };
    assert_eq!((d.symbol, d.date, d.feature, d.looks_ahead), (symbol("AAA"), date("2024-05-01"), Some("rsi_7"), false));
    assert!(!seen.is_sound() && seen.current);
    // A night after new bars tells that the cache is behind.
    house.day(date("2024-05-16")).await;
    assert!(!checked(&house, &["BBB"]).current);
}
