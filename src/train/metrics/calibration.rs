//! Whether probabilities mean what they say.

use super::{FLOOR, Probabilities, most_probable};
use crate::labels::Class;
use crate::train::newton::{Local, minimise};

const K: usize = Class::COUNT;

/// Expected calibration error of the largest probability: in `bins` of equal width, `floor(bins * p)`, the weighted
/// mean distance of accuracy from confidence (Naeini et al. 2015; Guo et al. 2017).
pub fn ece_equal_width(rows: &[(Class, Probabilities)], bins: usize) -> Option<f64> {
    // Sum of hits less sum of confidence, a bin.
    let mut gaps = vec![0.0; bins];
    for (class, p) in rows {
        let best = most_probable(p);
        let confidence = p[best.index()];
        let bin = ((bins as f64 * confidence) as usize).min(bins.checked_sub(1)?);
        gaps[bin] += f64::from(u8::from(best == *class)) - confidence;
    }
    (!rows.is_empty()).then(|| gaps.iter().map(|g| g.abs()).sum::<f64>() / rows.len() as f64)
}

/// Expected calibration error of each class's probability in `bins` of equal mass, mean over the classes. Rows with the
/// same probability share a bin, so that the order of rows does not matter.
pub fn ece_equal_mass(rows: &[(Class, Probabilities)], bins: usize) -> Option<f64> {
    let error = |k: Class| {
        let mut sorted: Vec<(f64, bool)> = rows.iter().map(|(class, p)| (p[k.index()], *class == k)).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut from, mut total) = (0, 0.0);
        for bin in 1..=bins {
            let mut to = (bin * sorted.len() / bins).max(from);
            while to > from && to < sorted.len() && sorted[to].0 == sorted[to - 1].0 {
                to += 1;
            }
            total += sorted[from..to].iter().map(|(p, came)| f64::from(u8::from(*came)) - p).sum::<f64>().abs();
            from = to;
        }
        total / sorted.len() as f64
    };
    (bins > 0 && !rows.is_empty()).then(|| Class::ALL.into_iter().map(error).sum::<f64>() / K as f64)
}

/// Slope `b` of the recalibration `P(k) ~ exp(a_k + b ln p_k)` by maximum likelihood (Cox 1958; for several classes Van
/// Hoorde et al. 2014): 1 is calibrated, below 1 overconfident, near 0 without information. `None` where probabilities do
/// not vary or a class never came.
pub fn calibration_slope(rows: &[(Class, Probabilities)]) -> Option<f64> {
    let came = |k: Class| rows.iter().any(|(class, _)| *class == k);
    if !Class::ALL.into_iter().all(came) {
        return None;
    }
    let logs: Vec<[f64; K]> = rows.iter().map(|(_, p)| p.map(|v| v.max(FLOOR).ln())).collect();
    // Parameters: intercepts of SELL and BUY against HOLD, slope.
    let objective = |theta: &[f64]| {
        let mut local = Local::zero(3);
        for ((class, _), log) in rows.iter().zip(&logs) {
            add_row(&mut local, theta, class.index(), log);
        }
        local
    };
    minimise(vec![0.0, 0.0, 1.0], objective).ok().map(|theta| theta[2])
}

/// Adds one row's loss, gradient and curvature: the conditional logit's, whose features are the class and `ln p`.
fn add_row(local: &mut Local, theta: &[f64], class: usize, log: &[f64; K]) {
    let features: [[f64; 3]; K] = std::array::from_fn(|k| [f64::from(u8::from(k == 0)), f64::from(u8::from(k == 2)), log[k]]);
    let score = features.map(|f| f.iter().zip(theta).map(|(x, t)| x * t).sum::<f64>());
    let top = score.iter().copied().fold(f64::MIN, f64::max);
    let weights = score.map(|s| (s - top).exp());
    let total: f64 = weights.iter().sum();
    let q = weights.map(|w| w / total);
    local.value += total.ln() + top - score[class];
    let expected: [f64; 3] = std::array::from_fn(|i| (0..K).map(|k| q[k] * features[k][i]).sum());
    for i in 0..3 {
        local.gradient[i] += expected[i] - features[class][i];
        for j in 0..=i {
            local.hessian[i * 3 + j] += (0..K).map(|k| q[k] * (features[k][i] - expected[i]) * (features[k][j] - expected[j])).sum::<f64>();
        }
    }
}
