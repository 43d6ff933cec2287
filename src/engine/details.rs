//! Answers to queries, read from the store on a blocking thread.

use super::{CoverageCell, CoverageState, SeriesDetail};
use crate::market::{Calendar, DAY, Instrument, Series};
use crate::store::master::{EmptySpan, Reader, StoreError};

/// Slices of the coverage strip.
const SLICES: usize = 240;
const ATTEMPTS_SHOWN: usize = 20;
const BARS_SHOWN: usize = 60;

/// Everything the series page shows.
pub(super) fn series(reader: &Reader, instrument: &Instrument, series: Series, now: i64) -> Result<SeriesDetail, StoreError> {
    let state = reader.series_state(series)?;
    let coverage = match state.as_ref().and_then(|s| s.first_ts) {
        Some(first) => coverage(reader, instrument.calendar(), series, first, now)?,
        None => Vec::new(),
    };
    let issues = reader.open_issues(10_000)?.into_iter().filter(|i| i.issue.series == series).collect();
    Ok(SeriesDetail {
        state,
        coverage,
        attempts: reader.attempts(series, ATTEMPTS_SHOWN)?,
        bars: reader.last_bars(series, BARS_SHOWN)?,
        provenance: reader.provenance(series)?,
        issues,
    })
}

fn coverage(reader: &Reader, calendar: Calendar, series: Series, first: i64, now: i64) -> Result<Vec<CoverageCell>, StoreError> {
    let stored = reader.stamps(series, (first, now + DAY))?;
    let expected = calendar.expected(series.timeframe, first, now);
    let (empty, hidden) = (reader.empty_spans(series)?, reader.quarantined_spans(series)?);
    Ok(slice(&stored, &expected, &empty, &hidden, first, now))
}

/// Cuts the history into slices of equal bar counts, so that each cell of the strip weighs the same.
fn slice(stored: &[i64], expected: &[i64], empty: &[EmptySpan], hidden: &[(i64, i64)], first: i64, now: i64) -> Vec<CoverageCell> {
    let per = expected.len().div_ceil(SLICES).max(1);
    let starts: Vec<i64> = expected.chunks(per).map(|c| c[0]).collect();
    let mut out = Vec::with_capacity(starts.len());
    for (k, chunk) in expected.chunks(per).enumerate() {
        let start = if k == 0 { first } else { chunk[0] };
        let end = starts.get(k + 1).copied().unwrap_or(now + DAY);
        // The bar that is still forming is stored and not expected; it counts for nothing here.
        let have = chunk.iter().filter(|t| stored.binary_search(t).is_ok()).count();
        let explained = |t: &i64| stored.binary_search(t).is_ok() || empty.iter().any(|e| e.start <= *t && *t < e.end);
        let state = if hidden.iter().any(|&(from, to)| from < end && to > start) {
            CoverageState::Quarantined
        } else if have >= chunk.len() {
            CoverageState::Full
        } else if chunk.iter().all(explained) {
            CoverageState::Explained
        } else if have == 0 {
            CoverageState::None
        } else {
            CoverageState::Gap
        };
        out.push(CoverageCell { start, state, stored: have as u32, expected: chunk.len() as u32 });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_tell_full_gap_none_and_hidden_apart() {
        let expected: Vec<i64> = (0..960).map(|i| i * DAY).collect();
        let stored: Vec<i64> = expected.iter().copied().filter(|t| *t < 900 * DAY && *t != 10 * DAY).collect();
        let cells = slice(&stored, &expected, &[], &[(400 * DAY, 401 * DAY)], 0, 960 * DAY);
        assert_eq!(cells.len(), 240);
        assert_eq!(cells[0].state, CoverageState::Full);
        assert_eq!(cells[2].state, CoverageState::Gap);
        assert_eq!(cells[100].state, CoverageState::Quarantined);
        assert_eq!(cells[239].state, CoverageState::None);
        assert_eq!(cells.iter().map(|c| c.stored).sum::<u32>(), 899);
    }
}
