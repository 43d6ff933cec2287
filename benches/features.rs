//! The feature engine: a strategy's universe whole, cost against rows, one night's tail. `-- universe [symbols]` streams
//! ten thousand symbols, or as many, instead and prints time and peak memory.
#![expect(clippy::unwrap_used, reason = "a bench whose engine refuses its input has nothing to measure")]

use std::hint::black_box;
use std::time::Instant;

use chrono::{Days, NaiveDate};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use nightdesk::features::COUNT;
use nightdesk::features::bars::Adjusted;
use nightdesk::features::engine::{Checkpoint, Input, Task, run};
use nightdesk::features::market::{CrossSection, MarketReturns};
use nightdesk::market::{Calendar, DailyBars};
use rayon::prelude::*;

const SYMBOLS: u64 = 80;
/// Ten years of sessions.
const DAYS: usize = 2_520;
/// Symbols of the streamed universe, and how many are in memory while its market is added up.
const MANY: u64 = 10_000;
const AT_A_TIME: u64 = 256;
/// Sessions of a month: the most that a tail gives.
const MONTH: usize = 21;

/// A symbol's random walk, the same on every run.
fn walk(symbol: u64, days: usize) -> DailyBars {
    let mut state = symbol.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut bars = DailyBars::default();
    let mut close = 20.0 + 200.0 * uniform();
    for day in 0..days as u64 {
        let open = close * (1.0 + 0.02 * (uniform() - 0.5));
        close = open * (1.0 + 0.04 * (uniform() - 0.5));
        bars.date.push(NaiveDate::default() + Days::new(day));
        bars.open.push(open);
        bars.high.push(open.max(close) * (1.0 + 0.01 * uniform()));
        bars.low.push(open.min(close) * (1.0 - 0.01 * uniform()));
        bars.close.push(close);
        bars.volume.push((1e6 * (0.2 + uniform())).floor());
    }
    bars
}

struct Symbol {
    adjusted: Adjusted,
    market: Vec<f64>,
    rank: Vec<f64>,
}

impl Symbol {
    fn task<'a>(&'a self, from: Option<&'a Checkpoint>) -> Task<'a> {
        let input = Input { adjusted: &self.adjusted, market: Some(&self.market), rank: Some(&self.rank), sessions_a_year: 252.0 };
        Task { input, from, mark: None }
    }

    fn tail(&self, from: usize) -> Self {
        let (bars, part) = (&self.adjusted.bars, |column: &[f64]| column[from..].to_vec());
        let (date, volume) = (bars.date[from..].to_vec(), part(&bars.volume));
        let bars =
            DailyBars { date, open: part(&bars.open), high: part(&bars.high), low: part(&bars.low), close: part(&bars.close), volume };
        Self { adjusted: adjusted(bars), market: part(&self.market), rank: part(&self.rank) }
    }
}

fn adjusted(bars: DailyBars) -> Adjusted {
    Adjusted { factor: vec![1.0; bars.len()], bars }
}

/// The symbols with what lies beside them, as a night makes it.
fn beside(universe: &[DailyBars]) -> Vec<Symbol> {
    let market = MarketReturns::of_stocks(universe, Calendar::Xnys);
    let mut section = CrossSection::default();
    for bars in universe {
        section.add(bars);
    }
    let ranks = section.rank();
    let symbol = |bars: &DailyBars| Symbol { market: market.on(&bars.date), rank: ranks.of(bars), adjusted: adjusted(bars.clone()) };
    universe.par_iter().map(symbol).collect()
}

/// All rows of all tasks on all cores, each block dropped when it is ready.
fn compute(tasks: &[Task<'_>]) -> usize {
    tasks.par_iter().map(|task| black_box(run(task).unwrap().block).rows).sum()
}

fn engine(c: &mut Criterion) {
    let universe: Vec<DailyBars> = (0..SYMBOLS).map(|symbol| walk(symbol, DAYS)).collect();
    let mut group = c.benchmark_group("features");
    group.sample_size(20);
    group.throughput(Throughput::Elements(SYMBOLS * (DAYS * COUNT) as u64));
    group.bench_function("80 symbols x 2,520 days x 179", |b| {
        b.iter(|| {
            let symbols = beside(black_box(&universe));
            compute(&symbols.iter().map(|symbol| symbol.task(None)).collect::<Vec<_>>())
        });
    });

    let symbols = beside(&universe);
    let emit = DAYS - MONTH;
    let marks: Vec<Checkpoint> =
        symbols.iter().map(|symbol| run(&Task { mark: Some(emit), ..symbol.task(None) }).unwrap().checkpoint.unwrap()).collect();
    let tails: Vec<Symbol> = symbols.iter().map(|symbol| symbol.tail(emit - Checkpoint::LEAST)).collect();
    group.throughput(Throughput::Elements(SYMBOLS));
    group.bench_function("one night of 80 symbols at the end of a month", |b| {
        b.iter(|| compute(&tails.iter().zip(&marks).map(|(tail, mark)| tail.task(Some(mark))).collect::<Vec<_>>()));
    });
    group.finish();

    let mut group = c.benchmark_group("features of one symbol, one thread");
    group.sample_size(20);
    for days in [1_260, 2_520, 5_040, 10_080] {
        let symbol = beside(&[walk(7, days)]);
        group.throughput(Throughput::Elements((days * COUNT) as u64));
        group.bench_with_input(BenchmarkId::from_parameter(days), &symbol[0], |b, symbol| {
            b.iter(|| run(&symbol.task(None)).unwrap().block.rows);
        });
    }
    group.finish();
}

/// A universe of which only the few symbols at work are in memory; their bars are made twice, as a night reads them twice:
/// for the market and the ranks, and for the features.
fn stream(many: u64) {
    let start = Instant::now();
    let (mut market, mut section) = (MarketReturns::default(), CrossSection::default());
    for first in (0..many).step_by(AT_A_TIME as usize) {
        let some: Vec<DailyBars> = (first..many.min(first + AT_A_TIME)).into_par_iter().map(|symbol| walk(symbol, DAYS)).collect();
        for bars in &some {
            market.add(bars, Calendar::Xnys);
            section.add(bars);
        }
    }
    let ranks = section.rank();
    let beside = start.elapsed();
    let rows: usize = (0..many)
        .into_par_iter()
        .map(|symbol| {
            let bars = walk(symbol, DAYS);
            let symbol = Symbol { market: market.on(&bars.date), rank: ranks.of(&bars), adjusted: adjusted(bars) };
            black_box(run(&symbol.task(None)).unwrap().block).rows
        })
        .sum();
    assert_eq!(rows, many as usize * DAYS);
    let (wall, (user, system)) = (start.elapsed(), processor_seconds());
    println!("{many} symbols x {DAYS} days x {COUNT}: {wall:.2?}, of it {beside:.2?} for market and ranks");
    println!("processor {user:.2} s, and {system:.2} s in the kernel; {}", peak_memory());
}

/// This process's time on processors so far, its own and the kernel's for it; the kernel counts hundredths of a second.
fn processor_seconds() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: Vec<f64> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    match ticks[..] {
        [user, system] => (user / 100.0, system / 100.0),
        _ => (f64::NAN, f64::NAN),
    }
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("peak memory unknown").to_owned()
}

criterion_group!(benches, engine);

fn main() {
    let mut arguments = std::env::args();
    if arguments.any(|argument| argument == "universe") {
        return stream(arguments.find_map(|argument| argument.parse().ok()).unwrap_or(MANY));
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
