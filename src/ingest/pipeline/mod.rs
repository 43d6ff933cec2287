//! Executes a plan: fetch, screen, write, review, derive, one symbol a worker; facets beside them.
//!
//! The engine starts a run and listens to its events. A failing symbol is recorded and the others go on; only a store
//! that cannot write (disk full, writer gone) ends the run. Every written batch is durable before the next request
//! of its series, so a killed run resumes where it stopped.

mod checks;
mod confirm;
mod derive_step;
mod facets;
mod fetch;
mod refetch;
mod symbol;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::planner::{self, Pace, Plan, PlanInput, SymbolPlan};
use super::{Event, IngestSpec, PlanSummary, RunSummary};
use crate::config::{Settings, SourcePolicy};
use crate::market::{Clock, Instrument, SourceId, Universe};
use crate::sources::hybrid::Hybrid;
use crate::sources::{BreakerState, LinkState};
use crate::store::master::{ReadPool, Reader, StoreError, Writer};

use tally::Tally;

/// What a gentle stop leaves to the requests in flight: a run lets go within about a second.
const GRACE: Duration = Duration::from_secs(1);
/// Symbols whose facets are read at once; the source's own limits are tighter.
const FACET_WORKERS: usize = 4;

/// What a run needs; one per engine.
pub struct Pipeline {
    /// The only way to change the database.
    pub writer: Writer,
    /// Ways to read it.
    pub reads: ReadPool,
    /// The sources.
    pub hybrid: Arc<Hybrid>,
    /// Settings in force when the run starts.
    pub settings: Arc<Settings>,
    /// Members.
    pub universe: Arc<Universe>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Two strengths of stopping a run.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Start nothing new; requests in flight have a second to be answered, and what they bring is written.
    pub gently: CancellationToken,
    /// Withdraw the requests in flight.
    pub now: CancellationToken,
}

impl Stop {
    /// Stops at once, which includes starting nothing new.
    pub fn at_once(&self) {
        self.gently.cancel();
        self.now.cancel();
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum RunEnd {
    /// All work was tried.
    Finished(RunSummary),
    /// Stopped by an operator; what was written stays.
    Cancelled(RunSummary),
    /// The store cannot go on.
    Failed(RunSummary, StoreError),
}

impl Pipeline {
    /// What `spec` would do now.
    pub async fn plan(self: &Arc<Self>, spec: &IngestSpec) -> Result<(Plan, PlanSummary), StoreError> {
        let (plan, refetch) = tokio::try_join!(self.work_of(spec), self.refetches(spec))?;
        let summary = self.summary(&plan.clone().and(refetch), spec);
        Ok((plan, summary))
    }

    /// What is missing.
    async fn work_of(self: &Arc<Self>, spec: &IngestSpec) -> Result<Plan, StoreError> {
        self.planned(spec, planner::plan).await
    }

    /// Histories to be put on another share basis.
    async fn refetches(self: &Arc<Self>, spec: &IngestSpec) -> Result<Plan, StoreError> {
        self.planned(spec, planner::refetches).await
    }

    async fn planned<F>(self: &Arc<Self>, spec: &IngestSpec, make: F) -> Result<Plan, StoreError>
    where
        F: FnOnce(&PlanInput<'_>, &Reader) -> Result<Plan, StoreError> + Send + 'static,
    {
        let (this, spec, now, primary_up) = (Arc::clone(self), spec.clone(), self.clock.now(), self.primary_is_up());
        self.reads
            .with(move |reader| {
                let input = PlanInput { spec: &spec, universe: &this.universe, settings: &this.settings.ingest, now, primary_up };
                make(&input, reader)
            })
            .await
    }

    fn summary(&self, plan: &Plan, spec: &IngestSpec) -> PlanSummary {
        let policy = spec.source.unwrap_or(self.settings.ingest.source);
        let choose = |i: &Instrument, t| self.hybrid.pick(i, t, policy).into_iter().next();
        let answers = |facet, asset| self.hybrid.answers(facet, asset, policy);
        planner::summarize(plan, choose, answers, self.clock.now(), |s| self.pace(s))
    }

    /// Runs `spec` to its end. Events that the receiver does not take in time are waited for: progress is bounded by
    /// the engine, which never blocks.
    pub async fn run(self: Arc<Self>, run_id: i64, spec: IngestSpec, events: mpsc::Sender<Event>, stop: Stop) -> RunEnd {
        let started = self.clock.mono();
        let seconds = |clock: &Arc<dyn Clock>| (clock.mono().saturating_sub(started)).as_secs_f64();
        let _ = events.send(Event::Phase("planning")).await;
        let plan = match self.work_of(&spec).await {
            Ok(plan) => plan,
            Err(e) => return RunEnd::Failed(RunSummary::default(), e),
        };
        let fresh = plan.fresh;
        let job = self.job(run_id, spec, events, stop.clone());
        let mut tally = Tally::default();
        let ended = job.work(plan, &mut tally).await;
        let summary = tally.summary(fresh, seconds(&self.clock));
        match ended {
            Err(e) => RunEnd::Failed(summary, e),
            Ok(()) if stop.gently.is_cancelled() || stop.now.is_cancelled() => RunEnd::Cancelled(summary),
            Ok(()) => RunEnd::Finished(summary),
        }
    }

    /// Derives what the fetched series of a symbol show now and did not before: after a finding was settled, bars that were
    /// hidden may count again, or the other way round. Asks no source.
    pub async fn rederive(self: &Arc<Self>, instrument: Instrument) -> Result<(), StoreError> {
        let run_id = self.reads.with(|r| r.runs(1)).await?.first().map_or(0, |r| r.id);
        let (events, _) = mpsc::channel(1);
        let job = self.job(run_id, IngestSpec::default(), events, Stop::default());
        let derive = super::derive::order(&self.settings.ingest.native);
        job.derive(&instrument, &derive, &mut Tally::default()).await
    }

    fn job(self: &Arc<Self>, run_id: i64, spec: IngestSpec, events: mpsc::Sender<Event>, stop: Stop) -> Arc<Job> {
        let policy = spec.source.unwrap_or(self.settings.ingest.source);
        Arc::new(Job { pipeline: Arc::clone(self), policy, run_id, spec, events, stop })
    }

    /// Whether IB may be asked and nothing is known against it: then what the fallback filled is fetched again.
    fn primary_is_up(&self) -> bool {
        self.hybrid.statuses().iter().map(|s| s.borrow().clone()).any(|s| {
            let down = matches!(s.link, LinkState::Disabled | LinkState::Down { .. });
            s.source == SourceId::Ib && !down && s.breaker == BreakerState::Closed
        })
    }

    /// The rates the pacers allow, and the answer times seen so far (or a cautious guess).
    fn pace(&self, source: SourceId) -> Pace {
        let seen = self.hybrid.statuses().iter().map(|s| s.borrow().clone()).find(|s| s.source == source);
        let answer = seen.and_then(|s| s.latency_ms).map(|(median, _)| f64::from(median) / 1000.0);
        match source {
            SourceId::Ib => Pace {
                per_second: f64::from(self.settings.ib.messages_per_second),
                in_flight: f64::from(self.settings.ib.in_flight_start.min(self.settings.ingest.workers)),
                answer: answer.unwrap_or(2.0),
            },
            _ => Pace {
                per_second: f64::from(self.settings.yahoo.requests_per_second),
                in_flight: f64::from(self.settings.yahoo.concurrency),
                answer: answer.unwrap_or(0.5),
            },
        }
    }
}

/// One run at work.
struct Job {
    pipeline: Arc<Pipeline>,
    policy: SourcePolicy,
    run_id: i64,
    spec: IngestSpec,
    events: mpsc::Sender<Event>,
    stop: Stop,
}

impl Job {
    async fn tell(&self, event: Event) {
        // A receiver that is gone means the engine is shutting down; the stop tokens say so as well.
        let _ = self.events.send(event).await;
    }

    /// Returns when requests in flight are to be withdrawn. A source may hold one for minutes: a cool-down, a long deadline.
    async fn let_go(&self) {
        let late = async {
            self.stop.gently.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! { () = self.stop.now.cancelled() => {}, () = late => {} }
    }

    fn stopping(&self) -> bool {
        self.stop.gently.is_cancelled() || self.stop.now.is_cancelled()
    }

    async fn work(self: &Arc<Self>, plan: Plan, total: &mut Tally) -> Result<(), StoreError> {
        let recovered = self.pipeline.hybrid.recovered();
        self.pass(plan, total).await?;
        self.refetch_due(total).await?;
        // The engine starts a run when the primary comes back, but not while this one is at work.
        if recovered.has_changed().unwrap_or(false) && self.policy == SourcePolicy::Auto && !self.stopping() {
            self.tell(Event::Phase("fetching again what the fallback filled")).await;
            let mut plan = self.pipeline.work_of(&self.spec).await?;
            plan.symbols.iter_mut().for_each(|s| s.facets.clear());
            self.pass(plan, total).await?;
        }
        self.tell(Event::Phase("settling")).await;
        self.cross_section(total).await?;
        self.derive_hidden(total).await
    }

    /// Derives anew what the look at the whole universe, or an operator, has hidden or shown meanwhile.
    async fn derive_hidden(&self, total: &mut Tally) -> Result<(), StoreError> {
        let order = super::derive::order(&self.pipeline.settings.ingest.native);
        let changed = self.pipeline.reads.with(Reader::underived).await?;
        for instrument in &self.pipeline.universe.instruments {
            if changed.iter().any(|u| u.series.symbol == instrument.symbol) && !self.stopping() {
                self.derive(instrument, &order, total).await?;
            }
        }
        Ok(())
    }

    /// Says what is about to be worked on.
    async fn announce(&self, plan: &Plan) {
        let summary = self.pipeline.summary(plan, &self.spec);
        tracing::debug!(target: "ingest", symbols = plan.symbols.len(), fresh = plan.fresh, policy = ?self.policy, "Plan made");
        let requests = summary.requests.iter().map(|(_, n)| n).sum();
        let series = plan.symbols.iter().flat_map(SymbolPlan::series).collect();
        self.tell(Event::Planned { summary, series, requests }).await;
    }

    /// Candles and facets of a plan, beside each other. A stop of either strength ends both soon, so that the record
    /// counts all that was written.
    async fn pass(self: &Arc<Self>, plan: Plan, total: &mut Tally) -> Result<(), StoreError> {
        self.announce(&plan).await;
        self.tell(Event::Phase("fetching")).await;
        let facets = Arc::clone(self).read_all_facets(plan.symbols.iter().filter(|s| !s.facets.is_empty()).cloned().collect());
        let candles = Arc::clone(self).fetch_all(plan.symbols.into_iter().filter(|s| s.series().next().is_some()).collect());
        let ((candles, failed), (facets, failed_facets)) = tokio::join!(candles, facets);
        total.add(candles);
        total.add(facets);
        failed.or(failed_facets).map_or(Ok(()), Err)
    }

    async fn fetch_all(self: Arc<Self>, symbols: Vec<SymbolPlan>) -> (Tally, Option<StoreError>) {
        let workers = self.pipeline.settings.ingest.workers.max(1) as usize;
        self.each(symbols, workers, |job, symbol| async move { job.work_symbol(&symbol).await }).await
    }

    /// Runs `work` for each symbol, `workers` at once. The first store failure stops new work and is returned.
    async fn each<F, Fut>(self: Arc<Self>, symbols: Vec<SymbolPlan>, workers: usize, work: F) -> (Tally, Option<StoreError>)
    where
        F: Fn(Arc<Self>, SymbolPlan) -> Fut,
        Fut: Future<Output = (Tally, Option<StoreError>)> + Send + 'static,
    {
        let slots = Arc::new(Semaphore::new(workers));
        let mut tasks = JoinSet::new();
        let (mut total, mut failed) = (Tally::default(), None);
        for symbol in symbols {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
            while let Some(done) = tasks.try_join_next() {
                collect(done, &mut total, &mut failed);
            }
            if self.stopping() || failed.is_some() {
                break;
            }
            let task = work(Arc::clone(&self), symbol);
            tasks.spawn(async move {
                let _slot = slot;
                task.await
            });
        }
        while let Some(done) = tasks.join_next().await {
            collect(done, &mut total, &mut failed);
        }
        (total, failed)
    }
}

fn collect(done: Result<(Tally, Option<StoreError>), tokio::task::JoinError>, total: &mut Tally, failed: &mut Option<StoreError>) {
    match done {
        Ok((tally, error)) => {
            total.add(tally);
            *failed = failed.take().or(error);
        }
        // A worker that panicked is a bug; the run survives it and says so.
        Err(e) if e.is_panic() => {
            tracing::error!(target: "ingest", error = %e, "A worker ended unexpectedly");
            total.series_failed += 1;
            total.failure(format!("a worker ended unexpectedly: {e}"));
        }
        Err(_) => {}
    }
}
