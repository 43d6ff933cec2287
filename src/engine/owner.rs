//! The one owner of the engine's state: takes commands and events in, publishes snapshots. Nobody else mutates it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::acks::Acks;
use super::active::Active;
use super::alerts;
use super::dispatcher::Dispatcher;
use super::freshness::Expectation;
use super::host::Host;
use super::jobs::BodyEnd;
use super::learning::{Changed, Learned};
use super::pages::Pages;
use super::reload::Config;
use super::settling::{Rederived, Settling};
use super::shortages::Shortages;
use super::start::Checked;
use super::timetable::Timetable;
use super::watching::Watched;
use super::{Alert, HostStats, JobLine, JobView, LogRing, Market, ProcessView, Request, RunView, SchedulerView, Snapshot};
use crate::config::Settings;
use crate::ingest::Event;
use crate::ingest::pipeline::Pipeline;
use crate::market::{Clock, Series, Timeframe, Universe};
use crate::schedule;
use crate::sources::SourceStatus;
use crate::store::master::{SeriesState, StoreError};
use crate::store::scheduler::JobRun;
use crate::webhook::Webhook;

/// Fastest publication while things happen.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// Ended runs kept in the snapshot.
pub(super) const RUNS_KEPT: usize = 20;
/// Slowest publication, while nothing happens but the machine's own figures.
const HEARTBEAT_S: u64 = 5;
/// What bodies get to stop when the engine does, and then to be dropped; the process has five seconds in all.
const LET_GO: Duration = Duration::from_secs(3);
const DROPPED: Duration = Duration::from_millis(500);

/// The owner's state.
pub(super) struct Owner {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) universe: Arc<Universe>,
    pub(super) settings: Arc<Settings>,
    /// Where they came from, if they can be read again.
    pub(super) config: Option<Config>,
    /// The same, for bodies.
    pub(super) webhook: Arc<Webhook>,
    pub(super) in_force: Arc<ArcSwap<Settings>>,
    /// The pipeline, for the next ingest.
    pub(super) current: Arc<ArcSwap<Pipeline>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) logs: Arc<LogRing>,
    pub(super) demo: bool,
    pub(super) epoch: String,
    pub(super) snapshot: watch::Sender<Arc<Snapshot>>,
    pub(super) process: Arc<ProcessView>,
    pub(super) jobs: Dispatcher,
    /// The schedule, if this engine follows it.
    pub(super) timetable: Option<Timetable>,
    /// What became of the order that is being placed: the number of its run, or why there is none.
    pub(super) newest: Option<Result<i64, String>>,
    pub(super) scheduler: Arc<SchedulerView>,
    pub(super) job_views: Arc<Vec<JobView>>,
    pub(super) job_runs: Arc<Vec<JobRun>>,
    pub(super) sources: Arc<Vec<SourceStatus>>,
    pub(super) host: Host,
    pub(super) active: Option<Active>,
    pub(super) runs: Arc<Vec<RunView>>,
    pub(super) acks: Acks,
    pub(super) states: HashMap<Series, SeriesState>,
    pub(super) market: Arc<Market>,
    pub(super) expectation: Expectation,
    pub(super) alerts: Arc<Vec<Alert>>,
    pub(super) stats: HostStats,
    pub(super) issues: (u64, u64),
    pub(super) settling: Settling,
    pub(super) learned: Learned,
    pub(super) watched: Watched,
    pub(super) pages: Pages,
    /// Whether the writer hangs.
    pub(super) silent: watch::Receiver<bool>,
    /// What the data sets are short of.
    pub(super) shortages: Shortages,
    pub(super) stale_market: bool,
    pub(super) seconds: u64,
    pub(super) last_beat: u64,
}

/// What comes to the owner.
pub(super) struct Inbox {
    pub requests: mpsc::Receiver<Request>,
    /// Progress of the ingest.
    pub events: mpsc::Receiver<Event>,
    /// Bodies that have come to their end.
    pub ended: mpsc::Receiver<(i64, BodyEnd)>,
    /// What bodies tell.
    pub lines: mpsc::Receiver<JobLine>,
    /// The bell.
    pub ticks: mpsc::Receiver<schedule::Tick>,
    /// Bars derived anew after findings were settled.
    pub rederived: mpsc::Receiver<Rederived>,
    /// Models put in or out of service.
    pub changed: mpsc::Receiver<Changed>,
    /// The end of the check after an unclean end.
    pub checked: Option<Checked>,
}

impl Owner {
    /// Runs until `shutdown`, then waits for the runs at work to let go.
    pub async fn run(mut self, mut inbox: Inbox, shutdown: CancellationToken) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let (mut recovered, mut silent, mut short) = (self.pipeline.hybrid.recovered(), self.silent.clone(), self.shortages.known.clone());
        let (mut trainings, mut standings) = (self.learned.trainings.clone(), self.learned.standings.clone());
        let (mut drift, mut signals) = (self.watched.drift.clone(), self.watched.signals.clone());
        let mut next_publish = tokio::time::Instant::now();
        let mut dirty = true;
        self.open_timetable().await;
        self.settle().await;
        loop {
            tokio::select! { biased;
                () = shutdown.cancelled() => break,
                Some(request) = inbox.requests.recv() => dirty |= self.take(request).await,
                Some((run_id, end)) = inbox.ended.recv() => {
                    self.catch_up(&mut inbox);
                    self.body_ended(run_id, end).await;
                    dirty = true;
                }
                Some(_) = inbox.ticks.recv() => { self.look_at_ticks().await; dirty = true; }
                Some(event) = inbox.events.recv() => { self.apply(&event); dirty = true; }
                Some(line) = inbox.lines.recv() => self.jobs.tell(line),
                Some(ends) = inbox.rederived.recv() => { self.rederived(ends).await; dirty = true; }
                Some(end) = inbox.changed.recv() => { self.models_changed(end); dirty = true; }
                end = once(&mut inbox.checked) => { self.checked(end).await; dirty = true; }
                Ok(()) = recovered.changed() => { self.start_recovery().await; dirty = true; }
                Ok(()) = silent.changed() => dirty = true,
                Ok(()) = short.changed() => dirty = true,
                Ok(()) = trainings.changed() => dirty = true,
                Ok(()) = standings.changed() => dirty = true,
                Ok(()) = drift.changed() => dirty = true,
                Ok(()) = signals.changed() => dirty = true,
                _ = tick.tick() => { self.every_second().await; dirty = true; }
                () = tokio::time::sleep_until(next_publish), if dirty => {
                    self.publish();
                    dirty = false;
                    next_publish = tokio::time::Instant::now() + PUBLISH_EVERY;
                }
            }
        }
        self.let_go(&mut inbox).await;
    }

    /// Takes in what a body said before it ended.
    fn catch_up(&mut self, inbox: &mut Inbox) {
        while let Ok(event) = inbox.events.try_recv() {
            self.apply(&event);
        }
        while let Ok(line) = inbox.lines.try_recv() {
            self.jobs.tell(line);
        }
    }

    /// Stops all runs at once and records their ends; what they wrote is durable already.
    async fn let_go(&mut self, inbox: &mut Inbox) {
        if let Some(table) = &self.timetable {
            table.close().await;
        }
        self.jobs.board.stop_all(self.jobs.now());
        self.settle().await;
        if !self.idle_within(LET_GO, inbox).await {
            self.jobs.board.abort_all();
            self.settle().await;
            if !self.idle_within(DROPPED, inbox).await {
                self.jobs.board.give_up(self.jobs.now());
                self.settle().await;
            }
        }
        self.jobs.flush().await;
        self.publish();
    }

    async fn idle_within(&mut self, time: Duration, inbox: &mut Inbox) -> bool {
        let deadline = tokio::time::Instant::now() + time;
        while !self.jobs.board.is_idle() {
            tokio::select! {
                Some((run_id, end)) = inbox.ended.recv() => {
                    self.catch_up(inbox);
                    self.body_ended(run_id, end).await;
                }
                Some(event) = inbox.events.recv() => self.apply(&event),
                Some(line) = inbox.lines.recv() => self.jobs.tell(line),
                () = tokio::time::sleep_until(deadline) => return false,
            }
        }
        true
    }

    fn apply(&mut self, event: &Event) {
        self.stale_market = true;
        if let Event::Done { state: Some(state), .. } = event {
            self.states.insert(state.series, (**state).clone());
        }
        let Some(active) = &mut self.active else { return };
        active.apply(event, self.clock.mono());
        let run_id = active.view.id;
        match event {
            Event::Phase(phase) => self.jobs.tell(JobLine { run_id, kind: "phase", text: (*phase).to_owned() }),
            Event::Done { series, error: Some(error), .. } => {
                self.jobs.tell(JobLine { run_id, kind: "note", text: format!("{series}: {error}") });
            }
            _ => {}
        }
    }

    async fn every_second(&mut self) {
        self.seconds += 1;
        self.look_at_clock().await;
        self.look_at_ticks().await;
        self.settle().await;
        self.jobs.flush().await;
        self.keep_marks().await;
        // At rest the figures of the machine are worth a look now and then, and nothing changes the findings.
        let at_work = self.active.is_some();
        if self.seconds % if at_work { 2 } else { HEARTBEAT_S } == 1 {
            self.stats = self.host.read();
        }
        // Lateness and day changes move slowly; a minute is soon enough for cells at rest.
        self.stale_market |= self.seconds % 60 == 1;
        if let Some(active) = &mut self.active {
            active.measure(self.clock.mono());
        }
        if at_work && self.seconds.is_multiple_of(15) {
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

    /// Publishes the state when something that is shown has changed, and now and then for the machine's figures.
    pub(super) fn publish(&mut self) {
        if std::mem::take(&mut self.stale_market) {
            self.rebuild_market();
        }
        self.rebuild_jobs();
        let scheduler = self.scheduler_view();
        if *self.scheduler != scheduler {
            self.scheduler = Arc::new(scheduler);
        }
        let statuses = self.pipeline.hybrid.statuses();
        if !statuses.iter().map(|s| s.borrow()).map(|s| s.clone()).eq(self.sources.iter().cloned()) {
            self.sources = Arc::new(statuses.iter().map(|s| s.borrow().clone()).collect());
        }
        let found = self.needs_you();
        if *self.alerts != found {
            self.alerts = Arc::new(found);
        }
        let before = Arc::clone(&self.snapshot.borrow());
        let mut next = Snapshot {
            seq: before.seq,
            at_ms: before.at_ms,
            host: before.host,
            epoch: self.epoch.clone(),
            process: Arc::clone(&self.process),
            demo: self.demo,
            loading: false,
            market: Arc::clone(&self.market),
            sources: Arc::clone(&self.sources),
            active: self.active.as_ref().map(|a| Arc::new(a.view.clone())),
            runs: Arc::clone(&self.runs),
            scheduler: Arc::clone(&self.scheduler),
            jobs: Arc::clone(&self.job_views),
            job_runs: Arc::clone(&self.job_runs),
            training: Arc::clone(&self.learned.trainings.borrow()),
            standings: Arc::clone(&self.learned.standings.borrow()),
            drift: Arc::clone(&self.watched.drift.borrow()),
            signals: Arc::clone(&self.watched.signals.borrow()),
            alerts: Arc::clone(&self.alerts),
            log_seq: self.logs.last(),
            quarantined: self.issues.0,
            issues: self.issues.1,
        };
        let beat = self.seconds >= self.last_beat + HEARTBEAT_S;
        if next == *before && !beat {
            return;
        }
        self.last_beat = self.seconds;
        (next.seq, next.at_ms, next.host) = (before.seq + 1, self.clock.now_ms(), self.stats);
        self.snapshot.send_replace(Arc::new(next));
    }

    fn needs_you(&self) -> Vec<Alert> {
        let inputs = alerts::Inputs {
            market: &self.market,
            sources: &self.sources,
            last_run: self.runs.first(),
            jobs: &self.job_views,
            late: &|job| self.jobs.board.late(job),
            held: self.scheduler.held.as_deref(),
            trouble: self.timetable_trouble(),
            moved: self.jobs.moved.as_deref(),
            unrecorded: self.jobs.unrecorded(),
            config: self.config.as_ref().and_then(|c| c.trouble.as_ref()),
            host: &self.stats,
            quarantined: self.issues.0,
            checking: self.pages.is_checking(),
            damaged: self.pages.bad(),
            silent: *self.silent.borrow(),
            short: &self.shortages.known.borrow(),
            trainings: &self.learned.trainings.borrow(),
            standings: &self.learned.standings.borrow(),
            drift: &self.watched.drift.borrow(),
            now: self.clock.now(),
        };
        alerts::compute(&inputs, &self.alerts)
    }

    pub(super) fn keep_run(&mut self, run: RunView) {
        let runs = Arc::make_mut(&mut self.runs);
        runs.insert(0, run);
        runs.truncate(RUNS_KEPT);
        // Cells showed the run's work.
        self.stale_market = true;
    }
}

/// The one thing that comes, and then nothing any more.
async fn once(checked: &mut Option<Checked>) -> Result<(), StoreError> {
    let Some(coming) = checked else { return std::future::pending().await };
    let end = coming.await.unwrap_or(Err(StoreError::WriterGone));
    *checked = None;
    end
}
