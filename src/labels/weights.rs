//! How much a row counts: overlapping labels tell the same story several times, and rare regimes are worth more.
//!
//! `w = uniqueness x regime weight x recency`, normalised to mean 1 (López de Prado 2018, chapter 4, for the first
//! factor). The caller passes the rows of one training fold: concurrency with rows outside it would let the length of
//! later labels in. `dataset` calls it once over all rows as well, for what it shows.

use crate::config::strategy::RegimeWeightedLoss;
use crate::market::Regime;

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

/// What a row weighs in the loss by `rule`, before [`normalise`]: `uniqueness`, the weight of its regime, and half as
/// much for each half-life of its `age` in sessions.
pub fn loss_weight(uniqueness: f64, regime: Regime, age: usize, rule: &RegimeWeightedLoss) -> f64 {
    let unique = if rule.uniqueness { uniqueness } else { 1.0 };
    unique * regime_weight(regime, rule) * halved(age, rule.recency_half_life_sessions)
}

/// The weight of a regime in the loss.
pub fn regime_weight(regime: Regime, rule: &RegimeWeightedLoss) -> f64 {
    if rule.enabled { rule.weights.of(regime) } else { 1.0 }
}

/// One half to the power of the half-lives in `age`, both in sessions; 1 without a half-life.
pub fn halved(age: usize, half_life: u32) -> f64 {
    if half_life == 0 { 1.0 } else { (-std::f64::consts::LN_2 * age as f64 / f64::from(half_life)).exp() }
}

/// Scales weights to mean 1. All-zero and empty weights stay as they are.
pub fn normalise(weights: &mut [f64]) {
    let total: f64 = weights.iter().sum();
    if total > 0.0 {
        let scale = weights.len() as f64 / total;
        for w in weights {
            *w *= scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::strategy::StrategySettings;
    use crate::market::Strategy;

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
    fn a_weight_is_the_product_of_its_factors() {
        let rule = StrategySettings::shipped(Strategy::Turbomode).unwrap().regime_weighted_loss;
        assert_eq!(loss_weight(0.5, Regime::Crash, 900, &rule), 1.0);
        let fading = RegimeWeightedLoss { recency_half_life_sessions: 252, ..rule.clone() };
        assert!((loss_weight(0.5, Regime::Recovery, 252, &fading) - 0.375).abs() < 1e-15);
        let plain = RegimeWeightedLoss { enabled: false, uniqueness: false, ..rule };
        assert_eq!(loss_weight(0.5, Regime::Crash, 900, &plain), 1.0);
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
