//! Replacing a history that a split, or the vendor, has put on another share basis.
//!
//! What a source serves anew takes the place of what is stored. A stored bar for which nothing came is never deleted:
//! sources forget (Yahoo its minutes after 30 days) and imported bars have no other home. It is put on the new basis by
//! the ratio of the split, or hidden with a finding where nobody can say on which basis it is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{OptionalExtension, params};

use super::candles;
use super::issues::{self, IssueReport};
use super::ledger::{Key, Ledger};
use crate::market::{Candle, DAY, SourceId, date_to_ts, ts_to_date};
use crate::store::master::digest::Row;
use crate::store::master::rows::{self, stored_rows};
use crate::store::master::{CandleBatch, Issue, Scope, Severity, StoreError, SwapReport};

/// The check that findings about the share basis of bars are logged under, and that of contradicting sources: both are
/// void where the bars are replaced.
const ADJUSTMENT: u8 = 18;
const TWO_SOURCES: u8 = 20;
/// Vendors put their history on a new basis within this time of the ex-date.
const VENDOR_DELAY: i64 = 2 * DAY;
/// How near two ratios must be to be the same one; the smallest splits (21 for 20) are five times as far from none.
const NEAR: f64 = 0.01;

/// A stored split, with the run that brought it.
struct Known {
    before: i64,
    ratio: f64,
    run_id: i64,
}

/// What becomes of a stored bar that nothing replaces.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// It is on the new basis.
    Stands,
    /// Its price is to be divided, its volume to be multiplied by this.
    Divide(f64),
    /// Nobody knows.
    Unclear,
}

/// Swaps a batch in over `[start, end)`, logs `found` of its bars and what became of the others, and settles what
/// `checks` found on replaced bars before.
pub(super) fn swap(
    l: &mut Ledger,
    b: &CandleBatch,
    window: (i64, i64),
    checks: &[u8],
    found: &[Issue],
) -> Result<(SwapReport, IssueReport), StoreError> {
    let key = l.key(b.series)?;
    let stored = stored_rows(&l.conn, key.symbol_id, key.timeframe, window.0, window.1)?;
    let judge = Judge::new(l, key, b, &stored)?;
    let without = stored.iter().filter(|r| !judge.fresh.contains_key(&r.candle.ts));
    let left: Vec<(Row, Verdict)> = without.map(|r| (*r, judge.verdict(r))).collect();
    let written = candles::write(l, b)?;
    let adjusted: Vec<(Row, Candle)> = left.iter().filter_map(|(row, v)| Some((*row, divided(&row.candle, *v)?))).collect();
    for source in SourceId::ALL {
        let bars = adjusted.iter().filter(|(row, _)| row.source == source).map(|(_, bar)| *bar).collect();
        candles::write(l, &CandleBatch { source, bars, ..b.clone() })?;
    }
    for (row, _) in adjusted.iter().filter(|(row, _)| row.quarantined) {
        issues::hide_again(l, key, row.candle.ts)?;
    }
    l.set_rebase_due(key, false)?;
    let on_basis: Vec<Issue> = unclear(b, &stored, &left).into_iter().chain(remark(b, &left)).collect();
    let checks: Vec<u8> = checks.iter().copied().chain([TWO_SOURCES]).collect();
    let unseen: Vec<i64> = left.iter().map(|(row, _)| row.candle.ts).collect();
    let screened = issues::Look { series: b.series, checks: &checks, window, unseen: &unseen };
    let mut logged = issues::reconcile(l, screened, found, Some(b.run_id))?;
    let judged = issues::Look { checks: &[ADJUSTMENT], unseen: &[], ..screened };
    logged.add(issues::reconcile(l, judged, &on_basis, Some(b.run_id))?);
    Ok((SwapReport { written, kept: left.len() as u64, adjusted: adjusted.len() as u64 }, logged))
}

fn divided(c: &Candle, verdict: Verdict) -> Option<Candle> {
    let Verdict::Divide(ratio) = verdict else { return None };
    let [open, high, low, close] = [c.open, c.high, c.low, c.close].map(|price| price / ratio);
    Some(Candle { open, high, low, close, volume: c.volume * ratio, ..*c })
}

/// Knows which stored bars are on which basis.
struct Judge {
    /// Closes of the bars that replace stored ones.
    fresh: HashMap<i64, f64>,
    splits: Vec<Known>,
    /// Start of each run that wrote one of the bars.
    runs: HashMap<i64, i64>,
    /// New price over old one, by run and by the splits that lie after the bar: bars of one answer share their basis.
    seen: HashMap<(i64, usize), f64>,
    /// Whether prices changed by a ratio that no stored split gives.
    unexplained: bool,
}

impl Judge {
    fn new(l: &Ledger, key: Key, b: &CandleBatch, stored: &[Row]) -> Result<Self, StoreError> {
        let fresh = b.bars.iter().map(|c| (c.ts, c.close)).collect();
        let mut judge = Self { fresh, splits: splits(l, key)?, runs: HashMap::new(), seen: HashMap::new(), unexplained: false };
        for row in stored {
            if let Entry::Vacant(slot) = judge.runs.entry(row.run_id) {
                slot.insert(started(l, row.run_id)?);
            }
        }
        for row in stored {
            let Some(&close) = judge.fresh.get(&row.candle.ts) else { continue };
            let ratio = close / row.candle.close;
            judge.unexplained |= !near(ratio, 1.0) && !near(ratio * judge.due(row).0, 1.0);
            let place = (row.run_id, judge.later(row).len());
            judge.seen.insert(place, ratio);
        }
        Ok(judge)
    }

    /// The splits that lie after a bar.
    fn later(&self, row: &Row) -> &[Known] {
        &self.splits[self.splits.partition_point(|s| s.before <= row.candle.ts)..]
    }

    /// The ratio of the splits that came to be known after a bar was stored, and whether it surely was stored before
    /// they took effect.
    fn due(&self, row: &Row) -> (f64, bool) {
        let written = self.runs.get(&row.run_id).copied().unwrap_or(i64::MIN);
        let due = self.later(row).iter().filter(|s| row.run_id < s.run_id && written < s.before + VENDOR_DELAY);
        due.fold((1.0, true), |(ratio, sure), s| (ratio * s.ratio, sure && written < s.before))
    }

    fn verdict(&self, row: &Row) -> Verdict {
        let (due, sure) = self.due(row);
        match self.seen.get(&(row.run_id, self.later(row).len())) {
            Some(&ratio) if near(ratio, 1.0) => Verdict::Stands,
            Some(&ratio) if near(ratio * due, 1.0) => Verdict::Divide(due),
            None if near(due, 1.0) && !self.unexplained => Verdict::Stands,
            None if sure && !near(due, 1.0) => Verdict::Divide(due),
            _ => Verdict::Unclear,
        }
    }
}

fn near(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() < NEAR
}

fn splits(l: &Ledger, key: Key) -> Result<Vec<Known>, StoreError> {
    let sql = "SELECT ex_date, numerator / denominator, ingest_id FROM splits WHERE symbol_id = ?1 ORDER BY ex_date";
    let mut statement = l.conn.prepare_cached(sql)?;
    let found = statement
        .query_map([key.symbol_id], |r| Ok(Known { before: date_to_ts(rows::date(r, 0)?), ratio: r.get(1)?, run_id: r.get(2)? }))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// When a run started; bars of no known run are older than any.
fn started(l: &Ledger, run_id: i64) -> Result<i64, StoreError> {
    let sql = "SELECT started_at FROM ingest_runs WHERE run_id = ?1";
    Ok(l.conn.prepare_cached(sql)?.query_row(params![run_id], |r| r.get(0)).optional()?.unwrap_or(i64::MIN))
}

/// Hides the runs of neighbouring bars whose basis is unclear.
fn unclear(b: &CandleBatch, stored: &[Row], left: &[(Row, Verdict)]) -> Vec<Issue> {
    let mut out: Vec<(i64, i64, u64)> = Vec::new();
    let mut odd = left.iter().filter(|(_, v)| *v == Verdict::Unclear).map(|(row, _)| row.candle.ts).peekable();
    let mut adjoins = false;
    for row in stored {
        let ts = row.candle.ts;
        let hit = odd.next_if_eq(&ts).is_some();
        match out.last_mut().filter(|_| hit && adjoins) {
            Some(run) => (run.1, run.2) = (ts, run.2 + 1),
            None if hit => out.push((ts, ts, 1)),
            None => {}
        }
        adjoins = hit;
    }
    let said = |(from, to, n)| {
        let days = format!("{} to {}", ts_to_date(from), ts_to_date(to));
        let message = format!("{days}: {n} bars that no source serves any more, on a share basis that cannot be told; import them anew");
        Issue { check: ADJUSTMENT, severity: Severity::Critical, series: b.series, scope: Scope::Bars { from, to }, message }
    };
    out.into_iter().map(said).collect()
}

/// Records which bars were computed.
fn remark(b: &CandleBatch, left: &[(Row, Verdict)]) -> Option<Issue> {
    let mut bars = left.iter().filter_map(|(row, v)| if let Verdict::Divide(ratio) = v { Some((row.candle.ts, *ratio)) } else { None });
    let (from, ratio) = bars.next()?;
    let (to, n) = bars.fold((from, 1), |(_, n), (ts, _)| (ts, n + 1));
    let days = format!("{} to {}", ts_to_date(from), ts_to_date(to));
    let message =
        format!("{days}: {n} bars that no source serves any more were adjusted here: price / {ratio}, volume * {ratio} in the first");
    tracing::warn!(target: "store", series = %b.series, bars = n, ratio, "Adjusted stored bars by a split, as no source serves them any more");
    Some(Issue { check: ADJUSTMENT, severity: Severity::Info, series: b.series, scope: Scope::Bars { from, to }, message })
}
