//! What a fold learns from ends before its test, whether it comes from the rows or from aside.

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
    a_fold_is_scaled_by_its_own_rows_and_stops_on_its_last(&house, &set);
    rules_that_leave_nothing_say_so(house);
}

fn folds_end_before_their_tests(house: &House, set: &DataSet) {
    let splits = set.splits.as_ref().unwrap();
    let lifetimes = set.samples.lifetimes();
    assert_eq!(set.summary.blocks.len(), 6);
    assert!(splits.proof(&lifetimes).iter().all(Proof::holds));
    let mut aside = Vec::new();
    for block in splits.blocks.iter().chain([&splits.holdout]) {
        let fold = set.fold(&block.train, block.bound, &house.rules, 7);
        assert_eq!(fold, set.fold(&block.train, block.bound, &house.rules, 7));
        assert_eq!(fold.rows.len(), fold.weights.len());
        assert!((fold.weights.iter().sum::<f64>() / fold.weights.len() as f64 - 1.0).abs() < 1e-9);
        for row in &fold.rows {
            let end = match *row {
                Origin::Sample(i) => set.samples.label_end[i],
                Origin::Archive(i) => set.archive[i].row.label_end,
                Origin::Replay(i) => set.replay[i].row.label_end,
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
    let known = set.archive.iter().filter(|k| k.row.label_end < splits.blocks[0].bound).count();
    assert!(known < set.archive.len() && set.archive.iter().any(|k| k.row.date == date(CRASH)));
}

fn a_fold_is_scaled_by_its_own_rows_and_stops_on_its_last(house: &House, set: &DataSet) {
    let splits = set.splits.as_ref().unwrap();
    let block = &splits.blocks[4];
    let lifetimes = set.samples.lifetimes();
    let stop = early_stop(&lifetimes, &set.sessions, &block.train, house.rules.validation.early_stop_share, splits.embargo);
    let bound = stop.bound.unwrap();
    assert!(stop.fit.iter().all(|&r| lifetimes[r].label_end < bound) && stop.stop.iter().all(|&r| lifetimes[r].date > bound));
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
