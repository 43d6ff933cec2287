//! The 37 metrics and the metadata in a quoteSummary answer.
//!
//! Works on the JSON of one result, which is either the crate's typed answer serialised back or a raw body, so that a
//! typed parse that one wrong-typed field ruined can be rescued field by field.

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use serde_json::Value;

use super::chart::number;
use super::classify::{Failure, drift};
use crate::market::{AssetClass, Fundamentals, METRICS, Metadata};
use crate::sources::Outcome;

/// Module and field of each metric, in the order of [`METRICS`]. Margins, growth and yields are fractions;
/// `debtToEquity` is in percent; amounts are in `financialCurrency`. Where two modules carry a field, the one named
/// here is used throughout, because the two differ by their reading time.
pub(crate) const FIELDS: [(&str, &str); METRICS.len()] = [
    ("summaryDetail", "marketCap"),
    ("defaultKeyStatistics", "enterpriseValue"),
    ("summaryDetail", "trailingPE"),
    ("summaryDetail", "forwardPE"),
    ("defaultKeyStatistics", "pegRatio"),
    ("defaultKeyStatistics", "priceToBook"),
    ("summaryDetail", "priceToSalesTrailing12Months"),
    ("defaultKeyStatistics", "enterpriseToRevenue"),
    ("defaultKeyStatistics", "enterpriseToEbitda"),
    ("financialData", "profitMargins"),
    ("financialData", "operatingMargins"),
    ("financialData", "returnOnAssets"),
    ("financialData", "returnOnEquity"),
    ("financialData", "totalRevenue"),
    ("financialData", "revenuePerShare"),
    ("financialData", "revenueGrowth"),
    ("financialData", "grossProfits"),
    ("financialData", "ebitda"),
    ("defaultKeyStatistics", "netIncomeToCommon"),
    ("defaultKeyStatistics", "trailingEps"),
    ("defaultKeyStatistics", "earningsQuarterlyGrowth"),
    ("financialData", "totalCash"),
    ("financialData", "totalCashPerShare"),
    ("financialData", "totalDebt"),
    ("financialData", "debtToEquity"),
    ("financialData", "currentRatio"),
    ("defaultKeyStatistics", "bookValue"),
    ("financialData", "operatingCashflow"),
    ("financialData", "freeCashflow"),
    ("defaultKeyStatistics", "beta"),
    ("defaultKeyStatistics", "52WeekChange"),
    ("defaultKeyStatistics", "shortRatio"),
    ("defaultKeyStatistics", "shortPercentOfFloat"),
    ("defaultKeyStatistics", "sharesShort"),
    ("defaultKeyStatistics", "sharesOutstanding"),
    ("summaryDetail", "dividendYield"),
    ("summaryDetail", "payoutRatio"),
];

/// What one symbol's quoteSummary told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Summary {
    values: [Option<f64>; METRICS.len()],
    meta: Metadata,
}

impl Summary {
    /// Reads `{"quoteSummary":{"result":[{...}]}}`.
    pub(super) fn read(json: &Value) -> Result<Self, Failure> {
        let root = json.get("quoteSummary").ok_or_else(|| drift("no quoteSummary in it", &json.to_string()))?;
        let Some(result) = root.get("result").and_then(Value::as_array).and_then(|r| r.first()) else {
            return Err(Failure::Final(Outcome::Empty("Yahoo has no summary of this symbol".into())));
        };
        let field = |&(module, key): &(&str, &str)| result.get(module)?.get(key).and_then(number);
        let mut values = [None; METRICS.len()];
        for (slot, place) in values.iter_mut().zip(&FIELDS) {
            *slot = field(place);
        }
        Ok(Self { values, meta: metadata(result) })
    }

    /// Fills what is missing here from another reading of the same symbol.
    pub(super) fn fill_from(&mut self, other: &Self) {
        for (mine, theirs) in self.values.iter_mut().zip(other.values) {
            *mine = mine.or(theirs);
        }
        let (m, o) = (&mut self.meta, &other.meta);
        m.summary = m.summary.take().or_else(|| o.summary.clone());
        m.name = m.name.take().or_else(|| o.name.clone());
    }

    /// The metrics as of `date`, each gap with its reason. Crypto has a market capitalisation only, which is complete.
    pub(super) fn fundamentals(&self, asset: AssetClass, date: NaiveDate, mut notes: Vec<String>) -> Fundamentals {
        if asset == AssetClass::Stock {
            for (name, _) in METRICS.iter().zip(self.values).filter(|(_, value)| value.is_none()) {
                if !notes.iter().any(|note| note.starts_with(name)) {
                    notes.push(format!("{name}: not in the answer"));
                }
            }
        }
        Fundamentals { date, values: self.values, notes }
    }

    /// Whether there is any metric at all.
    pub(super) fn has_metrics(&self) -> bool {
        self.values.iter().any(Option::is_some)
    }

    pub(super) fn metadata(&self) -> Metadata {
        self.meta.clone()
    }
}

fn metadata(result: &Value) -> Metadata {
    let text = |module: &str, key: &str| {
        let found = result.get(module)?.get(key)?.as_str()?.trim();
        (!found.is_empty()).then(|| found.to_owned())
    };
    let time_zone = text("quoteType", "timeZoneFullName");
    Metadata {
        name: text("quoteType", "longName").or_else(|| text("quoteType", "shortName")).or_else(|| text("assetProfile", "name")),
        sector: text("assetProfile", "sector"),
        industry: text("assetProfile", "industry"),
        country: text("assetProfile", "country"),
        city: text("assetProfile", "city"),
        website: text("assetProfile", "website"),
        summary: text("assetProfile", "longBusinessSummary").or_else(|| text("assetProfile", "description")),
        employees: result.pointer("/assetProfile/fullTimeEmployees").and_then(number).map(|n| n as i64),
        exchange: text("quoteType", "exchange"),
        currency: text("summaryDetail", "currency").or_else(|| text("financialData", "financialCurrency")),
        quote_type: text("quoteType", "quoteType"),
        first_trade_date: first_trade(result, time_zone.as_deref()),
        time_zone,
        ib_contract_id: None,
    }
}

fn first_trade(result: &Value, zone: Option<&str>) -> Option<NaiveDate> {
    let ts = result.pointer("/quoteType/firstTradeDateEpochUtc").and_then(number)? as i64;
    let zone: Tz = zone.and_then(|z| z.parse().ok()).unwrap_or(Tz::UTC);
    DateTime::from_timestamp(ts, 0).map(|t| t.with_timezone(&zone).date_naive())
}
