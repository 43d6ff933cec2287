use chrono::{Days, NaiveDate};
use nightdesk::features::bars::Adjusted;
use nightdesk::features::engine::{Block, Checkpoint, EngineError, Task, run};
use nightdesk::features::registry;
use nightdesk::market::DailyBars;
use proptest::prelude::*;

use crate::market::{adjusted, alone, whole};

/// What happens on a day: overnight and intraday return, wicks above and below as shares, volume in units (none: unknown).
type Day = (f64, f64, f64, f64, Option<u32>);

fn days(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Day>> {
    let volume = prop::option::weighted(0.995, 1_000_u32..50_000_000);
    prop::collection::vec((-0.03..0.03_f64, -0.04..0.04_f64, 0.0..0.02_f64, 0.0..0.02_f64, volume), length)
}

fn bars(days: &[Day]) -> Adjusted {
    let mut bars = DailyBars::default();
    let mut close = 50.0;
    for (i, (overnight, intraday, up, down, volume)) in days.iter().enumerate() {
        let open = close * (1.0 + overnight);
        close = open * (1.0 + intraday);
        bars.date.push(NaiveDate::default() + Days::new(i as u64));
        bars.open.push(open);
        bars.high.push(open.max(close) * (1.0 + up));
        bars.low.push(open.min(close) * (1.0 - down));
        bars.close.push(close);
        bars.volume.push(volume.map_or(f64::NAN, f64::from));
    }
    adjusted(bars)
}

fn cut(all: &Adjusted, rows: std::ops::Range<usize>) -> Adjusted {
    let part = |column: &[f64]| column[rows.clone()].to_vec();
    let bars = &all.bars;
    Adjusted {
        bars: DailyBars {
            date: bars.date[rows.clone()].to_vec(),
            open: part(&bars.open),
            high: part(&bars.high),
            low: part(&bars.low),
            close: part(&bars.close),
            volume: part(&bars.volume),
        },
        factor: part(&all.factor),
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Fails at the first feature whose `rows` of `left` are not, bit for bit, the rows of `right`.
fn same(left: &Block, left_row: usize, right: &Block, right_row: usize, rows: usize) {
    for feature in registry() {
        let (l, r) = (&left.column(feature.index)[left_row..][..rows], &right.column(feature.index)[right_row..][..rows]);
        assert_eq!(bits(l), bits(r), "{}", feature.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn cutting_off_the_future_changes_nothing_before(days in days(150..400), share in 0.3..1.0_f64) {
        let all = bars(&days);
        let keep = (share * days.len() as f64) as usize;
        same(&whole(&all), 0, &whole(&cut(&all, 0..keep)), 0, keep);
    }

    #[test]
    fn a_tail_has_the_bits_of_the_whole(days in days(480..560), emit in 400..440_usize, later in 0..40_usize) {
        let all = bars(&days);
        let full = run(&Task { input: alone(&all), from: None, mark: Some(emit) }).unwrap();
        let checkpoint = full.checkpoint.unwrap();
        prop_assert_eq!(checkpoint.emit, emit);
        let window = cut(&all, checkpoint.window()..days.len());
        let tail = run(&Task { input: alone(&window), from: Some(&checkpoint), mark: Some(emit + later) }).unwrap();
        prop_assert_eq!((tail.block.first, tail.block.rows), (emit, days.len() - emit));
        same(&full.block, emit, &tail.block, 0, tail.block.rows);
        let direct = run(&Task { input: alone(&all), from: None, mark: Some(emit + later) }).unwrap();
        prop_assert_eq!(tail.checkpoint, direct.checkpoint);
    }

    #[test]
    fn neither_currency_nor_share_count_matters(days in days(300..340)) {
        let all = bars(&days);
        let mut scaled = all.clone();
        for column in [&mut scaled.bars.open, &mut scaled.bars.high, &mut scaled.bars.low, &mut scaled.bars.close] {
            column.iter_mut().for_each(|price| *price *= 7.3);
        }
        scaled.bars.volume.iter_mut().for_each(|volume| *volume *= 1000.0);
        let (plain, scaled) = (whole(&all), whole(&scaled));
        for feature in registry() {
            for (row, (a, b)) in plain.column(feature.index).iter().zip(scaled.column(feature.index)).enumerate() {
                let near = (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3);
                prop_assert!(near || a.is_nan() && b.is_nan(), "{} row {row}: {a} became {b}", feature.name);
            }
        }
    }
}

#[test]
fn a_flat_price_without_volume_is_finite() {
    let flat = whole(&bars(&[(0.0, 0.0, 0.0, 0.0, Some(0)); 300]));
    for feature in registry() {
        let column = flat.column(feature.index);
        assert!(column[..feature.lookback].iter().all(|value| value.is_nan()), "{} has a value in its head", feature.name);
        if filled(feature.category) {
            let gap = column[feature.lookback..].iter().position(|value| !value.is_finite());
            assert_eq!(gap, None, "{} is missing on a flat price", feature.name);
        }
    }
}

#[test]
fn every_value_after_the_lookback_is_there() {
    let day = |i: u32| (0.01 * f64::from(i).sin(), 0.02 * f64::from(i * i).cos(), 0.01, 0.005, Some(1_000_000 + 1_000 * (i % 37)));
    let block = whole(&bars(&(0..300).map(day).collect::<Vec<_>>()));
    for feature in registry().iter().filter(|feature| filled(feature.category)) {
        let start = block.column(feature.index).iter().position(|value| value.is_finite());
        assert_eq!(start, Some(feature.lookback), "{}", feature.name);
    }
}

#[test]
fn an_unknown_volume_leaves_values_missing_for_one_lookback() {
    let mut days = vec![(0.001, 0.002, 0.01, 0.005, Some(1_000)); 300];
    days[150].4 = None;
    let block = whole(&bars(&days));
    for feature in registry().iter().filter(|feature| filled(feature.category)) {
        let column = block.column(feature.index);
        let missing = column[feature.lookback..].iter().filter(|value| value.is_nan()).count();
        assert_eq!(missing > 0, feature.reads_volume, "{}: {missing} values missing", feature.name);
        assert!(column[..150].iter().skip(feature.lookback).all(|value| value.is_finite()), "{}", feature.name);
        assert!(column.iter().skip(151 + feature.lookback).all(|value| value.is_finite()), "{}", feature.name);
    }
}

#[test]
fn input_that_does_not_fit_is_refused() {
    let all = bars(&[(0.001, 0.002, 0.01, 0.005, Some(1_000)); 420]);
    let checkpoint = run(&Task { input: alone(&all), from: None, mark: Some(400) }).unwrap().checkpoint.unwrap();
    let short = run(&Task { input: alone(&all), from: None, mark: Some(Checkpoint::LEAST - 1) }).unwrap();
    assert_eq!(short.checkpoint, None);
    let moved = run(&Task { input: alone(&all), from: Some(&checkpoint), mark: None });
    assert!(matches!(moved, Err(EngineError::Moved { .. })), "{moved:?}");
    let mut input = alone(&all);
    input.market = Some(&[0.0]);
    assert_eq!(run(&Task { input, from: None, mark: None }), Err(EngineError::Lengths));
    let empty = run(&Task { input: alone(&Adjusted::default()), from: None, mark: None }).unwrap();
    assert_eq!(empty.block.rows, 0);
}

fn filled(category: nightdesk::features::Category) -> bool {
    use nightdesk::features::Category::{Momentum, Trend, Volatility, Volume};
    matches!(category, Momentum | Trend | Volatility | Volume)
}
