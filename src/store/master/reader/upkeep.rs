//! Reads for those who keep the database fresh: the planner, the aggregator, the checks, the series page.

use rusqlite::{Row, params};

use super::Reader;
use super::quality::spans;
use crate::market::{Bars, Candle, ContractId, Facet, Series, SourceId, Symbol};
use crate::store::master::{Attempt, EmptySpan, RunRecord, RunState, StoreError, Underived, facet_name, rows, state_of};

const RUN_COLUMNS: &str = "run_id, started_at, ended_at, state, spec, summary, error";

/// A row of [`RUN_COLUMNS`].
fn run(r: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let state: String = r.get(3)?;
    Ok(RunRecord {
        id: r.get(0)?,
        started_at: r.get(1)?,
        ended_at: r.get(2)?,
        // The CHECK of the table admits the known words only.
        state: state_of(&state).unwrap_or(RunState::Lost),
        spec: r.get(4)?,
        summary: r.get(5)?,
        error: r.get(6)?,
    })
}

impl Reader {
    /// Stamps of the stored bars in `[start, end)`, hidden and forming ones included, ascending.
    pub fn stamps(&self, series: Series, (start, end): (i64, i64)) -> Result<Vec<i64>, StoreError> {
        let Some([symbol, timeframe]) = self.key(series)? else { return Ok(Vec::new()) };
        let sql = "SELECT ts FROM candle WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts >= ?3 AND ts < ?4 ORDER BY ts";
        self.list(sql, [symbol, timeframe, start, end], |r| r.get(0))
    }

    /// Bars in `[start, end)`, forming ones included, ascending.
    pub fn bars(&self, series: Series, (start, end): (i64, i64), include_quarantined: bool) -> Result<Bars, StoreError> {
        let Some([symbol, timeframe]) = self.key(series)? else { return Ok(Vec::new()) };
        let sql = "SELECT ts, open, high, low, close, volume, final FROM candle
                   WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts >= ?3 AND ts < ?4 AND quarantined <= ?5 ORDER BY ts";
        self.list(sql, params![symbol, timeframe, start, end, include_quarantined], rows::candle)
    }

    /// The last `n` bars with their sources, hidden and forming ones included, ascending.
    pub fn last_bars(&self, series: Series, n: usize) -> Result<Vec<(Candle, SourceId)>, StoreError> {
        let Some([symbol, timeframe]) = self.key(series)? else { return Ok(Vec::new()) };
        let sql = "SELECT ts, open, high, low, close, volume, final, source_id FROM candle
                   WHERE symbol_id = ?1 AND timeframe_id = ?2 ORDER BY ts DESC LIMIT ?3";
        let mut out = self.list(sql, [symbol, timeframe, n as i64], |r| Ok((rows::candle(r)?, rows::source(r, 7)?)))?;
        out.reverse();
        Ok(out)
    }

    /// Spans that a source said hold nothing, ascending by source and start.
    pub fn empty_spans(&self, series: Series) -> Result<Vec<EmptySpan>, StoreError> {
        let Some(key) = self.key(series)? else { return Ok(Vec::new()) };
        let sql = "SELECT source_id, start_ts, end_ts, asked_at, times FROM empty_span
                   WHERE symbol_id = ?1 AND timeframe_id = ?2 ORDER BY source_id, start_ts";
        self.list(sql, key, |r| {
            Ok(EmptySpan { series, source: rows::source(r, 0)?, start: r.get(1)?, end: r.get(2)?, asked_at: r.get(3)?, times: r.get(4)? })
        })
    }

    /// The last requests for a series, newest first.
    pub fn attempts(&self, series: Series, limit: usize) -> Result<Vec<Attempt>, StoreError> {
        let Some([symbol, timeframe]) = self.key(series)? else { return Ok(Vec::new()) };
        let sql = "SELECT run_id, at, source_id, start_ts, end_ts, outcome, bars, millis, message FROM ingest_attempts
                   WHERE symbol_id = ?1 AND timeframe_id = ?2 ORDER BY attempt_id DESC LIMIT ?3";
        self.list(sql, [symbol, timeframe, limit as i64], |r| {
            Ok(Attempt {
                run_id: r.get(0)?,
                at: r.get(1)?,
                series,
                source: rows::source(r, 2)?,
                window: (r.get(3)?, r.get(4)?),
                outcome: r.get(5)?,
                bars: r.get(6)?,
                millis: r.get(7)?,
                message: r.get(8)?,
            })
        })
    }

    /// The last ingest runs, newest first.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        self.list(&format!("SELECT {RUN_COLUMNS} FROM ingest_runs ORDER BY run_id DESC LIMIT ?1"), [limit as i64], run)
    }

    /// One ingest run.
    pub fn run(&self, id: i64) -> Result<RunRecord, StoreError> {
        let found = self.one(&format!("SELECT {RUN_COLUMNS} FROM ingest_runs WHERE run_id = ?1"), [id], run)?;
        found.ok_or(StoreError::NoRun(id))
    }

    /// Bars by source, most preferred source first.
    pub fn provenance(&self, series: Series) -> Result<Vec<(SourceId, u64)>, StoreError> {
        let Some(key) = self.key(series)? else { return Ok(Vec::new()) };
        let sql = "SELECT source_id, rows FROM series_source WHERE symbol_id = ?1 AND timeframe_id = ?2 AND rows > 0 ORDER BY source_id";
        self.list(sql, key, |r| Ok((rows::source(r, 0)?, rows::count(r, 1)?)))
    }

    /// Runs of neighbouring bars that the fallback (Yahoo) served, each `[first stamp, end of its last bar)`, ascending.
    pub fn fallback_spans(&self, series: Series) -> Result<Vec<(i64, i64)>, StoreError> {
        // The counts say without a scan that there is none, which is the usual night.
        if !self.provenance(series)?.iter().any(|&(source, _)| source == SourceId::Yahoo) {
            return Ok(Vec::new());
        }
        let Some(key) = self.key(series)? else { return Ok(Vec::new()) };
        let sql = "SELECT ts, source_id FROM candle WHERE symbol_id = ?1 AND timeframe_id = ?2 ORDER BY ts";
        let flags = self.list(sql, key, |r| Ok((r.get(0)?, r.get::<_, i64>(1)? == SourceId::Yahoo.id())))?;
        Ok(spans(&flags, series.timeframe))
    }

    /// Stored bars by UTC month: first second of the month, and how many; ascending, months without bars left out.
    pub fn month_counts(&self, series: Series) -> Result<Vec<(i64, u64)>, StoreError> {
        let Some(key) = self.key(series)? else { return Ok(Vec::new()) };
        let sql = "SELECT month, n FROM series_digest WHERE symbol_id = ?1 AND timeframe_id = ?2 ORDER BY month";
        self.list(sql, key, |r| Ok((r.get(0)?, rows::count(r, 1)?)))
    }

    /// The symbol's resolved IB contract.
    pub fn contract(&self, symbol: Symbol) -> Result<Option<ContractId>, StoreError> {
        let sql = "SELECT con_id FROM ib_contract JOIN symbol USING (symbol_id) WHERE symbol = ?1";
        self.one(sql, [symbol.as_str()], |r| Ok(ContractId { symbol, con_id: r.get(0)? }))
    }

    /// Fetched series whose stored history is on another share basis than the source's, and has to be fetched again.
    pub fn rebase_due(&self) -> Result<Vec<Series>, StoreError> {
        let sql = "SELECT symbol, timeframe_id FROM series_state JOIN symbol USING (symbol_id) WHERE rebase_due = 1 ORDER BY symbol_id";
        self.list(sql, [], |r| Ok(Series { symbol: rows::symbol(r, 0)?, timeframe: rows::timeframe(r, 1)? }))
    }

    /// Fetched series that changed since their derived ones were made of them, by symbol, finest timeframe first.
    pub fn underived(&self) -> Result<Vec<Underived>, StoreError> {
        let sql = "SELECT symbol, timeframe_id, derive_from, derive_until, derive_changes FROM series_state JOIN symbol USING (symbol_id)
                   WHERE derive_from IS NOT NULL AND derived_from IS NULL ORDER BY symbol_id, timeframe_id";
        self.list(sql, [], |r| {
            let series = Series { symbol: rows::symbol(r, 0)?, timeframe: rows::timeframe(r, 1)? };
            Ok(Underived { series, span: (r.get(2)?, r.get(3)?), changes: r.get(4)? })
        })
    }

    /// Sound bars in `[start, end)`, forming ones included, ascending, each with its source.
    pub fn sourced_bars(&self, series: Series, (start, end): (i64, i64)) -> Result<Vec<(Candle, SourceId)>, StoreError> {
        let Some([symbol, timeframe]) = self.key(series)? else { return Ok(Vec::new()) };
        let sql = "SELECT ts, open, high, low, close, volume, final, source_id FROM candle
                   WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts >= ?3 AND ts < ?4 AND quarantined = 0 ORDER BY ts";
        self.list(sql, [symbol, timeframe, start, end], |r| Ok((rows::candle(r)?, rows::source(r, 7)?)))
    }

    /// The stamp of the last stored bar before `ts`.
    pub fn stamp_before(&self, series: Series, ts: i64) -> Result<Option<i64>, StoreError> {
        let Some([symbol, timeframe]) = self.key(series)? else { return Ok(None) };
        self.one("SELECT max(ts) FROM candle WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts < ?3", [symbol, timeframe, ts], |r| r.get(0))
            .map(Option::flatten)
    }

    /// When a facet of a symbol was last read from a source, UTC seconds.
    pub fn facet_age(&self, symbol: Symbol, facet: Facet) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT read_at FROM facet_read JOIN symbol USING (symbol_id) WHERE symbol = ?1 AND facet = ?2";
        self.one(sql, [symbol.as_str(), facet_name(facet)], |r| r.get(0))
    }
}
