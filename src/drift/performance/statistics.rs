//! The statistics of performance, on rows and on dates drawn from validation.

use serde::Serialize;

use super::Matured;
use crate::labels::Class;
use crate::train::bootstrap::{ByDate, Estimate};
use crate::train::metrics::direction::{buy_share, directional_surprise};
use crate::train::metrics::{Confusion, Ranking, skill, surprise};

const K: usize = Class::COUNT;
/// What a row adds: 1, its loss, its prior's loss, the same two of direction, the return of a signal, 1 for a signal; then the
/// confusion, by outcome and decision.
const TERMS: usize = 7 + K * K;

/// A statistic of performance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// Share of the prior's log loss that is saved, three classes. Timing of volatility alone can give it.
    #[strum(to_string = "log-loss skill")]
    Skill,
    /// The same of BUY against SELL, where the outcome is not HOLD.
    #[strum(to_string = "directional skill")]
    DirectionalSkill,
    /// How well BUY is ranked above SELL.
    #[strum(to_string = "directional AUC")]
    DirectionalAuc,
    /// Mean recall of the classes.
    #[strum(to_string = "balanced accuracy")]
    BalancedAccuracy,
    /// Share of decisions that were right; shown beside what is expected of answers that have not matured.
    #[strum(to_string = "accuracy")]
    Accuracy,
    /// Mean log loss, nats; shown likewise. Less is better.
    #[strum(to_string = "log loss")]
    LogLoss,
    /// Mean return of a signal after costs; shown. Too wide over weeks to be judged by.
    #[strum(to_string = "net return a signal")]
    Net,
}

impl Statistic {
    /// All, those that are judged first.
    pub const ALL: [Self; 7] =
        [Self::Skill, Self::DirectionalSkill, Self::DirectionalAuc, Self::BalancedAccuracy, Self::Accuracy, Self::LogLoss, Self::Net];

    /// Whether the verdict depends on it. Of all those, more is better.
    pub const fn is_judged(self) -> bool {
        matches!(self, Self::Skill | Self::DirectionalSkill | Self::DirectionalAuc | Self::BalancedAccuracy)
    }

    /// On rows; `None` where they leave it undefined.
    pub fn of(self, rows: &[Matured]) -> Option<f64> {
        if self == Self::DirectionalAuc {
            return ranking(rows).auc(|_| 1.0);
        }
        let mut total = [0.0; TERMS];
        for row in rows {
            total.iter_mut().zip(terms(row)).for_each(|(sum, term)| *sum += term);
        }
        self.of_sums(&total)
    }

    /// On the draws of dates that `by_date`, made of the same rows, gives.
    pub(super) fn estimate(self, rows: &[Matured], by_date: &ByDate) -> Estimate {
        if self == Self::DirectionalAuc {
            let ranking = ranking(rows);
            return by_date.of_weights(|weights| ranking.auc(|row| weights[by_date.date_of(row)]));
        }
        by_date.of_sums(rows.iter().map(terms).enumerate(), |sums| self.of_sums(sums))
    }

    fn of_sums(self, sums: &[f64; TERMS]) -> Option<f64> {
        let [rows, loss, prior_loss, direction, prior_direction, net, signals, counts @ ..] = sums;
        let confusion = || Confusion(std::array::from_fn(|outcome| std::array::from_fn(|decision| counts[outcome * K + decision])));
        let mean = |sum: f64, n: f64| (n > 0.0).then(|| sum / n);
        match self {
            Self::Skill => skill(*loss, *prior_loss),
            Self::DirectionalSkill => skill(*direction, *prior_direction),
            Self::DirectionalAuc => None,
            Self::BalancedAccuracy => confusion().balanced_accuracy(),
            Self::Accuracy => confusion().accuracy(),
            Self::LogLoss => mean(*loss, *rows),
            Self::Net => mean(*net, *signals),
        }
    }
}

fn terms(row: &Matured) -> [f64; TERMS] {
    let signal = row.decision != Class::Hold;
    let mut out = [0.0; TERMS];
    out[..5].copy_from_slice(&[
        1.0,
        surprise(row.class, &row.p),
        surprise(row.class, &row.prior),
        directional_surprise(row.class, &row.p).unwrap_or(0.0),
        directional_surprise(row.class, &row.prior).unwrap_or(0.0),
    ]);
    if signal {
        (out[5], out[6]) = (row.net, 1.0);
    }
    out[7 + row.class.index() * K + row.decision.index()] = 1.0;
    out
}

/// Rows that ended in BUY or SELL, by the share of BUY in what was said of the two.
fn ranking(rows: &[Matured]) -> Ranking {
    let ended = rows.iter().enumerate().filter(|(_, r)| r.class != Class::Hold);
    Ranking::new(ended.map(|(row, r)| (row, buy_share(&r.p), r.class == Class::Buy)))
}
