//! The time limits of the IB source, finer than the whole seconds of the settings.

use std::time::Duration;

use super::pacer::Limits;
use super::session::Patience;
use crate::config::IbSettings;

/// Time limits and gaps. The settings give the first three; the others follow IB's documented rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IbTuning {
    /// Limit for TCP connection and handshake together.
    pub connect: Duration,
    /// Limit for one answer.
    pub request: Duration,
    /// Time between liveness checks.
    pub watchdog: Duration,
    /// Limit for the answer to a liveness check.
    pub pulse: Duration,
    /// Limit for closing a connection.
    pub farewell: Duration,
    /// First pause between connections.
    pub backoff_first: Duration,
    /// Longest pause between connections.
    pub backoff_most: Duration,
    /// In which only so many requests for one contract may leave.
    pub burst_window: Duration,
    /// Least time between two identical requests.
    pub identical_gap: Duration,
    /// First pause after a pacing error.
    pub penalty_first: Duration,
    /// Longest pause after a pacing error.
    pub penalty_most: Duration,
}

impl From<&IbSettings> for IbTuning {
    fn from(settings: &IbSettings) -> Self {
        let limits = Limits::default();
        let at_least_one = |s: u64| Duration::from_secs(s.max(1));
        Self {
            connect: at_least_one(settings.connect_timeout_s),
            request: at_least_one(settings.request_timeout_s),
            watchdog: at_least_one(settings.watchdog_s),
            pulse: Duration::from_secs(5),
            farewell: Duration::from_secs(3),
            backoff_first: Duration::from_secs(1),
            backoff_most: Duration::from_mins(1),
            burst_window: limits.burst_window,
            identical_gap: limits.identical_gap,
            penalty_first: limits.penalty_first,
            penalty_most: limits.penalty_most,
        }
    }
}

impl IbTuning {
    pub(super) const fn patience(&self) -> Patience {
        Patience {
            connect: self.connect,
            watchdog: self.watchdog,
            pulse: self.pulse,
            farewell: self.farewell,
            backoff_first: self.backoff_first,
            backoff_most: self.backoff_most,
        }
    }

    pub(super) fn limits(&self, settings: &IbSettings) -> Limits {
        Limits {
            messages_per_second: settings.messages_per_second,
            in_flight_start: settings.in_flight_start,
            in_flight_max: settings.in_flight_max,
            burst_window: self.burst_window,
            identical_gap: self.identical_gap,
            penalty_first: self.penalty_first,
            penalty_most: self.penalty_most,
            ..Limits::default()
        }
    }
}
