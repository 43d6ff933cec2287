//! The base models at their shipped sizes: seconds an epoch of 200,000 rows, answers for a scan, how soon a stop is obeyed.
//! `-- NAME..` measures these models only.
//!
//! Seconds of an epoch are scaled to 200,000 rows from as many as each line says. `alone` is one fit on one thread, `pair` two
//! at once with a thread each, per model and epoch; `cpu` is what the thread of `alone` computed, which a busy machine
//! disturbs less.
#![expect(clippy::unwrap_used, reason = "a bench whose models refuse their input has nothing to measure")]

use std::sync::Mutex;
use std::time::{Duration, Instant};

use nightdesk::config::strategy::{Ensemble, ModelName, StrategySettings};
use nightdesk::labels::Class;
use nightdesk::market::Strategy;
use nightdesk::train::models::{BaseModel, Compute, Epoch, Examples, FitOrder, Inputs, Shape, Windows, fit};
use tokio_util::sync::CancellationToken;

const SHAPE: Shape = Shape { width: 179, channels: 32 };
/// Rows that an epoch is told for, and rows of a scan.
const TOLD: f64 = 200_000.0;
const SCAN: usize = 80;
/// The first epoch warms caches and is not counted.
const EPOCHS: u32 = 3;

/// Rows of noise whose class follows from the first column.
fn examples(rows: usize) -> Examples {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bell = move || {
        let mut sum = 0.0;
        for _ in 0..3 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            sum += (state >> 40) as f32 / (1 << 24) as f32 - 0.5;
        }
        2.0 * sum
    };
    let table: Vec<f32> = (0..rows * SHAPE.width).map(|_| bell()).collect();
    let bars = rows + 255;
    let series: Vec<f32> = (0..bars * SHAPE.channels).map(|_| bell()).collect();
    let class = |row: &[f32]| match row[0] {
        x if x < -0.4 => Class::Sell,
        x if x > 0.4 => Class::Buy,
        _ => Class::Hold,
    };
    let class = table.chunks_exact(SHAPE.width).map(class).collect();
    let windows = Windows { channels: SHAPE.channels, series: series.into(), last: (255..bars as u32).collect() };
    Examples { inputs: Inputs { width: SHAPE.width, table: table.into(), windows }, class, weight: vec![1.0; rows] }
}

/// Seconds that this thread has computed, by the kernel's count.
fn computed() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).map_or(f64::NAN, |ns| ns * 1e-9)
}

/// A fit of `EPOCHS` epochs on one thread: the model, and seconds of the fastest counted epoch by the wall and computed.
fn one(name: ModelName, sizes: &Ensemble, rows: &Examples) -> (Box<dyn BaseModel>, f64, f64) {
    let ends = Mutex::new(Vec::new());
    let told = |_: Epoch| ends.lock().unwrap().push((Instant::now(), computed()));
    let compute = Compute::processor(1);
    let order = FitOrder {
        optimiser: &sizes.optimiser,
        max_epochs: EPOCHS,
        fixed_epochs: None,
        window_stride: 1,
        shift: [0.0; 3],
        seed: 1,
        compute: &compute,
        stop: &CancellationToken::new(),
        told: &told,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (model, _) = pool.install(|| fit(name, sizes, SHAPE, &order, rows, None)).unwrap();
    let ends = ends.into_inner().unwrap();
    let wall = ends.windows(2).map(|pair| (pair[1].0 - pair[0].0).as_secs_f64()).fold(f64::INFINITY, f64::min);
    let cpu = ends.windows(2).map(|pair| pair[1].1 - pair[0].1).fold(f64::INFINITY, f64::min);
    (model, wall, cpu)
}

/// Time from a stop in the middle of an epoch to the end of the fit.
fn stopping(name: ModelName, sizes: &Ensemble, rows: &Examples) -> Duration {
    let stop = CancellationToken::new();
    let compute = Compute::processor(1);
    let told = |_: Epoch| {};
    let order = FitOrder {
        optimiser: &sizes.optimiser,
        max_epochs: 1000,
        fixed_epochs: None,
        window_stride: 1,
        shift: [0.0; 3],
        seed: 1,
        compute: &compute,
        stop: &stop,
        told: &told,
    };
    std::thread::scope(|scope| {
        let fitting = scope.spawn(|| drop(fit(name, sizes, SHAPE, &order, rows, None)));
        std::thread::sleep(Duration::from_millis(1500));
        let told = Instant::now();
        stop.cancel();
        fitting.join().unwrap();
        told.elapsed()
    })
}

fn main() {
    let names: Vec<ModelName> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let names = if names.is_empty() { ModelName::ALL.to_vec() } else { names };
    let sizes = StrategySettings::shipped(Strategy::Turbomode).unwrap().ensemble;
    let (many, few, scan) = (examples(200_000), examples(20_480), examples(SCAN));
    let mut models = Vec::new();
    println!("{:<9} {:>8} {:>9} {:>9} {:>9} {:>9}", "model", "rows", "alone s", "cpu s", "pair s", "stop ms");
    for &name in &names {
        let rows = if matches!(name, ModelName::Softmax | ModelName::Mlp) { &many } else { &few };
        let scale = TOLD / rows.class.len() as f64;
        let (model, alone, cpu) = one(name, &sizes, rows);
        let pair = std::thread::scope(|scope| {
            let fits = [0, 1].map(|_| scope.spawn(|| one(name, &sizes, rows).1));
            fits.map(|fit| fit.join().unwrap()).iter().sum::<f64>() / 4.0
        });
        let stop = stopping(name, &sizes, rows).as_secs_f64() * 1e3;
        let [alone, cpu, pair] = [alone, cpu, pair].map(|seconds| seconds * scale);
        println!("{name:<9} {:>8} {alone:>9.2} {cpu:>9.2} {pair:>9.2} {stop:>9.1}", rows.class.len());
        models.push(model);
    }
    let compute = Compute::processor(2);
    let answer = || models.iter().for_each(|model| assert_eq!(model.predict(&scan.inputs, &compute).unwrap().len(), SCAN));
    answer();
    let begun = Instant::now();
    (0..10).for_each(|_| answer());
    println!("{SCAN} rows answered by {} models in {:.1} ms", models.len(), begun.elapsed().as_secs_f64() * 100.0);
}
