//! Writing bars: compare with what is stored, write only what differs, keep digests and series state in step.

use std::fmt::Write;
use std::sync::LazyLock;

use rusqlite::{CachedStatement, params};

use super::ledger::{Head, Key, Ledger};
use crate::market::{Candle, SourceId};
use crate::store::master::digest::{Months, Row, canonical_candle};
use crate::store::master::rows::stored_rows;
use crate::store::master::{CandleBatch, Revision, StoreError, WriteReport};

/// Rows a statement; measured best between 100 and 500, and short enough to keep its text small.
const ROWS: usize = 100;
/// Parameters shared by all rows of a statement: symbol, timeframe, source, run.
const SHARED: usize = 4;
const PER_ROW: usize = 8;
/// Most revisions that a report lists.
const REVISIONS: usize = 64;
/// Stamps outside the years 1 to 9999 are not dates that SQLite's functions or chrono can show.
const STAMPS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

static UPSERT_MANY: LazyLock<String> = LazyLock::new(|| upsert(ROWS));
static UPSERT_ONE: LazyLock<String> = LazyLock::new(|| upsert(1));

fn upsert(rows: usize) -> String {
    let mut sql = String::from(
        "INSERT INTO candle (symbol_id, timeframe_id, source_id, ingest_id, ts, open, high, low, close, volume, final, quarantined) VALUES ",
    );
    for row in 0..rows {
        sql.push_str(if row == 0 { "(?1,?2,?3,?4" } else { ",(?1,?2,?3,?4" });
        for i in 1..=PER_ROW {
            // Writing to a string cannot fail.
            let _ = write!(sql, ",?{}", SHARED + row * PER_ROW + i);
        }
        sql.push(')');
    }
    sql + " ON CONFLICT DO UPDATE SET source_id = excluded.source_id, ingest_id = excluded.ingest_id, open = excluded.open,
        high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume, final = excluded.final,
        quarantined = excluded.quarantined
      WHERE open <> excluded.open OR high <> excluded.high OR low <> excluded.low OR close <> excluded.close
        OR volume IS NOT excluded.volume OR source_id <> excluded.source_id OR final <> excluded.final
        OR quarantined <> excluded.quarantined"
}

/// What a batch changes.
#[derive(Default)]
struct Change {
    writes: Vec<Row>,
    deletes: Vec<Row>,
    months: Months,
    sources: [i64; SourceId::ALL.len()],
    rows: i64,
    report: WriteReport,
}

impl Change {
    fn insert(&mut self, row: Row) {
        self.months.add(&row);
        self.sources[row.source as usize - 1] += 1;
        self.rows += 1;
        self.report.inserted += 1;
        self.writes.push(row);
    }

    fn update(&mut self, old: &Row, new: Row) {
        self.months.remove(old);
        self.months.add(&new);
        self.sources[old.source as usize - 1] -= 1;
        self.sources[new.source as usize - 1] += 1;
        self.writes.push(new);
    }

    fn delete(&mut self, old: Row) {
        self.months.remove(&old);
        self.sources[old.source as usize - 1] -= 1;
        self.rows -= 1;
        self.report.deleted += 1;
        self.deletes.push(old);
    }

    /// The stamps written and deleted, `[first, last + 1)`; `None` where nothing changed.
    fn span(&self) -> Option<(i64, i64)> {
        let ends = |rows: &[Row]| rows.first().zip(rows.last()).map(|(a, b)| (a.candle.ts, b.candle.ts + 1));
        match (ends(&self.writes), ends(&self.deletes)) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        }
    }
}

/// Writes a batch.
pub(super) fn write(l: &mut Ledger, b: &CandleBatch) -> Result<WriteReport, StoreError> {
    check(b)?;
    let Some((start, end)) = span(b) else { return Ok(WriteReport::default()) };
    let key = l.key(b.series)?;
    let head = l.head(key)?;
    let fresh = |c: &Candle| Row { candle: canonical_candle(c), source: b.source, run_id: b.run_id, quarantined: false };
    let mut change = Change::default();
    let append = head.last.is_none_or(|last| start > last);
    if append {
        change.writes.reserve(b.bars.len());
        b.bars.iter().for_each(|c| change.insert(fresh(c)));
    } else {
        let stored = stored_rows(&l.conn, key.symbol_id, key.timeframe, start, end)?;
        compare(&mut change, b, stored, fresh);
    }
    let Some(changed) = change.span() else { return Ok(change.report) };
    store(l, key, b, &change)?;
    let head = if append { appended(head, b) } else { measured(l, key, head.rows + change.rows)? };
    l.set_head(key, head)?;
    l.derive_due(key, changed)?;
    if b.source != SourceId::File && change.report.is_rebased() {
        l.set_rebase_due(key, true)?;
    }
    if change.report.revised > 0 {
        tracing::info!(target: "store", series = %b.series, source = %b.source, bars = change.report.revised, "Source revised final bars");
    }
    Ok(change.report)
}

fn check(b: &CandleBatch) -> Result<(), StoreError> {
    let refuse = |why: String| Err(StoreError::BadBatch { series: b.series, why });
    for c in &b.bars {
        if !STAMPS.contains(&c.ts) {
            return refuse(format!("stamp {} is not a date", c.ts));
        }
        if ![c.open, c.high, c.low, c.close].into_iter().all(f64::is_finite) || c.volume.is_infinite() {
            return refuse(format!("the bar at {} has a price or volume that is not a number", c.ts));
        }
    }
    if let Some(w) = b.bars.windows(2).find(|w| w[0].ts >= w[1].ts) {
        return refuse(format!("the bar at {} does not come after the one at {}", w[1].ts, w[0].ts));
    }
    Ok(())
}

/// The stamps the batch can touch, `[start, end)`; `None` when it can touch none.
fn span(b: &CandleBatch) -> Option<(i64, i64)> {
    let bars = b.bars.first().zip(b.bars.last()).map(|(f, l)| (f.ts, l.ts + 1));
    match (bars, b.replace) {
        (Some((s, e)), Some((rs, re))) => Some((s.min(rs), e.max(re))),
        (one, other) => one.or(other),
    }
}

/// Walks stored and new bars side by side.
fn compare(change: &mut Change, b: &CandleBatch, stored: Vec<Row>, fresh: impl Fn(&Candle) -> Row) {
    let replaced = |ts: i64| b.replace.is_some_and(|(s, e)| s <= ts && ts < e);
    let mut old = stored.into_iter().peekable();
    let leave = |change: &mut Change, row: Row| {
        if replaced(row.candle.ts) {
            change.delete(row);
        }
    };
    for c in &b.bars {
        while let Some(row) = old.next_if(|r| r.candle.ts < c.ts) {
            leave(change, row);
        }
        match old.next_if(|r| r.candle.ts == c.ts) {
            Some(row) => judge(change, &row, fresh(c)),
            None => change.insert(fresh(c)),
        }
    }
    old.for_each(|row| leave(change, row));
}

/// Decides what a new bar does to the stored one of its stamp.
fn judge(change: &mut Change, old: &Row, new: Row) {
    let same_figures = Candle { is_final: old.candle.is_final, ..new.candle }.same_content(&old.candle);
    let reopens = old.candle.is_final && !new.candle.is_final;
    if reopens && (same_figures || new.source != old.source) {
        change.report.unchanged += 1;
    } else if same_figures && old.candle.is_final == new.candle.is_final {
        change.report.unchanged += 1;
        if new.source != old.source {
            change.update(old, Row { quarantined: old.quarantined, ..new });
        }
    } else if old.candle.is_final {
        change.report.revised += 1;
        if change.report.revisions.len() < REVISIONS {
            change.report.revisions.push(Revision { old: old.candle, new: new.candle });
        }
        change.update(old, new);
    } else {
        change.report.completed += 1;
        change.update(old, Row { quarantined: old.quarantined && same_figures, ..new });
    }
}

fn store(l: &Ledger, key: Key, b: &CandleBatch, change: &Change) -> Result<(), StoreError> {
    let shared = [key.symbol_id, key.timeframe.id(), b.source.id(), b.run_id];
    let (many, rest) = change.writes.as_chunks::<ROWS>();
    if !many.is_empty() {
        let mut statement = l.conn.prepare_cached(&UPSERT_MANY)?;
        many.iter().try_for_each(|rows| put(&mut statement, shared, rows))?;
    }
    if !rest.is_empty() {
        let mut statement = l.conn.prepare_cached(&UPSERT_ONE)?;
        rest.iter().try_for_each(|row| put(&mut statement, shared, std::slice::from_ref(row)))?;
    }
    if !change.deletes.is_empty() {
        let mut delete = l.conn.prepare_cached("DELETE FROM candle WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts = ?3")?;
        for row in &change.deletes {
            delete.execute([key.symbol_id, key.timeframe.id(), row.candle.ts])?;
        }
    }
    add_months(l, key, &change.months)?;
    add_sources(l, key, &change.sources)
}

fn put(statement: &mut CachedStatement<'_>, shared: [i64; SHARED], rows: &[Row]) -> Result<(), StoreError> {
    for (i, value) in shared.into_iter().enumerate() {
        statement.raw_bind_parameter(i + 1, value)?;
    }
    let mut at = SHARED;
    for row in rows {
        let c = &row.candle;
        statement.raw_bind_parameter(at + 1, c.ts)?;
        statement.raw_bind_parameter(at + 2, c.open)?;
        statement.raw_bind_parameter(at + 3, c.high)?;
        statement.raw_bind_parameter(at + 4, c.low)?;
        statement.raw_bind_parameter(at + 5, c.close)?;
        // SQLite keeps NaN as NULL, which is what an unknown volume is.
        statement.raw_bind_parameter(at + 6, c.volume)?;
        statement.raw_bind_parameter(at + 7, c.is_final)?;
        statement.raw_bind_parameter(at + 8, row.quarantined)?;
        at += PER_ROW;
    }
    let written = statement.raw_execute()?;
    if written == rows.len() {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!(
        "{} candle rows differ from what the series state says; something else wrote the file",
        rows.len() - written
    )))
}

/// Adds to the digests of a series. The sums wrap, which SQL addition does not, so they are added here.
pub(super) fn add_months(l: &Ledger, key: Key, months: &Months) -> Result<(), StoreError> {
    let mut get = l.conn.prepare_cached("SELECT n, sum FROM series_digest WHERE symbol_id = ?1 AND timeframe_id = ?2 AND month = ?3")?;
    let mut put = l.conn.prepare_cached(
        "INSERT INTO series_digest (symbol_id, timeframe_id, month, n, sum) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET n = excluded.n, sum = excluded.sum",
    )?;
    let mut del = l.conn.prepare_cached("DELETE FROM series_digest WHERE symbol_id = ?1 AND timeframe_id = ?2 AND month = ?3")?;
    let tf = key.timeframe.id();
    for m in months.iter() {
        let (n, sum) = match get.query_row([key.symbol_id, tf, m.start], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?))) {
            Ok(stored) => stored,
            Err(rusqlite::Error::QueryReturnedNoRows) => (0, 0),
            Err(e) => return Err(e.into()),
        };
        let (n, sum) = (n + m.n, sum.wrapping_add(m.sum as i64));
        if n == 0 {
            del.execute([key.symbol_id, tf, m.start])?;
        } else {
            put.execute([key.symbol_id, tf, m.start, n, sum])?;
        }
    }
    Ok(())
}

fn add_sources(l: &Ledger, key: Key, sources: &[i64]) -> Result<(), StoreError> {
    let mut put = l.conn.prepare_cached(
        "INSERT INTO series_source (symbol_id, timeframe_id, source_id, rows) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET rows = rows + excluded.rows",
    )?;
    for (source, &n) in SourceId::ALL.iter().zip(sources) {
        if n != 0 {
            put.execute([key.symbol_id, key.timeframe.id(), source.id(), n])?;
        }
    }
    Ok(())
}

fn appended(head: Head, b: &CandleBatch) -> Head {
    Head {
        first: head.first.or(b.bars.first().map(|c| c.ts)),
        last: b.bars.last().map(|c| c.ts),
        last_final: b.bars.iter().rfind(|c| c.is_final).map(|c| c.ts).or(head.last_final),
        rows: head.rows + b.bars.len() as i64,
        source: Some(b.source),
    }
}

/// Asks the table where a series begins and ends; each answer is one step in its key.
fn measured(l: &Ledger, key: Key, rows: i64) -> Result<Head, StoreError> {
    l.conn
        .prepare_cached(
            "WITH s AS (SELECT ts, source_id, final FROM candle WHERE symbol_id = ?1 AND timeframe_id = ?2)
             SELECT (SELECT min(ts) FROM s), (SELECT max(ts) FROM s),
                    (SELECT ts FROM s WHERE final = 1 ORDER BY ts DESC LIMIT 1),
                    (SELECT source_id FROM s ORDER BY ts DESC LIMIT 1)",
        )?
        .query_row(params![key.symbol_id, key.timeframe.id()], |r| {
            let source: Option<i64> = r.get(3)?;
            Ok(Head { first: r.get(0)?, last: r.get(1)?, last_final: r.get(2)?, rows, source: source.and_then(SourceId::from_id) })
        })
        .map_err(StoreError::from)
}
