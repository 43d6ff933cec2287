//! Writes stored columns as CSV, JSON or Parquet.
//!
//! `cli` fills a [`Sheet`] from the reader and calls [`write`]. CSV headers are those that `nightdesk import` reads, and
//! numbers are written with the digits that give the same number back, so that export and import are inverse.

mod file;
mod learning;
mod nights;
mod parquet;
mod text;

use std::io::Write;

pub use file::{AtomicFile, ExportError};
pub use learning::LabelRow;

use crate::market::{Bars, Dividend, Series, Split, Symbol, Timeframe, date_to_ts};

/// What a file is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet, snappy-compressed.
    Parquet,
    /// One JSON object with `rows`.
    Json,
}

/// The values of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Dates, as midnight UTC seconds.
    Date(Vec<i64>),
    /// Instants, UTC seconds.
    Instant(Vec<i64>),
    /// Dates that may be missing: then an empty field, null or a Parquet null.
    MaybeDate(Vec<Option<i64>>),
    /// Words that may be missing.
    Text(Vec<Option<String>>),
    /// Numbers; NaN stands for "not known" and becomes an empty field, null or a Parquet null. So do infinities.
    Number(Vec<f64>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Date(v) | Self::Instant(v) => v.len(),
            Self::MaybeDate(v) => v.len(),
            Self::Text(v) => v.len(),
            Self::Number(v) => v.len(),
        }
    }
}

/// Named columns of equal length, and what they are about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// Facts about the whole: `kind`, `symbol`, `timeframe`, ...
    pub about: Vec<(&'static str, String)>,
    /// Columns, in order.
    pub columns: Vec<(&'static str, Values)>,
}

impl Sheet {
    /// Bars of a series; `adjust` says how the prices are adjusted.
    pub fn candles(series: Series, adjust: &str, bars: &Bars) -> Self {
        let stamps = bars.iter().map(|b| b.ts).collect();
        let time = if series.timeframe.is_intraday() { ("datetime", Values::Instant(stamps)) } else { ("date", Values::Date(stamps)) };
        let number = |pick: fn(&crate::market::Candle) -> f64| Values::Number(bars.iter().map(pick).collect());
        Self {
            about: about("candles", series.symbol, Some((series.timeframe, adjust))),
            columns: vec![
                time,
                ("open", number(|b| b.open)),
                ("high", number(|b| b.high)),
                ("low", number(|b| b.low)),
                ("close", number(|b| b.close)),
                ("volume", number(|b| b.volume)),
            ],
        }
    }

    /// Splits of a symbol.
    pub fn splits(symbol: Symbol, splits: &[Split]) -> Self {
        Self {
            about: about("splits", symbol, None),
            columns: vec![
                ("date", Values::Date(splits.iter().map(|s| date_to_ts(s.ex_date)).collect())),
                ("numerator", Values::Number(splits.iter().map(|s| s.numerator).collect())),
                ("denominator", Values::Number(splits.iter().map(|s| s.denominator).collect())),
            ],
        }
    }

    /// Dividends of a symbol.
    pub fn dividends(symbol: Symbol, dividends: &[Dividend]) -> Self {
        Self {
            about: about("dividends", symbol, None),
            columns: vec![
                ("date", Values::Date(dividends.iter().map(|d| date_to_ts(d.ex_date)).collect())),
                ("amount", Values::Number(dividends.iter().map(|d| d.amount).collect())),
            ],
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, v)| v.len())
    }
}

fn about(kind: &str, symbol: Symbol, bars: Option<(Timeframe, &str)>) -> Vec<(&'static str, String)> {
    let mut out = vec![("kind", kind.to_owned()), ("symbol", symbol.to_string())];
    if let Some((timeframe, adjust)) = bars {
        out.extend([("timeframe", timeframe.to_string()), ("adjust", adjust.to_owned())]);
    }
    out
}

/// Writes a sheet.
pub fn write(sheet: &Sheet, format: Format, out: impl Write + Send) -> Result<(), ExportError> {
    match format {
        Format::Csv => text::csv(sheet, out),
        Format::Json => text::json(sheet, out),
        Format::Parquet => parquet::write(sheet, out),
    }
}

#[cfg(test)]
mod tests;
