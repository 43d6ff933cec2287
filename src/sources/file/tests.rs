use std::io::Write;

use super::*;
use crate::market::DAY;

const NOW: i64 = 1_700_000_000;

fn options(timeframe: Option<Timeframe>) -> Options {
    Options { asset: AssetClass::Stock, timeframe, zone: default_zone(AssetClass::Stock), skip_bad_rows: false, now: NOW }
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut f = tempfile::NamedTempFile::new().unwrap();
    f.write_all(text.as_bytes()).unwrap();
    f
}

fn candles(text: &str, options: &Options) -> Result<CandleFile, FileError> {
    read_candles(file(text).path(), options)
}

#[test]
fn columns_come_in_any_order_and_case_and_others_are_named() {
    let text = "\u{feff}Volume;Close;Adj Close;LOW;High;Open;Sector;Date\n10;4;3.9;1;5;2;x;2013-03-01\n;5;4.9;2;6;3;x;2013-03-04\n";
    let read = candles(text, &options(None)).unwrap();
    assert_eq!(read.timeframe, Timeframe::D1);
    assert_eq!(read.notes.ignored_columns, ["Sector"]);
    assert_eq!(read.adjusted, Some(vec![3.9, 4.9]));
    let (a, b) = (read.bars[0], read.bars[1]);
    assert_eq!((a.ts, a.open, a.high, a.low, a.close, a.volume), (15_765 * DAY, 2.0, 5.0, 1.0, 4.0, 10.0));
    assert!(b.volume.is_nan() && b.is_final);
}

#[test]
fn stamps_follow_zone_and_offset() {
    let head = "datetime,open,high,low,close\n";
    let at = |t: &str, tf| candles(&format!("{head}{t},1,1,1,1\n"), &options(Some(tf))).unwrap().bars[0].ts;
    assert_eq!(at("2020-12-15 09:30:00", Timeframe::M1), 1_608_042_600, "New York");
    assert_eq!(at("2021-09-27 14:45:00+01:00", Timeframe::M15), 1_632_750_300);
    assert_eq!(at("2021-09-27T13:45:00Z", Timeframe::M15), 1_632_750_300);
    assert_eq!(at("2021-09-27T13:45Z", Timeframe::M15), 1_632_750_300);
    assert_eq!(at("1632750300", Timeframe::M15), 1_632_750_300);
    assert_eq!(at("1632750300000", Timeframe::M15), 1_632_750_300);
    let may_30 = at("2023-05-30", Timeframe::D1);
    assert_eq!(at("2023-05-30 00:00:00+02:00", Timeframe::D1), may_30, "the date as written");
    assert_eq!(at("20230530", Timeframe::D1), may_30);
    assert_eq!(at("2023-05-30 09:30:00", Timeframe::D1), may_30);
    assert_eq!(at("2023-05-30", Timeframe::W1), may_30 - DAY, "a week begins on Monday");
    assert_eq!(at("2023-05-30", Timeframe::Mo1), may_30 - 29 * DAY);
}

#[test]
fn an_hour_shown_twice_is_two_hours_and_a_skipped_one_is_refused() {
    let head = "datetime,open,high,low,close\n";
    let crypto = Options { zone: parse_zone("Europe/Zurich").unwrap(), asset: AssetClass::Crypto, ..options(Some(Timeframe::M30)) };
    let autumn = format!("{head}2022-10-30 02:00,1,1,1,1\n2022-10-30 02:30,1,1,1,1\n2022-10-30 02:00,2,2,2,2\n2022-10-30 02:30,2,2,2,2\n");
    let ts: Vec<i64> = candles(&autumn, &crypto).unwrap().bars.iter().map(|b| b.ts).collect();
    assert_eq!(ts.windows(2).map(|w| w[1] - w[0]).collect::<Vec<_>>(), [1800; 3]);
    let spring = candles(&format!("{head}2022-03-27 02:30,1,1,1,1\n"), &crypto).unwrap_err().to_string();
    assert!(spring.contains("line 2, column datetime") && spring.contains("skips that hour"), "{spring}");
}

#[test]
fn timeframes_are_told_from_the_spacing() {
    let rows = |stamps: &[&str]| {
        let rows = stamps.iter().map(|s| format!("{s},1,1,1,1\n")).collect::<Vec<_>>().concat();
        candles(&format!("date,open,high,low,close\n{rows}"), &options(None)).map(|c| c.timeframe)
    };
    assert_eq!(rows(&["2013-02-27", "2013-02-28", "2013-03-01", "2013-03-04"]).unwrap(), Timeframe::D1);
    assert_eq!(rows(&["2013-03-04", "2013-03-11", "2013-03-18"]).unwrap(), Timeframe::W1);
    assert_eq!(rows(&["2013-01-01", "2013-02-01", "2013-03-01"]).unwrap(), Timeframe::Mo1);
    assert_eq!(rows(&["2013-03-01 15:30", "2013-03-01 15:35", "2013-03-04 09:30", "2013-03-04 09:35"]).unwrap(), Timeframe::M5);
    assert!(rows(&["2013-03-01"]).unwrap_err().to_string().contains("too few"));
    assert!(rows(&["2013-03-01", "2013-05-30"]).unwrap_err().to_string().contains("90 days apart"));
    assert!(rows(&["2013-03-01 09:30", "2013-03-01 09:37"]).unwrap_err().to_string().contains("420 seconds"));
}

#[test]
fn bad_rows_are_named_by_line_column_and_value() {
    let text = "date,open,high,low,close,volume\n2013-03-01,1,1,1,1,1\n2013-03-04,1,x,1,1,1\n2013-13-01,1,1,1,1,1\n\n2013-03-05,1,1,1\n2013-03-06,1,1,1,,1\n2093-03-06,1,1,1,1,1\n2013-03-07,1,inf,1,1,1\n";
    let refused = candles(text, &options(Some(Timeframe::D1))).unwrap_err();
    let report = refused.to_string();
    for part in [
        "5 of 7 rows",
        "line 3, column high: \"x\" is not a number",
        "line 4, column date: \"2013-13-01\" is not a date",
        "line 6, column (row): \"2013-03-05,1,1,1\" has 4 fields where the header has 6",
        "line 7, column close: \"\" is empty",
        "line 9, column high: \"inf\" is not a number",
    ] {
        assert!(report.contains(part), "{part} in {report}");
    }
    assert!(refused.advice().contains("--skip-bad-rows"));
    let skipped = candles(text, &Options { skip_bad_rows: true, ..options(Some(Timeframe::D1)) }).unwrap();
    assert_eq!((skipped.bars.len(), skipped.notes.bad.count, skipped.notes.rows), (1, 6, 7), "the future row counts once stamped");
}

#[test]
fn many_bad_rows_are_counted_and_ten_listed() {
    let rows: String = (0..25).map(|_| "x,1,1,1,1\n").collect();
    let report = candles(&format!("date,open,high,low,close\n{rows}"), &options(None)).unwrap_err().to_string();
    assert_eq!(report.matches("column date").count(), 10);
    assert!(report.contains("25 of 25") && report.contains("and 15 more"), "{report}");
}

#[test]
fn twins_are_dropped_and_contradictions_refused() {
    let text = "date,open,high,low,close\n2013-03-04,2,2,2,2\n2013-03-01,1,1,1,1\n2013-03-04,2,2,2,2\n";
    let read = candles(text, &options(None)).unwrap();
    assert_eq!(read.bars.iter().map(|b| b.open).collect::<Vec<_>>(), [1.0, 2.0]);
    assert_eq!(read.notes.remarks.len(), 2, "{:?}", read.notes.remarks);
    let text = format!("{text}2013-03-04,3,3,3,3\n");
    let report = candles(&text, &options(None)).unwrap_err().to_string();
    assert!(report.contains("line 2, column date: \"2013-03-04\" is also on line 4, with other figures"), "{report}");
    assert!(report.contains("line 5"), "{report}");
    let left = candles(&text, &Options { skip_bad_rows: true, ..options(None) }).unwrap();
    assert_eq!(left.bars.len(), 1, "nobody knows which is right");
}

#[test]
fn headers_are_refused_with_what_they_lack() {
    for (text, part) in [
        ("", "no column named datetime or timestamp or date"),
        ("open,high,low,close\n1,1,1,1\n", "no column named datetime or timestamp or date"),
        ("date,open,high,low\n", "no column named close"),
        ("date,close,open,high,low,Close\n", "two columns named close"),
    ] {
        let report = candles(text, &options(None)).unwrap_err().to_string();
        assert!(report.contains(part), "{report}");
    }
    assert!(matches!(candles("date,open,high,low,close\n", &options(None)), Err(FileError::Empty { .. })));
    assert!(matches!(read_candles(Path::new("/nonexistent"), &options(None)), Err(FileError::Read { .. })));
}

#[test]
fn the_forming_bar_is_not_final() {
    let today = crate::market::ts_to_date(NOW);
    let text = format!("date,open,high,low,close\n{today},1,1,1,1\n");
    let crypto = Options { asset: AssetClass::Crypto, zone: Tz::UTC, ..options(Some(Timeframe::D1)) };
    assert!(!candles(&text, &crypto).unwrap().bars[0].is_final);
}

#[test]
fn splits_and_dividends_come_out_of_a_price_file_too() {
    let text = "Date,Close,Dividends,Stock Splits\n2020-08-28,1,0,0\n2020-08-31,1,0.0,4.0\n2020-11-06,1,0.205,0\n";
    let f = file(text);
    let (splits, notes) = read_splits(f.path(), &options(None)).unwrap();
    assert_eq!(
        splits.iter().map(|s| (s.ex_date.to_string(), s.numerator, s.denominator)).collect::<Vec<_>>(),
        [("2020-08-31".into(), 4.0, 1.0)]
    );
    assert_eq!((notes.rows, notes.ignored_columns), (3, vec!["Close".to_owned(), "Dividends".to_owned()]));
    let (dividends, _) = read_dividends(f.path(), &options(None)).unwrap();
    assert_eq!(dividends.iter().map(|d| d.amount).collect::<Vec<_>>(), [0.205]);
    for (text, column) in [
        ("date,ratio\n2014-06-09,7\n2020-08-31,0\n", "ratio"),
        ("date,numerator,denominator\n2014-06-09,7,1\n2020-08-31,4,0\n", "denominator"),
    ] {
        let e = read_splits(file(text).path(), &options(None)).unwrap_err().to_string();
        assert!(e.contains("line 3") && e.contains(column) && e.contains("is zero"), "{e}");
    }
    let (pairs, _) = read_splits(file("date,numerator,denominator\n2014-06-09,7,1\n").path(), &options(None)).unwrap();
    assert_eq!(pairs[0].ratio(), 7.0);
    let bad = read_dividends(file("date,amount\n2020-01-02,-1\n2020-01-03,x\n").path(), &options(None)).unwrap_err().to_string();
    assert!(bad.contains("line 2, column amount: \"-1\" is negative") && bad.contains("line 3"), "{bad}");
    let two = read_dividends(file("date,amount\n2020-01-02,1\n2020-01-02,2\n").path(), &options(None)).unwrap_err().to_string();
    assert!(two.contains("put both in one row"), "{two}");
}

proptest::proptest! {
    /// Whatever bytes a file holds, reading ends with bars in order or with a report.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), skip in proptest::bool::ANY) {
        let mut f = file("date,open,high,low,close\n2013-03-01,1,1,1,1\n");
        f.write_all(&bytes).unwrap();
        let options = Options { skip_bad_rows: skip, ..options(Some(Timeframe::D1)) };
        match read_candles(f.path(), &options) {
            Ok(c) => proptest::prop_assert!(c.bars.is_sorted_by(|a, b| a.ts < b.ts)),
            Err(e) => proptest::prop_assert!(!e.to_string().is_empty()),
        }
    }
}
