//! Splits and dividends, and the price factors they imply.
//!
//! Sources serve prices already adjusted for splits; `store::master::reader` applies these factors to give raw or
//! dividend-adjusted prices.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// A share split. `numerator` new shares replace `denominator` old ones (AAPL 2020-08-31: 4 for 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// First session on the new share basis.
    pub ex_date: NaiveDate,
    /// New shares.
    pub numerator: f64,
    /// Old shares.
    pub denominator: f64,
}

impl Split {
    /// New shares per old share.
    pub fn ratio(&self) -> f64 {
        self.numerator / self.denominator
    }
}

/// A cash dividend per share, on the share basis of its ex-date.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dividend {
    /// First session without the dividend.
    pub ex_date: NaiveDate,
    /// Amount per share, in the instrument's currency, split-adjusted like the prices beside it.
    pub amount: f64,
}

/// The corporate actions of one symbol, ascending by date.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Actions {
    /// Splits.
    pub splits: Vec<Split>,
    /// Dividends.
    pub dividends: Vec<Dividend>,
}

/// A factor that applies to every date strictly before `before`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The ex-date.
    pub before: NaiveDate,
    /// What prices before it are multiplied by.
    pub factor: f64,
}

/// Backward factors that undo split adjustment: multiply split-adjusted prices by these to see the traded price,
/// and divide volumes by them.
pub fn unsplit_steps(splits: &[Split]) -> Vec<Step> {
    splits.iter().map(|s| Step { before: s.ex_date, factor: s.ratio() }).collect()
}

/// Backward dividend factors `1 - D / P`, where `P` is the last close before the ex-date (the Yahoo and CRSP rule).
/// `close_before` looks that close up; a dividend without one, or not smaller than it, gives no step.
pub fn dividend_steps(dividends: &[Dividend], close_before: impl Fn(NaiveDate) -> Option<f64>) -> Vec<Step> {
    dividends
        .iter()
        .filter_map(|d| {
            let p = close_before(d.ex_date)?;
            let factor = 1.0 - d.amount / p;
            (factor > 0.0 && factor.is_finite()).then_some(Step { before: d.ex_date, factor })
        })
        .collect()
}

/// The product of the steps that apply to `date`.
pub fn factor_on(steps: &[Step], date: NaiveDate) -> f64 {
    steps.iter().filter(|s| date < s.before).map(|s| s.factor).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(y: i32, m: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, day).unwrap()
    }

    #[test]
    fn yahoos_own_example() {
        let steps = dividend_steps(&[Dividend { ex_date: d(2020, 2, 1), amount: 0.08 }], |_| Some(24.96));
        assert!((steps[0].factor - 0.996_794_871_794_871_8).abs() < 1e-15);
        assert_eq!(factor_on(&steps, d(2020, 2, 1)), 1.0);
        assert_eq!(factor_on(&steps, d(2020, 1, 31)), steps[0].factor);
    }

    #[test]
    fn splits_compound_backwards() {
        let s = [
            Split { ex_date: d(2014, 6, 9), numerator: 7.0, denominator: 1.0 },
            Split { ex_date: d(2020, 8, 31), numerator: 4.0, denominator: 1.0 },
        ];
        let steps = unsplit_steps(&s);
        assert_eq!(factor_on(&steps, d(2014, 6, 6)), 28.0);
        assert_eq!(factor_on(&steps, d(2014, 6, 9)), 4.0);
        assert_eq!(factor_on(&steps, d(2020, 8, 31)), 1.0);
    }
}
