//! The master database's rates: sustained durable writes, replay, and the two reads that consumers make most.
#![expect(clippy::unwrap_used, reason = "a bench that cannot open its database has nothing to measure")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use futures_util::future::try_join_all;
use nightdesk::market::{Bars, Candle, Series, SourceId, Symbol, SystemClock, Timeframe};
use nightdesk::store::master::{CandleBatch, CandleQuery, Reader, Span, Writer, WriterOptions};
use tokio::runtime::Runtime;

/// Rows an iteration of the writer benches; ten samples make the ten million.
const MILLION: u64 = 1_000_000;
const BATCH: i64 = 10_000;
/// Callers at a time: as many as an ingest has workers.
const CALLERS: usize = 4;
const START: i64 = 1_577_975_400;

/// A deterministic walk with cents, as real prices have.
fn bars(first: i64, n: i64, step: i64) -> Bars {
    (first..first + n)
        .map(|i| {
            let close = 100.0 + ((i * 7919) % 4001) as f64 / 100.0;
            let (open, high, low) = (close - 0.03, close + 0.11, close - 0.12);
            Candle { ts: START + i * step, open, high, low, close, volume: (100 + i % 9973) as f64, is_final: true }
        })
        .collect()
}

fn series(symbol: u64, timeframe: Timeframe) -> Series {
    Series { symbol: Symbol::new(&format!("S{symbol}")).unwrap(), timeframe }
}

/// A million one-minute rows: ten symbols in batches of ten thousand.
fn million(nth: u64) -> Vec<CandleBatch> {
    let batches = (0..10).flat_map(|k| (0..MILLION as i64 / 10 / BATCH).map(move |b| (nth * 10 + k, b * BATCH)));
    batches
        .map(|(symbol, first)| CandleBatch {
            series: series(symbol, Timeframe::M1),
            source: SourceId::Sim,
            run_id: 1,
            bars: bars(first, BATCH, 60),
            replace: None,
        })
        .collect()
}

fn open(path: &Path) -> Writer {
    Writer::open(path, WriterOptions { cache_mib: 64, demo: false, clock: SystemClock::shared() }).unwrap()
}

/// Sends the batches from [`CALLERS`] callers, each waiting for its acknowledgement; gives the time and rows changed.
fn send(runtime: &Runtime, writer: &Writer, batches: Vec<CandleBatch>) -> (Duration, u64) {
    let mut lanes: Vec<Vec<CandleBatch>> = (0..CALLERS).map(|_| Vec::new()).collect();
    for (i, b) in batches.into_iter().enumerate() {
        lanes[i / 10 % CALLERS].push(b);
    }
    let start = Instant::now();
    let changed = runtime.block_on(try_join_all(lanes.into_iter().map(|lane| async move {
        let mut changed = 0;
        for b in lane {
            let r = writer.candles(b).await?;
            changed += r.inserted + r.revised + r.completed + r.deleted;
        }
        Ok::<u64, nightdesk::store::master::StoreError>(changed)
    })));
    (start.elapsed(), changed.unwrap().iter().sum())
}

fn writing(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let writer = open(&dir.path().join("market_data.db"));
    let mut group = c.benchmark_group("writer");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(1));
    group.measurement_time(Duration::from_secs(1)).throughput(Throughput::Elements(MILLION));
    let mut nth = 0;
    group.bench_function("insert 10 M rows, durable", |b| {
        b.iter_custom(|iterations| {
            (0..iterations)
                .map(|_| {
                    nth += 1;
                    let (time, changed) = send(&runtime, &writer, million(nth));
                    assert_eq!(changed, MILLION);
                    time
                })
                .sum()
        });
    });
    let mut back = nth;
    group.bench_function("replay, changing nothing", |b| {
        b.iter_custom(|iterations| {
            (0..iterations)
                .map(|_| {
                    let (time, changed) = send(&runtime, &writer, million(back));
                    assert_eq!(changed, 0);
                    back = if back > 1 { back - 1 } else { nth };
                    time
                })
                .sum()
        });
    });
    group.finish();
}

fn reading(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("market_data.db");
    let writer = open(&path);
    let write = |series, bars: Bars| {
        for chunk in bars.chunks(BATCH as usize) {
            let batch = CandleBatch { series, source: SourceId::Sim, run_id: 1, bars: chunk.to_vec(), replace: None };
            runtime.block_on(writer.candles(batch)).unwrap();
        }
    };
    for symbol in 0..80 {
        write(series(symbol, Timeframe::D1), bars(0, 2520, 86_400));
    }
    let long = series(7, Timeframe::M1);
    write(long, bars(0, MILLION as i64, 60));

    let reader = Reader::open(&path).unwrap();
    let mut symbol = 0;
    // The median of single calls, times their number: what a consumer feels, whatever else the machine does.
    c.bench_function("reader/504 daily rows of one of 80 symbols, p50", |b| {
        b.iter_custom(|iterations| {
            let mut times: Vec<Duration> = (0..iterations)
                .map(|_| {
                    symbol = (symbol + 1) % 80;
                    let q = CandleQuery::new(series(symbol, Timeframe::D1), Span::Last(504));
                    let start = Instant::now();
                    let candles = black_box(reader.candles(&q).unwrap());
                    let time = start.elapsed();
                    assert_eq!(candles.len(), 504);
                    time
                })
                .collect();
            times.sort_unstable();
            times[times.len() / 2] * iterations as u32
        });
    });
    let mut group = c.benchmark_group("reader");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(MILLION));
    let q = CandleQuery::new(long, Span::Range(START, START + 60 * MILLION as i64));
    group.bench_function("a range of 1 M rows", |b| b.iter(|| assert_eq!(black_box(reader.candles(&q).unwrap()).len() as u64, MILLION)));
    group.finish();
}

criterion_group!(benches, writing, reading);
criterion_main!(benches);
