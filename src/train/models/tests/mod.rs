//! Tests of all eight models together: each promise is kept by every one of them.

mod contract;
mod fits;
mod gradients;
mod rows;

use super::*;
use crate::config::strategy::{GruSize, MlpSize, RateSchedule, RealMlpSize, ResNetSize, StrategySettings, TabMSize, TcnSize, TreesSize};
use crate::market::Strategy;
use crate::random::Stream;

/// Columns of the toy's features, and channels of its bars.
const SHAPE: Shape = Shape { width: 6, channels: 3 };
/// Sessions of a toy's window.
const WINDOW: u32 = 6;

/// Small models, so that a debug build fits them in moments.
fn sizes() -> Ensemble {
    let mut sizes = StrategySettings::shipped(Strategy::Turbomode).unwrap().ensemble;
    sizes.mlp = MlpSize { hidden: vec![16, 8] };
    sizes.resnet = ResNetSize { width: 12, block_width: 16, blocks: 2 };
    sizes.trees = TreesSize { trees: 6, depth: 3 };
    sizes.realmlp = RealMlpSize { pieces: 4, hidden: vec![16, 8] };
    sizes.tabm = TabMSize { members: 3, hidden: vec![12, 8] };
    sizes.gru = GruSize { window_sessions: WINDOW, units: 12 };
    sizes.tcn = TcnSize { window_sessions: WINDOW, channels: 12, layers: 3, kernel: 2 };
    sizes
}

fn optimiser() -> Optimiser {
    Optimiser {
        learning_rate: 0.02,
        schedule: RateSchedule::Cosine,
        warmup_share: 0.05,
        weight_decay: 0.0003,
        dropout: 0.1,
        label_smoothing: 0.02,
        batch_rows: 64,
        gpu_batch_rows: 64,
        patience_epochs: 20,
    }
}

/// An order that a test changes where it must.
struct Order {
    optimiser: Optimiser,
    max_epochs: u32,
    fixed_epochs: Option<u32>,
    window_stride: u32,
    seed: u64,
    stop: CancellationToken,
}

impl Order {
    fn of(max_epochs: u32) -> Self {
        Self { optimiser: optimiser(), max_epochs, fixed_epochs: None, window_stride: 1, seed: 5, stop: CancellationToken::new() }
    }

    fn fit_told(
        &self,
        name: ModelName,
        train: &Examples,
        slice: Option<&Examples>,
        told: &(dyn Fn(Epoch) + Sync),
    ) -> Result<(Box<dyn BaseModel>, FitReport), FitError> {
        let compute = Compute::processor(1);
        let order = FitOrder {
            optimiser: &self.optimiser,
            max_epochs: self.max_epochs,
            fixed_epochs: self.fixed_epochs,
            window_stride: self.window_stride,
            shift: [0.0; 3],
            seed: self.seed,
            compute: &compute,
            stop: &self.stop,
            told,
        };
        fit(name, &sizes(), SHAPE, &order, train, slice)
    }

    fn fit(&self, name: ModelName, train: &Examples, slice: Option<&Examples>) -> Result<(Box<dyn BaseModel>, FitReport), FitError> {
        self.fit_told(name, train, slice, &|_| {})
    }
}

/// The class of a number that is standard normal in the toys.
fn class_of(x: f32) -> Class {
    match x {
        x if x < -0.43 => Class::Sell,
        x if x > 0.43 => Class::Buy,
        _ => Class::Hold,
    }
}

/// Rows whose class follows from two features, and from the sum of a channel over the window.
fn toy(rows: usize, seed: u64) -> Examples {
    let mut draw = Stream::new(&[seed]);
    let series: Vec<f32> = (0..(rows + WINDOW as usize) * SHAPE.channels).map(|_| draw.normal() as f32).collect();
    let last: Vec<u32> = (0..rows as u32).map(|row| row + WINDOW - 1).collect();
    let sum = |&last: &u32| -> f32 { (0..WINDOW).map(|back| series[(last - back) as usize * SHAPE.channels]).sum() };
    let scores: Vec<f32> = last.iter().map(|last| sum(last) / (WINDOW as f32).sqrt()).collect();
    let mut table = Vec::with_capacity(rows * SHAPE.width);
    for score in &scores {
        let noise = draw.normal() as f32;
        table.extend([score + noise, noise]);
        table.extend((2..SHAPE.width).map(|_| draw.normal() as f32));
    }
    let class = scores.iter().map(|&score| class_of(score)).collect();
    let windows = Windows { channels: SHAPE.channels, series: series.into(), last };
    Examples { inputs: Inputs { width: SHAPE.width, table: table.into(), windows }, class, weight: vec![1.0; rows] }
}
