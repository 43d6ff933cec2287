//! Step 9: what the ensemble is worth out of fold, in all and by regime, sector and symbol, in figures for people.

use serde::{Deserialize, Serialize};

use super::curves::Curves;
use crate::config::strategy::{ModelName, StrategySettings};
use crate::labels::Class;
use crate::market::{Regime, Universe};
use crate::train::backtest::{Backtest, Report};
use crate::train::gates::{Estimates, Judged};
use crate::train::metrics::direction::buy_share;
use crate::train::metrics::{Confusion, auc, brier, calibration_slope, ece_equal_mass, log_loss, skill};
use crate::train::model_views::Metric;
use crate::train::pipeline::pooled::Decided;
use crate::train::stack::Combination;

/// What is kept of the figures of an ensemble. `skill` and `auc` stand apart because lists show them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Log loss saved against the prior, as a share of it.
    pub skill: Option<f64>,
    /// AUC of BUY against SELL.
    pub auc: Option<f64>,
    /// Mean or meta-learner, with what the two differ by.
    pub combination: String,
    /// Figures, the most telling first.
    pub metrics: Vec<Metric>,
    /// By regime.
    pub regimes: Vec<Part>,
    /// By sector.
    pub sectors: Vec<Part>,
    /// By symbol.
    pub symbols: Vec<Part>,
    /// Trading by the decisions.
    pub backtest: Report,
    /// What charts are drawn from; `None` of an ensemble that an earlier version of the program made.
    #[serde(default)]
    pub curves: Option<Curves>,
}

/// Rows that share something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What.
    pub name: String,
    /// How many rows.
    pub rows: usize,
    /// Log loss saved against the prior, as a share of it.
    pub skill: Option<f64>,
    /// AUC of BUY against SELL.
    pub auc: Option<f64>,
    /// Decisions to buy, and to sell.
    pub decisions: [usize; 2],
}

impl Part {
    fn of<'a>(name: String, rows: &(impl Iterator<Item = &'a Judged> + Clone)) -> Self {
        let count = |side: Class| rows.clone().filter(|r| r.decision == side).count();
        let loss = log_loss(rows.clone().map(|r| (r.class, r.p, 1.0)));
        let prior = log_loss(rows.clone().map(|r| (r.class, r.prior, 1.0)));
        let sided = rows.clone().filter(|r| r.class != Class::Hold);
        Self {
            name,
            rows: rows.clone().count(),
            skill: loss.zip(prior).and_then(|(loss, prior)| skill(loss, prior)),
            auc: auc(sided.map(|r| (buy_share(&r.p), r.class == Class::Buy))),
            decisions: [count(Class::Buy), count(Class::Sell)],
        }
    }
}

/// The figures of `rows` and of trading by their decisions, without curves. `parameters` are the learned numbers of all base models.
pub fn scores(
    rows: &[Judged],
    (backtest, report): (&Backtest, Report),
    (estimates, rules): (&Estimates, &StrategySettings),
    universe: &Universe,
    (combination, parameters): (&str, usize),
) -> Scores {
    let sector = |row: &Judged| universe.get(row.symbol).map_or("", |i| i.sector.as_str());
    let mut sectors: Vec<&str> = universe.instruments.iter().map(|i| i.sector.as_str()).collect();
    sectors.sort_unstable();
    sectors.dedup();
    let present = |parts: Vec<Part>| parts.into_iter().filter(|p| p.rows > 0).collect();
    let regime = |g: &Regime| Part::of(g.name().to_owned(), &rows.iter().filter(move |r| r.regime == *g));
    let symbol = |i: &crate::market::Instrument| Part::of(i.symbol.to_string(), &rows.iter().filter(|r| r.symbol == i.symbol));
    Scores {
        skill: estimates.skill.value,
        auc: estimates.auc.value,
        combination: combination.to_owned(),
        metrics: metrics(rows, (backtest, &report), (estimates, rules), parameters),
        regimes: present(Regime::ALL.iter().map(regime).collect()),
        sectors: present(sectors.iter().map(|s| Part::of((*s).to_owned(), &rows.iter().filter(|r| sector(r) == *s))).collect()),
        symbols: present(universe.instruments.iter().map(symbol).collect()),
        backtest: report,
        curves: None,
    }
}

fn metrics(
    rows: &[Judged],
    (backtest, report): (&Backtest, &Report),
    (estimates, rules): (&Estimates, &StrategySettings),
    parameters: usize,
) -> Vec<Metric> {
    let q = rules.promotion_gates.bound_quantile;
    let answers: Vec<_> = rows.iter().map(|r| (r.class, r.p)).collect();
    let counts = Confusion::of(rows.iter().map(|r| (r.class, r.decision, 1.0)));
    let n_eff: f64 = rows.iter().map(|r| r.uniqueness).sum();
    let of = |name: &str, value: Option<f64>, interval| value.map(|value| Metric { name: name.to_owned(), value, interval });
    let plain = |name: &str, value: Option<f64>| of(name, value, None);
    let estimated = |name: &str, e: &crate::train::bootstrap::Estimate| of(name, e.value, e.bound(q).zip(e.bound(1.0 - q)));
    let sharpe = report.net.interval.as_ref().map(|i| (i.low, i.high));
    [
        estimated("AUC of BUY against SELL", &estimates.auc),
        estimated("directional log-loss skill", &estimates.directional_skill),
        estimated("three-class log-loss skill", &estimates.skill),
        plain("AUC of HOLD, timing of volatility", estimates.hold_auc),
        estimated("balanced accuracy", &estimates.balanced_accuracy),
        plain("macro-F1", counts.macro_f1()),
        plain("precision of BUY", counts.precision(Class::Buy)),
        plain("precision of SELL", counts.precision(Class::Sell)),
        plain("recall of BUY", counts.recall(Class::Buy)),
        plain("recall of SELL", counts.recall(Class::Sell)),
        plain("log loss, nats", log_loss(rows.iter().map(|r| (r.class, r.p, 1.0)))),
        plain("Brier score", brier(rows.iter().map(|r| (r.class, r.p, 1.0)))),
        plain("calibration error", ece_equal_mass(&answers, rules.promotion_gates.g7_bins as usize)),
        plain("calibration slope", calibration_slope(&answers)),
        of("annual Sharpe ratio after costs", report.net.sharpe, sharpe),
        plain("annual Sharpe ratio before costs", report.gross.sharpe),
        plain("annual growth after costs", report.net.growth),
        plain("deepest fall from a high", Some(report.net.drawdown)),
        plain("trades", Some(backtest.trades.len() as f64)),
        plain("turnover a year", report.turnover),
        plain("test rows", Some(rows.len() as f64)),
        plain("independent test rows", Some(n_eff)),
        plain("learned numbers", Some(parameters as f64)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What ships of mean and meta-learner, and what they differ by, in words that follow "ships".
pub fn combination(decided: &Decided, models: &[ModelName]) -> String {
    let Some(c) = &decided.stacked.comparison else {
        return "plain mean: no block had a meta-learner".to_owned();
    };
    let gain = |e: &crate::train::bootstrap::Estimate| e.value.map_or("an unknown amount".to_owned(), |v| format!("{v:+.4} nats"));
    let best = models.get(c.best_model).map(ToString::to_string).unwrap_or_default();
    let saved = format!("{} a row over the mean and {} over {best}, the best single model", gain(&c.over_mean), gain(&c.over_best));
    match decided.stacked.ships {
        Combination::Meta => format!("meta-learner, which saves {saved}"),
        Combination::Mean => format!("plain mean: a meta-learner would save {saved}, too little to be sure"),
    }
}
