//! The New York Stock Exchange's sessions from 1990 to 2040, by rule and by list.
//!
//! Rules and special closures agree with `exchange_calendars` 4.13 (XNYS); the tests hold its session counts.

use chrono::{Datelike, Duration, NaiveDate, NaiveTime, TimeZone, Weekday};
use chrono_tz::America::New_York;

use super::Session;

/// First and last year of the table. Outside it no session is known.
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 1990..=2040;

/// Days the exchange stayed shut for reasons no rule gives (mourning, attacks, storms).
const SPECIAL_CLOSURES: [(i32, u32, u32); 11] = [
    (1994, 4, 27),
    (2001, 9, 11),
    (2001, 9, 12),
    (2001, 9, 13),
    (2001, 9, 14),
    (2004, 6, 11),
    (2007, 1, 2),
    (2012, 10, 29),
    (2012, 10, 30),
    (2018, 12, 5),
    (2025, 1, 9),
];

/// 13:00 closes outside the yearly rules.
const SPECIAL_EARLY: [(i32, u32, u32); 3] = [(1997, 12, 26), (1999, 12, 31), (2003, 12, 26)];

fn date(y: i32, m: u32, d: u32) -> NaiveDate {
    // Called with dates of the rules only, all of which exist.
    NaiveDate::from_ymd_opt(y, m, d).unwrap_or_default()
}

fn nth_weekday(y: i32, m: u32, weekday: Weekday, n: u8) -> NaiveDate {
    NaiveDate::from_weekday_of_month_opt(y, m, weekday, n).unwrap_or_default()
}

fn last_monday_of_may(y: i32) -> NaiveDate {
    let last = date(y, 5, 31);
    last - Duration::days(i64::from(last.weekday().num_days_from_monday()))
}

/// Easter Sunday by the anonymous Gregorian computus (Meeus, Astronomical Algorithms, chapter 8).
fn easter(y: i32) -> NaiveDate {
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    date(y, (n / 31) as u32, (n % 31 + 1) as u32)
}

/// A fixed holiday moved off the weekend: Saturday to Friday, Sunday to Monday.
fn observed(d: NaiveDate) -> NaiveDate {
    match d.weekday() {
        Weekday::Sat => d - Duration::days(1),
        Weekday::Sun => d + Duration::days(1),
        _ => d,
    }
}

fn holidays(y: i32) -> Vec<NaiveDate> {
    let new_year = date(y, 1, 1);
    let mut days = vec![
        // A Saturday New Year is not moved to the Friday before (rule 7.2 keeps year end open).
        if new_year.weekday() == Weekday::Sun { date(y, 1, 2) } else { new_year },
        nth_weekday(y, 2, Weekday::Mon, 3),
        easter(y) - Duration::days(2),
        last_monday_of_may(y),
        observed(date(y, 7, 4)),
        nth_weekday(y, 9, Weekday::Mon, 1),
        nth_weekday(y, 11, Weekday::Thu, 4),
        observed(date(y, 12, 25)),
    ];
    if y >= 1998 {
        days.push(nth_weekday(y, 1, Weekday::Mon, 3));
    }
    if y >= 2022 {
        days.push(observed(date(y, 6, 19)));
    }
    days.extend(SPECIAL_CLOSURES.iter().filter(|c| c.0 == y).map(|&(y, m, d)| date(y, m, d)));
    days
}

fn early_closes(y: i32) -> Vec<NaiveDate> {
    let mut days: Vec<NaiveDate> = SPECIAL_EARLY.iter().filter(|c| c.0 == y).map(|&(y, m, d)| date(y, m, d)).collect();
    if y >= 1993 {
        days.push(nth_weekday(y, 11, Weekday::Thu, 4) + Duration::days(1));
        let eve = date(y, 12, 24);
        if eve.weekday().num_days_from_monday() < 4 {
            days.push(eve);
        }
    }
    if y >= 1995 {
        let third = date(y, 7, 3);
        match third.weekday() {
            Weekday::Mon | Weekday::Tue | Weekday::Thu => days.push(third),
            // July 4 on a Thursday: until 2012 the Friday after closed early, since 2013 the Wednesday before.
            Weekday::Wed => days.push(if y >= 2013 { third } else { date(y, 7, 5) }),
            _ => {}
        }
    }
    days
}

fn utc(d: NaiveDate, hour: u32, minute: u32) -> i64 {
    // Session hours never fall into a DST gap or overlap (those are at 02:00), so `earliest` is the only answer.
    let local = d.and_time(NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default());
    New_York.from_local_datetime(&local).earliest().map_or(0, |t| t.timestamp())
}

/// All sessions of [`YEARS`], ascending.
pub(super) fn table() -> Vec<Session> {
    let mut out = Vec::with_capacity(13_000);
    for y in YEARS {
        let (closed, early) = (holidays(y), early_closes(y));
        let mut d = date(y, 1, 1);
        while d.year() == y {
            if d.weekday().num_days_from_monday() < 5 && !closed.contains(&d) {
                let half = early.contains(&d);
                out.push(Session { date: d, open: utc(d, 9, 30), close: if half { utc(d, 13, 0) } else { utc(d, 16, 0) } });
            }
            d += Duration::days(1);
        }
    }
    out
}
