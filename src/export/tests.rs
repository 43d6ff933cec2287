use std::path::Path;

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field;

use super::*;

use crate::market::{AssetClass, Candle, DAY};
use crate::sources::file::{Options, default_zone, read_candles, read_dividends, read_splits};

fn series(timeframe: Timeframe) -> Series {
    Series { symbol: "AAPL".parse().unwrap(), timeframe }
}

fn options(timeframe: Timeframe) -> Options {
    let asset = AssetClass::Crypto;
    Options { asset, timeframe: Some(timeframe), zone: default_zone(asset), skip_bad_rows: false, now: i64::from(u32::MAX) }
}

fn bars(stamps: &[i64], values: &[f64]) -> Bars {
    let bar = |(i, ts): (usize, &i64)| {
        let at = |k: usize| values[(i * 5 + k) % values.len()];
        Candle {
            ts: *ts,
            open: at(0),
            high: at(1),
            low: at(2),
            close: at(3),
            volume: if i % 3 == 0 { f64::NAN } else { at(4) },
            is_final: true,
        }
    };
    stamps.iter().enumerate().map(bar).collect()
}

fn bytes(sheet: &Sheet, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    write(sheet, format, &mut out).unwrap();
    out
}

fn reimport(sheet: &Sheet, timeframe: Timeframe) -> Bars {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes(sheet, Format::Csv)).unwrap();
    read_candles(file.path(), &options(timeframe)).unwrap().bars
}

/// Writes a sheet as Parquet and opens it.
fn parquet_of(sheet: &Sheet) -> SerializedFileReader<std::fs::File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes(sheet, Format::Parquet)).unwrap();
    SerializedFileReader::new(file).unwrap()
}

/// Reads candles back from Parquet, row by row.
fn from_parquet(sheet: &Sheet) -> Vec<(i64, Vec<f64>)> {
    let number = |f: &Field| match f {
        Field::Double(v) => *v,
        Field::Null => f64::NAN,
        other => panic!("{other:?}"),
    };
    let row = |r: ::parquet::record::Row| {
        let mut fields = r.into_columns().into_iter().map(|(_, f)| f);
        let ts = match fields.next().unwrap() {
            Field::Date(days) => i64::from(days) * DAY,
            Field::TimestampMillis(ms) => ms / 1000,
            other => panic!("{other:?}"),
        };
        (ts, fields.map(|f| number(&f)).collect())
    };
    parquet_of(sheet).get_row_iter(None).unwrap().map(|r| row(r.unwrap())).collect()
}

proptest::proptest! {
    #[test]
    fn csv_and_parquet_give_every_bit_back(
        stamps in proptest::collection::btree_set(0i64..1_900_000_000, 1..40),
        values in proptest::collection::vec(proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO, 1..50),
        daily in proptest::bool::ANY,
    ) {
        let (timeframe, step) = if daily { (Timeframe::D1, DAY) } else { (Timeframe::M1, 60) };
        let mut stamps: Vec<i64> = stamps.iter().map(|t| t / step * step).collect();
        stamps.dedup();
        let bars = bars(&stamps, &values);
        let sheet = Sheet::candles(series(timeframe), "split", &bars);
        let back = reimport(&sheet, timeframe);
        proptest::prop_assert_eq!(back.len(), bars.len());
        proptest::prop_assert!(back.iter().zip(&bars).all(|(a, b)| a.same_content(b)));
        for ((ts, v), b) in from_parquet(&sheet).iter().zip(&bars) {
            let (open, high, low, close, volume) = (v[0], v[1], v[2], v[3], v[4]);
            let read = Candle { ts: *ts, open, high, low, close, volume, is_final: true };
            proptest::prop_assert!(b.same_content(&read));
        }
    }
}

#[test]
fn json_is_one_object_with_nulls_for_what_is_not_known() {
    let sheet = Sheet::candles(series(Timeframe::M1), "raw", &bars(&[60, 120], &[1.5]));
    let value: serde_json::Value = serde_json::from_slice(&bytes(&sheet, Format::Json)).unwrap();
    assert_eq!((&value["symbol"], &value["timeframe"], &value["adjust"]), (&"AAPL".into(), &"1m".into(), &"raw".into()));
    assert_eq!(value["rows"][0]["datetime"], "1970-01-01T00:01:00Z");
    assert_eq!(value["rows"][0]["volume"], serde_json::Value::Null);
    assert_eq!(value["rows"][1]["volume"], 1.5);
    let empty: serde_json::Value = serde_json::from_slice(&bytes(&Sheet::splits("A".parse().unwrap(), &[]), Format::Json)).unwrap();
    assert_eq!(empty["rows"], serde_json::json!([]));
}

#[test]
fn parquet_says_what_its_columns_are() {
    let sheet = Sheet::candles(series(Timeframe::D1), "split", &bars(&[DAY], &[1.0]));
    let reader = parquet_of(&sheet);
    let meta = reader.metadata();
    let schema = meta.file_metadata().schema_descr();
    assert_eq!(schema.column(0).logical_type_ref(), Some(&::parquet::basic::LogicalType::Date));
    assert_eq!(meta.row_group(0).column(1).compression(), ::parquet::basic::Compression::SNAPPY);
    let about: Vec<_> =
        meta.file_metadata().key_value_metadata().unwrap().iter().map(|kv| (kv.key.as_str(), kv.value.as_deref())).collect();
    assert!(about.contains(&("nightdesk.symbol", Some("AAPL"))), "{about:?}");
}

#[test]
fn splits_and_dividends_come_back() {
    let date = |d: u32| chrono::NaiveDate::from_ymd_opt(2020, 8, d).unwrap();
    let splits =
        [Split { ex_date: date(3), numerator: 3.0, denominator: 2.0 }, Split { ex_date: date(31), numerator: 4.0, denominator: 1.0 }];
    let dividends = [Dividend { ex_date: date(7), amount: 0.205 }];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes(&Sheet::splits("AAPL".parse().unwrap(), &splits), Format::Csv)).unwrap();
    assert_eq!(read_splits(file.path(), &options(Timeframe::D1)).unwrap().0, splits);
    std::fs::write(file.path(), bytes(&Sheet::dividends("AAPL".parse().unwrap(), &dividends), Format::Csv)).unwrap();
    assert_eq!(read_dividends(file.path(), &options(Timeframe::D1)).unwrap().0, dividends);
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.csv");
    let mut half = AtomicFile::create(&path).unwrap();
    half.write_all(b"half").unwrap();
    drop(half);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let mut whole = AtomicFile::create(&path).unwrap();
    let other = AtomicFile::create(&path).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "each has a name of its own");
    drop(other);
    whole.write_all(b"whole").unwrap();
    whole.commit().unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole");
    assert!(AtomicFile::create(Path::new("/nonexistent/out.csv")).is_err());
}

#[test]
fn words_and_dates_may_be_missing_in_every_format() {
    let words = [Some("BUY"), None, Some("a, \"b\""), None];
    let sheet = Sheet {
        about: vec![("kind", "labels".to_owned())],
        columns: vec![
            ("date", Values::Date(vec![0, DAY, 2 * DAY, 3 * DAY])),
            ("label", Values::Text(words.iter().map(|w| w.map(str::to_owned)).collect())),
            ("label_end", Values::MaybeDate(vec![Some(3 * DAY), None, None, None])),
            ("net", Values::Number(vec![0.1 + 0.2, f64::NAN, -1e-300, f64::INFINITY])),
        ],
    };
    let csv = String::from_utf8(bytes(&sheet, Format::Csv)).unwrap();
    assert_eq!(
        csv.lines().collect::<Vec<_>>(),
        [
            "date,label,label_end,net",
            "1970-01-01,BUY,1970-01-04,0.30000000000000004",
            "1970-01-02,,,",
            &format!("1970-01-03,\"a, \"\"b\"\"\",,{}", -1e-300),
            "1970-01-04,,,"
        ]
    );
    let json: serde_json::Value = serde_json::from_slice(&bytes(&sheet, Format::Json)).unwrap();
    assert_eq!(json["rows"][1], serde_json::json!({ "date": "1970-01-02", "label": null, "label_end": null, "net": null }));
    assert_eq!((json["rows"][0]["net"].as_f64(), &json["rows"][3]["net"]), (Some(0.1 + 0.2), &serde_json::Value::Null));
    let rows: Vec<Vec<Field>> =
        parquet_of(&sheet).get_row_iter(None).unwrap().map(|r| r.unwrap().into_columns().into_iter().map(|(_, f)| f).collect()).collect();
    assert_eq!(rows[0][1..], [Field::Str("BUY".into()), Field::Date(3), Field::Double(0.1 + 0.2)]);
    assert_eq!(rows[1][1..], [Field::Null, Field::Null, Field::Null]);
    assert_eq!(rows[3][3], Field::Null, "an infinity");
    assert_eq!(rows[2][1], Field::Str("a, \"b\"".into()));
}
