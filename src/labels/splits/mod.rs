//! Purged walk-forward splits by date, with an embargo and a locked hold-out.
//!
//! All symbols of a date are on one side. Each block of dates is tested by a model that learnt from rows whose horizons
//! had ended before the block began, less an embargo; the last block, a year or more, is the hold-out, and nothing
//! that is learnt or tested before it has a horizon that reaches it. Horizons and not exits decide, or rows would be
//! chosen by their outcome. Training asks [`plan`] for the splits, writes [`Splits::proof`] into the run's record, and
//! refuses to go on if it does not hold.

mod proof;

use chrono::{Days, NaiveDate};

use crate::config::strategy::Validation;

pub use proof::Proof;

/// What a split needs to know of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Date of the decision.
    pub date: NaiveDate,
    /// Last session of the label's horizon, whatever came of the decision.
    pub matured: NaiveDate,
}

/// One test block and what may be learnt from for it. Rows are positions in the list given to [`plan`], ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// First session of the block.
    pub first: NaiveDate,
    /// Last date of the block, the eve of the next one: where markets are mixed some trade after its last session.
    pub last: NaiveDate,
    /// Horizons of training rows end before this date: `first` less the embargo.
    pub bound: NaiveDate,
    /// Rows that may be learnt from.
    pub train: Vec<usize>,
    /// Rows that test.
    pub test: Vec<usize>,
    /// Rows dated before the block that were left out because their horizons reach the bound.
    pub purged: usize,
}

/// Test blocks in order of time, and the hold-out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    /// Walk-forward blocks.
    pub blocks: Vec<Block>,
    /// The locked block: read once for each candidate that is to be promoted, and each reading is recorded.
    pub holdout: Block,
    /// Sessions of embargo.
    pub embargo: usize,
}

/// Why dates cannot be divided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Too short a history.
    #[error(
        "{have} sessions of samples are too few for {blocks} test blocks, an embargo of {embargo} sessions and a hold-out of {holdout_days} days; fetch more history, or lower test_blocks or min_train_sessions of [validation]"
    )]
    TooShort {
        /// Sessions there are.
        have: usize,
        /// Blocks wanted.
        blocks: usize,
        /// Embargo in sessions.
        embargo: usize,
        /// Days of the hold-out.
        holdout_days: u32,
    },
    /// A block that nothing may be learnt from, or that tests nothing.
    #[error("the test block {first} to {last} has {train} training rows and {test} test rows after purging; fetch more history")]
    Empty {
        /// Its first session.
        first: NaiveDate,
        /// Its last session.
        last: NaiveDate,
        /// Training rows.
        train: usize,
        /// Test rows.
        test: usize,
    },
    /// A training block of which nothing is left to fit.
    #[error(
        "of {train} training rows none is left to fit beside the last {aside} dates, on which training stops early, and an embargo of {embargo} sessions; fetch more history or lower early_stop_share of [validation]"
    )]
    NothingToFit {
        /// Rows of the block.
        train: usize,
        /// Dates set aside.
        aside: usize,
        /// Embargo in sessions.
        embargo: usize,
    },
}

/// Rows that may be learnt from, with the date that says why: all that a fold takes in has matured before it.
pub trait Learnable {
    /// Positions of the rows.
    fn rows(&self) -> &[usize];
    /// The date.
    fn bound(&self) -> NaiveDate;
}

impl Learnable for Block {
    fn rows(&self) -> &[usize] {
        &self.train
    }

    fn bound(&self) -> NaiveDate {
        self.bound
    }
}

impl Learnable for EarlyStop {
    fn rows(&self) -> &[usize] {
        &self.fit
    }

    fn bound(&self) -> NaiveDate {
        self.bound
    }
}

impl Splits {
    /// Test rows of blocks before `block` (the number of blocks stands for the hold-out) whose horizons ended before its
    /// bound: what a meta-learner or a calibration for that block may learn from.
    pub fn out_of_fold(&self, rows: &[Lifetime], block: usize) -> Vec<usize> {
        let bound = self.blocks.get(block).unwrap_or(&self.holdout).bound;
        self.blocks.iter().take(block).flat_map(|b| &b.test).copied().filter(|&r| rows[r].matured < bound).collect()
    }
}

/// The rows of a training block, divided once more: what is fitted, and what tells when to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyStop {
    /// Horizons of fitted rows end before this date.
    pub bound: NaiveDate,
    /// Rows that are fitted: before the first date of `stop`, less the embargo.
    pub fit: Vec<usize>,
    /// Rows of the last dates; none where the share of the dates is less than half a date.
    pub stop: Vec<usize>,
}

/// Divides `rows` by date. `sessions` are the ascending dates in which blocks and the embargo are counted, from
/// the first row's date to the last one's at least: where shares and crypto are mixed those of the shares, because an
/// embargo of ten weekend-counting days would be only seven of theirs.
pub fn plan(rows: &[Lifetime], sessions: &[NaiveDate], rule: &Validation) -> Result<Splits, SplitError> {
    let blocks = rule.test_blocks as usize;
    let embargo = (rule.embargo_sessions as usize).max((rule.embargo_share * sessions.len() as f64).ceil() as usize);
    let too_short = || SplitError::TooShort { have: sessions.len(), blocks, embargo, holdout_days: rule.holdout_days };
    let last = *sessions.last().ok_or_else(too_short)?;
    let held = Days::new(rule.holdout_days.into());
    let holdout_at = sessions.partition_point(|&d| d + held <= last).checked_sub(1).ok_or_else(too_short)?;
    // Before the first test lies as much as a block, and as much as the rule asks for at least.
    let lead = (holdout_at / (blocks + 1)).max(rule.min_train_sessions as usize);
    let part = holdout_at.saturating_sub(lead) / blocks.max(1);
    // The remainder of the division goes to the dates before the first test.
    let first_at = holdout_at - part * blocks;
    if part == 0 || first_at <= embargo {
        return Err(too_short());
    }
    let axis = Axis { rows, sessions, embargo };
    let holdout = axis.block(holdout_at, sessions.len(), NaiveDate::MAX);
    let blocks: Vec<Block> = (0..blocks).map(|k| axis.block(first_at + k * part, first_at + (k + 1) * part, holdout.bound)).collect();
    let empty = blocks.iter().chain([&holdout]).find(|b| b.train.is_empty() || b.test.is_empty());
    if let Some(b) = empty {
        return Err(SplitError::Empty { first: b.first, last: b.last, train: b.train.len(), test: b.test.len() });
    }
    Ok(Splits { blocks, holdout, embargo })
}

/// Sets the last `share` of the dates of a block's training rows aside, purged and embargoed like a test block, so that
/// training can stop when it gets no better on them. `block` is one of [`plan`].
pub fn early_stop(rows: &[Lifetime], sessions: &[NaiveDate], block: &Block, share: f64, embargo: usize) -> Result<EarlyStop, SplitError> {
    let train = &block.train;
    let mut dates: Vec<NaiveDate> = train.iter().map(|&r| rows[r].date).collect();
    dates.sort_unstable();
    dates.dedup();
    let aside = ((share * dates.len() as f64).round() as usize).min(dates.len());
    let first = dates.get(dates.len() - aside).copied();
    let bound =
        first.map_or(Some(block.bound), |first| sessions.get(sessions.partition_point(|&d| d < first).checked_sub(embargo)?).copied());
    let nothing = SplitError::NothingToFit { train: train.len(), aside, embargo };
    let Some(bound) = bound else { return Err(nothing) };
    let fit: Vec<usize> = train.iter().copied().filter(|&r| rows[r].matured < bound).collect();
    if fit.is_empty() {
        return Err(nothing);
    }
    let stop = train.iter().copied().filter(|&r| first.is_some_and(|first| rows[r].date >= first)).collect();
    Ok(EarlyStop { bound, fit, stop })
}

/// Rows on the axis in which they are divided.
struct Axis<'a> {
    rows: &'a [Lifetime],
    sessions: &'a [NaiveDate],
    embargo: usize,
}

impl Axis<'_> {
    /// The block of the sessions `at..end`. Nothing in it has a horizon that reaches `before`, the bound of the hold-out.
    fn block(&self, at: usize, end: usize, before: NaiveDate) -> Block {
        let (first, bound) = (self.sessions[at], self.sessions[at - self.embargo]);
        let next = self.sessions.get(end).copied().unwrap_or(NaiveDate::MAX);
        let newest = self.rows.iter().map(|r| r.date).chain([self.sessions[end - 1]]).max().unwrap_or(first);
        let (mut train, mut test, mut purged) = (Vec::new(), Vec::new(), 0);
        for (i, row) in self.rows.iter().enumerate() {
            if row.date < first && row.matured < bound {
                train.push(i);
            } else if row.date < first {
                purged += 1;
            } else if row.date < next && row.matured < before {
                test.push(i);
            }
        }
        Block { first, last: next.pred_opt().map_or(newest, |eve| eve.min(newest)), bound, train, test, purged }
    }
}

#[cfg(test)]
mod tests;
