//! The proof of a purge, worked out from the rows: it shares nothing with the code that made the splits, so that a mistake
//! there shows here.

use chrono::NaiveDate;

use super::{Lifetime, Splits};
use crate::config::strategy::Validation;

/// One line of the proof that nothing learnt reaches into a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// First session of the block.
    pub first: NaiveDate,
    /// Horizons of training rows end before this date.
    pub bound: NaiveDate,
    /// Latest end of a training row's horizon; `None` without training rows.
    pub latest_matured: Option<NaiveDate>,
    /// Earliest decision among the test rows.
    pub earliest_test: Option<NaiveDate>,
    /// Sessions strictly between those two.
    pub between: Option<usize>,
    /// Sessions strictly between the latest end of a test row's horizon and the earliest decision of the hold-out; `None` for
    /// the hold-out itself.
    pub before_holdout: Option<usize>,
    /// Sessions that the rules demand for both.
    pub embargo: usize,
}

impl Proof {
    /// Whether both gaps are as wide as the rules demand. What has no rows to show it by does not hold.
    pub fn holds(&self) -> bool {
        self.between.is_some_and(|gap| gap >= self.embargo) && self.before_holdout.is_none_or(|gap| gap >= self.embargo)
    }
}

impl Splits {
    /// The proof of each block, the hold-out last, for the rows, sessions and rules that [`super::plan`] was given.
    pub fn proof(&self, rows: &[Lifetime], sessions: &[NaiveDate], rule: &Validation) -> Vec<Proof> {
        let share = (rule.embargo_share * sessions.len() as f64).ceil() as usize;
        let embargo = share.max(rule.embargo_sessions as usize);
        let gap = |matured: Option<NaiveDate>, first: Option<NaiveDate>| {
            let (matured, first) = matured.zip(first)?;
            Some(sessions.iter().filter(|s| matured < **s && **s < first).count())
        };
        let latest = |of: &[usize]| of.iter().map(|&r| rows[r].matured).max();
        let earliest = |of: &[usize]| of.iter().map(|&r| rows[r].date).min();
        let held = earliest(&self.holdout.test);
        let blocks = self.blocks.iter().map(|b| (b, gap(latest(&b.test), held))).chain([(&self.holdout, None)]);
        blocks
            .map(|(b, before_holdout)| {
                let (latest_matured, earliest_test) = (latest(&b.train), earliest(&b.test));
                let between = gap(latest_matured, earliest_test);
                Proof { first: b.first, bound: b.bound, latest_matured, earliest_test, between, before_holdout, embargo }
            })
            .collect()
    }
}
