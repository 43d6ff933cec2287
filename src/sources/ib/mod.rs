//! Interactive Brokers, through TWS or IB Gateway and the `ibapi` crate.
//!
//! `session` keeps the connection, `pacer` the rules of the road, `contracts` the ids; `request` and `bars` translate
//! windows and answers, `classify` errors, `link` notices, `meter` the figures shown. `sources::hybrid` is the caller.

mod bars;
mod classify;
mod contracts;
mod link;
mod meter;
mod pacer;
mod request;
mod session;
mod tuning;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use ibapi::Client;
use ibapi::contracts::{Contract, ContractDetails};
use ibapi::market_data::historical::HistoricalData;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

pub use contracts::{ContractBook, MemoryBook};
pub use tuning::IbTuning;

use classify::{classify, competing_login};
use contracts::Contracts;
use meter::{Meter, Tally};
use pacer::{Ask, Burst, Feedback, Pacer};
use request::Shape;
use session::{Address, Session};

use super::{CandleRequest, Facet, Fault, Fetched, Fundamentals, Metadata, Outcome, Source, SourceStatus, Window};
use crate::config::IbSettings;
use crate::market::{Actions, AssetClass, Clock, Instrument, SourceId, Timeframe};

/// The IB source. Connects at first need, then stays connected until [`Source::shutdown`] or until it is dropped.
pub struct IbSource {
    session: Arc<Session>,
    pacer: Arc<Pacer>,
    meter: Arc<Meter>,
    contracts: Contracts,
    clock: Arc<dyn Clock>,
    request_timeout: Duration,
    stop: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl IbSource {
    /// Starts the source with the limits of the settings. Must be called inside a tokio runtime.
    pub fn start(settings: &IbSettings, contracts: Arc<dyn ContractBook>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::start_tuned(settings, IbTuning::from(settings), contracts, clock)
    }

    /// Starts the source with finer limits than the settings can express.
    pub fn start_tuned(settings: &IbSettings, tuning: IbTuning, contracts: Arc<dyn ContractBook>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let stop = CancellationToken::new();
        let address = Address {
            endpoint: format!("{}:{}", settings.host, settings.port),
            client_id: settings.client_id,
            client_ids: settings.client_ids,
        };
        let pacer = Arc::new(Pacer::new(tuning.limits(settings)));
        let meter = Arc::new(Meter::new(address.endpoint.clone(), settings.messages_per_second, pacer.clone(), clock.clone()));
        let session = Arc::new(Session::new(address, tuning.patience(), meter.clone(), pacer.clone(), clock.clone(), stop.clone()));
        let supervisor = tokio::spawn({
            let session = session.clone();
            async move { session.supervise().await }
        });
        let publisher = tokio::spawn({
            let (meter, stop) = (meter.clone(), stop.clone());
            async move { meter.run(&stop).await }
        });
        Arc::new(Self {
            session,
            pacer,
            meter,
            contracts: Contracts::new(contracts),
            clock,
            request_timeout: tuning.request,
            stop,
            tasks: Mutex::new(vec![supervisor, publisher]),
        })
    }

    async fn contract(&self, client: &Arc<Client>, instrument: &Instrument) -> Result<Contract, Outcome<()>> {
        self.contracts.resolve(instrument, |sample| self.look_up(client, sample)).await
    }

    async fn look_up(&self, client: &Arc<Client>, sample: Contract) -> Outcome<Vec<ContractDetails>> {
        let what = sample.symbol.as_str().to_owned();
        let permit = self.pacer.acquire(&Ask { burst: None, identity: None }).await;
        self.meter.sent();
        let began = Instant::now();
        let outcome = contracts::details(client, &sample, self.request_timeout, &what).await;
        permit.finish(self.tally(&outcome, |_| 0, began.elapsed()));
        outcome
    }

    /// Counts an outcome and says what the pacer should make of it.
    fn tally<T>(&self, outcome: &Outcome<T>, bars: impl FnOnce(&T) -> usize, took: Duration) -> Feedback {
        // A request without an answer is known by its time alone: the texts vary.
        let late = took >= self.request_timeout;
        let (tally, feedback) = match outcome {
            Outcome::Data(t) => (Tally::Answered(bars(t)), Feedback::Answered),
            Outcome::Empty(_) => (Tally::Answered(0), Feedback::Answered),
            Outcome::Pacing(f) => (Tally::TooFast(&f.message), Feedback::TooFast),
            Outcome::Transient(f) if late => (Tally::TimedOut(&f.message), Feedback::TimedOut),
            Outcome::Transient(f) => (Tally::Failed(&f.message), Feedback::Failed),
            Outcome::NotEntitled(f) | Outcome::UnknownSymbol(f) | Outcome::BadRequest(f) | Outcome::Schema(f) => {
                (Tally::Failed(&f.message), Feedback::Answered)
            }
        };
        self.meter.ended(&tally, took);
        if outcome.fault().is_some_and(competing_login) {
            self.meter.competing();
        }
        feedback
    }

    /// One historical request: permit, wire, time limit, feedback. `None` when there is nothing to ask for.
    async fn historical(&self, contract: &Contract, request: &CandleRequest, what: &str) -> Option<Outcome<HistoricalData>> {
        let shape = || request::shape(request.instrument.asset, request.timeframe, request.window, self.clock.now());
        let mut adopted = false;
        loop {
            if let Err(f) = self.session.client().await {
                return Some(Outcome::Transient(f));
            }
            let permit = self.pacer.acquire(&ask(contract, &shape()?, adopted)).await;
            // The wait may have been long: "now" has moved, and the session may be another one. Permits must not wait
            // for it, or all of them would be used at once when it is there.
            let shape = shape()?;
            let Some(client) = self.session.connected() else {
                permit.finish(Feedback::Failed);
                continue;
            };
            self.meter.sent();
            let began = Instant::now();
            // Dropping the future at the limit, or with ours, sends the withdrawal.
            let error = match timeout(self.request_timeout, fetch(&client, contract, &shape)).await {
                Ok(Ok(data)) => {
                    let outcome = Outcome::Data(data);
                    permit.finish(self.tally(&outcome, |d| d.bars.len(), began.elapsed()));
                    return Some(outcome);
                }
                Ok(Err(e)) => e,
                Err(_) => ibapi::Error::Timeout,
            };
            if error.is_connection_lost() || matches!(error, ibapi::Error::ConnectionFailed) {
                self.session.report_broken(&client);
            }
            let outcome = classify(&error, what);
            permit.finish(self.tally(&outcome, |_: &HistoricalData| 0, began.elapsed()));
            match (error, outcome) {
                (ibapi::Error::UnsupportedTimeZone(zone), _) if !adopted => {
                    adopt_zone(&zone);
                    adopted = true;
                }
                (_, Outcome::Pacing(f)) => return Some(Outcome::Pacing(Fault { retry_after: self.pacer.gauge().penalty, ..f })),
                // Long requests are the slow ones: a shorter one may be answered.
                (ibapi::Error::Timeout, Outcome::Transient(f)) => return Some(Outcome::Transient(Fault { overlong: true, ..f })),
                (_, outcome) => return Some(outcome),
            }
        }
    }
}

/// What the pacer needs to know of a request. A repeat after an adopted zone is our own doing and exempt.
fn ask(contract: &Contract, shape: &Shape, repeat: bool) -> Ask {
    let route = hash(&(contract.exchange.as_str(), shape.what.to_string()));
    let burst = Some(Burst { con_id: contract.contract_id, route });
    let identity = (!repeat).then(|| {
        let ending = shape.ending.map(time::OffsetDateTime::unix_timestamp);
        hash(&(contract.contract_id, route, shape.bar_size.to_string(), shape.duration.to_string(), ending))
    });
    Ask { burst, identity }
}

/// The crate refuses a whole answer when the zone named in its end marker is unknown to it. Nothing here reads that
/// marker (bars carry epoch seconds or exchange dates), so any zone will do.
fn adopt_zone(zone: &str) {
    tracing::warn!(target: "ib", zone, "The gateway names an unknown time zone in its end markers; bars do not depend on it");
    ibapi::register_timezone_alias(zone, "Etc/UTC");
}

async fn fetch(client: &Client, contract: &Contract, shape: &Shape) -> Result<HistoricalData, ibapi::Error> {
    let request =
        client.historical_data(contract, shape.bar_size).what_to_show(shape.what).trading_hours(shape.hours).duration(shape.duration);
    match shape.ending {
        Some(at) => request.ending(at).fetch().await,
        None => request.fetch().await,
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut h = DefaultHasher::new();
    value.hash(&mut h);
    h.finish()
}

#[async_trait]
impl Source for IbSource {
    fn id(&self) -> SourceId {
        SourceId::Ib
    }

    fn serves(&self, asset: AssetClass, timeframe: Timeframe) -> bool {
        request::on_session_grid(asset, timeframe)
    }

    fn answers(&self, facet: Facet, _asset: AssetClass) -> bool {
        facet == Facet::Metadata
    }

    fn earliest(&self, _timeframe: Timeframe, _now: i64) -> Option<i64> {
        None
    }

    fn windows(&self, asset: AssetClass, timeframe: Timeframe, span: Window) -> Vec<Window> {
        request::windows(asset, timeframe, span)
    }

    async fn candles(&self, request: &CandleRequest) -> Outcome<Fetched> {
        let CandleRequest { instrument, timeframe, window } = request;
        let what = format!("{} {timeframe}", instrument.symbol);
        if !self.serves(instrument.asset, *timeframe) {
            return Outcome::BadRequest(Fault::new(format!("{what}: IB has no such bars on our session grid; they are derived")));
        }
        let client = match self.session.client().await {
            Ok(c) => c,
            Err(f) => return Outcome::Transient(f),
        };
        let contract = match self.contract(&client, instrument).await {
            Ok(c) => c,
            Err(o) => return o.map(|()| Fetched::default()),
        };
        let Some(outcome) = self.historical(&contract, request, &what).await else {
            return Outcome::Empty(format!("{what}: the window is empty or lies in the future"));
        };
        if matches!(outcome, Outcome::UnknownSymbol(_)) {
            self.contracts.distrust(instrument.symbol);
        }
        let now = self.clock.now();
        match outcome {
            Outcome::Data(data) => {
                let fetched = bars::canonical(&data.bars, instrument.calendar(), *timeframe, *window, now);
                if fetched.bars.is_empty() {
                    let mut why = vec![format!("{what}: IB has no bars in this window")];
                    why.extend(fetched.notes);
                    return Outcome::Empty(why.join("; "));
                }
                Outcome::Data(fetched)
            }
            other => other.map(|_| Fetched::default()),
        }
    }

    async fn actions(&self, _instrument: &Instrument, _since: NaiveDate) -> Outcome<Actions> {
        Outcome::BadRequest(Fault::new("IB serves no splits and dividends here; Yahoo does"))
    }

    async fn fundamentals(&self, _instrument: &Instrument) -> Outcome<Fundamentals> {
        Outcome::BadRequest(Fault::new("IB serves no fundamentals here; Yahoo does"))
    }

    async fn metadata(&self, instrument: &Instrument) -> Outcome<Metadata> {
        let client = match self.session.client().await {
            Ok(c) => c,
            Err(f) => return Outcome::Transient(f),
        };
        match contracts::find(instrument, |sample| self.look_up(&client, sample)).await {
            Ok(details) => Outcome::Data(contracts::metadata(&details)),
            Err(o) => o.map(|()| Metadata::default()),
        }
    }

    async fn probe(&self) -> Outcome<()> {
        self.session.probe().await
    }

    fn status(&self) -> watch::Receiver<SourceStatus> {
        self.meter.subscribe()
    }

    async fn shutdown(&self) {
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // The supervisor bounds its own farewell; the slack only covers a busy machine.
            if timeout(Duration::from_secs(5), task).await.is_err() {
                tracing::warn!(target: "ib", "A task of the IB source did not end in time");
            }
        }
    }
}

impl Drop for IbSource {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
