//! Integrated gradients: how far each feature moves a probability on the way from an average row to a row (Sundararajan,
//! Taly and Yan 2017). The contributions of a row add up to what they explain, up to the error of the steps.

use super::{Completeness, Inputs};
use crate::config::strategy;
use crate::labels::Class;
use crate::train::metrics::{Probabilities, mean};

/// The sides that signals are given for.
const SIDES: [Class; 2] = [Class::Sell, Class::Buy];

/// What gradients tell of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// Mean distance by which each name moves the probability of BUY and of SELL.
    pub moves: Vec<f64>,
    /// How far contributions are from adding up.
    pub completeness: Completeness,
}

/// Averages the contributions on at most `gradient_rows` of `values`, evenly spread. `predict` gives one answer a row;
/// `gradients` the derivative of the probability of a class by each value, in the shape of its rows. `None` without a row.
pub fn integrated_gradients<E>(
    inputs: &Inputs<'_>,
    values: &[f32],
    mut predict: impl FnMut(&[f32]) -> Result<Vec<Probabilities>, E>,
    mut gradients: impl FnMut(&[f32], Class) -> Result<Vec<f32>, E>,
    rule: &strategy::Attribution,
) -> Result<Option<Gradients>, E> {
    let width = inputs.width();
    let rows = spread(values, width, rule.gradient_rows as usize);
    let (answers, average) = (predict(&rows)?, predict(&vec![0.0; width])?);
    let mut moves = vec![0.0; inputs.names.len()];
    let mut errors: Vec<f64> = Vec::new();
    for side in SIDES {
        let given = contributions(inputs, &rows, side, rule.gradient_steps, &mut gradients)?;
        for (given, answer) in given.iter().zip(&answers) {
            let explained = answer[side.index()] - average.first().map_or(0.0, |p| p[side.index()]);
            errors.push((given.iter().sum::<f64>() - explained).abs());
            for (sum, part) in moves.iter_mut().zip(given) {
                *sum += part.abs();
            }
        }
    }
    let Some(mean) = mean(errors.iter().map(|e| (*e, 1.0))) else { return Ok(None) };
    for sum in &mut moves {
        *sum /= errors.len() as f64;
    }
    let worst = errors.iter().copied().fold(0.0, f64::max);
    Ok(Some(Gradients { moves, completeness: Completeness { mean, worst } }))
}

/// What each name of `inputs` adds to the probability of `class` in each of `rows`, beside what it is at 0, the scaled mean:
/// value times the mean gradient at the middles of `steps` equal steps, columns of one name added.
pub fn contributions<E>(
    inputs: &Inputs<'_>,
    rows: &[f32],
    class: Class,
    steps: u32,
    mut gradients: impl FnMut(&[f32], Class) -> Result<Vec<f32>, E>,
) -> Result<Vec<Vec<f64>>, E> {
    let mut sums = vec![0.0_f64; rows.len()];
    for step in 0..steps {
        let part = (step as f32 + 0.5) / steps as f32;
        let at: Vec<f32> = rows.iter().map(|v| part * v).collect();
        for (sum, gradient) in sums.iter_mut().zip(gradients(&at, class)?) {
            *sum += f64::from(gradient);
        }
    }
    let of_row = |(values, sums): (&[f32], &[f64])| {
        let mut given = vec![0.0; inputs.names.len()];
        for ((value, sum), name) in values.iter().zip(sums).zip(inputs.columns) {
            given[*name] += f64::from(*value) * sum / f64::from(steps);
        }
        given
    };
    let width = inputs.width().max(1);
    Ok(rows.chunks_exact(width).zip(sums.chunks_exact(width)).map(of_row).collect())
}

/// At most `most` rows, evenly spread.
fn spread(values: &[f32], width: usize, most: usize) -> Vec<f32> {
    let rows = values.len() / width.max(1);
    let taken = rows.min(most);
    (0..taken).flat_map(|i| &values[i * rows / taken * width..(i * rows / taken + 1) * width]).copied().collect()
}
