//! Multinomial logistic regression with a squared penalty, in f64, fitted by Newton's method: the meta-learner's
//! arithmetic. Deterministic, whatever the threads.
//!
//! Scores are `ln prior + W x`, so that weights of zero answer with the prior, and the penalty pulls towards it. All three
//! classes have weights; the penalty makes them unique.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::metrics::Probabilities;
use super::newton::{Local, NewtonError, minimise};
use crate::labels::Class;

const K: usize = Class::COUNT;

/// Rows that one task adds up; fixed, so that sums do not depend on threads.
const CHUNK: usize = 4096;

/// What is fitted: rows of the same number of inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Design {
    /// Inputs of all rows, row by row.
    pub inputs: Vec<f64>,
    /// What came.
    pub class: Vec<Class>,
    /// Shares of the classes that zero weights answer with; all above 0.
    pub prior: Vec<Probabilities>,
    /// How much a row counts.
    pub weight: Vec<f64>,
}

/// Fitted weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Multinomial {
    /// Weights of all inputs, class by class in column order.
    weights: Vec<f64>,
}

impl Multinomial {
    /// Fits `sum weight * log loss + l2 / 2 * |W|^2`.
    pub fn fit(design: &Design, l2: f64) -> Result<Self, NewtonError> {
        let inputs = design.inputs.len().checked_div(design.class.len()).unwrap_or(0);
        let weights = minimise(vec![0.0; K * inputs], |weights| local(design, inputs, weights, l2))?;
        Ok(Self { weights })
    }

    /// Probabilities of a row.
    pub fn predict(&self, inputs: &[f64], prior: &Probabilities) -> Probabilities {
        softmax(&scores(&self.weights, inputs, prior)).0
    }
}

fn scores(weights: &[f64], inputs: &[f64], prior: &Probabilities) -> Probabilities {
    std::array::from_fn(|k| {
        let own = &weights[k * inputs.len()..(k + 1) * inputs.len()];
        prior[k].ln() + own.iter().zip(inputs).map(|(w, x)| w * x).sum::<f64>()
    })
}

/// Probabilities, and the logarithm of the scores' exponentials added up.
fn softmax(scores: &Probabilities) -> (Probabilities, f64) {
    let top = scores.iter().copied().fold(f64::MIN, f64::max);
    let powers = scores.map(|s| (s - top).exp());
    let total: f64 = powers.iter().sum();
    (powers.map(|v| v / total), top + total.ln())
}

/// Penalised loss with its derivatives (Bishop 2006, equations 4.109 and 4.110).
fn local(design: &Design, inputs: usize, weights: &[f64], l2: f64) -> Local {
    let n = design.class.len();
    let part = |chunk: usize| {
        let mut sum = Local::zero(weights.len());
        for row in chunk * CHUNK..((chunk + 1) * CHUNK).min(n) {
            add_row(&mut sum, design, row, inputs, weights);
        }
        sum
    };
    let parts: Vec<Local> = (0..n.div_ceil(CHUNK)).into_par_iter().map(part).collect();
    let mut total = Local::zero(weights.len());
    for part in &parts {
        total.add(part);
    }
    for (i, w) in weights.iter().enumerate() {
        total.value += 0.5 * l2 * w * w;
        total.gradient[i] += l2 * w;
        total.hessian[i * weights.len() + i] += l2;
    }
    total
}

/// Adds one row's terms; of the second derivatives the lower triangle only.
fn add_row(sum: &mut Local, design: &Design, row: usize, inputs: usize, weights: &[f64]) {
    let x = &design.inputs[row * inputs..(row + 1) * inputs];
    let (class, weight) = (design.class[row].index(), design.weight[row]);
    let scores = scores(weights, x, &design.prior[row]);
    let (p, log_total) = softmax(&scores);
    sum.value += weight * (log_total - scores[class]);
    for k in 0..K {
        let residual = weight * (p[k] - f64::from(u8::from(k == class)));
        sum.gradient[k * inputs..(k + 1) * inputs].iter_mut().zip(x).for_each(|(g, v)| *g += residual * v);
        for j in 0..=k {
            let curve = weight * p[k] * (f64::from(u8::from(k == j)) - p[j]);
            for (a, va) in x.iter().enumerate() {
                let width = if j == k { a + 1 } else { inputs };
                let start = (k * inputs + a) * weights.len() + j * inputs;
                let scaled = curve * va;
                sum.hessian[start..start + width].iter_mut().zip(x).for_each(|(h, vb)| *h += scaled * vb);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::Stream;

    /// Rows of `inputs` normal inputs whose outcome follows known weights.
    fn design(rows: usize, truth: &[f64], seed: u64) -> Design {
        let inputs = truth.len() / K;
        let mut stream = Stream::new(&[seed]);
        let mut out = Design::default();
        let prior = [0.3, 0.3, 0.4];
        for _ in 0..rows {
            let x: Vec<f64> = (0..inputs).map(|_| stream.normal()).collect();
            let (p, _) = softmax(&scores(truth, &x, &prior));
            let u = stream.uniform();
            out.class.push(Class::ALL[usize::from(u > p[0]) + usize::from(u > p[0] + p[1])]);
            out.inputs.extend(x);
            out.prior.push(prior);
            out.weight.push(0.5 + stream.uniform());
        }
        out
    }

    #[test]
    fn known_weights_are_found_again() {
        // Rows of weights add up to zero over the classes, as a fit with a penalty makes them.
        let truth = [0.6, -0.2, -0.1, 0.5, -0.5, -0.3];
        let fitted = Multinomial::fit(&design(4000, &truth, 3), 1e-3).unwrap();
        for (got, want) in fitted.weights.iter().zip(truth) {
            assert!((got - want).abs() < 0.08, "{:?}", fitted.weights);
        }
    }

    #[test]
    fn the_penalty_leads_to_the_prior_and_nothing_to_learn_is_the_prior() {
        let rows = design(200, &[1.0, 0.0, -1.0], 4);
        let held = Multinomial::fit(&rows, 1e9).unwrap().predict(&[2.0], &[0.2, 0.3, 0.5]);
        let none = Multinomial::fit(&Design::default(), 1.0).unwrap().predict(&[], &[0.2, 0.3, 0.5]);
        for k in 0..K {
            assert!((held[k] - [0.2, 0.3, 0.5][k]).abs() < 1e-6 && (none[k] - [0.2, 0.3, 0.5][k]).abs() < 1e-15);
        }
    }

    #[test]
    fn without_a_penalty_the_weights_are_not_unique() {
        assert_eq!(Multinomial::fit(&design(50, &[1.0, 0.0, -1.0], 5), 0.0), Err(NewtonError::Singular));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn derivatives_agree_with_finite_differences(seed: u64, weights in prop::collection::vec(-1.0..1.0_f64, 6)) {
            let rows = design(12, &[0.5, 0.1, 0.0, -0.2, -0.5, 0.1], seed);
            let at = |w: &[f64]| local(&rows, 2, w, 0.7);
            let here = at(&weights);
            let step = 1e-5;
            for i in 0..weights.len() {
                let moved = |by: f64| {
                    let mut w = weights.clone();
                    w[i] += by;
                    at(&w)
                };
                let (up, down) = (moved(step), moved(-step));
                prop_assert!(((up.value - down.value) / (2.0 * step) - here.gradient[i]).abs() < 1e-6);
                for j in 0..=i {
                    prop_assert!(((up.gradient[j] - down.gradient[j]) / (2.0 * step) - here.hessian[i * 6 + j]).abs() < 1e-6);
                }
            }
        }
    }
}
