//! Backtests: the positions of each, its report, and the equity that both follow from. `scan::backtest` writes them; pages,
//! charts and commands read them.

use chrono::NaiveDate;
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::training::{json, named, to_json};
use super::{ModelDb, ModelReader};
use crate::labels::Class;
use crate::scan::backtest::BacktestReport;
use crate::store::StoreError;
use crate::store::master::rows;
use crate::train::backtest::{ClosedTrade, Side};

/// Returns of each session, as fractions; all columns have the same length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BacktestCurve {
    /// Session dates, ascending.
    pub session: Vec<NaiveDate>,
    /// Without costs.
    pub gross: Vec<f64>,
    /// After costs.
    pub net: Vec<f64>,
    /// Of holding the universe.
    pub benchmark: Vec<f64>,
}

/// A backtest as it is stored, but for its trades.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredBacktest {
    /// The training run whose answers were traded.
    pub run_id: i64,
    /// When it was made, UTC seconds.
    pub made_at: i64,
    /// The ensemble that answered.
    pub model_id: i64,
    /// Id of the market data that the positions went through.
    pub snapshot: String,
    /// The figures.
    pub report: BacktestReport,
    /// The equity.
    pub curve: BacktestCurve,
}

const COLUMNS: &str = "run_id, made_at, model_id, snapshot, report, curve";

fn backtest(r: &Row<'_>) -> rusqlite::Result<StoredBacktest> {
    Ok(StoredBacktest {
        run_id: r.get(0)?,
        made_at: r.get(1)?,
        model_id: r.get(2)?,
        snapshot: r.get(3)?,
        report: json(r, 4)?,
        curve: json(r, 5)?,
    })
}

fn trade(r: &Row<'_>) -> rusqlite::Result<ClosedTrade> {
    Ok(ClosedTrade {
        symbol: rows::symbol(r, 0)?,
        date: rows::date(r, 1)?,
        fold: r.get(2)?,
        side: if r.get::<_, i64>(3)? == Class::Sell.index() as i64 { Side::Sell } else { Side::Buy },
        regime: named(r, 4)?,
        entry_date: rows::date(r, 5)?,
        entry: r.get(6)?,
        exit_date: rows::date(r, 7)?,
        exit_price: r.get(8)?,
        reason: named(r, 9)?,
        bars_held: r.get(10)?,
        weight: r.get(11)?,
        gross_return: r.get(12)?,
        cost: r.get(13)?,
        net_return: r.get(14)?,
        added: r.get(15)?,
    })
}

impl ModelDb {
    /// Keeps a backtest with its trades, in place of an earlier one of the same run. The time is now.
    pub fn put_backtest(&mut self, report: &BacktestReport, curve: &BacktestCurve, trades: &[ClosedTrade]) -> Result<(), StoreError> {
        let (now, run) = (self.clock.now(), report.run_id);
        let (text, curve) = (to_json(report)?, to_json(curve)?);
        self.transaction(|conn| {
            conn.execute(
                "INSERT INTO backtests (run_id, made_at, model_id, snapshot, report, curve) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET made_at = excluded.made_at, model_id = excluded.model_id, snapshot = excluded.snapshot,
                     report = excluded.report, curve = excluded.curve",
                params![run, now, report.model_id, report.snapshot, text, curve],
            )?;
            conn.execute("DELETE FROM trades WHERE run_id = ?1", [run])?;
            let mut insert = conn.prepare_cached(
                "INSERT INTO trades (run_id, symbol, date, fold, side, regime, entry_date, entry, exit_date, exit_price, reason, bars_held,
                     weight, gross_return, cost, net_return, added)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?;
            for t in trades {
                insert.execute(params![
                    run,
                    t.symbol.as_str(),
                    t.date.to_string(),
                    t.fold,
                    t.side.class().index() as i64,
                    t.regime.name(),
                    t.entry_date.to_string(),
                    t.entry,
                    t.exit_date.to_string(),
                    t.exit_price,
                    t.reason.to_string(),
                    t.bars_held,
                    t.weight,
                    t.gross_return,
                    t.cost,
                    t.net_return,
                    t.added
                ])?;
            }
            Ok(())
        })
    }
}

impl ModelReader {
    /// The backtest of a training run.
    pub fn backtest(&self, run_id: i64) -> Result<Option<StoredBacktest>, StoreError> {
        self.one(&format!("SELECT {COLUMNS} FROM backtests WHERE run_id = ?1"), [run_id], backtest)
    }

    /// The backtest that was made last.
    pub fn backtest_newest(&self) -> Result<Option<StoredBacktest>, StoreError> {
        self.one(&format!("SELECT {COLUMNS} FROM backtests ORDER BY made_at DESC, run_id DESC LIMIT 1"), [], backtest)
    }

    /// The trades of the backtest of a training run, by session of the entry and symbol.
    pub fn trades(&self, run_id: i64) -> Result<Vec<ClosedTrade>, StoreError> {
        let sql = "SELECT symbol, date, fold, side, regime, entry_date, entry, exit_date, exit_price, reason, bars_held, weight,
                       gross_return, cost, net_return, added
                   FROM trades WHERE run_id = ?1 ORDER BY entry_date, symbol, date";
        self.list(sql, [run_id], trade)
    }
}
