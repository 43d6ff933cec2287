use proptest::prelude::*;

use super::*;

fn ts(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp()
}

fn window(start: &str, end: &str) -> Window {
    Window { start: ts(start), end: ts(end) }
}

fn wire(asset: AssetClass, t: Timeframe, w: Window, now: &str) -> (String, bool) {
    let s = shape(asset, t, w, ts(now)).unwrap();
    (s.duration.to_string(), s.ending.is_some())
}

#[test]
fn durations_count_sessions_and_top_ups_have_no_end() {
    let stock = AssetClass::Stock;
    let now = "2026-11-20T20:00:00Z";
    let week = window("2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z");
    assert_eq!(wire(stock, Timeframe::M1, week, now), ("6 D".into(), true));
    let top_up = window("2026-11-20T19:30:00Z", now);
    assert_eq!(wire(stock, Timeframe::M1, top_up, now), ("1860 S".into(), false));
    let since_open = window("2026-11-20T14:30:00Z", now);
    assert_eq!(wire(stock, Timeframe::M1, since_open, now), ("2 D".into(), false));
    let decade = window("2016-11-20T00:00:00Z", "2026-11-21T00:00:00Z");
    assert_eq!(wire(stock, Timeframe::D1, decade, now), ("11 Y".into(), false));
    let few_days = window("2026-11-16T00:00:00Z", "2026-11-21T00:00:00Z");
    assert_eq!(wire(stock, Timeframe::D1, few_days, now), ("6 D".into(), false));
    let years = window("2006-01-02T00:00:00Z", "2026-11-21T00:00:00Z");
    assert_eq!(wire(stock, Timeframe::W1, years, now), ("21 Y".into(), false));
    let half_year = window("2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z");
    assert_eq!(wire(AssetClass::Crypto, Timeframe::H8, half_year, now), ("7 M".into(), true));
}

#[test]
fn crypto_asks_for_aggregated_trades_around_the_clock() {
    let w = window("2026-11-14T00:00:00Z", "2026-11-15T00:00:00Z");
    let s = shape(AssetClass::Crypto, Timeframe::M1, w, ts("2026-11-20T20:00:00Z")).unwrap();
    assert_eq!((s.what, s.hours), (WhatToShow::AggTrades, TradingHours::Extended));
    let s = shape(AssetClass::Stock, Timeframe::M1, w, ts("2026-11-20T20:00:00Z")).unwrap();
    assert_eq!((s.what, s.hours), (WhatToShow::Trades, TradingHours::Regular));
}

#[test]
fn an_end_inside_a_bar_moves_to_the_end_of_the_bar() {
    let at = |t, end: &str| whole_bar_end(Calendar::Xnys, t, ts(end));
    assert_eq!(at(Timeframe::M30, "2026-11-20T15:10:00Z"), ts("2026-11-20T15:30:00Z"));
    assert_eq!(at(Timeframe::M30, "2026-11-20T15:30:00Z"), ts("2026-11-20T15:30:00Z"));
    assert_eq!(at(Timeframe::W1, "2026-11-18T00:00:00Z"), ts("2026-11-23T00:00:00Z"));
    assert_eq!(at(Timeframe::Mo1, "2026-11-18T00:00:00Z"), ts("2026-12-01T00:00:00Z"));
    assert_eq!(at(Timeframe::M1, "2026-11-21T12:00:00Z"), ts("2026-11-21T12:00:00Z"), "a Saturday has no bar to complete");
}

#[test]
fn sizes_off_the_session_grid_are_left_to_derivation() {
    let stock: Vec<_> = Timeframe::ALL.into_iter().filter(|&t| on_session_grid(AssetClass::Stock, t)).map(Timeframe::name).collect();
    assert_eq!(stock, ["1m", "2m", "3m", "5m", "10m", "15m", "30m", "1d", "1w", "1mo"]);
    let crypto: Vec<_> = Timeframe::ALL.into_iter().filter(|&t| !on_session_grid(AssetClass::Crypto, t)).map(Timeframe::name).collect();
    assert_eq!(crypto, ["90m"]);
}

#[test]
fn nothing_is_asked_of_the_future_or_of_an_empty_window() {
    let now = ts("2026-11-20T20:00:00Z");
    assert_eq!(shape(AssetClass::Stock, Timeframe::M1, Window { start: now + 60, end: now + 120 }, now), None);
    assert_eq!(shape(AssetClass::Stock, Timeframe::M1, Window { start: now, end: now }, now), None);
    assert_eq!(shape(AssetClass::Stock, Timeframe::M90, Window { start: now - 60, end: now }, now), None);
}

#[test]
fn windows_are_whole_weeks_months_and_decades() {
    let w = windows(AssetClass::Stock, Timeframe::M1, window("2026-11-11T00:00:00Z", "2026-11-21T00:00:00Z"));
    assert_eq!(w, [window("2026-11-11T00:00:00Z", "2026-11-16T00:00:00Z"), window("2026-11-16T00:00:00Z", "2026-11-21T00:00:00Z")]);
    let w = windows(AssetClass::Stock, Timeframe::M30, window("2026-06-15T00:00:00Z", "2026-11-21T00:00:00Z"));
    let starts: Vec<_> = w.iter().map(|w| ts_to_date(w.start).to_string()).collect();
    assert_eq!(starts, ["2026-06-15", "2026-07-01", "2026-09-01", "2026-11-01"]);
    let w = windows(AssetClass::Stock, Timeframe::D1, window("2016-11-21T00:00:00Z", "2026-11-21T00:00:00Z"));
    assert_eq!(w.len(), 2);
    assert_eq!(ts_to_date(w[1].start).to_string(), "2020-01-01");
}

proptest! {
    #[test]
    fn windows_tile_the_span_and_replanning_keeps_the_lines(
        index in 0_usize..17, crypto: bool, start in 631_152_000_i64..1_800_000_000, days in 1_i64..4_000, skip in 0_i64..40,
    ) {
        let asset = if crypto { AssetClass::Crypto } else { AssetClass::Stock };
        let t = Timeframe::ALL[index];
        let days = if t < Timeframe::M10 { days % 120 + 1 } else { days };
        let span = Window { start, end: start + days * DAY };
        let w = windows(asset, t, span);
        prop_assert_eq!(w.first().unwrap().start, span.start);
        prop_assert_eq!(w.last().unwrap().end, span.end);
        prop_assert!(w.windows(2).all(|p| p[0].end == p[1].start && p[0].start < p[0].end));
        let later = Window { start: (start + skip * DAY).min(span.end - 1), end: span.end };
        let again = windows(asset, t, later);
        prop_assert!(again[1..].iter().all(|x| w.contains(x)), "only the first window may differ");
    }

    #[test]
    fn durations_stay_inside_ibs_limits(index in 0_usize..17, crypto: bool, start in 631_152_000_i64..1_700_000_000, days in 1_i64..4_000) {
        let asset = if crypto { AssetClass::Crypto } else { AssetClass::Stock };
        let t = Timeframe::ALL[index];
        let now = 1_795_000_000;
        for w in windows(asset, t, Window { start, end: (start + days * DAY).min(now) }).into_iter().take(40) {
            let Some(s) = shape(asset, t, w, now) else { continue };
            let text = s.duration.to_string();
            let (n, unit) = text.split_once(' ').unwrap();
            let most = match unit { "S" => 86_400, "D" => 365, "M" => 12, _ => 68 };
            let n: i64 = n.parse().unwrap();
            prop_assert!(n >= 1 && n <= most, "{}", text);
            prop_assert!(unit != "S" || (t == Timeframe::M1 && n >= 30), "{}", text);
        }
    }
}
