use chrono::{NaiveDate, TimeZone, Utc};
use proptest::prelude::*;

use super::*;
use crate::market::{Series, Symbol, date_to_ts};

fn at(y: i32, mo: u32, day: u32, h: u32, mi: u32) -> i64 {
    Utc.with_ymd_and_hms(y, mo, day, h, mi, 0).unwrap().timestamp()
}

fn day(y: i32, m: u32, d: u32) -> i64 {
    date_to_ts(NaiveDate::from_ymd_opt(y, m, d).unwrap())
}

fn rules(timeframe: Timeframe, horizon: i64, now: i64) -> Rules {
    Rules { calendar: Calendar::Xnys, timeframe, horizon, now, reask_days: 7, recover: false }
}

fn known(stamps: Vec<i64>) -> Known {
    Known { last_final: stamps.last().copied(), stamps, ..Known::default() }
}

fn empty(series_start: i64, end: i64, asked_at: i64, times: u32, source: SourceId) -> EmptySpan {
    let series = Series { symbol: Symbol::new("AAPL").unwrap(), timeframe: Timeframe::D1 };
    EmptySpan { series, source, start: series_start, end, asked_at, times }
}

#[test]
fn an_empty_store_wants_one_first_fill() {
    let r = rules(Timeframe::D1, day(2024, 1, 1), at(2024, 3, 1, 22, 0));
    let wants = wanted(&r, &Known::default());
    assert_eq!(wants.len(), 1);
    assert_eq!(wants[0].reason, Reason::FirstFill);
    assert_eq!(wants[0].window, Window { start: day(2024, 1, 2), end: at(2024, 3, 1, 21, 0) });
    assert_eq!(wants[0].bars, 42);
}

#[test]
fn a_complete_store_wants_nothing_on_the_weekend() {
    let now = at(2024, 3, 3, 12, 0);
    let r = rules(Timeframe::M30, day(2024, 2, 1), now);
    let all = Calendar::Xnys.expected(Timeframe::M30, day(2024, 2, 1), now);
    assert!(wanted(&r, &known(all)).is_empty());
}

#[test]
fn a_first_fill_of_half_hours_is_one_span_over_weekends_and_closures() {
    let now = at(2001, 10, 5, 22, 0);
    let wants = wanted(&rules(Timeframe::M30, at(2001, 8, 1, 0, 0), now), &Known::default());
    assert_eq!(wants.len(), 1, "{wants:?}");
}

#[test]
fn a_top_up_overlaps_two_bars() {
    let now = at(2024, 3, 1, 22, 0);
    let r = rules(Timeframe::D1, day(2024, 1, 1), now);
    let mut all = Calendar::Xnys.expected(Timeframe::D1, day(2024, 1, 1), now);
    all.truncate(all.len() - 1);
    let wants = wanted(&r, &known(all));
    assert_eq!(wants.len(), 1);
    assert_eq!((wants[0].reason, wants[0].bars), (Reason::TopUp, 1));
    assert_eq!(wants[0].window.start, day(2024, 2, 28));
}

#[test]
fn a_forming_bar_is_wanted_once_it_is_complete() {
    let open = at(2024, 3, 1, 14, 30);
    let stored = Known { stamps: vec![open, open + 1800], last_final: Some(open), ..Known::default() };
    let forming = wanted(&rules(Timeframe::M30, open, open + 3000), &stored);
    assert!(forming.is_empty());
    let complete = wanted(&rules(Timeframe::M30, open, open + 3600), &stored);
    assert_eq!(complete[0].bars, 1);
}

#[test]
fn holes_are_healed_apart_from_the_top_up() {
    let now = at(2024, 12, 31, 22, 0);
    let r = rules(Timeframe::D1, day(2023, 1, 1), now);
    let mut all = Calendar::Xnys.expected(Timeframe::D1, day(2023, 1, 1), now);
    all.retain(|&t| t != day(2023, 3, 15) && t != day(2023, 3, 17) && t < day(2024, 12, 30));
    let wants = wanted(&r, &known(all));
    assert_eq!(wants.iter().map(|w| (w.reason, w.bars)).collect::<Vec<_>>(), [(Reason::Heal, 2), (Reason::TopUp, 2)]);
    assert_eq!(wants[0].window.start, day(2023, 3, 15));
}

#[test]
fn what_a_source_called_empty_is_asked_again_later_and_later() {
    let now = at(2024, 12, 31, 22, 0);
    let asked = now - 8 * DAY;
    for (times, wanted_again) in [(1, true), (2, false)] {
        let k = Known { empty: vec![empty(day(2024, 1, 1), day(2025, 1, 1), asked, times, SourceId::Ib)], ..Known::default() };
        assert_eq!(!wanted(&rules(Timeframe::D1, day(2024, 1, 1), now), &k).is_empty(), wanted_again, "asked {times} times");
    }
}

#[test]
fn fallback_spans_are_fetched_again_when_the_primary_is_back() {
    let now = at(2024, 3, 3, 12, 0);
    let all = Calendar::Xnys.expected(Timeframe::D1, day(2024, 1, 1), now);
    let mut k = known(all);
    k.fallback = vec![(day(2024, 2, 5), at(2024, 2, 9, 21, 0))];
    let mut r = rules(Timeframe::D1, day(2024, 1, 1), now);
    assert!(wanted(&r, &k).is_empty());
    r.recover = true;
    let wants = wanted(&r, &k);
    assert_eq!(wants.iter().map(|w| (w.reason, w.bars)).collect::<Vec<_>>(), [(Reason::Recover, 5)]);
    assert_eq!(wants[0].window, Window { start: day(2024, 2, 5), end: at(2024, 2, 9, 21, 0) });
    k.empty = vec![empty(day(2024, 2, 1), day(2024, 2, 20), now - DAY, 1, SourceId::Ib)];
    assert!(wanted(&r, &k).is_empty(), "the primary has said that it holds nothing there");
}

#[test]
fn a_half_day_and_a_holiday_hold_no_phantom_bars() {
    let now = at(2024, 12, 2, 12, 0);
    let r = rules(Timeframe::M30, at(2024, 11, 28, 0, 0), now);
    let wants = wanted(&r, &Known::default());
    assert_eq!(wants.iter().map(|w| w.bars).sum::<u32>(), 7, "only the 29th, 09:30 to 13:00");
}

#[test]
fn holes_in_an_answer_are_confirmed_empty_but_not_the_newest_bars() {
    let open = at(2024, 3, 1, 14, 30);
    let window = Window { start: open, end: open + 5 * 60 };
    let received = [open, open + 60, open + 240];
    let settled = open + 5 * 60;
    assert_eq!(confirmed_empty(Calendar::Xnys, Timeframe::M1, window, &received, settled), [(open + 120, open + 240)]);
    assert_eq!(confirmed_empty(Calendar::Xnys, Timeframe::M1, window, &received, open + 180), [(open + 120, open + 180)]);
    assert!(confirmed_empty(Calendar::Xnys, Timeframe::M1, window, &[], open).is_empty());
}

proptest! {
    /// Fetching exactly what is wanted leaves nothing wanted, whatever was missing before.
    #[test]
    fn one_round_is_enough(drop in proptest::collection::vec(any::<bool>(), 120), hour in 0i64..48) {
        let now = at(2024, 7, 8, 0, 0) + hour * 3600;
        let r = rules(Timeframe::M30, day(2024, 6, 25), now);
        let expected = Calendar::Xnys.expected(Timeframe::M30, day(2024, 6, 25), now);
        let stamps: Vec<i64> = expected.iter().zip(drop.iter().cycle()).filter(|(_, d)| !**d).map(|(t, _)| *t).collect();
        let wants = wanted(&r, &known(stamps.clone()));
        prop_assert!(wants.windows(2).all(|w| w[0].window.start <= w[1].window.start));
        let mut after: Vec<i64> = expected.iter().copied().filter(|t| wants.iter().any(|w| w.window.start <= *t && *t < w.window.end)).collect();
        after.extend(&stamps);
        after.sort_unstable();
        after.dedup();
        prop_assert!(wanted(&r, &known(after)).is_empty());
    }
}

#[test]
fn bars_that_only_the_fallback_has_are_not_asked_of_the_primary_every_night() {
    let now = at(2024, 3, 3, 12, 0);
    let all = Calendar::Xnys.expected(Timeframe::D1, day(2024, 1, 1), now);
    // As the store tells it: a span ends a bar's length after its last stamp, which is after the close.
    let mut k = Known { fallback: vec![(day(2024, 2, 5), day(2024, 2, 10))], ..known(all) };
    let r = Rules { recover: true, ..rules(Timeframe::D1, day(2024, 1, 1), now) };
    let window = wanted(&r, &k)[0].window;
    let lacking = confirmed_empty(r.calendar, r.timeframe, window, &[], now);
    k.empty = lacking.iter().map(|&(from, to)| empty(from, to, now, 1, SourceId::Ib)).collect();
    assert_eq!(wanted(&r, &k), [], "an empty answer settles the whole span");
    let later = confirmed_empty(r.calendar, r.timeframe, window, &[day(2024, 2, 7)], now);
    k.empty = later.iter().map(|&(from, to)| empty(from, to, now, 1, SourceId::Ib)).collect();
    let wants = wanted(&r, &k);
    assert_eq!(wants.iter().map(|w| w.window).collect::<Vec<_>>(), [Window { start: day(2024, 2, 7), end: at(2024, 2, 7, 21, 0) }]);
    k.empty = vec![empty(day(2024, 2, 1), day(2024, 2, 20), now, 1, SourceId::Yahoo)];
    assert_eq!(wanted(&r, &k)[0].bars, 5, "what the fallback lacks says nothing of the primary");
}

#[test]
fn a_history_that_starts_within_a_session_starts_at_its_open() {
    let now = at(2024, 3, 1, 17, 0);
    let wants = wanted(&rules(Timeframe::M30, at(2024, 2, 28, 17, 0), now), &Known::default());
    assert_eq!(wants[0].window.start, at(2024, 2, 28, 14, 30));
}
