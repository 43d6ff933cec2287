//! Many columns at once: each column's current values against its reference values, on all cores.
//!
//! What [`Bins`], [`stability`], [`divergence`] and [`kolmogorov_smirnov`](super::kolmogorov_smirnov) find one after the other
//! is found here, to the last bit, with two passes over a reference that is never sorted: one counts its values between those
//! of the current sample, which is all that Kolmogorov and Smirnov ask for; the other picks out the few values in whose slots
//! the quantiles lie.

use std::borrow::Cow;

use rayon::prelude::*;

use super::bins::Bins;
use super::distance::{divergence, shares, stability};
use super::ks::KolmogorovSmirnov;
use super::ladder::{Counts, Ladder};
use crate::config::strategy::DriftDetection;
use crate::train::metrics::{between, place};

/// How far a current sample lies from a reference sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Distances {
    /// Population stability index.
    pub psi: f64,
    /// Kullback-Leibler divergence of the current from the reference, nats.
    pub kl: f64,
    /// Of the values that are not missing; `None` if there are none in one of the samples.
    pub ks: Option<KolmogorovSmirnov>,
    /// Where the values lie.
    pub binned: Binned,
}

/// Two samples in the same bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Binned {
    /// Bins of equal reference mass.
    pub bins: Bins,
    /// Values of the reference in each, the missing ones last.
    pub reference: Vec<f64>,
    /// Values of the current sample in each.
    pub current: Vec<f64>,
}

/// Distances of as many columns as `columns`, in parallel. A column is asked for by its number when its turn comes, so that
/// samples that are not at hand as slices need not all be in memory.
pub fn of_columns<'a, R, C>(
    columns: usize,
    reference: impl Fn(usize) -> Cow<'a, [R]> + Sync,
    current: impl Fn(usize) -> Cow<'a, [C]> + Sync,
    rule: &DriftDetection,
) -> Vec<Distances>
where
    R: Copy + Into<f64> + 'a,
    C: Copy + Into<f64> + 'a,
{
    (0..columns).into_par_iter().map(|column| distances(&reference(column), &current(column), rule)).collect()
}

/// Distances of one column, its values in any order, NaN where one is missing.
pub fn distances<R: Copy + Into<f64>, C: Copy + Into<f64>>(reference: &[R], current: &[C], rule: &DriftDetection) -> Distances {
    let current: Vec<f64> = current.iter().map(|value| (*value).into()).collect();
    let ladder = Ladder::of(&current);
    let counts = ladder.counts(reference);
    let binned = Compared { ladder: &ladder, counts: &counts, reference }.binned(rule.bins, current.len());
    let (now, then) = (shares(&binned.current, rule.smoothing), shares(&binned.reference, rule.smoothing));
    Distances { psi: stability(&now, &then), kl: divergence(&now, &then), ks: kolmogorov_smirnov(&ladder, &counts), binned }
}

/// The distribution functions lie farthest apart at a rung, or just before one.
fn kolmogorov_smirnov(ladder: &Ladder, counts: &Counts) -> Option<KolmogorovSmirnov> {
    let rungs = ladder.rungs().len();
    let (n, m) = (counts.present() as f64, f64::from(ladder.sample_below(rungs)));
    let apart = |slot: usize, rung: usize| (f64::from(counts.before[slot]) / n - f64::from(ladder.sample_below(rung)) / m).abs();
    let farthest = (0..rungs).map(|k| apart(2 * k + 1, k).max(apart(2 * k + 2, k + 1))).fold(0.0, f64::max);
    KolmogorovSmirnov::of_distance(farthest, n, m)
}

/// A reference whose values have been counted on a ladder of the current ones.
struct Compared<'a, R> {
    ladder: &'a Ladder,
    counts: &'a Counts,
    reference: &'a [R],
}

/// Values of the reference that lie in the gaps between rungs that were asked for.
struct Picked {
    /// Slots, ascending.
    gaps: Vec<usize>,
    /// The values in each, ascending.
    values: Vec<Vec<f64>>,
}

impl<R: Copy + Into<f64>> Compared<'_, R> {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.reference.iter().map(|value| (*value).into())
    }

    /// Both samples in bins of the reference, with `rows` values of the current one, missing ones among them.
    fn binned(&self, bins: u32, rows: usize) -> Binned {
        let (bins, picked) = self.bins(bins);
        let (mut reference, mut current) = (Vec::with_capacity(bins.count()), Vec::with_capacity(bins.count()));
        let mut passed = (0, 0);
        for edge in bins.edges() {
            let below = (self.below(*edge, &picked), self.current_below(*edge));
            reference.push(below.0.saturating_sub(passed.0) as f64);
            current.push(f64::from(below.1.saturating_sub(passed.1)));
            passed = below;
        }
        let present = self.ladder.sample_below(self.ladder.rungs().len());
        reference.extend([(self.counts.present() - passed.0) as f64, f64::from(self.counts.missing)]);
        current.extend([f64::from(present - passed.1), (rows - present as usize) as f64]);
        Binned { bins, reference, current }
    }

    /// The bins that [`Bins::of`] makes of the reference.
    fn bins(&self, bins: u32) -> (Bins, Picked) {
        if let Some(different) = self.few(bins as usize) {
            return (Bins::between(&different), self.pick(&different.iter().map(|v| self.ladder.slot(*v)).collect::<Vec<_>>()));
        }
        let n = self.counts.present();
        let places: Vec<(usize, f64)> = (1..bins).filter_map(|k| place(n, f64::from(k) / f64::from(bins))).collect();
        let slots: Vec<usize> =
            places.iter().flat_map(|(low, _)| [*low, (low + 1).min(n - 1)]).map(|r| self.counts.slot_of_rank(r)).collect();
        let picked = self.pick(&slots);
        let value = |rank: usize| self.of_rank(rank, &picked);
        let mut edges: Vec<f64> = places.iter().map(|(low, part)| between(value(*low), value((low + 1).min(n - 1)), *part)).collect();
        edges.dedup();
        (Bins::between(&edges), picked)
    }

    /// The different values of the reference, ascending, if there are no more than `most`.
    fn few(&self, most: usize) -> Option<Vec<f64>> {
        let filled: Vec<usize> = self.counts.filled().take(most + 1).collect();
        if filled.len() > most {
            return None;
        }
        if filled.iter().all(|slot| slot % 2 == 1) {
            return Some(filled.iter().map(|slot| self.ladder.rungs()[slot / 2]).collect());
        }
        let mut different: Vec<f64> = Vec::with_capacity(most + 1);
        for value in self.values().filter(|v| !v.is_nan()) {
            if !different.contains(&value) {
                if different.len() == most {
                    return None;
                }
                different.push(value);
            }
        }
        different.sort_unstable_by(f64::total_cmp);
        Some(different)
    }

    /// Picks out the values of those slots that lie between rungs.
    fn pick(&self, slots: &[usize]) -> Picked {
        let (rungs, cells) = (self.ladder.rungs(), self.ladder.cells());
        let mut gaps: Vec<usize> = slots.iter().copied().filter(|slot| slot % 2 == 0).collect();
        gaps.sort_unstable();
        gaps.dedup();
        let mut values = vec![Vec::new(); gaps.len()];
        // A gap reaches over the cells from that of the rung before it to that of the rung behind it.
        let mut wanted = vec![false; cells];
        for gap in &gaps {
            let first = (gap / 2).checked_sub(1).map_or(0, |before| self.ladder.cell(rungs[before]));
            let last = rungs.get(gap / 2).map_or(cells - 1, |behind| self.ladder.cell(*behind));
            wanted[first..=last].fill(true);
        }
        if !gaps.is_empty() {
            self.ladder.each_in(&wanted, self.reference, |value| {
                if let Some(at) = gaps.binary_search(&self.ladder.slot(value)).ok().filter(|_| !value.is_nan()) {
                    values[at].push(value);
                }
            });
        }
        for gap in &mut values {
            gap.sort_unstable_by(f64::total_cmp);
        }
        Picked { gaps, values }
    }

    /// The reference's value of a rank, from 0, whose slot was picked.
    fn of_rank(&self, rank: usize, picked: &Picked) -> f64 {
        let slot = self.counts.slot_of_rank(rank);
        if slot % 2 == 1 {
            return self.ladder.rungs()[slot / 2];
        }
        let within = rank - self.counts.before[slot] as usize;
        picked.of(slot).map_or(f64::NAN, |values| values[within])
    }

    /// Values of the reference below an edge.
    fn below(&self, edge: f64, picked: &Picked) -> usize {
        let slot = self.ladder.slot(edge);
        let (before, after) = (self.counts.before[slot] as usize, self.counts.before[slot + 1] as usize);
        if slot % 2 == 1 || before == after {
            return before;
        }
        match picked.of(slot) {
            Some(values) => before + values.partition_point(|v| *v < edge),
            // Rounding may carry an edge past the value that it lies before.
            None => self.values().filter(|v| *v < edge).count(),
        }
    }

    /// Values of the current sample below an edge.
    fn current_below(&self, edge: f64) -> u32 {
        self.ladder.sample_below(self.ladder.rungs().partition_point(|rung| *rung < edge))
    }
}

impl Picked {
    fn of(&self, slot: usize) -> Option<&[f64]> {
        self.gaps.binary_search(&slot).ok().map(|at| self.values[at].as_slice())
    }
}
