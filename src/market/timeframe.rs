//! The 17 timeframes and how each is derived from a finer one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A bar size. The discriminant is the `timeframe_id` of the master database and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[repr(u8)]
#[expect(missing_docs, reason = "the names say the sizes")]
pub enum Timeframe {
    M1 = 1,
    M2,
    M3,
    M5,
    M10,
    M15,
    M20,
    M30,
    H1,
    M90,
    H2,
    H3,
    H4,
    H8,
    D1,
    W1,
    Mo1,
}

/// A text that names no timeframe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a timeframe; use one of 1m 2m 3m 5m 10m 15m 20m 30m 1h 90m 2h 3h 4h 8h 1d 1w 1mo")]
pub struct TimeframeError(pub String);

impl Timeframe {
    /// All timeframes, finest first.
    pub const ALL: [Self; 17] = [
        Self::M1,
        Self::M2,
        Self::M3,
        Self::M5,
        Self::M10,
        Self::M15,
        Self::M20,
        Self::M30,
        Self::H1,
        Self::M90,
        Self::H2,
        Self::H3,
        Self::H4,
        Self::H8,
        Self::D1,
        Self::W1,
        Self::Mo1,
    ];

    /// The database id, 1 to 17.
    pub const fn id(self) -> i64 {
        self as i64
    }

    /// The timeframe of a database id.
    pub fn from_id(id: i64) -> Option<Self> {
        usize::try_from(id - 1).ok().and_then(|i| Self::ALL.get(i)).copied()
    }

    /// Position in [`Self::ALL`], the row of the heat map.
    pub const fn index(self) -> usize {
        self as usize - 1
    }

    /// The short name used in commands, configuration and the database view.
    pub const fn name(self) -> &'static str {
        match self {
            Self::M1 => "1m",
            Self::M2 => "2m",
            Self::M3 => "3m",
            Self::M5 => "5m",
            Self::M10 => "10m",
            Self::M15 => "15m",
            Self::M20 => "20m",
            Self::M30 => "30m",
            Self::H1 => "1h",
            Self::M90 => "90m",
            Self::H2 => "2h",
            Self::H3 => "3h",
            Self::H4 => "4h",
            Self::H8 => "8h",
            Self::D1 => "1d",
            Self::W1 => "1w",
            Self::Mo1 => "1mo",
        }
    }

    /// Nominal length in seconds; a month counts 30 days. Real spans come from the calendar.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::M1 => 60,
            Self::M2 => 120,
            Self::M3 => 180,
            Self::M5 => 300,
            Self::M10 => 600,
            Self::M15 => 900,
            Self::M20 => 1_200,
            Self::M30 => 1_800,
            Self::H1 => 3_600,
            Self::M90 => 5_400,
            Self::H2 => 7_200,
            Self::H3 => 10_800,
            Self::H4 => 14_400,
            Self::H8 => 28_800,
            Self::D1 => super::DAY,
            Self::W1 => 7 * super::DAY,
            Self::Mo1 => 30 * super::DAY,
        }
    }

    /// Whether bars lie inside a session and are stamped with their open in UTC.
    pub const fn is_intraday(self) -> bool {
        self.seconds() < super::DAY
    }

    /// Whether a run of `finer` bars, anchored at the session open, adds up to bars of this timeframe exactly.
    pub fn divisible_by(self, finer: Self) -> bool {
        if self <= finer && self.seconds() <= finer.seconds() {
            return false;
        }
        match self {
            Self::D1 => finer.is_intraday(),
            Self::W1 | Self::Mo1 => finer == Self::D1,
            _ => finer.is_intraday() && self.seconds() % finer.seconds() == 0,
        }
    }

    /// The coarsest of `available` timeframes from which this one aggregates exactly.
    pub fn coarsest_base(self, available: &[Self]) -> Option<Self> {
        available.iter().copied().filter(|&b| self.divisible_by(b)).max_by_key(|b| b.seconds())
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Timeframe {
    type Err = TimeframeError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|t| t.name().eq_ignore_ascii_case(s)).ok_or_else(|| TimeframeError(s.to_owned()))
    }
}

impl TryFrom<String> for Timeframe {
    type Error = TimeframeError;
    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<Timeframe> for String {
    fn from(t: Timeframe) -> Self {
        t.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_names_and_order_agree() {
        for (i, t) in Timeframe::ALL.into_iter().enumerate() {
            assert_eq!(t.index(), i);
            assert_eq!(Timeframe::from_id(t.id()), Some(t));
            assert_eq!(t.name().parse::<Timeframe>().unwrap(), t);
        }
        assert_eq!(Timeframe::from_id(0), None);
        assert_eq!(Timeframe::from_id(18), None);
        assert!(Timeframe::ALL.windows(2).all(|w| w[0].seconds() < w[1].seconds()));
    }

    #[test]
    fn every_timeframe_derives_from_minutes_and_days() {
        let native = [Timeframe::M1, Timeframe::D1];
        for t in Timeframe::ALL {
            assert!(native.contains(&t) || t.coarsest_base(&native).is_some(), "{t}");
        }
        let more = [Timeframe::M1, Timeframe::M5, Timeframe::M30];
        assert_eq!(Timeframe::M90.coarsest_base(&more), Some(Timeframe::M30));
        assert_eq!(Timeframe::M20.coarsest_base(&more), Some(Timeframe::M5));
        assert_eq!(Timeframe::M3.coarsest_base(&more), Some(Timeframe::M1));
        assert_eq!(Timeframe::Mo1.coarsest_base(&[Timeframe::D1, Timeframe::W1]), Some(Timeframe::D1));
    }
}
