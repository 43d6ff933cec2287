//! Predictions: what models said of which symbol on which date.

use std::collections::HashMap;

use chrono::NaiveDate;
use rusqlite::params;

use super::{ModelDb, ModelReader};
use crate::market::Symbol;
use crate::store::StoreError;
use crate::store::master::rows;

/// One answer of a model on a row that it had not learnt from.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldPrediction {
    /// Whose.
    pub symbol: Symbol,
    /// Session after whose close the decision would have been made.
    pub date: NaiveDate,
    /// Number of the test block, from 0.
    pub fold: u32,
    /// Calibrated probabilities of SELL, HOLD and BUY.
    pub p: [f64; 3],
    /// What was decided: 0 SELL, 1 HOLD, 2 BUY.
    pub decision: u8,
    /// Lift of the decision over its prior.
    pub edge: f64,
    /// Name of the regime of that day.
    pub regime: String,
}

impl ModelDb {
    /// Keeps what a model said out of fold, in place of what was kept of it before. `snapshot` names the market data.
    pub fn put_fold_predictions(&mut self, model_id: i64, predictions: &[FoldPrediction], snapshot: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.transaction(|conn| {
            conn.execute("DELETE FROM predictions WHERE model_id = ?1 AND kind = 'fold'", [model_id])?;
            let mut insert = conn.prepare_cached(
                "INSERT INTO predictions (model_id, symbol, date, kind, fold, made_at, p_sell, p_hold, p_buy, decision, edge, regime, snapshot)
                 VALUES (?1, ?2, ?3, 'fold', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            for p in predictions {
                let [sell, hold, buy] = p.p;
                let (symbol, date) = (p.symbol.as_str(), p.date.to_string());
                insert.execute(params![model_id, symbol, date, p.fold, now, sell, hold, buy, p.decision, p.edge, p.regime, snapshot])?;
            }
            Ok(())
        })
    }
}

impl ModelReader {
    /// What a model said out of fold: probabilities by symbol and date.
    pub fn fold_predictions(&self, model_id: i64) -> Result<HashMap<(Symbol, NaiveDate), [f64; 3]>, StoreError> {
        let sql = "SELECT symbol, date, p_sell, p_hold, p_buy FROM predictions WHERE model_id = ?1 AND kind = 'fold'";
        let all = self.list(sql, [model_id], |r| Ok(((rows::symbol(r, 0)?, rows::date(r, 1)?), [r.get(2)?, r.get(3)?, r.get(4)?])))?;
        Ok(all.into_iter().collect())
    }
}
