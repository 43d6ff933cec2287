//! Split and dividend files.

use std::path::Path;

use chrono::NaiveDate;

use super::table::{Row, Table, settle};
use super::when::When;
use super::{BadRow, FileError, Notes, Options};
use crate::market::{Dividend, Split, Timeframe};

const DATE: &[&str] = &["date", "ex_date", "datetime", "timestamp"];

/// A dated value with what is needed to complain about it.
struct Dated<T> {
    date: NaiveDate,
    value: T,
    line: u64,
    text: String,
    column: String,
}

pub(super) fn splits(path: &Path, options: &Options) -> Result<(Vec<Split>, Notes), FileError> {
    let table = Table::open(path)?;
    let date = table.require(path, DATE)?;
    let pair = (table.column(path, &["numerator"])?, table.column(path, &["denominator"])?);
    let (rows, mut notes) = if let (Some(n), Some(d)) = pair {
        table.rows(path, options, &[date, n, d], |row| {
            let side = |column| positive(row, column)?.ok_or_else(|| row.bad(column, "is zero; both sides of a split are above zero"));
            dated(row, date, options, Some((side(n)?, side(d)?)).filter(|(n, d)| n != d))
        })?
    } else {
        let ratio = table.require(path, &["ratio", "split", "splits", "stock_splits", "split_ratio"])?;
        // A price file fills this column with zeros on the days without a split.
        let filled = table.column(path, &["stock_splits"])? == Some(ratio);
        table.rows(path, options, &[date, ratio], |row| {
            let (n, d) = parse_ratio(&row.text(ratio)).ok_or_else(|| row.bad(ratio, "is not a ratio; write 4:1, 4/1 or 4"))?;
            if n == 0.0 && !filled {
                return Err(row.bad(ratio, "is zero; write 4:1, 4/1 or 4, and leave out days without a split"));
            }
            dated(row, date, options, Some((n, d)).filter(|(n, d)| *n > 0.0 && n != d))
        })?
    };
    let splits = unique(rows, &mut notes, |(a, b), (c, d)| a / b == c / d);
    settle(path, options, &notes)?;
    let splits = splits.into_iter().map(|(ex_date, (numerator, denominator))| Split { ex_date, numerator, denominator });
    Ok((splits.collect(), notes))
}

pub(super) fn dividends(path: &Path, options: &Options) -> Result<(Vec<Dividend>, Notes), FileError> {
    let table = Table::open(path)?;
    let date = table.require(path, DATE)?;
    let amount = table.require(path, &["amount", "dividend", "dividends"])?;
    let (rows, mut notes) = table.rows(path, options, &[date, amount], |row| dated(row, date, options, positive(row, amount)?))?;
    let dividends = unique(rows, &mut notes, |a, b| a == b);
    settle(path, options, &notes)?;
    Ok((dividends.into_iter().map(|(ex_date, amount)| Dividend { ex_date, amount }).collect(), notes))
}

/// A number above zero; zero, "nothing happened", gives `None`.
fn positive(row: &Row<'_>, column: usize) -> Result<Option<f64>, BadRow> {
    match row.number(column)? {
        v if v < 0.0 => Err(row.bad(column, "is negative")),
        v => Ok(Some(v).filter(|v| *v > 0.0)),
    }
}

fn dated<T>(row: &Row<'_>, column: usize, options: &Options, value: Option<T>) -> Result<Option<Dated<T>>, BadRow> {
    let text = row.text(column);
    let when = When::parse(&text).map_err(|reason| row.bad(column, reason))?;
    // Announced actions lie ahead, so only absurd dates are refused here.
    let year_ahead = Options { now: options.now + 366 * crate::market::DAY, ..options.clone() };
    when.stamp(Timeframe::D1, &year_ahead, None).map_err(|reason| row.bad(column, reason))?;
    let name = row.bad(column, "").column;
    Ok(value.map(|value| Dated { date: when.date(options.zone), value, line: row.line, text, column: name }))
}

/// One value a date, ascending; contradicting rows are bad, all of them.
fn unique<T: Copy>(mut rows: Vec<Dated<T>>, notes: &mut Notes, same: impl Fn(T, T) -> bool) -> Vec<(NaiveDate, T)> {
    rows.sort_by_key(|r| r.date);
    let mut out = Vec::with_capacity(rows.len());
    for group in rows.chunk_by(|a, b| a.date == b.date) {
        if group.iter().all(|r| same(r.value, group[0].value)) {
            out.push((group[0].date, group[0].value));
            continue;
        }
        for r in group {
            let other = if r.line == group[0].line { group[1].line } else { group[0].line };
            let reason = format!("is also on line {other}, with another figure; put both in one row");
            notes.bad.push(BadRow { line: r.line, column: r.column.clone(), value: r.text.clone(), reason });
        }
    }
    out
}

/// `4:1`, `4/1`, `4-for-1`, `4` or `0.125` as new shares for old shares; 1 means none, and so does 0 in a price file.
fn parse_ratio(text: &str) -> Option<(f64, f64)> {
    let text = text.to_lowercase().replace("-for-", ":").replace(" for ", ":");
    let number = |s: &str| s.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v >= 0.0);
    if let Some((n, d)) = text.split_once([':', '/']) {
        return Some((number(n)?, number(d)?)).filter(|(n, d)| *n > 0.0 && *d > 0.0);
    }
    let ratio = number(&text)?;
    // The smallest whole denominator that gives the ratio back; 1.5 is 3 for 2.
    let denominator =
        (1..=1000).map(f64::from).find(|d| ((ratio * d).round() / d - ratio).abs() < 1e-12 * ratio.max(1.0) && ratio * d >= 0.5);
    Some(denominator.map_or((ratio, 1.0), |d| ((ratio * d).round(), d)))
}

#[cfg(test)]
mod tests {
    use super::parse_ratio;

    #[test]
    fn ratios_in_all_spellings() {
        for text in ["4:1", "4/1", "4-for-1", "4 for 1", "4", "4.0"] {
            assert_eq!(parse_ratio(text), Some((4.0, 1.0)), "{text}");
        }
        assert_eq!(parse_ratio("1.5"), Some((3.0, 2.0)));
        assert_eq!(parse_ratio("0.125"), Some((1.0, 8.0)));
        assert_eq!(parse_ratio("0.333333333333333"), Some((1.0, 3.0)));
        assert_eq!(parse_ratio("0"), Some((0.0, 1.0)));
        for text in ["", "x", "4:0", "0:1", "-4", "4:", "nan", "inf"] {
            assert_eq!(parse_ratio(text), None, "{text}");
        }
    }
}
