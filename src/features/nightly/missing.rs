//! What has no value, and why.

use std::fmt;

use strum::IntoEnumIterator;

use crate::features::bars::Adjusted;
use crate::features::engine::Block;
use crate::features::{Missing, missing, registry};

/// Why a symbol has no features at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoFeatures {
    /// No daily bar is stored.
    NoBars,
    /// Its daily series must not be used; a sentence why.
    Blocked(String),
}

impl fmt::Display for NoFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBars => f.write_str("no daily bar is stored"),
            Self::Blocked(why) => write!(f, "its daily bars are blocked: {why}"),
        }
    }
}

/// Missing values by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingCounts([u64; 5]);

impl MissingCounts {
    /// Those of the rows of `block` from `skip` on. `adjusted` are the bars that the block ends with.
    pub(super) fn of(block: &Block, skip: usize, adjusted: &Adjusted) -> Self {
        let mut counts = Self::default();
        let volume = &adjusted.bars.volume;
        let before = volume.len() - block.rows;
        for feature in registry() {
            let column = &block.column(feature.index)[skip..];
            for (row, &value) in (skip..).zip(column).filter(|(_, value)| !value.is_finite()) {
                if let Some(why) = missing(feature, value, block.first + row, &volume[..=before + row]) {
                    counts.0[why as usize] += 1;
                }
            }
        }
        counts
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
    }

    /// Each reason that occurs, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Missing, u64)> + '_ {
        Missing::iter().zip(self.0).filter(|(_, n)| *n > 0)
    }
}
