//! Counts of many values between the values of a small sample, without sorting the many.
//!
//! A value finds its place by one multiplication, one look at a table and four comparisons, none of which branches. The
//! table cuts the small sample's range into equal cells, in floating point, which is monotone: of two values the smaller never
//! has the later cell. So all rungs of earlier cells lie below a value and all of later ones above, and only those of its own
//! cell need to be compared.

use super::ks::ascending;

/// Rungs that are compared at once.
const NEAR: usize = 4;
/// Cells a rung: few then hold more than [`NEAR`] rungs, even where the sample is much denser than elsewhere.
const CELLS: usize = 6;
/// Values whose cells are found together, before anything is done with any: that loop is all arithmetic. As many as a mask has bits.
const TOGETHER: usize = u64::BITS as usize;
/// Share of the sample beyond either end of the table: outliers must not widen its cells.
const TAIL: f64 = 0.002;
/// Added to a number below 2^32 it leaves that number, rounded, in the low bits of the sum.
const INTEGER: f64 = (1_u64 << 52) as f64;

/// Different values of a small sample in ascending order, and the slots that they cut the line into: slot 2k lies between rungs
/// k - 1 and k, slot 2k + 1 is rung k itself.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// Ascending, without repetition; [`NEAR`] NaNs follow, which no value reaches.
    padded: Vec<f64>,
    /// Values of the sample below each rung; all of them at the end.
    below: Vec<u32>,
    /// Rungs in the cells before each cell.
    first: Vec<u32>,
    low: f64,
    /// Cells to a unit; 0 where the sample has no width, which puts all in one cell.
    scale: f64,
}

/// How many of many values lie in each slot of a ladder.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Values in the slots before each; all at the end.
    pub before: Vec<u32>,
    /// NaN, which has no slot.
    pub missing: u32,
}

impl Ladder {
    /// From a sample in any order; NaN is not looked at.
    pub fn of(sample: &[f64]) -> Self {
        let sorted = ascending(sample);
        let (mut padded, mut below, mut passed) = (Vec::with_capacity(sorted.len() + NEAR), vec![0], 0);
        for same in sorted.chunk_by(|a, b| a == b) {
            padded.push(same[0]);
            passed += same.len() as u32;
            below.push(passed);
        }
        let cells = (CELLS * padded.len()).max(1);
        let tail = (TAIL * sorted.len() as f64) as usize;
        let (low, high) = if sorted.is_empty() { (0.0, 0.0) } else { (sorted[tail], sorted[sorted.len() - 1 - tail]) };
        let scale = Some((cells - 1) as f64 / (high - low)).filter(|s| s.is_normal() && low.is_finite()).unwrap_or(0.0);
        let mut ladder = Self { padded, below, first: vec![0; cells + 1], low, scale };
        for rung in 0..ladder.padded.len() {
            let cell = ladder.cell(ladder.padded[rung]);
            ladder.first[cell + 1] += 1;
        }
        for cell in 0..cells {
            ladder.first[cell + 1] += ladder.first[cell];
        }
        ladder.padded.extend([f64::NAN; NEAR]);
        ladder
    }

    /// The different values of the sample, ascending.
    pub fn rungs(&self) -> &[f64] {
        &self.padded[..self.padded.len() - NEAR]
    }

    /// Values of the sample below rung `k`; of all of them with the number of rungs.
    pub fn sample_below(&self, k: usize) -> u32 {
        self.below[k]
    }

    /// The cell of a value. NaN has the first.
    #[inline]
    pub fn cell(&self, value: f64) -> usize {
        let last = (self.first.len() - 2) as f64;
        let place = ((value - self.low) * self.scale).max(0.0).min(last);
        (place + INTEGER).to_bits() as u32 as usize
    }

    /// How many cells.
    pub fn cells(&self) -> usize {
        self.first.len() - 1
    }

    /// The slot of a value. NaN is told to be in the first.
    pub fn slot(&self, value: f64) -> usize {
        self.slot_in(self.cell(value), value)
    }

    /// The slot of a value of a cell.
    #[inline]
    fn slot_in(&self, cell: usize, value: f64) -> usize {
        let first = self.first[cell] as usize;
        let near = &self.padded[first..first + NEAR];
        let below = near.iter().map(|rung| usize::from(*rung < value)).sum::<usize>();
        if below < NEAR { 2 * (first + below) + usize::from(near[below] == value) } else { self.slot_from(first + NEAR, value) }
    }

    /// The slot of a value that all rungs before `first` are below.
    #[cold]
    fn slot_from(&self, first: usize, value: f64) -> usize {
        let rungs = self.rungs();
        let below = first + rungs[first..].partition_point(|rung| *rung < value);
        2 * below + usize::from(rungs.get(below) == Some(&value))
    }

    /// The cells of up to [`TOGETHER`] values.
    #[inline]
    fn cells_of<T: Copy + Into<f64>>(&self, part: &[T], cells: &mut [usize; TOGETHER]) {
        for (cell, value) in cells.iter_mut().zip(part) {
            *cell = self.cell((*value).into());
        }
    }

    /// Hands on the values that lie in a wanted cell. They are few, and nobody can foretell which: a branch for each value would
    /// cost more than all else.
    pub fn each_in<T: Copy + Into<f64>>(&self, wanted: &[bool], values: &[T], mut found: impl FnMut(f64)) {
        let mut cells = [0; TOGETHER];
        for part in values.chunks(TOGETHER) {
            self.cells_of(part, &mut cells);
            let mut mask = (0..part.len()).map(|k| u64::from(wanted[cells[k]]) << k).fold(0, |mask, bit| mask | bit);
            while mask != 0 {
                found(part[mask.trailing_zeros() as usize].into());
                mask &= mask - 1;
            }
        }
    }

    /// Counts values by slot.
    pub fn counts<T: Copy + Into<f64>>(&self, values: &[T]) -> Counts {
        let mut before = vec![0; 2 * self.padded.len()];
        let mut missing = 0;
        let mut cells = [0; TOGETHER];
        for part in values.chunks(TOGETHER) {
            self.cells_of(part, &mut cells);
            missing += part.iter().map(|value| u32::from((*value).into().is_nan())).sum::<u32>();
            for (cell, value) in cells.iter().zip(part) {
                before[self.slot_in(*cell, (*value).into()) + 1] += 1;
            }
        }
        before[1] -= missing;
        before.truncate(2 * self.rungs().len() + 2);
        for slot in 1..before.len() {
            before[slot] += before[slot - 1];
        }
        Counts { before, missing }
    }
}

impl Counts {
    /// Values that are there.
    pub fn present(&self) -> usize {
        self.before.last().copied().unwrap_or(0) as usize
    }

    /// The slots with a value in them, ascending.
    pub fn filled(&self) -> impl Iterator<Item = usize> {
        self.before.windows(2).enumerate().filter(|(_, w)| w[0] < w[1]).map(|(slot, _)| slot)
    }

    /// The slot of the value of a rank, from 0.
    pub fn slot_of_rank(&self, rank: usize) -> usize {
        self.before.partition_point(|before| *before as usize <= rank).saturating_sub(1)
    }
}
