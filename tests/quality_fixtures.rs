//! The checks on real market data: every counter of the reference census, and the findings that must and must not be.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};
use nightdesk::config::QualitySettings;
use nightdesk::ingest::quality::{BAD_DATE, Basis, Context, Input, VENDOR_DELAY, census, review, screen};
use nightdesk::market::{Bars, Calendar, Candle, Dividend, Series, Split, Symbol, Timeframe, date_to_ts, ts_to_date};
use nightdesk::store::master::{Issue, Scope, Severity};

/// Columns of one fixture file, in the order of its rows.
struct File {
    bars: Bars,
    adj_close: Vec<f64>,
    splits: Vec<Split>,
    dividends: Vec<Dividend>,
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("NIGHTDESK_FIXTURES").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: NIGHTDESK_FIXTURES is not set");
    }
    folder
}

/// Dates, local times with an offset, and times without one (taken as UTC).
fn stamp(text: &str) -> i64 {
    let zoned = DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%:z").map(|t| t.timestamp());
    let plain = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").map(|t| t.and_utc().timestamp());
    let date = |_| NaiveDate::parse_from_str(text, "%Y-%m-%d").map(date_to_ts);
    zoned.or_else(|_| plain()).or_else(date).unwrap_or(BAD_DATE)
}

fn load(root: &Path, name: &str) -> File {
    let mut reader = csv::Reader::from_path(root.join("market-data").join(name)).unwrap();
    let headers = reader.headers().unwrap().clone();
    let column = |names: &[&str]| headers.iter().position(|h| names.contains(&h));
    let figures: Vec<_> = ["open", "high", "low", "close", "volume", "adj_close"].map(|n| column(&[n])).to_vec();
    let (date, dividend, split) =
        (column(&["date", "datetime"]).unwrap(), column(&["dividend", "dividends"]), column(&["split", "stock_splits"]));
    let mut file = File { bars: Bars::new(), adj_close: Vec::new(), splits: Vec::new(), dividends: Vec::new() };
    for row in reader.records() {
        let row = row.unwrap();
        let number = |i: Option<usize>| i.and_then(|i| row.get(i)).and_then(|v| v.parse().ok()).unwrap_or(f64::NAN);
        let [open, high, low, close, volume, adjusted] = [0, 1, 2, 3, 4, 5].map(|k| number(figures[k]));
        let ts = stamp(&row[date]);
        file.bars.push(Candle { ts, open, high, low, close, volume, is_final: true });
        file.adj_close.push(adjusted);
        let ex_date = ts_to_date(ts);
        if number(dividend) > 0.0 {
            file.dividends.push(Dividend { ex_date, amount: number(dividend) });
        }
        if number(split) > 0.0 && number(split) != 1.0 {
            file.splits.push(Split { ex_date, numerator: number(split), denominator: 1.0 });
        }
    }
    file
}

/// Foreign midnights, read as UTC instants, back to the dates they stand for; and oldest first.
fn as_daily(mut file: File) -> File {
    let local = |ts: i64| (ts + 12 * 3_600).div_euclid(86_400) * 86_400;
    for bar in &mut file.bars {
        bar.ts = local(bar.ts);
    }
    let mut rows: Vec<(Candle, f64)> = file.bars.iter().copied().zip(file.adj_close.iter().copied()).collect();
    rows.sort_by_key(|r| r.0.ts);
    (file.bars, file.adj_close) = rows.into_iter().unzip();
    for split in &mut file.splits {
        split.ex_date = ts_to_date(local(date_to_ts(split.ex_date) + 20 * 3_600));
    }
    file
}

fn series(timeframe: Timeframe) -> Series {
    Series { symbol: Symbol::new("TEST").unwrap(), timeframe }
}

const LATER: i64 = 1_900_000_000;

fn screened(file: &File, calendar: Calendar, timeframe: Timeframe) -> (Bars, Vec<Issue>) {
    let settings = QualitySettings::default();
    let context = Context { series: series(timeframe), calendar, before: &[], now: LATER, settings: &settings };
    let out = screen(&context, file.bars.clone());
    assert!(out.bars.is_sorted_by(|a, b| a.ts < b.ts));
    assert_eq!(out.dropped + out.bars.len(), file.bars.len());
    (out.bars, out.issues)
}

fn reviewed(file: &File, basis: Basis, calendar: Calendar) -> Vec<Issue> {
    let settings = QualitySettings::default();
    let adjusted = file.adj_close.iter().all(|v| v.is_finite()).then_some(&file.adj_close[..]);
    let last = file.bars.last().unwrap().ts;
    review(&Input {
        series: series(Timeframe::D1),
        calendar,
        bars: &file.bars,
        basis,
        splits: &file.splits,
        dividends: &file.dividends,
        adj_close: adjusted,
        now: last + 86_400,
        delay: VENDOR_DELAY,
        settings: &settings,
    })
}

/// The dates that a check's findings end on.
fn dates(issues: &[Issue], check: u8) -> Vec<String> {
    let found = issues.iter().filter(|i| i.check == check);
    found
        .map(|i| match i.scope {
            Scope::Bars { to, .. } => ts_to_date(to).to_string(),
            Scope::Series => "series".into(),
        })
        .collect()
}

#[test]
fn the_census_agrees_with_every_counter_of_the_reference() {
    let Some(root) = folder() else { return };
    let mut reader = csv::Reader::from_path(root.join("dq_expected.csv")).unwrap();
    let headers = reader.headers().unwrap().clone();
    let (mut files, mut wrong) = (0, Vec::new());
    for row in reader.records() {
        let row = row.unwrap();
        if !root.join("market-data").join(&row[0]).exists() {
            continue;
        }
        files += 1;
        let field = |name: &str| headers.iter().position(|h| h == name).and_then(|i| row.get(i)).unwrap_or_default();
        let expected = |name: &str| field(name).parse::<f64>().ok().map(|v| v as usize);
        let calendar = expected("missing_sessions").map(|_| Calendar::Xnys);
        let c = census(&load(&root, &row[0]).bars, calendar);
        let counters = [
            ("rows", c.rows),
            ("null", c.null),
            ("bad_date", c.bad_date),
            ("dup", c.dup),
            ("unsorted", c.unsorted),
            ("nonpos", c.nonpos),
            ("negvol", c.negvol),
            ("high_lt_low", c.high_lt_low),
            ("high_lt_oc", c.high_lt_oc),
            ("low_gt_oc", c.low_gt_oc),
            ("zero_vol", c.zero_vol),
            ("flat", c.flat),
            ("jump40", c.jump40),
            ("sigma10", c.sigma10),
            ("max_same_close_run", c.max_same_close_run),
            ("weekend", c.weekend),
            ("missing_sessions", c.missing_sessions),
            ("non_sessions", c.non_sessions),
        ];
        wrong.extend(
            counters
                .into_iter()
                .filter(|&(name, got)| expected(name).is_some_and(|want| want != got))
                .map(|(name, got)| (row[0].to_owned(), name, field(name).to_owned(), got)),
        );
    }
    assert!(files >= 70, "{files} files");
    assert!(wrong.is_empty(), "{} counters differ: {wrong:#?}", wrong.len());
}

#[test]
fn unadjusted_splits_are_splits_and_a_crash_is_a_jump() {
    let Some(root) = folder() else { return };
    let aapl = reviewed(&load(&root, "daily-raw-adj/AAPL_wiki_2000-2013.csv"), Basis::SplitAdjusted, Calendar::Xnys);
    assert_eq!(dates(&aapl, 6), ["2000-06-20", "2005-02-25"]);
    assert!(aapl.iter().filter(|i| i.check == 6).all(|i| i.severity == Severity::Critical && i.message.contains("2-for-1")));
    assert_eq!(dates(&aapl, 7), ["2000-09-29"]);
    assert!(aapl.iter().filter(|i| i.check == 7).all(|i| i.severity == Severity::Exclude));
    assert_eq!(dates(&aapl, 8), [""; 0]);
    let msft = reviewed(&load(&root, "daily-raw-adj/MSFT_wiki_2000-2013.csv"), Basis::SplitAdjusted, Calendar::Xnys);
    assert_eq!(dates(&msft, 6), ["2003-02-14"]);
    assert_eq!(dates(&msft, 7), [""; 0]);
    let mut known = load(&root, "daily-corporate-actions/AAPL_wiki_2014.csv");
    assert_eq!(dates(&reviewed(&known, Basis::Raw, Calendar::Xnys), 6), [""; 0]);
    assert_eq!(dates(&reviewed(&known, Basis::SplitAdjusted, Calendar::Xnys), 6), ["2014-06-06"]);
    known.splits.clear();
    assert_eq!(dates(&reviewed(&known, Basis::Raw, Calendar::Xnys), 6), ["2014-06-06"]);
}

#[test]
fn clean_series_have_no_finding_that_hides_a_bar() {
    let Some(root) = folder() else { return };
    for name in
        ["AAPL_2013-2023", "AMZN_2013-2023", "GOOG_2013-2023", "META_2013-2023", "NVDA_2013-2023", "SPY_2017-2018", "TSLA_2021-2022"]
    {
        let file = load(&root, &format!("daily-split-adjusted/{name}.csv"));
        let (bars, issues) = screened(&file, Calendar::Xnys, Timeframe::D1);
        assert_eq!((bars.len(), issues), (file.bars.len(), vec![]), "{name}");
        let plain = File { adj_close: vec![f64::NAN; file.bars.len()], ..file };
        let hiding: Vec<Issue> =
            reviewed(&plain, Basis::SplitAdjusted, Calendar::Xnys).into_iter().filter(|i| i.severity.hides()).collect();
        assert_eq!(hiding, [], "{name}");
    }
    // A real fall of 35% in one day (2022-04-20) is a jump that waits for confirmation, not a 3-for-2 split.
    let nflx = reviewed(&load(&root, "daily-split-adjusted/NFLX_2013-2023.csv"), Basis::SplitAdjusted, Calendar::Xnys);
    assert_eq!((dates(&nflx, 6), dates(&nflx, 7)), (vec![], vec!["2013-01-24".to_owned(), "2022-04-20".to_owned()]));
}

#[test]
fn the_double_adjustment_trap_is_seen() {
    let Some(root) = folder() else { return };
    let trap = load(&root, "daily-corporate-actions/AAPL_yahoo_2012-2014.csv");
    let issues = reviewed(&trap, Basis::Raw, Calendar::Xnys);
    assert_eq!(dates(&issues, 19), ["2014-06-09"]);
    assert_eq!(issues.iter().find(|i| i.check == 19).map(|i| i.severity), Some(Severity::Exclude));
    assert_eq!(dates(&reviewed(&trap, Basis::SplitAdjusted, Calendar::Xnys), 19), [""; 0]);
    let honest = load(&root, "daily-corporate-actions/AAPL_wiki_2014.csv");
    assert_eq!(dates(&reviewed(&honest, Basis::Raw, Calendar::Xnys), 19), [""; 0]);
}

#[test]
fn adjusted_closes_of_the_vendor_agree_with_our_factors() {
    let Some(root) = folder() else { return };
    let wiki = load(&root, "daily-corporate-actions/AAPL_wiki_2014.csv");
    assert_eq!(wiki.dividends.len(), 4);
    assert_eq!(dates(&reviewed(&wiki, Basis::Raw, Calendar::Xnys), 18), [""; 0]);
    let mut forgetful = load(&root, "daily-corporate-actions/AAPL_wiki_2014.csv");
    let gone = forgetful.dividends.remove(1);
    assert_eq!(dates(&reviewed(&forgetful, Basis::Raw, Calendar::Xnys), 18), [gone.ex_date.to_string()]);
    let missing = as_daily(load(&root, "fetch-only/yfinance-repair/8TRA-DE-1d-missing-div-adjust.csv"));
    assert_eq!(dates(&reviewed(&missing, Basis::SplitAdjusted, Calendar::Continuous), 18), ["2023-06-02"]);
    let fixed = as_daily(load(&root, "fetch-only/yfinance-repair/8TRA-DE-1d-missing-div-adjust-fixed.csv"));
    assert_eq!(dates(&reviewed(&fixed, Basis::SplitAdjusted, Calendar::Continuous), 18), [""; 0]);
}

#[test]
fn vendor_errors_of_the_repair_set_are_found_and_their_fixed_twins_pass() {
    let Some(root) = folder() else { return };
    let repair = |name: &str| as_daily(load(&root, &format!("fetch-only/yfinance-repair/{name}.csv")));
    // Pence until 2023-05-31, rand from 2023-06-01: the bars after the change are a hundredth of those before.
    let (_, unit) = screened(&repair("SSW-JO-1d-100x-error"), Calendar::Continuous, Timeframe::D1);
    assert_eq!(dates(&unit, 9), ["2023-06-09"]);
    let (_, unit) = screened(&repair("SSW-JO-1d-100x-error-fixed"), Calendar::Continuous, Timeframe::D1);
    assert_eq!(dates(&unit, 9), [""; 0]);
    // One day on another share basis goes back: a spike, and no split.
    for (name, day) in [("MOB-ST", "2023-05-22"), ("LA-V", "2020-08-26"), ("ALPHA-PA", "2023-05-08")] {
        let issues = reviewed(&repair(&format!("{name}-1d-bad-stock-split")), Basis::SplitAdjusted, Calendar::Continuous);
        assert!(dates(&issues, 8).contains(&day.to_owned()), "{name}: {issues:#?}");
        assert_eq!(dates(&issues, 6), [""; 0], "{name}");
    }
    for name in ["MOB-ST", "LA-V"] {
        let issues = reviewed(&repair(&format!("{name}-1d-bad-stock-split-fixed")), Basis::SplitAdjusted, Calendar::Continuous);
        assert_eq!((dates(&issues, 6), dates(&issues, 8)), (vec![], vec![]), "{name}");
    }
    // A reverse split of 1 for 20 of which only the days after were restated.
    let spm = reviewed(&repair("SPM-MI-1d-bad-stock-split"), Basis::SplitAdjusted, Calendar::Continuous);
    assert_eq!(dates(&spm, 6), ["2022-06-17"]);
}

#[test]
fn filler_rows_and_broken_rows_are_dropped_and_reported() {
    let Some(root) = folder() else { return };
    let filled = load(&root, "daily-index-crypto/SPX_2015-2020.csv");
    let (bars, issues) = screened(&filled, Calendar::Xnys, Timeframe::D1);
    assert_eq!(filled.bars.len() - bars.len(), 566);
    assert!(issues.iter().all(|i| i.check == 11 && i.severity == Severity::Exclude));
    let bad = load(&root, "bad-data/skender_bad.csv");
    let (bars, issues) = screened(&bad, Calendar::Xnys, Timeframe::D1);
    assert_eq!(bars.len(), 502 - 51 - 50);
    let checks: std::collections::BTreeSet<u8> = issues.iter().map(|i| i.check).collect();
    assert!([1, 4, 5].iter().all(|c| checks.contains(c)), "{checks:?}");
    let messy = load(&root, "bad-data/skender_mismatch.csv");
    let (bars, issues) = screened(&messy, Calendar::Xnys, Timeframe::D1);
    assert!(bars.len() <= 502 && issues.iter().any(|i| i.check == 3 && i.message.starts_with("4 of 502")));
}

#[test]
fn intraday_minutes_pass() {
    let Some(root) = folder() else { return };
    let mut spy = load(&root, "intraday/SPY_1min_2020-12-15_18.csv");
    // The file's times are New York's; December is five hours from UTC.
    spy.bars.iter_mut().for_each(|b| b.ts += 5 * 3_600);
    let (bars, issues) = screened(&spy, Calendar::Xnys, Timeframe::M1);
    assert_eq!(bars.len(), 4 * 390);
    // Nothing but the closing print, which the file stamps 16:00.
    assert!(issues.iter().all(|i| i.check == 11), "{issues:#?}");
    assert_eq!(issues.len(), 4);
    spy.bars.iter_mut().for_each(|b| b.ts -= 3_600);
    let (_, issues) = screened(&spy, Calendar::Xnys, Timeframe::M1);
    assert_eq!(dates(&issues, 25).len(), 4);
    let btc = load(&root, "intraday/BTCUSD_15min_2021.csv");
    let (bars, issues) = screened(&btc, Calendar::Continuous, Timeframe::M15);
    assert_eq!(btc.bars.len() - bars.len(), 32);
    assert!(issues.iter().any(|i| i.check == 2 && i.severity == Severity::Critical));
    assert!(issues.iter().any(|i| i.check == 2 && i.severity == Severity::Info));
    assert!(bars.iter().all(|b| ts_to_date(b.ts).year() == 2021));
}
