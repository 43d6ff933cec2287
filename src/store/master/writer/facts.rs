//! Writing what is known of a symbol beyond its bars: corporate actions, fundamentals, metadata, the IB contract.

use std::sync::LazyLock;

use rusqlite::{OptionalExtension, ToSql, params};

use super::ledger::Ledger;
use crate::market::{Actions, ContractId, Facet, Fundamentals, METRICS, Metadata, SourceId, Symbol, date_to_ts};
use crate::store::master::{ActionsReport, StoreError, facet_name};

static UPSERT_FUNDAMENTALS: LazyLock<String> = LazyLock::new(|| {
    let names = METRICS.join(", ");
    let slots: Vec<String> = (5..5 + METRICS.len()).map(|i| format!("?{i}")).collect();
    let sets: Vec<String> = METRICS.iter().map(|m| format!("{m} = coalesce(excluded.{m}, {m})")).collect();
    format!(
        "INSERT INTO fundamentals (symbol_id, date, source_id, notes, {names}) VALUES (?1, ?2, ?3, ?4, {})
         ON CONFLICT DO UPDATE SET source_id = excluded.source_id, notes = excluded.notes, {}",
        slots.join(", "),
        sets.join(", ")
    )
});

/// The columns of `symbol_metadata` that hold a source's words; the contract id is IB's alone.
const WORDS: [&str; 13] = [
    "name",
    "sector",
    "industry",
    "country",
    "city",
    "website",
    "summary",
    "employees",
    "exchange",
    "currency",
    "quote_type",
    "first_trade_date",
    "time_zone",
];

static UPSERT_METADATA: LazyLock<String> = LazyLock::new(|| {
    let yahoo = SourceId::Yahoo.id();
    let outranked = format!("symbol_metadata.source_id = {yahoo} AND excluded.source_id <> {yahoo}");
    let word = |w: &&str| format!("{w} = CASE WHEN {outranked} THEN coalesce({w}, excluded.{w}) ELSE coalesce(excluded.{w}, {w}) END");
    format!(
        "INSERT INTO symbol_metadata (symbol_id, {}, ib_contract_id, source_id, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT DO UPDATE SET {}, ib_contract_id = coalesce(excluded.ib_contract_id, ib_contract_id),
             source_id = CASE WHEN {outranked} THEN source_id ELSE excluded.source_id END, updated_at = excluded.updated_at",
        WORDS.join(", "),
        WORDS.iter().map(word).collect::<Vec<_>>().join(", ")
    )
});

/// Stores splits and dividends; reports those that are new, or have another ratio or amount.
pub(super) fn actions(l: &mut Ledger, symbol: Symbol, a: &Actions, source: SourceId, run_id: i64) -> Result<ActionsReport, StoreError> {
    let id = l.symbol_id(symbol)?;
    let mut report = ActionsReport::default();
    {
        let mut get = l.conn.prepare_cached("SELECT numerator / denominator FROM splits WHERE symbol_id = ?1 AND ex_date = ?2")?;
        let mut put = l.conn.prepare_cached(
            "INSERT INTO splits (symbol_id, ex_date, numerator, denominator, source_id, ingest_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET numerator = excluded.numerator, denominator = excluded.denominator,
                 source_id = excluded.source_id, ingest_id = excluded.ingest_id",
        )?;
        for s in &a.splits {
            let date = s.ex_date.to_string();
            let stored: Option<f64> = get.query_row(params![id, date], |r| r.get(0)).optional()?;
            if stored != Some(s.ratio()) {
                put.execute(params![id, date, s.numerator, s.denominator, source.id(), run_id])?;
                report.new_splits.push(*s);
            }
        }
        let mut get = l.conn.prepare_cached("SELECT amount FROM dividends WHERE symbol_id = ?1 AND ex_date = ?2")?;
        let mut put = l.conn.prepare_cached(
            "INSERT INTO dividends (symbol_id, ex_date, amount, source_id, ingest_id) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET amount = excluded.amount, source_id = excluded.source_id, ingest_id = excluded.ingest_id",
        )?;
        for d in &a.dividends {
            let date = d.ex_date.to_string();
            let stored: Option<f64> = get.query_row(params![id, date], |r| r.get(0)).optional()?;
            if stored != Some(d.amount) {
                put.execute(params![id, date, d.amount, source.id(), run_id])?;
                report.new_dividends.push(*d);
            }
        }
    }
    report.new_splits.iter().try_for_each(|s| rebase(l, id, date_to_ts(s.ex_date)))?;
    read(l, id, Facet::Actions, source)?;
    Ok(report)
}

/// Marks the fetched and imported series that hold bars stored before a split took effect: they are on the old share basis.
/// The runs that brought them tell; two days allow for vendors that adjust late.
fn rebase(l: &Ledger, symbol_id: i64, ex_date: i64) -> Result<(), StoreError> {
    if ex_date > l.now() {
        return Ok(());
    }
    l.conn
        .prepare_cached(
            "UPDATE series_state SET rebase_due = 1
             WHERE symbol_id = ?1 AND derived_from IS NULL AND first_ts < ?2
               AND EXISTS (SELECT 1 FROM candle c
                    WHERE c.symbol_id = ?1 AND c.timeframe_id = series_state.timeframe_id AND c.ts < ?2
                      AND c.ingest_id IN (SELECT run_id FROM ingest_runs WHERE started_at < ?2 + 2 * 86400))",
        )?
        .execute([symbol_id, ex_date])?;
    Ok(())
}

/// Stores one day's fundamentals.
pub(super) fn fundamentals(l: &mut Ledger, symbol: Symbol, f: &Fundamentals, source: SourceId) -> Result<(), StoreError> {
    let id = l.symbol_id(symbol)?;
    let (date, notes) = (f.date.to_string(), serde_json::Value::from(f.notes.clone()).to_string());
    let source_id = source.id();
    let mut values: Vec<&dyn ToSql> = vec![&id, &date, &source_id, &notes];
    values.extend(f.values.iter().map(|v| v as &dyn ToSql));
    l.conn.prepare_cached(&UPSERT_FUNDAMENTALS)?.execute(values.as_slice())?;
    read(l, id, Facet::Fundamentals, source)
}

/// Stores metadata; a `None` keeps what is there. Sources describe a company in vocabularies of their own, so what
/// Yahoo has said is kept, and the row stays Yahoo's, when another source answers: that one only fills gaps.
pub(super) fn metadata(l: &mut Ledger, symbol: Symbol, m: &Metadata, source: SourceId) -> Result<(), StoreError> {
    let id = l.symbol_id(symbol)?;
    l.conn.prepare_cached(&UPSERT_METADATA)?.execute(params![
        id,
        m.name,
        m.sector,
        m.industry,
        m.country,
        m.city,
        m.website,
        m.summary,
        m.employees,
        m.exchange,
        m.currency,
        m.quote_type,
        m.first_trade_date.map(|d| d.to_string()),
        m.time_zone,
        m.ib_contract_id,
        source.id(),
        l.now()
    ])?;
    read(l, id, Facet::Metadata, source)
}

/// Stores a resolved contract.
pub(super) fn contract(l: &mut Ledger, c: ContractId) -> Result<(), StoreError> {
    let id = l.symbol_id(c.symbol)?;
    l.conn
        .prepare_cached(
            "INSERT INTO ib_contract (symbol_id, con_id, resolved_at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET con_id = excluded.con_id, resolved_at = excluded.resolved_at",
        )?
        .execute(params![id, c.con_id, l.now()])?;
    Ok(())
}

/// Records when a facet was last read, so that the planner knows when it is due again.
fn read(l: &Ledger, symbol_id: i64, facet: Facet, source: SourceId) -> Result<(), StoreError> {
    l.conn
        .prepare_cached(
            "INSERT INTO facet_read (symbol_id, facet, source_id, read_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET source_id = excluded.source_id, read_at = excluded.read_at",
        )?
        .execute(params![symbol_id, facet_name(facet), source.id(), l.now()])?;
    Ok(())
}
