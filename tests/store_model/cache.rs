//! The cache of features: what is the same is not written again, what is gone is removed, what is damaged is refused.

use nightdesk::market::date_to_ts;
use nightdesk::store::StoreError;
use nightdesk::store::model::{Checkpoint, FeatureBlock, FeatureMonth, Made};

use crate::{Desk, date, symbol};

fn stamp(day: &str) -> i64 {
    date_to_ts(date(day))
}

fn made(definition: &str) -> Made {
    Made { definition: definition.into(), snapshot: "s".into() }
}

/// Three features of as many bars as there are days.
fn month(first: &str, days: &[&str], value: f64) -> FeatureMonth {
    let dates: Vec<i64> = days.iter().map(|d| stamp(d)).collect();
    let columns: Vec<Vec<f64>> = (0..3).map(|c| (0..days.len()).map(|r| value + f64::from(c) + r as f64 / 8.0).collect()).collect();
    FeatureMonth::new(stamp(first), &dates, columns.iter().map(Vec::as_slice))
}

fn block(months: Vec<FeatureMonth>) -> FeatureBlock {
    FeatureBlock { symbol: symbol("AAPL"), from: i64::MIN, months, checkpoints: Vec::new() }
}

#[test]
fn columns_come_back_for_any_span() {
    let desk = Desk::new();
    let mut db = desk.db();
    let months =
        vec![month("2024-03-01", &["2024-03-28"], 1.0), month("2024-04-01", &["2024-04-01", "2024-04-02", "2024-04-03"], f64::NAN)];
    assert_eq!(db.put_features(&[block(months)], &made("d")).unwrap(), 4);
    let read = |from: &str, to: &str| desk.reader().features(symbol("AAPL"), (stamp(from), stamp(to)), "d").unwrap();
    let all = read("2000-01-01", "2030-01-01");
    assert_eq!(all.ts, ["2024-03-28", "2024-04-01", "2024-04-02", "2024-04-03"].map(stamp));
    assert_eq!((all.columns.len(), all.columns[2][0]), (3, 3.0));
    assert!(all.columns.iter().all(|c| c.len() == 4 && c[1..].iter().all(|v| v.to_bits() == f64::NAN.to_bits())));
    assert_eq!(read("2024-04-02", "2024-04-03").ts, [stamp("2024-04-02")]);
    assert_eq!(read("2024-03-20", "2024-04-02").ts, ["2024-03-28", "2024-04-01"].map(stamp));
    assert!(read("2024-03-29", "2024-04-01").columns.is_empty());
    assert!(desk.reader().features(symbol("MSFT"), (0, i64::MAX), "d").unwrap().ts.is_empty());
}

#[test]
fn only_what_differs_is_written_and_what_is_gone_is_removed() {
    let desk = Desk::new();
    let mut db = desk.db();
    let [march, april] = [month("2024-03-01", &["2024-03-28"], 1.0), month("2024-04-01", &["2024-04-01", "2024-04-02"], 2.0)];
    let both = block(vec![march.clone(), april.clone()]);
    db.put_features(std::slice::from_ref(&both), &made("d")).unwrap();
    assert_eq!(db.put_features(std::slice::from_ref(&both), &made("d")).unwrap(), 0);
    let longer = month("2024-04-01", &["2024-04-01", "2024-04-02", "2024-04-03"], 2.0);
    assert_eq!(db.put_features(&[block(vec![march.clone(), longer])], &made("d")).unwrap(), 3);
    assert_eq!(db.put_features(&[block(vec![march.clone()])], &made("e")).unwrap(), 1, "other definitions");
    assert_eq!(desk.reader().feature_months(symbol("AAPL")).unwrap(), std::slice::from_ref(&march), "April is gone");
    let later = FeatureBlock { from: stamp("2024-04-01"), ..block(Vec::new()) };
    db.put_features(&[later], &made("e")).unwrap();
    assert_eq!(desk.reader().feature_months(symbol("AAPL")).unwrap(), [march], "March lies before");
}

#[test]
fn a_build_that_did_not_end_is_known() {
    let desk = Desk::new();
    let mut db = desk.db();
    let march = vec![month("2024-03-01", &["2024-03-28"], 1.0)];
    let checkpoint = |month: &str, ticker: &str| Checkpoint {
        month: stamp(month),
        symbol: symbol(ticker),
        key: u64::MAX,
        own: 1,
        state: Some(vec![1, 2]),
        sound: true,
    };
    let of = |ticker: &str| FeatureBlock {
        symbol: symbol(ticker),
        checkpoints: ["2024-02-01", "2024-03-01"].map(|m| checkpoint(m, ticker)).into(),
        ..block(march.clone())
    };
    assert_eq!(db.reader().features_made().unwrap(), None);
    db.put_features(&[of("AAPL"), of("MSFT")], &made("d")).unwrap();
    assert_eq!(db.reader().features_made().unwrap(), None);
    db.finish_features(&[], &made("d"), &[symbol("MSFT")], &[stamp("2024-03-01")]).unwrap();
    let reader = desk.reader();
    assert_eq!(reader.features_made().unwrap(), Some(made("d")));
    assert_eq!(reader.checkpoints().unwrap(), [checkpoint("2024-03-01", "MSFT")]);
    assert!(reader.feature_months(symbol("AAPL")).unwrap().is_empty(), "no longer among the symbols");
    db.forget_checkpoints(Some(stamp("2024-03-01"))).unwrap();
    assert_eq!((reader.features_made().unwrap(), reader.checkpoints().unwrap().len()), (None, 1));
    db.forget_checkpoints(None).unwrap();
    assert!(reader.checkpoints().unwrap().is_empty());
}

#[test]
fn other_definitions_and_damage_are_refused() {
    let desk = Desk::new();
    let mut db = desk.db();
    db.put_features(&[block(vec![month("2024-03-01", &["2024-03-28"], 1.0)])], &made("d")).unwrap();
    let read = |definition| desk.reader().features(symbol("AAPL"), (i64::MIN, i64::MAX), definition);
    assert!(matches!(read("e"), Err(e @ StoreError::OldFeatures { .. }) if e.to_string().contains("nightdesk features build")));
    desk.foreign().execute("UPDATE feature_store SET features = zeroblob(24)", []).unwrap();
    assert!(matches!(read("d"), Err(StoreError::BadFeatures { month, .. }) if month == "2024-03"));
}
