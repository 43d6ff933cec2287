//! Reading signals, scans and what came of them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rusqlite::{Row, params};

use super::{NewSignal, NightPrediction, Scan, SettledSum, StoredOutcome, StoredSignal};
use crate::store::StoreError;
use crate::store::master::rows;
use crate::store::model::ModelReader;
use crate::store::model::training::{json, named};

const SIGNALS: &str = "SELECT s.signal_id, p.model_id, s.symbol, s.sector, s.date, s.side, s.close, s.horizon_end, s.half_width,
    s.contributions, s.cases, p.p_sell, p.p_hold, p.p_buy, p.decision, p.edge, p.regime, s.entry, s.state, s.void, h.settled_at, h.class,
    h.reason, h.exit_date, h.exit_price, h.bars_held, h.gross_return, h.cost, h.net_return, s.rule
    FROM signals s JOIN predictions p USING (prediction_id) LEFT JOIN signal_history h USING (signal_id)";

fn signal(r: &Row<'_>) -> rusqlite::Result<StoredSignal> {
    let (symbol, date) = (rows::symbol(r, 2)?, rows::date(r, 4)?);
    let outcome = |settled_at| {
        Ok::<_, rusqlite::Error>(StoredOutcome {
            settled_at,
            class: r.get(21)?,
            reason: named(r, 22)?,
            exit_date: rows::date(r, 23)?,
            exit_price: r.get(24)?,
            bars_held: r.get(25)?,
            gross: r.get(26)?,
            cost: r.get(27)?,
            net: r.get(28)?,
        })
    };
    Ok(StoredSignal {
        signal_id: r.get(0)?,
        model_id: r.get(1)?,
        signal: NewSignal {
            symbol,
            sector: r.get(3)?,
            date,
            side: r.get(5)?,
            close: r.get(6)?,
            horizon_end: rows::date(r, 7)?,
            half_width: r.get(8)?,
            rule: json(r, 29)?,
            contributions: json(r, 9)?,
            cases: json(r, 10)?,
        },
        prediction: NightPrediction {
            symbol,
            date,
            p: [r.get(11)?, r.get(12)?, r.get(13)?],
            decision: r.get(14)?,
            edge: r.get(15)?,
            regime: r.get(16)?,
        },
        entry: r.get(17)?,
        state: r.get(18)?,
        void: r.get(19)?,
        outcome: r.get::<_, Option<i64>>(20)?.map(outcome).transpose()?,
    })
}

fn prediction(r: &Row<'_>) -> rusqlite::Result<NightPrediction> {
    Ok(NightPrediction {
        symbol: rows::symbol(r, 0)?,
        date: rows::date(r, 1)?,
        p: [r.get(2)?, r.get(3)?, r.get(4)?],
        decision: r.get(5)?,
        edge: r.get(6)?,
        regime: r.get(7)?,
    })
}

impl ModelReader {
    /// Open signals, oldest first.
    pub fn open_signals(&self) -> Result<Vec<StoredSignal>, StoreError> {
        self.list(&format!("{SIGNALS} WHERE s.state = 'open' ORDER BY s.signal_id"), [], signal)
    }

    /// The newest signals, newest first.
    pub fn signals(&self, limit: usize) -> Result<Vec<StoredSignal>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.list(&format!("{SIGNALS} ORDER BY s.date DESC, s.signal_id DESC LIMIT ?1"), [limit], signal)
    }

    /// One signal.
    pub fn signal(&self, signal_id: i64) -> Result<Option<StoredSignal>, StoreError> {
        self.one(&format!("{SIGNALS} WHERE s.signal_id = ?1"), [signal_id], signal)
    }

    /// The newest scan.
    pub fn newest_scan(&self) -> Result<Option<Scan>, StoreError> {
        let sql = "SELECT date, made_at, model_id, kind, symbols, eligible, predicted, signals, words, why_none
                   FROM scans ORDER BY date DESC LIMIT 1";
        self.one(sql, [], |r| {
            Ok(Scan {
                date: rows::date(r, 0)?,
                made_at: r.get(1)?,
                model_id: r.get(2)?,
                kind: named(r, 3)?,
                symbols: r.get(4)?,
                eligible: r.get(5)?,
                predicted: r.get(6)?,
                signals: r.get(7)?,
                words: r.get(8)?,
                why_none: json(r, 9)?,
            })
        })
    }

    /// What a model said in nights, live and on paper, by date and symbol.
    pub fn night_predictions(&self, model_id: i64) -> Result<Vec<NightPrediction>, StoreError> {
        let sql = "SELECT symbol, date, p_sell, p_hold, p_buy, decision, edge, regime FROM predictions
                   WHERE model_id = ?1 AND kind IN ('live', 'shadow') GROUP BY date, symbol ORDER BY date, symbol";
        self.list(sql, [model_id], prediction)
    }

    /// The newest that a model said of each symbol, live or on paper, on or after `since`.
    pub fn newest_predictions(&self, model_id: i64, since: NaiveDate) -> Result<Vec<NightPrediction>, StoreError> {
        // Beside max() SQLite gives the other columns of the row that has the maximum.
        let sql = "SELECT symbol, max(date), p_sell, p_hold, p_buy, decision, edge, regime FROM predictions
                   WHERE model_id = ?1 AND date >= ?2 AND kind IN ('live', 'shadow') GROUP BY symbol ORDER BY symbol";
        self.list(sql, params![model_id, since.to_string()], prediction)
    }

    /// What came of signals that left on or after `since`.
    pub fn settled_since(&self, since: NaiveDate) -> Result<SettledSum, StoreError> {
        let sql = "SELECT count(*), count(*) FILTER (WHERE net_return > 0), avg(net_return) FROM signal_history WHERE exit_date >= ?1";
        let sum = self.one(sql, [since.to_string()], |r| Ok(SettledSum { signals: r.get(0)?, wins: r.get(1)?, net: r.get(2)? }))?;
        Ok(sum.unwrap_or_default())
    }

    /// Open signals and outcomes of each sector that had a signal, by name.
    pub fn signals_by_sector(&self) -> Result<BTreeMap<String, (u32, SettledSum)>, StoreError> {
        let sql = "SELECT s.sector, count(*) FILTER (WHERE s.state = 'open'), count(h.signal_id),
                   count(*) FILTER (WHERE h.net_return > 0), avg(h.net_return)
                   FROM signals s LEFT JOIN signal_history h USING (signal_id) GROUP BY s.sector";
        let of = |r: &Row<'_>| Ok((r.get(0)?, (r.get(1)?, SettledSum { signals: r.get(2)?, wins: r.get(3)?, net: r.get(4)? })));
        Ok(self.list(sql, [], of)?.into_iter().collect())
    }
}
