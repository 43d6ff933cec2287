//! Summaries: the requests that need cookie and crumb, their pause when Yahoo refuses the session, and a short memory
//! so that fundamentals and metadata of one symbol cost one reading.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use yahoo_finance_api::YahooConnector;

use super::classify::{Failure, Refusal, crate_error, drift};
use super::summary::Summary;
use super::{Fault, Instrument, Outcome, Sent, YahooSource};
use crate::market::Symbol;

/// How long fundamentals rest after a refused session.
const PAUSE: Duration = Duration::from_mins(15);
/// How long a summary stands for the next question about its symbol.
const FRESH: Duration = Duration::from_mins(10);

type Found = (Summary, Vec<String>);

pub(super) struct Summaries {
    /// `get_ticker_info` needs the connector for itself: it keeps cookie and crumb inside.
    connector: AsyncMutex<Option<YahooConnector>>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Monotonic end of the pause.
    paused: Option<Duration>,
    read: HashMap<Symbol, (Duration, Found)>,
}

impl Summaries {
    pub(super) fn new(connector: Option<YahooConnector>) -> Self {
        Self { connector: AsyncMutex::new(connector), memory: Mutex::new(Memory::default()) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A cache and a deadline: valid whatever a panicking holder did.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl YahooSource {
    /// The summary of one symbol with notes on what is missing from it.
    pub(super) async fn summary(&self, instrument: &Instrument) -> Result<Found, Refusal> {
        if let Some(found) = self.remembered(instrument.symbol)? {
            return Ok(found);
        }
        let mut connector = self.summaries.connector.lock().await;
        // While this call waited, another may have read the same symbol, or been refused.
        if let Some(found) = self.remembered(instrument.symbol)? {
            return Ok(found);
        }
        let symbol = instrument.symbol.as_str();
        let (typed, drifted) = match connector.as_mut() {
            None => (None, None),
            Some(held) => match self.exchange(symbol, typed(held, symbol)).await {
                Sent::Data(summary) => (Some(summary), None),
                Sent::Drift(fault) => (None, Some(fault)),
                Sent::Session(fault) => {
                    // The crate keeps a refused cookie; a new connector begins without one.
                    *connector = self.wire.connector();
                    return Err(self.pause(&fault));
                }
                Sent::Refused(refusal) => return Err(refusal),
            },
        };
        let found = self.complete(symbol, typed, drifted).await?;
        let now = self.clock.mono();
        self.summaries.memory().read.insert(instrument.symbol, (now, found.clone()));
        Ok(found)
    }

    /// The small request of our own: it holds `peg_ratio`, for which the crate has no field, and rescues a symbol
    /// whose typed answer was refused. Its failure costs that one metric, unless it was to be the rescue.
    async fn complete(&self, symbol: &str, typed: Option<Summary>, drifted: Option<Fault>) -> Result<Found, Refusal> {
        let small = async {
            let json = self.raw.summary(symbol).await?;
            Summary::read(&json)
        };
        match (typed, self.exchange(symbol, small).await) {
            (Some(mut summary), Sent::Data(small)) => {
                summary.fill_from(&small);
                Ok((summary, Vec::new()))
            }
            (None, Sent::Data(small)) => {
                let why = drifted.map(|f| format!("read tolerantly, the typed reading failed: {}", f.message));
                Ok((small, why.into_iter().collect()))
            }
            (Some(summary), Sent::Drift(f) | Sent::Session(f)) => Ok((summary, vec![without_peg(&f.message)])),
            (Some(summary), Sent::Refused(r)) => Ok((summary, vec![without_peg(r.fault().map_or(r.kind(), |f| &f.message))])),
            (None, Sent::Session(fault)) => Err(self.pause(&fault)),
            (None, Sent::Drift(fault)) => Err(Outcome::Schema(fault)),
            (None, Sent::Refused(refusal)) => Err(refusal),
        }
    }

    /// What is known of `symbol` without asking: a fresh summary, or that fundamentals rest.
    fn remembered(&self, symbol: Symbol) -> Result<Option<Found>, Refusal> {
        let now = self.clock.mono();
        let mut memory = self.summaries.memory();
        memory.read.retain(|_, (at, _)| now.saturating_sub(*at) < FRESH);
        if let Some((_, found)) = memory.read.get(&symbol) {
            return Ok(Some(found.clone()));
        }
        let left = memory.paused.and_then(|end| end.checked_sub(now)).filter(|d| !d.is_zero());
        match left {
            None => Ok(None),
            Some(left) => Err(Outcome::Transient(resting("fundamentals rest after a refused session", left))),
        }
    }

    fn pause(&self, fault: &Fault) -> Refusal {
        self.summaries.memory().paused = Some(self.clock.mono() + PAUSE);
        self.meter.session_paused(PAUSE);
        tracing::warn!(target: "yahoo", minutes = PAUSE.as_secs() / 60, "Fundamentals pause, candles go on");
        Outcome::Transient(Fault { code: fault.code, ..resting(&fault.message, PAUSE) })
    }
}

fn without_peg(why: &str) -> String {
    format!("peg_ratio: its own request failed: {why}")
}

fn resting(why: &str, left: Duration) -> Fault {
    let message = format!("{why}; the next try is in {} s, candles are not affected", left.as_secs());
    Fault { retry_after: Some(left), ..Fault::new(message) }
}

async fn typed(connector: &mut YahooConnector, symbol: &str) -> Result<Summary, Failure> {
    let response = connector.get_ticker_info(symbol).await.map_err(|e| crate_error(&e))?;
    let json = serde_json::to_value(&response).map_err(|e| drift(&e.to_string(), ""))?;
    Summary::read(&json)
}
