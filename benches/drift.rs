//! Drift: a night's distances of 179 columns, and the freezing of their baselines. `-- peer PYTHON` measures the same arrays with
//! numpy and scipy too, holds the distances against each other and prints the ratio of the times.
#![expect(clippy::unwrap_used, reason = "a bench that cannot make its columns has nothing to measure")]

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use chrono::{Days, NaiveDate};
use criterion::{Criterion, Throughput, criterion_group};
use nightdesk::config::strategy::{DriftDetection, StrategySettings};
use nightdesk::drift::measure::{self, Distances};
use nightdesk::drift::{self, compare};
use nightdesk::market::Strategy;

const COLUMNS: usize = 179;
const REFERENCE: usize = 200_000;
const CURRENT: usize = 5_000;
/// Symbols of a session.
const SYMBOLS: usize = 80;
/// Runs that a median is taken of, after one that is not counted.
const RUNS: usize = 9;

/// Rows of the reference and of the current sample.
struct Column {
    reference: Vec<f64>,
    current: Vec<f64>,
}

/// Columns as features have them: bell-shaped, skewed with a long tail, bounded, and every eighth of few values; the current
/// values of each lie a little higher.
fn columns() -> Vec<Column> {
    let column = |number: usize| {
        let mut state = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut uniform = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let mut value = move |shift: f64| {
            let bell = (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos() + shift;
            match number % 8 {
                0 => (1.5 * bell).round().clamp(-2.0, 2.0),
                1 | 2 => bell.exp(),
                3 => 100.0 / (1.0 + (-bell).exp()),
                _ => 0.02 * bell,
            }
        };
        let reference = (0..REFERENCE).map(|_| value(0.0)).collect();
        Column { reference, current: (0..CURRENT).map(|_| value(0.1)).collect() }
    };
    (0..COLUMNS).map(column).collect()
}

fn rule() -> DriftDetection {
    StrategySettings::shipped(Strategy::Turbomode).unwrap().drift_detection
}

fn distances(columns: &[Column], rule: &DriftDetection) -> Vec<Distances> {
    let (reference, current) = (|c: usize| columns[c].reference.as_slice().into(), |c: usize| columns[c].current.as_slice().into());
    measure::of_columns(columns.len(), reference, current, rule)
}

fn bench(c: &mut Criterion) {
    let (columns, rule) = (columns(), rule());
    let mut group = c.benchmark_group("drift");
    group.sample_size(10);
    group.throughput(Throughput::Elements((COLUMNS * REFERENCE) as u64));
    group.bench_function("PSI, KL and KS of 179 columns, 200,000 rows against 5,000", |b| {
        b.iter(|| distances(black_box(&columns), &rule));
    });

    let first = NaiveDate::default();
    let dates: Vec<NaiveDate> = (0..REFERENCE).map(|row| first + Days::new((row / SYMBOLS) as u64)).collect();
    let subjects: Vec<String> = (0..COLUMNS).map(|number| format!("column_{number}")).collect();
    let freeze = || drift::of_columns(&dates, &subjects, |c| columns[c].reference.clone(), &rule);
    group.bench_function("baselines of 179 columns x 200,000 rows, windows of 63 sessions every 21", |b| b.iter(freeze));

    let frozen = freeze();
    group.throughput(Throughput::Elements((COLUMNS * CURRENT) as u64));
    group.bench_function("5,000 rows of 179 columns against frozen baselines, one thread", |b| {
        b.iter(|| {
            let pairs = frozen.iter().zip(&columns);
            pairs.map(|(f, c)| (compare(&f.baseline, &c.current, rule.smoothing), f.kolmogorov_smirnov(&c.current))).collect::<Vec<_>>()
        });
    });
    group.finish();
}

/// Writes the columns where numpy maps them, runs both, and compares what they found.
fn peer(python: &str) {
    let (columns, rule) = (columns(), rule());
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, of: fn(&Column) -> &[f64]| {
        let bytes: Vec<u8> = columns.iter().flat_map(of).flat_map(|v| v.to_le_bytes()).collect();
        std::fs::write(folder.path().join(name), bytes).unwrap();
    };
    write("reference.f64", |c| &c.reference);
    write("current.f64", |c| &c.current);
    let mut seconds: Vec<f64> = (0..=RUNS)
        .map(|_| {
            let start = Instant::now();
            black_box(distances(&columns, &rule));
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.remove(0);
    seconds.sort_unstable_by(f64::total_cmp);
    let ours = seconds[RUNS / 2];
    println!("nightdesk                                    {ours:8.3} s ({:.3} to {:.3})", seconds[0], seconds[RUNS - 1]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/drift.py");
    let ended = Command::new(python).arg(script).arg(folder.path()).args([COLUMNS, REFERENCE, CURRENT].map(|n| n.to_string())).status();
    assert!(ended.unwrap().success(), "the peer failed");
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let floats: Vec<f64> = read("found.f64").chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    let (theirs, figures) = floats.split_first().unwrap();
    let found = distances(&columns, &rule);
    let mine = found.iter().flat_map(|d| [d.psi, d.kl, d.ks.map_or(f64::NAN, |ks| ks.distance)]);
    let apart = mine.zip(figures).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    println!("largest difference of PSI, KL and D: {apart:.1e}; ratio of the times {:.1}", theirs / ours);
    assert!(figures.len() == 3 * COLUMNS && apart < 1e-12, "the two do not agree");
}

criterion_group!(benches, bench);

fn main() {
    let mut arguments = std::env::args();
    if arguments.any(|argument| argument == "peer") {
        return peer(&arguments.next().unwrap_or_else(|| "python3".to_owned()));
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
