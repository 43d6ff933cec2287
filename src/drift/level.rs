//! What a distance is called. Levels are for people to read: on market data, whose values depend on their own past, most features
//! are above them most nights, so alarms come from [`judge`](super::judge).

use serde::{Deserialize, Serialize};

use super::ks::KolmogorovSmirnov;
use crate::config::strategy::DriftDetection;

/// What is said beside every Kolmogorov-Smirnov p: it holds for independent values, and a market's are not.
pub const OF_KS_P: &str = "iid, optimistic";

/// How far away a distance counts as, from near to far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "lowercase")]
pub enum Level {
    /// Nothing to see.
    Fine,
    /// Past the first threshold.
    Shifting,
    /// Past the threshold of a drift.
    Drifted,
}

/// The levels of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Levels {
    /// Of the population stability index.
    pub psi: Level,
    /// Of the Kullback-Leibler divergence, which has one threshold.
    pub kl: Level,
    /// Of the Kolmogorov-Smirnov p ([`OF_KS_P`]), which has one threshold too: with many rows, trifles are significant. `None`
    /// where there is no p.
    pub ks: Option<Level>,
}

impl Levels {
    /// Levels of distances by the thresholds of `rule`.
    pub fn of(psi: f64, kl: f64, ks: Option<KolmogorovSmirnov>, rule: &DriftDetection) -> Self {
        let psi = match psi {
            v if v >= rule.psi_critical => Level::Drifted,
            v if v >= rule.psi_warning => Level::Shifting,
            _ => Level::Fine,
        };
        let kl = if kl >= rule.kl_critical { Level::Drifted } else { Level::Fine };
        let ks = ks.map(|ks| if ks.p < rule.ks_p { Level::Shifting } else { Level::Fine });
        Self { psi, kl, ks }
    }

    /// The worst of them.
    pub fn worst(&self) -> Level {
        self.psi.max(self.kl).max(self.ks.unwrap_or(Level::Fine))
    }
}
