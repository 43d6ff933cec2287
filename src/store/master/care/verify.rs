//! Whether the file holds what was written: SQLite's own check finds broken pages, ours finds changed values. A check
//! that is told to stop ends within milliseconds.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use tokio_util::sync::CancellationToken;

use crate::market::{SourceId, Timeframe, ts_to_date};
use crate::store::error::is_damage;
use crate::store::file;
use crate::store::master::digest::{Month, Months, Row};
use crate::store::master::{StoreError, open, rows};

/// Problems listed in full; a broken disk could give millions.
const LISTED: usize = 100;

/// What [`verify`] looked at and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Bars read and hashed.
    pub rows: u64,
    /// Series they belong to.
    pub series: u64,
    /// Digests compared.
    pub digests: u64,
    /// The first 100 problems, a sentence each.
    pub problems: Vec<String>,
    /// All problems.
    pub found: u64,
}

impl VerifyReport {
    /// Whether everything is as it was written.
    pub fn is_sound(&self) -> bool {
        self.found == 0
    }

    pub(in crate::store) fn problem(&mut self, text: String) {
        self.found += 1;
        if self.problems.len() < LISTED {
            self.problems.push(text);
        }
    }
}

/// A series as the tables key it.
type Key = (i64, i64);

/// What the bars of one series add up to.
#[derive(Default)]
struct Tally {
    months: Months,
    sources: [i64; SourceId::ALL.len()],
    rows: i64,
    first: Option<i64>,
    last: Option<i64>,
    last_final: Option<i64>,
}

impl Tally {
    fn add(&mut self, row: &Row) {
        self.months.add(row);
        self.sources[row.source as usize - 1] += 1;
        self.rows += 1;
        self.first = self.first.or(Some(row.candle.ts));
        self.last = Some(row.candle.ts);
        if row.candle.is_final {
            self.last_final = self.last;
        }
    }
}

/// SQLite operations between two looks at whether to stop: a few milliseconds of work.
const STOP_EVERY: i32 = 20_000;

/// Checks the pages, then every bar against its digest, the state of every series, and every reference between
/// tables. `progress` hears of bars done and of all bars. Works beside a living writer: each series is read in a
/// snapshot of its own.
pub fn verify(path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<VerifyReport, StoreError> {
    let never = CancellationToken::new();
    let pages = check_pages(path, &never)?;
    if pages.is_sound() { check_digests(path, progress, &never) } else { Ok(pages) }
}

/// SQLite's own check of every page, for a database of any kind. Broken pages are found, changed values are not.
pub fn check_pages(path: &Path, stop: &CancellationToken) -> Result<VerifyReport, StoreError> {
    let mut conn = file::read_only(path)?;
    heed(&mut conn, stop)?;
    let mut report = VerifyReport::default();
    pages(&conn, &mut report)?;
    Ok(report)
}

/// Every bar against its digest, the state of every series, and every reference between tables; for a master whose
/// pages are sound. `progress` as for [`verify`].
pub fn check_digests(path: &Path, progress: &mut dyn FnMut(u64, u64), stop: &CancellationToken) -> Result<VerifyReport, StoreError> {
    let (mut conn, version) = open::plain_read_only(path)?;
    if version == 0 {
        // A process was killed between making the file and its first transaction.
        return Err(StoreError::Missing(path.to_owned()));
    }
    heed(&mut conn, stop)?;
    let mut report = VerifyReport::default();
    let total: i64 = conn.query_row("SELECT ifnull(sum(rows), 0) FROM series_state", [], |r| r.get(0))?;
    progress(0, total.unsigned_abs());
    let mut at = (i64::MIN, i64::MIN);
    while let Some(key) = next_key(&conn, at)? {
        let snapshot = conn.unchecked_transaction()?;
        series(&conn, key, &mut report)?;
        snapshot.finish()?;
        progress(report.rows, total.unsigned_abs().max(report.rows));
        at = key;
    }
    orphans(&conn, &mut report)?;
    Ok(report)
}

/// Makes everything that `conn` does end with [`StoreError::Stopped`] soon after `stop`.
pub(in crate::store) fn heed(conn: &mut Connection, stop: &CancellationToken) -> Result<(), StoreError> {
    let stop = stop.clone();
    Ok(conn.progress_handler(STOP_EVERY, Some(move || stop.is_cancelled()))?)
}

/// The problems of a line of SQLite's own check, which holds many under a heading that names the schema.
pub(in crate::store::master) fn problems(found: &str) -> impl Iterator<Item = &str> {
    found.lines().filter(|line| *line != "ok" && !line.is_empty() && !line.starts_with("***"))
}

fn pages(conn: &Connection, report: &mut VerifyReport) -> Result<(), StoreError> {
    let mut check = conn.prepare("PRAGMA quick_check")?;
    let mut lines = check.query([])?;
    loop {
        match lines.next() {
            Ok(None) => return Ok(()),
            Ok(Some(r)) => {
                let found: String = r.get(0)?;
                problems(&found).for_each(|p| report.problem(format!("SQLite: {p}")));
            }
            // A page broken badly enough ends the check itself.
            Err(e) if is_damage(&e) => {
                report.problem(format!("SQLite: {e}"));
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        }
    }
}

/// The series after `at` that has bars, a digest or a state; found by steps in the keys, not by a scan.
fn next_key(conn: &Connection, at: Key) -> Result<Option<Key>, StoreError> {
    let sql = "SELECT * FROM (SELECT symbol_id, timeframe_id FROM candle WHERE (symbol_id, timeframe_id) > (?1, ?2) ORDER BY 1, 2 LIMIT 1)
       UNION SELECT * FROM (SELECT symbol_id, timeframe_id FROM series_digest WHERE (symbol_id, timeframe_id) > (?1, ?2) ORDER BY 1, 2 LIMIT 1)
       UNION SELECT * FROM (SELECT symbol_id, timeframe_id FROM series_state WHERE (symbol_id, timeframe_id) > (?1, ?2) ORDER BY 1, 2 LIMIT 1)
       ORDER BY 1, 2 LIMIT 1";
    Ok(conn.prepare_cached(sql)?.query_row([at.0, at.1], |r| Ok((r.get(0)?, r.get(1)?))).optional()?)
}

fn series(conn: &Connection, key: Key, report: &mut VerifyReport) -> Result<(), StoreError> {
    report.series += 1;
    let Some(name) = name(conn, key)? else {
        report.problem(format!("bars or state of a series that is not listed: symbol {}, timeframe {}", key.0, key.1));
        return Ok(());
    };
    let mut tally = Tally::default();
    let mut select = conn.prepare_cached(
        "SELECT ts, open, high, low, close, volume, final, source_id, quarantined, ingest_id FROM candle
         WHERE symbol_id = ?1 AND timeframe_id = ?2 ORDER BY ts",
    )?;
    let mut bars = select.query([key.0, key.1])?;
    while let Some(r) = bars.next()? {
        match rows::row(r) {
            Ok(row) => tally.add(&row),
            Err(e) => report.problem(format!("{name}: a bar cannot be read: {e}")),
        }
        report.rows += 1;
    }
    digests(conn, key, &name, &tally.months, report)?;
    state(conn, key, &name, &tally, report)
}

fn name(conn: &Connection, key: Key) -> Result<Option<String>, StoreError> {
    let symbol: Option<String> =
        conn.prepare_cached("SELECT symbol FROM symbol WHERE symbol_id = ?1")?.query_row([key.0], |r| r.get(0)).optional()?;
    Ok(symbol.zip(Timeframe::from_id(key.1)).map(|(s, t)| format!("{s} {t}")))
}

fn digests(conn: &Connection, key: Key, name: &str, months: &Months, report: &mut VerifyReport) -> Result<(), StoreError> {
    let mut select = conn.prepare_cached("SELECT month, n, sum FROM series_digest WHERE symbol_id = ?1 AND timeframe_id = ?2")?;
    let stored = select.query_map([key.0, key.1], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?)))?;
    let mut stored = stored.collect::<rusqlite::Result<Vec<_>>>()?;
    for &Month { start, n, sum, .. } in months.iter() {
        report.digests += 1;
        let month = ts_to_date(start).format("%Y-%m");
        match stored.iter().position(|&(m, ..)| m == start).map(|i| stored.swap_remove(i)) {
            None => report.problem(format!("{name}, {month}: {n} bars that were never counted in")),
            Some((_, then, _)) if then != n => report.problem(format!("{name}, {month}: {n} bars are there, {then} were written")),
            Some((_, _, s)) if s as u64 != sum => report.problem(format!("{name}, {month}: a value differs from what was written")),
            Some(_) => {}
        }
    }
    for (start, n, _) in stored {
        report.problem(format!("{name}, {}: {n} bars are gone", ts_to_date(start).format("%Y-%m")));
    }
    Ok(())
}

fn state(conn: &Connection, key: Key, name: &str, tally: &Tally, report: &mut VerifyReport) -> Result<(), StoreError> {
    let stored: Option<(i64, [Option<i64>; 3])> = conn
        .prepare_cached("SELECT rows, first_ts, last_ts, last_final_ts FROM series_state WHERE symbol_id = ?1 AND timeframe_id = ?2")?
        .query_row([key.0, key.1], |r| Ok((r.get(0)?, [r.get(1)?, r.get(2)?, r.get(3)?])))
        .optional()?;
    if stored.unwrap_or_default() != (tally.rows, [tally.first, tally.last, tally.last_final]) {
        report.problem(format!("{name}: the state of the series does not agree with its bars"));
    }
    let mut select = conn
        .prepare_cached("SELECT ifnull(sum(rows), 0) FROM series_source WHERE symbol_id = ?1 AND timeframe_id = ?2 AND source_id = ?3")?;
    for (source, n) in SourceId::ALL.into_iter().zip(tally.sources) {
        let stored: i64 = select.query_row(params![key.0, key.1, source.id()], |r| r.get(0))?;
        if stored != n {
            report.problem(format!("{name}: {n} bars come from {source}, {stored} were counted"));
        }
    }
    Ok(())
}

fn orphans(conn: &Connection, report: &mut VerifyReport) -> Result<(), StoreError> {
    let mut check = conn.prepare("PRAGMA foreign_key_check")?;
    let mut lines = check.query([])?;
    while let Some(r) = lines.next()? {
        let (table, parent): (String, String) = (r.get(0)?, r.get(2)?);
        report.problem(format!("{table}: a row refers to a {parent} that is not there"));
    }
    Ok(())
}
