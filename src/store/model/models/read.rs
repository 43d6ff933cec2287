//! Reading models, their files and their moves.

use rusqlite::Row;

use super::{Model, ModelChange, ModelFile, ModelKind};
use crate::store::StoreError;
use crate::store::master::rows;
use crate::store::model::ModelReader;
use crate::store::model::training::{json, named};
use crate::train::model_views::ModelState;

const COLUMNS: &str = "m.model_id, m.run_id, m.kind, m.state, m.state_at, m.state_reason, m.created_at, m.trained_to, m.expires_at,
    m.shadow_sessions, r.definition, r.config_version, r.config_hash, m.metrics, m.attribution";
const TABLES: &str = "model_metadata m JOIN training_runs r USING (run_id)";

fn model(r: &Row<'_>) -> rusqlite::Result<Model> {
    Ok(Model {
        model_id: r.get(0)?,
        run_id: r.get(1)?,
        kind: named(r, 2)?,
        state: named(r, 3)?,
        state_at: r.get(4)?,
        state_reason: r.get(5)?,
        created_at: r.get(6)?,
        trained_to: rows::date(r, 7)?,
        expires_at: r.get(8)?,
        shadow_sessions: r.get(9)?,
        definition: r.get(10)?,
        config_version: r.get(11)?,
        config_hash: r.get(12)?,
        metrics: json(r, 13)?,
        attribution: json(r, 14)?,
    })
}

impl ModelReader {
    /// The newest ensembles, newest first.
    pub fn models(&self, limit: usize) -> Result<Vec<Model>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE m.kind = 'ensemble' ORDER BY m.model_id DESC LIMIT ?1");
        self.list(&sql, [limit], model)
    }

    /// The models of a run: the ensemble first, then its base models as they were registered.
    pub fn models_of(&self, run_id: i64) -> Result<Vec<Model>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE m.run_id = ?1 ORDER BY m.kind <> 'ensemble', m.model_id");
        self.list(&sql, [run_id], model)
    }

    /// One model.
    pub fn model(&self, model_id: i64) -> Result<Option<Model>, StoreError> {
        self.one(&format!("SELECT {COLUMNS} FROM {TABLES} WHERE m.model_id = ?1"), [model_id], model)
    }

    /// The champion of a kind.
    pub fn champion(&self, kind: ModelKind) -> Result<Option<Model>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE m.kind = ?1 AND m.state = 'champion'");
        self.one(&sql, [kind.to_string()], model)
    }

    /// The newest model of a kind, whatever became of it.
    pub fn newest_model(&self, kind: ModelKind) -> Result<Option<Model>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE m.kind = ?1 ORDER BY m.model_id DESC LIMIT 1");
        self.one(&sql, [kind.to_string()], model)
    }

    /// The newest ensemble in a state.
    pub fn newest_in(&self, state: ModelState) -> Result<Option<Model>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE m.kind = 'ensemble' AND m.state = ?1 ORDER BY m.model_id DESC LIMIT 1");
        self.one(&sql, [<&str>::from(state)], model)
    }

    /// The retired ensemble that was champion last and made way for a newer one, not for one before it.
    pub fn last_succeeded(&self) -> Result<Option<Model>, StoreError> {
        // Beside max() SQLite gives the other columns of the row that has the maximum: each model's last move.
        let sql = format!(
            "SELECT {COLUMNS} FROM {TABLES} JOIN (SELECT model_id, cause, max(seq) AS seq FROM model_changes GROUP BY model_id) c
                 USING (model_id)
             WHERE m.kind = 'ensemble' AND m.state = 'retired' AND c.cause = 'succeeded' ORDER BY c.seq DESC LIMIT 1"
        );
        self.one(&sql, [], model)
    }

    /// In how many sessions an ensemble has given paper signals, or found that there were none to give. A coin has days that are no
    /// session of the scan.
    pub fn shadow_sessions(&self, model_id: i64) -> Result<u32, StoreError> {
        let sql = "SELECT count(DISTINCT date) FROM predictions JOIN scans USING (date) WHERE predictions.model_id = ?1 AND predictions.kind = 'shadow'";
        Ok(self.one(sql, [model_id], |r| r.get(0))?.unwrap_or(0))
    }

    /// The files of a run's models, by name.
    pub fn files_of(&self, run_id: i64) -> Result<Vec<ModelFile>, StoreError> {
        self.list("SELECT file, sha256, bytes FROM model_files WHERE run_id = ?1 ORDER BY file", [run_id], file)
    }

    /// The files of all models in a state, by name.
    pub fn files_in(&self, state: ModelState) -> Result<Vec<ModelFile>, StoreError> {
        let sql = "SELECT DISTINCT f.file, f.sha256, f.bytes FROM model_files f JOIN model_metadata m USING (run_id)
                   WHERE m.state = ?1 ORDER BY f.file";
        self.list(sql, [<&str>::from(state)], file)
    }

    /// The names of files of models that were rejected at `oldest` (UTC seconds) or earlier.
    pub fn files_rejected_before(&self, oldest: i64) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT f.file FROM model_files f JOIN model_metadata m USING (run_id)
                   WHERE m.state = 'rejected' AND m.state_at <= ?1 ORDER BY f.file";
        self.list(sql, [oldest], |r| r.get(0))
    }

    /// All files of models, by name.
    pub fn model_files(&self) -> Result<Vec<ModelFile>, StoreError> {
        self.list("SELECT file, sha256, bytes FROM model_files ORDER BY file", [], file)
    }

    /// The newest moves of models, newest first.
    pub fn model_changes(&self, limit: usize) -> Result<Vec<ModelChange>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.list(&format!("SELECT {CHANGE} ORDER BY c.seq DESC LIMIT ?1"), [limit], change)
    }

    /// All moves of one model, oldest first.
    pub fn changes_of(&self, model_id: i64) -> Result<Vec<ModelChange>, StoreError> {
        self.list(&format!("SELECT {CHANGE} WHERE c.model_id = ?1 ORDER BY c.seq"), [model_id], change)
    }
}

const CHANGE: &str = "c.seq, c.at, c.model_id, m.run_id, m.kind, c.actor, c.from_state, c.to_state, c.cause, c.reason
    FROM model_changes c JOIN model_metadata m USING (model_id)";

fn change(r: &Row<'_>) -> rusqlite::Result<ModelChange> {
    let from = r.get_ref(6)?.as_str_or_null()?.is_some().then(|| named(r, 6)).transpose()?;
    Ok(ModelChange {
        seq: r.get(0)?,
        at: r.get(1)?,
        model_id: r.get(2)?,
        run_id: r.get(3)?,
        kind: named(r, 4)?,
        actor: r.get(5)?,
        from,
        to: named(r, 7)?,
        cause: named(r, 8)?,
        reason: r.get(9)?,
    })
}

/// The file in the columns `file, sha256, bytes`.
pub(in crate::store::model) fn file(r: &Row<'_>) -> rusqlite::Result<ModelFile> {
    Ok(ModelFile { file: r.get(0)?, sha256: r.get(1)?, bytes: rows::count(r, 2)? })
}
