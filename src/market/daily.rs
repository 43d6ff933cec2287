//! Daily bars of one symbol as columns: what features and labels are computed from.

use chrono::NaiveDate;

/// Final, sound daily bars of one symbol, ascending by date, on one price basis. All columns have the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DailyBars {
    /// Session dates.
    pub date: Vec<NaiveDate>,
    /// First prices.
    pub open: Vec<f64>,
    /// Highest prices.
    pub high: Vec<f64>,
    /// Lowest prices.
    pub low: Vec<f64>,
    /// Last prices.
    pub close: Vec<f64>,
    /// Units traded; NaN where unknown.
    pub volume: Vec<f64>,
}

impl DailyBars {
    /// How many bars.
    pub fn len(&self) -> usize {
        self.date.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.date.is_empty()
    }
}
