use chrono::{NaiveDate, TimeZone, Utc};

use super::*;

fn d(y: i32, m: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(y, m, day).unwrap()
}

fn at(y: i32, mo: u32, day: u32, h: u32, mi: u32) -> i64 {
    Utc.with_ymd_and_hms(y, mo, day, h, mi, 0).unwrap().timestamp()
}

#[test]
fn sessions_per_year_agree_with_exchange_calendars() {
    let reference = [
        252, 248, 252, 252, 252, 252, 251, 251, 253, 252, 252, 252, 250, 252, 252, 252, 252, 251, 251, 252, 253, 252, 251, 250, 252, 250,
        251,
    ];
    for (y, want) in (2000..=2026).zip(reference) {
        assert_eq!(XNYS.iter().filter(|s| s.date.year() == y).count(), want, "{y}");
    }
}

#[test]
fn early_closes_of_2024_to_2026() {
    let half: Vec<NaiveDate> =
        XNYS.iter().filter(|s| (2024..=2026).contains(&s.date.year()) && s.close - s.open == 210 * 60).map(|s| s.date).collect();
    let want = [
        d(2024, 7, 3),
        d(2024, 11, 29),
        d(2024, 12, 24),
        d(2025, 7, 3),
        d(2025, 11, 28),
        d(2025, 12, 24),
        d(2026, 11, 27),
        d(2026, 12, 24),
    ];
    assert_eq!(half, want);
    assert_eq!(Calendar::Xnys.session_on(d(2026, 7, 3)), None);
}

#[test]
fn utc_hours_follow_new_yorks_dst() {
    let cases = [
        (d(2024, 3, 8), at(2024, 3, 8, 14, 30), at(2024, 3, 8, 21, 0)),
        (d(2024, 3, 11), at(2024, 3, 11, 13, 30), at(2024, 3, 11, 20, 0)),
        (d(2024, 11, 1), at(2024, 11, 1, 13, 30), at(2024, 11, 1, 20, 0)),
        (d(2024, 11, 4), at(2024, 11, 4, 14, 30), at(2024, 11, 4, 21, 0)),
        (d(2024, 11, 29), at(2024, 11, 29, 14, 30), at(2024, 11, 29, 18, 0)),
    ];
    for (date, open, close) in cases {
        assert_eq!(Calendar::Xnys.session_on(date), Some(Session { date, open, close }));
    }
}

#[test]
fn a_session_is_found_by_instant() {
    let open = at(2024, 11, 29, 14, 30);
    assert_eq!(Calendar::Xnys.session_at(open - 1), None);
    assert_eq!(Calendar::Xnys.session_at(open).map(|s| s.date), Some(d(2024, 11, 29)));
    assert_eq!(Calendar::Xnys.session_at(at(2024, 11, 29, 18, 0)), None);
    assert_eq!(Calendar::Xnys.last_closed(at(2024, 11, 29, 17, 59)).map(|s| s.date), Some(d(2024, 11, 27)));
    assert_eq!(Calendar::Xnys.next_open(at(2024, 11, 29, 17, 59)).map(|s| s.date), Some(d(2024, 12, 2)));
    assert_eq!(Calendar::Continuous.session_at(at(2024, 2, 29, 23, 59)).map(|s| s.date), Some(d(2024, 2, 29)));
}

#[test]
fn bars_are_anchored_at_the_open_and_cut_by_the_close() {
    let s = Calendar::Xnys.session_on(d(2024, 7, 2)).unwrap();
    assert_eq!(s.bar_count(Timeframe::M1), 390);
    assert_eq!(s.bar_count(Timeframe::H1), 7);
    assert_eq!(s.bar_opens(Timeframe::H4).collect::<Vec<_>>(), [s.open, s.open + 14_400]);
    assert_eq!(Calendar::Xnys.bar_close(Timeframe::H4, s.open + 14_400), Some(s.close));
    assert_eq!(Calendar::Xnys.bucket(Timeframe::H1, Timeframe::M30, s.open + 5_400), Some(s.open + 3_600));
    assert_eq!(Calendar::Xnys.bucket(Timeframe::D1, Timeframe::M1, s.open + 5_400), Some(date_to_ts(s.date)));
}

#[test]
fn weeks_and_months_end_with_their_last_session() {
    let monday = date_to_ts(d(2024, 11, 25));
    assert_eq!(Calendar::Xnys.bucket(Timeframe::W1, Timeframe::D1, date_to_ts(d(2024, 11, 29))), Some(monday));
    assert_eq!(Calendar::Xnys.bar_close(Timeframe::W1, monday), Some(at(2024, 11, 29, 18, 0)));
    assert_eq!(Calendar::Xnys.bar_close(Timeframe::Mo1, date_to_ts(d(2024, 3, 1))), Some(at(2024, 3, 28, 20, 0)));
    assert_eq!(Calendar::Continuous.bar_close(Timeframe::Mo1, date_to_ts(d(2024, 2, 1))), Some(at(2024, 3, 1, 0, 0)));
}

#[test]
fn expected_bars_hold_only_complete_ones() {
    let cal = Calendar::Xnys;
    let noon = at(2024, 11, 29, 17, 0);
    let days = cal.expected(Timeframe::D1, date_to_ts(d(2024, 11, 25)), noon);
    assert_eq!(days, [25, 26, 27].map(|x| date_to_ts(d(2024, 11, x))));
    let hours = cal.expected(Timeframe::H1, at(2024, 11, 27, 0, 0), noon);
    assert_eq!(hours.len(), 7 + 2);
    assert_eq!(cal.expected(Timeframe::W1, date_to_ts(d(2024, 11, 18)), noon), [date_to_ts(d(2024, 11, 18))]);
    assert_eq!(Calendar::Continuous.expected(Timeframe::H8, at(2024, 1, 1, 0, 0), at(2024, 1, 2, 9, 0)).len(), 4);
}
