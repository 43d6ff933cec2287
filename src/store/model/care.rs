//! Whether the database of a strategy holds what was written, copies of it for backups, and putting one back.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::{cache, open};
use crate::market::{Clock, Strategy, ts_to_date};
use crate::store::StoreError;
use crate::store::file;
use crate::store::master::{RestoreReport, VerifyReport, check_pages, heed, replace};

/// Tables that can be made anew from market data; backups leave their rows out.
const CACHE: [&str; 2] = ["feature_store", "feature_checkpoint"];

/// SQLite's own check of every page, every reference between tables, and every month of cached features against its
/// digest. Works beside a living writer.
pub fn verify(path: &Path, strategy: Strategy, stop: &CancellationToken) -> Result<VerifyReport, StoreError> {
    let mut report = check_pages(path, stop)?;
    if !report.is_sound() {
        return Ok(report);
    }
    let mut conn = open::plain_read_only(path, strategy)?;
    heed(&mut conn, stop)?;
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
    let mut check = conn.prepare("PRAGMA foreign_key_check")?;
    let mut lines = check.query([])?;
    while let Some(r) = lines.next()? {
        let (table, parent): (String, String) = (r.get(0)?, r.get(2)?);
        report.problem(format!("{strategy}: a row of {table} refers to a {parent} that is not there"));
    }
    Ok(report)
}

/// Copies the database to `to`, which must not exist, private and durable, without the cache of features: it is by far the
/// largest part, and the next night makes it anew. Stopped or failed, it leaves a part at `to`.
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
    tx.commit()?;
    Ok(())
}

/// Where the copy of a strategy's database lies that belongs to the copy `master` of the master: beside it, under the same
/// name but for the first word.
pub fn beside(master: &Path, strategy: Strategy) -> Option<PathBuf> {
    let rest = master.file_name()?.to_str()?.strip_prefix("market_data")?;
    Some(master.with_file_name(format!("{strategy}{rest}")))
}

/// Puts the copy `from` in place of the database `target`. It is verified first; refused while a process has the
/// database; what was there is kept beside it.
pub fn restore(from: &Path, target: &Path, strategy: Strategy, clock: &dyn Clock) -> Result<RestoreReport, StoreError> {
    let check = |copy: &Path, stop: &CancellationToken| verify(copy, strategy, stop);
    replace(from, target, clock, &CancellationToken::new(), &check)
}
