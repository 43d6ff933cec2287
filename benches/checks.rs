//! Screening, review and derivation, in bars a second.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nightdesk::config::QualitySettings;
use nightdesk::ingest::derive::aggregate;
use nightdesk::ingest::quality::{Basis, Context, Input, VENDOR_DELAY, review, screen};
use nightdesk::market::{Bars, Calendar, Candle, DAY, Series, Symbol, Timeframe};

/// 2010-01-01, and an instant after all bars.
const FROM: i64 = 1_262_304_000;
const NOW: i64 = 1_900_000_000;

/// A year of minutes that drift by a few hundredths of a per cent.
fn minutes() -> Bars {
    let stamps = Calendar::Xnys.sessions(FROM, FROM + 365 * DAY).flat_map(|s| s.bar_opens(Timeframe::M1));
    let mut close = 100.0;
    stamps
        .zip(0u32..)
        .map(|(ts, i)| {
            let open: f64 = close;
            close *= 1.0 + (f64::from(i * 79 % 101) - 50.0) * 1e-6;
            let (high, low) = (open.max(close) * 1.0001, open.min(close) * 0.9999);
            Candle { ts, open, high, low, close, volume: f64::from(i % 97 + 1), is_final: true }
        })
        .collect()
}

fn checks(c: &mut Criterion) {
    let Ok(symbol) = Symbol::new("AAPL") else { return };
    let (bars, calendar, settings) = (minutes(), Calendar::Xnys, QualitySettings::default());
    let series = |timeframe| Series { symbol, timeframe };
    let mut group = c.benchmark_group("checks");
    group.throughput(Throughput::Elements(bars.len() as u64));
    let context = Context { series: series(Timeframe::M1), calendar, before: &[], now: NOW, settings: &settings };
    group.bench_function("screen 1m", |b| b.iter_batched(|| bars.clone(), |bars| screen(&context, bars), BatchSize::LargeInput));
    for target in [Timeframe::M2, Timeframe::H1, Timeframe::D1] {
        let name = format!("derive {target} from 1m");
        group.bench_function(name, |b| b.iter(|| aggregate(calendar, target, Timeframe::M1, black_box(&bars), NOW)));
    }
    let daily = aggregate(calendar, Timeframe::D1, Timeframe::M1, &bars, NOW);
    group.throughput(Throughput::Elements(daily.len() as u64));
    let context = Context { series: series(Timeframe::D1), ..context };
    group.bench_function("screen 1d", |b| b.iter_batched(|| daily.clone(), |bars| screen(&context, bars), BatchSize::SmallInput));
    let input = Input {
        series: series(Timeframe::D1),
        calendar,
        bars: &daily,
        basis: Basis::SplitAdjusted,
        splits: &[],
        dividends: &[],
        adj_close: None,
        now: NOW,
        delay: VENDOR_DELAY,
        settings: &settings,
    };
    group.bench_function("review 1d", |b| b.iter(|| review(black_box(&input))));
    group.finish();
}

criterion_group!(benches, checks);
criterion_main!(benches);
