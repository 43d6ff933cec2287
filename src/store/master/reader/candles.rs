//! Candles as columns: by range, last n or days back, split-adjusted, raw or total-return.

use rusqlite::{OptionalExtension, params};

use super::Reader;
use crate::market::actions::{Step, dividend_steps, unsplit_steps};
use crate::market::{Candle, DAY, Series, SourceId, Timeframe, date_to_ts};
use crate::store::master::{StoreError, rows};

/// Rows reserved at most on the word of a query; the table may hold fewer.
const RESERVED: usize = 10_000;

/// Which bars of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// All of them.
    All,
    /// Those stamped in `[start, end)`, UTC seconds.
    Range(i64, i64),
    /// The last n that the query admits.
    Last(usize),
    /// Those of the last `days` civil days before `now`, UTC seconds.
    DaysBack {
        /// How many days.
        days: u32,
        /// Counted from when.
        now: i64,
    },
}

/// On which price basis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adjustment {
    /// Adjusted for splits, as the sources serve and the table keeps them.
    #[default]
    Split,
    /// As traded on the day: split adjustment undone in prices and volumes.
    Raw,
    /// Adjusted for splits and dividends (Yahoo's and CRSP's backward factors). Volumes as in `Split`.
    Total,
}

/// A question for candles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CandleQuery {
    /// Which series.
    pub series: Series,
    /// Which of its bars.
    pub span: Span,
    /// On which price basis. A weekly or monthly bar takes the factors of its first date as a whole.
    pub adjustment: Adjustment,
    /// Also bars, and series, that an open data-quality finding hides.
    pub include_quarantined: bool,
    /// Also the bar that is still forming.
    pub include_forming: bool,
}

impl CandleQuery {
    /// Final, sound, split-adjusted bars.
    pub const fn new(series: Series, span: Span) -> Self {
        Self { series, span, adjustment: Adjustment::Split, include_quarantined: false, include_forming: false }
    }
}

/// Bars of one series as columns of equal length, ascending by `ts`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candles {
    /// Bar opens, UTC seconds; daily and longer: midnight UTC of the first session date.
    pub ts: Vec<i64>,
    /// First traded prices.
    pub open: Vec<f64>,
    /// Highest traded prices.
    pub high: Vec<f64>,
    /// Lowest traded prices.
    pub low: Vec<f64>,
    /// Last traded prices.
    pub close: Vec<f64>,
    /// Units traded; NaN where unknown.
    pub volume: Vec<f64>,
    /// Who served each bar.
    pub source: Vec<SourceId>,
    /// False for the bar still forming.
    pub is_final: Vec<bool>,
}

impl Candles {
    /// How many bars.
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// The bars one by one.
    pub fn iter(&self) -> impl Iterator<Item = Candle> + '_ {
        (0..self.len()).map(|i| Candle {
            ts: self.ts[i],
            open: self.open[i],
            high: self.high[i],
            low: self.low[i],
            close: self.close[i],
            volume: self.volume[i],
            is_final: self.is_final[i],
        })
    }

    fn with_capacity(n: usize) -> Self {
        let prices = || Vec::with_capacity(n);
        Self {
            ts: Vec::with_capacity(n),
            open: prices(),
            high: prices(),
            low: prices(),
            close: prices(),
            volume: prices(),
            source: Vec::with_capacity(n),
            is_final: Vec::with_capacity(n),
        }
    }

    /// Adds a row; with `all_final` the query has decided the last column and does not have it.
    fn push(&mut self, r: &rusqlite::Row<'_>, all_final: bool) -> rusqlite::Result<()> {
        self.ts.push(r.get(0)?);
        self.open.push(r.get(1)?);
        self.high.push(r.get(2)?);
        self.low.push(r.get(3)?);
        self.close.push(r.get(4)?);
        self.volume.push(r.get::<_, Option<f64>>(5)?.unwrap_or(f64::NAN));
        self.source.push(rows::source(r, 6)?);
        self.is_final.push(all_final || r.get(7)?);
        Ok(())
    }

    fn reverse(&mut self) {
        self.ts.reverse();
        self.is_final.reverse();
        self.source.reverse();
        for column in [&mut self.open, &mut self.high, &mut self.low, &mut self.close, &mut self.volume] {
            column.reverse();
        }
    }

    /// Multiplies prices, and divides volumes if `volumes`, by the steps after each bar.
    fn scale(&mut self, steps: &[Step], volumes: bool) {
        let ladder = ladder(steps);
        let mut at = 0;
        for i in 0..self.ts.len() {
            while ladder.get(at).is_some_and(|&(before, _)| before <= self.ts[i]) {
                at += 1;
            }
            let Some(&(_, factor)) = ladder.get(at) else { return };
            for column in [&mut self.open, &mut self.high, &mut self.low, &mut self.close] {
                column[i] *= factor;
            }
            if volumes {
                self.volume[i] /= factor;
            }
        }
    }
}

/// Ex-dates as stamps, ascending, each with the product of its step and all later ones: the factor of the bars
/// between the ex-date before and this one.
fn ladder(steps: &[Step]) -> Vec<(i64, f64)> {
    let mut out: Vec<(i64, f64)> = steps.iter().map(|s| (date_to_ts(s.before), s.factor)).collect();
    out.sort_by_key(|&(before, _)| before);
    let mut product = 1.0;
    for (_, factor) in out.iter_mut().rev() {
        product *= *factor;
        *factor = product;
    }
    out
}

/// What the state of a series itself says.
struct Door {
    symbol_id: i64,
    /// Why it is blocked.
    blocked: Option<String>,
    /// The timeframe it is made of.
    derived_from: Option<i64>,
}

impl Reader {
    /// Bars of a series. An unknown or empty series gives no bars; one that a finding blocks, or derived from one that is
    /// blocked, gives [`StoreError::Blocked`] unless quarantined bars are asked for.
    pub fn candles(&self, q: &CandleQuery) -> Result<Candles, StoreError> {
        if q.adjustment == Adjustment::Split {
            return self.split_adjusted(q).map(|(_, bars)| bars);
        }
        // One snapshot for bars, splits and dividends: a re-fetch after a split changes them together.
        let snapshot = self.conn.unchecked_transaction()?;
        let (symbol_id, mut bars) = self.split_adjusted(q)?;
        if let Some(id) = symbol_id {
            match q.adjustment {
                Adjustment::Split => {}
                Adjustment::Raw => bars.scale(&unsplit_steps(&self.splits_of(id)?), true),
                Adjustment::Total => bars.scale(&self.total_steps(id)?, false),
            }
        }
        snapshot.finish()?;
        Ok(bars)
    }

    /// The newest stored bar of a series, final or forming, and its source; hidden bars are passed over.
    pub fn latest_candle(&self, series: Series) -> Result<Option<(Candle, SourceId)>, StoreError> {
        let q = CandleQuery { include_forming: true, ..CandleQuery::new(series, Span::Last(1)) };
        let c = self.candles(&q)?;
        Ok(c.iter().next().zip(c.source.first().copied()))
    }

    /// First and last stored stamp of a series.
    pub fn date_range(&self, series: Series) -> Result<Option<(i64, i64)>, StoreError> {
        let Some(key) = self.key(series)? else { return Ok(None) };
        let sql = "SELECT first_ts, last_ts FROM series_state WHERE symbol_id = ?1 AND timeframe_id = ?2";
        let found: Option<(Option<i64>, Option<i64>)> = self.one(sql, key, |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(found.and_then(|(first, last)| first.zip(last)))
    }

    /// Bars as stored, and the symbol's key if it is known.
    fn split_adjusted(&self, q: &CandleQuery) -> Result<(Option<i64>, Candles), StoreError> {
        let Some(door) = self.door(q.series)? else { return Ok((None, Candles::default())) };
        if door.derived_from.is_none() || !self.conn.is_autocommit() {
            return self.behind(door, q);
        }
        // Several statements tell whether it may be read: one snapshot for them and the bars.
        let snapshot = self.conn.unchecked_transaction()?;
        let read = self.door(q.series)?.map(|door| self.behind(door, q)).transpose()?.unwrap_or_default();
        snapshot.finish()?;
        Ok(read)
    }

    fn behind(&self, door: Door, q: &CandleQuery) -> Result<(Option<i64>, Candles), StoreError> {
        let (symbol_id, blocked) = self.walk(q.series, door)?;
        if let Some(reason) = blocked.filter(|_| !q.include_quarantined) {
            return Err(StoreError::Blocked { series: q.series, reason });
        }
        Ok((Some(symbol_id), self.columns(symbol_id, q)?))
    }

    /// The symbol's key, and why the series, or one that it is derived from, is blocked. Several statements: call it inside
    /// a transaction.
    pub(super) fn gate(&self, series: Series) -> Result<Option<(i64, Option<String>)>, StoreError> {
        self.door(series)?.map(|door| self.walk(series, door)).transpose()
    }

    fn door(&self, series: Series) -> Result<Option<Door>, StoreError> {
        let sql = "SELECT s.symbol_id, t.blocked, t.derived_from FROM symbol s
                   LEFT JOIN series_state t ON t.symbol_id = s.symbol_id AND t.timeframe_id = ?2 WHERE s.symbol = ?1";
        let start = params![series.symbol.as_str(), series.timeframe.id()];
        self.one(sql, start, |r| Ok(Door { symbol_id: r.get(0)?, blocked: r.get(1)?, derived_from: r.get(2)? }))
    }

    /// Looks for a block on the way down from a series to what it is derived from. A step of that chain costs a look-up and
    /// most series have none; one recursive statement would cost every read half of its time.
    fn walk(&self, series: Series, door: Door) -> Result<(i64, Option<String>), StoreError> {
        let Door { symbol_id, mut blocked, derived_from: mut base } = door;
        // Series derive from finer ones only; a damaged row that says otherwise ends the walk.
        let mut at = series.timeframe.id();
        while let (None, Some(finer)) = (&blocked, base.filter(|&t| t < at)) {
            at = finer;
            let sql = "SELECT blocked, derived_from FROM series_state WHERE symbol_id = ?1 AND timeframe_id = ?2";
            (blocked, base) = self.one(sql, [symbol_id, at], |r| Ok((r.get(0)?, r.get(1)?)))?.unwrap_or_default();
        }
        Ok((symbol_id, blocked))
    }

    fn columns(&self, symbol_id: i64, q: &CandleQuery) -> Result<Candles, StoreError> {
        let (start, end, limit) = match q.span {
            Span::All => (i64::MIN, i64::MAX, -1),
            Span::Range(start, end) => (start, end, -1),
            Span::Last(n) => (i64::MIN, i64::MAX, i64::try_from(n).unwrap_or(i64::MAX)),
            Span::DaysBack { days, now } => (now - i64::from(days) * DAY, now.saturating_add(1), -1),
        };
        let newest_first = limit >= 0;
        // Few texts, all cached: the direction of a scan cannot be a parameter, and a column costs 5 % of a read.
        let last = if q.include_forming { ", final" } else { "" };
        let direction = if newest_first { "DESC" } else { "" };
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT ts, open, high, low, close, volume, source_id{last} FROM candle
             WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts >= ?3 AND ts < ?4 AND quarantined <= ?5 AND final >= ?6
             ORDER BY ts {direction} LIMIT ?7"
        ))?;
        let mut found = statement.query(params![
            symbol_id,
            q.series.timeframe.id(),
            start,
            end,
            i64::from(q.include_quarantined),
            i64::from(!q.include_forming),
            limit
        ])?;
        let mut out = Candles::with_capacity(usize::try_from(limit).unwrap_or(0).min(RESERVED));
        while let Some(r) = found.next()? {
            out.push(r, !q.include_forming)?;
        }
        if newest_first {
            out.reverse();
        }
        Ok(out)
    }

    fn total_steps(&self, symbol_id: i64) -> Result<Vec<Step>, StoreError> {
        let mut close_before = self.conn.prepare_cached(
            "SELECT close FROM candle WHERE symbol_id = ?1 AND timeframe_id = ?2 AND ts < ?3 AND final = 1 AND quarantined = 0
             ORDER BY ts DESC LIMIT 1",
        )?;
        let dividends = self.dividends_of(symbol_id)?;
        let mut closes = Vec::with_capacity(dividends.len());
        for d in &dividends {
            let key = [symbol_id, Timeframe::D1.id(), date_to_ts(d.ex_date)];
            let close: Option<f64> = close_before.query_row(key, |r| r.get(0)).optional()?;
            closes.push((d.ex_date, close));
        }
        Ok(dividend_steps(&dividends, |date| closes.iter().find(|(d, _)| *d == date).and_then(|(_, close)| *close)))
    }
}
