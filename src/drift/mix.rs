//! The mix of decisions against that of validation. Classes have no order for Kolmogorov and Smirnov, and the chi-square law
//! holds for independent decisions only, so chance is what blocks of validation's dates give.

use chrono::NaiveDate;

use super::baseline::Shift;
use super::distance::{divergence, shares, stability};
use crate::labels::Class;
use crate::train::bootstrap::{ByDate, Resampling};

const K: usize = Class::COUNT;

/// Decisions by their date.
pub type Decided<'a> = &'a [(NaiveDate, Class)];

/// How far current decisions lie from the reference's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixShift {
    /// Distances of the shares; `p` is that of the chi-square distance and there is no `z`.
    pub shift: Shift,
    /// Pearson's chi-square of the current counts against the reference's shares.
    pub chi_square: f64,
}

/// Compares two mixes. p is the chance that as many dates as `current` has, drawn in blocks from `reference`, lie as far from all
/// of the reference, by chi-square a decision (dates hold unlike numbers of decisions): `(1 + draws as far) / (1 + draws)` (Davison and Hinkley 1997, 4.2.5), so at least 1 in a number of draws and
/// one. `None` if either is empty.
pub fn compare_mix(reference: Decided<'_>, current: Decided<'_>, smoothing: f64, rule: Resampling) -> Option<MixShift> {
    let [then, now] = [reference, current].map(|decided| {
        let mut counts = [0.0; K];
        for (_, class) in decided {
            counts[class.index()] += 1.0;
        }
        counts
    });
    if reference.is_empty() || current.is_empty() {
        return None;
    }
    // Smoothed, so that a class which the reference never decided for has a share.
    let expected = shares(&then, smoothing);
    let sessions = ByDate::new(current.iter().map(|(date, _)| *date), rule).dates();
    let by_date = ByDate::new(reference.iter().map(|(date, _)| *date), rule).drawing(sessions);
    let one = |class: Class| std::array::from_fn(|k| if k == class.index() { 1.0 } else { 0.0 });
    let terms = reference.iter().enumerate().map(|(row, (_, class))| (row, one(*class)));
    let chance = by_date.of_sums(terms, |counts: &[f64; K]| Some(chi_square(counts, &expected)? / counts.iter().sum::<f64>()));
    let chi = chi_square(&now, &expected)?;
    let found = shares(&now, smoothing);
    let (psi, kl) = (stability(&found, &expected), divergence(&found, &expected));
    let shift = Shift { rows: current.len(), psi, kl, z: None, p: Some(chance.p_above(chi / current.len() as f64)) };
    Some(MixShift { shift, chi_square: chi })
}

/// `sum (counted - expected)^2 / expected`; `None` of no decisions.
fn chi_square(counts: &[f64; K], expected: &[f64]) -> Option<f64> {
    let n: f64 = counts.iter().sum();
    (n > 0.0).then(|| counts.iter().zip(expected).map(|(count, share)| (count - n * share).powi(2) / (n * share)).sum())
}
