//! How much a row counts: overlapping labels tell the same story several times, and rare regimes are worth more.
//!
//! `w = uniqueness x regime weight x recency`, normalised to mean 1 (López de Prado 2018, chapter 4, for the first
//! factor). The caller passes the rows of one training fold: concurrency with rows outside it would let the length of
//! later labels in. `dataset` calls it once over all rows as well, for what it shows.

use super::Regime;

/// The sessions over which a label lives, by number on one symbol's own axis, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Session of the entry.
    pub first: usize,
    /// Session of the exit.
    pub last: usize,
}

/// Mean over each label's life of one over the number of labels alive, in (0, 1]. All spans belong to one symbol.
pub fn uniqueness(spans: &[Span]) -> Vec<f64> {
    let Some(end) = spans.iter().map(|s| s.last + 1).max() else { return Vec::new() };
    let start = spans.iter().map(|s| s.first).min().unwrap_or(0);
    let mut change = vec![0_i64; end - start + 1];
    for s in spans {
        change[s.first - start] += 1;
        change[s.last + 1 - start] -= 1;
    }
    // Sums of 1/concurrency up to each session; sessions without a label add nothing.
    let mut alive = 0;
    let mut total = 0.0;
    let mut sums = vec![0.0];
    for c in &change[..end - start] {
        alive += c;
        total += if alive > 0 { 1.0 / alive as f64 } else { 0.0 };
        sums.push(total);
    }
    spans.iter().map(|s| (sums[s.last + 1 - start] - sums[s.first - start]) / (s.last - s.first + 1) as f64).collect()
}

/// How many independent rows the labels amount to: the sum of their uniqueness. Dependence between symbols on the same
/// day is not in it.
pub fn n_eff(uniqueness: &[f64]) -> f64 {
    uniqueness.iter().sum()
}

/// Half the weight every `half_life` days of age; `None` weighs all ages alike.
pub fn recency(age_days: i64, half_life: Option<f64>) -> f64 {
    half_life.map_or(1.0, |h| (-std::f64::consts::LN_2 * age_days as f64 / h).exp())
}

/// Weight of each regime in the loss, in the order of [`Regime::ALL`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegimeWeights(pub [f64; Regime::COUNT]);

impl RegimeWeights {
    /// The weight of a regime.
    pub const fn of(&self, regime: Regime) -> f64 {
        self.0[regime.index()]
    }
}

/// Scales weights to mean 1. All-zero and empty weights stay as they are.
pub fn normalise(weights: &mut [f64]) {
    let total: f64 = weights.iter().sum();
    if total > 0.0 {
        let scale = weights.len() as f64 / total;
        weights.iter_mut().for_each(|w| *w *= scale);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(of: &[(usize, usize)]) -> Vec<Span> {
        of.iter().map(|&(first, last)| Span { first, last }).collect()
    }

    #[test]
    fn the_published_example() {
        let u = uniqueness(&spans(&[(0, 2), (1, 3), (4, 5)]));
        for (got, want) in u.iter().zip([2.0 / 3.0, 2.0 / 3.0, 1.0]) {
            assert!((got - want).abs() < 1e-15, "{u:?}");
        }
        assert!((n_eff(&u) - 7.0 / 3.0).abs() < 1e-14);
    }

    #[test]
    fn a_year_old_row_weighs_half_at_a_half_life_of_a_year() {
        assert!((recency(365, Some(365.0)) - 0.5).abs() < 1e-15);
        assert_eq!(recency(10_000, None), 1.0);
    }

    #[test]
    fn weights_have_mean_one() {
        let mut w = [1.0, 2.0, 6.0];
        normalise(&mut w);
        assert_eq!(w, [1.0 / 3.0, 2.0 / 3.0, 2.0]);
        let mut none = [0.0, 0.0];
        normalise(&mut none);
        assert_eq!(none, [0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn uniqueness_is_the_mean_of_one_over_concurrency(raw in prop::collection::vec((0_usize..60, 0_usize..15), 1..60)) {
            let all: Vec<Span> = raw.iter().map(|&(first, n)| Span { first, last: first + n }).collect();
            let alive = |at: usize| all.iter().filter(|s| s.first <= at && at <= s.last).count() as f64;
            for (s, u) in all.iter().zip(uniqueness(&all)) {
                let direct = (s.first..=s.last).map(|at| 1.0 / alive(at)).sum::<f64>() / (s.last - s.first + 1) as f64;
                prop_assert!((u - direct).abs() < 1e-12);
                prop_assert!(u > 0.0 && u <= 1.0 + 1e-12);
            }
        }
    }
}
