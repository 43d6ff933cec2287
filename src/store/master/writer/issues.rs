//! Writing the data-quality log, and hiding and showing the bars its findings cover.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension, params};

use super::candles::add_months;
use super::ledger::{Key, Ledger};
use super::same::{Kin, Standing, common, rests, same, union};
use crate::market::Series;
use crate::store::master::digest::{Months, Row};
use crate::store::master::findings::{self, ISSUE_COLUMNS};
use crate::store::master::rows::stored_rows;
use crate::store::master::{Issue, Resolution, Scope, Severity, StoreError, StoredIssue, resolution_name};

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

impl IssueReport {
    pub(super) fn add(&mut self, other: Self) {
        self.opened += other.opened;
        self.known += other.known;
        self.fixed += other.fixed;
    }
}

/// Logs findings.
pub(super) fn log(l: &mut Ledger, found: &[Issue], run_id: Option<i64>) -> Result<IssueReport, StoreError> {
    Ok(Pass::new(found, None, run_id).take(l, found)?.0)
}

/// What checks looked at.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub series: Series,
    pub checks: &'a [u8],
    /// Stamps, `[start, end)`.
    pub window: (i64, i64),
    /// Stamps in the window that were not looked at, ascending.
    pub unseen: &'a [i64],
}

impl Look<'_> {
    fn covers(&self, scope: Scope) -> bool {
        let Scope::Bars { from, to } = scope else { return true };
        let first_unseen = self.unseen.get(self.unseen.partition_point(|&t| t < from));
        self.window.0 <= from && to < self.window.1 && first_unseen.is_none_or(|&t| t > to)
    }
}

/// Logs findings, and resolves as fixed those that were looked for and not found.
pub(super) fn reconcile(l: &mut Ledger, look: Look<'_>, found: &[Issue], run_id: Option<i64>) -> Result<IssueReport, StoreError> {
    let (mut report, seen) = Pass::new(found, Some(look.window), run_id).take(l, found)?;
    let key = l.key(look.series)?;
    for stored in open_of(l, key)? {
        if look.covers(stored.issue.scope) && look.checks.contains(&stored.issue.check) && !seen.contains(&stored.id) {
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

/// The logging of what one pass over some bars found.
struct Pass {
    /// What the pass looked at, `[start, end)`; `None` where that is not known.
    window: Option<(i64, i64)>,
    run_id: Option<i64>,
    /// Scopes found by series and check: an open finding of just this scope waits for its own.
    exact: HashSet<(Series, u8, Scope)>,
    /// Findings on record by series and check.
    kin: HashMap<(Key, u8), Vec<Kin>>,
    seen: HashSet<i64>,
    report: IssueReport,
}

impl Pass {
    fn new(found: &[Issue], window: Option<(i64, i64)>, run_id: Option<i64>) -> Self {
        let exact = found.iter().map(|i| (i.series, i.check, i.scope)).collect();
        Self { window, run_id, exact, kin: HashMap::new(), seen: HashSet::new(), report: IssueReport::default() }
    }

    /// Logs all of it; gives the ids of the open findings that stand.
    fn take(mut self, l: &mut Ledger, found: &[Issue]) -> Result<(IssueReport, HashSet<i64>), StoreError> {
        for issue in found {
            let key = l.key(issue.series)?;
            if let Entry::Vacant(slot) = self.kin.entry((key, issue.check)) {
                slot.insert(kin(l, key, issue.check)?);
            }
            self.one(l, key, issue)?;
        }
        Ok((self.report, self.seen))
    }

    /// Holds a finding against what the operator has settled, then what is left of it against what is open.
    fn one(&mut self, l: &mut Ledger, key: Key, issue: &Issue) -> Result<(), StoreError> {
        let kin = self.kin.get(&(key, issue.check)).map_or(&[][..], Vec::as_slice);
        // What was settled while it was milder is not settled now.
        let settled: Vec<Kin> = kin.iter().filter(|k| k.standing != Standing::Open && k.severity >= issue.severity).cloned().collect();
        let left = rests(issue, &settled);
        for k in settled.iter().filter(|k| k.standing == Standing::Dismissed && same(issue.check, k, issue)) {
            hide(l, key, &Issue { scope: common(issue, k), ..issue.clone() })?;
        }
        if left == [issue.scope] {
            return self.stand(l, key, issue);
        }
        self.report.known += 1;
        for scope in left {
            if let Some(scope) = stored_part(l, key, scope)? {
                self.stand(l, key, &Issue { scope, ..issue.clone() })?;
            }
        }
        Ok(())
    }

    /// Brings the open finding that this one is up to date, or opens it.
    fn stand(&mut self, l: &mut Ledger, key: Key, issue: &Issue) -> Result<(), StoreError> {
        let (exact, seen) = (&self.exact, &self.seen);
        let candidates = self.kin.get(&(key, issue.check)).into_iter().flatten().filter(|k| {
            let others = k.scope != issue.scope && exact.contains(&(issue.series, issue.check, k.scope));
            k.standing == Standing::Open && !seen.contains(&k.id) && !others && same(issue.check, k, issue)
        });
        let Some(known) = candidates.max_by_key(|k| k.likeness(issue.scope)).cloned() else {
            let id = open(l, key, issue, self.run_id)?;
            self.seen.insert(id);
            self.report.opened += 1;
            return if issue.severity.hides() { hide(l, key, issue) } else { Ok(()) };
        };
        self.seen.insert(known.id);
        self.report.known += 1;
        let issue = Issue { scope: union(known.scope, issue.scope, self.window), ..issue.clone() };
        refresh(l, known.id, &issue, self.run_id)?;
        match known.scope {
            Scope::Bars { from, to } if known.scope != issue.scope && known.severity.hides() => show(l, key, from, to)?,
            _ => {}
        }
        hide(l, key, &issue)
    }
}

/// The part of a scope that holds stored bars.
fn stored_part(l: &Ledger, key: Key, scope: Scope) -> Result<Option<Scope>, StoreError> {
    let (from, to) = findings::span(scope);
    let sql = "SELECT min(ts), max(ts) FROM candle WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts BETWEEN ?3 AND ?4";
    let (first, last): (Option<i64>, Option<i64>) =
        l.conn.prepare_cached(sql)?.query_row(params![key.symbol_id, key.timeframe.id(), from, to], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(first.zip(last).map(|(from, to)| Scope::Bars { from, to }))
}

/// The findings of a check on a series that are open or were settled by an operator, oldest first.
fn kin(l: &Ledger, key: Key, check: u8) -> Result<Vec<Kin>, StoreError> {
    let mut statement = l.conn.prepare_cached(
        "SELECT issue_id, resolution, severity, from_ts, to_ts, message FROM data_quality_log
         WHERE symbol_id = ?1 AND timeframe_id = ?2 AND check_no = ?3 AND (resolution IS NULL OR resolution <> 'fixed') ORDER BY issue_id",
    )?;
    let rows = statement.query_map(params![key.symbol_id, key.timeframe.id(), check], |r| {
        let (resolution, letter): (Option<String>, String) = (r.get(1)?, r.get(2)?);
        Ok(Kin {
            id: r.get(0)?,
            standing: match resolution.as_deref() {
                None => Standing::Open,
                Some("dismissed") => Standing::Dismissed,
                Some(_) => Standing::Accepted,
            },
            severity: Severity::from_letter(&letter).unwrap_or(Severity::Critical),
            scope: findings::scope(r.get(3)?, r.get(4)?),
            message: r.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn open(l: &Ledger, key: Key, issue: &Issue, run_id: Option<i64>) -> Result<i64, StoreError> {
    let (from, to) = findings::span(issue.scope);
    Ok(l.conn
        .prepare_cached(
            "INSERT INTO data_quality_log (opened_at, run_id, check_no, severity, symbol_id, timeframe_id, from_ts, to_ts, message)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .insert(params![
            l.now(),
            run_id,
            issue.check,
            issue.severity.letter().to_string(),
            key.symbol_id,
            key.timeframe.id(),
            from,
            to,
            issue.message
        ])?)
}

/// An open finding may have new figures or a new extent, or have become worse or milder.
fn refresh(l: &Ledger, id: i64, issue: &Issue, run_id: Option<i64>) -> Result<(), StoreError> {
    let (from, to) = findings::span(issue.scope);
    l.conn
        .prepare_cached(
            "UPDATE data_quality_log SET severity = ?2, message = ?3, from_ts = ?4, to_ts = ?5, run_id = ifnull(?6, run_id)
             WHERE issue_id = ?1",
        )?
        .execute(params![id, issue.severity.letter().to_string(), issue.message, from, to, run_id])?;
    Ok(())
}

fn hide(l: &mut Ledger, key: Key, issue: &Issue) -> Result<(), StoreError> {
    match issue.scope {
        Scope::Series => block(l, key),
        Scope::Bars { from, to } if issue.severity.hides() => quarantine(l, key, from, to, |_| true),
        Scope::Bars { from, to } => show(l, key, from, to),
    }
}

/// Hides a bar that was written anew and that findings still cover.
pub(super) fn hide_again(l: &mut Ledger, key: Key, ts: i64) -> Result<(), StoreError> {
    quarantine(l, key, ts, ts, |_| true)
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
    let (mut months, mut changed) = (Months::default(), None);
    let mut update = l.conn.prepare_cached("UPDATE candle SET quarantined = ?4 WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts = ?3")?;
    for old in stored_rows(&l.conn, key.symbol_id, key.timeframe, from, to.saturating_add(1))? {
        let new = Row { quarantined: want(&old), ..old };
        if new.quarantined != old.quarantined {
            update.execute(params![key.symbol_id, key.timeframe.id(), old.candle.ts, new.quarantined])?;
            months.remove(&old);
            months.add(&new);
            changed = Some((changed.map_or(old.candle.ts, |(first, _)| first), old.candle.ts + 1));
        }
    }
    drop(update);
    add_months(l, key, &months)?;
    changed.map_or(Ok(()), |span| l.derive_due(key, span))
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
