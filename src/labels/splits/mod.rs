//! Purged walk-forward splits by date, with an embargo and a locked hold-out.
//!
//! All symbols of a date are on one side. Each block of dates is tested by a model that learnt from rows whose labels
//! had ended before the block began, less an embargo; the last block, a year or more, is the hold-out, and nothing
//! that is learnt or tested before it has a label that reaches it. Training asks [`plan`] for the splits, writes
//! [`Splits::proof`] into the run's record, and refuses to go on if it does not hold.

use chrono::{Days, NaiveDate};

/// What a split needs to know of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Date of the decision.
    pub date: NaiveDate,
    /// Last date the label knows of.
    pub label_end: NaiveDate,
}

/// How dates are divided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplitRule {
    /// Test blocks before the hold-out.
    pub blocks: usize,
    /// Sessions between the end of a training label and the test block, at least.
    pub embargo_sessions: usize,
    /// The same as a share of all sessions; the larger of the two holds.
    pub embargo_share: f64,
    /// Days of the hold-out, at least.
    pub holdout_days: u32,
}

/// One test block and what may be learnt from for it. Rows are positions in the list given to [`plan`], ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// First session of the block.
    pub first: NaiveDate,
    /// Last session of the block.
    pub last: NaiveDate,
    /// Labels of training rows end before this date: `first` less the embargo.
    pub bound: NaiveDate,
    /// Rows that may be learnt from.
    pub train: Vec<usize>,
    /// Rows that test.
    pub test: Vec<usize>,
    /// Rows dated before the block that were left out because their labels reach the bound.
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
        "{have} sessions of samples are too few for {blocks} test blocks, an embargo of {embargo} sessions and a hold-out of {holdout_days} days; fetch more history or lower validation.test_blocks"
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
}

/// One line of the proof that nothing learnt reaches into a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// First session of the block.
    pub first: NaiveDate,
    /// What the labels of training rows must end before.
    pub bound: NaiveDate,
    /// Latest end of a training label; `None` without training rows.
    pub latest_label_end: Option<NaiveDate>,
    /// Earliest decision among the test rows.
    pub earliest_test: Option<NaiveDate>,
}

impl Proof {
    /// Whether training ends before the bound and the test begins at or after the block's first session.
    pub fn holds(&self) -> bool {
        self.bound < self.first
            && self.latest_label_end.is_none_or(|end| end < self.bound)
            && self.earliest_test.is_none_or(|date| date >= self.first)
    }
}

impl Splits {
    /// The proof of each block, the hold-out last, worked out from the rows themselves.
    pub fn proof(&self, rows: &[Lifetime]) -> Vec<Proof> {
        self.blocks
            .iter()
            .chain([&self.holdout])
            .map(|b| Proof {
                first: b.first,
                bound: b.bound,
                latest_label_end: b.train.iter().map(|&r| rows[r].label_end).max(),
                earliest_test: b.test.iter().map(|&r| rows[r].date).min(),
            })
            .collect()
    }

    /// Test rows of blocks before `block` (the number of blocks stands for the hold-out) whose labels ended before its
    /// bound: what a meta-learner or a calibration for that block may learn from.
    pub fn out_of_fold(&self, rows: &[Lifetime], block: usize) -> Vec<usize> {
        let bound = self.blocks.get(block).unwrap_or(&self.holdout).bound;
        self.blocks.iter().take(block).flat_map(|b| &b.test).copied().filter(|&r| rows[r].label_end < bound).collect()
    }
}

/// Divides `rows` by date. `sessions` are the ascending dates in which blocks and the embargo are counted, from
/// the first row's date to the last one's at least: where shares and crypto are mixed those of the shares, because an
/// embargo of ten weekend-counting days would be only seven of theirs.
pub fn plan(rows: &[Lifetime], sessions: &[NaiveDate], rule: &SplitRule) -> Result<Splits, SplitError> {
    let embargo = rule.embargo_sessions.max((rule.embargo_share * sessions.len() as f64).ceil() as usize);
    let too_short = || SplitError::TooShort { have: sessions.len(), blocks: rule.blocks, embargo, holdout_days: rule.holdout_days };
    let last = *sessions.last().ok_or_else(too_short)?;
    let holdout_at = sessions.partition_point(|&d| d + Days::new(rule.holdout_days.into()) <= last).checked_sub(1).ok_or_else(too_short)?;
    // As many parts as blocks and one more, which is only learnt from; each must be longer than the embargo, or no row
    // of the part before a block could survive it.
    let part = holdout_at / (rule.blocks + 1);
    if rule.blocks == 0 || embargo == 0 || part <= embargo {
        return Err(too_short());
    }
    let cut = |at: usize, end: usize, before: NaiveDate| {
        let (first, bound, stop) = (sessions[at], sessions[at - embargo], sessions.get(end).copied());
        let earlier = || rows.iter().enumerate().filter(move |(_, r)| r.date < first);
        let train: Vec<usize> = earlier().filter(|(_, r)| r.label_end < bound && r.label_end < before).map(|(i, _)| i).collect();
        Block {
            first,
            last: sessions[end - 1],
            bound,
            purged: earlier().count() - train.len(),
            train,
            test: (0..rows.len())
                .filter(|&i| rows[i].date >= first && stop.is_none_or(|s| rows[i].date < s) && rows[i].label_end < before)
                .collect(),
        }
    };
    let holdout = cut(holdout_at, sessions.len(), NaiveDate::MAX);
    // The remainder of the division lengthens the part that is only learnt from.
    let first_at = holdout_at - part * rule.blocks;
    let blocks: Vec<Block> = (0..rule.blocks).map(|k| cut(first_at + k * part, first_at + (k + 1) * part, holdout.bound)).collect();
    let empty = blocks.iter().chain([&holdout]).find(|b| b.train.is_empty() || b.test.is_empty());
    if let Some(b) = empty {
        return Err(SplitError::Empty { first: b.first, last: b.last, train: b.train.len(), test: b.test.len() });
    }
    Ok(Splits { blocks, holdout, embargo })
}

#[cfg(test)]
mod tests;
