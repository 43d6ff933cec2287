//! From decisions on out-of-fold rows to the backtest that judges them.

use chrono::NaiveDate;

use super::pooled::{Outcomes, Pool, is_traded, lift};
use crate::config::strategy::StrategySettings;
use crate::dataset::DataSet;
use crate::labels::Class;
use crate::market::Calendar;
use crate::train::backtest::{self, Backtest, BacktestError, Decision, Side, path};
use crate::train::gates::Judged;

/// Sessions a year of a data set: those of shares where there are any.
pub fn sessions_a_year(data: &DataSet) -> f64 {
    // A weekend among the sessions means that nothing ever closes.
    let open = data.sessions.iter().any(|date| Calendar::Xnys.session_on(*date).is_none());
    let asset = if open { crate::market::AssetClass::Crypto } else { crate::market::AssetClass::Stock };
    asset.sessions_a_year()
}

/// Trades by the decisions on `judged` rows, which stand at the positions `at` of the pool.
pub fn trade(
    data: &DataSet,
    pool: &Pool,
    (judged, at): (&[Judged], &[usize]),
    outcomes: Outcomes<'_>,
    (rules, muted): (&StrategySettings, &[Class]),
) -> Result<Backtest, BacktestError> {
    let s = &data.samples;
    let decision = |(row, &at): (&Judged, &usize)| {
        let sample = pool.rows[at];
        let outcome = outcomes.of(sample);
        is_traded(row, muted).then(|| path(s, &data.bars, sample, outcome)).flatten().map(|path| Decision {
            date: row.date,
            symbol: row.symbol,
            fold: pool.block[at],
            regime: row.regime,
            side: if row.decision == Class::Buy { Side::Buy } else { Side::Sell },
            risk: s.risk[outcome],
            strength: lift(row),
            path,
        })
    };
    let decisions: Vec<Decision> = judged.iter().zip(at).filter_map(decision).collect();
    let range = judged.iter().map(|r| r.date).min().zip(judged.iter().map(|r| r.date).max());
    let sessions: Vec<NaiveDate> =
        range.map_or_else(Vec::new, |(first, last)| data.sessions.iter().copied().filter(|d| (first..=last).contains(d)).collect());
    let terms = backtest::Terms {
        sessions: &sessions,
        universe: &s.symbols,
        round_trip_cost_bp: rules.validation.label.round_trip_cost_bp,
        rule: &rules.promotion_gates,
        sessions_a_year: sessions_a_year(data),
    };
    backtest::run(&decisions, &terms)
}
