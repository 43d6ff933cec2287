//! The probability that the best of many trials was chosen by luck: combinatorially symmetric cross-validation (Bailey,
//! Borwein, López de Prado and Zhu 2017). Reported with a run, never a gate.

/// Slices of time; half of them choose, the other half judge, in each of 12,870 ways.
pub const SLICES: usize = 16;

/// The share of ways in which the trial that is best on one half of the slices lies at or below the median on the other.
/// `trials` are returns per period on the same periods; `None` of fewer than two trials, of different lengths, or of fewer
/// than two periods a slice. A trial without variation counts as Sharpe ratio 0.
pub fn probability_of_overfitting(trials: &[&[f64]]) -> Option<f64> {
    let periods = trials.first()?.len();
    if trials.len() < 2 || periods < 2 * SLICES || trials.iter().any(|t| t.len() != periods) {
        return None;
    }
    let slices: Vec<[Sums; SLICES]> = trials.iter().map(|t| sliced(t)).collect();
    let halves = (0_u32..1 << SLICES).filter(|half| half.count_ones() as usize == SLICES / 2);
    let (mut lucky, mut ways) = (0.0, 0.0);
    for half in halves {
        let (inside, outside): (Vec<f64>, Vec<f64>) = slices.iter().map(|s| sharpes(s, half)).unzip();
        let best = (0..inside.len()).max_by(|a, b| inside[*a].total_cmp(&inside[*b]))?;
        let worse = outside.iter().filter(|o| **o < outside[best]).count() as f64;
        let equal = outside.iter().filter(|o| **o == outside[best]).count() as f64;
        let rank = (worse + 0.5 * (equal + 1.0)) / (outside.len() + 1) as f64;
        lucky += f64::from(u8::from(rank <= 0.5));
        ways += 1.0;
    }
    Some(lucky / ways)
}

/// Periods, sum and sum of squares of the returns of a slice.
type Sums = [f64; 3];

fn sliced(returns: &[f64]) -> [Sums; SLICES] {
    let n = returns.len();
    std::array::from_fn(|k| {
        let part = &returns[k * n / SLICES..(k + 1) * n / SLICES];
        [part.len() as f64, part.iter().sum(), part.iter().map(|r| r * r).sum()]
    })
}

/// Sharpe ratios on the slices whose bit is set, and on the others.
fn sharpes(slices: &[Sums; SLICES], half: u32) -> (f64, f64) {
    let mut halves = [[0.0; 3]; 2];
    for (k, slice) in slices.iter().enumerate() {
        let half = &mut halves[(half >> k & 1) as usize];
        for (sum, addend) in half.iter_mut().zip(slice) {
            *sum += addend;
        }
    }
    (sharpe(halves[1]), sharpe(halves[0]))
}

fn sharpe([n, sum, squares]: Sums) -> f64 {
    let variance = squares / n - (sum / n).powi(2);
    if variance > 0.0 { sum / n / variance.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn noise(trials: usize, periods: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut stream = Stream::new(&[seed]);
        (0..trials).map(|_| (0..periods).map(|_| 0.01 * stream.normal()).collect()).collect()
    }

    fn probability(trials: &[Vec<f64>]) -> Option<f64> {
        probability_of_overfitting(&trials.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn skill_is_told_from_luck() {
        let luck = (0..3).map(|seed| probability(&noise(4, 320, seed)).unwrap()).sum::<f64>() / 3.0;
        assert!((0.3..0.8).contains(&luck), "{luck}");
        let mut trials = noise(4, 320, 3);
        trials[2].iter_mut().for_each(|r| *r += 0.01);
        assert_eq!(probability(&trials), Some(0.0));
    }

    #[test]
    fn equal_trials_are_a_coin_toss_and_one_trial_is_nothing() {
        let one = noise(1, 64, 1);
        assert_eq!(probability(&vec![one[0].clone(); 3]), Some(1.0), "the middle rank is not above the median");
        assert_eq!((probability(&one), probability(&noise(3, 31, 1))), (None, None));
    }
}
