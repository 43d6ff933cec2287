//! One bar, and a run of bars as columns.

use serde::{Deserialize, Deserializer, Serialize};

/// One bar of one series. Prices are in the instrument's currency, split-adjusted as the source serves them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Candle {
    /// Bar open, UTC seconds; daily and longer bars carry midnight UTC of their first session date.
    pub ts: i64,
    /// First traded price.
    pub open: f64,
    /// Highest traded price.
    pub high: f64,
    /// Lowest traded price.
    pub low: f64,
    /// Last traded price.
    pub close: f64,
    /// Units traded; NaN where the source does not know (SQLite keeps it as NULL).
    #[serde(deserialize_with = "known_or_nan")]
    pub volume: f64,
    /// False while the bar is still forming.
    pub is_final: bool,
}

/// JSON has no NaN and writes null.
fn known_or_nan<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

impl Candle {
    /// Bitwise equality of what the database stores, so that NaN volumes compare equal.
    pub fn same_content(&self, other: &Self) -> bool {
        self.ts == other.ts
            && self.is_final == other.is_final
            && [self.open, self.high, self.low, self.close, self.volume]
                .iter()
                .zip([other.open, other.high, other.low, other.close, other.volume])
                .all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
    }
}

/// A run of bars of one series, ascending by `ts`.
pub type Bars = Vec<Candle>;
