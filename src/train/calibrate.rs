//! From scores to probabilities, and from probabilities to decisions.
//!
//! `p' = (1 - w) * prior + w * softmax(z / T)`: the temperature T takes back overconfidence (Guo et al. 2017), the step
//! towards the prior admits how little is known. Both are fitted on earlier blocks only. The prior that balanced sampling
//! has bent is put right before, by [`crate::labels::sampling::prior_shift`].

use serde::{Deserialize, Serialize};

use super::Fold;
use super::metrics::{Probabilities, nats};
use crate::labels::Class;

/// One answer that calibration learns from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// What came.
    pub class: Class,
    /// What the model said.
    pub p: Probabilities,
    /// Shares of the classes in the training fold.
    pub prior: Probabilities,
    /// How much the row counts.
    pub weight: f64,
}

/// A fitted calibration, kept with the model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// T; above 1 softens.
    pub temperature: f64,
    /// `1 - w`: the step towards the prior, 0 to 1.
    pub shrink: f64,
}

/// Temperatures that are tried, before the best is refined between its neighbours: powers of this from 1/8 to 8.
const RATIO: f64 = 1.189_207_115_002_721; // 2^(1/4)
const POWERS: std::ops::RangeInclusive<i32> = -12..=12;

/// Passes over the rows that find the step, and how near it is found.
const PASSES: usize = 60;
const STEP_TOLERANCE: f64 = 1e-12;
/// Golden sections of the interval of the temperature.
const SECTIONS: usize = 24;

impl Calibration {
    /// Changes nothing.
    pub const IDENTITY: Self = Self { temperature: 1.0, shrink: 0.0 };

    /// The calibration with the least log loss on `answers`, its step towards the prior at most `max_shrink`. `None`
    /// where nothing weighs.
    pub fn fit(answers: &[Answer], max_shrink: f64) -> Option<Self> {
        let total: f64 = answers.iter().map(|a| a.weight).sum();
        if !(total > 0.0 && total.is_finite()) {
            return None;
        }
        let logs: Vec<Probabilities> = answers.iter().map(|a| a.p.map(|v| -nats(v))).collect();
        let at = |log_temperature: f64| best_shrink((answers, &logs), log_temperature.exp(), max_shrink);
        let step = RATIO.ln();
        let tried = POWERS.map(|k| f64::from(k) * step).map(|t| (t, at(t)));
        let (coarse, found) = tried.min_by(|(_, a), (_, b)| a.1.total_cmp(&b.1))?;
        let fine = golden(coarse - step, coarse + step, |t| at(t).1);
        let finer = at(fine);
        let (best, (shrink, _)) = if finer.1 < found.1 { (fine, finer) } else { (coarse, found) };
        Some(Self { temperature: best.exp(), shrink })
    }

    /// Calibrated probabilities.
    pub fn apply(&self, p: &Probabilities, prior: &Probabilities) -> Probabilities {
        let soft = softened(&p.map(|v| -nats(v)), self.temperature);
        std::array::from_fn(|k| self.shrink * prior[k] + (1.0 - self.shrink) * soft[k])
    }
}

/// Calibrates the test rows of each fold by a fit on the fold's earlier rows. `None` for a row outside every test and for
/// one whose fold has nothing earlier: what was not calibrated out of fold is not judged.
pub fn calibrate_forward(answers: &[Answer], folds: &[Fold], max_shrink: f64) -> Vec<Option<Probabilities>> {
    let mut out = vec![None; answers.len()];
    for fold in folds {
        let earlier: Vec<Answer> = fold.learn.iter().map(|r| answers[*r]).collect();
        if let Some(fitted) = Calibration::fit(&earlier, max_shrink) {
            for &row in &fold.test {
                out[row] = Some(fitted.apply(&answers[row].p, &answers[row].prior));
            }
        }
    }
    out
}

/// The class whose probability exceeds its prior by the largest ratio, if that ratio is at least `1 + min_edge`; else
/// HOLD. The largest probability alone would nearly always be the most frequent class.
pub fn by_lift(p: &Probabilities, prior: &Probabilities, min_edge: f64) -> Class {
    let lift = |k: Class| p[k.index()] / prior[k.index()];
    let best = Class::ALL.into_iter().reduce(|best, k| if lift(k) > lift(best) { k } else { best }).unwrap_or(Class::Hold);
    if lift(best) >= 1.0 + min_edge { best } else { Class::Hold }
}

/// `softmax(ln p / T)`, given `ln p`.
fn softened(logs: &Probabilities, temperature: f64) -> Probabilities {
    let scores = logs.map(|v| v / temperature);
    let top = scores.iter().copied().fold(f64::MIN, f64::max);
    let powers = scores.map(|s| (s - top).exp());
    let total: f64 = powers.iter().sum();
    powers.map(|v| v / total)
}

/// The step with the least loss at a temperature, and that loss. The loss is convex in the step: Newton's steps on its slope,
/// halved where they leave the interval that holds the minimum, find it in a few passes over the rows.
fn best_shrink((answers, logs): (&[Answer], &[Probabilities]), temperature: f64, most: f64) -> (f64, f64) {
    // Of each row: softened probability of what came, its prior less that, weight.
    let term = |(a, logs): (&Answer, &Probabilities)| {
        let q = softened(logs, temperature)[a.class.index()];
        [q, a.prior[a.class.index()] - q, a.weight]
    };
    let terms: Vec<[f64; 3]> = answers.iter().zip(logs).map(term).collect();
    let slope = |s: f64| {
        terms.iter().fold((0.0, 0.0), |(slope, curvature), [q, d, w]| {
            let pull = d / (q + s * d).max(super::metrics::FLOOR);
            (slope - w * pull, curvature + w * pull * pull)
        })
    };
    let (mut low, mut high) = (0.0, most);
    if slope(low).0 >= 0.0 {
        high = low;
    } else if slope(high).0 <= 0.0 {
        low = high;
    }
    let mut at = 0.5 * (low + high);
    for _ in 0..PASSES {
        if high - low < STEP_TOLERANCE {
            break;
        }
        let (rise, curvature) = slope(at);
        if rise > 0.0 {
            high = at;
        } else {
            low = at;
        }
        let next = at - rise / curvature;
        let inside = next > low && next < high;
        if inside && (next - at).abs() < STEP_TOLERANCE {
            at = next;
            break;
        }
        at = if inside { next } else { 0.5 * (low + high) };
    }
    if low == high {
        at = low;
    }
    let loss = terms.iter().map(|[q, d, w]| w * nats(q + at * d)).sum();
    (at, loss)
}

/// The minimum between two points of a function that falls and then rises, by golden sections (Kiefer 1953).
fn golden(mut low: f64, mut high: f64, function: impl Fn(f64) -> f64) -> f64 {
    const SECTION: f64 = 0.618_033_988_749_895;
    let (mut a, mut b) = (high - SECTION * (high - low), low + SECTION * (high - low));
    let (mut fa, mut fb) = (function(a), function(b));
    for _ in 0..SECTIONS {
        if fa < fb {
            (high, b, fb) = (b, a, fa);
            a = high - SECTION * (high - low);
            fa = function(a);
        } else {
            (low, a, fa) = (a, b, fb);
            b = low + SECTION * (high - low);
            fb = function(b);
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::Stream;
    use crate::train::metrics::{log_loss, surprise};

    const PRIOR: Probabilities = [0.3, 0.32, 0.38];

    fn softened(p: &Probabilities, temperature: f64) -> Probabilities {
        super::softened(&p.map(f64::ln), temperature)
    }

    /// Rows whose outcomes follow `truth(row)` and whose model says `said(truth)`.
    fn rows(n: usize, said: impl Fn(&Probabilities) -> Probabilities) -> Vec<Answer> {
        let mut stream = Stream::new(&[21]);
        (0..n)
            .map(|_| {
                let raw = PRIOR.map(|v| v * (0.35 * stream.normal()).exp());
                let truth = raw.map(|v| v / raw.iter().sum::<f64>());
                let u = stream.uniform();
                let class = if u < truth[0] {
                    Class::Sell
                } else if u < truth[0] + truth[1] {
                    Class::Hold
                } else {
                    Class::Buy
                };
                Answer { class, p: said(&truth), prior: PRIOR, weight: 1.0 }
            })
            .collect()
    }

    fn loss(answers: &[Answer], calibration: Calibration) -> f64 {
        log_loss(answers.iter().map(|a| (a.class, calibration.apply(&a.p, &a.prior), a.weight))).unwrap()
    }

    #[test]
    fn the_temperature_of_sharpened_answers_is_found() {
        let answers = rows(2500, |truth| softened(truth, 1.0 / 3.0));
        let fitted = Calibration::fit(&answers, 0.0).unwrap();
        assert!((2.4..3.75).contains(&fitted.temperature), "{fitted:?}");
        assert_eq!(fitted.shrink, 0.0);
    }

    #[test]
    fn a_model_that_knows_nothing_is_moved_to_the_prior() {
        let mut stream = Stream::new(&[5]);
        let mut answers = rows(1000, |_| PRIOR);
        for a in &mut answers {
            let raw = PRIOR.map(|v| v * stream.normal().exp());
            a.p = raw.map(|v| v / raw.iter().sum::<f64>());
        }
        let fitted = Calibration::fit(&answers, 1.0).unwrap();
        assert!(fitted.shrink > 0.6 && loss(&answers, fitted) <= loss(&answers, Calibration { shrink: 1.0, ..fitted }), "{fitted:?}");
        let half = Calibration::fit(&answers, 0.5).unwrap();
        assert_eq!(half.shrink, 0.5);
        assert!(loss(&answers, fitted) <= loss(&answers, half) && loss(&answers, half) < loss(&answers, Calibration::IDENTITY));
    }

    #[test]
    fn a_fit_is_no_worse_than_any_point_near_it() {
        let answers = rows(600, |truth| softened(truth, 0.4));
        let fitted = Calibration::fit(&answers, 0.9).unwrap();
        for (t, s) in [(0.97, 0.0), (1.03, 0.0), (1.0, 0.02), (1.0, -0.02)] {
            let shrink = (fitted.shrink + s).clamp(0.0, 0.9);
            assert!(loss(&answers, fitted) <= loss(&answers, Calibration { temperature: fitted.temperature * t, shrink }) + 1e-9);
        }
    }

    #[test]
    fn only_earlier_rows_calibrate() {
        let mut answers = rows(300, |truth| softened(truth, 0.3));
        let folds = [Fold { learn: vec![], test: (0..100).collect() }, Fold { learn: (0..90).collect(), test: (100..200).collect() }];
        let before = calibrate_forward(&answers, &folds, 0.9);
        assert!(before[..100].iter().chain(&before[200..]).all(Option::is_none));
        for a in &mut answers[90..] {
            a.class = Class::Hold;
        }
        assert_eq!(calibrate_forward(&answers, &folds, 0.9), before, "outcomes of the block itself must not matter");
        assert_eq!(Calibration::fit(&[], 0.5), None);
    }

    #[test]
    fn decisions_go_by_lift_and_need_an_edge() {
        assert_eq!(by_lift(&[0.36, 0.30, 0.34], &PRIOR, 0.05), Class::Sell);
        assert_eq!(by_lift(&[0.32, 0.31, 0.37], &PRIOR, 0.1), Class::Hold);
        assert_eq!(by_lift(&[0.25, 0.4, 0.35], &PRIOR, 0.05), Class::Hold);
        assert_eq!(by_lift(&[0.25, 0.25, 0.5], &[0.25, 0.25, 0.5], 0.0), Class::Sell, "no edge at all is met by the first class");
        assert_eq!(by_lift(&[0.25, 0.375, 0.375], &[0.25, 0.5, 0.25], 0.5), Class::Buy, "exactly the edge is enough");
        assert_eq!(by_lift(&[f64::NAN; 3], &PRIOR, 0.05), Class::Hold);
    }

    proptest! {
        #[test]
        fn calibrated_answers_are_probabilities_in_the_same_order(
            raw in prop::array::uniform3(0.001..1.0_f64), temperature in 0.1..8.0_f64, shrink in 0.0..1.0_f64
        ) {
            let p = raw.map(|v| v / raw.iter().sum::<f64>());
            let even = [1.0 / 3.0; 3];
            let out = Calibration { temperature, shrink }.apply(&p, &even);
            prop_assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for (i, j) in [(0, 1), (1, 2), (0, 2)] {
                prop_assert!((p[i] - p[j]) * (out[i] - out[j]) >= -1e-15);
            }
            let same = Calibration::IDENTITY.apply(&p, &even);
            prop_assert!(Class::ALL.iter().all(|k| (surprise(*k, &same) - surprise(*k, &p)).abs() < 1e-9));
        }
    }
}
