//! Candle files.

use std::collections::HashMap;
use std::path::Path;

use super::table::{Row, Table, settle};
use super::when::When;
use super::{BadRow, FileError, Notes, Options};
use crate::market::calendar::bucket_date;
use crate::market::{Bars, Candle, DAY, Timeframe};

/// The candles of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct CandleFile {
    /// Bar size, given or inferred.
    pub timeframe: Timeframe,
    /// Ascending, without duplicates.
    pub bars: Bars,
    /// The file's own split- and dividend-adjusted closes, one a bar, when it has a whole column of them.
    pub adjusted: Option<Vec<f64>>,
    /// What was noticed.
    pub notes: Notes,
}

/// A row whose stamp waits for the timeframe.
struct Raw {
    line: u64,
    when: When,
    /// The time column's text, for messages.
    text: String,
    prices: [f64; 4],
    volume: f64,
    adjusted: Option<f64>,
}

pub(super) fn read(path: &Path, options: &Options) -> Result<CandleFile, FileError> {
    let table = Table::open(path)?;
    let time = table.require(path, &["datetime", "timestamp", "date"])?;
    let prices = [
        table.require(path, &["open"])?,
        table.require(path, &["high"])?,
        table.require(path, &["low"])?,
        table.require(path, &["close"])?,
    ];
    let volume = table.column(path, &["volume"])?;
    let adjusted = table.column(path, &["adj_close", "adjclose", "adj close"])?;
    let used: Vec<usize> = prices.into_iter().chain([time]).chain(volume).chain(adjusted).collect();
    let mut time_name = String::new();
    let (raw, mut notes) = table.rows(path, options, &used, |row| {
        time_name = row.bad(time, "").column;
        raw_row(row, time, prices, [volume, adjusted]).map(Some)
    })?;
    if raw.is_empty() {
        return Err(FileError::Empty { path: path.to_owned() });
    }
    let timeframe = match options.timeframe {
        Some(t) => t,
        None => infer(&raw, options).map_err(|reason| FileError::Spacing { path: path.to_owned(), reason })?,
    };
    let (bars, adjusted) = stamped(raw, timeframe, options, &time_name, &mut notes);
    settle(path, options, &notes)?;
    if bars.is_empty() {
        return Err(FileError::Empty { path: path.to_owned() });
    }
    let adjusted = bars.iter().map(|b| adjusted.get(&b.ts).copied()).collect();
    Ok(CandleFile { timeframe, bars, adjusted, notes })
}

fn raw_row(row: &Row<'_>, time: usize, prices: [usize; 4], [volume, adjusted]: [Option<usize>; 2]) -> Result<Raw, BadRow> {
    let text = row.text(time);
    let when = When::parse(&text).map_err(|reason| row.bad(time, reason))?;
    let mut values = [0.0; 4];
    for (value, column) in values.iter_mut().zip(prices) {
        *value = row.number(column)?;
    }
    let volume = match volume.map(|v| (v, row.text(v))) {
        None => f64::NAN,
        // Files write an unknown volume as nothing or as one of these words.
        Some((_, text)) if matches!(text.to_lowercase().as_str(), "" | "nan" | "null" | "none") => f64::NAN,
        Some((column, _)) => row.number(column)?,
    };
    // The adjusted close is only compared, never stored: one that cannot be read is none.
    let adjusted = adjusted.and_then(|column| row.text(column).parse().ok()).filter(|a: &f64| a.is_finite() && *a > 0.0);
    Ok(Raw { line: row.line, when, text, prices: values, volume, adjusted })
}

/// The timeframe whose spacing is the commonest between neighbouring rows.
fn infer(raw: &[Raw], options: &Options) -> Result<Timeframe, String> {
    let daily = raw.iter().all(|r| r.when.is_midnight());
    let probe = if daily { Timeframe::D1 } else { Timeframe::M1 };
    let mut stamps: Vec<i64> = raw.iter().filter_map(|r| r.when.stamp(probe, options, None).ok()).collect();
    stamps.sort_unstable();
    stamps.dedup();
    let mut gaps: Vec<i64> = stamps.windows(2).map(|w| w[1] - w[0]).collect();
    gaps.sort_unstable();
    let Some(&middle) = gaps.get(gaps.len() / 2) else {
        return Err("there are too few".into());
    };
    if daily {
        return match middle / DAY {
            ..=4 => Ok(Timeframe::D1),
            5..=9 => Ok(Timeframe::W1),
            28..=31 => Ok(Timeframe::Mo1),
            n => Err(format!("they are {n} days apart, which is neither 1d, 1w nor 1mo")),
        };
    }
    let commonest = gaps.chunk_by(|a, b| a == b).max_by_key(|run| run.len()).map_or(0, |run| run[0]);
    let intraday = Timeframe::ALL.into_iter().find(|t| t.is_intraday() && t.seconds() == commonest);
    intraday.ok_or_else(|| format!("they are mostly {commonest} seconds apart, which is no timeframe"))
}

/// Gives each row its stamp; sorts, and settles duplicates. Also the adjusted closes by stamp.
fn stamped(raw: Vec<Raw>, timeframe: Timeframe, options: &Options, column: &str, notes: &mut Notes) -> (Bars, HashMap<i64, f64>) {
    let calendar = options.asset.calendar();
    let mut rows: Vec<(u64, String, Candle)> = Vec::with_capacity(raw.len());
    let (mut moved, mut previous) = (0, None);
    let mut adjusted_closes = HashMap::new();
    for Raw { line, when, text, prices: [open, high, low, close], volume, adjusted } in raw {
        match when.stamp(timeframe, options, previous) {
            Ok(ts) => {
                if !timeframe.is_intraday() && bucket_date(timeframe, when.date(options.zone)) != when.date(options.zone) {
                    moved += 1;
                }
                let is_final = calendar.bar_close(timeframe, ts).is_none_or(|close| close <= options.now);
                rows.push((line, text, Candle { ts, open, high, low, close, volume, is_final }));
                adjusted_closes.extend(adjusted.map(|a| (ts, a)));
                previous = Some(ts);
            }
            Err(reason) => notes.bad.push(BadRow { line, column: column.to_owned(), value: text, reason }),
        }
    }
    if moved > 0 {
        notes.remarks.push(format!(
            "{moved} rows were moved to the first day of their {}",
            if timeframe == Timeframe::W1 { "week" } else { "month" }
        ));
    }
    if !rows.is_sorted_by_key(|(_, _, c)| c.ts) {
        notes.remarks.push("the rows were not in order of time and have been sorted".into());
        rows.sort_by_key(|(_, _, c)| c.ts);
    }
    (unique(&rows, column, notes), adjusted_closes)
}

/// Identical twins count once. Rows that contradict each other are bad, all of them: nobody knows which is right.
fn unique(rows: &[(u64, String, Candle)], column: &str, notes: &mut Notes) -> Bars {
    let mut bars = Vec::with_capacity(rows.len());
    let mut twins = 0;
    for group in rows.chunk_by(|a, b| a.2.ts == b.2.ts) {
        let (first_line, _, first) = &group[0];
        if group.iter().all(|(_, _, c)| c.same_content(first)) {
            twins += group.len() - 1;
            bars.push(*first);
            continue;
        }
        for (line, text, _) in group {
            let other = if line == first_line { group[1].0 } else { *first_line };
            let reason = format!("is also on line {other}, with other figures");
            notes.bad.push(BadRow { line: *line, column: column.to_owned(), value: text.clone(), reason });
        }
    }
    if twins > 0 {
        notes.remarks.push(format!("{twins} rows repeat an earlier row exactly and were dropped"));
    }
    bars
}
