//! Aggregation: exactness on half days, DST weeks and around the clock, and that intermediate steps change nothing.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use chrono::NaiveDate;
use nightdesk::ingest::derive::{Field, aggregate, bucket_span, by_source, compare, order};
use nightdesk::market::{Bars, Calendar, Candle, Timeframe, date_to_ts};
use proptest::prelude::*;

use Timeframe::{D1, H1, H2, H3, H4, H8, M1, M2, M5, M10, M15, M20, M30, M90, Mo1, W1};

const FAR: i64 = 4_000_000_000;

fn day(y: i32, m: u32, d: u32) -> i64 {
    date_to_ts(NaiveDate::from_ymd_opt(y, m, d).unwrap())
}

/// Minutes of all sessions between two dates; prices and volumes are whole numbers, so that sums are exact in any order.
fn minutes(calendar: Calendar, from: i64, until: i64) -> Bars {
    let stamps = calendar.sessions(from, until).flat_map(|s| s.bar_opens(M1));
    stamps
        .enumerate()
        .map(|(i, ts)| {
            let i = i as i64;
            let (open, close) = ((1_000 + i * 7_919 % 613) as f64, (1_000 + i * 104_729 % 599) as f64);
            let (high, low) = (open.max(close) + (i % 5) as f64, open.min(close) - (i % 3) as f64);
            Candle { ts, open, high, low, close, volume: (i % 97 + 1) as f64, is_final: true }
        })
        .collect()
}

fn same(a: &[Candle], b: &[Candle]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same_content(y))
}

#[test]
fn every_timeframe_has_a_base_that_comes_before_it() {
    for native in [&[M1, M30, D1][..], &[M1][..], &[M1, M5, M15, H1, D1, W1, Mo1][..]] {
        let plan = order(native);
        assert_eq!(plan.len() + native.len(), Timeframe::ALL.len(), "{native:?}");
        let mut known = native.to_vec();
        for (target, base) in plan {
            assert!(target.divisible_by(base) && known.contains(&base), "{target} from {base}");
            known.push(target);
        }
    }
    let plan = order(&[M1, M30, D1]);
    for pair in [(M20, M10), (H1, M30), (H3, M90), (H8, H4), (W1, D1), (Mo1, D1)] {
        assert!(plan.contains(&pair), "{pair:?}");
    }
    assert_eq!(order(&[D1]), [(W1, D1), (Mo1, D1)]);
}

#[test]
fn a_half_day_gives_a_short_last_bar_and_one_daily_bar() {
    // 2024-11-29: 14:30 to 18:00 UTC, 210 minutes.
    let date = day(2024, 11, 29);
    let bars = minutes(Calendar::Xnys, date, date + 86_400);
    assert_eq!(bars.len(), 210);
    for (target, count) in [(H1, 4), (M90, 3), (H2, 2), (H4, 1), (H8, 1), (M20, 11), (D1, 1)] {
        let out = aggregate(Calendar::Xnys, target, M1, &bars, FAR);
        assert_eq!(out.len(), count, "{target}");
        assert_eq!(out.iter().map(|b| b.volume).sum::<f64>(), bars.iter().map(|b| b.volume).sum::<f64>());
        assert_eq!((out[0].open, out[count - 1].close), (bars[0].open, bars[209].close));
    }
    let daily = aggregate(Calendar::Xnys, D1, M1, &bars, FAR)[0];
    assert_eq!(daily.ts, date);
    assert_eq!(daily.high, bars.iter().map(|b| b.high).fold(f64::MIN, f64::max));
    assert_eq!(daily.low, bars.iter().map(|b| b.low).fold(f64::MAX, f64::min));
    let hours = aggregate(Calendar::Xnys, H1, M1, &bars, FAR);
    assert_eq!(hours[3].ts, bars[180].ts);
    assert_eq!(hours[3].volume, bars[180..].iter().map(|b| b.volume).sum::<f64>());
}

#[test]
fn weeks_across_dst_stay_anchored_at_the_open() {
    // New York moves its clock on 2024-03-10: the open goes from 14:30 to 13:30 UTC.
    let bars = minutes(Calendar::Xnys, day(2024, 3, 4), day(2024, 3, 16));
    let hours = aggregate(Calendar::Xnys, H1, M1, &bars, FAR);
    assert_eq!(hours.len(), 70);
    assert_eq!(hours[0].ts, day(2024, 3, 4) + 14 * 3_600 + 1_800);
    assert_eq!(hours[35].ts, day(2024, 3, 11) + 13 * 3_600 + 1_800);
    let weeks = aggregate(Calendar::Xnys, W1, D1, &aggregate(Calendar::Xnys, D1, M1, &bars, FAR), FAR);
    assert_eq!(weeks.iter().map(|w| w.ts).collect::<Vec<_>>(), [day(2024, 3, 4), day(2024, 3, 11)]);
    assert_eq!(weeks[1].volume, bars[1_950..].iter().map(|b| b.volume).sum::<f64>());
}

#[test]
fn crypto_days_weeks_and_months_are_utc() {
    let bars = minutes(Calendar::Continuous, day(2024, 1, 29), day(2024, 3, 4));
    let cal = Calendar::Continuous;
    let days = aggregate(cal, D1, M1, &bars, FAR);
    assert_eq!(days.len(), 35);
    assert!(days.iter().all(|d| d.ts % 86_400 == 0));
    assert_eq!(aggregate(cal, H8, M1, &bars, FAR).len(), 105);
    let weeks = aggregate(cal, W1, D1, &days, FAR);
    assert_eq!(weeks.iter().map(|w| w.ts).collect::<Vec<_>>(), (0..5).map(|k| day(2024, 1, 29) + k * 7 * 86_400).collect::<Vec<_>>());
    let months = aggregate(cal, Mo1, D1, &days, FAR);
    assert_eq!(months.iter().map(|m| m.ts).collect::<Vec<_>>(), [day(2024, 1, 1), day(2024, 2, 1), day(2024, 3, 1)]);
    assert_eq!(months[1].volume, days[3..32].iter().map(|b| b.volume).sum::<f64>());
}

#[test]
fn finality_needs_a_closed_bucket_and_final_inputs() {
    let date = day(2024, 7, 2);
    let mut bars = minutes(Calendar::Xnys, date, date + 86_400);
    let open = bars[0].ts;
    assert!(aggregate(Calendar::Xnys, M5, M1, &bars[..5], open + 300)[0].is_final);
    assert!(!aggregate(Calendar::Xnys, M5, M1, &bars[..5], open + 299)[0].is_final);
    let daily = aggregate(Calendar::Xnys, D1, M1, &bars, open + 390 * 60);
    assert!(daily[0].is_final);
    assert!(!aggregate(Calendar::Xnys, W1, D1, &daily, open + 390 * 60)[0].is_final);
    bars[4].is_final = false;
    assert!(!aggregate(Calendar::Xnys, M5, M1, &bars[..5], FAR)[0].is_final);
}

#[test]
fn unknown_volume_stays_unknown_and_holes_are_bridged() {
    let date = day(2024, 7, 2);
    let mut bars = minutes(Calendar::Xnys, date, date + 86_400);
    bars[7].volume = f64::NAN;
    bars.remove(3);
    let out = aggregate(Calendar::Xnys, M5, M1, &bars, FAR);
    assert_eq!(out.len(), 78);
    assert_eq!(out[0].volume, bars[..4].iter().map(|b| b.volume).sum::<f64>());
    assert!(out[1].volume.is_nan() && out[2].volume.is_finite());
}

#[test]
fn bars_outside_sessions_and_wrong_bases_give_nothing() {
    let date = day(2024, 7, 2);
    let mut bars = minutes(Calendar::Xnys, date, date + 86_400);
    let print = Candle { ts: bars[389].ts + 60, ..bars[389] };
    bars.push(print);
    let hours = aggregate(Calendar::Xnys, H1, M1, &bars, FAR);
    assert_eq!(hours.len(), 7);
    assert_eq!(hours[6].volume, bars[360..390].iter().map(|b| b.volume).sum::<f64>());
    assert!(aggregate(Calendar::Xnys, M1, M5, &bars, FAR).is_empty());
    assert!(aggregate(Calendar::Xnys, H1, M90, &bars, FAR).is_empty());
}

#[test]
fn spans_widen_to_whole_buckets() {
    let open = day(2024, 11, 29) + 14 * 3_600 + 1_800;
    let span = |target, base, from, to| bucket_span(Calendar::Xnys, target, base, from, to);
    assert_eq!(span(H2, M1, open + 60, open + 120), (open, open + 7_200));
    assert_eq!(span(H2, M1, open + 8_000, open + 8_060), (open + 7_200, open + 210 * 60));
    assert_eq!(span(D1, M1, open + 60, open + 120), (day(2024, 11, 29), day(2024, 11, 30)));
    assert_eq!(span(W1, D1, day(2024, 11, 27), day(2024, 11, 28)), (day(2024, 11, 25), day(2024, 12, 2)));
    assert_eq!(span(Mo1, D1, day(2024, 11, 27), day(2024, 12, 3)), (day(2024, 11, 1), day(2025, 1, 1)));
    assert_eq!(span(M5, M1, open, open), (open, open));
}

#[test]
fn the_spot_check_reports_figures_over_one_per_cent() {
    let date = day(2024, 7, 1);
    let bars = minutes(Calendar::Xnys, date, date + 4 * 86_400);
    let derived = aggregate(Calendar::Xnys, D1, M1, &bars, FAR);
    let mut native = derived.clone();
    assert!(compare(&native, &derived).is_empty());
    native[1].volume *= 1.02;
    native[2].close *= 1.2;
    native[2].volume = f64::NAN;
    native.remove(0);
    let found = compare(&native, &derived);
    assert_eq!(found.iter().map(|m| (m.ts, m.field)).collect::<Vec<_>>(), [(derived[1].ts, Field::Volume), (derived[2].ts, Field::Close)]);
    assert!((found[1].relative() + 1.0 / 6.0).abs() < 1e-12);
}

#[test]
fn a_derived_bar_is_called_after_the_least_preferred_of_its_sources() {
    use nightdesk::market::SourceId::{Ib, Yahoo};
    let from = day(2024, 7, 1);
    let days = aggregate(Calendar::Xnys, D1, M1, &minutes(Calendar::Xnys, from, from + 28 * 86_400), FAR);
    // Three weeks, in the middle of which Yahoo filled in for two days.
    let inputs: Vec<_> = days.iter().enumerate().map(|(i, bar)| (*bar, if (6..8).contains(&i) { Yahoo } else { Ib })).collect();
    let weeks = aggregate(Calendar::Xnys, W1, D1, &days, FAR);
    let runs = by_source(&weeks, &inputs);
    assert_eq!(runs.iter().map(|(s, bars)| (*s, bars.len())).collect::<Vec<_>>(), [(Ib, 1), (Yahoo, 1), (Ib, 2)]);
    assert!(runs.into_iter().flat_map(|(_, bars)| bars).eq(weeks));
    assert_eq!(by_source(&days, &inputs).len(), 3);
    assert!(by_source(&[], &inputs).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn intermediate_steps_change_nothing(
        crypto in any::<bool>(),
        first in 0i64..9_000,
        days in 1i64..4,
        gone in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
        blind in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let cal = if crypto { Calendar::Continuous } else { Calendar::Xnys };
        let from = day(2000, 1, 1) + first * 86_400;
        let mut bars = minutes(cal, from, from + days * 86_400);
        prop_assume!(bars.len() > 60);
        for i in gone {
            let i = i.index(bars.len());
            bars.remove(i);
        }
        if let Some(i) = blind {
            let i = i.index(bars.len());
            bars[i].volume = f64::NAN;
        }
        let now = bars[bars.len() / 2].ts;
        for path in [&[M5, M10, M20][..], &[M2, M10, M30], &[M15, M30, M90, H3], &[M30, H1, H2, H4, H8, D1], &[M20, H1, D1, W1], &[H8, D1, Mo1]] {
            let (mut base, mut step) = (M1, bars.clone());
            for &target in path {
                step = aggregate(cal, target, base, &step, now);
                base = target;
                let direct = if matches!(target, W1 | Mo1) {
                    aggregate(cal, target, D1, &aggregate(cal, D1, M1, &bars, now), now)
                } else {
                    aggregate(cal, target, M1, &bars, now)
                };
                prop_assert!(same(&step, &direct), "{target} via {path:?}");
            }
        }
    }

    #[test]
    fn a_widened_span_aggregates_like_the_whole(first in 0i64..9_000, a in any::<proptest::sample::Index>(), n in 1usize..500) {
        let cal = Calendar::Xnys;
        let from = day(2000, 1, 1) + first * 86_400;
        let bars = minutes(cal, from, from + 5 * 86_400);
        prop_assume!(!bars.is_empty());
        let i = a.index(bars.len());
        let j = (i + n).min(bars.len()) - 1;
        for target in [M2, M30, H1, H4, D1] {
            let (start, end) = bucket_span(cal, target, M1, bars[i].ts, bars[j].ts + 1);
            let part: Bars = bars.iter().filter(|b| (start..end).contains(&b.ts)).copied().collect();
            let whole = aggregate(cal, target, M1, &bars, FAR);
            let want: Bars = whole.into_iter().filter(|b| (start..end).contains(&b.ts)).collect();
            prop_assert!(!want.is_empty());
            prop_assert!(same(&aggregate(cal, target, M1, &part, FAR), &want), "{target}");
        }
    }
}
