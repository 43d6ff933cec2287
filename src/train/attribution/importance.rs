//! Permutation importance: what it costs to take from a model what a feature tells (Breiman 2001; Fisher, Rudin and
//! Dominici 2019), shuffled in blocks of sessions.

use serde::{Deserialize, Serialize};

use super::shuffle::{Sessions, block_order, choose};
use super::{Inputs, TestRows};
use crate::config::strategy;
use crate::labels::Class;
use crate::train::metrics::direction::directional_surprise;
use crate::train::metrics::{Probabilities, mean, surprise};
use crate::train::sharpe::variance;

/// What shuffling a feature costs, in nats a row. Near 0, within its deviation: the model does without it. `None` where
/// there are fewer than two blocks of sessions to shuffle, or no row that could tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// Of the log loss of the three classes.
    pub loss: Option<Increase>,
    /// Of the log loss of BUY against SELL, on rows whose outcome is one of them.
    pub direction: Option<Increase>,
}

/// An increase over shuffles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Increase {
    /// Mean.
    pub mean: f64,
    /// Standard deviation of one shuffle; `None` of a single one.
    pub deviation: Option<f64>,
}

/// Mean losses of answers: of three classes, and of direction.
type Losses = [Option<f64>; 2];

/// The importance of each name of `inputs` for the answers of `predict`, which gets rows and gives one answer a row. It is
/// called once for the rows as they are, then `shuffles` times a name, at most `shuffle_max_rows` rows each; the same
/// seed gives the same figures, and shuffle `k` moves sessions alike for all names.
pub fn permutation_importance<E>(
    inputs: &Inputs<'_>,
    test: &TestRows<'_>,
    mut predict: impl FnMut(&[f32]) -> Result<Vec<Probabilities>, E>,
    rule: &strategy::Attribution,
    seed: u64,
) -> Result<Vec<Importance>, E> {
    let width = inputs.width();
    let rows = choose(test, rule.shuffle_max_rows as usize, seed);
    let classes: Vec<Class> = rows.iter().map(|row| test.classes[*row]).collect();
    let values: Vec<f32> = rows.iter().flat_map(|row| &test.values[row * width..(row + 1) * width]).copied().collect();
    let sessions = Sessions::new(test, &rows);
    let order = |k: u32| block_order(sessions.count(), rule.shuffle_block_sessions as usize, &[seed, k.into()]);
    let sources: Vec<Vec<usize>> =
        (0..rule.shuffles).filter_map(order).map(|order| sessions.sources(&order, |row| test.symbols[rows[row]])).collect();
    if sources.is_empty() {
        return Ok(vec![Importance::default(); inputs.names.len()]);
    }
    let base = losses(&predict(&values)?, &classes);
    let mut shuffled = values.clone();
    let mut found = Vec::with_capacity(inputs.names.len());
    for name in 0..inputs.names.len() {
        let columns: Vec<usize> = (0..width).filter(|column| inputs.columns[*column] == name).collect();
        let mut increases: [Vec<f64>; 2] = Default::default();
        for sources in &sources {
            put(&mut shuffled, &values, &columns, width, |row| sources[row]);
            let now = losses(&predict(&shuffled)?, &classes);
            for (increases, (now, base)) in increases.iter_mut().zip(now.into_iter().zip(base)) {
                increases.extend(now.zip(base).map(|(now, base)| now - base));
            }
        }
        put(&mut shuffled, &values, &columns, width, |row| row);
        let [loss, direction] = increases.map(|of| increase(&of));
        found.push(Importance { loss, direction });
    }
    Ok(found)
}

/// Writes `columns` of each row with the values that row `source(row)` has.
fn put(into: &mut [f32], values: &[f32], columns: &[usize], width: usize, source: impl Fn(usize) -> usize) {
    for (row, into) in into.chunks_exact_mut(width).enumerate() {
        let from = &values[source(row) * width..];
        for column in columns {
            into[*column] = from[*column];
        }
    }
}

fn losses(answers: &[Probabilities], classes: &[Class]) -> Losses {
    let rows = || classes.iter().zip(answers);
    [
        mean(rows().map(|(class, p)| (surprise(*class, p), 1.0))),
        mean(rows().filter_map(|(class, p)| Some((directional_surprise(*class, p)?, 1.0)))),
    ]
}

fn increase(of: &[f64]) -> Option<Increase> {
    let mean = mean(of.iter().map(|v| (*v, 1.0)))?;
    Some(Increase { mean, deviation: (of.len() > 1).then(|| variance(of).sqrt()) })
}
