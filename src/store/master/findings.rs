//! Rows of `data_quality_log` as [`StoredIssue`], for writer and reader.

use rusqlite::Row as SqlRow;

use super::rows::{symbol, timeframe};
use super::{Issue, Scope, Severity, StoredIssue};
use crate::market::Series;

/// Columns and tables that [`stored`] reads; a `WHERE` may follow.
pub(super) const ISSUE_COLUMNS: &str = "q.issue_id, q.opened_at, q.run_id, q.check_no, q.severity, s.symbol, q.timeframe_id, q.from_ts, \
     q.to_ts, q.message, q.resolved_at, q.resolution, q.note FROM data_quality_log q JOIN symbol s USING (symbol_id)";

/// Reads a row of [`ISSUE_COLUMNS`]. The settlement reads `accepted`, or `accepted: ` and the operator's note.
pub(super) fn stored(r: &SqlRow<'_>) -> rusqlite::Result<StoredIssue> {
    let letter: String = r.get(4)?;
    let scope = scope(r.get(7)?, r.get(8)?);
    let resolved = match (r.get(10)?, r.get::<_, Option<String>>(11)?, r.get::<_, Option<String>>(12)?) {
        (Some(at), Some(how), Some(note)) if !note.is_empty() => Some((at, format!("{how}: {note}"))),
        (Some(at), Some(how), _) => Some((at, how)),
        _ => None,
    };
    Ok(StoredIssue {
        id: r.get(0)?,
        opened_at: r.get(1)?,
        run_id: r.get(2)?,
        resolved,
        issue: Issue {
            check: r.get(3)?,
            // The CHECK of the table admits the four letters only.
            severity: Severity::from_letter(&letter).unwrap_or(Severity::Critical),
            series: Series { symbol: symbol(r, 5)?, timeframe: timeframe(r, 6)? },
            scope,
            message: r.get(9)?,
        },
    })
}

/// The scope of two stored stamps.
pub(super) fn scope(from: Option<i64>, to: Option<i64>) -> Scope {
    from.zip(to).map_or(Scope::Series, |(from, to)| Scope::Bars { from, to })
}

/// The stamps of a scope; none for a whole series.
pub(super) fn span(scope: Scope) -> (Option<i64>, Option<i64>) {
    match scope {
        Scope::Bars { from, to } => (Some(from), Some(to)),
        Scope::Series => (None, None),
    }
}
