//! The backtest: what trading by out-of-fold decisions would have earned, session by session and trade by trade.
//!
//! Entry is the next session's open, the exit is the label's, and no symbol is held twice at a time. A position's size
//! is `g9_risk_per_trade / risk` of equity, so that each loses the same share at its stop, but at most
//! `1 / g9_max_positions`: a full book never borrows, and no size depends on which other positions happen to be open. Where
//! half-widths lie below `g9_risk_per_trade * g9_max_positions` (10 % by default) the cap decides and all are of one size.
//! A sold position earns what the long one loses. Costs are a share of the value entered, half at the entry and half at
//! the exit, as in the label's net return.
//!
//! Pure: no clock, no disk. A training run calls [`run`] for gate G9 and for each refit without a signal, whose paths
//! come from other rows ([`path`]); `report` has the figures that people read.

mod book;
mod path;
mod report;
mod select;

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use super::gates::{Economics, Trade};
use crate::config::strategy::PromotionGates;
use crate::labels::Class;
use crate::market::{Regime, Symbol};

pub use path::{path, reason};
pub use report::{AgainstMarket, Group, Interval, Performance, Report, Year, buy_and_hold};

/// What is done: HOLD is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, strum::Display)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum Side {
    /// Sold short.
    Sell,
    /// Bought.
    Buy,
}

/// What ended a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Exit {
    /// The upper barrier.
    Upper,
    /// The lower barrier.
    Lower,
    /// An open beyond the upper barrier.
    GapUp,
    /// An open beyond the lower barrier.
    GapDown,
    /// The close of the horizon's last session, or of the last one that has a bar.
    Horizon,
    /// Both barriers lie in one bar: the stop is taken to have come first.
    Ambiguous,
}

/// A long position from entry to exit.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Price of the entry, an open.
    pub entry: f64,
    /// Its sessions, ascending: that of the entry first, that of the exit last.
    pub dates: Vec<NaiveDate>,
    /// Value at the close of each, as a multiple of the entry; the last is that of the exit.
    pub values: Vec<f64>,
    /// What ended it.
    pub exit: Exit,
}

/// A decision to trade, taken after the close of `date` by a model that had not learnt from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When.
    pub date: NaiveDate,
    /// What.
    pub symbol: Symbol,
    /// Test block of the row.
    pub fold: u32,
    /// The symbol's regime on the date.
    pub regime: Regime,
    /// Which way.
    pub side: Side,
    /// Distance of the barriers from the entry, as a fraction of it.
    pub risk: f64,
    /// Lift of the decision over its prior: the strongest of a session are taken first.
    pub strength: f64,
    /// What came.
    pub path: Path,
}

/// Under which terms decisions are traded.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// All sessions of the test period, ascending. Sessions that positions end in after the last are added.
    pub sessions: &'a [NaiveDate],
    /// The universe, whose order decides between equally strong decisions.
    pub universe: &'a [Symbol],
    /// Basis points of the price for entering and leaving together.
    pub round_trip_cost_bp: f64,
    /// How many positions, of what size, and the stress on costs.
    pub rule: &'a PromotionGates,
    /// Sessions a year: 252, or 365 for markets that never close.
    pub sessions_a_year: f64,
}

/// A closed position, as the table `trades` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClosedTrade {
    /// Of which symbol.
    pub symbol: Symbol,
    /// Date of the decision.
    pub date: NaiveDate,
    /// Test block.
    pub fold: u32,
    /// Which way.
    pub side: Side,
    /// Regime on the date of the decision.
    pub regime: Regime,
    /// Session of the entry.
    pub entry_date: NaiveDate,
    /// Price of the entry.
    pub entry: f64,
    /// Session of the exit.
    pub exit_date: NaiveDate,
    /// Price of the exit.
    pub exit_price: f64,
    /// What ended it.
    pub reason: Exit,
    /// Sessions held, that of the entry and that of the exit counted.
    pub bars_held: u32,
    /// Value entered as a share of the equity at the close before.
    pub weight: f64,
    /// Return of the position before costs: for a sold one, that of the long position with the sign turned.
    pub gross_return: f64,
    /// Cost of the round trip, a share of the value entered.
    pub cost: f64,
    /// Return of the position after costs.
    pub net_return: f64,
    /// What it added to equity after costs, as a share of the equity at the start.
    pub added: f64,
}

/// What came of trading by the decisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Backtest {
    /// All sessions, and those after the last in which positions ended.
    pub sessions: Vec<NaiveDate>,
    /// Return of each session without costs; 0 without a position.
    pub gross: Vec<f64>,
    /// After costs.
    pub net: Vec<f64>,
    /// After `g9_cost_stress` times the costs.
    pub stressed: Vec<f64>,
    /// Value held in each session, both ways added, as a share of the equity at the close before, after costs.
    pub exposure: Vec<f64>,
    /// All positions by entry, of one entry session the strongest first.
    pub trades: Vec<ClosedTrade>,
    /// Decisions passed over because their symbol was held.
    pub overlapping: u32,
    /// Decisions passed over because the book was full.
    pub crowded_out: u32,
    /// Sessions a year.
    pub sessions_a_year: f64,
}

/// Why decisions cannot be traded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BacktestError {
    /// A symbol that the universe does not hold.
    #[error("the decision of {date} is about {symbol}, which the universe of the backtest does not hold")]
    Unknown {
        /// Which.
        symbol: Symbol,
        /// Date of the decision.
        date: NaiveDate,
    },
    /// Two decisions of one symbol on one date.
    #[error("{symbol} has two decisions on {date}; a backtest needs one a symbol and date")]
    Twice {
        /// Which.
        symbol: Symbol,
        /// The date.
        date: NaiveDate,
    },
    /// A figure that is none, or a path that does not begin after the decision and within the test period.
    #[error("the decision about {symbol} on {date} cannot be traded: {what}")]
    Unsound {
        /// Which.
        symbol: Symbol,
        /// Date of the decision.
        date: NaiveDate,
        /// What is wrong.
        what: &'static str,
    },
    /// The sessions are not in order.
    #[error("the sessions of the test period do not ascend; sort them and leave out repetitions")]
    Sessions,
}

impl Side {
    /// The side of a class; `None` for HOLD.
    pub const fn of(class: Class) -> Option<Self> {
        match class {
            Class::Sell => Some(Self::Sell),
            Class::Hold => None,
            Class::Buy => Some(Self::Buy),
        }
    }

    /// The class it trades for.
    pub const fn class(self) -> Class {
        match self {
            Self::Sell => Class::Sell,
            Self::Buy => Class::Buy,
        }
    }

    /// What a gain of the long position is worth to it.
    const fn sign(self) -> f64 {
        match self {
            Self::Sell => -1.0,
            Self::Buy => 1.0,
        }
    }
}

impl Path {
    /// Value at the exit as a multiple of the entry.
    fn last(&self) -> f64 {
        self.values.last().copied().unwrap_or(1.0)
    }
}

impl Decision {
    /// Session of the entry; the decision's own for a path without sessions, which [`run`] refuses.
    fn entered(&self) -> NaiveDate {
        self.path.dates.first().copied().unwrap_or(self.date)
    }

    /// Session of the exit.
    fn left(&self) -> NaiveDate {
        self.path.dates.last().copied().unwrap_or(self.date)
    }

    /// What keeps it from being traded over sessions that begin with `first`.
    fn fault(&self, first: NaiveDate) -> Option<&'static str> {
        let path = &self.path;
        let ascending = path.dates.windows(2).all(|w| w[0] < w[1]);
        let sound = |v: f64| v.is_finite() && v > 0.0;
        if path.dates.is_empty() || path.dates.len() != path.values.len() || !ascending {
            Some("its path needs one value for each of its sessions, in order")
        } else if self.entered() <= self.date || self.entered() < first {
            Some("its entry is not after the decision and within the sessions of the test")
        } else if !(sound(path.entry) && path.values.iter().copied().all(sound)) {
            Some("a price of its path is not a number above 0")
        } else if !(sound(self.risk) && self.strength.is_finite()) {
            Some("its risk or strength is not a number, or it risks nothing")
        } else {
            None
        }
    }
}

/// Trades `decisions`, given in any order.
pub fn run(decisions: &[Decision], terms: &Terms<'_>) -> Result<Backtest, BacktestError> {
    check(decisions, terms)?;
    let rank: HashMap<Symbol, usize> = terms.universe.iter().enumerate().map(|(i, s)| (*s, i)).collect();
    let chosen = select::select(decisions, &rank, terms.rule.g9_max_positions as usize)?;
    let taken: Vec<&Decision> = chosen.taken.iter().map(|i| &decisions[*i]).collect();
    let sessions = book::axis(terms.sessions, &taken);
    let at = |multiple: f64| book::trade(&taken, &sessions, multiple * terms.round_trip_cost_bp / 10_000.0, terms.rule);
    let net = at(1.0);
    Ok(Backtest {
        gross: at(0.0).returns,
        stressed: at(terms.rule.g9_cost_stress).returns,
        sessions,
        net: net.returns,
        exposure: net.exposure,
        trades: net.trades,
        overlapping: chosen.overlapping,
        crowded_out: chosen.crowded_out,
        sessions_a_year: terms.sessions_a_year,
    })
}

fn check(decisions: &[Decision], terms: &Terms<'_>) -> Result<(), BacktestError> {
    if terms.sessions.windows(2).any(|w| w[0] >= w[1]) {
        return Err(BacktestError::Sessions);
    }
    let first = terms.sessions.first().copied().unwrap_or(NaiveDate::MIN);
    decisions.iter().try_for_each(|d| match d.fault(first) {
        Some(what) => Err(BacktestError::Unsound { symbol: d.symbol, date: d.date, what }),
        None => Ok(()),
    })
}

impl Backtest {
    /// The evidence of gate G9.
    pub fn economics(&self) -> Economics {
        Economics {
            net: self.net.clone(),
            stressed: self.stressed.clone(),
            trades: self.trades.iter().map(|t| Trade { symbol: t.symbol, net: t.added }).collect(),
            sessions_a_year: self.sessions_a_year,
        }
    }

    /// The sessions of each calendar year, as ranges of `sessions`.
    fn years(&self) -> impl Iterator<Item = (i32, std::ops::Range<usize>)> + '_ {
        let mut end = 0;
        self.sessions.chunk_by(|a, b| a.year() == b.year()).map(move |year| {
            let start = end;
            end += year.len();
            (year[0].year(), start..end)
        })
    }
}

#[cfg(test)]
mod tests;
