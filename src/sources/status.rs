//! The live state of a source, as the Sources pane and `doctor` show it.

use serde::{Deserialize, Serialize};

use crate::market::SourceId;

/// The state of a source's connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum LinkState {
    /// Switched off in the configuration.
    Disabled,
    /// Not needed yet, not tried yet.
    #[default]
    Idle,
    /// Trying; `attempt` counts from 1.
    Connecting {
        /// Which try this is.
        attempt: u32,
    },
    /// Connected, or the last request was answered.
    Up,
    /// Connected, but something behind it is not (farms, IB's own link, a cool-down).
    Degraded {
        /// What is wrong, in a few words.
        reason: String,
    },
    /// Not connected.
    Down {
        /// Why.
        cause: String,
        /// Next try, UTC seconds.
        retry_at: Option<i64>,
    },
}

/// A data farm's state, from IB's notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FarmState {
    /// Connected.
    Ok,
    /// Idle, connects on demand; healthy.
    Inactive,
    /// Connecting.
    Connecting,
    /// Broken.
    Broken,
}

/// A circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum BreakerState {
    /// Requests flow.
    #[default]
    Closed,
    /// No requests until `until` (UTC seconds).
    Open {
        /// When the next probe is due.
        until: i64,
    },
    /// One probe is out.
    HalfOpen,
}

/// Everything the console shows of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceStatus {
    /// Which source.
    pub source: SourceId,
    /// Where it is (`127.0.0.1:4002`, `query1.finance.yahoo.com`).
    pub endpoint: String,
    /// Connection.
    pub link: LinkState,
    /// Breaker, kept by the hybrid.
    pub breaker: BreakerState,
    /// Requests awaiting an answer.
    pub in_flight: u32,
    /// How many may await at once now (adapts), 0 when not limited.
    pub in_flight_limit: u32,
    /// Requests sent in the last second.
    pub requests_per_second: f32,
    /// The ceiling of the pacer, requests per second.
    pub requests_per_second_limit: f32,
    /// Requests sent in each of the last 60 seconds, oldest first.
    pub history: Vec<u16>,
    /// End of a penalty or cool-down, UTC seconds.
    pub penalty_until: Option<i64>,
    /// Farms by name (IB only).
    pub farms: Vec<(String, FarmState)>,
    /// Requests answered with data or an honest nothing.
    pub answered: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Pacing errors among them.
    pub pacing_errors: u64,
    /// Bars received.
    pub bars: u64,
    /// Median and 99th percentile of answer times, milliseconds, over the last requests.
    pub latency_ms: Option<(u32, u32)>,
    /// When and what the last failure was.
    pub last_error: Option<(i64, String)>,
}

impl SourceStatus {
    /// The state before anything happened.
    pub fn new(source: SourceId, endpoint: impl Into<String>) -> Self {
        Self {
            source,
            endpoint: endpoint.into(),
            link: LinkState::Idle,
            breaker: BreakerState::Closed,
            in_flight: 0,
            in_flight_limit: 0,
            requests_per_second: 0.0,
            requests_per_second_limit: 0.0,
            history: vec![0; 60],
            penalty_until: None,
            farms: Vec::new(),
            answered: 0,
            failed: 0,
            pacing_errors: 0,
            bars: 0,
            latency_ms: None,
            last_error: None,
        }
    }
}
