use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::NaiveDate;
use nightdesk::features::registry;

use crate::market;

/// The sample has 12 digits; a value that is 0 may be off by the rounding of what it is the difference of.
fn close(expected: f64, found: f64) -> bool {
    (expected - found).abs() <= 1e-9 * expected.abs() + 1e-12
}

#[test]
fn every_column_gives_the_golden_sample() {
    let (Some(fixtures), Some(symbols)) = (market::fixtures(), market::six()) else { return };
    let mut off: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut compared = 0;
    for row in csv::Reader::from_path(fixtures.join("golden_features.csv")).unwrap().deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        let (name, date) = (&row["symbol"], row["date"].parse::<NaiveDate>().unwrap());
        let (symbol, block) = &symbols[market::SIX.iter().position(|symbol| symbol == name).unwrap()];
        let at = symbol.adjusted.bars.date.binary_search(&date).unwrap();
        for feature in registry() {
            let (expected, found) = (row[&feature.name].parse::<f64>().unwrap(), block.column(feature.index)[at]);
            compared += 1;
            if !close(expected, found) {
                let first = || (0, format!("first {name} {date}: expected {expected}, found {found}"));
                off.entry(feature.name.clone()).or_insert_with(first).0 += 1;
            }
        }
    }
    let mut report = String::new();
    for (name, (rows, first)) in &off {
        writeln!(report, "{name}: off in {rows} rows, {first}").unwrap();
    }
    assert!(off.is_empty(), "{} columns are off\n{report}", off.len());
    assert_eq!(compared, 81 * registry().len());
}
