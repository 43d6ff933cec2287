use time::{Date, Month, OffsetDateTime};

use super::*;

fn ts(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp()
}

fn bar(date: BarTimestamp, close: f64) -> Bar {
    Bar { date, open: close, high: close * 1.1, low: close * 0.9, close, volume: 100.0, wap: close, count: 3 }
}

fn at(text: &str, close: f64) -> Bar {
    bar(BarTimestamp::DateTime(OffsetDateTime::from_unix_timestamp(ts(text)).unwrap()), close)
}

fn on(year: i32, month: Month, day: u8, close: f64) -> Bar {
    bar(BarTimestamp::Date(Date::from_calendar_date(year, month, day).unwrap()), close)
}

const ALL: Window = Window { start: 0, end: i64::MAX };

#[test]
fn intraday_bars_are_trimmed_ordered_and_the_last_is_open() {
    let bars = [
        at("2026-11-20T14:31:00Z", 2.0),
        at("2026-11-20T14:30:00Z", 1.0),
        at("2026-11-20T14:31:00Z", 2.0),
        at("2026-11-20T14:32:00Z", 3.0),
        at("2026-11-20T14:32:00Z", 4.0),
        at("2026-11-20T14:33:00Z", 5.0),
        at("2026-11-20T13:00:00Z", 9.0),
        at("2026-11-20T14:31:30Z", 9.0),
    ];
    let w = Window { start: ts("2026-11-20T14:31:00Z"), end: ts("2026-11-20T15:00:00Z") };
    let f = canonical(&bars, Calendar::Xnys, Timeframe::M1, w, ts("2026-11-20T14:33:20Z"));
    let got: Vec<_> = f.bars.iter().map(|c| (c.close, c.is_final)).collect();
    assert_eq!(got, [(2.0, true), (4.0, true), (5.0, false)]);
    assert_eq!(
        f.notes,
        [
            "1 bar outside trading sessions dropped",
            "1 bar off the session's bar grid dropped",
            "1 bar sent twice, alike",
            "1 bar sent twice with different content, the last kept"
        ]
    );
}

#[test]
fn a_half_day_ends_at_one() {
    // Friday after Thanksgiving 2026: XNYS closes at 13:00, 18:00 UTC.
    let bars = [at("2026-11-27T17:30:00Z", 1.0), at("2026-11-27T18:00:00Z", 2.0)];
    let f = canonical(&bars, Calendar::Xnys, Timeframe::M30, ALL, ts("2026-11-27T18:00:00Z"));
    assert_eq!(f.bars.len(), 1);
    assert!(f.bars[0].is_final);
}

#[test]
fn dates_are_stamped_on_their_bucket() {
    let friday = on(2026, Month::November, 20, 1.0);
    let stamp = |t, now: &str| {
        let f = canonical(&[friday], Calendar::Xnys, t, ALL, ts(now));
        (ts_to_date(f.bars[0].ts).to_string(), f.bars[0].is_final)
    };
    assert_eq!(stamp(Timeframe::D1, "2026-11-20T20:59:59Z"), ("2026-11-20".into(), false));
    assert_eq!(stamp(Timeframe::D1, "2026-11-20T21:00:00Z"), ("2026-11-20".into(), true));
    assert_eq!(stamp(Timeframe::W1, "2026-11-20T21:00:00Z"), ("2026-11-16".into(), true));
    assert_eq!(stamp(Timeframe::Mo1, "2026-11-20T21:00:00Z"), ("2026-11-01".into(), false));
}

#[test]
fn unknown_volume_is_nan_and_unusable_prices_go() {
    let mut no_volume = at("2026-11-20T14:30:00Z", 1.0);
    no_volume.volume = -1.0;
    let mut no_price = at("2026-11-20T14:31:00Z", 1.0);
    no_price.low = f64::NAN;
    let mut minus = at("2026-11-20T14:32:00Z", 1.0);
    minus.open = -1.0;
    let f = canonical(&[no_volume, no_price, minus], Calendar::Xnys, Timeframe::M1, ALL, ts("2026-11-21T00:00:00Z"));
    assert_eq!(f.bars.len(), 1);
    assert!(f.bars[0].volume.is_nan());
    assert_eq!(f.notes, ["2 bars without usable prices or times dropped"]);
}

#[test]
fn a_holiday_and_a_bare_date_among_minutes_are_dropped() {
    let thanksgiving = on(2026, Month::November, 26, 1.0);
    let now = ts("2026-12-01T00:00:00Z");
    let f = canonical(&[thanksgiving], Calendar::Xnys, Timeframe::D1, ALL, now);
    assert!(f.bars.is_empty() && f.notes.len() == 1);
    let f = canonical(&[thanksgiving], Calendar::Xnys, Timeframe::M1, ALL, now);
    assert_eq!(f.notes, ["1 bar without usable prices or times dropped"]);
    let f = canonical(&[thanksgiving], Calendar::Continuous, Timeframe::D1, ALL, now);
    assert_eq!(f.bars.len(), 1);
}
