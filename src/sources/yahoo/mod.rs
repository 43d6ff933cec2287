//! Yahoo Finance, the fallback source and the only one of splits, dividends, fundamentals and metadata.
//!
//! Candles go through `yahoo_finance_api`; an answer that its types refuse is asked for once more and read tolerantly.
//! All requests share one pacer and one cool-down. Fundamentals need a session (cookie and crumb); when Yahoo refuses
//! it, they pause and candles go on. `ingest` is the caller, through [`Source`].

mod bars;
mod chart;
mod classify;
mod client;
mod exchange;
mod limits;
mod meter;
mod pacer;
mod raw;
mod recorded;
mod session;
mod summary;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::NaiveDate;
use tokio::sync::watch;
use yahoo_finance_api::YahooConnector;

pub use client::YahooSetupError;
pub use recorded::{read_chart, read_chart_actions, read_summary};
pub(crate) use summary::FIELDS as METRIC_FIELDS;

use crate::config::YahooSettings;
use crate::market::{Actions, AssetClass, Clock, DAY, Facet, Fundamentals, Instrument, Metadata, SourceId, Timeframe, date_to_ts};
use crate::sources::{CandleRequest, Fault, Fetched, Outcome, Source, SourceStatus, Window};
use classify::{Refusal, widen};
use client::Wire;
use exchange::Sent;
use meter::Meter;
use pacer::Pacer;
use raw::Raw;
use session::Summaries;

/// The symbol a probe asks for: listed since 1980 and part of every universe.
const CANARY: &str = "AAPL";

/// Yahoo Finance behind one client, one pacer and one cool-down.
pub struct YahooSource {
    clock: Arc<dyn Clock>,
    charts: Option<YahooConnector>,
    raw: Raw,
    summaries: Summaries,
    wire: Wire,
    pacer: Arc<Pacer>,
    meter: Arc<Meter>,
    closed: AtomicBool,
}

impl YahooSource {
    /// Builds the source; nothing is sent yet. Fails where TLS has no CA store, or where `yahoo.loopback` does not
    /// name a simulator on this machine with its authority.
    pub fn new(settings: &YahooSettings, clock: Arc<dyn Clock>) -> Result<Arc<Self>, YahooSetupError> {
        let wire = Wire::new(settings)?;
        let pacer = Arc::new(Pacer::new(settings, clock.clone()));
        Ok(Arc::new(Self {
            charts: wire.connector(),
            raw: Raw::new(wire.http.clone()),
            summaries: Summaries::new(wire.connector()),
            meter: Meter::new(settings, &wire.endpoint, pacer.clone(), clock.clone()),
            pacer,
            closed: AtomicBool::new(false),
            wire,
            clock,
        }))
    }

    /// The window that may be asked for at `now`, or why there is none.
    fn clamp(&self, request: &CandleRequest) -> Result<(Window, Option<String>), Refusal> {
        let Window { start, end } = request.window;
        let wall = self.earliest(request.timeframe, self.clock.now());
        let from = wall.map_or(start, |wall| wall.max(start));
        if start >= end {
            return Err(Outcome::BadRequest(Fault::new("the window is empty")));
        }
        if from >= end {
            let days = (self.clock.now() - from) / DAY;
            let text = format!("Yahoo serves {} bars for the last {days} days only; ask another source for older ones", request.timeframe);
            return Err(Outcome::BadRequest(Fault::new(text)));
        }
        let note = (from > start).then(|| format!("the window was cut to what Yahoo serves in {}", request.timeframe));
        Ok((Window { start: from, end }, note))
    }

    async fn bars(&self, request: &CandleRequest) -> Result<Fetched, Refusal> {
        let Some(interval) = limits::interval(request.timeframe) else {
            let text = format!("Yahoo has no {} bars; they are derived from finer ones", request.timeframe);
            return Err(Outcome::BadRequest(Fault::new(text)));
        };
        let (window, note) = self.clamp(request)?;
        let periods = limits::periods(request.timeframe, window);
        let chart = self.chart(request.instrument.symbol.as_str(), interval, periods).await?;
        let request = CandleRequest { window, ..request.clone() };
        match bars::bars(&chart, &request, self.clock.now()) {
            Outcome::Data(mut fetched) => {
                fetched.notes.extend(note);
                self.meter.bars(fetched.bars.len());
                Ok(fetched)
            }
            other => Err(refusal(other)),
        }
    }
}

/// An outcome known to hold no data. Data, which does not occur, would count as nothing found.
fn refusal<T>(outcome: Outcome<T>) -> Refusal {
    match outcome {
        Outcome::Data(_) => Outcome::Empty(String::new()),
        Outcome::Empty(s) => Outcome::Empty(s),
        Outcome::NotEntitled(f) => Outcome::NotEntitled(f),
        Outcome::UnknownSymbol(f) => Outcome::UnknownSymbol(f),
        Outcome::BadRequest(f) => Outcome::BadRequest(f),
        Outcome::Pacing(f) => Outcome::Pacing(f),
        Outcome::Transient(f) => Outcome::Transient(f),
        Outcome::Schema(f) => Outcome::Schema(f),
    }
}

fn outcome<T>(result: Result<T, Refusal>) -> Outcome<T> {
    match result {
        Ok(data) => Outcome::Data(data),
        Err(refusal) => widen(refusal),
    }
}

#[async_trait]
impl Source for YahooSource {
    fn id(&self) -> SourceId {
        SourceId::Yahoo
    }

    fn serves(&self, _asset: AssetClass, timeframe: Timeframe) -> bool {
        limits::interval(timeframe).is_some()
    }

    fn answers(&self, _facet: Facet, _asset: AssetClass) -> bool {
        true
    }

    fn earliest(&self, timeframe: Timeframe, now: i64) -> Option<i64> {
        limits::earliest(timeframe, now)
    }

    fn windows(&self, _asset: AssetClass, timeframe: Timeframe, span: Window) -> Vec<Window> {
        limits::windows(timeframe, span)
    }

    async fn candles(&self, request: &CandleRequest) -> Outcome<Fetched> {
        outcome(self.bars(request).await)
    }

    async fn actions(&self, instrument: &Instrument, since: NaiveDate) -> Outcome<Actions> {
        let window = Window { start: date_to_ts(since), end: self.clock.now() + DAY };
        match self.chart(instrument.symbol.as_str(), "1d", window).await {
            Ok(chart) => bars::actions(&chart, instrument.symbol, since),
            Err(refusal) => widen(refusal),
        }
    }

    async fn fundamentals(&self, instrument: &Instrument) -> Outcome<Fundamentals> {
        let (summary, notes) = match self.summary(instrument).await {
            Ok(found) => found,
            Err(refusal) => return widen(refusal),
        };
        if !summary.has_metrics() {
            return Outcome::Empty(format!("Yahoo has no metrics of {}", instrument.symbol));
        }
        Outcome::Data(summary.fundamentals(instrument.asset, self.clock.utc().date_naive(), notes))
    }

    async fn metadata(&self, instrument: &Instrument) -> Outcome<Metadata> {
        outcome(self.summary(instrument).await.map(|(summary, _)| summary.metadata()))
    }

    async fn probe(&self) -> Outcome<()> {
        let now = self.clock.now();
        outcome(self.chart(CANARY, "1d", Window { start: now - 5 * DAY, end: now }).await.map(|_| ()))
    }

    fn status(&self) -> watch::Receiver<SourceStatus> {
        self.meter.subscribe()
    }

    async fn shutdown(&self) {
        // The client's connections close with their last clone; nothing that is under way is waited for.
        self.closed.store(true, Ordering::Release);
    }
}
