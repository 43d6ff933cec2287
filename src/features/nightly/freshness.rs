//! Whether what is cached is what would be made now.

use serde::{Deserialize, Serialize};

use super::survey::Survey;
use super::{Desk, NightError};
use crate::features::definition_hash;
use crate::store::model::{Made, ModelReader};

/// How a cache of features stands to the market data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, strum::Display)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// It is made of the market data, symbols and definitions of now.
    #[default]
    #[strum(to_string = "up to date")]
    Current,
    /// Those have changed since.
    #[strum(to_string = "behind the daily bars")]
    Behind,
    /// Rows of two states lie beside each other.
    #[strum(to_string = "a build is under way, or was cut short")]
    CutShort,
}

impl Freshness {
    /// Of a cache that was `made` so, where features of `snapshot` would be made now.
    pub(super) fn of(made: Option<&Made>, snapshot: &str) -> Self {
        match made {
            None => Self::CutShort,
            Some(made) if made.snapshot == snapshot && made.definition == definition_hash() => Self::Current,
            Some(_) => Self::Behind,
        }
    }
}

/// How the cache of `reader` stands to the market data of `desk`.
pub fn freshness(reader: &ModelReader, desk: &Desk<'_>) -> Result<Freshness, NightError> {
    let made = reader.features_made()?;
    let snapshot = if made.is_some() { Survey::take(desk)?.snapshot() } else { String::new() };
    Ok(Freshness::of(made.as_ref(), &snapshot))
}
