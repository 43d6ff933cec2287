//! CSV and JSON.

use std::borrow::Cow;
use std::io::{BufWriter, Write};

use chrono::{DateTime, SecondsFormat};

use super::{ExportError, Sheet, Values};
use crate::market::ts_to_date;

/// Header, then one line a row. Dates are `2013-03-01`, instants `2013-03-01T14:30:00Z`.
pub(super) fn csv(sheet: &Sheet, out: impl Write) -> Result<(), ExportError> {
    let mut out = BufWriter::new(out);
    let names: Vec<&str> = sheet.columns.iter().map(|(n, _)| *n).collect();
    writeln!(out, "{}", names.join(","))?;
    for row in 0..sheet.rows() {
        for (i, (_, values)) in sheet.columns.iter().enumerate() {
            if i > 0 {
                out.write_all(b",")?;
            }
            match values {
                // As in JSON, which has no other word for it.
                Values::Number(v) if !v[row].is_finite() => {}
                // Rust prints the shortest digits that parse back to the same number.
                Values::Number(v) => write!(out, "{}", v[row])?,
                Values::Date(v) | Values::Instant(v) => out.write_all(stamp(values, v[row]).as_bytes())?,
                Values::MaybeDate(v) => out.write_all(v[row].map(|t| ts_to_date(t).to_string()).unwrap_or_default().as_bytes())?,
                Values::Text(v) => out.write_all(field(v[row].as_deref().unwrap_or_default()).as_bytes())?,
            }
        }
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// One object: the facts about the sheet, and `rows`, a list of objects.
pub(super) fn json(sheet: &Sheet, out: impl Write) -> Result<(), ExportError> {
    let mut out = BufWriter::new(out);
    out.write_all(b"{")?;
    for (key, value) in &sheet.about {
        write!(out, "\"{key}\":{},", serde_json::Value::from(value.as_str()))?;
    }
    out.write_all(b"\"rows\":[")?;
    for row in 0..sheet.rows() {
        out.write_all(if row > 0 { b",\n{" } else { b"\n{" })?;
        for (i, (name, values)) in sheet.columns.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let value = match values {
                Values::Number(v) => serde_json::Value::from(v[row]),
                Values::Date(v) | Values::Instant(v) => stamp(values, v[row]).into(),
                Values::MaybeDate(v) => v[row].map(|t| ts_to_date(t).to_string()).into(),
                Values::Text(v) => v[row].clone().into(),
            };
            write!(out, "{comma}\"{name}\":{value}")?;
        }
        out.write_all(b"}")?;
    }
    out.write_all(b"\n]}\n")?;
    Ok(out.flush()?)
}

/// A word as a CSV field (RFC 4180).
fn field(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")).into() } else { text.into() }
}

fn stamp(values: &Values, ts: i64) -> String {
    match values {
        Values::Date(_) => ts_to_date(ts).to_string(),
        _ => DateTime::from_timestamp(ts, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true),
    }
}
