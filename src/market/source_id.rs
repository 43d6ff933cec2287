//! Where a bar came from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A data source. The discriminant is the `source_id` of the master database and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum SourceId {
    /// Interactive Brokers, through IB Gateway or TWS.
    Ib = 1,
    /// Yahoo Finance.
    Yahoo = 2,
    /// Generated in process, without a wire protocol (benches and practice data).
    Sim = 3,
    /// Imported from a file by the user.
    File = 4,
}

impl SourceId {
    /// All sources, in order of preference.
    pub const ALL: [Self; 4] = [Self::Ib, Self::Yahoo, Self::Sim, Self::File];

    /// The database id.
    pub const fn id(self) -> i64 {
        self as i64
    }

    /// The source of a database id.
    pub fn from_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.id() == id)
    }

    /// The name in commands, configuration and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ib => "ib",
            Self::Yahoo => "yahoo",
            Self::Sim => "sim",
            Self::File => "file",
        }
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for SourceId {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|v| v.name() == s).ok_or_else(|| format!("{s:?} is not a source (ib, yahoo, sim, file)"))
    }
}
