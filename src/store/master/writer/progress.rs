//! Writing the record of the work: runs, attempts, what was tried for series, spans that hold nothing.

use std::collections::BTreeSet;

use rusqlite::params;

use super::ledger::Ledger;
use crate::store::master::{Attempt, EmptySpan, RunState, SeriesUpdate, StoreError, Underived, state_name};

/// Attempts kept for each series.
const ATTEMPTS: i64 = 20;

/// Records the start of a run.
pub(super) fn begin_run(l: &mut Ledger, id: Option<i64>, spec: &str) -> Result<i64, StoreError> {
    let mut insert = l.conn.prepare_cached("INSERT INTO ingest_runs (run_id, started_at, state, spec) VALUES (?1, ?2, ?3, ?4)")?;
    Ok(insert.insert(params![id, l.now(), state_name(RunState::Running), spec])?)
}

/// Records the end of a run.
pub(super) fn finish_run(l: &mut Ledger, id: i64, state: RunState, summary: Option<&str>, error: Option<&str>) -> Result<(), StoreError> {
    let changed = l
        .conn
        .prepare_cached("UPDATE ingest_runs SET ended_at = ?2, state = ?3, summary = ?4, error = ?5 WHERE run_id = ?1")?
        .execute(params![id, l.now(), state_name(state), summary, error])?;
    if changed == 0 { Err(StoreError::NoRun(id)) } else { Ok(()) }
}

/// Marks the runs that earlier processes left open. The folder lock says that none of them still lives.
pub(super) fn mark_lost_runs(l: &mut Ledger) -> Result<Vec<i64>, StoreError> {
    let mut update = l.conn.prepare_cached(
        "UPDATE ingest_runs SET state = 'lost', ended_at = ?1, error = 'the process ended before the run did'
         WHERE state = 'running' AND run_id <= ?2 RETURNING run_id",
    )?;
    let mut ids: Vec<i64> = update.query_map([l.now(), l.runs_before], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
    ids.sort_unstable();
    Ok(ids)
}

/// Records requests and drops the oldest of each series.
pub(super) fn attempts(l: &mut Ledger, attempts: &[Attempt]) -> Result<(), StoreError> {
    let mut touched = BTreeSet::new();
    for a in attempts {
        let key = l.key(a.series)?;
        touched.insert((key.symbol_id, key.timeframe.id()));
        l.conn
            .prepare_cached(
                "INSERT INTO ingest_attempts (run_id, at, symbol_id, timeframe_id, source_id, start_ts, end_ts, outcome, bars, millis, message)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                a.run_id,
                a.at,
                key.symbol_id,
                key.timeframe.id(),
                a.source.id(),
                a.window.0,
                a.window.1,
                a.outcome,
                a.bars,
                a.millis,
                a.message
            ])?;
    }
    let mut prune = l.conn.prepare_cached(
        "DELETE FROM ingest_attempts WHERE symbol_id = ?1 AND timeframe_id = ?2 AND attempt_id <=
             (SELECT attempt_id FROM ingest_attempts WHERE symbol_id = ?1 AND timeframe_id = ?2
              ORDER BY attempt_id DESC LIMIT 1 OFFSET ?3)",
    )?;
    for (symbol, timeframe) in touched {
        prune.execute([symbol, timeframe, ATTEMPTS])?;
    }
    Ok(())
}

/// Records what was tried for series.
pub(super) fn series(l: &mut Ledger, updates: &[SeriesUpdate]) -> Result<(), StoreError> {
    for u in updates {
        let key = l.key(u.series)?;
        let succeeded = u.error.is_none().then_some(u.attempted_at);
        l.conn
            .prepare_cached(
                "INSERT INTO series_state (symbol_id, timeframe_id, attempted_at, succeeded_at, error, gaps, derived_from)
                 VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, 0), ?7)
                 ON CONFLICT DO UPDATE SET attempted_at = excluded.attempted_at,
                     succeeded_at = coalesce(excluded.succeeded_at, succeeded_at), error = excluded.error,
                     gaps = coalesce(?6, gaps), derived_from = coalesce(excluded.derived_from, derived_from),
                     derive_from = iif(excluded.derived_from IS NULL, derive_from, NULL),
                     derive_until = iif(excluded.derived_from IS NULL, derive_until, NULL)",
            )?
            .execute(params![
                key.symbol_id,
                key.timeframe.id(),
                u.attempted_at,
                succeeded,
                u.error,
                u.gaps.map(|n| n as i64),
                u.derived_from.map(crate::market::Timeframe::id)
            ])?;
    }
    Ok(())
}

/// Records that the derived series are made of what a fetched one shows, unless it has changed since `seen` was read.
pub(super) fn derived(l: &mut Ledger, seen: &Underived) -> Result<(), StoreError> {
    let key = l.key(seen.series)?;
    l.conn
        .prepare_cached(
            "UPDATE series_state SET derive_from = NULL, derive_until = NULL
             WHERE symbol_id = ?1 AND timeframe_id = ?2 AND derive_changes = ?3",
        )?
        .execute([key.symbol_id, key.timeframe.id(), seen.changes])?;
    Ok(())
}

/// Records spans that hold nothing, joined with what is known of their neighbourhood.
pub(super) fn empty_spans(l: &mut Ledger, spans: &[EmptySpan]) -> Result<(), StoreError> {
    for span in spans.iter().filter(|s| s.start < s.end) {
        let key = l.key(span.series)?;
        let (symbol, timeframe, source) = (key.symbol_id, key.timeframe.id(), span.source.id());
        let mut merged = EmptySpan { times: span.times.max(1), ..*span };
        let mut near = l.conn.prepare_cached(
            "DELETE FROM empty_span WHERE symbol_id = ?1 AND timeframe_id = ?2 AND source_id = ?3 AND start_ts <= ?5 AND end_ts >= ?4
             RETURNING start_ts, end_ts, asked_at, times",
        )?;
        let mut rows = near.query([symbol, timeframe, source, span.start, span.end])?;
        while let Some(r) = rows.next()? {
            let (start, end, asked_at, times): (i64, i64, i64, u32) = (r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?);
            let again = start < span.end && end > span.start;
            merged.start = merged.start.min(start);
            merged.end = merged.end.max(end);
            merged.asked_at = merged.asked_at.max(asked_at);
            merged.times = merged.times.max(times.saturating_add(u32::from(again)));
        }
        l.conn
            .prepare_cached(
                "INSERT INTO empty_span (symbol_id, timeframe_id, source_id, start_ts, end_ts, asked_at, times)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![symbol, timeframe, source, merged.start, merged.end, merged.asked_at, merged.times])?;
    }
    Ok(())
}
