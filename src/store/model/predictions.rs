//! Predictions: what models said of which symbol on which date, and on which blocks that was tested.

use std::collections::HashMap;

use chrono::NaiveDate;
use rusqlite::params;
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};

use super::training::{json, named, to_json};
use super::{ModelDb, ModelReader};
use crate::labels::Class;
use crate::market::{Regime, Symbol};
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
    /// What was decided.
    pub decision: Class,
    /// Lift of the decision over its prior.
    pub edge: f64,
    /// The symbol's regime on that day.
    pub regime: Regime,
}

/// What answers out of fold were given on: all that whoever uses them needs to know that no model had learnt from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRecord {
    /// Hash of the rules of labels and regimes.
    pub rules: String,
    /// Sides that give no signals (gate G5).
    pub muted: Vec<Class>,
    /// Sessions that the rules demand between what was learnt and what was tested.
    pub embargo: usize,
    /// Test blocks in order of time; a prediction's fold is its block's place here.
    pub blocks: Vec<TestBlock>,
}

/// A test block with the proof of its purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestBlock {
    /// First session.
    pub first: NaiveDate,
    /// Last date.
    pub last: NaiveDate,
    /// Latest end of a horizon that the block's models learnt from; `None` where they learnt from nothing.
    pub learnt_to: Option<NaiveDate>,
    /// Predictions that are kept of it.
    pub predictions: usize,
}

impl ModelDb {
    /// Keeps what the ensemble `model_id` said out of fold, in place of what was kept of it before, and with its run on what.
    /// `snapshot` names the market data.
    pub fn put_fold_predictions(
        &mut self,
        model_id: i64,
        predictions: &[FoldPrediction],
        record: &TestRecord,
        snapshot: &str,
    ) -> Result<(), StoreError> {
        let (now, record) = (self.clock.now(), to_json(record)?);
        self.transaction(|conn| {
            conn.execute("DELETE FROM predictions WHERE model_id = ?1 AND kind = 'fold'", [model_id])?;
            let sql = "UPDATE training_runs SET tested = ?2 WHERE run_id = (SELECT run_id FROM model_metadata WHERE model_id = ?1)";
            conn.execute(sql, params![model_id, record])?;
            let mut insert = conn.prepare_cached(
                "INSERT INTO predictions (model_id, symbol, date, kind, fold, made_at, p_sell, p_hold, p_buy, decision, edge, regime, snapshot)
                 VALUES (?1, ?2, ?3, 'fold', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            for p in predictions {
                let [sell, hold, buy] = p.p;
                let (symbol, date, decision) = (p.symbol.as_str(), p.date.to_string(), p.decision.index() as i64);
                let regime = p.regime.name();
                insert.execute(params![model_id, symbol, date, p.fold, now, sell, hold, buy, decision, p.edge, regime, snapshot])?;
            }
            Ok(())
        })
    }

    /// Forgets what ensembles said out of fold whom nobody asks any more, as of `now` (UTC seconds). What stays is that of
    /// champions and shadows, of retired models that may still serve again, and of the `rejected` newest rejected runs. Gives
    /// the number of models whose predictions went.
    pub fn forget_fold_predictions(&mut self, rejected: u32, now: i64) -> Result<usize, StoreError> {
        self.transaction(|conn| {
            let mut gone = conn.prepare_cached(
                "SELECT model_id FROM model_metadata m
                 WHERE EXISTS (SELECT 1 FROM predictions p WHERE p.model_id = m.model_id AND p.kind = 'fold')
                   AND m.state NOT IN ('champion', 'shadow', 'candidate') AND NOT (m.state = 'retired' AND m.expires_at > ?1)
                   AND m.model_id NOT IN (SELECT model_id FROM model_metadata WHERE kind = 'ensemble' AND state = 'rejected'
                                          ORDER BY model_id DESC LIMIT ?2)",
            )?;
            let gone: Vec<i64> = gone.query_map(params![now, rejected], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
            for model_id in &gone {
                conn.execute("DELETE FROM predictions WHERE model_id = ?1 AND kind = 'fold'", [model_id])?;
            }
            Ok(gone.len())
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

    /// Everything a model said out of fold, by symbol and date.
    pub fn out_of_fold(&self, model_id: i64) -> Result<Vec<FoldPrediction>, StoreError> {
        let sql = "SELECT symbol, date, fold, p_sell, p_hold, p_buy, decision, edge, regime FROM predictions
                   WHERE model_id = ?1 AND kind = 'fold' ORDER BY symbol, date";
        self.list(sql, [model_id], |r| {
            Ok(FoldPrediction {
                symbol: rows::symbol(r, 0)?,
                date: rows::date(r, 1)?,
                fold: r.get(2)?,
                p: [r.get(3)?, r.get(4)?, r.get(5)?],
                // The column's CHECK leaves no other value.
                decision: Class::ALL[r.get::<_, u8>(6)?.min(2) as usize],
                edge: r.get(7)?,
                regime: named(r, 8)?,
            })
        })
    }

    /// Whether anything is kept of what a model said out of fold.
    pub fn has_fold_predictions(&self, model_id: i64) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM predictions WHERE model_id = ?1 AND kind = 'fold')";
        Ok(self.one(sql, [model_id], |r| r.get(0))?.unwrap_or(false))
    }

    /// On what the answers out of fold of a run were given; `None` where it gave none, or an older program kept no record.
    pub fn test_record(&self, run_id: i64) -> Result<Option<TestRecord>, StoreError> {
        let read = |r: &rusqlite::Row<'_>| if r.get_ref(0)? == ValueRef::Null { Ok(None) } else { json(r, 0).map(Some) };
        Ok(self.one("SELECT tested FROM training_runs WHERE run_id = ?1", [run_id], read)?.flatten())
    }
}
