//! The one owner of the engine's state: takes commands and events in, publishes snapshots. Nobody else mutates it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::active::Active;
use super::alerts;
use super::freshness::Expectation;
use super::host::Host;
use super::{Ack, Alert, CellState, HostStats, LogRing, Market, Request, RunView, Snapshot};
use crate::config::Settings;
use crate::ingest::Event;
use crate::ingest::pipeline::{Pipeline, RunEnd};
use crate::market::{Clock, Series, Symbol, Timeframe, Universe};
use crate::store::master::{SeriesState, StoreError};

/// Fastest publication while things happen.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// Ended runs kept in the snapshot.
const RUNS_KEPT: usize = 20;
/// Command ids remembered, so that a repeated command is answered and not repeated.
const ACKS_KEPT: usize = 256;

/// The owner's state.
pub(super) struct Owner {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) universe: Arc<Universe>,
    pub(super) settings: Arc<Settings>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) logs: Arc<LogRing>,
    pub(super) demo: bool,
    pub(super) epoch: String,
    pub(super) snapshot: watch::Sender<Arc<Snapshot>>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) ended: mpsc::Sender<RunEnd>,
    pub(super) host: Host,
    pub(super) active: Option<Active>,
    pub(super) runs: Vec<RunView>,
    pub(super) acks: VecDeque<Ack>,
    pub(super) states: HashMap<Series, SeriesState>,
    pub(super) market: Arc<Market>,
    pub(super) expectation: Expectation,
    pub(super) alerts: Arc<Vec<Alert>>,
    pub(super) stats: HostStats,
    pub(super) issues: (u64, u64),
    pub(super) seq: u64,
    /// Symbols with findings settled during the active run, to be derived anew when it ends.
    pub(super) rederive_due: BTreeSet<Symbol>,
    pub(super) stale_market: bool,
    pub(super) seconds: u64,
}

impl Owner {
    /// Runs until `shutdown`, then waits for the active run to let go.
    pub async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut events: mpsc::Receiver<Event>,
        mut ended: mpsc::Receiver<RunEnd>,
        shutdown: CancellationToken,
    ) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut recovered = self.pipeline.hybrid.recovered();
        let mut next_publish = tokio::time::Instant::now();
        let mut dirty = true;
        loop {
            tokio::select! { biased;
                () = shutdown.cancelled() => break,
                Some(request) = requests.recv() => { self.take(request).await; dirty = true; }
                Some(end) = ended.recv() => {
                    while let Ok(event) = events.try_recv() { self.apply(&event); }
                    self.finish(end).await;
                    dirty = true;
                }
                Some(event) = events.recv() => { self.apply(&event); dirty = true; }
                Ok(()) = recovered.changed() => self.start_recovery().await,
                _ = tick.tick() => { self.every_second().await; dirty = true; }
                () = tokio::time::sleep_until(next_publish), if dirty => {
                    self.publish();
                    dirty = false;
                    next_publish = tokio::time::Instant::now() + PUBLISH_EVERY;
                }
            }
        }
        self.let_go(&mut events, &mut ended).await;
    }

    /// Stops the active run at once and records its end; its written bars are durable already.
    async fn let_go(&mut self, events: &mut mpsc::Receiver<Event>, ended: &mut mpsc::Receiver<RunEnd>) {
        let Some(active) = &self.active else { return };
        active.stop.at_once();
        loop {
            tokio::select! {
                Some(end) = ended.recv() => { self.finish(end).await; break; }
                Some(_) = events.recv() => {}
                else => break,
            }
        }
        self.publish();
    }

    fn apply(&mut self, event: &Event) {
        self.stale_market = true;
        if let Event::Done { state: Some(state), .. } = event {
            self.states.insert(state.series, (**state).clone());
        }
        if let Some(active) = &mut self.active {
            active.apply(event, self.clock.mono());
        }
    }

    async fn every_second(&mut self) {
        self.seconds += 1;
        if self.seconds % 2 == 1 {
            self.stats = self.host.read();
        }
        // Lateness and day changes move slowly; a minute is soon enough for cells at rest.
        self.stale_market |= self.seconds % 60 == 1;
        if let Some(active) = &mut self.active {
            active.measure(self.clock.mono());
        }
        if self.seconds % 15 == 1 {
            self.count_issues().await;
        }
    }

    pub(super) async fn count_issues(&mut self) {
        match self.pipeline.reads.with(crate::store::master::Reader::issue_counts).await {
            Ok(counts) => self.issues = counts,
            Err(e) => tracing::warn!(target: "engine", error = %e, "Could not count the findings"),
        }
    }

    /// Reads the state of all series anew.
    pub(super) async fn load_states(&mut self) -> Result<(), StoreError> {
        let states = self.pipeline.reads.with(crate::store::master::Reader::series_states).await?;
        self.states = states.into_iter().map(|s| (s.series, s)).collect();
        self.stale_market = true;
        Ok(())
    }

    fn rebuild_market(&mut self) {
        let settle = i64::from(self.settings.ingest.settle_minutes) * 60;
        self.expectation.update(self.clock.now(), settle);
        let instruments = Arc::clone(&self.market.instruments);
        let mut cells = Vec::with_capacity(Timeframe::ALL.len() * instruments.len());
        for timeframe in Timeframe::ALL {
            for instrument in instruments.iter() {
                let series = Series { symbol: instrument.symbol, timeframe };
                let mut cell = self.expectation.cell(instrument, timeframe, self.states.get(&series));
                if let Some(shown) = self.active.as_ref().and_then(|a| a.overlay.get(&series)) {
                    cell.state = *shown;
                }
                cells.push(cell);
            }
        }
        if self.market.cells != cells {
            self.market = Arc::new(Market { instruments, cells });
        }
    }

    pub(super) fn publish(&mut self) {
        if std::mem::take(&mut self.stale_market) {
            self.rebuild_market();
        }
        let sources: Vec<_> = self.pipeline.hybrid.statuses().iter().map(|s| s.borrow().clone()).collect();
        let now = self.clock.now();
        let inputs = alerts::Inputs {
            market: &self.market,
            sources: &sources,
            last_run: self.runs.first(),
            jobs: &[],
            host: &self.stats,
            quarantined: self.issues.0,
            now,
        };
        let found = alerts::compute(&inputs, &self.alerts);
        if *self.alerts != found {
            self.alerts = Arc::new(found);
        }
        self.seq += 1;
        self.snapshot.send_replace(Arc::new(Snapshot {
            seq: self.seq,
            at_ms: self.clock.now_ms(),
            epoch: self.epoch.clone(),
            process: Arc::default(),
            scheduler: Arc::default(),
            jobs: Arc::default(),
            job_runs: Arc::default(),
            demo: self.demo,
            loading: false,
            market: Arc::clone(&self.market),
            sources: Arc::new(sources),
            active: self.active.as_ref().map(|a| Arc::new(a.view.clone())),
            runs: Arc::new(self.runs.clone()),
            alerts: Arc::clone(&self.alerts),
            host: self.stats,
            log_seq: self.logs.last(),
            quarantined: self.issues.0,
            issues: self.issues.1,
        }));
    }

    pub(super) fn keep_run(&mut self, run: RunView) {
        self.runs.insert(0, run);
        self.runs.truncate(RUNS_KEPT);
    }

    pub(super) fn keep_ack(&mut self, ack: Ack) {
        self.acks.push_back(ack);
        if self.acks.len() > ACKS_KEPT {
            self.acks.pop_front();
        }
    }

    /// Whether any cell shows work going on; the run's end clears it.
    pub(super) fn clear_overlay(&mut self) {
        if let Some(active) = &mut self.active {
            active.overlay.retain(|_, s| !matches!(s, CellState::Queued | CellState::Fetching));
        }
        self.stale_market = true;
    }
}
