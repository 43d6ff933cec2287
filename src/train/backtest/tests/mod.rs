//! Trading by hand-made decisions, and what must hold for any.

mod by_hand;
mod of_any;
mod of_signals;

use chrono::Days;

use super::*;
use crate::config::strategy::StrategySettings;
use crate::market::Strategy;
use crate::train::bootstrap::Resampling;

const RESAMPLING: Resampling = Resampling { block: 5, draws: 40, seed: 1 };

fn rule() -> PromotionGates {
    PromotionGates { g9_risk_per_trade: 0.005, ..StrategySettings::shipped(Strategy::Turbomode).unwrap().promotion_gates }
}

fn day(n: usize) -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 1, 1).unwrap() + Days::new(n as u64)
}

fn symbol(n: usize) -> Symbol {
    Symbol::new(&format!("S{n}")).unwrap()
}

fn sessions(n: usize) -> Vec<NaiveDate> {
    (0..n).map(day).collect()
}

fn universe(n: usize) -> Vec<Symbol> {
    (0..n).map(symbol).collect()
}

/// A decision of session `on` that enters in the next and takes `values`; its strength is 1 and its risk 10 %.
fn decision(of: usize, on: usize, side: Side, values: &[f64]) -> Decision {
    let path = Path { entry: 50.0, dates: (1..=values.len()).map(|k| day(on + k)).collect(), values: values.to_vec(), exit: Exit::Horizon };
    Decision { date: day(on), symbol: symbol(of), fold: 0, regime: Regime::Normal, side, risk: 0.1, strength: 1.0, path }
}

/// Trades over ten symbols.
fn traded(decisions: &[Decision], days: usize, cost_bp: f64, rule: &PromotionGates) -> Result<Backtest, BacktestError> {
    let (sessions, universe) = (sessions(days), universe(10));
    run(decisions, &Terms { sessions: &sessions, universe: &universe, round_trip_cost_bp: cost_bp, rule, sessions_a_year: 252.0 })
}

fn near(got: &[f64], want: &[f64]) {
    assert!(got.len() == want.len() && got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{got:?} is not {want:?}");
}
