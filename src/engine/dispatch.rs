//! What commands and queries do: starting, stopping and ending runs, settling findings.

use std::sync::Arc;

use super::active::Active;
use super::owner::Owner;
use super::{Ack, Command, CommandError, Envelope, Query, QueryError, Reply, Request, RunProgress, RunView, details};
use crate::ingest::IngestSpec;
use crate::ingest::pipeline::{RunEnd, Stop};
use crate::market::Series;
use crate::store::master::{Resolution, RunState, StoreError};

impl Owner {
    pub(super) async fn take(&mut self, request: Request) {
        match request {
            Request::Command(envelope, back) => {
                let known = self.acks.iter().find(|a| a.id == envelope.id).cloned();
                let answer = match known {
                    Some(ack) => Ok(ack),
                    None => self.execute(envelope).await,
                };
                if let Ok(ack) = &answer {
                    self.keep_ack(ack.clone());
                }
                // The asker may have gone; the command stands all the same.
                let _ = back.send(answer);
            }
            Request::Pulse(back) => drop(back.send(())),
            Request::Query(query, back) => {
                let asked = self.answer(query);
                tokio::spawn(async move {
                    let _ = back.send(asked.await);
                });
            }
        }
    }

    async fn execute(&mut self, envelope: Envelope) -> Result<Ack, CommandError> {
        let Envelope { id, actor, command } = envelope;
        tracing::info!(target: "engine", actor, command = command.to_string(), "Command");
        let (run_id, message) = match command {
            Command::Run { .. }
            | Command::Rerun { .. }
            | Command::Scheduler { .. }
            | Command::Pause { .. }
            | Command::Resume { .. }
            | Command::ConfirmClock
            | Command::Reload
            | Command::TestAlert => return Err(CommandError::Refused(format!("this version cannot {command}"))),
            Command::Ingest { spec } => {
                let run = self.start(spec).await?;
                (Some(run), format!("run {run} started"))
            }
            Command::Cancel { run_id, now } => (Some(run_id), self.cancel(run_id, now)?),
            Command::Probe { source } => {
                let hybrid = Arc::clone(&self.pipeline.hybrid);
                tokio::spawn(async move { hybrid.probe_now(source).await });
                (None, format!("{source} is being probed"))
            }
            Command::ResolveIssue { id, resolution, note } => (None, self.resolve(id, resolution, note).await?),
            Command::Refresh => {
                self.load_states().await.map_err(|e| refused(&e))?;
                self.count_issues().await;
                (None, "state read again".to_owned())
            }
        };
        Ok(Ack { id, run_id, message })
    }

    async fn start(&mut self, spec: IngestSpec) -> Result<i64, CommandError> {
        if let Some(active) = &self.active {
            return Err(CommandError::Refused(format!("run {} is active: wait for it, or cancel it first", active.view.id)));
        }
        self.stats = self.host.read();
        if self.stats.disk_low {
            let free = self.stats.disk_free >> 20;
            let floor = self.settings.store.disk_floor_mib;
            return Err(CommandError::Refused(format!(
                "only {free} MiB of disk are free, the floor is {floor} MiB: free some space first"
            )));
        }
        let text = serde_json::to_string(&spec).map_err(|e| CommandError::Refused(e.to_string()))?;
        let id = self.pipeline.writer.begin_run(None, text).await.map_err(|e| refused(&e))?;
        let view = RunView {
            id,
            spec: spec.clone(),
            state: RunState::Running,
            started_at: self.clock.now(),
            ended_at: None,
            progress: RunProgress::default(),
            summary: None,
            cancelling: false,
        };
        let stop = Stop::default();
        self.active = Some(Active::new(view, stop.clone(), self.clock.mono()));
        let run = Arc::clone(&self.pipeline).run(id, spec, self.events.clone(), stop);
        let ended = self.ended.clone();
        // A second task notices a panic of the first, so that a bug in a run ends the run and not the engine.
        tokio::spawn(async move {
            let end = tokio::spawn(run).await.unwrap_or_else(|e| {
                tracing::error!(target: "engine", error = %e, "The run ended unexpectedly");
                RunEnd::Failed(crate::ingest::RunSummary::default(), StoreError::WriterGone)
            });
            let _ = ended.send(end).await;
        });
        tracing::info!(target: "engine", run = id, "Run started");
        Ok(id)
    }

    fn cancel(&mut self, run_id: i64, now: bool) -> Result<String, CommandError> {
        let Some(active) = self.active.as_mut().filter(|a| a.view.id == run_id) else {
            return Err(CommandError::Refused(format!("run {run_id} is not active")));
        };
        active.view.cancelling = true;
        if now {
            active.stop.at_once();
        } else {
            active.stop.gently.cancel();
        }
        Ok(format!("run {run_id} stops {}", if now { "now" } else { "after the requests in flight" }))
    }

    async fn resolve(&mut self, id: i64, resolution: Resolution, note: String) -> Result<String, CommandError> {
        let stored = self.pipeline.writer.resolve(id, resolution, note).await.map_err(|e| refused(&e))?;
        let series = stored.issue.series;
        let hides = stored.issue.severity.hides();
        if hides && self.active.is_some() {
            // The run may be deriving the same bars just now, and who has read earlier must not write later.
            self.rederive_due.insert(series.symbol);
        } else if let (Some(instrument), true) = (self.universe.get(series.symbol).cloned(), hides) {
            self.pipeline.rederive(instrument).await.map_err(|e| refused(&e))?;
            self.load_states().await.map_err(|e| refused(&e))?;
        }
        self.count_issues().await;
        Ok(format!("finding {id} of {series} settled"))
    }

    /// Records the end of the active run.
    pub(super) async fn finish(&mut self, end: RunEnd) {
        self.clear_overlay();
        let Some(Active { mut view, .. }) = self.active.take() else { return };
        let (state, summary, error) = match end {
            // "Partial" promises that something was brought up to date.
            RunEnd::Finished(s) if s.series_failed > 0 && s.series_ok + s.series_fresh == 0 => {
                (RunState::Failed, s, Some("every series failed".to_owned()))
            }
            RunEnd::Finished(s) if s.series_failed > 0 || !s.failures.is_empty() => (RunState::Partial, s, None),
            RunEnd::Finished(s) => (RunState::Succeeded, s, None),
            RunEnd::Cancelled(s) => (RunState::Cancelled, s, None),
            RunEnd::Failed(mut s, e) => {
                s.failures.insert(0, e.to_string());
                (RunState::Failed, s, Some(e.to_string()))
            }
        };
        tracing::info!(
            target: "engine", run = view.id, %state, bars = summary.bars, inserted = summary.inserted, revised = summary.revised,
            derived = summary.derived, failed = summary.series_failed, seconds = summary.seconds, "Run ended"
        );
        let text = serde_json::to_string(&summary).ok();
        if let Err(e) = self.pipeline.writer.finish_run(view.id, state, text, error).await {
            tracing::error!(target: "engine", run = view.id, error = %e, "Could not record the end of the run");
        }
        // After heavy writing the log file should not stay large; readers make this a request, not a demand.
        if let Err(e) = self.pipeline.writer.checkpoint().await {
            tracing::warn!(target: "engine", error = %e, "Could not checkpoint");
        }
        self.rederive_settled().await;
        view.state = state;
        view.ended_at = Some(self.clock.now());
        view.summary = Some(summary);
        self.keep_run(view);
        if let Err(e) = self.load_states().await {
            tracing::error!(target: "engine", error = %e, "Could not read the series states");
        }
        self.count_issues().await;
    }

    /// Derives anew what findings that were settled during the run have shown or hidden.
    async fn rederive_settled(&mut self) {
        for symbol in std::mem::take(&mut self.rederive_due) {
            let Some(instrument) = self.universe.get(symbol).cloned() else { continue };
            if let Err(e) = self.pipeline.rederive(instrument).await {
                tracing::error!(target: "engine", %symbol, error = %e, "Could not derive the symbol anew after a finding was settled");
            }
        }
    }

    /// The primary source is back: fetch again what the fallback filled.
    pub(super) async fn start_recovery(&mut self) {
        if self.active.is_some() || self.runs.is_empty() {
            return;
        }
        match self.start(IngestSpec::default()).await {
            Ok(run) => tracing::info!(target: "engine", run, "The primary source is back, fetching again what the fallback filled"),
            Err(e) => tracing::warn!(target: "engine", error = %e, "Could not start the recovery run"),
        }
    }

    fn answer(&self, query: Query) -> impl Future<Output = Result<Reply, QueryError>> + Send + use<> {
        let pipeline = Arc::clone(&self.pipeline);
        let universe = Arc::clone(&self.universe);
        let now = self.clock.now();
        async move {
            let failed = |e: StoreError| QueryError::Failed(e.to_string());
            match query {
                Query::Series { series } => {
                    let Some(instrument) = universe.get(series.symbol).cloned() else { return Err(unknown(series)) };
                    let read = pipeline.reads.with(move |r| details::series(r, &instrument, series, now)).await;
                    read.map(|d| Reply::Series(Box::new(d))).map_err(failed)
                }
                Query::Plan { spec } => pipeline.plan(&spec).await.map(|(_, s)| Reply::Plan(s)).map_err(failed),
                Query::Issues { limit } => pipeline.reads.with(move |r| r.open_issues(limit)).await.map(Reply::Issues).map_err(failed),
                Query::JobRuns { .. } | Query::Run { .. } | Query::Job { .. } | Query::ConfigChanges { .. } => {
                    Err(QueryError::Failed("this version keeps no schedule".to_owned()))
                }
                Query::Runs { limit } => pipeline.reads.with(move |r| r.runs(limit)).await.map(Reply::Runs).map_err(failed),
            }
        }
    }
}

fn refused(e: &StoreError) -> CommandError {
    CommandError::Refused(e.to_string())
}

fn unknown(series: Series) -> QueryError {
    QueryError::Failed(format!("{} is not in universe.toml", series.symbol))
}
