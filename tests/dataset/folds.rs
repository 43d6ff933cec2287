//! What a fold learns from ends before its test, whether it comes from the rows or from aside.

use std::collections::{HashMap, HashSet};

use nightdesk::config::strategy::MissingMarket;
use nightdesk::dataset::{DataSet, Normaliser, Origin};
use nightdesk::labels::splits::{Proof, early_stop};
use nightdesk::market::Regime;
use nightdesk::store::model::ReplayError;

use crate::{CRASH, House, date};

#[tokio::test]
async fn folds_know_nothing_of_their_tests() {
    let mut house = House::new().await;
    let first = house.build();
    assert!(first.summary.archive.added > 3 && first.summary.archive.kept == first.summary.archive.usable);
    // Errors as training will write them: two early ones and one of the last weeks.
    let errors: Vec<ReplayError> = house
        .db
        .reader()
        .rare_events()
        .unwrap()
        .into_iter()
        .enumerate()
        .map(|(i, e)| ReplayError {
            predicted: (e.sample.class + 1) % 3,
            sample: e.sample,
            confidence: 0.5 + i as f64 / 1_000.0,
            model: "mlp".into(),
            added_at: 5,
        })
        .collect();
    house.db.update_replay(&[], &errors).unwrap();
    let set = house.build();
    assert_eq!((set.summary.archive.added, set.summary.archive.gone), (0, 0), "the same data give the same archive");
    assert_eq!(set.replay.len(), errors.len());

    folds_end_before_their_tests(&house, &set);
    no_row_is_chosen_by_its_outcome(&set);
    copies_count_against_the_cap(&house, &set);
    the_summary_names_what_fixes_the_rows(&house, &first, &set);
    a_fold_is_scaled_by_its_own_rows_and_stops_on_its_last(&house, &set);
    rules_that_leave_nothing_say_so(house);
}

fn folds_end_before_their_tests(house: &House, set: &DataSet) {
    let splits = set.splits.as_ref().unwrap();
    let lifetimes = set.samples.lifetimes();
    assert_eq!(set.summary.blocks.len(), 6);
    let rule = &house.rules.validation;
    assert!(splits.proof(&lifetimes, &set.sessions, rule).iter().all(Proof::holds));
    let mut aside = Vec::new();
    for block in splits.blocks.iter().chain([&splits.holdout]) {
        let fold = set.fold(block, &house.rules, 7);
        assert_eq!(fold, set.fold(block, &house.rules, 7));
        assert_eq!(fold.rows.len(), fold.weights.len());
        assert!((fold.weights.iter().sum::<f64>() / fold.weights.len() as f64 - 1.0).abs() < 1e-9);
        for row in &fold.rows {
            let end = match *row {
                Origin::Sample(i) => set.samples.matured[i],
                Origin::Archive(i) => set.archive[i].row.matured,
                Origin::Replay(i) => set.replay[i].row.matured,
            };
            assert!(end < block.bound && set.features(*row).len() == set.columns.len());
        }
        for shares in [fold.natural, fold.seen] {
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        aside.push(fold.rows.iter().filter(|r| !matches!(r, Origin::Sample(_))).count());
        let drawn = fold.drawn[Regime::Crash as usize];
        assert!(drawn.drawn <= 3 * drawn.available);
        assert!(fold.n_eff > 0.0 && fold.n_eff < block.train.len() as f64);
    }
    assert!(aside[0] < aside[5], "later folds know more of the past: {aside:?}");
    let known = set.archive.iter().filter(|k| k.row.matured < splits.blocks[0].bound).count();
    assert!(known < set.archive.len() && set.archive.iter().any(|k| k.row.date == date(CRASH)));
}

/// Purging by the exit's date would keep, in the last sessions before a bound, the rows that left early: no HOLD among them.
fn no_row_is_chosen_by_its_outcome(set: &DataSet) {
    let (s, splits) = (&set.samples, set.splits.as_ref().unwrap());
    for block in splits.blocks.iter().chain([&splits.holdout]) {
        let kept: HashSet<usize> = block.train.iter().copied().collect();
        let before = || (0..s.len()).filter(|&r| s.date[r] < block.first);
        let latest = block.train.iter().map(|&r| s.date[r]).max().unwrap();
        assert!(
            before().filter(|r| !kept.contains(r)).all(|r| s.date[r] > latest),
            "up to {latest} all rows are learnt from, after it none"
        );
        let purged: Vec<usize> = before().filter(|r| !kept.contains(r)).collect();
        assert!(purged.iter().any(|&r| s.label_end[r] < block.bound), "a quick exit before the bound is purged too");
    }
    let last = &splits.blocks[4];
    let tested = last.test.iter().map(|&r| s.date[r]).max().unwrap();
    let all = (0..s.len()).filter(|&r| last.first <= s.date[r] && s.date[r] <= tested).count();
    assert_eq!(last.test.len(), all, "nor are rows tested by their outcome");
}

fn copies_count_against_the_cap(house: &House, set: &DataSet) {
    let mut rules = house.rules.clone();
    (rules.rare_event_archive.mix_ratio, rules.error_replay_buffer.max_share) = (1.0, 0.5);
    let holdout = &set.splits.as_ref().unwrap().holdout;
    for most in [1, 2, 3] {
        rules.balanced_sampling.max_repetition = most;
        let fold = set.fold(holdout, &rules, 7);
        let mut copies: HashMap<_, u32> = HashMap::new();
        for row in &fold.rows {
            let of = match *row {
                Origin::Sample(i) => (set.samples.symbols[set.samples.symbol[i] as usize], set.samples.date[i]),
                Origin::Archive(i) => (set.archive[i].row.symbol, set.archive[i].row.date),
                Origin::Replay(i) => (set.replay[i].row.symbol, set.replay[i].row.date),
            };
            *copies.entry(of).or_default() += 1;
        }
        assert_eq!(copies.values().max(), Some(&most));
    }
    let fold = set.fold(holdout, &rules, 7);
    let shift = fold.shift();
    assert!((0..3).all(|k| (fold.natural[k] * shift[k].exp() - fold.seen[k]).abs() < 1e-12) && shift != [0.0; 3], "{shift:?}");
    rules.balanced_sampling.correct_priors = false;
    assert_eq!(set.fold(holdout, &rules, 7).shift(), [0.0; 3]);
}

fn the_summary_names_what_fixes_the_rows(house: &House, first: &DataSet, set: &DataSet) {
    assert_eq!(set.summary.rules, house.rules.hash());
    assert_ne!(first.summary.aside, set.summary.aside, "errors have come");
    assert_eq!(first.summary.aside.len(), 16);
    let (s, bound) = (&set.samples, set.splits.as_ref().unwrap().holdout.bound);
    let known = (0..s.len()).filter(|&r| s.matured[r] < bound).count() as u64;
    assert!(known < s.len() as u64 && set.summary.all.classes.iter().sum::<u64>() == known, "the hold-out's classes are not shown");
}

fn a_fold_is_scaled_by_its_own_rows_and_stops_on_its_last(house: &House, set: &DataSet) {
    let splits = set.splits.as_ref().unwrap();
    let block = &splits.blocks[4];
    let lifetimes = set.samples.lifetimes();
    let stop = early_stop(&lifetimes, &set.sessions, block, house.rules.validation.early_stop_share, splits.embargo).unwrap();
    let bound = stop.bound;
    let fold = set.fold(&stop, &house.rules, 7);
    assert!(fold.rows.iter().all(|r| !matches!(*r, Origin::Archive(i) if set.archive[i].row.matured >= bound)));
    assert!(stop.fit.iter().all(|&r| lifetimes[r].matured < bound) && stop.stop.iter().all(|&r| lifetimes[r].date > bound));
    let fitted = Normaliser::fit(&set.samples.features, set.samples.width, &stop.fit, house.rules.features.winsor_percent);
    let mut spoilt = set.samples.features.clone();
    for &r in stop.stop.iter().chain(&block.test) {
        spoilt[r * set.samples.width..(r + 1) * set.samples.width].fill(1e30);
    }
    assert_eq!(fitted, Normaliser::fit(&spoilt, set.samples.width, &stop.fit, house.rules.features.winsor_percent));
}

fn rules_that_leave_nothing_say_so(mut house: House) {
    house.rules.validation.min_train_sessions = 504;
    let set = house.build();
    assert!(set.splits.is_none() && set.summary.blocks.is_empty());
    assert!(set.summary.no_blocks.unwrap().contains("min_train_sessions"));
    house.rules.features.names = vec!["beta_60".into()];
    house.rules.features.missing_market = MissingMarket::DropFeatures;
    assert!(house.try_build(&tokio_util::sync::CancellationToken::new()).unwrap_err().to_string().contains("no feature is left"));
}
