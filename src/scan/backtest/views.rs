//! A backtest as it is stored and shown.

use serde::{Deserialize, Serialize};

use crate::labels::Class;
use crate::market::{Strategy, Symbol};
use crate::train::backtest::Report;
use crate::train::model_views::ModelState;

/// What trading by the answers of one training run came to. Ratios are per year, shares are fractions, money is in the
/// currency of the prices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestReport {
    /// Whose.
    pub strategy: Strategy,
    /// The training run whose answers were traded.
    pub run_id: i64,
    /// The ensemble that answered.
    pub model_id: i64,
    /// Where the ensemble stood.
    pub state: ModelState,
    /// Id of the market data that the positions went through.
    pub snapshot: String,
    /// Id of the market data that the run learnt from and was tested on.
    pub trained_on: String,
    /// It in one sentence.
    pub headline: String,
    /// What a reader must know before they believe it, each a sentence.
    pub notes: Vec<String>,
    /// The terms of trade.
    pub terms: Traded,
    /// Where the decisions came from.
    pub source: Source,
    /// What came of them.
    pub figures: Report,
    /// Sharpe ratio a year after costs, its deviation corrected for autocorrelation (Newey and West 1987, Lo 2002).
    pub newey_west_sharpe: Option<f64>,
    /// How much of the Sharpe ratio may be the luck of many tries.
    pub deflated: Deflated,
    /// How much money fits; `None` where no volume is known.
    pub capacity: Option<Capacity>,
}

/// The terms of trade, as the rules in force have them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Traded {
    /// Cost of a round trip, basis points of the value entered.
    pub round_trip_cost_bp: f64,
    /// The multiple of the costs in `figures.stressed`.
    pub cost_stress: f64,
    /// Positions at a time, at most.
    pub max_positions: u32,
    /// Share of equity that a position loses at its stop, at most.
    pub risk_per_trade: f64,
    /// Between which quantiles of the bootstrap intervals lie: this and 1 minus it.
    pub bound_quantile: f64,
    /// Sides that are not traded, because the model gives no signals of them.
    pub muted: Vec<Class>,
}

/// Where the decisions came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Test blocks with predictions.
    pub blocks: usize,
    /// Sessions of embargo before each.
    pub embargo: usize,
    /// Predictions, those to hold among them.
    pub predictions: usize,
    /// Those to buy or sell on a side that is traded.
    pub decisions: usize,
    /// Decisions that could not become positions, by the reason.
    pub unplayed: Vec<Unplayed>,
    /// Decisions whose bars end, or have a hole, before the exit: such a position is left at the last close before it.
    pub cut_short: usize,
}

/// Decisions that could not become positions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unplayed {
    /// Why, in a few words.
    pub why: String,
    /// How many.
    pub decisions: usize,
}

/// The deflated Sharpe ratio (Bailey and López de Prado 2014).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deflated {
    /// The chance that the Sharpe ratio is better than that of the best of all trials would be by luck alone; `None` where
    /// returns do not vary.
    pub probability: Option<f64>,
    /// Configurations that were ever tried for the strategy.
    pub trials: usize,
    /// Sharpe ratio a year that the best of them would reach by luck.
    pub luck: f64,
    /// The chance that gate G9 asks for.
    pub needed: f64,
}

/// How much money fits. A position takes `participation` of its symbol's dollar volume at some equity, which is that share of
/// the median over the 20 sessions to the decision, divided by the position's share of equity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// Share of the dollar volume of a session.
    pub participation: f64,
    /// The equity at which one position in twenty takes more.
    pub equity: f64,
    /// The equity at which the first position does.
    pub first: f64,
    /// Whose position that is.
    pub symbol: Symbol,
    /// Trades whose volume is known.
    pub trades: usize,
}
