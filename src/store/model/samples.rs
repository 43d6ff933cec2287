//! Training rows that are kept: rare events, and errors to be learnt again.

use chrono::NaiveDate;
use rusqlite::{Connection, Row, params};

use super::{ModelDb, ModelReader, blob};
use crate::market::Symbol;
use crate::store::StoreError;
use crate::store::master::rows;

/// A labelled row as a model sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Of which symbol.
    pub symbol: Symbol,
    /// Session after whose close the decision was made.
    pub date: NaiveDate,
    /// Last session that the label looked at.
    pub label_end: NaiveDate,
    /// Last session of the label's horizon: a fold that must not know it leaves the row out.
    pub matured: NaiveDate,
    /// What the decision should have been: 0 SELL, 1 HOLD, 2 BUY.
    pub class: u8,
    /// Name of the regime of that day.
    pub regime: String,
    /// In the order of the registry.
    pub features: Vec<f64>,
    /// Hash of the definitions of the features.
    pub definition: String,
    /// Hash of the rules that the rest of the row depends on.
    pub rules: String,
}

/// A row that is kept because such days are rare. One a symbol and date.
#[derive(Clone, Debug, PartialEq)]
pub struct RareEvent {
    /// The row.
    pub sample: Sample,
    /// Which rule found it.
    pub kind: String,
    /// What the rule measured: larger is more extreme.
    pub magnitude: f64,
    /// When it was taken in, UTC seconds.
    pub archived_at: i64,
}

/// A matured row that a model predicted wrongly. One a symbol and date.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayError {
    /// The row, with the class that came.
    pub sample: Sample,
    /// The class that was predicted; another one.
    pub predicted: u8,
    /// The probability that the model gave to it.
    pub confidence: f64,
    /// Which model.
    pub model: String,
    /// When it was taken in, UTC seconds.
    pub added_at: i64,
}

const SAMPLE: &str = "symbol, date, label_end, matured, class, regime, features, definition, rules";

fn sample(r: &Row<'_>) -> rusqlite::Result<Sample> {
    Ok(Sample {
        symbol: rows::symbol(r, 0)?,
        date: rows::date(r, 1)?,
        label_end: rows::date(r, 2)?,
        matured: rows::date(r, 3)?,
        class: r.get(4)?,
        regime: r.get(5)?,
        features: blob::to_floats(blob::bytes(r, 6)?).collect(),
        definition: r.get(7)?,
        rules: r.get(8)?,
    })
}

fn delete(conn: &Connection, table: &str, gone: &[(Symbol, NaiveDate)]) -> Result<(), StoreError> {
    let mut delete = conn.prepare_cached(&format!("DELETE FROM {table} WHERE symbol = ?1 AND date = ?2"))?;
    for (symbol, date) in gone {
        delete.execute(params![symbol.as_str(), date.to_string()])?;
    }
    Ok(())
}

impl ModelDb {
    /// Lets rare events go, and takes others in, in place of those of the same symbol and date.
    pub fn update_archive(&mut self, gone: &[(Symbol, NaiveDate)], taken: &[RareEvent]) -> Result<(), StoreError> {
        self.transaction(|conn| {
            delete(conn, "rare_event_archive", gone)?;
            let mut insert = conn.prepare_cached(&format!(
                "INSERT OR REPLACE INTO rare_event_archive ({SAMPLE}, kind, magnitude, archived_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
            ))?;
            for e in taken {
                let s = &e.sample;
                let [date, end, matured] = [s.date, s.label_end, s.matured].map(|d| d.to_string());
                let features = blob::floats(&s.features);
                insert.execute(params![
                    s.symbol.as_str(),
                    date,
                    end,
                    matured,
                    s.class,
                    s.regime,
                    features,
                    s.definition,
                    s.rules,
                    e.kind,
                    e.magnitude,
                    e.archived_at
                ])?;
            }
            Ok(())
        })
    }

    /// Lets errors go, and takes others in, in place of those of the same symbol and date.
    pub fn update_replay(&mut self, gone: &[(Symbol, NaiveDate)], taken: &[ReplayError]) -> Result<(), StoreError> {
        self.transaction(|conn| {
            delete(conn, "error_replay", gone)?;
            let mut insert = conn.prepare_cached(&format!(
                "INSERT OR REPLACE INTO error_replay ({SAMPLE}, predicted, confidence, model, added_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
            ))?;
            for e in taken {
                let s = &e.sample;
                let [date, end, matured] = [s.date, s.label_end, s.matured].map(|d| d.to_string());
                let features = blob::floats(&s.features);
                insert.execute(params![
                    s.symbol.as_str(),
                    date,
                    end,
                    matured,
                    s.class,
                    s.regime,
                    features,
                    s.definition,
                    s.rules,
                    e.predicted,
                    e.confidence,
                    e.model,
                    e.added_at
                ])?;
            }
            Ok(())
        })
    }
}

impl ModelReader {
    /// The archived rare events, by symbol and date.
    pub fn rare_events(&self) -> Result<Vec<RareEvent>, StoreError> {
        let sql = format!("SELECT {SAMPLE}, kind, magnitude, archived_at FROM rare_event_archive ORDER BY symbol, date");
        self.list(&sql, [], |r| Ok(RareEvent { sample: sample(r)?, kind: r.get(9)?, magnitude: r.get(10)?, archived_at: r.get(11)? }))
    }

    /// The errors to be learnt again, by symbol and date.
    pub fn replay_errors(&self) -> Result<Vec<ReplayError>, StoreError> {
        let sql = format!("SELECT {SAMPLE}, predicted, confidence, model, added_at FROM error_replay ORDER BY symbol, date");
        self.list(&sql, [], |r| {
            Ok(ReplayError { sample: sample(r)?, predicted: r.get(9)?, confidence: r.get(10)?, model: r.get(11)?, added_at: r.get(12)? })
        })
    }
}
