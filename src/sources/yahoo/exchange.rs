//! One paced exchange with Yahoo, and the chart request in its two forms.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Duration;

use yahoo_finance_api::time::OffsetDateTime;
use yahoo_finance_api::{YResponse, YahooConnector};

use super::chart::Chart;
use super::classify::{Failure, Refusal, crate_error, drift};
use super::meter::Health;
use super::{Fault, Outcome, Window, YahooSource};

/// What came of an exchange: data, a shape to be read more tolerantly, a refused session, or a final refusal.
pub(super) enum Sent<T> {
    Data(T),
    Drift(Fault),
    Session(Fault),
    Refused(Refusal),
}

impl YahooSource {
    /// Sends one request when the pacer allows, and keeps pacer, status and log in step with its answer.
    pub(super) async fn exchange<T>(&self, what: &str, request: impl Future<Output = Result<T, Failure>> + Send) -> Sent<T> {
        if self.closed.load(Ordering::Acquire) {
            return Sent::Refused(Outcome::Transient(Fault::new("the Yahoo source is shut down")));
        }
        let permit = match self.pacer.admit().await {
            Ok(permit) => permit,
            Err(left) => return Sent::Refused(cooling(left)),
        };
        let exchange = self.meter.begin();
        let result = request.await;
        let (sent, health) = self.judge(result);
        let failure = match &sent {
            Sent::Data(_) => None,
            Sent::Drift(f) | Sent::Session(f) => Some(f.message.as_str()),
            Sent::Refused(r) => r.fault().map(|f| f.message.as_str()),
        };
        if let Some(message) = failure {
            tracing::warn!(target: "yahoo", request = what, "{message}");
        }
        exchange.finish(health, failure);
        drop(permit);
        sent
    }

    fn judge<T>(&self, result: Result<T, Failure>) -> (Sent<T>, Option<Health>) {
        match result {
            Ok(data) => {
                self.pacer.answered();
                (Sent::Data(data), Some(Health::Good))
            }
            Err(Failure::Throttled(asked)) => {
                let left = self.pacer.throttled(asked);
                self.meter.cooling(left);
                (Sent::Refused(cooling(left)), None)
            }
            Err(Failure::Session(fault)) => (Sent::Session(fault), None),
            Err(Failure::Drift(fault)) => {
                self.pacer.answered();
                (Sent::Drift(fault), Some(Health::Good))
            }
            Err(Failure::Unreachable(fault)) => {
                let health = Health::Unreachable(fault.message.clone());
                (Sent::Refused(Outcome::Transient(fault)), Some(health))
            }
            Err(Failure::Final(Outcome::Transient(fault))) => {
                let health = Health::Troubled(fault.message.clone());
                (Sent::Refused(Outcome::Transient(fault)), Some(health))
            }
            Err(Failure::Final(refusal)) => {
                self.pacer.answered();
                (Sent::Refused(refusal), Some(Health::Good))
            }
        }
    }

    /// One chart: through the crate, and where its types refuse the answer, once more and read tolerantly.
    pub(super) async fn chart(&self, symbol: &str, interval: &str, periods: Window) -> Result<Chart, Refusal> {
        let drifted = match &self.charts {
            None => None,
            Some(connector) => match self.exchange(symbol, typed(connector, symbol, interval, periods)).await {
                Sent::Data(chart) => return Ok(chart),
                Sent::Drift(fault) => Some(fault),
                Sent::Session(fault) => return Err(blocked(fault)),
                Sent::Refused(refusal) => return Err(refusal),
            },
        };
        let tolerant = async {
            let json = self.raw.chart(symbol, interval, periods).await?;
            Chart::read(&json)
        };
        match self.exchange(symbol, tolerant).await {
            Sent::Data(chart) => {
                if let Some(fault) = drifted {
                    tracing::info!(target: "yahoo", symbol, reason = %fault.message, "Answer read tolerantly");
                }
                Ok(chart)
            }
            Sent::Drift(fault) => Err(Outcome::Schema(fault)),
            Sent::Session(fault) => Err(blocked(fault)),
            Sent::Refused(refusal) => Err(refusal),
        }
    }
}

/// Charts need no session, so a 401 or 403 there is a block of this machine.
fn blocked(mut fault: Fault) -> Refusal {
    fault.message.push_str("; charts need no session, so this machine or network is blocked");
    Outcome::Transient(fault)
}

/// The outcome while the shared cool-down lasts.
fn cooling(left: Duration) -> Refusal {
    let message = format!("Yahoo answered 429 (too many requests); no request leaves for the next {} s", left.as_secs());
    Outcome::Pacing(Fault { retry_after: Some(left), ..Fault::coded(429, message) })
}

async fn typed(connector: &YahooConnector, symbol: &str, interval: &str, periods: Window) -> Result<Chart, Failure> {
    let instant = |ts: i64| {
        OffsetDateTime::from_unix_timestamp(ts)
            .map_err(|e| Failure::Final(Outcome::BadRequest(Fault::new(format!("a window that no calendar holds: {e}")))))
    };
    let (start, end) = (instant(periods.start)?, instant(periods.end)?);
    let response = connector.get_quote_history_interval(symbol, start, end, interval).await.map_err(|e| crate_error(&e))?;
    untyped(&response)
}

/// The crate's answer as rows. Its own `quotes()` would give 0 for a null open, high or low.
pub(super) fn untyped(response: &YResponse) -> Result<Chart, Failure> {
    let json = serde_json::to_value(response).map_err(|e| drift(&e.to_string(), ""))?;
    Chart::read(&json)
}
