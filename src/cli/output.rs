//! Printing to standard output. A reader that goes away early (`| head`) ends the command quietly.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use super::Failure;
pub use crate::console::thousands;

/// Prints a line.
pub fn line(text: impl Display) -> Result<(), Failure> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// Prints one JSON object.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    line(text)
}

/// Prints a remark on standard error, where it does not disturb output that is piped on.
pub fn remark(text: impl Display) {
    // Remarks are courtesy; a closed standard error is no reason to fail.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// `2026-11-22 14:32:07` UTC.
pub fn second(ts: i64) -> String {
    chrono::DateTime::from_timestamp(ts, 0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `n` with the word in singular or plural.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
