use chrono::NaiveDate;

use super::*;
use crate::market::{DAY, Symbol, Timeframe};

fn series(symbol: &str) -> Series {
    Series { symbol: Symbol::new(symbol).unwrap(), timeframe: Timeframe::D1 }
}

fn bar(day: i64, close: f64) -> Candle {
    Candle { ts: day * DAY, open: close, high: close + 1.0, low: close - 1.0, close, volume: 1_000.0, is_final: true }
}

fn spans(issues: &[Issue]) -> Vec<(u8, Severity, i64, i64)> {
    let days = |scope| if let Scope::Bars { from, to } = scope { (from / DAY, to / DAY) } else { (-1, -1) };
    issues.iter().map(|i| (i.check, i.severity, days(i.scope).0, days(i.scope).1)).collect()
}

#[test]
fn check_17_reports_revisions_over_a_basis_point() {
    let change = |day, close, volume| Revision { old: bar(day, 100.0), new: Candle { close, volume, ..bar(day, 100.0) } };
    let changes = [change(1, 100.02, 1_000.0), change(2, 100.0, 1_020.0), change(3, 100.005, 1_009.0), change(4, 100.0, f64::NAN)];
    assert_eq!(spans(&revisions(series("AAPL"), &changes)), [(17, Severity::Warn, 1, 2)]);
}

#[test]
fn check_20_and_the_confirmation_of_a_jump() {
    let settings = QualitySettings::default();
    let ours: Vec<Candle> = [100.0, 101.0, 102.0, 50.0].into_iter().zip(1..).map(|(c, d)| bar(d, c)).collect();
    let theirs: Vec<Candle> = [100.4, 101.9, 110.0, 50.1].into_iter().zip(1..).map(|(c, d)| bar(d, c)).collect();
    let found = cross_source(series("AAPL"), &ours, &theirs, &settings);
    assert_eq!(spans(&found), [(20, Severity::Warn, 2, 2), (20, Severity::Exclude, 3, 3)]);
    assert!(!confirms(&ours, &theirs, 4 * DAY, &settings), "the close before differs");
    let agreeing = [bar(3, 102.1), bar(4, 50.1)];
    assert!(confirms(&ours, &agreeing, 4 * DAY, &settings));
    assert!(!confirms(&ours, &agreeing, DAY, &settings) && !confirms(&ours, &[], 4 * DAY, &settings));
}

fn universe(n: i64, with: impl Fn(i64) -> (Option<f64>, f64)) -> Vec<Member> {
    let member = |k| {
        let (close, before) = with(k);
        Member { series: series(&format!("S{k}")), bar: close.map(|c| bar(10, c)), before: Some(bar(9, before)) }
    };
    (0..n).map(member).collect()
}

#[test]
fn check_21_needs_more_than_a_twentieth_of_the_universe() {
    let settings = QualitySettings::default();
    let jumping = |count| universe(80, move |k| (Some(if k < count { 200.0 } else { 101.0 }), 100.0));
    assert_eq!(cross_section(10 * DAY, &jumping(4), &settings), []);
    let found = cross_section(10 * DAY, &jumping(5), &settings);
    assert_eq!(spans(&found), [(21, Severity::Critical, 10, 10); 5]);
    assert!(found[0].message.contains("5 of 80 series jumped"));
    let absent = universe(80, |k| (if k < 6 { None } else { Some(101.0) }, 100.0));
    assert_eq!(cross_section(10 * DAY, &absent, &settings).len(), 6);
    assert_eq!(cross_section(10 * DAY, &universe(1, |_| (Some(200.0), 100.0)), &settings), []);
}

#[test]
fn check_21_knows_a_dead_feed() {
    let settings = QualitySettings::default();
    let dead = cross_section(10 * DAY, &universe(3, |k| (Some(100.0 + k as f64), 100.0 + k as f64)), &settings);
    assert_eq!(spans(&dead), [(21, Severity::Critical, 10, 10); 3]);
    assert_eq!(cross_section(10 * DAY, &universe(3, |k| (Some(100.0 + k as f64), 100.0)), &settings), []);
}

#[test]
fn check_22_tells_a_reused_ticker_from_a_new_letterhead() {
    let old = Metadata {
        name: Some("Meta Materials Inc.".into()),
        currency: Some("USD".into()),
        first_trade_date: NaiveDate::from_ymd_opt(2012, 5, 18),
        ib_contract_id: Some(107),
        ..Metadata::default()
    };
    let with = |new: &Metadata, ticks: (Option<f64>, Option<f64>)| {
        let found = listing(series("META"), Listing { metadata: &old, tick: ticks.0 }, Listing { metadata: new, tick: ticks.1 });
        found.map(|i| (i.check, i.severity, i.scope, i.message.matches("changed").count()))
    };
    assert_eq!(with(&old, (Some(0.01), None)), None);
    assert_eq!(with(&Metadata::default(), (None, None)), None);
    let letterhead = Metadata { name: Some("META MATERIALS, INC".into()), ..old.clone() };
    assert_eq!(with(&letterhead, (None, None)), None);
    let renamed = Metadata { name: Some("Meta Platforms, Inc.".into()), ..old.clone() };
    assert_eq!(with(&renamed, (None, None)), Some((22, Severity::Warn, Scope::Series, 1)));
    let first_trade_date = NaiveDate::from_ymd_opt(2021, 6, 28);
    let other = Metadata { currency: Some("CAD".into()), ib_contract_id: Some(9), first_trade_date, ..renamed };
    assert_eq!(with(&other, (Some(0.01), Some(0.05))), Some((22, Severity::Exclude, Scope::Series, 5)));
}

#[test]
fn check_23_grades_prices_and_excess_volume() {
    let mismatch = |day: i64, field, derived| Mismatch { ts: day * DAY, field, native: 100.0, derived };
    let found = [
        mismatch(1, Field::Close, 103.0),
        mismatch(2, Field::High, 94.0),
        mismatch(3, Field::Volume, 60.0),
        mismatch(4, Field::Volume, 106.0),
    ];
    let want = [(23, Severity::Warn, 1, 1), (23, Severity::Exclude, 2, 2), (23, Severity::Warn, 3, 3), (23, Severity::Exclude, 4, 4)];
    assert_eq!(spans(&intraday_vs_daily(series("AAPL"), &found)), want);
    assert_eq!(intraday_vs_daily(series("AAPL"), &[]), []);
}
