//! The proof that a replay trades by nothing that its models had learnt from.
//!
//! A training run keeps on record what each test block's models knew last. Here that is held against the calendar and the
//! predictions themselves, which share no code with the splits: a prediction from outside its block, a block that begins
//! too soon, or one that has gained or lost predictions since is refused, and nothing is replayed.

use chrono::NaiveDate;

use crate::market::Symbol;
use crate::store::model::{FoldPrediction, TestRecord};

/// Why predictions are no evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impure {
    /// A prediction of a day that its block did not test.
    #[error(
        "the prediction for {symbol} on {date} does not lie in its test block ({first} to {last}): its models may have learnt from that \
         day; nothing was replayed, train again"
    )]
    Outside {
        /// Whose.
        symbol: Symbol,
        /// Of which day.
        date: NaiveDate,
        /// First session of its block.
        first: NaiveDate,
        /// Last date of its block.
        last: NaiveDate,
    },
    /// A prediction of no block.
    #[error("the prediction for {symbol} on {date} names test block {fold}, which its run did not have; nothing was replayed, train again")]
    NoBlock {
        /// Whose.
        symbol: Symbol,
        /// Of which day.
        date: NaiveDate,
        /// Which block, from 0.
        fold: u32,
    },
    /// A block that begins too soon after what was learnt, or whose learning is not known.
    #[error(
        "the test block from {first} on begins {between} sessions after the last day that its models knew, and the rules demand {embargo}; \
         nothing was replayed, train again"
    )]
    TooSoon {
        /// First session of the block.
        first: NaiveDate,
        /// Sessions strictly between.
        between: usize,
        /// Sessions demanded.
        embargo: usize,
    },
    /// Blocks that share days.
    #[error("two test blocks overlap on {0}; nothing was replayed, train again")]
    Overlap(NaiveDate),
    /// Other predictions than the run made.
    #[error("{found} predictions are kept of the test block from {first} on, and its run made {made}; nothing was replayed, train again")]
    Changed {
        /// First session of the block.
        first: NaiveDate,
        /// Predictions found.
        found: usize,
        /// Predictions made.
        made: usize,
    },
}

/// Proves that each of `predictions` lies in its test block, and that each block began at least the embargo after all that
/// its models had learnt. `sessions` ascend, from the last day learnt for any block to the last block's end at least.
pub fn prove(record: &TestRecord, predictions: &[FoldPrediction], sessions: &[NaiveDate]) -> Result<(), Impure> {
    if let Some(two) = record.blocks.windows(2).find(|two| two[1].first <= two[0].last) {
        return Err(Impure::Overlap(two[1].first));
    }
    let mut found = vec![0; record.blocks.len()];
    for p in predictions {
        let (symbol, date, fold) = (p.symbol, p.date, p.fold);
        let block = record.blocks.get(fold as usize).ok_or(Impure::NoBlock { symbol, date, fold })?;
        if !(block.first..=block.last).contains(&date) {
            return Err(Impure::Outside { symbol, date, first: block.first, last: block.last });
        }
        found[fold as usize] += 1;
    }
    for (block, found) in record.blocks.iter().zip(found) {
        let (first, made, embargo) = (block.first, block.predictions, record.embargo);
        if found != made {
            return Err(Impure::Changed { first, found, made });
        }
        let known = |learnt: NaiveDate| sessions.partition_point(|s| *s < first).saturating_sub(sessions.partition_point(|s| *s <= learnt));
        let between = block.learnt_to.map_or(0, known);
        if made > 0 && between < embargo {
            return Err(Impure::TooSoon { first, between, embargo });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Class;
    use crate::market::Regime;
    use crate::store::model::TestBlock;

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 1, n).unwrap()
    }

    fn block(first: u32, last: u32, learnt_to: u32, predictions: usize) -> TestBlock {
        TestBlock { first: day(first), last: day(last), learnt_to: Some(day(learnt_to)), predictions }
    }

    fn record() -> TestRecord {
        TestRecord { rules: String::new(), muted: Vec::new(), embargo: 3, blocks: vec![block(10, 14, 6, 1), block(15, 20, 11, 1)] }
    }

    fn prediction(n: u32, fold: u32) -> FoldPrediction {
        let symbol = Symbol::new("AAPL").unwrap();
        FoldPrediction { symbol, date: day(n), fold, p: [0.2, 0.2, 0.6], decision: Class::Buy, edge: 1.5, regime: Regime::Normal }
    }

    fn proved(record: &TestRecord, predictions: &[FoldPrediction]) -> Result<(), Impure> {
        let sessions: Vec<NaiveDate> = (1..=20).map(day).collect();
        prove(record, predictions, &sessions)
    }

    #[test]
    fn predictions_of_their_own_blocks_are_evidence() {
        assert_eq!(proved(&record(), &[prediction(10, 0), prediction(20, 1)]), Ok(()));
    }

    #[test]
    fn a_prediction_from_a_day_that_was_learnt_is_refused() {
        let planted = proved(&record(), &[prediction(5, 0), prediction(20, 1)]).unwrap_err();
        assert!(planted.to_string().contains("AAPL on 2024-01-05 does not lie in its test block (2024-01-10 to 2024-01-14)"), "{planted}");
        let other = proved(&record(), &[prediction(16, 0), prediction(20, 1)]);
        assert!(matches!(other, Err(Impure::Outside { .. })), "{other:?}");
        let none = proved(&record(), &[prediction(10, 0), prediction(20, 2)]);
        assert!(matches!(none, Err(Impure::NoBlock { fold: 2, .. })), "{none:?}");
    }

    #[test]
    fn one_more_prediction_inside_a_block_is_noticed() {
        let more = proved(&record(), &[prediction(10, 0), prediction(11, 0), prediction(20, 1)]);
        assert_eq!(more, Err(Impure::Changed { first: day(10), found: 2, made: 1 }));
    }

    #[test]
    fn a_block_that_begins_within_the_embargo_is_refused() {
        let both = [prediction(10, 0), prediction(20, 1)];
        let mut late = record();
        late.blocks[0].learnt_to = Some(day(7));
        assert_eq!(proved(&late, &both), Err(Impure::TooSoon { first: day(10), between: 2, embargo: 3 }));
        late.blocks[0].learnt_to = None;
        assert!(matches!(proved(&late, &both), Err(Impure::TooSoon { between: 0, .. })), "what is not known proves nothing");
        late.blocks[0] = block(10, 15, 6, 1);
        assert_eq!(proved(&late, &both), Err(Impure::Overlap(day(15))));
    }
}
