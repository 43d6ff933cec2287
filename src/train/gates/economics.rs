//! G9: whether trading by the decisions earns after costs, and more than the best of as many tries without skill would.

use std::collections::BTreeMap;

use super::check::{Check, figure, percent};
use super::evidence::{Economics, Trade};
use super::{Gate, GateResult};
use crate::config::strategy::PromotionGates;
use crate::market::Symbol;
use crate::train::sharpe::{Track, annual_sharpe, drawdown, variance};

/// G9. The deflated Sharpe ratio counts every trial that was ever recorded for the strategy.
pub(super) fn economics(found: Option<&Economics>, trials: Option<&[f64]>, rule: &PromotionGates) -> GateResult {
    let Some(found) = found else { return GateResult::missing(Gate::Economics, "there is no backtest of its decisions") };
    let year = found.sessions_a_year;
    let depth = drawdown(&found.net).depth;
    let stress = format!("annual Sharpe ratio at {} times the costs", figure(rule.g9_cost_stress));
    let share = largest_share(&found.trades);
    let checks = [
        Check::above("annual Sharpe ratio after costs", annual_sharpe(&found.net, year), 0.0),
        deflated(found, trials, rule),
        Check::above(&stress, annual_sharpe(&found.stressed, year), 0.0),
        Check::at_most("deepest fall from a high, as a share of equity,", is_known(&found.net).then_some(depth), rule.g9_max_drawdown),
        Check::at_least("number of trades", Some(found.trades.len() as f64), rule.g9_min_trades.into()),
        match share {
            None => Check::fact(false, "the trades together earned nothing"),
            Some((symbol, part)) => {
                let name = format!("share of the profit from {symbol}, the largest ({}),", percent(part));
                Check::at_most(&name, Some(part), rule.g9_max_symbol_profit_share)
            }
        },
    ];
    GateResult::of(Gate::Economics, &checks)
}

fn deflated(found: &Economics, trials: Option<&[f64]>, rule: &PromotionGates) -> Check {
    let Some(trials) = trials.filter(|t| !t.is_empty() && is_known(t)) else {
        return Check::fact(false, "how many models were tried before this one is not recorded, so luck cannot be deducted");
    };
    let value = Track::of(&found.net).and_then(|track| track.deflated(trials.len(), variance(trials)));
    let name = format!("chance that the Sharpe ratio is not the luck of the best of {} trials", trials.len());
    Check::at_least(&name, value, rule.g9_min_deflated_sharpe)
}

fn is_known(values: &[f64]) -> bool {
    !values.is_empty() && values.iter().all(|v| v.is_finite())
}

/// The symbol that earned most, and its share of what all trades earned together; `None` if that is nothing.
fn largest_share(trades: &[Trade]) -> Option<(Symbol, f64)> {
    let mut profit: BTreeMap<Symbol, f64> = BTreeMap::new();
    for trade in trades {
        *profit.entry(trade.symbol).or_default() += trade.net;
    }
    let total: f64 = profit.values().sum();
    let (symbol, most) = profit.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (total > 0.0 && total.is_finite()).then(|| (symbol, most / total))
}
