//! What features are made of: the daily bars of a symbol with all that tells whether they changed, in one snapshot.

use chrono::NaiveDate;
use xxhash_rust::xxh3::Xxh3;

use super::{CandleQuery, Candles, Reader, Span};
use crate::market::{Dividend, Series, Split, Symbol, Timeframe, date_to_ts};
use crate::store::master::{StoreError, rows};

/// A symbol's daily series without its bars.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DailyState {
    /// Why nothing must be made of it, if so: an open finding blocks it, or a split waits for its history.
    pub unusable: Option<String>,
    /// Months that hold bars, ascending.
    pub months: Vec<MonthDigest>,
    /// Ascending.
    pub splits: Vec<Split>,
    /// Ascending.
    pub dividends: Vec<Dividend>,
}

/// What the final bars of a month come to, hidden ones included: a bar that still forms changes with every tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthDigest {
    /// First second of the month, UTC.
    pub month: i64,
    /// How many they are.
    pub bars: i64,
    /// Changes with any bit of them.
    pub sum: u64,
}

impl DailyState {
    /// A hash of all that can be read of the series before the stamp `before`, the first second of a month: equal hashes,
    /// equal bars and actions. With `i64::MAX` it covers everything.
    pub fn hash_before(&self, before: i64) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(&[u8::from(self.unusable.is_some())]);
        for m in self.months.iter().take_while(|m| m.month < before) {
            hash.update(&m.month.to_le_bytes());
            hash.update(&m.bars.to_le_bytes());
            hash.update(&m.sum.to_le_bytes());
        }
        let mut action = |kind: u8, date: NaiveDate, numbers: [f64; 2]| {
            let at = date_to_ts(date);
            if at < before {
                hash.update(&[kind]);
                hash.update(&at.to_le_bytes());
                hash.update(numbers.map(f64::to_le_bytes).as_flattened());
            }
        };
        self.splits.iter().for_each(|s| action(1, s.ex_date, [s.numerator, s.denominator]));
        self.dividends.iter().for_each(|d| action(2, d.ex_date, [d.amount, 0.0]));
        hash.digest()
    }
}

impl Reader {
    /// The state of a symbol's daily series; empty when the symbol is unknown.
    pub fn daily_state(&self, symbol: Symbol) -> Result<DailyState, StoreError> {
        let snapshot = self.conn.unchecked_transaction()?;
        let state = self.state_of_daily(symbol)?;
        snapshot.finish()?;
        Ok(state)
    }

    /// The final, sound, split-adjusted daily bars of a symbol stamped at or after `from`, with the state of the whole
    /// series at that moment. A series that is not usable gives no bars.
    pub fn daily(&self, symbol: Symbol, from: i64) -> Result<(DailyState, Candles), StoreError> {
        let snapshot = self.conn.unchecked_transaction()?;
        let state = self.state_of_daily(symbol)?;
        let series = Series { symbol, timeframe: Timeframe::D1 };
        let bars = match state.unusable {
            Some(_) => Candles::default(),
            None => self.candles(&CandleQuery::new(series, Span::Range(from, i64::MAX)))?,
        };
        snapshot.finish()?;
        Ok((state, bars))
    }

    fn state_of_daily(&self, symbol: Symbol) -> Result<DailyState, StoreError> {
        let Some((id, blocked)) = self.gate(Series { symbol, timeframe: Timeframe::D1 })? else { return Ok(DailyState::default()) };
        let key = [id, Timeframe::D1.id()];
        let due = self.one("SELECT rebase_due FROM series_state WHERE symbol_id = ?1 AND timeframe_id = ?2", key, |r| r.get(0))?;
        let split = (due == Some(true)).then(|| "a split is known, and its history is still to be fetched anew".to_owned());
        let sql = "SELECT month, n, sum FROM series_digest WHERE symbol_id = ?1 AND timeframe_id = ?2 AND n > 0 ORDER BY month";
        let mut months = self.list(sql, key, |r| Ok(MonthDigest { month: r.get(0)?, bars: r.get(1)?, sum: r.get::<_, i64>(2)? as u64 }))?;
        self.leave_out_forming(&mut months, id)?;
        Ok(DailyState { unusable: blocked.or(split), months, splits: self.splits_of(id)?, dividends: self.dividends_of(id)? })
    }

    /// Takes forming bars out of the newest two months, the only ones that can hold some: a bar forms on the last day, and
    /// the month may have changed since. A month of nothing else goes.
    fn leave_out_forming(&self, months: &mut Vec<MonthDigest>, symbol: i64) -> Result<(), StoreError> {
        let newest = &mut months[..];
        let Some(from) = newest[newest.len().saturating_sub(2)..].first().map(|m| m.month) else { return Ok(()) };
        let rows = rows::stored_rows(&self.conn, symbol, Timeframe::D1, from, i64::MAX)?;
        for bar in rows.iter().filter(|row| !row.candle.is_final) {
            if let Some(m) = newest.iter_mut().rfind(|m| m.month <= bar.candle.ts) {
                m.bars -= 1;
                m.sum = m.sum.wrapping_sub(bar.hash());
            }
        }
        months.retain(|m| m.bars > 0);
        Ok(())
    }
}
