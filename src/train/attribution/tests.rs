//! Models whose leanings are known.

use chrono::Days;
use proptest::prelude::*;

use super::shuffle::{Sessions, block_order, choose};
use super::*;
use crate::config::strategy::{self, StrategySettings};
use crate::market::Strategy as Side;
use crate::random::Stream;
use crate::train::metrics::Probabilities;

const SYMBOLS: usize = 6;
const SESSIONS: usize = 240;
/// How the logit of BUY against SELL follows from six features; the logit of HOLD from the fifth alone.
const WEIGHTS: [f32; 6] = [0.3, -1.6, 0.0, 0.8, 0.0, 0.01];
const HOLD: f32 = 1.2;

fn rule() -> strategy::Attribution {
    StrategySettings::shipped(Side::Turbomode).unwrap().attribution
}

fn day(n: usize) -> NaiveDate {
    NaiveDate::from_ymd_opt(2018, 1, 1).unwrap() + Days::new(n as u64)
}

/// The model: softmax of -s/2, h, s/2.
fn answer(row: &[f32]) -> Probabilities {
    let s: f32 = row.iter().zip(WEIGHTS).map(|(x, w)| x * w).sum();
    let e = [-0.5 * s, HOLD * row[4], 0.5 * s].map(|z| f64::from(z).exp());
    e.map(|v| v / e.iter().sum::<f64>())
}

/// The derivative of the probability of a class `k`: `p_k (dz_k - sum of p_j dz_j)`.
fn gradient(row: &[f32], class: Class) -> Vec<f32> {
    let p = answer(row);
    let of = |i: usize| {
        let dz = [-0.5 * WEIGHTS[i], if i == 4 { HOLD } else { 0.0 }, 0.5 * WEIGHTS[i]].map(f64::from);
        let mean: f64 = p.iter().zip(dz).map(|(p, dz)| p * dz).sum();
        (p[class.index()] * (dz[class.index()] - mean)) as f32
    };
    (0..WEIGHTS.len()).map(of).collect()
}

/// Rows of six symbols with outcomes drawn from the model.
struct Data {
    values: Vec<f32>,
    dates: Vec<NaiveDate>,
    symbols: Vec<u32>,
    classes: Vec<Class>,
}

impl Data {
    fn new(sessions: usize) -> Self {
        let mut stream = Stream::new(&[19]);
        let mut data = Self { values: Vec::new(), dates: Vec::new(), symbols: Vec::new(), classes: Vec::new() };
        for i in 0..sessions * SYMBOLS {
            let row: Vec<f32> = WEIGHTS.iter().map(|_| stream.normal() as f32).collect();
            let (p, u) = (answer(&row), stream.uniform());
            data.classes.push(Class::ALL[usize::from(u > p[0]) + usize::from(u > p[0] + p[1])]);
            data.dates.push(day(i / SYMBOLS));
            data.symbols.push((i % SYMBOLS) as u32);
            data.values.extend(row);
        }
        data
    }

    fn rows(&self) -> TestRows<'_> {
        TestRows { values: &self.values, dates: &self.dates, symbols: &self.symbols, classes: &self.classes }
    }
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("f{i}")).collect()
}

fn numbers(rows: &[f32]) -> Result<(), &'static str> {
    rows.iter().all(|v| v.is_finite()).then_some(()).ok_or("not a number")
}

fn predict(rows: &[f32]) -> Result<Vec<Probabilities>, &'static str> {
    numbers(rows)?;
    Ok(rows.chunks_exact(WEIGHTS.len()).map(answer).collect())
}

fn gradients(rows: &[f32], class: Class) -> Result<Vec<f32>, &'static str> {
    numbers(rows)?;
    Ok(rows.chunks_exact(WEIGHTS.len()).flat_map(|row| gradient(row, class)).collect())
}

#[test]
fn a_linear_model_is_ranked_by_its_weights() {
    let (data, names) = (Data::new(SESSIONS), names(6));
    let inputs = Inputs { names: &names, columns: &[0, 1, 2, 3, 4, 5] };
    let found = permutation_importance(&inputs, &data.rows(), predict, &rule(), 1).unwrap();
    let direction: Vec<f64> = found.iter().map(|f| f.direction.unwrap().mean).collect();
    assert!(direction[1] > direction[3] && direction[3] > direction[0] && direction[0] > 0.01, "{direction:?}");
    let idle = [direction[2], direction[4], found[2].loss.unwrap().mean];
    assert!(idle.iter().all(|v| v.abs() < 1e-15), "without a weight nothing changes: {idle:?}");
    let [slight, hold] = [5, 4].map(|i| found[i].loss.unwrap());
    assert!(slight.mean.abs() < 3.0 * slight.deviation.unwrap() && slight.mean.abs() < 1e-3, "{slight:?}");
    assert!(hold.mean > 0.05 && hold.deviation.unwrap() < hold.mean);
    let moved = integrated_gradients(&inputs, &data.values, predict, gradients, &rule()).unwrap();
    let moved = moved.unwrap();
    let table = Attribution::new("softmax", &names, &found, Some(&moved), 4);
    let order: Vec<&str> = table.features.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(order[..2], ["f1", "f4"], "{table:?}");
    assert_eq!((order.len(), order[2]), (4, "f3"));
    assert!(moved.moves[1] > moved.moves[3] && moved.moves[3] > moved.moves[0] && moved.moves[2] == 0.0);
    let written = serde_json::to_string(&table).unwrap();
    assert_eq!(serde_json::from_str::<Attribution>(&written).unwrap(), table);
}

#[test]
fn contributions_add_up_to_what_they_explain() {
    let (data, names) = (Data::new(20), names(6));
    let inputs = Inputs { names: &names, columns: &[0, 1, 2, 3, 4, 5] };
    let found = integrated_gradients(&inputs, &data.values, predict, gradients, &rule()).unwrap();
    let completeness = found.unwrap().completeness;
    assert!(completeness.worst < 1e-3 && completeness.mean <= completeness.worst, "{completeness:?}");
    let row = &data.values[..6];
    let given = contributions(&inputs, row, Class::Buy, 32, gradients).unwrap();
    let explained = answer(row)[Class::Buy.index()] - 1.0 / 3.0;
    assert!((given[0].iter().sum::<f64>() - explained).abs() < 1e-3);
    let none = integrated_gradients(&inputs, &[], predict, gradients, &rule()).unwrap();
    assert_eq!(none, None);
}

#[test]
fn columns_of_one_name_are_one_thing() {
    let (data, two) = (Data::new(SESSIONS), names(2));
    let together = Inputs { names: &two, columns: &[0, 1, 1, 1, 0, 0] };
    let found = permutation_importance(&together, &data.rows(), predict, &rule(), 1).unwrap();
    assert!(found.len() == 2 && found[1].direction.unwrap().mean > found[0].direction.unwrap().mean);
    let six = names(6);
    let apart = Inputs { names: &six, columns: &[0, 1, 2, 3, 4, 5] };
    let row = &data.values[..6];
    let [whole, parts] = [together, apart].map(|inputs| contributions(&inputs, row, Class::Sell, 16, gradients).unwrap());
    assert!((whole[0][1] - (parts[0][1] + parts[0][2] + parts[0][3])).abs() < 1e-12);
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let (data, names) = (Data::new(100), names(6));
    let inputs = Inputs { names: &names, columns: &[0, 1, 2, 3, 4, 5] };
    let of = |seed| permutation_importance(&inputs, &data.rows(), predict, &rule(), seed);
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
}

#[test]
fn too_few_sessions_tell_nothing_and_a_model_may_stop() {
    let (data, names) = (Data::new(20), names(6));
    let inputs = Inputs { names: &names, columns: &[0, 1, 2, 3, 4, 5] };
    let found = permutation_importance(&inputs, &data.rows(), predict, &rule(), 1).unwrap();
    assert_eq!(found, vec![Importance::default(); 6]);
    let longer = Data::new(60);
    let mut calls = 0;
    let stopped = permutation_importance(
        &inputs,
        &longer.rows(),
        |rows| {
            calls += 1;
            if calls > 3 { Err("stopped") } else { predict(rows) }
        },
        &rule(),
        1,
    );
    assert_eq!((stopped, calls), (Err("stopped"), 4));
}

#[test]
fn rows_are_thinned_by_symbol() {
    let data = Data::new(100);
    let chosen = choose(&data.rows(), 250, 5);
    assert_eq!(chosen.len(), 200);
    let mut symbols: Vec<u32> = chosen.iter().map(|row| data.symbols[*row]).collect();
    symbols.sort_unstable();
    symbols.dedup();
    assert!(symbols.len() == 2 && chosen.is_sorted());
    assert_eq!(choose(&data.rows(), 600, 5).len(), 600);
    let tail = choose(&data.rows(), 40, 5);
    assert!(tail.len() == 40 && tail.iter().all(|row| data.dates[*row] >= day(60)), "the last sessions of one symbol");
}

#[test]
fn a_symbol_that_was_not_there_takes_the_place_of_another() {
    // Symbol 2 has no row on the second day.
    let dates = [0, 0, 0, 1, 1].map(day);
    let test = TestRows { values: &[], dates: &dates, symbols: &[1, 2, 3, 1, 3], classes: &[] };
    let sessions = Sessions::new(&test, &[0, 1, 2, 3, 4]);
    assert_eq!(sessions.sources(&[1, 0], |row| test.symbols[row]), [3, 4, 4, 0, 2]);
}

proptest! {
    #[test]
    fn an_order_moves_every_block_whole(sessions in 2_usize..200, block in 1_usize..30, seed: u64) {
        let Some(order) = block_order(sessions, block, &[seed]) else {
            prop_assert!(sessions <= block);
            return Ok(());
        };
        let again = block_order(sessions, block, &[seed]);
        prop_assert_eq!(Some(&order), again.as_ref());
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert!(sorted.into_iter().eq(0..sessions));
        for pair in order.windows(2) {
            prop_assert!(pair[1] == pair[0] + 1 || (pair[1] % block == 0 && (pair[0] + 1) % block == 0) || pair[0] + 1 == sessions);
        }
        let blocks: Vec<usize> = order.iter().filter(|s| *s % block == 0).map(|s| s / block).collect();
        prop_assert!(blocks.iter().enumerate().all(|(place, b)| place != *b));
    }

    #[test]
    fn days_stay_together(seed: u64) {
        let data = Data::new(45);
        let all: Vec<usize> = (0..data.dates.len()).collect();
        let sessions = Sessions::new(&data.rows(), &all);
        let order = block_order(sessions.count(), 10, &[seed]).unwrap();
        let sources = sessions.sources(&order, |row| data.symbols[row]);
        for (row, source) in sources.iter().enumerate() {
            prop_assert_eq!(data.symbols[row], data.symbols[*source]);
            prop_assert_eq!(data.dates[*source], day(order[row / SYMBOLS]));
        }
    }
}
