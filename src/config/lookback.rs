//! A span of history as people write it: `30d`, `6mo`, `10y`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of calendar days, written with a unit: `d`, `w`, `mo` (30 days) or `y` (365.25 days).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lookback {
    days: u32,
}

impl Lookback {
    /// A span of whole days.
    pub const fn days(days: u32) -> Self {
        Self { days }
    }

    /// Length in seconds.
    pub const fn seconds(self) -> i64 {
        self.days as i64 * crate::market::DAY
    }
}

impl FromStr for Lookback {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = || format!("{s:?} is not a span of history; write a number and d, w, mo or y, such as 30d or 10y (at most 60y)");
        let split = s.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let n: f64 = s[..split].parse::<u16>().map_err(|_| bad())?.into();
        let unit = match &s[split..] {
            "d" => 1.0,
            "w" => 7.0,
            "mo" => 30.0,
            "y" => 365.25,
            _ => return Err(bad()),
        };
        let days = (n * unit).ceil() as u32;
        if days == 0 || days > 21_915 { Err(bad()) } else { Ok(Self { days }) }
    }
}

impl fmt::Display for Lookback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The coarsest unit that gives the same number of days back.
        let years = (f64::from(self.days) / 365.25).floor();
        let text = if years >= 1.0 && (years * 365.25).ceil() as u32 == self.days {
            format!("{years}y")
        } else if self.days.is_multiple_of(30) {
            format!("{}mo", self.days / 30)
        } else {
            format!("{}d", self.days)
        };
        f.pad(&text)
    }
}

impl TryFrom<String> for Lookback {
    type Error = String;
    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<Lookback> for String {
    fn from(l: Lookback) -> Self {
        l.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for s in ["1d", "29d", "10y", "2y", "2mo", "45d"] {
            assert_eq!(s.parse::<Lookback>().unwrap().to_string(), s);
        }
        assert_eq!("10y".parse::<Lookback>().unwrap(), Lookback::days(3653));
        for s in ["", "d", "0d", "10", "10 y", "-3d", "99y", "70000d"] {
            assert!(s.parse::<Lookback>().is_err(), "{s}");
        }
    }
}
