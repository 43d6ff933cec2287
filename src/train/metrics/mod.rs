//! How good probabilities and decisions are: losses, confusion, ranking, direction, calibration.
//!
//! Rows come as iterators of what a metric looks at, with a weight where rows may count differently; `bootstrap`
//! resamples by those weights. A metric that its rows leave undefined is `None`, never 0. The gates, the meta-learner and
//! the pages of a run call these.

pub mod auc;
pub mod calibration;
pub mod confusion;
pub mod direction;

pub use auc::{Ranking, auc, one_vs_rest};
pub use calibration::{calibration_slope, ece_equal_mass, ece_equal_width};
pub use confusion::Confusion;

use crate::labels::Class;

/// Probabilities of the classes in column order ([`Class::ALL`]).
pub type Probabilities = [f64; Class::COUNT];

/// The least probability that a loss is taken of: a certain error costs 34.5 nats, not infinity.
pub const FLOOR: f64 = 1e-15;

/// Loss of one answer in nats: `-ln p` of what came.
pub fn surprise(class: Class, p: &Probabilities) -> f64 {
    nats(p[class.index()])
}

/// `-ln p` of an event that came, in nats, with [`FLOOR`]; NaN stays NaN.
pub fn nats(p: f64) -> f64 {
    if p < FLOOR { -FLOOR.ln() } else { -p.ln() }
}

/// Weighted mean of [`surprise`].
pub fn log_loss(rows: impl IntoIterator<Item = (Class, Probabilities, f64)>) -> Option<f64> {
    mean(rows.into_iter().map(|(class, p, weight)| (surprise(class, &p), weight)))
}

/// Weighted mean of the squared distance of the probabilities from what came, summed over classes (Brier 1950): 0 to 2.
pub fn brier(rows: impl IntoIterator<Item = (Class, Probabilities, f64)>) -> Option<f64> {
    let distance =
        |class: Class, p: &Probabilities| Class::ALL.iter().map(|k| (p[k.index()] - f64::from(u8::from(*k == class))).powi(2)).sum::<f64>();
    mean(rows.into_iter().map(|(class, p, weight)| (distance(class, &p), weight)))
}

/// Share of a reference's loss that is saved: 0 is no better than the reference, 1 is certainty.
pub fn skill(loss: f64, reference: f64) -> Option<f64> {
    (reference > 0.0).then(|| 1.0 - loss / reference)
}

/// The class with the largest probability, the first of equal ones.
pub fn most_probable(p: &Probabilities) -> Class {
    Class::ALL.into_iter().reduce(|best, k| if p[k.index()] > p[best.index()] { k } else { best }).unwrap_or(Class::Hold)
}

/// Weighted mean of values; `None` where nothing weighs.
pub fn mean(values: impl IntoIterator<Item = (f64, f64)>) -> Option<f64> {
    let (total, weight) = values.into_iter().fold((0.0, 0.0), |(t, w), (value, weight)| (t + weight * value, w + weight));
    (weight > 0.0).then(|| total / weight)
}

/// The point below which a share `q` of ascending values lies, between neighbours by straight line (Hyndman and Fan
/// 1996, type 7); `None` of no values.
pub fn quantile(ascending: &[f64], q: f64) -> Option<f64> {
    let (low, part) = place(ascending.len(), q)?;
    let high = ascending.get(low + 1).unwrap_or(&ascending[low]);
    Some(between(ascending[low], *high, part))
}

/// Where a quantile of `n` ascending values lies: the rank, from 0, of the value before it, and the part of the way to the next.
pub fn place(n: usize, q: f64) -> Option<(usize, f64)> {
    let at = q.clamp(0.0, 1.0) * n.checked_sub(1)? as f64;
    Some((at.floor() as usize, at.fract()))
}

/// The point a `part` of the way from `low` to `high`.
pub fn between(low: f64, high: f64, part: f64) -> f64 {
    low + part * (high - low)
}

#[cfg(test)]
mod tests;
