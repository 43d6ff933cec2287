//! The replay itself: from predictions and bars to positions, equity and figures. Pure: the same inputs give the same bytes.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use super::proof::prove;
use super::report::{Facts, report};
use super::tape::{Market, Tape, Unplayable, ranges};
use super::views::{BacktestReport, Source, Unplayed};
use super::{Fault, TestedRun};
use crate::config::strategy::StrategySettings;
use crate::labels::Class;
use crate::market::{AssetClass, Calendar, DAY, Strategy, Symbol, date_to_ts};
use crate::store::model::{BacktestCurve, FoldPrediction, Trial};
use crate::train::backtest::{self, Backtest, ClosedTrade, Decision, Side, buy_and_hold};

/// What a replay is made of.
pub struct Order<'a> {
    /// Whose.
    pub strategy: Strategy,
    /// The run whose answers are traded.
    pub run: &'a TestedRun,
    /// The rules in force: terms of trade, and how exits and intervals are worked out.
    pub rules: &'a StrategySettings,
    /// The bars.
    pub market: &'a Market,
    /// Id of the market data.
    pub snapshot: &'a str,
    /// Every configuration that was ever tried for the strategy.
    pub trials: &'a [Trial],
    /// Ends the work within a second.
    pub stop: &'a CancellationToken,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// The figures.
    pub report: BacktestReport,
    /// The equity.
    pub curve: BacktestCurve,
    /// The positions, by entry. Prices are those of the stored bars, split-adjusted; returns have the dividends in them.
    pub trades: Vec<ClosedTrade>,
}

/// What the predictions of a symbol come to.
#[derive(Default)]
struct Taken {
    decisions: Vec<Decision>,
    unplayable: BTreeMap<Unplayable, usize>,
    cut_short: usize,
}

/// Trades by the decisions of a run, after the proof that its models had learnt from none of the days.
pub fn replay(order: &Order<'_>) -> Result<Replayed, Fault> {
    let (run, rules) = (order.run, order.rules);
    if run.record.rules != rules.row_hash() {
        return Err(Fault::OtherRules { run_id: run.run_id });
    }
    let calendar = axis_of(&run.predictions, order.market);
    prove(&run.record, &run.predictions, &sessions_of(&run.record.blocks, calendar))?;
    let taken = order.taken()?;
    let source = order.source(&taken);
    let decisions: Vec<Decision> = taken.into_iter().flat_map(|t| t.decisions).collect();
    let dates = || run.predictions.iter().map(|p| p.date);
    let test = dates().min().zip(dates().max()).map_or_else(Vec::new, |range| sessions_between(calendar, range));
    let asset = if calendar == Calendar::Xnys { AssetClass::Stock } else { AssetClass::Crypto };
    let terms = backtest::Terms {
        sessions: &test,
        universe: &order.market.symbols,
        round_trip_cost_bp: rules.validation.label.round_trip_cost_bp,
        rule: &rules.promotion_gates,
        sessions_a_year: asset.sessions_a_year(),
    };
    let mut traded = backtest::run(&decisions, &terms)?;
    order.go_on()?;
    let benchmark = buy_and_hold(&order.market.bars, &traded.sessions);
    let report = report(&Facts { order, traded: &traded, benchmark: &benchmark, source });
    order.go_on()?;
    order.as_stored(&mut traded);
    let Backtest { sessions, gross, net, trades, .. } = traded;
    Ok(Replayed { report, curve: BacktestCurve { session: sessions, gross, net, benchmark }, trades })
}

impl Order<'_> {
    pub(super) fn go_on(&self) -> Result<(), Fault> {
        if self.stop.is_cancelled() { Err(Fault::Stopped) } else { Ok(()) }
    }

    /// The decisions of each symbol with their positions, symbols in the order of the predictions.
    fn taken(&self) -> Result<Vec<Taken>, Fault> {
        let place: HashMap<Symbol, usize> = self.market.symbols.iter().enumerate().map(|(i, s)| (*s, i)).collect();
        let known = [Calendar::Xnys, Calendar::Continuous].map(|calendar| (calendar, self.market.known(calendar)));
        let newest = |calendar| known.iter().find(|(c, _)| *c == calendar).map_or(NaiveDate::MIN, |(_, date)| *date);
        let of_symbol: Vec<&[FoldPrediction]> = self.run.predictions.chunk_by(|a, b| a.symbol == b.symbol).collect();
        let follow = |predictions: &&[FoldPrediction]| {
            self.go_on()?;
            let symbol = predictions[0].symbol;
            let at = *place.get(&symbol).ok_or(Fault::NoMarket(symbol))?;
            let (bars, calendar, rule) = (&self.market.bars[at], self.market.calendars[at], &self.rules.validation.label);
            let atr = ranges(bars, rule);
            let tape = Tape::new(bars, &atr, (calendar, newest(calendar)), rule);
            Ok(self.followed(predictions, &tape))
        };
        of_symbol.par_iter().map(follow).collect()
    }

    fn followed(&self, predictions: &[FoldPrediction], tape: &Tape<'_>) -> Taken {
        let mut taken = Taken::default();
        for p in predictions {
            let Some(side) = self.side(p.decision) else { continue };
            match tape.follow(p.date, side) {
                Ok(way) => {
                    taken.cut_short += usize::from(way.cut_short);
                    let FoldPrediction { symbol, date, fold, regime, edge, .. } = *p;
                    taken.decisions.push(Decision { date, symbol, fold, regime, side, risk: way.risk, strength: edge, path: way.path });
                }
                Err(why) => *taken.unplayable.entry(why).or_default() += 1,
            }
        }
        taken
    }

    /// The side that is traded by a decision.
    fn side(&self, decision: Class) -> Option<Side> {
        Side::of(decision).filter(|_| !self.run.record.muted.contains(&decision))
    }

    fn source(&self, taken: &[Taken]) -> Source {
        let mut unplayed: BTreeMap<Unplayable, usize> = BTreeMap::new();
        for (why, n) in taken.iter().flat_map(|t| &t.unplayable) {
            *unplayed.entry(*why).or_default() += n;
        }
        let predictions = &self.run.predictions;
        Source {
            blocks: self.run.record.blocks.iter().filter(|b| b.predictions > 0).count(),
            embargo: self.run.record.embargo,
            predictions: predictions.len(),
            decisions: predictions.iter().filter(|p| self.side(p.decision).is_some()).count(),
            unplayed: unplayed.into_iter().map(|(why, decisions)| Unplayed { why: why.to_string(), decisions }).collect(),
            cut_short: taken.iter().map(|t| t.cut_short).sum(),
        }
    }

    /// Takes the prices of trades back to the stored bars: the forward factors of dividends are not a price that anybody saw.
    fn as_stored(&self, traded: &mut Backtest) {
        let place: HashMap<Symbol, usize> = self.market.symbols.iter().enumerate().map(|(i, s)| (*s, i)).collect();
        for trade in &mut traded.trades {
            let Some(&at) = place.get(&trade.symbol) else { continue };
            let factor = |date| self.market.bars[at].date.binary_search(&date).map_or(1.0, |row| self.market.factors[at][row]);
            trade.entry /= factor(trade.entry_date);
            trade.exit_price /= factor(trade.exit_date);
        }
    }
}

/// The sessions in which a backtest is counted: those of shares where any was predicted.
fn axis_of(predictions: &[FoldPrediction], market: &Market) -> Calendar {
    let is_share = |symbol: &Symbol| market.symbols.iter().zip(&market.calendars).any(|(s, c)| s == symbol && *c == Calendar::Xnys);
    let shares = predictions.chunk_by(|a, b| a.symbol == b.symbol).any(|of| is_share(&of[0].symbol));
    if shares { Calendar::Xnys } else { Calendar::Continuous }
}

/// Sessions from what was learnt first to the end of the last block.
fn sessions_of(blocks: &[crate::store::model::TestBlock], calendar: Calendar) -> Vec<NaiveDate> {
    let first = blocks.iter().filter_map(|b| b.learnt_to).min();
    first.zip(blocks.last().map(|b| b.last)).map_or_else(Vec::new, |range| sessions_between(calendar, range))
}

fn sessions_between(calendar: Calendar, (first, last): (NaiveDate, NaiveDate)) -> Vec<NaiveDate> {
    let around = calendar.sessions(date_to_ts(first) - DAY, date_to_ts(last) + 2 * DAY);
    around.map(|s| s.date).filter(|d| (first..=last).contains(d)).collect()
}
