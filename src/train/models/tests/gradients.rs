//! Gradients against differences: of the loss by every model's parameters, and of the log-odds by its inputs.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use super::*;
use crate::train::models::batches::Resident;
use crate::train::models::fit::loss;
use crate::train::models::net::{Role, Weights, start};
use crate::train::models::noise::Noise;
use crate::train::models::optimiser::tracked;

/// Rows of the batch, and coordinates of each tensor that are tried.
const ROWS: u32 = 24;
const COORDINATES: usize = 6;

/// Steps of differences, of which one must agree: smaller ones drown in rounding, larger ones cross corners of rectifiers.
const STEPS: [f32; 3] = [4e-3, 1e-3, 2.5e-4];

/// Whether an analytic and a numeric slope are the same up to f32, in which a value near 1 rounds at some 3e-7.
fn near(analytic: f64, numeric: f64, step: f64) -> bool {
    (analytic - numeric).abs() <= 0.02 * analytic.abs().max(numeric.abs()) + 3e-7 / step
}

struct Differences {
    examples: Examples,
    dropout: f64,
}

impl WithNet for Differences {
    type Outcome = ();

    /// The mask of dropout is the same on each call, so it is a part of the function.
    fn with<N: Net + 'static>(self, net: N) {
        let (compute, batch) = (Compute::processor(1), (0..ROWS).collect::<Vec<_>>());
        let device = compute.device();
        let rows = Resident::new(&self.examples.inputs, net.window(), device);
        let mut named = start(&net, &self.examples.inputs, 3);
        let specs = net.tensors();
        let mut draw = Stream::new(&[17]);
        // Away from the start: factors of 1 and biases of 0 are special points.
        for (tensor, _) in named.iter_mut().zip(&specs).filter(|(_, s)| s.role != Role::Fixed) {
            tensor.values.iter_mut().for_each(|v| *v += 0.1 * draw.normal() as f32);
        }
        let targets: Vec<f32> = (0..ROWS as usize * 3).map(|_| draw.uniform() as f32).collect();
        let targets: Tensor<2> = Tensor::from_data(TensorData::new(targets, [ROWS as usize, 3]), device);
        let value = |weights: &Weights| {
            let mut noise = Noise::training(self.dropout, Stream::new(&[9]), device);
            loss(net.logits(weights, &rows.batch(&batch), &mut noise), targets.clone())
        };
        let weights = Weights(Weights::upload(&named, device).0.into_iter().map(tracked).collect());
        let mut gradients = value(&weights).backward();
        for (place, spec) in specs.iter().enumerate().filter(|(_, s)| s.role != Role::Fixed) {
            let gradient = weights.0[place].grad_remove(&mut gradients).expect("each learned tensor has a gradient");
            let gradient = gradient.try_into_vec_as::<f32>().unwrap();
            for _ in 0..COORDINATES {
                let at = draw.below(gradient.len());
                let agree = STEPS.into_iter().any(|step| {
                    let mut side = |sign: f32| {
                        let kept = named[place].values[at];
                        named[place].values[at] = kept + sign * step;
                        let loss = f64::from(value(&Weights::upload(&named, device)).into_scalar::<f32>());
                        named[place].values[at] = kept;
                        loss
                    };
                    let numeric = (side(1.0) - side(-1.0)) / (2.0 * f64::from(step));
                    near(f64::from(gradient[at]), numeric, f64::from(step))
                });
                assert!(agree, "{}: {}[{at}], analytic {}", net.name(), spec.name, gradient[at]);
            }
        }
    }
}

#[test]
fn the_loss_falls_as_its_gradient_says() {
    for name in ModelName::ALL {
        for dropout in [0.0, 0.25] {
            each(name, &sizes(), SHAPE, Differences { examples: toy(200, 2), dropout });
        }
    }
}

/// `ln p_k - mean_j ln p_j` of the first row.
fn log_odds(model: &dyn BaseModel, inputs: &Inputs, class: Class) -> f64 {
    let p = model.predict(inputs, &Compute::processor(1)).unwrap()[0];
    p[class.index()].ln() - p.iter().map(|p| p.ln()).sum::<f64>() / 3.0
}

#[test]
fn answers_move_with_inputs_as_their_gradient_says() {
    let train = toy(400, 2);
    for name in ModelName::ALL {
        let (model, _) = Order::of(4).fit(name, &train, None).unwrap();
        // One row, of which each input may be moved by itself.
        let windows = Windows {
            channels: SHAPE.channels,
            series: train.inputs.windows.series[..WINDOW as usize * SHAPE.channels].to_vec().into(),
            last: vec![WINDOW - 1],
        };
        let mut one = Inputs { width: SHAPE.width, table: train.inputs.table[..SHAPE.width].to_vec().into(), windows };
        for class in Class::ALL {
            let gradients = model.input_gradients(&one, class, &Compute::processor(1)).unwrap();
            let count = if model.sees_windows() { WINDOW as usize * SHAPE.channels } else { SHAPE.width };
            assert_eq!(gradients.len(), count, "{name}");
            for (at, &gradient) in gradients.iter().enumerate() {
                let agree = STEPS.into_iter().any(|step| {
                    let mut side = |sign: f32| {
                        let before = one.clone();
                        if model.sees_windows() {
                            let mut series = one.windows.series.to_vec();
                            series[at] += sign * step;
                            one.windows.series = series.into();
                        } else {
                            Arc::make_mut(&mut one.table)[at] += sign * step;
                        }
                        let odds = log_odds(model.as_ref(), &one, class);
                        one = before;
                        odds
                    };
                    let numeric = (side(1.0) - side(-1.0)) / (2.0 * f64::from(step));
                    near(f64::from(gradient), numeric, f64::from(step))
                });
                assert!(agree, "{name}: input {at} of {class}, analytic {gradient}");
            }
        }
    }
}

#[test]
fn gradients_of_rows_are_those_of_each_row() {
    let train = toy(300, 2);
    for name in [ModelName::TabM, ModelName::Gru] {
        let (model, _) = Order::of(2).fit(name, &train, None).unwrap();
        let compute = Compute::processor(1);
        let all = model.input_gradients(&train.inputs, Class::Buy, &compute).unwrap();
        let row = 250;
        let mut one = train.inputs.clone();
        one.table = one.table[row * SHAPE.width..(row + 1) * SHAPE.width].to_vec().into();
        one.windows.last = vec![one.windows.last[row]];
        let alone = model.input_gradients(&one, Class::Buy, &compute).unwrap();
        let within = &all[row * alone.len()..(row + 1) * alone.len()];
        assert!(within.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-5), "{name}: {within:?} {alone:?}");
    }
}
