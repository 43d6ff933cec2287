//! What a device must show before models are given to it: that it computes what the processor computes, and how fast.
//!
//! Drivers that hang, software renderers that pose as a GPU and kernels that are wrong above a size were all seen in the
//! issues of burn 0.22; a product of matrices, answers, gradients and a short training meet them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::{Device, Tensor, TensorData};
use tokio_util::sync::CancellationToken;

use super::Compute;
use crate::config::strategy::{MlpSize, Optimiser, RateSchedule};
use crate::labels::Class;
use crate::market::Clock;
use crate::random::Stream;
use crate::train::models::fitted::Fitted;
use crate::train::models::mlp::Mlp;
use crate::train::models::{BaseModel, Epoch, Examples, FitOrder, Inputs, Shape, fit, net};

/// Largest difference from the processor, relative to the largest value compared: f32 sums in another order differ by
/// some 1e-5, wrong kernels by much more.
const TOLERANCE: f32 = 1e-3;
/// Columns of the features, and rows of sixteen steps of 1,024.
const WIDTH: usize = 179;
const ROWS: usize = 16_384;
/// Rows whose answers are compared.
const COMPARED: usize = 512;
/// The first epoch compiles kernels, the last is timed.
const EPOCHS: u32 = 3;

/// What a device computed.
pub(super) struct Probe {
    values: Vec<f32>,
    /// Of one epoch of the perceptron.
    pub seconds: f64,
}

impl Probe {
    /// Whether two devices computed the same.
    pub fn agrees(&self, other: &Self) -> bool {
        let largest = other.values.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * largest.max(1e-6);
        self.values.len() == other.values.len() && self.values.iter().zip(&other.values).all(near)
    }
}

/// Runs the probe on a device.
pub(super) fn probe(compute: &Compute, clock: &Arc<dyn Clock>) -> Result<Probe, String> {
    let shape = Shape { width: WIDTH, channels: 0 };
    let examples = examples();
    let perceptron = Mlp::new(&MlpSize { hidden: vec![256, 128] }, shape);
    let first = net::start(&perceptron, &examples.inputs, 1);
    let model = Fitted::new(perceptron, first);
    let few = Inputs { width: WIDTH, table: examples.inputs.table[..COMPARED * WIDTH].to_vec().into(), ..Inputs::default() };
    let answers = model.predict(&few, compute).map_err(|e| e.to_string())?;
    let gradients = model.input_gradients(&few, Class::Buy, compute).map_err(|e| e.to_string())?;
    let mut values = product(compute.device())?;
    values.extend(answers.iter().flatten().map(|p| *p as f32));
    values.extend(gradients);
    Ok(Probe { values, seconds: epoch(compute, shape, &examples, clock)? })
}

/// A product of matrices whose entries are of order 1.
fn product(device: &Device) -> Result<Vec<f32>, String> {
    let mut draw = Stream::new(&[64]);
    let mut matrix = || -> Tensor<2> {
        let values: Vec<f32> = (0..64 * 64).map(|_| 0.125 * draw.normal() as f32).collect();
        Tensor::from_data(TensorData::new(values, [64, 64]), device)
    };
    matrix().matmul(matrix()).try_into_vec_as::<f32>().map_err(|e| e.to_string())
}

/// Seconds of the last epoch of a short training.
fn epoch(compute: &Compute, shape: Shape, examples: &Examples, clock: &Arc<dyn Clock>) -> Result<f64, String> {
    let optimiser = Optimiser {
        learning_rate: 0.001,
        schedule: RateSchedule::Constant,
        warmup_share: 0.0,
        weight_decay: 0.0,
        dropout: 0.0,
        label_smoothing: 0.0,
        batch_rows: 1024,
        gpu_batch_rows: 4096,
        patience_epochs: 1,
    };
    let ends = [const { AtomicU64::new(0) }; 2];
    let told = |epoch: Epoch| {
        if let Some(end) = (epoch.number + 1).checked_sub(EPOCHS).and_then(|i| ends.get(i as usize)) {
            end.store(clock.mono().as_nanos() as u64, Ordering::Relaxed);
        }
    };
    let stop = CancellationToken::new();
    let order = FitOrder {
        optimiser: &optimiser,
        max_epochs: EPOCHS,
        fixed_epochs: None,
        window_stride: 1,
        shift: [0.0; 3],
        seed: 1,
        compute,
        stop: &stop,
        told: &told,
    };
    let perceptron = Mlp::new(&MlpSize { hidden: vec![256, 128] }, shape);
    fit::fit(&perceptron, &order, examples, None).map_err(|e| e.to_string())?;
    let [before, last] = ends.each_ref().map(|end| end.load(Ordering::Relaxed));
    Ok(last.saturating_sub(before) as f64 * 1e-9)
}

/// Rows whose outcome follows from their first column.
fn examples() -> Examples {
    let mut draw = Stream::new(&[179]);
    let table: Vec<f32> = (0..ROWS * WIDTH).map(|_| draw.bell() as f32).collect();
    let class = |row: &[f32]| match row[0] {
        x if x < -0.4 => Class::Sell,
        x if x > 0.4 => Class::Buy,
        _ => Class::Hold,
    };
    let class = table.chunks_exact(WIDTH).map(class).collect();
    Examples { inputs: Inputs { width: WIDTH, table: table.into(), ..Inputs::default() }, class, weight: vec![1.0; ROWS] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::SystemClock;

    #[test]
    fn the_processor_agrees_with_itself_and_with_nothing_wrong() {
        let clock = SystemClock::shared();
        let [first, mut second] = [0, 1].map(|_| probe(&Compute::processor(1), &clock).unwrap());
        assert!(first.seconds > 0.0);
        assert!(second.agrees(&first));
        second.values[100] += 0.1;
        assert!(!second.agrees(&first));
        second.values[100] = f32::NAN;
        assert!(!second.agrees(&first), "a NaN is no agreement");
    }
}
