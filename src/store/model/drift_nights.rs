//! What nights made of drift: verdicts, the episodes that alarms begin, and halts of new signals.

use chrono::NaiveDate;
use rusqlite::{Connection, Row, params};

use super::training::named;
use super::{ModelDb, ModelReader, blob};
use crate::drift::Verdict;
use crate::drift::views::SubjectKind;
use crate::store::StoreError;
use crate::store::master::rows;

/// What a night made of a subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DriftRow {
    /// Session of the night.
    pub date: NaiveDate,
    /// When it was judged, UTC seconds.
    pub made_at: i64,
    /// A feature's name, or what the model says or is worth.
    pub subject: String,
    /// What it is.
    pub kind: SubjectKind,
    /// Current values, missing ones among them.
    pub rows: u32,
    /// Population stability index.
    pub psi: Option<f64>,
    /// Kullback-Leibler divergence, nats.
    pub kl: Option<f64>,
    /// Distance of Kolmogorov and Smirnov.
    pub ks: Option<f64>,
    /// Its p for independent values.
    pub ks_p: Option<f64>,
    /// Of the calibrated test.
    pub z: Option<f64>,
    /// Its p.
    pub p: Option<f64>,
    /// The same with all features at once.
    pub p_adjusted: Option<f64>,
    /// Value of a performance subject.
    pub value: Option<f64>,
    /// Warned of below this.
    pub warning: Option<f64>,
    /// Critical below this.
    pub critical: Option<f64>,
    /// The verdict.
    pub verdict: Verdict,
    /// It alarmed in this night.
    pub alarmed: bool,
    /// Why there is no verdict, or what stands out.
    pub note: String,
    /// Current values by the bins of the baseline.
    pub counts: Vec<f64>,
    /// Order statistics of them.
    pub sketch: Vec<f64>,
}

/// From an alarm until enough quiet nights have passed.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftEpisode {
    /// Its key; 0 for one that is new.
    pub episode_id: i64,
    /// Of what.
    pub subject: String,
    /// Session of the night it began in.
    pub since: NaiveDate,
    /// The last night that was looked at.
    pub last_night: NaiveDate,
    /// The worst verdict so far: drifted or critical.
    pub verdict: Verdict,
    /// Quiet nights in a row.
    pub quiet_nights: u32,
    /// Session of the night it ended in.
    pub ended: Option<NaiveDate>,
    /// When a person took note of it, UTC seconds.
    pub acked_at: Option<i64>,
    /// Who.
    pub acked_by: Option<String>,
    /// Until when it keeps silent, UTC seconds.
    pub snoozed_until: Option<i64>,
    /// What follows from a critical verdict was done.
    pub acted: bool,
    /// A challenger is owed.
    pub challenger: bool,
}

/// A model that may give no new signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// Which.
    pub model_id: i64,
    /// Since, UTC seconds.
    pub since: i64,
    /// Why, in a sentence.
    pub reason: String,
}

impl ModelDb {
    /// Records a night: rows in place of those of the same night, and all episodes as they stand after it; with `halt` the model
    /// gives no new signals from now on, for that reason. All or nothing.
    pub fn put_drift_night(
        &mut self,
        model_id: i64,
        night: &[DriftRow],
        episodes: &[DriftEpisode],
        halt: Option<&str>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.transaction(|conn| {
            if let Some(first) = night.first() {
                let sql = "DELETE FROM drift_monitoring WHERE model_id = ?1 AND date = ?2";
                conn.prepare_cached(sql)?.execute(params![model_id, first.date.to_string()])?;
                // Pages show the newest night's distribution only.
                let sql = "UPDATE drift_monitoring SET sketch = x'' WHERE model_id = ?1 AND date < ?2 AND length(sketch) > 0";
                conn.prepare_cached(sql)?.execute(params![model_id, first.date.to_string()])?;
            }
            night.iter().try_for_each(|row| put_row(conn, model_id, row))?;
            episodes.iter().try_for_each(|episode| put_episode(conn, (model_id, now), episode))?;
            if let Some(reason) = halt {
                let sql = "INSERT INTO halts (model_id, since, reason) VALUES (?1, ?2, ?3)
                           ON CONFLICT (model_id) WHERE lifted_at IS NULL DO NOTHING";
                conn.prepare_cached(sql)?.execute(params![model_id, now, reason])?;
            }
            Ok(())
        })
    }

    /// A person takes note of the open episode of a subject; whether there is one.
    pub fn ack_episode(&mut self, model_id: i64, subject: &str, actor: &str) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let sql = "UPDATE drift_episodes SET acked_at = ?3, acked_by = ?4 WHERE model_id = ?1 AND subject = ?2 AND ended IS NULL";
        self.transaction(|conn| Ok(conn.prepare_cached(sql)?.execute(params![model_id, subject, now, actor])? > 0))
    }

    /// The open episode of a subject keeps silent until a moment, UTC seconds; whether there is one.
    pub fn snooze_episode(&mut self, model_id: i64, subject: &str, until: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE drift_episodes SET snoozed_until = ?3 WHERE model_id = ?1 AND subject = ?2 AND ended IS NULL";
        self.transaction(|conn| Ok(conn.prepare_cached(sql)?.execute(params![model_id, subject, until])? > 0))
    }

    /// A run of the challenger that is owed because of a model's drift has been ordered.
    pub fn challenger_ordered(&mut self, model_id: i64) -> Result<(), StoreError> {
        let sql = "UPDATE drift_episodes SET challenger = 0 WHERE model_id = ?1";
        self.transaction(|conn| {
            conn.prepare_cached(sql)?.execute([model_id])?;
            Ok(())
        })
    }

    /// Lets a halted model give signals again; whether it was halted.
    pub fn lift_halt(&mut self, model_id: i64, actor: &str) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let sql = "UPDATE halts SET lifted_at = max(since, ?2), lifted_by = ?3 WHERE model_id = ?1 AND lifted_at IS NULL";
        self.transaction(|conn| Ok(conn.prepare_cached(sql)?.execute(params![model_id, now, actor])? > 0))
    }
}

fn put_row(conn: &Connection, model_id: i64, r: &DriftRow) -> Result<(), StoreError> {
    let [counts, sketch] = [&r.counts, &r.sketch].map(|values| blob::floats(values));
    conn.prepare_cached(
        "INSERT INTO drift_monitoring (model_id, subject, date, made_at, kind, rows, psi, kl, ks, ks_p, z, p, p_adjusted, value, warning,
         critical, verdict, alarmed, note, counts, sketch)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
    )?
    .execute(params![
        model_id,
        r.subject,
        r.date.to_string(),
        r.made_at,
        r.kind.to_string(),
        r.rows,
        r.psi,
        r.kl,
        r.ks,
        r.ks_p,
        r.z,
        r.p,
        r.p_adjusted,
        r.value,
        r.warning,
        r.critical,
        r.verdict.to_string(),
        r.alarmed,
        r.note,
        counts,
        sketch,
    ])?;
    Ok(())
}

/// What a person did about it meanwhile stays, unless it gets worse: then it speaks again. A snooze that is over at `now` and that the
/// night has reminded of is gone, so that it reminds once.
fn put_episode(conn: &Connection, (model_id, now): (i64, i64), e: &DriftEpisode) -> Result<(), StoreError> {
    let [since, last] = [e.since, e.last_night].map(|d| d.to_string());
    let (verdict, ended) = (e.verdict.to_string(), e.ended.map(|d| d.to_string()));
    if e.episode_id == 0 {
        let sql = "INSERT INTO drift_episodes (model_id, subject, since, last_night, verdict, quiet_nights, ended, acted, challenger)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let values = params![model_id, e.subject, since, last, verdict, e.quiet_nights, ended, e.acted, e.challenger];
        conn.prepare_cached(sql)?.execute(values)?;
        return Ok(());
    }
    let anew = "CASE WHEN verdict = 'drifted' AND ?3 = 'critical' THEN NULL";
    let sql = format!(
        "UPDATE drift_episodes SET last_night = ?2, acked_at = {anew} ELSE acked_at END, acked_by = {anew} ELSE acked_by END,
         snoozed_until = {anew} WHEN ?9 AND snoozed_until <= ?6 THEN NULL ELSE snoozed_until END, verdict = ?3, quiet_nights = ?4, ended = ?5,
         acted = ?7, challenger = ?8 WHERE episode_id = ?1"
    );
    conn.prepare_cached(&sql)?.execute(params![
        e.episode_id,
        last,
        verdict,
        e.quiet_nights,
        ended,
        now,
        e.acted,
        e.challenger,
        e.snoozed_until.is_none()
    ])?;
    Ok(())
}

const NIGHTS: &str = "SELECT date, made_at, subject, kind, rows, psi, kl, ks, ks_p, z, p, p_adjusted, value, warning, critical, verdict,
    alarmed, note, counts, sketch FROM drift_monitoring";

fn row(r: &Row<'_>) -> rusqlite::Result<DriftRow> {
    let floats = |column| Ok::<_, rusqlite::Error>(blob::to_floats(blob::bytes(r, column)?).collect());
    Ok(DriftRow {
        date: rows::date(r, 0)?,
        made_at: r.get(1)?,
        subject: r.get(2)?,
        kind: named(r, 3)?,
        rows: r.get(4)?,
        psi: r.get(5)?,
        kl: r.get(6)?,
        ks: r.get(7)?,
        ks_p: r.get(8)?,
        z: r.get(9)?,
        p: r.get(10)?,
        p_adjusted: r.get(11)?,
        value: r.get(12)?,
        warning: r.get(13)?,
        critical: r.get(14)?,
        verdict: named(r, 15)?,
        alarmed: r.get(16)?,
        note: r.get(17)?,
        counts: floats(18)?,
        sketch: floats(19)?,
    })
}

fn date_or_none(r: &Row<'_>, column: usize) -> rusqlite::Result<Option<NaiveDate>> {
    Ok(if r.get_ref(column)? == rusqlite::types::ValueRef::Null { None } else { Some(rows::date(r, column)?) })
}

impl ModelReader {
    /// The newest night that judged a model; none if none did.
    pub fn drift_night(&self, model_id: i64) -> Result<Vec<DriftRow>, StoreError> {
        let newest = "(SELECT max(date) FROM drift_monitoring WHERE model_id = ?1)";
        self.list(&format!("{NIGHTS} WHERE model_id = ?1 AND date = {newest} ORDER BY subject"), [model_id], row)
    }

    /// The newest nights of a subject, newest first.
    pub fn drift_history(&self, model_id: i64, subject: &str, limit: u32) -> Result<Vec<DriftRow>, StoreError> {
        let sql = format!("{NIGHTS} WHERE model_id = ?1 AND subject = ?2 ORDER BY date DESC LIMIT ?3");
        self.list(&sql, params![model_id, subject, limit], row)
    }

    /// All nights of a model, oldest first.
    pub fn drift_rows(&self, model_id: i64) -> Result<Vec<DriftRow>, StoreError> {
        self.list(&format!("{NIGHTS} WHERE model_id = ?1 ORDER BY date, subject"), [model_id], row)
    }

    /// PSI, or the value of a performance subject, of all subjects from a session on, by subject and date.
    pub fn drift_trends(&self, model_id: i64, since: NaiveDate) -> Result<Vec<(String, NaiveDate, Option<f64>)>, StoreError> {
        let sql =
            "SELECT subject, date, coalesce(psi, value) FROM drift_monitoring WHERE model_id = ?1 AND date >= ?2 ORDER BY subject, date";
        self.list(sql, params![model_id, since.to_string()], |r| Ok((r.get(0)?, rows::date(r, 1)?, r.get(2)?)))
    }

    /// The sessions of the newest nights that judged a model, newest first.
    pub fn drift_sessions(&self, model_id: i64, limit: u32) -> Result<Vec<NaiveDate>, StoreError> {
        let sql = "SELECT DISTINCT date FROM drift_monitoring WHERE model_id = ?1 ORDER BY date DESC LIMIT ?2";
        self.list(sql, params![model_id, limit], |r| rows::date(r, 0))
    }

    /// The open episodes of a model, by subject.
    pub fn open_episodes(&self, model_id: i64) -> Result<Vec<DriftEpisode>, StoreError> {
        let sql = "SELECT episode_id, subject, since, last_night, verdict, quiet_nights, ended, acked_at, acked_by, snoozed_until, acted,
                   challenger FROM drift_episodes WHERE model_id = ?1 AND ended IS NULL ORDER BY subject";
        self.list(sql, [model_id], |r| {
            Ok(DriftEpisode {
                episode_id: r.get(0)?,
                subject: r.get(1)?,
                since: rows::date(r, 2)?,
                last_night: rows::date(r, 3)?,
                verdict: named(r, 4)?,
                quiet_nights: r.get(5)?,
                ended: date_or_none(r, 6)?,
                acked_at: r.get(7)?,
                acked_by: r.get(8)?,
                snoozed_until: r.get(9)?,
                acted: r.get(10)?,
                challenger: r.get(11)?,
            })
        })
    }

    /// Whether a model may give no new signals, and why.
    pub fn halt(&self, model_id: i64) -> Result<Option<Halt>, StoreError> {
        let sql = "SELECT model_id, since, reason FROM halts WHERE model_id = ?1 AND lifted_at IS NULL";
        self.one(sql, [model_id], |r| Ok(Halt { model_id: r.get(0)?, since: r.get(1)?, reason: r.get(2)? }))
    }
}
