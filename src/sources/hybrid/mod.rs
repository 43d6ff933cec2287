//! The choice between sources: IB first, Yahoo where IB cannot, and back again.
//!
//! `ingest` asks here for spans and facets. Each source has a breaker; a symbol that a source may not serve is
//! remembered for an hour; what one source left undone the next one continues, and every part names its source.

mod facets;
mod fetch;
mod slot;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use facets::Answer;
pub use fetch::{FetchEnd, FetchRequest, Part};

use slot::Slot;

use super::backoff::Backoff;
use super::breaker::Breaker;
use super::{Fault, LinkState, Outcome, Source, SourceStatus};
use crate::config::{IngestSettings, SourcePolicy};
use crate::market::{AssetClass, Clock, Facet, Instrument, SourceId, Symbol, Timeframe};

/// How long a refusal ("not entitled") of a symbol is remembered.
const REFUSED_FOR: Duration = Duration::from_hours(1);

/// How failures are retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HybridTuning {
    /// Tries of one window with one source.
    pub tries: u32,
    /// First pause between tries.
    pub pause_first: Duration,
    /// Longest pause between tries.
    pub pause_most: Duration,
    /// Longest wait that a source's own "come back later" is granted, over all windows of one fetch together: a run
    /// fails a series rather than hang until a cool-down of half an hour ends.
    pub patience: Duration,
    /// Failures in a row that open a breaker.
    pub breaker_failures: u32,
    /// How long an open breaker waits before it probes.
    pub breaker_rest: Duration,
}

impl From<&IngestSettings> for HybridTuning {
    fn from(settings: &IngestSettings) -> Self {
        Self {
            tries: 3,
            pause_first: Duration::from_secs(2),
            pause_most: Duration::from_secs(30),
            patience: Duration::from_mins(1),
            breaker_failures: settings.breaker_failures,
            breaker_rest: Duration::from_secs(settings.breaker_probe_s.max(1)),
        }
    }
}

/// The sources behind one door.
pub struct Hybrid {
    slots: Vec<Arc<Slot>>,
    disabled: Vec<watch::Sender<SourceStatus>>,
    tuning: HybridTuning,
    clock: Arc<dyn Clock>,
    /// Until when (monotonic time) a source is not asked for a symbol it refused.
    refused: Mutex<HashMap<(SourceId, Symbol), Duration>>,
    recovered: Arc<watch::Sender<u64>>,
    stop: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Hybrid {
    /// Starts the choice over the sources that are switched on. Must be called inside a tokio runtime.
    pub fn start(
        ib: Option<Arc<dyn Source>>,
        yahoo: Option<Arc<dyn Source>>,
        settings: &IngestSettings,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Self::start_tuned(ib, yahoo, HybridTuning::from(settings), clock)
    }

    /// Starts with limits finer than the settings can express.
    pub fn start_tuned(
        ib: Option<Arc<dyn Source>>,
        yahoo: Option<Arc<dyn Source>>,
        tuning: HybridTuning,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let stop = CancellationToken::new();
        let recovered = Arc::new(watch::Sender::new(0));
        let (mut slots, mut disabled, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
        for (id, source) in [(SourceId::Ib, ib), (SourceId::Yahoo, yahoo)] {
            let Some(source) = source else {
                let status = SourceStatus { link: LinkState::Disabled, ..SourceStatus::new(id, "") };
                disabled.push(watch::Sender::new(status));
                continue;
            };
            let breaker = Breaker::new(tuning.breaker_failures, tuning.breaker_rest);
            let bell = (id == SourceId::Ib).then(|| recovered.clone());
            let slot = Arc::new(Slot::new(source, breaker, bell, clock.clone()));
            for task in slot::tasks(&slot, &stop) {
                tasks.push(task);
            }
            slots.push(slot);
        }
        let refused = Mutex::new(HashMap::new());
        Arc::new(Self { slots, disabled, tuning, clock, refused, recovered, stop, tasks: Mutex::new(tasks) })
    }

    /// The sources that may be asked now for bars of `instrument`, in order of preference.
    pub fn pick(&self, instrument: &Instrument, timeframe: Timeframe, policy: SourcePolicy) -> Vec<Arc<dyn Source>> {
        self.ready(instrument, timeframe, policy).into_iter().map(|s| s.source.clone()).collect()
    }

    /// Live state of each source, its breaker included; a source that is switched off says so.
    pub fn statuses(&self) -> Vec<watch::Receiver<SourceStatus>> {
        let on = self.slots.iter().map(|s| s.status());
        on.chain(self.disabled.iter().map(watch::Sender::subscribe)).collect()
    }

    /// Counts the times that IB came back after its breaker had been open. On a change, what the fallback filled
    /// meanwhile deserves a second fetch.
    pub fn recovered(&self) -> watch::Receiver<u64> {
        self.recovered.subscribe()
    }

    /// Probes a source now, whatever its breaker says; a good answer closes the breaker.
    pub async fn probe_now(&self, id: SourceId) -> Outcome<()> {
        match self.slots.iter().find(|s| s.id() == id) {
            Some(slot) => slot.probe(true).await,
            None => Outcome::BadRequest(Fault::new(format!("the source {id} is switched off in the configuration"))),
        }
    }

    /// The source that a policy leaves for a facet, breakers aside; `None` where none answers it. Where several do it
    /// is the one whose answer leads: see [`Self::metadata`].
    pub fn answers(&self, facet: Facet, asset: AssetClass, policy: SourcePolicy) -> Option<SourceId> {
        self.slots.iter().rev().find(|s| allowed(policy, s.id()) && s.source.answers(facet, asset)).map(|s| s.id())
    }

    /// Closes all sources politely.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        for slot in &self.slots {
            slot.source.shutdown().await;
        }
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if task.await.is_err() {
                tracing::warn!(target: "ingest", "A task of the source choice ended badly");
            }
        }
    }

    fn ready(&self, instrument: &Instrument, timeframe: Timeframe, policy: SourcePolicy) -> Vec<&Arc<Slot>> {
        let able = self.slots.iter().filter(|s| allowed(policy, s.id()) && s.source.serves(instrument.asset, timeframe));
        able.filter(|s| s.allows() && !self.is_refused(s.id(), instrument.symbol)).collect()
    }

    /// Why [`Self::ready`] is empty, for people.
    fn why_none(&self, instrument: &Instrument, timeframe: Timeframe, policy: SourcePolicy) -> Fault {
        let reasons: Vec<String> = self
            .slots
            .iter()
            .filter(|s| allowed(policy, s.id()))
            .map(|s| {
                let id = s.id();
                if !s.source.serves(instrument.asset, timeframe) {
                    format!("{id} has no {timeframe} bars on our grid")
                } else if self.is_refused(id, instrument.symbol) {
                    format!("{id} refused {} within the hour (not entitled)", instrument.symbol)
                } else {
                    format!("{id} is not answering ({}) and is probed every {} s", s.trouble(), self.tuning.breaker_rest.as_secs())
                }
            })
            .collect();
        let reasons = if reasons.is_empty() { "every source is switched off or excluded".to_owned() } else { reasons.join("; ") };
        Fault::new(format!("no source can be asked now: {reasons}"))
    }

    fn is_refused(&self, id: SourceId, symbol: Symbol) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = refused.get(&(id, symbol)).copied() else { return false };
        let still = self.clock.mono() < until;
        if !still {
            refused.remove(&(id, symbol));
        }
        still
    }

    fn refuse(&self, id: SourceId, symbol: Symbol) {
        let until = self.clock.mono() + REFUSED_FOR;
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert((id, symbol), until);
        tracing::info!(target: "ingest", source = %id, %symbol, "Not entitled; this source is not asked for the symbol for an hour");
    }

    /// Takes in the outcome of one try and says what to do next.
    fn judge<T>(&self, slot: &Slot, outcome: &Outcome<T>, tries: &mut Tries) -> Next {
        let fault = match outcome {
            Outcome::Data(_) | Outcome::Empty(_) => {
                slot.answered();
                return Next::Advance;
            }
            Outcome::NotEntitled(f) | Outcome::UnknownSymbol(f) | Outcome::BadRequest(f) | Outcome::Schema(f) => {
                return Next::GiveUp(f.clone());
            }
            Outcome::Pacing(f) | Outcome::Transient(f) => f,
        };
        let Tries { work, other_source, .. } = *tries;
        // A status code on a facet (a crumb refused, say) is that facet's trouble: bars must not suffer for it.
        if work == Work::Bars || fault.code.is_none() {
            slot.failed(other_source, &fault.message);
        }
        tries.used += 1;
        let pause = match fault.retry_after {
            Some(asked) if asked > tries.patience => return Next::GiveUp(self.impatient(fault)),
            Some(asked) => asked,
            None => tries.backoff.pause(),
        };
        if tries.used >= self.tuning.tries || (other_source && !slot.allows()) {
            return Next::GiveUp(fault.clone());
        }
        if fault.retry_after.is_some() {
            tries.patience -= pause;
        }
        Next::Wait(pause)
    }

    /// The fault of a source that asks for more patience than a run has.
    fn impatient(&self, fault: &Fault) -> Fault {
        let most = self.tuning.patience.as_secs();
        let message = format!("{}; a run waits no longer than {most} s: ask again with the next run", fault.message);
        Fault { message, ..fault.clone() }
    }

    fn tries(&self, symbol: Symbol, work: Work, other_source: bool) -> Tries {
        let seed = self.clock.mono().as_nanos() as u64 ^ symbol.as_str().bytes().fold(0, |h, b| (h << 5) ^ (h >> 59) ^ u64::from(b));
        let backoff = Backoff::new(self.tuning.pause_first, self.tuning.pause_most, seed);
        Tries { used: 0, backoff, patience: self.tuning.patience, work, other_source }
    }
}

impl Drop for Hybrid {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The tries with one source: of one request, or of one window of a fetch after another.
struct Tries {
    used: u32,
    backoff: Backoff,
    /// What is left of [`HybridTuning::patience`].
    patience: Duration,
    work: Work,
    /// Whether another source could take over.
    other_source: bool,
}

impl Tries {
    /// The next window has all its tries, but only the patience that the ones before have left.
    fn renew(&mut self) {
        self.used = 0;
        self.backoff.reset();
    }
}

/// What a try is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Bars,
    Facet,
}

/// What follows a try.
enum Next {
    /// Answered: go on.
    Advance,
    /// This source will not do it.
    GiveUp(Fault),
    /// Try again after a pause.
    Wait(Duration),
}

const fn allowed(policy: SourcePolicy, id: SourceId) -> bool {
    match policy {
        SourcePolicy::Auto => true,
        SourcePolicy::Ib => matches!(id, SourceId::Ib),
        SourcePolicy::Yahoo => matches!(id, SourceId::Yahoo),
    }
}
