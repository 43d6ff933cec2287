use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;
use crate::market::Symbol;

fn d(y: i32, m: u32, day: u32) -> i64 {
    date_to_ts(NaiveDate::from_ymd_opt(y, m, day).unwrap())
}

fn bar(ts: i64) -> Candle {
    Candle { ts, open: 100.0, high: 102.0, low: 99.0, close: 101.0, volume: 1_000.0, is_final: true }
}

/// Daily bars of the sessions of November 2024.
fn november() -> Bars {
    Calendar::Xnys.sessions(d(2024, 11, 1), d(2024, 12, 1)).map(|s| bar(date_to_ts(s.date))).collect()
}

/// Minutes of one session.
fn minutes(day: i64) -> Bars {
    Calendar::Xnys.sessions(day, day + DAY).flat_map(|s| s.bar_opens(Timeframe::M1)).map(bar).collect()
}

fn at(timeframe: Timeframe, calendar: Calendar, now: i64, bars: &[Candle]) -> Screened {
    let settings = QualitySettings::default();
    let series = Series { symbol: Symbol::new("AAPL").unwrap(), timeframe };
    screen(&Context { series, calendar, before: &[], now, settings: &settings }, bars.to_vec())
}

fn daily(bars: &[Candle]) -> Screened {
    at(Timeframe::D1, Calendar::Xnys, d(2030, 1, 1), bars)
}

/// Check, severity and span of a finding; no span for the series as a whole.
type Finding = (u8, Severity, Option<(i64, i64)>);

fn found(s: &Screened) -> Vec<Finding> {
    let span = |scope| if let Scope::Bars { from, to } = scope { Some((from, to)) } else { None };
    s.issues.iter().map(|i| (i.check, i.severity, span(i.scope))).collect()
}

#[test]
fn bars_in_order_pass_untouched() {
    let bars = november();
    assert_eq!(daily(&bars), Screened { bars, issues: vec![], dropped: 0 });
    let bars = minutes(d(2024, 11, 29));
    assert_eq!(bars.len(), 210);
    assert_eq!(at(Timeframe::M1, Calendar::Xnys, d(2030, 1, 1), &bars), Screened { bars, issues: vec![], dropped: 0 });
    let weeks = [bar(d(2024, 11, 25)), bar(d(2024, 12, 2))];
    assert_eq!(found(&at(Timeframe::W1, Calendar::Xnys, d(2030, 1, 1), &weeks)), []);
    assert_eq!(daily(&[]), Screened::default());
}

#[test]
fn check_1_drops_bars_without_price_or_place() {
    let mut bars = november();
    bars[3].high = f64::NAN;
    bars[4].close = f64::INFINITY;
    bars[7].volume = f64::NAN;
    let out = daily(&bars);
    assert_eq!(found(&out), [(1, Severity::Critical, Some((bars[3].ts, bars[4].ts)))]);
    assert_eq!((out.bars.len(), out.dropped), (bars.len() - 2, 2));
    assert_eq!(out.issues[0].message, "2024-11-06 to 2024-11-07: 2 bars with a price that is missing or not a number; not stored");
    for stamp in [i64::MIN, i64::MAX, 0, d(1980, 1, 2), d(2024, 11, 5) + 1, d(2029, 1, 3)] {
        let out = at(Timeframe::D1, Calendar::Xnys, d(2028, 1, 1), &[bar(stamp)]);
        assert_eq!(found(&out), [(1, Severity::Critical, Some((stamp, stamp)))], "{stamp}");
        assert!(out.bars.is_empty());
    }
    assert_eq!(found(&at(Timeframe::W1, Calendar::Xnys, d(2030, 1, 1), &[bar(d(2024, 11, 26))]))[0].0, 1);
}

#[test]
fn check_2_keeps_the_last_of_duplicates() {
    let mut bars = november();
    let (same, other) = (bars[2], Candle { close: 101.5, ..bars[5] });
    bars.insert(3, same);
    bars.insert(7, other);
    let out = daily(&bars);
    assert_eq!(found(&out), [(2, Severity::Info, Some((same.ts, same.ts))), (2, Severity::Critical, Some((other.ts, other.ts)))]);
    assert_eq!(out.bars.len(), november().len());
    assert_eq!(out.bars[5].close, 101.5);
}

#[test]
fn check_3_sorts_and_hides_nothing() {
    let mut bars = november();
    bars.swap(4, 9);
    let out = daily(&bars);
    assert_eq!(found(&out), [(3, Severity::Warn, None)]);
    assert_eq!(out.bars, november());
}

#[test]
fn check_4_grades_by_distance_and_never_clamps() {
    for (high, severity) in [(100.995_1, None), (100.9, Some(Severity::Warn)), (100.4, Some(Severity::Critical))] {
        let mut bars = november();
        bars[6].high = high;
        let out = daily(&bars);
        assert_eq!(found(&out).first().map(|f| f.1), severity, "{high}");
        assert_eq!(out.bars, bars);
    }
    let mut bars = november();
    (bars[6].high, bars[6].low) = (99.0, 102.0);
    assert_eq!(found(&daily(&bars)), [(4, Severity::Critical, Some((bars[6].ts, bars[6].ts)))]);
    // Crypto has no tick to forgive half of.
    bars[6] = Candle { high: 100.999, ..bar(bars[6].ts) };
    assert_eq!(found(&at(Timeframe::D1, Calendar::Continuous, d(2030, 1, 1), &bars))[0].1, Severity::Warn);
}

#[test]
fn check_5_keeps_what_cannot_be_true() {
    let mut bars = november();
    bars[1] = Candle { open: 0.0, high: 0.0, low: 0.0, close: 0.0, ..bars[1] };
    bars[8].volume = -1.0;
    bars[9].volume = 0.0;
    let out = daily(&bars);
    let (a, b) = (bars[1].ts, bars[8].ts);
    assert_eq!(found(&out), [(5, Severity::Critical, Some((a, a))), (5, Severity::Critical, Some((b, b)))]);
    assert_eq!(out.bars, bars);
}

#[test]
fn check_9_sees_cents_for_dollars() {
    let times = |b: &mut Candle, by: f64| (b.open, b.high, b.low, b.close) = (b.open * by, b.high * by, b.low * by, b.close * by);
    let mut bars = november();
    times(&mut bars[6], 100.0);
    times(&mut bars[7], 100.0);
    times(&mut bars[12], 0.01);
    bars[15].high *= 100.0;
    let out = daily(&bars);
    let spans: Vec<_> = found(&out).into_iter().map(|f| (f.0, f.2.unwrap())).collect();
    assert_eq!(spans, [(9, (bars[6].ts, bars[7].ts)), (9, (bars[12].ts, bars[12].ts)), (9, (bars[15].ts, bars[15].ts))]);
    let mut bars = november();
    bars.iter_mut().skip(6).for_each(|b| times(b, 80.0));
    assert_eq!(found(&daily(&bars)), []);
}

#[test]
fn check_9_compares_the_first_bars_with_what_is_stored() {
    let (stored, mut fresh) = (november(), vec![bar(d(2024, 12, 2))]);
    (fresh[0].open, fresh[0].high, fresh[0].low, fresh[0].close) = (10_000.0, 10_200.0, 9_900.0, 10_100.0);
    let settings = QualitySettings::default();
    let series = Series { symbol: Symbol::new("AAPL").unwrap(), timeframe: Timeframe::D1 };
    let context = Context { series, calendar: Calendar::Xnys, before: &stored, now: d(2030, 1, 1), settings: &settings };
    assert_eq!(found(&screen(&context, fresh.clone()))[0].0, 9);
    assert!(screen(&Context { before: &[], ..context }, fresh.clone()).issues.is_empty());
    let off = QualitySettings { enabled: false, ..settings.clone() };
    assert!(screen(&Context { settings: &off, ..context }, fresh).issues.is_empty());
}

#[test]
fn check_11_drops_weekends_holidays_and_extended_hours() {
    let bars = [bar(d(2024, 11, 27)), bar(d(2024, 11, 28)), bar(d(2024, 11, 29)), bar(d(2024, 11, 30))];
    let out = daily(&bars);
    let spans: Vec<_> = found(&out).into_iter().map(|f| (f.0, f.1, f.2.unwrap().0)).collect();
    assert_eq!(spans, [(11, Severity::Exclude, bars[1].ts), (11, Severity::Exclude, bars[3].ts)]);
    assert_eq!(out.bars, [bars[0], bars[2]]);
    assert_eq!(found(&at(Timeframe::D1, Calendar::Continuous, d(2030, 1, 1), &bars)), []);
    let mut session = minutes(d(2024, 11, 29));
    session.push(bar(session[209].ts + 60));
    assert_eq!(at(Timeframe::M1, Calendar::Xnys, d(2030, 1, 1), &session).dropped, 1);
}

#[test]
fn check_16_keeps_a_forming_bar_forming() {
    let bars = minutes(d(2024, 11, 27));
    let now = bars[100].ts + 59;
    let out = at(Timeframe::M1, Calendar::Xnys, now, &bars[..=100]);
    assert_eq!(found(&out), [(16, Severity::Critical, Some((bars[100].ts, bars[100].ts)))]);
    assert!(!out.bars[100].is_final && out.bars[99].is_final);
    let mut honest = bars[..=100].to_vec();
    honest[100].is_final = false;
    assert_eq!(found(&at(Timeframe::M1, Calendar::Xnys, now, &honest)), []);
    assert_eq!(found(&at(Timeframe::M1, Calendar::Xnys, now + 1, &bars[..=100])), []);
}

#[test]
fn check_16_doubts_a_thin_day_right_after_the_close() {
    let close = |date| Calendar::Xnys.session_on(ts_to_date(date)).unwrap().close;
    let bars: Bars = november().into_iter().filter(|b| b.ts <= d(2024, 11, 27)).collect();
    let with = |volume, bars: &[Candle], after| {
        let mut bars = bars.to_vec();
        bars.last_mut().unwrap().volume = volume;
        found(&at(Timeframe::D1, Calendar::Xnys, close(bars.last().unwrap().ts) + after, &bars))
    };
    assert_eq!(with(290.0, &bars, 60)[0].0, 16);
    assert_eq!(with(310.0, &bars, 60), []);
    assert_eq!(with(290.0, &bars, 3_600), []);
    // A half day has 210 of 390 minutes: 30% of its usual volume is 162.
    assert_eq!(with(170.0, &november(), 60), []);
    assert_eq!(with(150.0, &november(), 60)[0].0, 16);
}

#[test]
fn check_25_sees_stamps_off_the_grid_and_off_by_an_hour() {
    let session = minutes(d(2024, 11, 27));
    let mut bars = session.clone();
    bars[10].ts += 2;
    let out = at(Timeframe::M1, Calendar::Xnys, d(2030, 1, 1), &bars);
    assert_eq!(found(&out), [(25, Severity::Critical, Some((bars[10].ts, bars[10].ts)))]);
    assert_eq!(out.bars.len(), 390);
    for by in [3_600, -3_600] {
        let shifted: Bars = session.iter().map(|b| Candle { ts: b.ts + by, ..*b }).collect();
        let out = at(Timeframe::M1, Calendar::Xnys, d(2030, 1, 1), &shifted);
        let zone = out.issues.iter().find(|i| i.check == 25).unwrap();
        assert_eq!(zone.scope, Scope::Bars { from: out.bars[0].ts, to: out.bars.last().unwrap().ts });
        assert_eq!(out.dropped, 60);
    }
    // An answer that begins an hour into the session is a window, not a shift.
    assert_eq!(found(&at(Timeframe::M1, Calendar::Xnys, d(2030, 1, 1), &session[60..])), []);
}

#[test]
fn check_25_sees_the_autumn_hour_twice() {
    let hour = |volume| (0..4).map(move |k| Candle { volume, ..bar(d(2024, 10, 27) + 3_600 + k * 900) });
    let bars: Bars = hour(5.0).chain(hour(7.0)).collect();
    let checks: Vec<u8> = at(Timeframe::M15, Calendar::Continuous, d(2030, 1, 1), &bars).issues.iter().map(|i| i.check).collect();
    assert_eq!(checks, [2, 3, 25]);
    let summer: Bars = bars.iter().map(|b| Candle { ts: b.ts - 70 * DAY, ..*b }).collect();
    let checks: Vec<u8> = at(Timeframe::M15, Calendar::Continuous, d(2030, 1, 1), &summer).issues.iter().map(|i| i.check).collect();
    assert_eq!(checks, [2, 3]);
}

fn any_candle() -> impl Strategy<Value = Candle> {
    let stamp = prop_oneof![
        any::<i64>(),
        (0i64..20_000).prop_map(|k| d(1985, 1, 1) + k * DAY),
        (0i64..3_000).prop_map(|k| d(2024, 3, 7) + 13 * 3_600 + k * 60),
    ];
    let price = || prop_oneof![any::<f64>(), 0.01f64..1_000.0];
    (stamp, price(), price(), price(), price(), any::<f64>(), any::<bool>())
        .prop_map(|(ts, open, high, low, close, volume, is_final)| Candle { ts, open, high, low, close, volume, is_final })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_input_comes_out_sorted_unique_and_storable(
        bars in proptest::collection::vec(any_candle(), 0..120),
        k in 0usize..17,
        crypto in any::<bool>(),
        now in prop_oneof![any::<i64>(), Just(d(2030, 1, 1))],
    ) {
        let calendar = if crypto { Calendar::Continuous } else { Calendar::Xnys };
        let out = at(Timeframe::ALL[k], calendar, now, &bars);
        prop_assert!(out.bars.is_sorted_by(|a, b| a.ts < b.ts));
        prop_assert_eq!(out.bars.len() + out.dropped, bars.len());
        prop_assert!(out.bars.iter().all(|b| [b.open, b.high, b.low, b.close].iter().all(|p| p.is_finite())));
        prop_assert!(out.bars.iter().all(|o| bars.iter().any(|b| b.ts == o.ts && b.high.to_bits() == o.high.to_bits())));
        prop_assert!(out.issues.iter().all(|i| super::super::CHECKS.iter().any(|c| c.number == i.check)));
        let again = at(Timeframe::ALL[k], calendar, now, &out.bars);
        prop_assert_eq!(again.dropped, 0);
    }
}
