//! The loop: what is learnt, when it ends, what it keeps.

use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::train::metrics::{log_loss, most_probable};
use crate::train::models::optimiser::rate;

/// Share of rows whose most probable class came.
fn right(model: &dyn BaseModel, rows: &Examples) -> f64 {
    let answers = model.predict(&rows.inputs, &Compute::processor(1)).unwrap();
    let hits = answers.iter().zip(&rows.class).filter(|(p, class)| most_probable(p) == **class).count();
    hits as f64 / rows.class.len() as f64
}

/// The table's toy is a line, the windows' a sum over time; a third would be right by chance.
#[test]
fn every_model_learns_what_can_be_learnt() {
    let (train, test) = (toy(1500, 1), toy(500, 2));
    for name in ModelName::ALL {
        let (model, report) = Order::of(12).fit(name, &train, None).unwrap();
        let share = right(model.as_ref(), &test);
        assert!(share > 0.8, "{name}: {share} right, {report:?}");
    }
}

#[test]
fn a_stop_leaves_before_the_next_step() {
    let train = toy(200, 1);
    for name in ModelName::ALL {
        let order = Order::of(50);
        let told = Mutex::new(0);
        let stop_after_two = |epoch: Epoch| {
            *told.lock().unwrap() = epoch.number;
            if epoch.number == 2 {
                order.stop.cancel();
            }
        };
        let ended = order.fit_told(name, &train, None, &stop_after_two).map(|_| ()).unwrap_err();
        assert_eq!((ended, *told.lock().unwrap()), (FitError::Cancelled(name), 2));
    }
}

#[test]
fn a_loss_that_leaves_the_numbers_is_an_error() {
    let train = toy(300, 1);
    let mut order = Order::of(5);
    order.optimiser.learning_rate = 1e30;
    for name in [ModelName::Mlp, ModelName::ResNet, ModelName::TabM] {
        let error = order.fit(name, &train, None).map(|_| ()).unwrap_err();
        assert!(matches!(error, FitError::Diverged { .. }), "{name}: {error}");
        assert!(error.to_string().contains("learning_rate"), "{error}");
    }
}

/// Labels of the slice are those of other rows, so that learning makes it worse.
#[test]
fn the_epoch_that_served_the_slice_best_is_kept() {
    let (train, mut slice) = (toy(400, 1), toy(200, 2));
    slice.class.rotate_left(40);
    for name in ModelName::ALL {
        let mut order = Order::of(30);
        order.optimiser.patience_epochs = 2;
        let epochs = Mutex::new(Vec::new());
        let (model, report) = order.fit_told(name, &train, Some(&slice), &|epoch| epochs.lock().unwrap().push(epoch)).unwrap();
        let epochs = epochs.into_inner().unwrap();
        let loss = |epoch: &Epoch| epoch.stop_loss.unwrap();
        let best = epochs.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap();
        assert_eq!((report.best_epoch, report.stop_loss), (best.number, best.stop_loss), "{name}");
        assert_eq!(report.epochs as usize, epochs.len());
        assert!(report.epochs == 30 || report.epochs == best.number + 2, "{name}: {report:?}");
        let answers = model.predict(&slice.inputs, &Compute::processor(1)).unwrap();
        let again = log_loss(slice.class.iter().zip(answers).map(|(&class, p)| (class, p, 1.0)));
        assert_eq!(again, report.stop_loss, "{name} has the weights of that epoch");
    }
}

#[test]
fn a_refit_makes_the_passes_it_is_told_to_and_looks_at_no_slice() {
    let (train, slice) = (toy(200, 1), toy(50, 2));
    let mut order = Order::of(6);
    order.fixed_epochs = Some(4);
    let (refit, report) = order.fit(ModelName::Mlp, &train, Some(&slice)).unwrap();
    assert_eq!((report.epochs, report.best_epoch, report.stop_loss), (4, 4, None));
    // The same passes as the first four of six.
    order.fixed_epochs = None;
    order.optimiser.patience_epochs = 1;
    let fourth = Mutex::new(None);
    order
        .fit_told(ModelName::Mlp, &train, None, &|epoch| {
            if epoch.number == 4 {
                *fourth.lock().unwrap() = Some(epoch.train_loss);
            }
        })
        .unwrap();
    assert_eq!(fourth.into_inner().unwrap(), Some(report.train_loss));
    assert!(refit.weights().iter().flat_map(|t| &t.values).all(|v| v.is_finite()));
}

#[test]
fn rows_without_weight_teach_nothing() {
    let mut train = toy(600, 1);
    // Half of the rows tell the opposite of the other half.
    for row in 0..300 {
        train.class[row] = match train.class[row] {
            Class::Sell => Class::Buy,
            Class::Buy => Class::Sell,
            Class::Hold => Class::Hold,
        };
    }
    train.weight = (0..600).map(|row| if row < 300 { 0.0 } else { 2.0 }).collect();
    let (model, _) = Order::of(40).fit(ModelName::Softmax, &train, None).unwrap();
    assert!(right(model.as_ref(), &toy(400, 3)) > 0.8);
    train.weight[5] = -1.0;
    let error = Order::of(1).fit(ModelName::Softmax, &train, None).map(|_| ()).unwrap_err();
    assert!(matches!(error, FitError::Input { error: InputError::Weight { at: 5, .. }, .. }), "{error}");
}

#[test]
fn nothing_to_learn_from_is_an_error() {
    let none = Examples { inputs: Inputs { width: SHAPE.width, ..Inputs::default() }, ..Examples::default() };
    let order = Order::of(1);
    assert_eq!(order.fit(ModelName::Mlp, &none, None).map(|_| ()).unwrap_err(), FitError::NoRows(ModelName::Mlp));
    let error = order.fit(ModelName::Mlp, &toy(50, 1), Some(&none)).map(|_| ()).unwrap_err();
    assert_eq!(error, FitError::NoSlice(ModelName::Mlp));
    let mut lame = toy(50, 1);
    lame.class.pop();
    let error = order.fit(ModelName::Mlp, &lame, None).map(|_| ()).unwrap_err();
    assert!(matches!(error, FitError::Input { error: InputError::Lengths { rows: 50, classes: 49, weights: 50 }, .. }), "{error}");
}

proptest! {
    #[test]
    fn steps_rise_to_the_highest_and_fall_to_nothing(warmup in 0.0..0.9, share in 0.0..=1.0) {
        let mut config = Optimiser { warmup_share: warmup, ..optimiser() };
        let cosine = rate(&config, share);
        prop_assert!((0.0..=config.learning_rate * 1.000_001).contains(&cosine));
        if share < warmup {
            prop_assert!((cosine - config.learning_rate * share / warmup).abs() < 1e-12);
        }
        prop_assert!(rate(&config, 1.0) < 1e-12);
        config.schedule = RateSchedule::Constant;
        prop_assert!(share < warmup || rate(&config, share) == config.learning_rate);
    }
}
