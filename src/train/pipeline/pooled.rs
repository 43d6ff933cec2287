//! The rows that were answered out of fold, pooled over the test blocks, and how models' answers on them become decisions.

use crate::config::strategy::StrategySettings;
use crate::dataset::DataSet;
use crate::labels::Class;
use crate::labels::splits::Splits;
use crate::train::Fold;
use crate::train::bootstrap::Resampling;
use crate::train::calibrate::{Answer, Calibration, by_lift, calibrate_forward};
use crate::train::gates::Judged;
use crate::train::metrics::Probabilities;
use crate::train::newton::NewtonError;
use crate::train::stack::{Base, BaseRow, Combination, Meta, Stacked, stack};

/// Which row's outcome stands for each row's own: itself, or, in a refit on shifted labels, another one of its symbol.
#[derive(Clone, Copy, Debug)]
pub enum Outcomes<'a> {
    /// What came.
    Real,
    /// The outcome of sample row `.0[row]`.
    Moved(&'a [u32]),
}

impl Outcomes<'_> {
    /// The row whose outcome counts for `row`.
    pub fn of(&self, row: usize) -> usize {
        match self {
            Self::Real => row,
            Self::Moved(from) => from[row] as usize,
        }
    }
}

/// Test rows of all blocks, in order of time.
#[derive(Default)]
pub struct Pool {
    /// Position in the samples of each.
    pub rows: Vec<usize>,
    /// Number of the block of each, from 0.
    pub block: Vec<u32>,
    /// What the meta-learner knows of each. All weigh alike: quick exits are more unique than HOLDs, and probabilities that are
    /// fitted on rows weighed by that say HOLD too seldom.
    pub base: Vec<BaseRow>,
    /// Uniqueness of each among the rows of its block.
    pub uniqueness: Vec<f64>,
    /// Positions in the pool: what each block may learn from, and its rows.
    pub folds: Vec<Fold>,
    /// Positions in the pool that the shipped meta-learner and calibration learn from: all that matured before the hold-out.
    pub learn: Vec<usize>,
}

impl Pool {
    /// The pool of `data`, whose training folds had the class shares `priors`, one a block.
    pub fn new(data: &DataSet, splits: &Splits, priors: &[Probabilities], outcomes: Outcomes<'_>) -> Self {
        let s = &data.samples;
        let lifetimes = s.lifetimes();
        let mut position = vec![usize::MAX; s.len()];
        let mut pool = Self::default();
        for (k, (block, prior)) in splits.blocks.iter().zip(priors).enumerate() {
            let from = pool.rows.len();
            pool.uniqueness.extend(s.uniqueness_among(&block.test));
            for &row in &block.test {
                position[row] = pool.rows.len();
                pool.rows.push(row);
                pool.block.push(k as u32);
                let class = s.class[outcomes.of(row)];
                pool.base.push(BaseRow { date: s.date[row], regime: s.regime[row], class, prior: *prior, weight: 1.0 });
            }
            let learn = splits.out_of_fold(&lifetimes, k).into_iter().map(|row| position[row]).collect();
            pool.folds.push(Fold { learn, test: (from..pool.rows.len()).collect() });
        }
        let blocks = priors.len().min(splits.blocks.len());
        pool.learn = splits.out_of_fold(&lifetimes, blocks).into_iter().map(|row| position[row]).filter(|p| *p != usize::MAX).collect();
        pool
    }

    /// The rows of the hold-out, which no block learns from: class shares `prior` are those of the models asked.
    pub fn of_holdout(data: &DataSet, splits: &Splits, prior: Probabilities) -> Self {
        let only = Splits { blocks: vec![splits.holdout.clone()], ..splits.clone() };
        Self::new(data, &only, &[prior], Outcomes::Real)
    }

    /// How many rows.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// What the models' answers came to.
pub struct Decided {
    /// Mean or meta-learner, with the comparison of the two.
    pub stacked: Stacked,
    /// The meta-learner that ships, if it does.
    pub meta: Option<Meta>,
    /// The calibration that ships.
    pub calibration: Calibration,
    /// Rows with calibrated answers, which are those from the second block on.
    pub judged: Vec<Judged>,
    /// Position in the pool of each of them.
    pub at: Vec<usize>,
}

/// Combines, calibrates and decides. `answers` are those of each model on each row of the pool, corrected to natural class
/// shares.
pub fn decide(
    pool: &Pool,
    data: &DataSet,
    answers: &[Vec<Probabilities>],
    rules: &StrategySettings,
    seed: u64,
) -> Result<Decided, NewtonError> {
    let base = Base { rows: &pool.base, answers };
    let rule = &rules.ensemble.meta;
    let stacked = stack(&base, &pool.folds, rule, rules.promotion_gates.bound_quantile, resampling(rules, seed))?;
    let meta = if stacked.ships == Combination::Meta { Some(Meta::fit(&base, &pool.learn, rule.l2)?) } else { None };
    let answer = |(row, p): (&BaseRow, &Option<Probabilities>)| {
        // Every row of the pool is in a test, and a test row has an answer.
        Answer { class: row.class, p: p.unwrap_or(row.prior), prior: row.prior, weight: row.weight }
    };
    let combined: Vec<Answer> = pool.base.iter().zip(&stacked.answers).map(answer).collect();
    let calibrated = calibrate_forward(&combined, &pool.folds, rule.max_shrink);
    let known: Vec<Answer> = pool.learn.iter().map(|p| combined[*p]).collect();
    let calibration = Calibration::fit(&known, rule.max_shrink).unwrap_or(Calibration { temperature: 1.0, shrink: rule.max_shrink });
    let (at, judged) = calibrated.iter().enumerate().filter_map(|(i, p)| Some((i, judged_row(pool, data, i, &(*p)?, rules)))).unzip();
    Ok(Decided { stacked, meta, calibration, judged, at })
}

/// A row of the pool with calibrated probabilities, and what is decided by them.
pub fn judged_row(pool: &Pool, data: &DataSet, i: usize, p: &Probabilities, rules: &StrategySettings) -> Judged {
    let (row, base, s) = (pool.rows[i], &pool.base[i], &data.samples);
    Judged {
        date: base.date,
        symbol: s.symbols[s.symbol[row] as usize],
        regime: base.regime,
        class: base.class,
        p: *p,
        prior: base.prior,
        uniqueness: pool.uniqueness[i],
        decision: by_lift(p, &base.prior, rules.ensemble.min_edge),
    }
}

/// How bounds of a run are drawn.
pub fn resampling(rules: &StrategySettings, seed: u64) -> Resampling {
    let v = &rules.validation;
    Resampling { block: v.bootstrap_block_sessions as usize, draws: v.bootstrap_draws as usize, seed }
}

/// How far a decision's probability exceeds its prior: the strength by which decisions of a day are ranked.
pub fn lift(row: &Judged) -> f64 {
    let k = row.decision.index();
    row.p[k] / row.prior[k]
}

/// Whether a decision is traded.
pub fn is_traded(row: &Judged, muted: &[Class]) -> bool {
    row.decision != Class::Hold && !muted.contains(&row.decision)
}
