//! How well a score ranks: the chance that a positive row scores above a negative one, ties counted half (Mann and
//! Whitney 1947, on mid-ranks).

use super::{Probabilities, mean};
use crate::labels::Class;

/// Rows in order of their score, sorted once so that resampling with other weights costs one pass.
#[derive(Clone, Debug)]
pub struct Ranking {
    order: Vec<Ranked>,
}

#[derive(Clone, Copy, Debug)]
struct Ranked {
    row: u32,
    positive: bool,
    /// The score is that of the row before.
    tied: bool,
}

impl Ranking {
    /// Ranks rows by score; a row is `(its number, score, positive)`. A score that is no number leaves nothing to rank.
    pub fn new(rows: impl IntoIterator<Item = (usize, f64, bool)>) -> Self {
        let mut scored: Vec<_> = rows.into_iter().collect();
        if scored.iter().any(|(_, score, _)| score.is_nan()) {
            return Self { order: Vec::new() };
        }
        scored.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut before = f64::NAN;
        let ranked = |(row, score, positive): (usize, f64, bool)| {
            let tied = score == before;
            before = score;
            Ranked { row: row as u32, positive, tied }
        };
        Self { order: scored.into_iter().map(ranked).collect() }
    }

    /// The area under the curve with each row weighing `weight(its number)`; `None` unless both kinds weigh.
    pub fn auc(&self, weight: impl Fn(usize) -> f64) -> Option<f64> {
        // Weights of positives and negatives: within the current tie, and of negatives below it.
        let (mut tie, mut below, mut positives, mut area) = ([0.0; 2], 0.0, 0.0, 0.0);
        let mut close = |tie: &mut [f64; 2]| {
            area += tie[1] * (below + 0.5 * tie[0]);
            below += tie[0];
            positives += tie[1];
            *tie = [0.0; 2];
        };
        for ranked in &self.order {
            if !ranked.tied {
                close(&mut tie);
            }
            tie[usize::from(ranked.positive)] += weight(ranked.row as usize);
        }
        close(&mut tie);
        let pairs = positives * below;
        (pairs > 0.0).then(|| area / pairs)
    }
}

/// The area under the curve of unweighted rows `(score, positive)`.
pub fn auc(rows: impl IntoIterator<Item = (f64, bool)>) -> Option<f64> {
    Ranking::new(rows.into_iter().enumerate().map(|(row, (score, positive))| (row, score, positive))).auc(|_| 1.0)
}

/// Mean over classes of the area under the curve of a class's probability for that class against the rest.
pub fn one_vs_rest(rows: &[(Class, Probabilities)]) -> Option<f64> {
    let each: Option<Vec<f64>> = Class::ALL.iter().map(|k| auc(rows.iter().map(|(class, p)| (p[k.index()], class == k)))).collect();
    mean(each?.into_iter().map(|area| (area, 1.0)))
}
