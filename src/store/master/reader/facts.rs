//! Corporate actions, fundamentals and metadata.

use std::sync::LazyLock;

use chrono::NaiveDate;
use rusqlite::params;

use super::Reader;
use crate::market::{Dividend, Fundamentals, METRICS, Metadata, SourceId, Split, Symbol};
use crate::store::master::{StoreError, rows};

/// Fundamentals of one symbol as columns of equal length, ascending by date.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FundamentalColumns {
    /// When they were read.
    pub date: Vec<NaiveDate>,
    /// From whom.
    pub source: Vec<SourceId>,
    /// A column for each of [`METRICS`], in its order; NaN where unknown.
    pub metrics: Vec<Vec<f64>>,
}

static SELECT_FUNDAMENTALS: LazyLock<String> =
    LazyLock::new(|| format!("SELECT date, source_id, notes, {} FROM fundamentals WHERE symbol_id = ?1", METRICS.join(", ")));
/// Columns before the metrics.
const LEAD: usize = 3;

impl Reader {
    /// Fundamentals read on `from..=to`.
    pub fn fundamentals(&self, symbol: Symbol, from: NaiveDate, to: NaiveDate) -> Result<FundamentalColumns, StoreError> {
        let mut out = FundamentalColumns { metrics: vec![Vec::new(); METRICS.len()], ..FundamentalColumns::default() };
        let Some(id) = self.symbol_id(symbol)? else { return Ok(out) };
        let sql = format!("{} AND date BETWEEN ?2 AND ?3 ORDER BY date", *SELECT_FUNDAMENTALS);
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut found = statement.query(params![id, from.to_string(), to.to_string()])?;
        while let Some(r) = found.next()? {
            out.date.push(rows::date(r, 0)?);
            out.source.push(rows::source(r, 1)?);
            for (i, column) in out.metrics.iter_mut().enumerate() {
                column.push(r.get::<_, Option<f64>>(LEAD + i)?.unwrap_or(f64::NAN));
            }
        }
        Ok(out)
    }

    /// The newest fundamentals of a symbol.
    pub fn latest_fundamentals(&self, symbol: Symbol) -> Result<Option<(Fundamentals, SourceId)>, StoreError> {
        let Some(id) = self.symbol_id(symbol)? else { return Ok(None) };
        let sql = format!("{} ORDER BY date DESC LIMIT 1", *SELECT_FUNDAMENTALS);
        self.one(&sql, [id], |r| {
            let mut values = [None; METRICS.len()];
            for (i, value) in values.iter_mut().enumerate() {
                *value = r.get(LEAD + i)?;
            }
            let notes: String = r.get(2)?;
            // The writer stores a JSON list; anything else is kept as one note.
            let notes = serde_json::from_str(&notes).unwrap_or_else(|_| vec![notes]);
            Ok((Fundamentals { date: rows::date(r, 0)?, values, notes }, rows::source(r, 1)?))
        })
    }

    /// What is known of a symbol beyond prices, and whose words it is in.
    pub fn symbol_metadata(&self, symbol: Symbol) -> Result<Option<(Metadata, SourceId)>, StoreError> {
        let Some(id) = self.symbol_id(symbol)? else { return Ok(None) };
        let sql = "SELECT name, sector, industry, country, city, website, summary, employees, exchange, currency, quote_type,
                          first_trade_date, time_zone, ib_contract_id, source_id
                   FROM symbol_metadata WHERE symbol_id = ?1";
        self.one(sql, [id], |r| {
            let metadata = Metadata {
                name: r.get(0)?,
                sector: r.get(1)?,
                industry: r.get(2)?,
                country: r.get(3)?,
                city: r.get(4)?,
                website: r.get(5)?,
                summary: r.get(6)?,
                employees: r.get(7)?,
                exchange: r.get(8)?,
                currency: r.get(9)?,
                quote_type: r.get(10)?,
                first_trade_date: r.get::<_, Option<String>>(11)?.map(|_| rows::date(r, 11)).transpose()?,
                time_zone: r.get(12)?,
                ib_contract_id: r.get(13)?,
            };
            Ok((metadata, rows::source(r, 14)?))
        })
    }

    /// Splits of a symbol, ascending.
    pub fn splits(&self, symbol: Symbol) -> Result<Vec<Split>, StoreError> {
        self.symbol_id(symbol)?.map_or(Ok(Vec::new()), |id| self.splits_of(id))
    }

    /// Dividends of a symbol, ascending.
    pub fn dividends(&self, symbol: Symbol) -> Result<Vec<Dividend>, StoreError> {
        self.symbol_id(symbol)?.map_or(Ok(Vec::new()), |id| self.dividends_of(id))
    }

    pub(super) fn splits_of(&self, symbol_id: i64) -> Result<Vec<Split>, StoreError> {
        let sql = "SELECT ex_date, numerator, denominator FROM splits WHERE symbol_id = ?1 ORDER BY ex_date";
        self.list(sql, [symbol_id], |r| Ok(Split { ex_date: rows::date(r, 0)?, numerator: r.get(1)?, denominator: r.get(2)? }))
    }

    pub(super) fn dividends_of(&self, symbol_id: i64) -> Result<Vec<Dividend>, StoreError> {
        let sql = "SELECT ex_date, amount FROM dividends WHERE symbol_id = ?1 ORDER BY ex_date";
        self.list(sql, [symbol_id], |r| Ok(Dividend { ex_date: rows::date(r, 0)?, amount: r.get(1)? }))
    }
}
