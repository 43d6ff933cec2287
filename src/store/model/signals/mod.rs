//! Scans, the predictions and signals that came of them, and what came of the signals.

mod read;
mod write;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::Value;

use crate::config::strategy::LabelRule;
use crate::market::Symbol;
use crate::train::backtest::Exit;

/// What the answers of a night are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum ScanKind {
    /// The champion's: signals come of them.
    Live,
    /// On paper: no signals come of them.
    Shadow,
    /// Nothing was there to ask.
    None,
}

/// What a model said in a night of a symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct NightPrediction {
    /// Whose.
    pub symbol: Symbol,
    /// Session after whose close.
    pub date: NaiveDate,
    /// Calibrated probabilities of SELL, HOLD and BUY.
    pub p: [f64; 3],
    /// What was decided: 0 SELL, 1 HOLD, 2 BUY.
    pub decision: u8,
    /// Probability of the decision over its prior, as a ratio.
    pub edge: f64,
    /// Name of the regime of that day.
    pub regime: String,
}

/// All that a model said in a night.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// Who.
    pub model_id: i64,
    /// Live or shadow.
    pub kind: ScanKind,
    /// One a symbol.
    pub predictions: Vec<NightPrediction>,
}

/// A signal that a night gives. Its prediction is stored with it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSignal {
    /// Of which symbol.
    pub symbol: Symbol,
    /// Its sector.
    pub sector: String,
    /// Session after whose close it was decided.
    pub date: NaiveDate,
    /// 0 SELL, 2 BUY.
    pub side: u8,
    /// Close of that session, split basis.
    pub close: f64,
    /// Last session of the horizon.
    pub horizon_end: NaiveDate,
    /// Distance of the barriers as a fraction of the close.
    pub half_width: f64,
    /// The label's rule that it was given by, and that settles it, whatever the rules are by then.
    pub rule: LabelRule,
    /// What spoke for it: a JSON list.
    pub contributions: Value,
    /// The nearest past cases: a JSON list.
    pub cases: Value,
}

/// What a scan came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// Session.
    pub date: NaiveDate,
    /// UTC seconds.
    pub made_at: i64,
    /// The model whose answers count, or would.
    pub model_id: Option<i64>,
    /// What these were for.
    pub kind: ScanKind,
    /// Symbols of the universe.
    pub symbols: u32,
    /// Those that a signal may be given for.
    pub eligible: u32,
    /// Those that the model was asked about.
    pub predicted: u32,
    /// Signals.
    pub signals: u32,
    /// How it went, in a sentence.
    pub words: String,
    /// By symbol, why there is no signal.
    pub why_none: BTreeMap<String, String>,
}

/// What came of a signal.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredOutcome {
    /// UTC seconds.
    pub settled_at: i64,
    /// 0 SELL, 1 HOLD, 2 BUY; `None` where both barriers lay in one bar.
    pub class: Option<u8>,
    /// What ended it.
    pub reason: Exit,
    /// Session of the exit.
    pub exit_date: NaiveDate,
    /// Price of the exit, split basis.
    pub exit_price: f64,
    /// Sessions held, those of entry and exit counted.
    pub bars_held: u32,
    /// Return of the position before costs.
    pub gross: f64,
    /// Cost of the round trip, a share of the value entered.
    pub cost: f64,
    /// Return after costs.
    pub net: f64,
}

/// A signal as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSignal {
    /// Its key.
    pub signal_id: i64,
    /// Who gave it.
    pub model_id: i64,
    /// The signal.
    pub signal: NewSignal,
    /// Its prediction.
    pub prediction: NightPrediction,
    /// The next session's open, split basis.
    pub entry: Option<f64>,
    /// `open`, `settled` or `void`.
    pub state: String,
    /// Why it is void.
    pub void: Option<String>,
    /// What came of it.
    pub outcome: Option<StoredOutcome>,
}

/// What a night learns of an open signal.
#[derive(Clone, Debug, PartialEq)]
pub enum SignalChange {
    /// It stays open: its close on today's split basis, and its entry as far as it is known.
    Marked {
        /// Close of the session of the decision.
        close: f64,
        /// Price of the entry.
        entry: Option<f64>,
    },
    /// It is settled.
    Settled {
        /// Close of the session of the decision, on today's split basis.
        close: f64,
        /// Price of the entry.
        entry: f64,
        /// What came of it.
        outcome: StoredOutcome,
    },
    /// It cannot be settled.
    Void {
        /// Why.
        reason: String,
    },
}

/// Outcomes in sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SettledSum {
    /// Signals settled.
    pub signals: u32,
    /// Those of them that made money after costs.
    pub wins: u32,
    /// Mean return after costs.
    pub net: Option<f64>,
}
