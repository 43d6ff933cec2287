//! Balanced sampling by regime, inside one training fold and nowhere else: validation and test keep their natural
//! frequencies.
//!
//! Training calls [`balanced`] with the rows of a fold after purging, and [`prior_shift`] when it fits them,
//! because a model that saw other frequencies than the market's believes in them.

use super::Class;
use crate::config::strategy::BalancedSampling;
use crate::market::Regime;

/// How many regimes there are.
const REGIMES: usize = Regime::ALL.len();

/// What was drawn of one regime.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drawn {
    /// Rows there were.
    pub available: usize,
    /// Rows drawn, repetitions counted.
    pub drawn: usize,
    /// How many times the natural frequency the regime has now. Its loss weight multiplies this.
    pub factor: f64,
    /// The cap on repetitions kept the regime below its share.
    pub capped: bool,
}

impl Drawn {
    /// What a row of the regime weighs in all, where its loss weighs `loss_weight`.
    pub fn effective_weight(&self, loss_weight: f64) -> f64 {
        self.factor * loss_weight
    }
}

/// A draw of training rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// Positions in the list of rows given, ascending; a repeated row appears as often as it was drawn.
    pub rows: Vec<usize>,
    /// What was drawn of each regime.
    pub regimes: [Drawn; REGIMES],
}

/// How many rows to draw of each regime, where there are `available`: the shares of `rule`, up to its cap on
/// repetitions. Shares of regimes without a row go to the others in proportion. What is drawn of no regime in
/// particular, because balancing is off, is each row once.
pub fn quotas(available: [usize; REGIMES], rule: &BalancedSampling) -> [Drawn; REGIMES] {
    let rows = available.iter().sum::<usize>() as f64;
    let target = |r: usize| if available[r] > 0 { rule.shares.of(Regime::ALL[r]) } else { 0.0 };
    let present: f64 = (0..REGIMES).map(target).sum();
    let mut drawn: [Drawn; REGIMES] = std::array::from_fn(|r| {
        let share = if present > 0.0 { target(r) / present } else { 0.0 };
        let wanted = if rule.enabled { (share * rows * rule.rows_ratio).round() as usize } else { available[r] };
        let drawn = wanted.min(available[r] * rule.max_repetition as usize);
        Drawn { available: available[r], drawn, factor: 0.0, capped: drawn < wanted }
    });
    let all = rows / drawn.iter().map(|d| d.drawn).sum::<usize>().max(1) as f64;
    for d in drawn.iter_mut().filter(|d| d.available > 0) {
        d.factor = d.drawn as f64 / d.available as f64 * all;
    }
    drawn
}

/// Draws rows by [`quotas`]: without replacement where a regime has enough rows, else each row whole times and the rest
/// without replacement. The same seed draws the same rows.
pub fn balanced(regimes: &[Regime], rule: &BalancedSampling, seed: u64) -> Draw {
    let mut by_regime: [Vec<usize>; REGIMES] = Default::default();
    for (row, regime) in regimes.iter().enumerate() {
        by_regime[*regime as usize].push(row);
    }
    let drawn = quotas(std::array::from_fn(|r| by_regime[r].len()), rule);
    let mut rng = SplitMix64(seed);
    let mut rows = Vec::with_capacity(drawn.iter().map(|d| d.drawn).sum());
    for (mut from, quota) in by_regime.into_iter().zip(&drawn) {
        let mut left = quota.drawn;
        while left >= from.len() && left > 0 {
            rows.extend_from_slice(&from);
            left -= from.len();
        }
        rng.choose_first(&mut from, left);
        rows.extend_from_slice(&from[..left]);
    }
    rows.sort_unstable();
    Draw { rows, regimes: drawn }
}

/// Weighted shares of the classes, in column order. All zero when nothing weighs.
pub fn class_shares(rows: impl IntoIterator<Item = (Class, f64)>) -> [f64; Class::COUNT] {
    let mut shares = [0.0; Class::COUNT];
    for (class, weight) in rows {
        shares[class.index()] += weight;
    }
    let total: f64 = shares.iter().sum();
    if total > 0.0 {
        for share in &mut shares {
            *share /= total;
        }
    }
    shares
}

/// Class shares of rows that were drawn and weighed, at the shares that regimes have among `natural` rows. Drawing more of a
/// regime changes how often a model sees it and not what comes of it there, so that must not be undone; weighing quick exits
/// more than HOLDs does change what seems to come of it. Regimes that nothing was drawn of are left out.
pub fn seen_shares(
    drawn: impl IntoIterator<Item = (Regime, Class, f64)>,
    natural: impl IntoIterator<Item = Regime>,
) -> [f64; Class::COUNT] {
    let mut of_regime = [[0.0; Class::COUNT]; REGIMES];
    for (regime, class, weight) in drawn {
        of_regime[regime as usize][class.index()] += weight;
    }
    let mut rows = [0.0; REGIMES];
    for regime in natural {
        rows[regime as usize] += 1.0;
    }
    let in_regime = |g: usize| {
        let total: f64 = of_regime[g].iter().sum();
        Class::ALL.into_iter().filter(move |_| total > 0.0).map(move |k| (k, rows[g] * of_regime[g][k.index()] / total))
    };
    class_shares((0..REGIMES).flat_map(in_regime))
}

/// What drawing and weighing has added to the log-odds of each class: `ln(sampled / natural)`. A model that is fitted with it
/// added to its logits answers at natural shares without it, which is the correction `p_k * natural_k / sampled_k`. 0 for a
/// class that is missing on either side: nothing is known of it.
pub fn prior_shift(natural: &[f64; Class::COUNT], sampled: &[f64; Class::COUNT]) -> [f64; Class::COUNT] {
    std::array::from_fn(|k| if natural[k] > 0.0 && sampled[k] > 0.0 { (sampled[k] / natural[k]).ln() } else { 0.0 })
}

/// Steele, Lea and Flood 2014: one multiplication chain, equal on every machine, which is all a seeded draw needs.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`, by the high half of a 128-bit product; its bias is below 2^-40 for any list in memory.
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// Moves `count` rows chosen without replacement to the front.
    fn choose_first(&mut self, rows: &mut [usize], count: usize) {
        for i in 0..count {
            let j = i + self.below(rows.len() - i);
            rows.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::strategy::StrategySettings;
    use crate::market::Strategy;

    fn rule() -> BalancedSampling {
        StrategySettings::shipped(Strategy::Turbomode).unwrap().balanced_sampling
    }

    fn rows(counts: [usize; 5]) -> Vec<Regime> {
        Regime::ALL.into_iter().zip(counts).flat_map(|(r, n)| std::iter::repeat_n(r, n)).collect()
    }

    #[test]
    fn shares_are_met_where_rows_suffice_and_capped_where_not() {
        let draw = balanced(&rows([210, 380, 160, 60, 190]), &rule(), 7);
        let drawn = draw.regimes.map(|d| d.drawn);
        assert_eq!(drawn, [200, 400, 200, 100, 100]);
        assert!(draw.regimes.iter().all(|d| !d.capped));
        let crash = draw.regimes[Regime::Crash as usize];
        assert!((crash.effective_weight(2.0) - 100.0 / 60.0 * 2.0).abs() < 1e-12, "crash 6% to 10%, times 2, is 3.3");

        let draw = balanced(&rows([400, 400, 190, 10, 0]), &rule(), 7);
        let crash = draw.regimes[Regime::Crash as usize];
        assert_eq!((crash.drawn, crash.capped), (30, true), "three times each, not 111");
        assert_eq!(draw.regimes[4], Drawn::default());
    }

    #[test]
    fn without_replacement_no_row_comes_twice() {
        let regimes = rows([0, 500, 500, 0, 0]);
        let draw = balanced(&regimes, &rule(), 1);
        let high: Vec<usize> = draw.rows.iter().copied().filter(|r| *r >= 500).collect();
        assert_eq!(high.len(), 333);
        assert!(high.windows(2).all(|w| w[0] < w[1]));
        assert_ne!(draw.rows, balanced(&regimes, &rule(), 2).rows);
        assert_eq!(balanced(&[], &rule(), 1).rows, Vec::<usize>::new());
        let off = BalancedSampling { enabled: false, ..rule() };
        assert_eq!(balanced(&regimes, &off, 1).rows, (0..1_000).collect::<Vec<_>>());
        let half = BalancedSampling { rows_ratio: 0.5, ..rule() };
        assert_eq!(balanced(&regimes, &half, 1).rows.len(), 500);
    }

    #[test]
    fn the_prior_is_put_back() {
        let (natural, sampled) = ([0.3, 0.3, 0.4], [0.2, 0.3, 0.5]);
        let shift = prior_shift(&natural, &sampled);
        // A model that says the sampled shares with the shift says the natural ones without it (Saerens et al. 2002, 2.4).
        for k in 0..3 {
            assert!((sampled[k].ln() - shift[k] - natural[k].ln()).abs() < 1e-15);
        }
        assert_eq!(prior_shift(&natural, &[0.5, 0.5, 0.0])[2], 0.0);
        // A regime drawn twice as often is no news, a class weighed twice as much is.
        let (crash, normal) = (Regime::Crash, Regime::Normal);
        let rows = [(crash, Class::Sell), (crash, Class::Sell), (normal, Class::Buy), (normal, Class::Hold)];
        let seen = |weight: fn(Regime, Class) -> f64| seen_shares(rows.map(|(g, k)| (g, k, weight(g, k))), rows.map(|(g, _)| g));
        assert_eq!(seen(|g, _| if g == Regime::Crash { 2.0 } else { 1.0 }), [0.5, 0.25, 0.25]);
        assert_eq!(seen(|_, k| if k == Class::Hold { 3.0 } else { 1.0 }), [0.5, 0.375, 0.125]);
        assert_eq!(class_shares([(Class::Buy, 3.0), (Class::Sell, 1.0)]), [0.25, 0.0, 0.75]);
    }

    proptest! {
        #[test]
        fn a_draw_keeps_its_promises(counts in prop::array::uniform5(0_usize..80), seed: u64) {
            let regimes = rows(counts);
            let draw = balanced(&regimes, &rule(), seed);
            prop_assert_eq!(&draw, &balanced(&regimes, &rule(), seed));
            let mut times = vec![0; regimes.len()];
            for &row in &draw.rows {
                times[row] += 1;
            }
            for (row, regime) in regimes.iter().enumerate() {
                let d = draw.regimes[*regime as usize];
                prop_assert!(times[row] <= 3);
                prop_assert!(times[row] == d.drawn / d.available || times[row] == d.drawn.div_ceil(d.available));
            }
            let weighed: f64 = draw.regimes.iter().map(|d| d.factor * d.available as f64).sum();
            prop_assert!((weighed - regimes.len() as f64).abs() < 1e-6 || draw.rows.is_empty());
        }
    }
}
