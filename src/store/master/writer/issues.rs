//! Writing the data-quality log, and hiding and showing the bars its findings cover.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, params};

use super::candles::add_months;
use super::ledger::{Key, Ledger};
use crate::market::Series;
use crate::store::master::digest::{Months, Row};
use crate::store::master::findings::{self, ISSUE_COLUMNS};
use crate::store::master::rows::stored_rows;
use crate::store::master::{Issue, Resolution, Scope, StoreError, StoredIssue, resolution_name};

/// What logging findings came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssueReport {
    /// Findings that are new.
    pub opened: u32,
    /// Findings that were open, or settled by an operator, before.
    pub known: u32,
    /// Open findings that are no longer found, resolved as fixed.
    pub fixed: u32,
}

/// Logs findings.
pub(super) fn log(l: &mut Ledger, found: &[Issue], run_id: Option<i64>) -> Result<IssueReport, StoreError> {
    let mut report = IssueReport::default();
    for issue in found {
        let key = l.key(issue.series)?;
        match known(l, key, issue)? {
            None => {
                open(l, key, issue, run_id)?;
                report.opened += 1;
                if issue.severity.hides() {
                    hide(l, key, issue)?;
                }
            }
            Some((id, resolution)) => {
                report.known += 1;
                match resolution.as_deref() {
                    Some("accepted") => {}
                    Some(_) => hide(l, key, issue)?,
                    None => {
                        refresh(l, id, issue)?;
                        hide(l, key, issue)?;
                    }
                }
            }
        }
    }
    Ok(report)
}

/// Logs findings, and resolves as fixed those that were looked for and not found.
pub(super) fn reconcile(
    l: &mut Ledger,
    series: Series,
    checks: &[u8],
    window: (i64, i64),
    found: &[Issue],
    run_id: Option<i64>,
) -> Result<IssueReport, StoreError> {
    let mut report = log(l, found, run_id)?;
    let key = l.key(series)?;
    let still: HashSet<(u8, Scope)> = found.iter().filter(|i| i.series == series).map(|i| (i.check, i.scope)).collect();
    for stored in open_of(l, key)? {
        let Issue { check, scope, .. } = stored.issue;
        let looked_at = match scope {
            Scope::Series => true,
            Scope::Bars { from, to } => window.0 <= from && to < window.1,
        };
        if looked_at && checks.contains(&check) && !still.contains(&(check, scope)) {
            settle(l, &stored, Resolution::Fixed, "")?;
            report.fixed += 1;
        }
    }
    Ok(report)
}

/// Settles a finding on an operator's word.
pub(super) fn resolve(l: &mut Ledger, id: i64, r: Resolution, note: &str) -> Result<StoredIssue, StoreError> {
    let stored = get(l, id)?.ok_or(StoreError::NoIssue(id))?;
    settle(l, &stored, r, note)?;
    get(l, id)?.ok_or(StoreError::NoIssue(id))
}

fn settle(l: &mut Ledger, stored: &StoredIssue, r: Resolution, note: &str) -> Result<(), StoreError> {
    l.conn
        .prepare_cached("UPDATE data_quality_log SET resolved_at = ?2, resolution = ?3, note = ?4 WHERE issue_id = ?1")?
        .execute(params![stored.id, l.now(), resolution_name(r), note])?;
    let key = l.key(stored.issue.series)?;
    if !stored.issue.severity.hides() {
        return Ok(());
    }
    match stored.issue.scope {
        Scope::Series => block(l, key),
        Scope::Bars { .. } if r == Resolution::Dismissed => Ok(()),
        Scope::Bars { from, to } => show(l, key, from, to),
    }
}

fn get(l: &Ledger, id: i64) -> Result<Option<StoredIssue>, StoreError> {
    let sql = format!("SELECT {ISSUE_COLUMNS} WHERE q.issue_id = ?1");
    Ok(l.conn.prepare_cached(&sql)?.query_row([id], findings::stored).optional()?)
}

fn open_of(l: &Ledger, key: Key) -> Result<Vec<StoredIssue>, StoreError> {
    let sql = format!("SELECT {ISSUE_COLUMNS} WHERE q.symbol_id = ?1 AND q.timeframe_id = ?2 AND q.resolution IS NULL ORDER BY q.issue_id");
    let mut statement = l.conn.prepare_cached(&sql)?;
    let rows = statement.query_map([key.symbol_id, key.timeframe.id()], findings::stored)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The stored finding with the same check, series and scope that is open or was settled by an operator.
fn known(l: &Ledger, key: Key, issue: &Issue) -> Result<Option<(i64, Option<String>)>, StoreError> {
    let (from, to) = findings::span(issue.scope);
    Ok(l.conn
        .prepare_cached(
            "SELECT issue_id, resolution FROM data_quality_log
             WHERE symbol_id = ?1 AND timeframe_id = ?2 AND check_no = ?3
               AND ifnull(from_ts, 0) = ifnull(?4, 0) AND ifnull(to_ts, -1) = ifnull(?5, -1)
               AND (resolution IS NULL OR resolution <> 'fixed')",
        )?
        .query_row(params![key.symbol_id, key.timeframe.id(), issue.check, from, to], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?)
}

fn open(l: &Ledger, key: Key, issue: &Issue, run_id: Option<i64>) -> Result<(), StoreError> {
    let (from, to) = findings::span(issue.scope);
    l.conn
        .prepare_cached(
            "INSERT INTO data_quality_log (opened_at, run_id, check_no, severity, symbol_id, timeframe_id, from_ts, to_ts, message)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            l.now(),
            run_id,
            issue.check,
            issue.severity.letter().to_string(),
            key.symbol_id,
            key.timeframe.id(),
            from,
            to,
            issue.message
        ])?;
    Ok(())
}

/// An open finding may have new figures, or have become worse or milder.
fn refresh(l: &Ledger, id: i64, issue: &Issue) -> Result<(), StoreError> {
    l.conn
        .prepare_cached(
            "UPDATE data_quality_log SET severity = ?2, message = ?3 WHERE issue_id = ?1 AND (severity <> ?2 OR message <> ?3)",
        )?
        .execute(params![id, issue.severity.letter().to_string(), issue.message])?;
    Ok(())
}

fn hide(l: &mut Ledger, key: Key, issue: &Issue) -> Result<(), StoreError> {
    match issue.scope {
        Scope::Series => block(l, key),
        Scope::Bars { from, to } if issue.severity.hides() => quarantine(l, key, from, to, |_| true),
        Scope::Bars { from, to } => show(l, key, from, to),
    }
}

/// Shows the bars from..=to that no other finding hides.
fn show(l: &mut Ledger, key: Key, from: i64, to: i64) -> Result<(), StoreError> {
    let mut statement = l.conn.prepare_cached(
        "SELECT from_ts, to_ts FROM data_quality_log
         WHERE symbol_id = ?1 AND timeframe_id = ?2 AND severity IN ('E', 'C') AND from_ts <= ?4 AND to_ts >= ?3
           AND (resolution IS NULL OR resolution = 'dismissed')",
    )?;
    let hidden: Vec<(i64, i64)> = statement
        .query_map([key.symbol_id, key.timeframe.id(), from, to], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    drop(statement);
    quarantine(l, key, from, to, |row| row.quarantined && hidden.iter().any(|&(a, b)| a <= row.candle.ts && row.candle.ts <= b))
}

/// Sets the quarantine of the bars from..=to to what `want` says, and keeps the digests in step.
fn quarantine(l: &mut Ledger, key: Key, from: i64, to: i64, want: impl Fn(&Row) -> bool) -> Result<(), StoreError> {
    let mut months = Months::default();
    let mut update = l.conn.prepare_cached("UPDATE candle SET quarantined = ?4 WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts = ?3")?;
    for old in stored_rows(&l.conn, key.symbol_id, key.timeframe, from, to.saturating_add(1))? {
        let new = Row { quarantined: want(&old), ..old };
        if new.quarantined != old.quarantined {
            update.execute(params![key.symbol_id, key.timeframe.id(), old.candle.ts, new.quarantined])?;
            months.remove(&old);
            months.add(&new);
        }
    }
    drop(update);
    add_months(l, key, &months)
}

/// Sets `series_state.blocked` to the worst finding that hides the series as a whole, or clears it.
fn block(l: &mut Ledger, key: Key) -> Result<(), StoreError> {
    l.conn
        .prepare_cached(
            "INSERT INTO series_state (symbol_id, timeframe_id, blocked)
             SELECT ?1, ?2, (SELECT message FROM data_quality_log
                 WHERE symbol_id = ?1 AND timeframe_id = ?2 AND from_ts IS NULL AND severity IN ('E', 'C')
                   AND (resolution IS NULL OR resolution = 'dismissed')
                 ORDER BY severity, issue_id LIMIT 1)
             WHERE true
             ON CONFLICT DO UPDATE SET blocked = excluded.blocked WHERE blocked IS NOT excluded.blocked",
        )?
        .execute([key.symbol_id, key.timeframe.id()])?;
    Ok(())
}
