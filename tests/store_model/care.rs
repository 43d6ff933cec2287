//! Verify, copy, restore.

use nightdesk::market::{Strategy, date_to_ts};
use nightdesk::store::StoreError;
use nightdesk::store::model::{ConfigChange, FeatureBlock, FeatureMonth, Made, ModelReader, beside, copy, restore, verify};
use tokio_util::sync::CancellationToken;

use crate::{Desk, NOW, date, symbol};

fn change(key: &str) -> ConfigChange {
    ConfigChange { at: NOW, file: "turbomode.toml".into(), key: key.into(), old: None, new: Some("1".into()), version: "1".into() }
}

fn filled() -> Desk {
    let desk = Desk::new();
    let mut db = desk.db();
    db.audit(&[change("a"), change("b")]).unwrap();
    let month = date_to_ts(date("2024-03-01"));
    let months = vec![FeatureMonth::new(month, &[month], [[1.0], [2.0]].iter().map(|c| &c[..]))];
    let made = Made { definition: "d".into(), snapshot: "s".into() };
    let block = FeatureBlock { symbol: symbol("AAPL"), from: i64::MIN, months, checkpoints: Vec::new() };
    db.finish_features(&[block], &made, &[symbol("AAPL")], &[]).unwrap();
    db.close().unwrap();
    desk
}

#[test]
fn a_copy_leaves_the_cache_out_and_comes_back_whole() {
    let desk = filled();
    let never = CancellationToken::new();
    let to = desk.dir.path().join("copy.db");
    let mut db = desk.db();
    copy(&desk.path(), &to, Strategy::Turbomode, &never).unwrap();
    let copied = ModelReader::open(&to, Strategy::Turbomode).unwrap();
    assert_eq!(copied.config_changes(9).unwrap(), [change("b"), change("a")]);
    assert!(copied.feature_months(symbol("AAPL")).unwrap().is_empty() && copied.features_made().unwrap().is_none());
    assert!(verify(&to, Strategy::Turbomode, &never).unwrap().is_sound());

    db.audit(&[change("c")]).unwrap();
    let clock = &*desk.clock;
    assert!(matches!(restore(&to, &desk.path(), Strategy::Turbomode, clock), Err(StoreError::Locked { .. })));
    db.close().unwrap();
    let kept = restore(&to, &desk.path(), Strategy::Turbomode, clock).unwrap().kept.unwrap();
    assert_eq!(desk.reader().config_changes(9).unwrap().len(), 2);
    assert_eq!(ModelReader::open(&kept, Strategy::Turbomode).unwrap().config_changes(9).unwrap().len(), 3);
    // The number of a change that was lost with the copy's age may be given again; none within the copy is.
    desk.db().audit(&[change("d")]).unwrap();
    assert_eq!(desk.reader().config_changes(1).unwrap(), [change("d")]);
}

#[test]
fn damage_is_found_and_not_restored() {
    let desk = filled();
    let never = CancellationToken::new();
    assert_eq!(verify(&desk.path(), Strategy::Turbomode, &never).unwrap().digests, 1);
    desk.foreign().execute("UPDATE feature_store SET features = zeroblob(16)", []).unwrap();
    let report = verify(&desk.path(), Strategy::Turbomode, &never).unwrap();
    assert_eq!((report.found, report.problems[0].as_str()), (1, "turbomode: the features of AAPL in 2024-03 differ from what was written"));
    let e = restore(&desk.path(), &desk.dir.path().join("data/other.db"), Strategy::Turbomode, &*desk.clock).unwrap_err();
    assert!(matches!(e, StoreError::BadBackup { .. }), "{e}");
    assert!(matches!(restore(&desk.path(), &desk.path(), Strategy::Slipstream, &*desk.clock), Err(StoreError::OtherStrategy { .. })));
}

#[test]
fn copies_lie_beside_that_of_the_master() {
    let of = |master: &str| beside(std::path::Path::new(master), Strategy::Slipstream).map(|p| p.to_string_lossy().into_owned());
    assert_eq!(of("/b/market_data-20240302T143000Z.db").as_deref(), Some("/b/slipstream-20240302T143000Z.db"));
    assert_eq!(of("/b/backup-20240302T143000Z/market_data.db").as_deref(), Some("/b/backup-20240302T143000Z/slipstream.db"));
    assert_eq!(of("/b/other.db"), None);
}
