//! Registering models, moving them, and forgetting files.

use rusqlite::{Connection, params};

use super::{ModelMove, MoveCause, NewModels};
use crate::store::StoreError;
use crate::store::model::ModelDb;
use crate::store::model::training::to_json;
use crate::train::model_views::ModelState;

/// Who does something, and when: UTC seconds.
#[derive(Clone, Copy)]
struct By<'a> {
    actor: &'a str,
    at: i64,
}

/// Moves the models of a run and logs each. All of them must be where the move begins, and there must be some.
fn make_move(conn: &Connection, m: &ModelMove, by: By<'_>) -> Result<(), StoreError> {
    let (from, to, cause) = (<&str>::from(m.from), <&str>::from(m.to), <&str>::from(m.cause));
    conn.prepare_cached(
        "INSERT INTO model_changes (model_id, at, actor, from_state, to_state, cause, reason)
         SELECT model_id, ?3, ?4, ?2, ?5, ?6, ?7 FROM model_metadata WHERE run_id = ?1 AND state = ?2 ORDER BY model_id",
    )?
    .execute(params![m.run_id, from, by.at, by.actor, to, cause, m.reason])?;
    let moved = conn
        .prepare_cached("UPDATE model_metadata SET state = ?3, state_at = ?4, state_reason = ?5 WHERE run_id = ?1 AND state = ?2")?
        .execute(params![m.run_id, from, to, by.at, m.reason])?;
    let all: i64 = conn.query_row("SELECT count(*) FROM model_metadata WHERE run_id = ?1", [m.run_id], |r| r.get(0))?;
    if all == 0 || moved as i64 != all { Err(StoreError::ModelsMoved { run_id: m.run_id, from: from.to_owned() }) } else { Ok(()) }
}

fn insert(conn: &Connection, new: &NewModels, by: By<'_>) -> Result<(), StoreError> {
    let state: &str = ModelState::Candidate.into();
    let mut log = conn.prepare_cached(
        "INSERT INTO model_changes (model_id, at, actor, to_state, cause, reason) VALUES (?1, ?2, ?3, ?4, 'registered', ?5)",
    )?;
    let reason = format!("made by training run {}", new.run_id);
    for m in &new.models {
        conn.prepare_cached(
            "INSERT INTO model_metadata (run_id, kind, state, state_at, state_reason, created_at, trained_to, expires_at, shadow_sessions,
                 metrics, attribution)
             VALUES (?1, ?2, ?3, ?4, ?5, ?4, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            new.run_id,
            m.kind.to_string(),
            state,
            by.at,
            reason,
            new.trained_to.to_string(),
            new.expires_at,
            new.shadow_sessions,
            to_json(&m.metrics)?,
            to_json(&m.attribution)?
        ])?;
        log.execute(params![conn.last_insert_rowid(), by.at, by.actor, state, reason])?;
    }
    let mut file = conn.prepare_cached("INSERT INTO model_files (file, run_id, sha256, bytes) VALUES (?1, ?2, ?3, ?4)")?;
    for f in &new.files {
        file.execute(params![f.file, new.run_id, f.sha256, f.bytes as i64])?;
    }
    Ok(())
}

impl ModelDb {
    /// Registers the models of a run with their files, as candidates that the gates then move to where `new` says.
    pub fn register_models(&mut self, new: &NewModels, actor: &str) -> Result<(), StoreError> {
        let by = By { actor, at: self.clock.now() };
        let (ModelState::Rejected | ModelState::Shadow) = new.state else {
            return Err(StoreError::ModelsMoved { run_id: new.run_id, from: new.state.to_string() });
        };
        self.transaction(|conn| {
            insert(conn, new, by)?;
            let judged = ModelMove {
                run_id: new.run_id,
                from: ModelState::Candidate,
                to: new.state,
                cause: MoveCause::Judged,
                reason: new.reason.clone(),
            };
            make_move(conn, &judged, by)
        })
    }

    /// Makes all `moves` in their order, or none of them.
    pub fn move_models(&mut self, moves: &[ModelMove], actor: &str) -> Result<(), StoreError> {
        let by = By { actor, at: self.clock.now() };
        self.transaction(|conn| moves.iter().try_for_each(|m| make_move(conn, m, by)))
    }

    /// Forgets files of models that no longer need them. Their rows go first: a row never tells of a file that is gone.
    pub fn forget_files(&mut self, files: &[String]) -> Result<(), StoreError> {
        self.transaction(|conn| {
            let mut delete = conn.prepare_cached("DELETE FROM model_files WHERE file = ?1")?;
            for file in files {
                delete.execute([file])?;
            }
            Ok(())
        })
    }
}
