//! Content checksums: SQLite does not checksum its pages, so every row is hashed into a sum per series and month.
//!
//! The writer keeps the sums in the transaction that changes the rows; `verify` recomputes them.

use chrono::{Datelike, NaiveDate};
use xxhash_rust::xxh3::xxh3_64;

use crate::market::{Candle, SourceId, date_to_ts, ts_to_date};

/// Stands for a NULL volume; no finite number has these bits.
const UNKNOWN: u64 = u64::MAX;

/// A row of `candle` without its series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub candle: Candle,
    pub source: SourceId,
    pub run_id: i64,
    pub quarantined: bool,
}

/// Brings a value to the form SQLite gives back: it stores integral REALs as integers, which have no negative zero.
pub(super) fn canonical(x: f64) -> f64 {
    x + 0.0
}

/// A candle as SQLite gives it back.
pub(super) fn canonical_candle(c: &Candle) -> Candle {
    let [open, high, low, close, volume] = [c.open, c.high, c.low, c.close, c.volume].map(canonical);
    Candle { open, high, low, close, volume, ..*c }
}

impl Row {
    /// xxh3-64 of the row's canonical bytes: little-endian fields in column order, every NaN volume as one.
    pub fn hash(&self) -> u64 {
        let c = &self.candle;
        let volume = if c.volume.is_nan() { UNKNOWN } else { canonical(c.volume).to_bits() };
        let words = [
            c.ts as u64,
            canonical(c.open).to_bits(),
            canonical(c.high).to_bits(),
            canonical(c.low).to_bits(),
            canonical(c.close).to_bits(),
            volume,
            self.run_id as u64,
            (self.source.id() as u64) << 2 | u64::from(c.is_final) << 1 | u64::from(self.quarantined),
        ];
        let mut bytes = [0_u8; 64];
        for (slot, word) in bytes.chunks_exact_mut(8).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        xxh3_64(&bytes)
    }
}

/// The sum of one month of one series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Month {
    /// First second of the month, UTC.
    pub start: i64,
    /// First second of the next.
    pub end: i64,
    /// Rows, or their change.
    pub n: i64,
    /// Wrapping sum of the rows' hashes, or its change.
    pub sum: u64,
}

/// Sums by month of rows that came and went.
#[derive(Debug, Default)]
pub(super) struct Months {
    months: Vec<Month>,
    at: usize,
}

impl Months {
    /// Counts a row in.
    pub fn add(&mut self, row: &Row) {
        let m = self.month(row.candle.ts);
        m.n += 1;
        m.sum = m.sum.wrapping_add(row.hash());
    }

    /// Counts a row out.
    pub fn remove(&mut self, row: &Row) {
        let m = self.month(row.candle.ts);
        m.n -= 1;
        m.sum = m.sum.wrapping_sub(row.hash());
    }

    /// The months touched, in the order of their first touch.
    pub fn iter(&self) -> impl Iterator<Item = &Month> {
        self.months.iter()
    }

    // Rows come in order of time, so the last month used is nearly always the one.
    fn month(&mut self, ts: i64) -> &mut Month {
        if !self.months.get(self.at).is_some_and(|m| m.start <= ts && ts < m.end) {
            self.at = self.months.iter().position(|m| m.start <= ts && ts < m.end).unwrap_or_else(|| {
                let (start, end) = month_span(ts);
                self.months.push(Month { start, end, n: 0, sum: 0 });
                self.months.len() - 1
            });
        }
        &mut self.months[self.at]
    }
}

/// First second of the UTC month of `ts`, and of the month after.
pub(super) fn month_span(ts: i64) -> (i64, i64) {
    let first = |d: NaiveDate| d.with_day(1).unwrap_or(d);
    let start = first(ts_to_date(ts));
    let end = start.checked_add_months(chrono::Months::new(1)).unwrap_or(NaiveDate::MAX);
    (date_to_ts(start), date_to_ts(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ts: i64, volume: f64) -> Row {
        let candle = Candle { ts, open: 1.0, high: 2.0, low: 0.5, close: 1.5, volume, is_final: true };
        Row { candle, source: SourceId::Ib, run_id: 1, quarantined: false }
    }

    #[test]
    fn every_column_counts() {
        let a = row(0, 5.0);
        let mut hashes = vec![a.hash()];
        for f in [
            |r: &mut Row| r.candle.ts += 1,
            |r: &mut Row| r.candle.open += 1e-9,
            |r: &mut Row| r.candle.high += 1e-9,
            |r: &mut Row| r.candle.low += 1e-9,
            |r: &mut Row| r.candle.close += 1e-9,
            |r: &mut Row| r.candle.volume = f64::NAN,
            |r: &mut Row| r.candle.is_final = false,
            |r: &mut Row| r.source = SourceId::Yahoo,
            |r: &mut Row| r.run_id = 2,
            |r: &mut Row| r.quarantined = true,
        ] {
            let mut b = a;
            f(&mut b);
            hashes.push(b.hash());
        }
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 11);
    }

    #[test]
    fn negative_zero_and_any_nan_are_one_value() {
        assert_eq!(row(0, -0.0).hash(), row(0, 0.0).hash());
        assert_eq!(row(0, f64::NAN).hash(), row(0, -f64::NAN).hash());
    }

    #[test]
    fn months_split_at_midnight_of_the_first() {
        // 2024-01-31 23:59:59 and 2024-02-01 00:00:00 UTC.
        let mut m = Months::default();
        for ts in [1_706_745_599, 1_706_745_600, 1_706_745_601] {
            m.add(&row(ts, 1.0));
        }
        let got: Vec<(i64, i64)> = m.iter().map(|m| (m.start, m.n)).collect();
        assert_eq!(got, [(1_704_067_200, 1), (1_706_745_600, 2)]);
    }
}
