//! What honest statistics need to know of the past: every configuration tried, and every look at the hold-out.

use chrono::NaiveDate;
use rusqlite::params;

use super::{ModelDb, ModelReader};
use crate::store::StoreError;
use crate::store::master::rows;

/// A configuration that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// By which training run.
    pub run_id: i64,
    /// Which configuration, unique within the run.
    pub name: String,
    /// When, UTC seconds.
    pub at: i64,
    /// Net Sharpe ratio a session, not a year; `None` where it is undefined.
    pub sharpe: Option<f64>,
}

/// A look at the locked hold-out.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldoutReading {
    /// For which training run.
    pub run_id: i64,
    /// When, UTC seconds.
    pub at: i64,
    /// Who asked for it.
    pub actor: String,
    /// First date of its rows.
    pub first_date: NaiveDate,
    /// Last date of its rows.
    pub last_date: NaiveDate,
    /// How many rows.
    pub rows: u64,
    /// What came of it; `None` where the reading was cut short.
    pub figures: HoldoutFigures,
}

/// The figures of a look at the hold-out. Each `None` where it is undefined, all where the look was cut short.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HoldoutFigures {
    /// Log loss of three classes saved against the prior, as a share of it.
    pub skill: Option<f64>,
    /// The same of BUY against SELL.
    pub direction: Option<f64>,
    /// AUC of BUY against SELL.
    pub auc: Option<f64>,
    /// Net Sharpe ratio a session.
    pub sharpe: Option<f64>,
}

/// SQLite keeps NaN as NULL but infinity as itself; neither is a figure.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|v| v.is_finite())
}

impl ModelDb {
    /// Records configurations that `run_id` tried, by name, with their Sharpe ratio a session. A run that was taken up
    /// again tries the same ones: they count once.
    pub fn add_trials(&mut self, run_id: i64, trials: &[(String, Option<f64>)]) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.transaction(|conn| {
            let mut insert = conn.prepare_cached(
                "INSERT INTO trials (run_id, name, at, sharpe) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET at = excluded.at, sharpe = excluded.sharpe",
            )?;
            for (name, sharpe) in trials {
                insert.execute(params![run_id, name, now, finite(*sharpe)])?;
            }
            Ok(())
        })
    }

    /// Records a look at the hold-out, before it is taken, and gives its number. The time is now.
    pub fn log_holdout_reading(
        &mut self,
        run_id: i64,
        actor: &str,
        (first, last): (NaiveDate, NaiveDate),
        rows: u64,
    ) -> Result<i64, StoreError> {
        let now = self.clock.now();
        self.transaction(|conn| {
            let mut insert = conn.prepare_cached(
                "INSERT INTO holdout_readings (run_id, at, actor, first_date, last_date, rows) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            insert.execute(params![run_id, now, actor, first.to_string(), last.to_string(), rows as i64])?;
            Ok(conn.last_insert_rowid())
        })
    }

    /// Adds what came of the look `reading_id`.
    pub fn finish_holdout_reading(&mut self, reading_id: i64, figures: &HoldoutFigures) -> Result<(), StoreError> {
        let [skill, direction, auc, sharpe] = [figures.skill, figures.direction, figures.auc, figures.sharpe].map(finite);
        self.transaction(|conn| {
            let mut update =
                conn.prepare_cached("UPDATE holdout_readings SET skill = ?2, direction = ?3, auc = ?4, sharpe = ?5 WHERE reading_id = ?1")?;
            update.execute(params![reading_id, skill, direction, auc, sharpe])?;
            Ok(())
        })
    }
}

impl ModelReader {
    /// Every configuration ever tried, by run and name.
    pub fn trials(&self) -> Result<Vec<Trial>, StoreError> {
        self.list("SELECT run_id, name, at, sharpe FROM trials ORDER BY run_id, name", [], |r| {
            Ok(Trial { run_id: r.get(0)?, name: r.get(1)?, at: r.get(2)?, sharpe: r.get(3)? })
        })
    }

    /// The number of the look at the hold-out for a run, if there was one.
    pub fn holdout_reading_of(&self, run_id: i64) -> Result<Option<i64>, StoreError> {
        self.one("SELECT reading_id FROM holdout_readings WHERE run_id = ?1 ORDER BY reading_id LIMIT 1", [run_id], |r| r.get(0))
    }

    /// Every look at the hold-out, oldest first.
    pub fn holdout_readings(&self) -> Result<Vec<HoldoutReading>, StoreError> {
        let sql = "SELECT run_id, at, actor, first_date, last_date, rows, skill, direction, auc, sharpe FROM holdout_readings
                   ORDER BY reading_id";
        self.list(sql, [], |r| {
            Ok(HoldoutReading {
                run_id: r.get(0)?,
                at: r.get(1)?,
                actor: r.get(2)?,
                first_date: rows::date(r, 3)?,
                last_date: rows::date(r, 4)?,
                rows: rows::count(r, 5)?,
                figures: HoldoutFigures { skill: r.get(6)?, direction: r.get(7)?, auc: r.get(8)?, sharpe: r.get(9)? },
            })
        })
    }
}
