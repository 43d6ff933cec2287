//! The data-quality log, and what it hides.

use rusqlite::params;

use super::Reader;
use crate::market::{Series, Symbol, Timeframe};
use crate::store::master::findings::{self, ISSUE_COLUMNS};
use crate::store::master::{StoreError, StoredIssue, rows};

/// Which findings; `None` fields admit all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssueFilter {
    /// Of this symbol.
    pub symbol: Option<Symbol>,
    /// In this timeframe.
    pub timeframe: Option<Timeframe>,
    /// Also settled ones.
    pub settled: bool,
    /// At most this many.
    pub limit: usize,
}

impl Reader {
    /// Findings, worst and newest first.
    pub fn data_quality_issues(&self, f: IssueFilter) -> Result<Vec<StoredIssue>, StoreError> {
        let sql = format!(
            "SELECT {ISSUE_COLUMNS} WHERE (?1 IS NULL OR s.symbol = ?1) AND (?2 IS NULL OR q.timeframe_id = ?2)
                 AND (?3 OR q.resolution IS NULL)
             ORDER BY instr('CEWI', q.severity), q.opened_at DESC, q.issue_id DESC LIMIT ?4"
        );
        let symbol = f.symbol.as_ref().map(Symbol::as_str);
        let params = params![symbol, f.timeframe.map(Timeframe::id), f.settled, f.limit as i64];
        self.list(&sql, params, findings::stored)
    }

    /// Open findings, worst and newest first.
    pub fn open_issues(&self, limit: usize) -> Result<Vec<StoredIssue>, StoreError> {
        self.data_quality_issues(IssueFilter { symbol: None, timeframe: None, settled: false, limit })
    }

    /// Whether every bar stamped `from..=to` was written by a run after `run_id`.
    pub fn written_after(&self, series: Series, (from, to): (i64, i64), run_id: i64) -> Result<bool, StoreError> {
        let Some([symbol, timeframe]) = self.key(series)? else { return Ok(false) };
        let sql = "SELECT ifnull(min(ingest_id) > ?5, 0) FROM candle WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts BETWEEN ?3 AND ?4";
        Ok(self.one(sql, [symbol, timeframe, from, to, run_id], |r| r.get(0))?.unwrap_or(false))
    }

    /// Series and first stamp of the open findings of a check that cover bars.
    pub fn open_of_check(&self, check: u8) -> Result<Vec<(Series, i64)>, StoreError> {
        let sql = "SELECT s.symbol, q.timeframe_id, q.from_ts FROM data_quality_log q JOIN symbol s USING (symbol_id)
                   WHERE q.check_no = ?1 AND q.resolution IS NULL AND q.from_ts IS NOT NULL";
        self.list(sql, [check], |r| Ok((Series { symbol: rows::symbol(r, 0)?, timeframe: rows::timeframe(r, 1)? }, r.get(2)?)))
    }

    /// One finding.
    pub fn issue(&self, id: i64) -> Result<Option<StoredIssue>, StoreError> {
        self.one(&format!("SELECT {ISSUE_COLUMNS} WHERE q.issue_id = ?1"), [id], findings::stored)
    }

    /// Open findings that hide bars or block series, and all open findings.
    pub fn issue_counts(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT count(*) FILTER (WHERE severity IN ('E', 'C')), count(*) FROM data_quality_log WHERE resolution IS NULL";
        Ok(self.one(sql, [], |r| Ok((rows::count(r, 0)?, rows::count(r, 1)?)))?.unwrap_or_default())
    }

    /// Runs of neighbouring bars that are hidden, each `[first stamp, end of its last bar)`, ascending.
    pub fn quarantined_spans(&self, series: Series) -> Result<Vec<(i64, i64)>, StoreError> {
        let Some([symbol, timeframe]) = self.key(series)? else { return Ok(Vec::new()) };
        // Only findings hide bars, so a series without one needs no scan.
        let sql = "SELECT min(from_ts), max(to_ts) FROM data_quality_log
                   WHERE symbol_id = ?1 AND timeframe_id = ?2 AND severity IN ('E', 'C') AND from_ts IS NOT NULL";
        let reach: Option<(Option<i64>, Option<i64>)> = self.one(sql, [symbol, timeframe], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let Some((from, to)) = reach.and_then(|(from, to)| from.zip(to)) else { return Ok(Vec::new()) };
        let sql = "SELECT ts, quarantined FROM candle WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts >= ?3
                   AND ts <= ifnull((SELECT min(ts) FROM candle WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts > ?4), ?4) ORDER BY ts";
        let flags = self.list(sql, [symbol, timeframe, from, to], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(spans(&flags, series.timeframe))
    }
}

/// Runs of flagged stamps. A run ends a bar's length after its last stamp, or where the next stored bar begins.
pub(super) fn spans(flags: &[(i64, bool)], timeframe: Timeframe) -> Vec<(i64, i64)> {
    let mut out: Vec<(i64, i64)> = Vec::new();
    let mut running = false;
    for (i, &(ts, flagged)) in flags.iter().enumerate() {
        if flagged {
            let next = flags.get(i + 1).map_or(i64::MAX, |&(next, _)| next);
            let end = next.min(ts + timeframe.seconds());
            match out.last_mut().filter(|_| running) {
                Some(run) => run.1 = end,
                None => out.push((ts, end)),
            }
        }
        running = flagged;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_break_at_unflagged_bars_only() {
        let flags = [(0, false), (60, true), (600, true), (660, false), (700, true), (720, false), (780, true)];
        assert_eq!(spans(&flags, Timeframe::M1), [(60, 660), (700, 720), (780, 840)]);
        assert_eq!(spans(&[], Timeframe::M1), []);
    }
}
