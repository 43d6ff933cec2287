//! The audit of the training configuration, what each sector had to offer, and what the last data set is short of.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rusqlite::params;
use rusqlite::types::Type;
use serde::{Deserialize, Serialize};

use super::{ModelDb, ModelReader};
use crate::config::strategy::ThinAlert;
use crate::store::StoreError;
use crate::store::master::rows;

/// Key of the shortage in the metadata.
const SHORTAGE: &str = "dataset.shortage";

/// A change of one key of a training configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// When it was noticed, UTC seconds.
    pub at: i64,
    /// Name of the configuration file.
    pub file: String,
    /// Dotted key.
    pub key: String,
    /// What it was; `None` where the key is new.
    pub old: Option<String>,
    /// What it is; `None` where the key is gone. Differs from `old`.
    pub new: Option<String>,
    /// The configuration's own version after the change.
    pub version: String,
}

/// What a sector had to offer on a date, and what came of its signals.
#[derive(Clone, Debug, PartialEq)]
pub struct SectorStats {
    /// Date of the data set.
    pub date: NaiveDate,
    /// Name of the sector.
    pub sector: String,
    /// Symbols with at least one labelled row.
    pub symbols: u32,
    /// Labelled rows by class: SELL, HOLD, BUY.
    pub samples: [u64; 3],
    /// Signals settled so far.
    pub signals: u32,
    /// Those of them that made money.
    pub wins: u32,
    /// Mean net return of the settled signals.
    pub net_return: Option<f64>,
}

/// What the last data set is short of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// How loudly its rules have that told.
    pub alert: ThinAlert,
    /// Which sectors and symbols are thin, for people.
    pub text: String,
}

impl ModelDb {
    /// Adds changes to the audit log.
    pub fn audit(&mut self, changes: &[ConfigChange]) -> Result<(), StoreError> {
        self.transaction(|conn| {
            let mut insert =
                conn.prepare_cached("INSERT INTO config_audit_log (at, file, key, old, new, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for c in changes {
                insert.execute(params![c.at, c.file, c.key, c.old, c.new, c.version])?;
            }
            Ok(())
        })
    }

    /// Stores what sectors had to offer, in place of what was stored for the same dates and sectors.
    pub fn put_sector_stats(&mut self, stats: &[SectorStats]) -> Result<(), StoreError> {
        self.transaction(|conn| {
            let mut insert = conn.prepare_cached(
                "INSERT OR REPLACE INTO sector_stats (date, sector, symbols, samples, sells, holds, buys, signals, wins, net_return)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            for s in stats {
                let [sells, holds, buys] = s.samples.map(|n| n as i64);
                let all = sells + holds + buys;
                insert.execute(params![
                    s.date.to_string(),
                    s.sector,
                    s.symbols,
                    all,
                    sells,
                    holds,
                    buys,
                    s.signals,
                    s.wins,
                    s.net_return
                ])?;
            }
            Ok(())
        })
    }

    /// Stores what the data set made now is short of, in place of what an earlier one was; `None` when nothing is thin.
    pub fn put_shortage(&mut self, shortage: Option<&Shortage>) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.transaction(|conn| {
            conn.execute("DELETE FROM db_metadata WHERE key = ?1", [SHORTAGE])?;
            if let Some(shortage) = shortage {
                let text = serde_json::json!(shortage).to_string();
                conn.execute("INSERT INTO db_metadata (key, value, updated_at) VALUES (?1, ?2, ?3)", params![SHORTAGE, text, now])?;
            }
            Ok(())
        })
    }
}

impl ModelReader {
    /// The last changes of the configuration, newest first.
    pub fn config_changes(&self, limit: usize) -> Result<Vec<ConfigChange>, StoreError> {
        let sql = "SELECT at, file, key, old, new, version FROM config_audit_log ORDER BY seq DESC LIMIT ?1";
        self.list(sql, [limit as i64], |r| {
            Ok(ConfigChange { at: r.get(0)?, file: r.get(1)?, key: r.get(2)?, old: r.get(3)?, new: r.get(4)?, version: r.get(5)? })
        })
    }

    /// The last recorded value of each key of the configuration file called `file`, as JSON; keys that are gone are not
    /// there.
    pub fn config_in_force(&self, file: &str) -> Result<BTreeMap<String, String>, StoreError> {
        // Beside max() SQLite gives the other columns of the row that has the maximum.
        let sql = "SELECT key, new, max(seq) FROM config_audit_log WHERE file = ?1 GROUP BY key";
        let rows: Vec<(String, Option<String>)> = self.list(sql, [file], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(rows.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
    }

    /// What each sector had to offer on the newest date that is stored, by name.
    pub fn sector_stats(&self) -> Result<Vec<SectorStats>, StoreError> {
        let sql = "SELECT date, sector, symbols, sells, holds, buys, signals, wins, net_return FROM sector_stats
                   WHERE date = (SELECT max(date) FROM sector_stats) ORDER BY sector";
        self.list(sql, [], |r| {
            Ok(SectorStats {
                date: rows::date(r, 0)?,
                sector: r.get(1)?,
                symbols: r.get(2)?,
                samples: [rows::count(r, 3)?, rows::count(r, 4)?, rows::count(r, 5)?],
                signals: r.get(6)?,
                wins: r.get(7)?,
                net_return: r.get(8)?,
            })
        })
    }

    /// What the last data set is short of; `None` when nothing is, or none was made.
    pub fn shortage(&self) -> Result<Option<Shortage>, StoreError> {
        let Some(text) = self.meta(SHORTAGE)? else { return Ok(None) };
        let read = serde_json::from_str(&text).map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(e)))?;
        Ok(Some(read))
    }
}
