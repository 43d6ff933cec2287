//! What is traded, and the list of it that Nightdesk keeps fresh.

use serde::{Deserialize, Serialize};

use super::{Calendar, Symbol, Timeframe};

/// The kind of instrument; it decides calendar, IB routing and adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AssetClass {
    /// A US-listed share, traded in XNYS sessions.
    Stock,
    /// A crypto pair against USD, traded around the clock.
    Crypto,
}

impl AssetClass {
    /// The name in configuration and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Crypto => "crypto",
        }
    }

    /// What a symbol from outside the universe is taken for: a coin when it is quoted in dollars as Yahoo spells coins.
    pub fn by_name(symbol: Symbol) -> Self {
        if symbol.as_str().ends_with("-USD") { Self::Crypto } else { Self::Stock }
    }

    /// Sessions a year, which annualise what is measured by the session.
    pub const fn sessions_a_year(self) -> f64 {
        match self {
            Self::Stock => 252.0,
            Self::Crypto => 365.0,
        }
    }

    /// The sessions of this kind of instrument.
    pub const fn calendar(self) -> Calendar {
        match self {
            Self::Stock => Calendar::Xnys,
            Self::Crypto => Calendar::Continuous,
        }
    }
}

/// One member of the universe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Instrument {
    /// Ticker, in Yahoo's spelling.
    pub symbol: Symbol,
    /// Kind.
    pub asset: AssetClass,
    /// GICS sector, or `Crypto`.
    pub sector: String,
    /// Name for people.
    pub name: String,
}

impl Instrument {
    /// The sessions this instrument trades in.
    pub const fn calendar(&self) -> Calendar {
        self.asset.calendar()
    }
}

/// The instruments under care, in the order of `universe.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Universe {
    /// Members.
    pub instruments: Vec<Instrument>,
}

impl Universe {
    /// The member with this symbol.
    pub fn get(&self, symbol: Symbol) -> Option<&Instrument> {
        self.instruments.iter().find(|i| i.symbol == symbol)
    }
}

/// One symbol in one timeframe: the unit of ingest and the cell of the heat map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Series {
    /// Ticker.
    pub symbol: Symbol,
    /// Bar size.
    pub timeframe: Timeframe,
}

impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.symbol, self.timeframe)
    }
}
