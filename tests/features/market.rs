//! Bars for tests: the six stocks of the golden sample, and made-up ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use nightdesk::features::bars::Adjusted;
use nightdesk::features::engine::{Block, Input, Task, run};
use nightdesk::market::DailyBars;

/// The folder of the shared fixtures, if there is one.
pub fn fixtures() -> Option<PathBuf> {
    let folder = std::env::var_os("NIGHTDESK_FIXTURES").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: NIGHTDESK_FIXTURES is not set");
    }
    folder
}

/// A stock's bars: prices times adj_close/close, volume as it is.
pub fn stock(fixtures: &Path, symbol: &str) -> Adjusted {
    let path = fixtures.join("market-data/daily-split-adjusted").join(format!("{symbol}_2013-2023.csv"));
    let mut bars = DailyBars::default();
    for row in csv::Reader::from_path(path).unwrap().deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        let factor = number("adj_close") / number("close");
        bars.date.push(row["date"].parse::<NaiveDate>().unwrap());
        bars.open.push(number("open") * factor);
        bars.high.push(number("high") * factor);
        bars.low.push(number("low") * factor);
        bars.close.push(number("close") * factor);
        bars.volume.push(number("volume"));
    }
    adjusted(bars)
}

/// Bars whose prices need no adjustment any more.
pub fn adjusted(bars: DailyBars) -> Adjusted {
    Adjusted { factor: vec![1.0; bars.len()], bars }
}

/// The input of a stock without a market beside it.
pub fn alone(adjusted: &Adjusted) -> Input<'_> {
    Input { adjusted, market: None, rank: None, sessions_a_year: 252.0 }
}

/// All rows of a symbol without a market beside it.
pub fn whole(adjusted: &Adjusted) -> Block {
    run(&Task { input: alone(adjusted), from: None, mark: None }).unwrap().block
}
