//! Reads a user's own CSV files: candles, splits and dividends.
//!
//! `nightdesk import` is the caller. The header names the columns, in any order and case. A row that cannot be read
//! is named by line, column and value; by default one such row refuses the file, so that nothing half-read is stored.

mod actions;
mod candles;
mod table;
mod when;

use std::path::{Path, PathBuf};

use chrono_tz::Tz;

pub use candles::CandleFile;
pub use when::{default_zone, parse_zone};

use crate::market::{AssetClass, Dividend, Split, Timeframe};

/// How many bad rows a report lists in full.
pub const LISTED: usize = 10;

/// How to read a file.
#[derive(Clone, Debug)]
pub struct Options {
    /// Kind of instrument; it decides the default time zone and the sessions.
    pub asset: AssetClass,
    /// Bar size; `None` infers it from the spacing of the rows.
    pub timeframe: Option<Timeframe>,
    /// Zone of datetimes without an offset.
    pub zone: Tz,
    /// Leave rows out that cannot be read, instead of refusing the file.
    pub skip_bad_rows: bool,
    /// Current time, UTC seconds: later rows are mistakes, and the bar still forming is not final.
    pub now: i64,
}

/// What was noticed while reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Rows of the file, bad ones included.
    pub rows: usize,
    /// Columns that were not used.
    pub ignored_columns: Vec<String>,
    /// Rows that were left out.
    pub bad: BadRows,
    /// Other things, a sentence each.
    pub remarks: Vec<String>,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {value:?} {reason}")]
pub struct BadRow {
    /// Line in the file, from 1.
    pub line: u64,
    /// Column as the file names it.
    pub column: String,
    /// What stands there.
    pub value: String,
    /// What is wrong with it, to be read after the value.
    pub reason: String,
}

/// The bad rows of a file: how many, and the first [`LISTED`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadRows {
    /// All of them.
    pub count: usize,
    /// The first few.
    pub first: Vec<BadRow>,
}

impl BadRows {
    fn push(&mut self, row: BadRow) {
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push(row);
        }
    }
}

impl std::fmt::Display for BadRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.first.iter().map(|b| format!("  {b}")).collect();
        f.write_str(&lines.join("\n"))?;
        match self.count - self.first.len() {
            0 => Ok(()),
            n => write!(f, "\n  and {n} more"),
        }
    }
}

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened or read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The header lacks a column, or has one twice.
    #[error("{}, line 1: {reason}\n  the header is: {header}", path.display())]
    Header {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// The header as it stands.
        header: String,
    },
    /// Rows cannot be read.
    #[error("{} has {} of {rows} rows that cannot be read:\n{bad}", path.display(), bad.count)]
    Rows {
        /// Which.
        path: PathBuf,
        /// Rows in the file.
        rows: usize,
        /// The bad ones.
        bad: BadRows,
    },
    /// There is no row to import.
    #[error("{} holds no row to import", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// The spacing of the rows is not that of a timeframe.
    #[error("the timeframe of {} cannot be told from its rows: {reason}", path.display())]
    Spacing {
        /// Which.
        path: PathBuf,
        /// What was seen.
        reason: String,
    },
}

impl FileError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check the path and its permissions",
            Self::Header { .. } => {
                "the first line names the columns: date (or datetime, timestamp), open, high, low, close, volume for candles; \
                 date, ratio (or numerator, denominator) for splits; date, amount for dividends"
            }
            Self::Rows { .. } => "correct the rows, or import the others with --skip-bad-rows",
            Self::Empty { .. } => "check that this is the right file",
            Self::Spacing { .. } => "say what it is with --timeframe, such as --timeframe 1d",
        }
    }
}

/// Reads candles.
pub fn read_candles(path: &Path, options: &Options) -> Result<CandleFile, FileError> {
    candles::read(path, options)
}

/// Reads splits, ascending by date. Rows with a ratio of 0 or 1 say that nothing happened and are passed over.
pub fn read_splits(path: &Path, options: &Options) -> Result<(Vec<Split>, Notes), FileError> {
    actions::splits(path, options)
}

/// Reads dividends, ascending by date. Rows with an amount of 0 say that nothing happened and are passed over.
pub fn read_dividends(path: &Path, options: &Options) -> Result<(Vec<Dividend>, Notes), FileError> {
    actions::dividends(path, options)
}

#[cfg(test)]
mod tests;
