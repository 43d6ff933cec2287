//! Replays worked out by hand, what must hold for any, and what signals of known worth earn.

mod by_hand;
mod of_any;
mod of_signals;

use chrono::{Days, NaiveDate};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::strategy::{HorizonUnit, StrategySettings};
use crate::features::bars::Adjusted;
use crate::labels::Class;
use crate::market::{Calendar, DailyBars, Regime, Strategy};
use crate::store::model::{TestBlock, Trial};

/// Days that the models of these runs learnt from, and of embargo; what is decided comes later.
const LEARNT: usize = 2;
const EMBARGO: usize = 3;

/// Barriers two ranges of two sessions from the entry, for three sessions; 10 bp a round trip; positions of 5 %.
fn rules() -> StrategySettings {
    let mut rules = StrategySettings::shipped(Strategy::Turbomode).unwrap();
    let label = &mut rules.validation.label;
    (label.atr_sessions, label.atr_multiple, label.horizon, label.horizon_unit) = (2, 2.0, 3, HorizonUnit::Sessions);
    (rules.validation.bootstrap_draws, rules.promotion_gates.g9_risk_per_trade) = (50, 0.05);
    rules
}

fn day(n: usize) -> NaiveDate {
    NaiveDate::from_ymd_opt(2021, 1, 1).unwrap() + Days::new(n as u64)
}

fn symbol(n: usize) -> Symbol {
    Symbol::new(&format!("C{n}-USD")).unwrap()
}

/// Daily bars from day 0 on, given as open, high, low and close.
fn bars(rows: &[[f64; 4]]) -> DailyBars {
    let column = |k: usize| rows.iter().map(|r| r[k]).collect();
    DailyBars {
        date: (0..rows.len()).map(day).collect(),
        open: column(0),
        high: column(1),
        low: column(2),
        close: column(3),
        volume: vec![1000.0; rows.len()],
    }
}

/// Markets that never close, so that each day is a session.
fn market(of: Vec<DailyBars>) -> Market {
    let mut market = Market::default();
    for (i, bars) in of.into_iter().enumerate() {
        let factor = vec![1.0; bars.len()];
        market.add(symbol(i), Calendar::Continuous, Adjusted { bars, factor });
    }
    market
}

fn prediction(of: usize, on: usize, decision: Class) -> FoldPrediction {
    FoldPrediction { symbol: symbol(of), date: day(on), fold: 0, p: [0.2, 0.2, 0.6], decision, edge: 1.2, regime: Regime::Normal }
}

/// A run of one test block, to day 400, that made these predictions.
fn run(mut predictions: Vec<FoldPrediction>, rules: &StrategySettings) -> TestedRun {
    predictions.sort_by_key(|p| (p.symbol, p.date));
    let first = day(LEARNT + EMBARGO + 1);
    let block = TestBlock { first, last: day(400), learnt_to: Some(day(LEARNT)), predictions: predictions.len() };
    let record = TestRecord { rules: rules.row_hash(), muted: Vec::new(), embargo: EMBARGO, blocks: vec![block] };
    TestedRun { run_id: 3, model_id: 9, state: ModelState::Rejected, seed: 1, snapshot: "then".into(), record, predictions }
}

fn replayed(run: &TestedRun, market: &Market, rules: &StrategySettings) -> Result<Replayed, Fault> {
    let trials = [Trial { run_id: 3, name: "ensemble".into(), at: 0, sharpe: Some(0.02) }];
    let stop = CancellationToken::new();
    replay(&Order { strategy: Strategy::Turbomode, run, rules, market, snapshot: "now", trials: &trials, stop: &stop })
}
