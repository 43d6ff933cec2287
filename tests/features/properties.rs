use chrono::{Days, NaiveDate};
use nightdesk::features::bars::{Adjusted, forward_adjusted};
use nightdesk::features::engine::{Checkpoint, EngineError, Input, Task, run};
use nightdesk::features::{Needs, feature, registry};
use nightdesk::market::{DailyBars, Dividend, SourceId, date_to_ts};
use nightdesk::store::master::Candles;
use proptest::prelude::*;

use crate::market::{Symbol, near, same, universe};

/// What happens on a day: overnight and intraday return, wicks above and below as shares, volume in units (none: unknown).
type Day = (f64, f64, f64, f64, Option<u32>);

fn days(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Day>> {
    let volume = prop::option::weighted(0.995, 1_000_u32..50_000_000);
    prop::collection::vec((-0.03..0.03_f64, -0.04..0.04_f64, 0.0..0.02_f64, 0.0..0.02_f64, volume), length)
}

/// Days of which many do not move, have no range or trade nothing.
fn rough_days(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Day>> {
    let or_zero = |size: std::ops::Range<f64>| prop_oneof![Just(0.0), size];
    let volume = prop_oneof![Just(Some(0)), (0_u32..50).prop_map(Some), (0_u32..u32::MAX).prop_map(Some)];
    prop::collection::vec((or_zero(-0.5..1.0), or_zero(-0.5..1.0), or_zero(0.0..0.5), or_zero(0.0..0.5), volume), length)
}

/// The symbol of these days, with a market that shares its nights and a rank that follows its days.
fn symbol(days: &[Day]) -> Symbol {
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
    Symbol {
        adjusted: Adjusted { factor: vec![1.0; bars.len()], bars },
        market: days.iter().map(|day| day.0 + 0.1 * day.2).collect(),
        rank: days.iter().map(|day| 10.0 * day.3).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn cutting_off_the_future_changes_nothing_before(days in days(150..400), share in 0.3..1.0_f64) {
        let all = symbol(&days);
        let keep = (share * days.len() as f64) as usize;
        same(&all.block(), 0, &all.cut(0..keep).block(), 0, keep);
    }

    #[test]
    fn standstill_and_leaps_are_finite(mut days in rough_days(280..320), still in 0..280_usize, rest in 0..120_usize) {
        days.iter_mut().skip(still).take(rest).for_each(|day| *day = (0.0, 0.0, 0.0, 0.0, Some(0)));
        let block = symbol(&days).block();
        for feature in registry() {
            let gap = block.column(feature.index)[feature.lookback..].iter().position(|value| !value.is_finite());
            prop_assert_eq!(gap, None, "{} is missing", feature.name);
        }
    }

    #[test]
    fn a_tail_has_the_bits_of_the_whole(days in days(480..560), emit in 400..440_usize, later in 0..40_usize) {
        let all = symbol(&days);
        let full = all.run(Some(emit));
        let checkpoint = full.checkpoint.unwrap();
        prop_assert_eq!(checkpoint.emit, emit);
        let window = all.cut(checkpoint.window()..days.len());
        let tail = run(&Task { input: window.input(), from: Some(&checkpoint), mark: Some(emit + later) }).unwrap();
        prop_assert_eq!((tail.block.first, tail.block.rows), (emit, days.len() - emit));
        same(&full.block, emit, &tail.block, 0, tail.block.rows);
        prop_assert_eq!(tail.checkpoint, all.run(Some(emit + later)).checkpoint);
    }

    #[test]
    fn neither_currency_nor_share_count_matters(days in days(300..340)) {
        let all = symbol(&days);
        let block = all.block();
        near(&block, &all.scaled(7.3, 1000.0).block());
        // A later split of three for one.
        near(&block, &all.scaled(1.0 / 3.0, 3.0).block());
    }

    #[test]
    fn a_later_dividend_changes_no_earlier_bit(days in days(280..320), amount in 0.01..3.0_f64, ex in 1..280_usize) {
        let bars = symbol(&days).adjusted.bars;
        let candles = Candles {
            ts: bars.date.iter().map(|date| date_to_ts(*date)).collect(),
            source: vec![SourceId::Yahoo; bars.len()],
            is_final: vec![true; bars.len()],
            open: bars.open.clone(),
            high: bars.high.clone(),
            low: bars.low.clone(),
            close: bars.close.clone(),
            volume: bars.volume.clone(),
        };
        let of = |dividends: &[Dividend]| {
            let bars = forward_adjusted(&candles, dividends, 1.0).bars;
            universe(vec![bars]).remove(0).block()
        };
        let (without, with) = (of(&[]), of(&[Dividend { ex_date: bars.date[ex], amount }]));
        same(&without, 0, &with, 0, ex);
    }
}

#[test]
fn a_flat_price_without_volume_is_finite() {
    let flat = symbol(&vec![(0.0, 0.0, 0.0, 0.0, Some(0)); 300]).block();
    for feature in registry() {
        let column = flat.column(feature.index);
        assert!(column[..feature.lookback].iter().all(|value| value.is_nan()), "{} has a value in its head", feature.name);
        let gap = column[feature.lookback..].iter().position(|value| !value.is_finite());
        assert_eq!(gap, None, "{} is missing on a flat price", feature.name);
    }
}

/// What a halt leaves of means that never end must not be a unit of what follows.
#[test]
fn what_moves_first_after_a_standstill_is_not_measured_in_rounding() {
    for halt in [60, 90, 120, 150] {
        let mut days: Vec<Day> =
            (0..320).map(|i| (0.004 * f64::from(i).sin(), 0.01 * f64::from(i * i).cos(), 0.01, 0.005, Some(1_000))).collect();
        days[280 - halt..280].fill((0.0, 0.0, 0.0, 0.0, Some(0)));
        days[280] = (0.1, 0.1, 0.05, 0.05, Some(1_000_000));
        let block = symbol(&days).block();
        for feature in registry() {
            let largest = block.column(feature.index)[feature.lookback..].iter().fold(0.0_f64, |a, v| a.max(v.abs()));
            assert!(largest < 1e8, "{} reaches {largest} after {halt} flat bars", feature.name);
        }
    }
}

#[test]
fn every_value_after_the_lookback_is_there() {
    let day = |i: u32| (0.01 * f64::from(i).sin(), 0.02 * f64::from(i * i).cos(), 0.01, 0.005, Some(1_000_000 + 1_000 * (i % 37)));
    let block = symbol(&(0..300).map(day).collect::<Vec<_>>()).block();
    for feature in registry() {
        let start = block.column(feature.index).iter().position(|value| value.is_finite());
        assert_eq!(start, Some(feature.lookback), "{}", feature.name);
    }
}

#[test]
fn an_unknown_volume_leaves_values_missing_for_one_lookback() {
    let mut days = vec![(0.001, 0.002, 0.01, 0.005, Some(1_000)); 300];
    days[150].4 = None;
    let block = symbol(&days).block();
    for feature in registry() {
        let column = block.column(feature.index);
        let missing = column[feature.lookback..].iter().filter(|value| value.is_nan()).count();
        assert_eq!(missing > 0, feature.reads_volume, "{}: {missing} values missing", feature.name);
        assert!(column[..150].iter().skip(feature.lookback).all(|value| value.is_finite()), "{}", feature.name);
        assert!(column.iter().skip(151 + feature.lookback).all(|value| value.is_finite()), "{}", feature.name);
    }
}

#[test]
fn without_a_market_what_needs_one_is_missing_and_nothing_else() {
    let day = |i: u32| (0.01 * f64::from(i).sin(), 0.02 * f64::from(i * i).cos(), 0.01, 0.005, Some(1_000_000 + 1_000 * (i % 37)));
    let all = symbol(&(0..300).map(day).collect::<Vec<_>>());
    let input = Input { market: None, rank: None, ..all.input() };
    let (alone, beside) = (run(&Task { input, from: None, mark: None }).unwrap().block, all.block());
    for feature in registry() {
        let (alone, beside) = (alone.column(feature.index), beside.column(feature.index));
        match feature.needs {
            Needs::None => assert!(alone.iter().zip(beside).all(|(a, b)| a.to_bits() == b.to_bits()), "{}", feature.name),
            Needs::Benchmark | Needs::Universe => assert!(alone.iter().all(|value| value.is_nan()), "{}", feature.name),
        }
    }
}

#[test]
fn input_that_does_not_fit_is_refused() {
    let all = symbol(&vec![(0.001, 0.002, 0.01, 0.005, Some(1_000)); 420]);
    let checkpoint = all.run(Some(400)).checkpoint.unwrap();
    assert_eq!(all.run(Some(Checkpoint::LEAST - 1)).checkpoint, None);
    let moved = run(&Task { input: all.input(), from: Some(&checkpoint), mark: None });
    assert!(matches!(moved, Err(EngineError::Moved { .. })), "{moved:?}");
    let input = Input { market: Some(&[0.0]), ..all.input() };
    assert_eq!(run(&Task { input, from: None, mark: None }), Err(EngineError::Lengths));
    assert_eq!(symbol(&[]).block().rows, 0);
}

/// Each day opens at the close before and closes one per cent higher, at its high.
#[test]
fn a_steady_rise_reads_as_one() {
    let block = symbol(&vec![(0.0, 0.01, 0.0, 0.0, Some(1_000)); 300]).block();
    let last = |name: &str| block.column(feature(name).unwrap().index)[299];
    let ones = "consecutive_up_days up_day_fraction_20 ma_alignment ema_alignment trend_agreement mtf_agreement hh_ll_balance_20 \
        above_sma50_fraction_60 efficiency_ratio_20 linreg_r2_20 weekly_trend_r2_13 momentum_quality_60 body_ratio clv_mean_5 \
        three_bar_thrust range_rank_7 range_position_40 weekly_position oscillator_agreement";
    let zeros = "consecutive_down_days downside_vol_ratio_60 max_drawdown_60 days_since_52w_high dist_52w_high swing_recency engulfing \
        inside_outside_bar gap_atr gap_fill_ratio upper_shadow_ratio return_zscore_20 sharpe_60 skew_60 kurtosis_60 \
        mean_reversion_score";
    for (names, expected) in [(ones, 1.0), (zeros, 0.0)] {
        for name in names.split_whitespace() {
            assert!((last(name) - expected).abs() < 1e-12, "{name} is {}", last(name));
        }
    }
    assert!((last("days_since_52w_low") - 251.0 / 252.0).abs() < 1e-12);
    assert!((last("return_60d") - 60.0 * 1.01_f64.ln()).abs() < 1e-12);
    assert!((last("linreg_slope_20") - 100.0 * 1.01_f64.ln()).abs() < 1e-11);
}
