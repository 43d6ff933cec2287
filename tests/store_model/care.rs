//! Verify, copy, restore.

use std::fs;
use std::path::Path;

use nightdesk::market::{Strategy, date_to_ts};
use nightdesk::store::StoreError;
use nightdesk::store::model::files::model_folder;
use nightdesk::store::model::{ConfigChange, FeatureBlock, FeatureMonth, Made, ModelReader, beside, copy, model_bytes, restore, verify};
use nightdesk::train::gates::Verdict;
use nightdesk::train::registry::{self, Actor};
use tokio_util::sync::CancellationToken;

use crate::made::{folder, rejected, serve, trained};
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

/// A champion, the one before it, a rejected model, and a paper signal of the champion.
fn with_models() -> Desk {
    let desk = Desk::new();
    let mut db = desk.db();
    for verdict in [Verdict::Promote, rejected(), Verdict::Promote] {
        let id = trained(&mut db, &desk, &verdict);
        if verdict == Verdict::Promote {
            registry::promote(&mut db, &folder(&desk), id, Actor::Program, "better", NOW).unwrap();
            serve(&desk, id, 1);
        }
    }
    db.close().unwrap();
    desk
}

/// Names of the files of models that belong to a database.
fn files(db: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(model_folder(db)) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_copy_takes_the_files_of_models_with_it_and_brings_them_back() {
    let desk = with_models();
    let never = CancellationToken::new();
    let to = desk.dir.path().join("turbomode-20260921T140000Z.db");
    copy(&desk.path(), &to, Strategy::Turbomode, &never).unwrap();
    assert_eq!(files(&to), ["run-1.safetensors", "run-3.safetensors"], "a rejected model's file is not worth a copy");
    assert!(model_folder(&to).ends_with("models/turbomode-20260921T140000Z"));
    let report = verify(&to, Strategy::Turbomode, &never).unwrap();
    assert_eq!((report.is_sound(), report.digests), (true, 2));
    assert!(model_bytes(&desk.path(), Strategy::Turbomode).unwrap() > 3_000);
    let copied = ModelReader::open(&to, Strategy::Turbomode).unwrap();
    assert_eq!((copied.models(9).unwrap().len(), copied.model_changes(99).unwrap().len()), (3, 27));

    // The desk goes on, loses its newest file, and gets the copy back.
    let mut db = desk.db();
    trained(&mut db, &desk, &Verdict::Promote);
    db.close().unwrap();
    fs::remove_file(model_folder(&desk.path()).join("run-3.safetensors")).unwrap();
    let kept = restore(&to, &desk.path(), Strategy::Turbomode, &*desk.clock).unwrap().kept.unwrap();
    assert_eq!(files(&desk.path()), ["run-1.safetensors", "run-3.safetensors"]);
    assert_eq!(files(&kept), ["run-1.safetensors", "run-2.safetensors", "run-4.safetensors"]);
    assert!(verify(&desk.path(), Strategy::Turbomode, &never).unwrap().is_sound());
    let opened = registry::open_champion(&desk.reader(), &folder(&desk), NOW).unwrap().unwrap();
    assert_eq!(opened.0.run_id, 3);
}

#[test]
fn a_damaged_model_file_is_found_and_not_restored() {
    let desk = with_models();
    let never = CancellationToken::new();
    let to = desk.dir.path().join("copy.db");
    copy(&desk.path(), &to, Strategy::Turbomode, &never).unwrap();
    let file = model_folder(&to).join("run-3.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, &bytes).unwrap();
    let report = verify(&to, Strategy::Turbomode, &never).unwrap();
    let told = format!("turbomode: the model file {} is not what was written: its SHA-256 differs", file.display());
    assert_eq!((report.found, &report.problems), (1, &vec![told]));
    assert!(matches!(restore(&to, &desk.path(), Strategy::Turbomode, &*desk.clock), Err(StoreError::BadBackup { .. })));
    assert_eq!(files(&desk.path()).len(), 3, "nothing was replaced");

    // A copy of a damaged desk is sound, without what is damaged.
    fs::write(model_folder(&desk.path()).join("run-3.safetensors"), &bytes).unwrap();
    let second = desk.dir.path().join("second.db");
    copy(&desk.path(), &second, Strategy::Turbomode, &never).unwrap();
    assert_eq!(files(&second), ["run-1.safetensors"]);
    assert!(verify(&second, Strategy::Turbomode, &never).unwrap().is_sound());
}

#[test]
fn copies_lie_beside_that_of_the_master() {
    let of = |master: &str| beside(std::path::Path::new(master), Strategy::Slipstream).map(|p| p.to_string_lossy().into_owned());
    assert_eq!(of("/b/market_data-20240302T143000Z.db").as_deref(), Some("/b/slipstream-20240302T143000Z.db"));
    assert_eq!(of("/b/backup-20240302T143000Z/market_data.db").as_deref(), Some("/b/backup-20240302T143000Z/slipstream.db"));
    assert_eq!(of("/b/other.db"), None);
}
