//! Recording nights and outcomes.

use chrono::NaiveDate;
use rusqlite::{Connection, params};

use super::{Answers, NewSignal, Scan, SignalChange};
use crate::store::StoreError;
use crate::store::model::ModelDb;
use crate::store::model::training::to_json;

impl ModelDb {
    /// Records a night: its scan, what models said, and the signals of the first of `answers`. A night that is done again takes
    /// the place of what it said before; a signal that was given stays as it was given.
    pub fn put_scan(&mut self, scan: &Scan, answers: &[Answers], signals: &[NewSignal], snapshot: &str) -> Result<(), StoreError> {
        self.transaction(|conn| {
            for said in answers {
                put_answers(conn, said, scan.made_at, snapshot)?;
            }
            if let Some(said) = answers.first() {
                put_signals(conn, said, signals)?;
            }
            put_scan_row(conn, scan)
        })
    }

    /// Writes what came of each sector's signals beside what the sector had to offer: into the rows of `date`, which begin with what
    /// the newest rows before them say of the data set.
    pub fn refresh_sector_outcomes(&mut self, date: NaiveDate) -> Result<(), StoreError> {
        let date = date.to_string();
        self.transaction(|conn| {
            conn.execute(
                "INSERT INTO sector_stats (date, sector, symbols, samples, sells, holds, buys)
                 SELECT ?1, sector, symbols, samples, sells, holds, buys FROM sector_stats
                 WHERE date = (SELECT max(date) FROM sector_stats WHERE date < ?1) ON CONFLICT DO NOTHING",
                [&date],
            )?;
            conn.execute(
                "INSERT INTO sector_stats (date, sector, symbols, samples, sells, holds, buys)
                 SELECT DISTINCT ?1, sector, 0, 0, 0, 0, 0 FROM signals WHERE true ON CONFLICT DO NOTHING",
                [&date],
            )?;
            let of = "FROM signals s JOIN signal_history h USING (signal_id) WHERE s.sector = sector_stats.sector";
            let sql = format!(
                "UPDATE sector_stats SET signals = (SELECT count(*) {of}), wins = (SELECT count(*) {of} AND h.net_return > 0),
                 net_return = (SELECT avg(h.net_return) {of}) WHERE date = ?1"
            );
            conn.execute(&sql, [&date])?;
            Ok(())
        })
    }

    /// Records what the night learnt of open signals; one that is not open any more is left as it is.
    pub fn change_signals(&mut self, changes: &[(i64, SignalChange)]) -> Result<(), StoreError> {
        self.transaction(|conn| changes.iter().try_for_each(|(id, change)| change_signal(conn, *id, change)))
    }
}

fn put_answers(conn: &Connection, said: &Answers, made_at: i64, snapshot: &str) -> Result<(), StoreError> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO predictions (model_id, symbol, date, kind, made_at, p_sell, p_hold, p_buy, decision, edge, regime, snapshot)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT DO UPDATE SET made_at = ?5, p_sell = ?6, p_hold = ?7, p_buy = ?8, decision = ?9, edge = ?10, regime = ?11, snapshot = ?12
         WHERE NOT EXISTS (SELECT 1 FROM signals s WHERE s.prediction_id = predictions.prediction_id)",
    )?;
    for p in &said.predictions {
        let [sell, hold, buy] = p.p;
        let (symbol, date, kind) = (p.symbol.as_str(), p.date.to_string(), said.kind.to_string());
        insert.execute(params![said.model_id, symbol, date, kind, made_at, sell, hold, buy, p.decision, p.edge, p.regime, snapshot])?;
    }
    Ok(())
}

fn put_signals(conn: &Connection, said: &Answers, signals: &[NewSignal]) -> Result<(), StoreError> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO signals (prediction_id, symbol, sector, date, side, close, horizon_end, half_width, state, contributions, cases, rule)
         SELECT prediction_id, ?2, ?4, ?3, ?5, ?6, ?7, ?8, 'open', ?9, ?10, ?11 FROM predictions
         WHERE model_id = ?1 AND symbol = ?2 AND date = ?3 AND kind = 'live' ON CONFLICT (prediction_id) DO NOTHING",
    )?;
    for s in signals {
        let (symbol, date, end) = (s.symbol.as_str(), s.date.to_string(), s.horizon_end.to_string());
        let (contributions, cases, rule) = (s.contributions.to_string(), s.cases.to_string(), to_json(&s.rule)?);
        insert.execute(params![said.model_id, symbol, date, s.sector, s.side, s.close, end, s.half_width, contributions, cases, rule])?;
    }
    Ok(())
}

fn put_scan_row(conn: &Connection, s: &Scan) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO scans (date, made_at, model_id, kind, symbols, eligible, predicted, signals, words, why_none)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        s.date.to_string(),
        s.made_at,
        s.model_id,
        s.kind.to_string(),
        s.symbols,
        s.eligible,
        s.predicted,
        s.signals,
        s.words,
        to_json(&s.why_none)?,
    ])?;
    Ok(())
}

fn change_signal(conn: &Connection, id: i64, change: &SignalChange) -> Result<(), StoreError> {
    match change {
        SignalChange::Marked { close, entry } => {
            let sql = "UPDATE signals SET close = ?2, entry = ?3 WHERE signal_id = ?1 AND state = 'open'";
            conn.prepare_cached(sql)?.execute(params![id, close, entry])?;
        }
        SignalChange::Void { reason } => {
            let sql = "UPDATE signals SET state = 'void', void = ?2 WHERE signal_id = ?1 AND state = 'open'";
            conn.prepare_cached(sql)?.execute(params![id, reason])?;
        }
        SignalChange::Settled { close, entry, outcome: o } => {
            let sql = "UPDATE signals SET state = 'settled', close = ?2, entry = ?3 WHERE signal_id = ?1 AND state = 'open'";
            if conn.prepare_cached(sql)?.execute(params![id, close, entry])? == 0 {
                return Ok(());
            }
            conn.prepare_cached(
                "INSERT INTO signal_history (signal_id, settled_at, class, reason, exit_date, exit_price, bars_held, gross_return, cost, net_return)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                id,
                o.settled_at,
                o.class,
                o.reason.to_string(),
                o.exit_date.to_string(),
                o.exit_price,
                o.bars_held,
                o.gross,
                o.cost,
                o.net
            ])?;
        }
    }
    Ok(())
}
