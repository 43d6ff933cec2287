//! Scans, signals and their outcomes as panes, pages and commands show them.
//!
//! Whoever scans makes these from the strategy's database; the engine puts [`SignalsView`] into its snapshot and passes the
//! rest on as answers to queries. Prices are on the split-adjusted basis of the stored bars.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::labels::Class;
use crate::market::{Strategy, Symbol};
use crate::train::backtest::{Exit, Side};

/// Where a signal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema, strum::Display, strum::EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SignalState {
    /// Neither barrier nor horizon has been reached.
    Open,
    /// Its outcome is known.
    Settled,
    /// It cannot be settled: a session has no bar, or its entry has no price.
    Void,
}

/// What came of a signal, by the rule that made the labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutcomeView {
    /// When it was settled, UTC seconds.
    pub settled_at: i64,
    /// Which barrier came first; `None` where both lay in one bar, which counts as a stop.
    pub class: Option<Class>,
    /// What ended it.
    pub reason: Exit,
    /// Session of the exit.
    pub exit_date: NaiveDate,
    /// Price of the exit.
    pub exit_price: f64,
    /// Sessions held, those of entry and exit counted.
    pub bars_held: u32,
    /// Return of the position before costs; a short one's is that of the long one with the sign turned.
    pub gross: f64,
    /// Cost of the round trip, a share of the value entered.
    pub cost: f64,
    /// Return after costs.
    pub net: f64,
}

/// A signal in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignalRow {
    /// Its key.
    pub signal_id: i64,
    /// The model that gave it.
    pub model_id: i64,
    /// Of which symbol.
    pub symbol: Symbol,
    /// Its sector.
    pub sector: String,
    /// Session after whose close it was decided.
    pub date: NaiveDate,
    /// Which way.
    pub side: Side,
    /// Calibrated probabilities of SELL, HOLD and BUY.
    pub p: [f64; 3],
    /// Probability of the side over its usual share, as a ratio.
    pub lift: f64,
    /// The symbol's regime.
    pub regime: String,
    /// Close of the session of the decision.
    pub close: f64,
    /// Price of the entry, the next session's open; `None` until there is one.
    pub entry: Option<f64>,
    /// Barriers around the entry; around the close as long as there is no entry.
    pub lower: f64,
    /// The upper one.
    pub upper: f64,
    /// Last session of the horizon.
    pub horizon_end: NaiveDate,
    /// Where it stands.
    pub state: SignalState,
    /// The newest close, of an open signal.
    pub last: Option<f64>,
    /// What came of it.
    pub outcome: Option<OutcomeView>,
    /// Why it is void, in a sentence.
    pub void: Option<String>,
}

/// What came of the signals that were settled lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Settled {
    /// How many.
    pub signals: u32,
    /// Those of them that made money after costs.
    pub wins: u32,
    /// Mean return after costs.
    pub net: Option<f64>,
}

/// The signals of one strategy, small enough for the first screen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignalsView {
    /// Whose.
    pub strategy: Strategy,
    /// The session of the newest scan.
    pub session: Option<NaiveDate>,
    /// When that was, UTC seconds.
    pub at: Option<i64>,
    /// The model that answered, if one did.
    pub model_id: Option<i64>,
    /// Its answers are on paper only: no signals come of them.
    pub paper: bool,
    /// Symbols of the universe.
    pub symbols: u32,
    /// Those that a signal may be given for.
    pub eligible: u32,
    /// Signals of that scan.
    pub new: u32,
    /// Open signals.
    pub open: u32,
    /// The newest of them, at most 20.
    pub shown: Vec<SignalRow>,
    /// Outcomes of the last 60 sessions.
    pub settled: Settled,
    /// How it stands, in a sentence: how many signals, or why there are none.
    pub words: String,
}

impl SignalsView {
    /// How a strategy stands that was never scanned.
    pub fn unscanned(strategy: Strategy, words: &str) -> Self {
        Self {
            strategy,
            session: None,
            at: None,
            model_id: None,
            paper: false,
            symbols: 0,
            eligible: 0,
            new: 0,
            open: 0,
            shown: Vec::new(),
            settled: Settled::default(),
            words: words.to_owned(),
        }
    }
}

/// What the newest scan made of a symbol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScannedSymbol {
    /// Which.
    pub symbol: Symbol,
    /// Its sector.
    pub sector: String,
    /// Calibrated probabilities of SELL, HOLD and BUY; `None` where the model was not asked.
    pub p: Option<[f64; 3]>,
    /// What was decided.
    pub decision: Option<Class>,
    /// Probability of the decision over its usual share, as a ratio.
    pub lift: Option<f64>,
    /// Its regime.
    pub regime: Option<String>,
    /// Why there is no signal, in a few words; `None` where there is one.
    pub why_none: Option<String>,
}

/// Everything the page of signals shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignalsPage {
    /// In short.
    pub view: SignalsView,
    /// Signals, newest first.
    pub signals: Vec<SignalRow>,
    /// The newest scan, symbol by symbol in the order of the universe.
    pub scanned: Vec<ScannedSymbol>,
}

/// What a feature adds to the probability of a signal's side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Contribution {
    /// Its name.
    pub feature: String,
    /// Its value on the date.
    pub value: f64,
    /// The same in standard deviations of the training rows.
    pub scaled: f64,
    /// By how much the probability of the side falls when the feature is at its training mean instead.
    pub adds: f64,
}

/// A past row that looked like a signal's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PastCase {
    /// Of which symbol.
    pub symbol: Symbol,
    /// When.
    pub date: NaiveDate,
    /// Distance in standard deviations of the training rows, root mean square over the features.
    pub distance: f64,
    /// What came.
    pub class: Class,
    /// Return of the signal's side after costs.
    pub net: f64,
}

/// Everything the page of one signal shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignalDetail {
    /// Whose.
    pub strategy: Strategy,
    /// The signal.
    pub row: SignalRow,
    /// What spoke for it, the largest first.
    pub contributions: Vec<Contribution>,
    /// The nearest past rows with what came of them, the nearest first.
    pub cases: Vec<PastCase>,
    /// Dates and closes from some weeks before the decision to the newest bar or the exit.
    pub closes: Vec<(NaiveDate, f64)>,
}

/// A sector: what it has to offer, and what came of its signals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SectorRow {
    /// Its name.
    pub sector: String,
    /// Symbols of the universe.
    pub symbols: u32,
    /// Labelled rows by class, SELL, HOLD, BUY; `None` before a data set was made.
    pub samples: Option<[u64; 3]>,
    /// Open signals.
    pub open: u32,
    /// Settled signals.
    pub settled: Settled,
    /// Newest probabilities of BUY less those of SELL, the mean of its symbols; `None` without a scan.
    pub lean: Option<f64>,
}
