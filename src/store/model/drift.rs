//! The reference distributions that are frozen with a model.

use rusqlite::params;

use super::{ModelDb, ModelReader, blob};
use crate::store::StoreError;
use crate::store::master::rows;

/// The distribution of one subject over the reference period.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftBaseline {
    /// A feature's name, or `p_buy`, `p_sell`, `mix`.
    pub subject: String,
    /// Values, missing ones among them; at least 1.
    pub rows: u64,
    /// Edges of the bins, ascending.
    pub edges: Vec<f64>,
    /// Values in each bin, two more than edges; the last counts missing ones.
    pub counts: Vec<f64>,
    /// Windows of the reference period that were compared with the rest of it.
    pub windows: u32,
    /// Mean of their ln PSI; `None` without a window.
    pub mean: Option<f64>,
    /// Their standard deviation; `None` below two windows.
    pub deviation: Option<f64>,
    /// Sessions of these windows.
    pub window_sessions: u32,
    /// Added to each bin's count where they were compared.
    pub smoothing: f64,
    /// Order statistics of the values, ascending at equal ranks; none of a baseline that an older program froze.
    pub sketch: Vec<f64>,
}

impl ModelDb {
    /// Freezes the baselines of a model, in place of any it has.
    pub fn put_drift_baselines(&mut self, model_id: i64, baselines: &[DriftBaseline]) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.transaction(|conn| {
            conn.execute("DELETE FROM drift_baselines WHERE model_id = ?1", [model_id])?;
            let mut insert = conn.prepare_cached(
                "INSERT INTO drift_baselines (model_id, subject, frozen_at, rows, missing, edges, counts, windows, mean, deviation, sketch,
                 window_sessions, smoothing) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?;
            for b in baselines {
                let missing = b.counts.last().copied().unwrap_or(0.0) as i64;
                let [edges, counts, sketch] = [&b.edges, &b.counts, &b.sketch].map(|values| blob::floats(values));
                insert.execute(params![
                    model_id,
                    b.subject,
                    now,
                    b.rows as i64,
                    missing,
                    edges,
                    counts,
                    b.windows,
                    b.mean,
                    b.deviation,
                    sketch,
                    b.window_sessions,
                    b.smoothing
                ])?;
            }
            Ok(())
        })
    }
}

impl ModelReader {
    /// Sessions of the window that a model's baselines are calibrated for; `None` without baselines.
    pub fn baseline_window(&self, model_id: i64) -> Result<Option<u32>, StoreError> {
        self.one("SELECT window_sessions FROM drift_baselines WHERE model_id = ?1 LIMIT 1", [model_id], |r| r.get(0))
    }

    /// Rows of the reference period of a model; 0 without baselines.
    pub fn baseline_rows(&self, model_id: i64) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(rows), 0) FROM drift_baselines WHERE model_id = ?1";
        Ok(self.one(sql, [model_id], |r| rows::count(r, 0))?.unwrap_or(0))
    }

    /// The baselines of a model, by subject; none for a model without.
    pub fn drift_baselines(&self, model_id: i64) -> Result<Vec<DriftBaseline>, StoreError> {
        let sql = "SELECT subject, rows, edges, counts, windows, mean, deviation, sketch, window_sessions, smoothing FROM drift_baselines
                   WHERE model_id = ?1 ORDER BY subject";
        self.list(sql, [model_id], |r| {
            let floats = |column| Ok::<_, rusqlite::Error>(blob::to_floats(blob::bytes(r, column)?).collect());
            Ok(DriftBaseline {
                subject: r.get(0)?,
                rows: rows::count(r, 1)?,
                edges: floats(2)?,
                counts: floats(3)?,
                windows: r.get(4)?,
                mean: r.get(5)?,
                deviation: r.get(6)?,
                sketch: floats(7)?,
                window_sessions: r.get(8)?,
                smoothing: r.get(9)?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::market::{Strategy, SystemClock};

    fn baseline(subject: &str, deviation: Option<f64>) -> DriftBaseline {
        let (edges, counts) = (vec![-0.1, 0.2, f64::INFINITY], vec![3.0, 1.0, 0.0, 2.0, 4.0]);
        let windows = if deviation.is_some() { 7 } else { 1 };
        DriftBaseline {
            subject: subject.to_owned(),
            rows: 10,
            edges,
            counts,
            windows,
            mean: Some(-2.5),
            deviation,
            sketch: vec![-0.5, 0.1, 7.0],
            window_sessions: 21,
            smoothing: 0.25,
        }
    }

    #[test]
    fn baselines_come_back_as_they_were_frozen_and_belong_to_a_model() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = ModelDb::open(&dir.path().join("turbomode.db"), Strategy::Turbomode, false, Arc::new(SystemClock::default())).unwrap();
        assert!(db.put_drift_baselines(5, &[baseline("rsi_14", None)]).is_err(), "there is no model 5");
        db.reader.conn.pragma_update(None, "foreign_keys", false).unwrap();
        let both = [baseline("atr_14", Some(0.25)), baseline("rsi_14", None)];
        db.put_drift_baselines(5, &[baseline("gone", None)]).unwrap();
        db.put_drift_baselines(5, &both).unwrap();
        assert_eq!(db.reader().drift_baselines(5).unwrap(), both);
        assert_eq!(db.reader().drift_baselines(6).unwrap(), []);
        let (missing, at): (i64, i64) =
            db.reader.conn.query_row("SELECT missing, frozen_at FROM drift_baselines LIMIT 1", [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
        assert!(missing == 4 && at > 0);
        let short = DriftBaseline { counts: vec![1.0], ..baseline("short", None) };
        assert!(db.put_drift_baselines(5, &[short]).is_err(), "counts do not fit the edges");
        assert_eq!(db.reader().drift_baselines(5).unwrap(), both, "all or nothing");
        db.close().unwrap();
    }
}
