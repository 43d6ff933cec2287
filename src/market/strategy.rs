//! The two strategies: what a signal is about, and the name of a database, a configuration file and a model folder.

use serde::{Deserialize, Serialize};

/// A way to turn the same market data into signals. Each has its own configuration file, database and models; nothing
/// crosses.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumString, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Strategy {
    /// Two weeks: a position is held for 14 calendar days at most.
    Turbomode,
    /// One week: a position is held for 5 sessions at most.
    Slipstream,
}

impl Strategy {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Turbomode, Self::Slipstream];

    /// The name in commands, file names and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Turbomode => "turbomode",
            Self::Slipstream => "slipstream",
        }
    }

    /// Name of its configuration file inside the configuration folder.
    pub const fn config_file(self) -> &'static str {
        match self {
            Self::Turbomode => "turbomode.toml",
            Self::Slipstream => "slipstream.toml",
        }
    }

    /// Name of its database inside the data folder.
    pub const fn database_file(self) -> &'static str {
        match self {
            Self::Turbomode => "turbomode.db",
            Self::Slipstream => "slipstream.db",
        }
    }
}
