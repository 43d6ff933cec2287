//! The meta-learner: how the answers of the base models become one.
//!
//! A multinomial logistic regression on each model's two centred log-odds and the regime. For a test block it learns from
//! out-of-fold answers of earlier blocks only. It ships where it beats the plain mean and the best single model by paired
//! block bootstrap, else the plain mean does.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Fold;
use super::bootstrap::{ByDate, Estimate, Resampling};
use super::metrics::{Probabilities, log_loss, nats, surprise};
use super::multinomial::{Design, Multinomial};
use super::newton::NewtonError;
use crate::config::strategy::MetaLearner;
use crate::labels::Class;
use crate::market::Regime;

/// What is known of a row beside the models' answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BaseRow {
    /// Date of the decision.
    pub date: NaiveDate,
    /// Its regime.
    pub regime: Regime,
    /// What came.
    pub class: Class,
    /// Shares of the classes in the fold the base models learnt from.
    pub prior: Probabilities,
    /// How much it counts in a fit.
    pub weight: f64,
}

/// Out-of-fold answers of the base models.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// The rows.
    pub rows: &'a [BaseRow],
    /// Answers of each model, a row each.
    pub answers: &'a [Vec<Probabilities>],
}

/// A fitted meta-learner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta(Multinomial);

/// What makes the ensemble's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Combination {
    /// The plain mean of the models' probabilities.
    Mean,
    /// The meta-learner.
    Meta,
}

/// Answers of mean and meta-learner out of fold, and which of the two ships.
#[derive(Clone, Debug, PartialEq)]
pub struct Stacked {
    /// What ships.
    pub ships: Combination,
    /// The shipped answer of each row; `None` outside every test. Blocks before the first fit of a meta-learner have the mean.
    pub answers: Vec<Option<Probabilities>>,
    /// The comparison; `None` where no block had a meta-learner.
    pub comparison: Option<Comparison>,
}

/// The meta-learner against what it must beat, on the rows it answered. Gains are log loss saved, in nats a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Number of the single model with the least loss on these rows.
    pub best_model: usize,
    /// Gain over the mean.
    pub over_mean: Estimate,
    /// Gain over that model.
    pub over_best: Estimate,
}

impl Comparison {
    /// Whether both gains are above 0 at the quantile that is a lower bound.
    pub fn won(&self, bound_quantile: f64) -> bool {
        [&self.over_mean, &self.over_best].iter().all(|gain| gain.bound(bound_quantile).is_some_and(|low| low > 0.0))
    }
}

impl Base<'_> {
    /// The plain mean of the models' answers on a row.
    pub fn mean(&self, row: usize) -> Probabilities {
        let n = self.answers.len() as f64;
        std::array::from_fn(|k| self.answers.iter().map(|model| model[row][k]).sum::<f64>() / n)
    }

    /// The models' answers on a row.
    fn of_row(&self, row: usize) -> impl Iterator<Item = &Probabilities> {
        self.answers.iter().map(move |model| &model[row])
    }
}

impl Meta {
    /// Learns from `rows` of `base`.
    pub fn fit(base: &Base, rows: &[usize], l2: f64) -> Result<Self, NewtonError> {
        let mut design = Design::default();
        for &r in rows {
            let row = &base.rows[r];
            design.inputs.extend(inputs(row.regime, &row.prior, base.of_row(r)));
            design.class.push(row.class);
            design.prior.push(row.prior);
            design.weight.push(row.weight);
        }
        Multinomial::fit(&design, l2).map(Self)
    }

    /// The combined answer to the models' `answers`, given in the order they were learnt in.
    pub fn predict<'p>(
        &self,
        regime: Regime,
        prior: &Probabilities,
        answers: impl IntoIterator<Item = &'p Probabilities>,
    ) -> Probabilities {
        self.0.predict(&inputs(regime, prior, answers), prior)
    }
}

/// The regime as five zeros and ones, and two inputs a model: the centred log-odds of SELL and of BUY (Aitchison 1986),
/// `ln p - mean ln p`, less those of the prior, so that a model that only knows the prior says 0.
fn inputs<'p>(regime: Regime, prior: &Probabilities, answers: impl IntoIterator<Item = &'p Probabilities>) -> Vec<f64> {
    let centred = |p: &Probabilities| {
        let logs = p.map(|v| -nats(v));
        let mean = logs.iter().sum::<f64>() / Class::COUNT as f64;
        [logs[Class::Sell.index()] - mean, logs[Class::Buy.index()] - mean]
    };
    let none = centred(prior);
    let mut out: Vec<f64> = Regime::ALL.iter().map(|r| f64::from(u8::from(*r == regime))).collect();
    out.extend(answers.into_iter().flat_map(|p| {
        let [sell, buy] = centred(p);
        [sell - none[0], buy - none[1]]
    }));
    out
}

/// Combines the answers on the test rows of each fold, and decides what ships. `folds` are the test blocks in order of
/// time; a fold's `learn` are rows of earlier tests whose labels had ended (`Splits::out_of_fold`).
pub fn stack(base: &Base, folds: &[Fold], rule: &MetaLearner, bound_quantile: f64, resampling: Resampling) -> Result<Stacked, NewtonError> {
    let mut meta: Vec<Option<Probabilities>> = vec![None; base.rows.len()];
    let mut answers = meta.clone();
    for (block, fold) in folds.iter().enumerate() {
        for &r in &fold.test {
            answers[r] = Some(base.mean(r));
        }
        if rule.enabled && block >= rule.min_blocks as usize && !fold.learn.is_empty() {
            let fitted = Meta::fit(base, &fold.learn, rule.l2)?;
            for &r in &fold.test {
                meta[r] = Some(fitted.predict(base.rows[r].regime, &base.rows[r].prior, base.of_row(r)));
            }
        }
    }
    let judged: Vec<(usize, Probabilities)> = meta.iter().enumerate().filter_map(|(r, p)| Some((r, (*p)?))).collect();
    let comparison = compare(base, &judged, resampling);
    let ships = if comparison.as_ref().is_some_and(|c| c.won(bound_quantile)) { Combination::Meta } else { Combination::Mean };
    if ships == Combination::Meta {
        for (r, p) in judged {
            answers[r] = Some(p);
        }
    }
    Ok(Stacked { ships, answers, comparison })
}

/// `None` without rows or models.
fn compare(base: &Base, judged: &[(usize, Probabilities)], resampling: Resampling) -> Option<Comparison> {
    let loss = |model: &[Probabilities]| log_loss(judged.iter().map(|(r, _)| (base.rows[*r].class, model[*r], 1.0)));
    let losses: Option<Vec<f64>> = base.answers.iter().map(|model| loss(model)).collect();
    let (best_model, _) = losses?.into_iter().enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let by_date = ByDate::new(judged.iter().map(|(r, _)| base.rows[*r].date), resampling);
    let gain = |rival: &dyn Fn(usize) -> Probabilities| {
        let terms = judged.iter().enumerate().map(|(i, (r, p))| {
            let class = base.rows[*r].class;
            (i, [surprise(class, &rival(*r)) - surprise(class, p), 1.0])
        });
        by_date.of_sums(terms, |[saved, rows]| (*rows > 0.0).then(|| saved / rows))
    };
    Some(Comparison { best_model, over_mean: gain(&|r| base.mean(r)), over_best: gain(&|r| base.answers[best_model][r]) })
}

#[cfg(test)]
mod tests;
