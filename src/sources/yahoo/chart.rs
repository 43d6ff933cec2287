//! Reading a chart answer, tolerantly: rows as they came, events, and the meta fields that matter.
//!
//! One reading serves both ways in: the crate's typed `YResponse` (serialised back, because it hides the raw arrays
//! and turns a null open into 0) and a raw body that the crate could not type.

use serde_json::Value;

use super::classify::{Failure, drift};
use crate::sources::Outcome;

/// One row before any judgement; `None` is a null or anything else that is not a finite number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row {
    pub ts: i64,
    pub open: Option<f64>,
    pub high: Option<f64>,
    pub low: Option<f64>,
    pub close: Option<f64>,
    pub volume: Option<f64>,
}

/// A chart answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Chart {
    pub symbol: String,
    /// `meta.dataGranularity`.
    pub granularity: String,
    /// `meta.exchangeTimezoneName`, an IANA name.
    pub zone: String,
    pub rows: Vec<Row>,
    /// Ex-date instants with new and old shares.
    pub splits: Vec<(i64, f64, f64)>,
    /// Ex-date instants with the amount per share.
    pub dividends: Vec<(i64, f64)>,
}

impl Chart {
    /// Reads `{"chart":{"result":[...]}}`. No result and no rows are `Outcome::Empty`, wrapped as a final failure.
    pub(super) fn read(json: &Value) -> Result<Self, Failure> {
        let bad = |what: &str| drift(what, &json.to_string());
        let chart = json.get("chart").ok_or_else(|| bad("no chart in it"))?;
        let Some(result) = chart.get("result").and_then(Value::as_array).and_then(|r| r.first()) else {
            return Err(Failure::Final(Outcome::Empty("Yahoo returned no result for this window".into())));
        };
        let meta = result.get("meta").ok_or_else(|| bad("no meta in it"))?;
        let text = |key: &str| meta.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut out =
            Self { symbol: text("symbol"), granularity: text("dataGranularity"), zone: text("exchangeTimezoneName"), ..Self::default() };
        (out.splits, out.dividends) = events(result);
        out.rows = rows(result).map_err(|what| bad(&what))?;
        Ok(out)
    }
}

fn rows(result: &Value) -> Result<Vec<Row>, String> {
    let Some(stamps) = result.get("timestamp").and_then(Value::as_array) else {
        return Ok(Vec::new());
    };
    let quote = result.pointer("/indicators/quote/0").ok_or("no quote in it")?;
    let column = |key: &str| -> Result<Vec<Option<f64>>, String> {
        let values = quote.get(key).and_then(Value::as_array).ok_or(format!("no {key} in it"))?;
        if values.len() != stamps.len() {
            return Err(format!("{} {key} values for {} timestamps", values.len(), stamps.len()));
        }
        Ok(values.iter().map(number).collect())
    };
    let (open, high, low) = (column("open")?, column("high")?, column("low")?);
    let (close, volume) = (column("close")?, column("volume")?);
    stamps
        .iter()
        .enumerate()
        .map(|(i, ts)| {
            let ts = ts.as_i64().ok_or("a timestamp that is not a whole number")?;
            Ok(Row { ts, open: open[i], high: high[i], low: low[i], close: close[i], volume: volume[i] })
        })
        .collect()
}

/// A finite number, also from Yahoo's `{"raw": 1.5, "fmt": "1.50"}` form.
pub(super) fn number(value: &Value) -> Option<f64> {
    let plain = if value.is_object() { value.get("raw")? } else { value };
    plain.as_f64().filter(|v| v.is_finite())
}

type Splits = Vec<(i64, f64, f64)>;
type Dividends = Vec<(i64, f64)>;

/// Events by their own `date`: the map's keys are bucket starts, which differ above one day.
fn events(result: &Value) -> (Splits, Dividends) {
    let each = |kind: &str| result.pointer(&format!("/events/{kind}")).and_then(Value::as_object).map(|m| m.values().collect::<Vec<_>>());
    let field = |event: &Value, key: &str| event.get(key).and_then(number);
    let mut splits: Splits = each("splits")
        .unwrap_or_default()
        .into_iter()
        .filter_map(|e| Some((e.get("date")?.as_i64()?, field(e, "numerator")?, field(e, "denominator")?)))
        .filter(|&(_, new, old)| new > 0.0 && old > 0.0)
        .collect();
    let mut dividends: Dividends = each("dividends")
        .unwrap_or_default()
        .into_iter()
        .filter_map(|e| Some((e.get("date")?.as_i64()?, field(e, "amount")?)))
        .filter(|&(_, amount)| amount > 0.0)
        .collect();
    splits.sort_by_key(|s| s.0);
    dividends.sort_by_key(|d| d.0);
    (splits, dividends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_special_strings_and_missing_meta_are_tolerated() {
        let body = r#"{"chart":{"result":[{"meta":{"symbol":"A","dataGranularity":"1d"},"timestamp":[1,2],
            "indicators":{"quote":[{"open":[1,"NaN"],"high":[1,2],"low":[1,2],"close":[1,2],"volume":[3.5E10,2.5]}]}}],"error":null}}"#;
        let chart = Chart::read(&serde_json::from_str(body).unwrap()).unwrap();
        assert_eq!(chart.rows[0].volume, Some(3.5e10));
        assert_eq!((chart.rows[1].open, chart.rows[1].volume), (None, Some(2.5)));
    }

    #[test]
    fn unequal_columns_are_drift_not_data() {
        let body = r#"{"chart":{"result":[{"meta":{},"timestamp":[1,2],
            "indicators":{"quote":[{"open":[1],"high":[1,2],"low":[1,2],"close":[1,2],"volume":[1,2]}]}}],"error":null}}"#;
        let failure = Chart::read(&serde_json::from_str(body).unwrap()).unwrap_err();
        assert!(matches!(failure, Failure::Drift(f) if f.message.contains("1 open values for 2 timestamps")));
    }
}
