//! Whether the database of a strategy holds what was written, copies of it for backups, and putting one back.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use super::{ModelFile, cache, files, models, open};
use crate::market::{Clock, Strategy, ts_to_date};
use crate::store::StoreError;
use crate::store::file;
use crate::store::master::{RestoreReport, VerifyReport, check_pages, heed, replace};

/// Tables that can be made anew from market data; backups leave their rows out.
const CACHE: [&str; 2] = ["feature_store", "feature_checkpoint"];

/// SQLite's own check of every page, every reference between tables, every month of cached features against its digest, and
/// every file of models against its hash. Works beside a living writer.
pub fn verify(path: &Path, strategy: Strategy, stop: &CancellationToken) -> Result<VerifyReport, StoreError> {
    verify_with(path, &files::model_folder(path), strategy, stop)
}

/// As [`verify`], with the files of models in `folder`.
fn verify_with(path: &Path, folder: &Path, strategy: Strategy, stop: &CancellationToken) -> Result<VerifyReport, StoreError> {
    let mut report = check_pages(path, stop)?;
    if !report.is_sound() {
        return Ok(report);
    }
    let mut conn = open::plain_read_only(path, strategy)?;
    heed(&mut conn, stop)?;
    features(&conn, strategy, &mut report)?;
    for of in model_files(&conn)? {
        if stop.is_cancelled() {
            return Err(StoreError::Stopped);
        }
        report.digests += 1;
        // One that is let go of meanwhile loses its row first.
        if let Err(fault) = files::read_checked(folder, &of)
            && model_files(&conn)?.contains(&of)
        {
            report.problem(format!("{strategy}: the model file {} {fault}", folder.join(&of.file).display()));
        }
    }
    let mut check = conn.prepare("PRAGMA foreign_key_check")?;
    let mut lines = check.query([])?;
    while let Some(r) = lines.next()? {
        let (table, parent): (String, String) = (r.get(0)?, r.get(2)?);
        report.problem(format!("{strategy}: a row of {table} refers to a {parent} that is not there"));
    }
    Ok(report)
}

fn features(conn: &Connection, strategy: Strategy, report: &mut VerifyReport) -> Result<(), StoreError> {
    let mut select = conn.prepare("SELECT symbol, month, digest, dates, features FROM feature_store")?;
    let mut rows = select.query([])?;
    while let Some(r) = rows.next()? {
        let (dates, features) = (r.get_ref(3)?.as_blob().unwrap_or_default(), r.get_ref(4)?.as_blob().unwrap_or_default());
        report.digests += 1;
        report.rows += dates.len() as u64 / 8;
        if r.get::<_, i64>(2)? != cache::digest(dates, features) {
            let (symbol, month): (String, i64) = (r.get(0)?, r.get(1)?);
            report.problem(format!(
                "{strategy}: the features of {symbol} in {} differ from what was written",
                ts_to_date(month).format("%Y-%m")
            ));
        }
    }
    Ok(())
}

/// The files of models that a database of any edition tells of.
fn model_files(conn: &Connection) -> Result<Vec<ModelFile>, StoreError> {
    if !conn.table_exists(None, "model_files")? {
        return Ok(Vec::new());
    }
    let mut select = conn.prepare_cached("SELECT file, sha256, bytes FROM model_files ORDER BY file")?;
    let found = select.query_map([], models::file)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Bytes of the files of models that a copy of the database takes with it, at most.
pub fn model_bytes(path: &Path, strategy: Strategy) -> Result<u64, StoreError> {
    Ok(model_files(&open::plain_read_only(path, strategy)?)?.iter().map(|f| f.bytes).sum())
}

/// Copies the database to `to`, which must not exist, private and durable, without the cache of features: it is by far the
/// largest part, and the next night makes it anew. The files of models that were not rejected go to the folder of models of
/// the copy. One that is not what was written is left out, with its row, and told in the log: the copy is sound, and better
/// than none. Stopped or failed, it leaves a part at `to`.
pub fn copy(from: &Path, to: &Path, strategy: Strategy, stop: &CancellationToken) -> Result<(), StoreError> {
    let mut conn = file::read_write(to)?;
    open::make_like(&mut conn, to, &open::plain_read_only(from, strategy)?)?;
    conn.execute("ATTACH ?1 AS live", [file::uri(from, "ro")])?;
    heed(&mut conn, stop)?;
    let tables = "SELECT name FROM live.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables = conn.prepare(tables)?.query_map([], |r| r.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let tx = conn.transaction()?;
    // A table may refer to one that was made after it.
    tx.pragma_update(None, "defer_foreign_keys", true)?;
    for table in tables.iter().filter(|t| !CACHE.contains(&t.as_str())) {
        tx.execute(&format!("INSERT INTO main.{table} SELECT * FROM live.{table}"), [])?;
    }
    tx.execute("DELETE FROM main.db_metadata WHERE key GLOB 'features.*'", [])?;
    // Numbers that were given once are not given again, whatever was deleted.
    tx.execute_batch("DELETE FROM main.sqlite_sequence; INSERT INTO main.sqlite_sequence SELECT * FROM live.sqlite_sequence")?;
    if tx.table_exists(Some("main"), "model_files")? {
        tx.execute("DELETE FROM main.model_files WHERE run_id IN (SELECT run_id FROM main.model_metadata WHERE state = 'rejected')", [])?;
    }
    let (from, to) = (files::model_folder(from), files::model_folder(to));
    for file in copy_files(&model_files(&tx)?, (&from, &to), stop)? {
        tracing::warn!(target: "store", %strategy, file, "A model file is not what was written, and is not in the backup");
        tx.execute("DELETE FROM main.model_files WHERE file = ?1", [file])?;
    }
    tx.commit()?;
    Ok(())
}

/// Copies files from folder to folder, and gives the names of those that are not what was written.
fn copy_files(all: &[ModelFile], (from, to): (&Path, &Path), stop: &CancellationToken) -> Result<Vec<String>, StoreError> {
    let mut bad = Vec::new();
    for of in all {
        if stop.is_cancelled() {
            return Err(StoreError::Stopped);
        }
        match files::read_checked(from, of) {
            Ok(bytes) => drop(files::write_whole(to, &of.file, &bytes)?),
            Err(_) => bad.push(of.file.clone()),
        }
    }
    Ok(bad)
}

/// Where the copy of a strategy's database lies that belongs to the copy `master` of the master: beside it, under the same
/// name but for the first word.
pub fn beside(master: &Path, strategy: Strategy) -> Option<PathBuf> {
    let rest = master.file_name()?.to_str()?.strip_prefix("market_data")?;
    Some(master.with_file_name(format!("{strategy}{rest}")))
}

/// Puts the copy `from` in place of the database `target`, with its files of models. All are verified first; refused while a
/// process has the database; what was there is kept beside it, its folder of models under the name of the kept database. Cut
/// short after the database was replaced, it leaves models without files, which [`verify`] tells: restore again.
pub fn restore(from: &Path, target: &Path, strategy: Strategy, clock: &dyn Clock) -> Result<RestoreReport, StoreError> {
    let (source, place) = (files::model_folder(from), files::model_folder(target));
    let check = |copy: &Path, stop: &CancellationToken| verify_with(copy, &source, strategy, stop);
    let report = replace(from, target, clock, &CancellationToken::new(), &check)?;
    if place.exists()
        && let Some(kept) = &report.kept
    {
        let aside = files::model_folder(kept);
        fs::rename(&place, &aside).map_err(StoreError::io("cannot move the old models to", &aside))?;
    }
    let wanted = model_files(&open::plain_read_only(target, strategy)?)?;
    let bad = copy_files(&wanted, (&source, &place), &CancellationToken::new())?;
    match bad.first() {
        Some(file) => Err(StoreError::Corrupt(format!("the model file {} could not be read again", source.join(file).display()))),
        None => Ok(report),
    }
}
