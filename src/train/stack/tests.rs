//! The meta-learner on answers whose worth is known.

use chrono::Days;

use super::*;
use crate::random::Stream;

const PRIOR: Probabilities = [0.3, 0.3, 0.4];
const RESAMPLING: Resampling = Resampling { block: 10, draws: 300, seed: 9 };
const RULE: MetaLearner = MetaLearner { enabled: true, l2: 1.0, min_blocks: 1, max_shrink: 0.9 };

fn tilted(p: &Probabilities, by: [f64; 3]) -> Probabilities {
    let raw: [f64; 3] = std::array::from_fn(|k| p[k] * by[k].exp());
    raw.map(|v| v / raw.iter().sum::<f64>())
}

/// Four blocks of `per_block` dates with two rows each. `say(truth, noise)` is a model's answer to what is true.
fn world(per_block: usize, say: &[&dyn Fn(f64, f64) -> Probabilities]) -> (Vec<BaseRow>, Vec<Vec<Probabilities>>, Vec<Fold>) {
    let mut stream = Stream::new(&[4]);
    let (mut rows, mut answers) = (Vec::new(), vec![Vec::new(); say.len()]);
    for i in 0..8 * per_block {
        let truth = 0.8 * stream.normal();
        let p = tilted(&PRIOR, [-truth, 0.0, truth]);
        let u = stream.uniform();
        let class = Class::ALL[usize::from(u > p[0]) + usize::from(u > p[0] + p[1])];
        let date = NaiveDate::from_ymd_opt(2015, 1, 1).unwrap() + Days::new(i as u64 / 2);
        rows.push(BaseRow { date, regime: Regime::ALL[i % 5], class, prior: PRIOR, weight: 1.0 });
        for (model, say) in answers.iter_mut().zip(say) {
            model.push(say(truth, stream.normal()));
        }
    }
    let block = |k: usize| 2 * k * per_block..2 * (k + 1) * per_block;
    let folds = (0..4).map(|k| Fold { learn: (0..2 * k * per_block).collect(), test: block(k).collect() }).collect();
    (rows, answers, folds)
}

/// Knows, but is twice as sure as it may be.
fn knows(truth: f64, noise: f64) -> Probabilities {
    let heard = 2.0 * truth + noise;
    tilted(&PRIOR, [-heard, 0.0, heard])
}

fn babbles(_: f64, noise: f64) -> Probabilities {
    tilted(&PRIOR, [noise, -noise, 0.5 * noise])
}

#[test]
fn a_meta_learner_that_knows_whom_to_trust_ships() {
    let (rows, answers, folds) = world(250, &[&knows, &babbles, &babbles]);
    let base = Base { rows: &rows, answers: &answers };
    let stacked = stack(&base, &folds, &RULE, 0.05, RESAMPLING).unwrap();
    assert_eq!(stacked.ships, Combination::Meta);
    let comparison = stacked.comparison.unwrap();
    assert_eq!(comparison.best_model, 0);
    assert!(comparison.over_mean.share_above(0.0) == Some(1.0) && comparison.over_best.value > Some(0.0));
    assert_eq!(stacked.answers[0], Some(base.mean(0)), "the first block has nothing earlier");
    assert_ne!(stacked.answers[600], Some(base.mean(600)));
}

#[test]
fn where_nothing_is_known_the_mean_ships() {
    let (rows, answers, folds) = world(150, &[&|_, _| PRIOR, &|_, n| tilted(&PRIOR, [0.02 * n, 0.0, 0.0])]);
    let base = Base { rows: &rows, answers: &answers };
    let stacked = stack(&base, &folds, &RULE, 0.05, RESAMPLING).unwrap();
    assert_eq!(stacked.ships, Combination::Mean);
    assert!(stacked.comparison.is_some());
    assert!((0..rows.len()).all(|r| stacked.answers[r] == Some(base.mean(r))));
}

#[test]
fn switched_off_or_without_a_block_to_learn_from_there_is_no_comparison() {
    let (rows, answers, folds) = world(20, &[&knows]);
    let base = Base { rows: &rows, answers: &answers };
    for rule in [MetaLearner { enabled: false, ..RULE }, MetaLearner { min_blocks: 4, ..RULE }] {
        let stacked = stack(&base, &folds, &rule, 0.05, RESAMPLING).unwrap();
        assert_eq!((stacked.ships, stacked.comparison), (Combination::Mean, None));
    }
}

#[test]
fn later_outcomes_change_no_earlier_answer() {
    let (mut rows, answers, folds) = world(60, &[&knows, &babbles]);
    let of_block_two = |rows: &[BaseRow]| {
        let meta = Meta::fit(&Base { rows, answers: &answers }, &folds[2].learn, 1.0).unwrap();
        folds[2].test.iter().map(|r| meta.predict(rows[*r].regime, &PRIOR, answers.iter().map(|m| &m[*r]))).collect::<Vec<_>>()
    };
    let before = of_block_two(&rows);
    for row in &mut rows[240..] {
        row.class = Class::Sell;
    }
    assert_eq!(of_block_two(&rows), before);
}

#[test]
fn a_model_that_only_knows_the_prior_says_nothing() {
    let silent = inputs(Regime::Crash, &PRIOR, [&PRIOR, &[0.2, 0.3, 0.5]]);
    assert_eq!(silent[..7], [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    assert!(silent[7] < 0.0 && silent[8] > 0.0);
}
