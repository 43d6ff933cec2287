//! What commands and queries do.

use std::sync::Arc;

use serde::Serialize;

use super::jobs::{Order, Stopping};
use super::owner::Owner;
use super::reload::Config;
use super::{Ack, Command, CommandError, Envelope, Query, QueryError, Reply, Request, RunDetail, details, feature_pages};
use crate::ingest::IngestSpec;
use crate::market::Series;
use crate::scan::WatchSpec;
use crate::store::master::StoreError;
use crate::store::scheduler::{Job, RunFilter, SchedulerDb, SchedulerDbError, Trigger};
use crate::webhook::WebhookFault;

/// Lines of a run's story that are shown.
const STORY_SHOWN: usize = 1_000;
/// Rows of a list, at most, however many are asked for.
const LONGEST_LIST: usize = 10_000;

impl Owner {
    /// Answers a request; says whether anything may look different now.
    pub(super) async fn take(&mut self, request: Request) -> bool {
        match request {
            Request::Command(envelope, back) => {
                let known = self.acks.get(&envelope);
                if known.is_none() && matches!(envelope.command, Command::ResolveIssue { .. }) {
                    self.settle_finding(envelope, back).await;
                    return true;
                }
                if known.is_none() && envelope.command.is_answered_late() {
                    self.change_models(envelope, back);
                    return true;
                }
                let answer = if let Some(answer) = known {
                    answer
                } else {
                    let command = envelope.command.clone();
                    self.execute(envelope).await.inspect(|ack| self.acks.keep(command, ack))
                };
                // The asker may have gone; the command stands all the same.
                let _ = back.send(answer);
                true
            }
            Request::Settings(settings, back) => {
                let _ = back.send(self.put_in_force(settings).await);
                true
            }
            Request::Pulse(back) => {
                // A pulse that nobody waits for any more was felt too late.
                let _ = back.send(());
                false
            }
            Request::Query(query, back) => {
                if matches!(query, Query::Run { .. }) {
                    self.jobs.flush().await;
                }
                let asked = self.answer(query);
                tokio::spawn(async move {
                    let _ = back.send(asked.await);
                });
                false
            }
        }
    }

    async fn execute(&mut self, envelope: Envelope) -> Result<Ack, CommandError> {
        let Envelope { id, actor, command } = envelope;
        tracing::info!(target: "engine", actor, command = command.to_string(), "Command");
        let (run_id, message) = match command {
            Command::Run { job } => {
                let run = self.order(job, Trigger::Manual, &actor, None).await.map_err(CommandError::Refused)?;
                (Some(run), self.placed(run))
            }
            Command::Rerun { run_id } => {
                let run = self.rerun(run_id, &actor).await.map_err(CommandError::Refused)?;
                (Some(run), self.placed(run))
            }
            Command::Ingest { spec } => {
                if let Some(symbol) = spec.symbols.iter().find(|s| self.universe.get(**s).is_none()) {
                    return Err(CommandError::Refused(format!("{symbol} is not in universe.toml: no source is asked for it")));
                }
                let run = self.order(Job::Ingest, Trigger::Manual, &actor, params(&spec)?).await.map_err(CommandError::Refused)?;
                (Some(run), self.placed(run))
            }
            Command::Train { spec } => {
                let run = self.order(Job::Train, Trigger::Manual, &actor, params(&spec)?).await.map_err(CommandError::Refused)?;
                (Some(run), self.placed(run))
            }
            Command::Watch { job, spec } => {
                watchable(job, &spec)?;
                let run = self.order(job, Trigger::Manual, &actor, params(&spec)?).await.map_err(CommandError::Refused)?;
                (Some(run), self.placed(run))
            }
            Command::Cancel { run_id, now } => {
                let message = self.cancel(run_id, now, &actor).map_err(CommandError::Refused)?;
                self.settle().await;
                (Some(run_id), message)
            }
            Command::Pause { job, reason } => (None, self.pause(job, actor, reason).await?),
            Command::Resume { job } => (None, self.resume(job).await?),
            Command::Scheduler { on } => (None, self.switch(on, &actor).await?),
            Command::ConfirmClock => (None, self.confirm_clock(&actor).await?),
            Command::Reload => (None, self.reload(&actor).await?),
            Command::TestAlert => (None, self.test_alert()?),
            Command::Probe { source } => {
                let hybrid = Arc::clone(&self.pipeline.hybrid);
                tokio::spawn(async move { hybrid.probe_now(source).await });
                (None, format!("{source} is being probed"))
            }
            // Do not come here: `take` has them answered when they are done.
            Command::ResolveIssue { .. }
            | Command::Promote { .. }
            | Command::Rollback { .. }
            | Command::Acknowledge { .. }
            | Command::Snooze { .. }
            | Command::LiftHalt { .. } => return Err(CommandError::Gone),
            Command::Refresh => {
                self.load_states().await.map_err(|e| refused(&e))?;
                self.count_issues().await;
                (None, "state read again".to_owned())
            }
        };
        Ok(Ack { id, run_id, message })
    }

    /// The owner does not wait for a server somewhere: the log tells how it went.
    fn test_alert(&self) -> Result<String, CommandError> {
        if !self.webhook.configured() {
            return Err(CommandError::Refused(WebhookFault::None.to_string()));
        }
        let webhook = Arc::clone(&self.webhook);
        tokio::spawn(async move {
            match webhook.test().await {
                Ok(a) => tracing::info!(target: "engine", host = a.host, status = a.status, "The test alert was taken"),
                Err(e) => tracing::warn!(target: "engine", error = %e, "The test alert did not arrive"),
            }
        });
        Ok("a test alert is on its way, the log tells how it goes".to_owned())
    }

    /// Does again what an ended run did, with what it was asked for.
    async fn rerun(&mut self, run_id: i64, actor: &str) -> Result<i64, String> {
        let found = self.jobs.db.run(run_id).await.map_err(|e| e.to_string())?;
        let Some(run) = found else { return self.rerun_old(run_id, actor).await };
        if !run.state.ended() {
            return Err(format!("run {run_id} has not ended"));
        }
        if run.job == Job::Ingest {
            self.enough_disk()?;
        }
        let (actor, trigger) = (actor.to_owned(), Trigger::Manual);
        self.place(Order { job: run.job, trigger, actor, session: run.session, params: run.params }).await
    }

    /// The same for a run that only the master database knows: an import, or an ingest of before there were jobs.
    async fn rerun_old(&mut self, run_id: i64, actor: &str) -> Result<i64, String> {
        let record = self.pipeline.reads.with(move |r| r.run(run_id)).await.map_err(|e| e.to_string())?;
        let words = IngestSpec::words(&record.spec);
        if words.starts_with("import ") {
            return Err(format!("run {run_id} was an {words}: import the file again instead"));
        }
        self.order(Job::Ingest, Trigger::Manual, actor, Some(record.spec)).await
    }

    fn cancel(&mut self, run_id: i64, now: bool, actor: &str) -> Result<String, String> {
        let moment = self.jobs.now();
        let trains = self.jobs.board.active().any(|r| r.id == run_id && r.job == Job::Train);
        let work = if trains { "fits at work" } else { "requests in flight" };
        Ok(match self.jobs.board.cancel(run_id, now, actor, moment)? {
            Stopping::Over => format!("run {run_id} is cancelled, it had not begun"),
            Stopping::Told if now => format!("run {run_id} stops now"),
            Stopping::Told => format!("run {run_id} stops after the {work}"),
        })
    }

    /// Where a new run stands.
    fn placed(&self, run_id: i64) -> String {
        format!("run {run_id} {}", if self.jobs.board.is_running(run_id) { "started" } else { "is queued" })
    }

    fn answer(&self, query: Query) -> impl Future<Output = Result<Reply, QueryError>> + Send + use<> {
        let pipeline = Arc::clone(&self.pipeline);
        let universe = Arc::clone(&self.universe);
        let rules = self.config.as_ref().map(Config::rules);
        let now = self.clock.now();
        let db = self.jobs.db.clone();
        let job = match &query {
            Query::Job { job } => Some(self.job_detail(*job)),
            _ => None,
        };
        let (learned, watched) = (self.learned.answer(query.clone()), self.watched.answer(query.clone()));
        async move {
            let failed = |e: StoreError| QueryError::Failed(e.to_string());
            let unread = |e: SchedulerDbError| QueryError::Failed(e.to_string());
            match query {
                Query::Series { series } => {
                    let Some(instrument) = universe.get(series.symbol).cloned() else { return Err(unknown(series)) };
                    let read = pipeline.reads.with(move |r| details::series(r, &instrument, series, now)).await;
                    read.map(|d| Reply::Series(Box::new(d))).map_err(failed)
                }
                Query::Plan { spec } => pipeline.plan(&spec).await.map(|(_, s)| Reply::Plan(s)).map_err(failed),
                Query::Issues { limit } => pipeline.reads.with(move |r| r.open_issues(limit)).await.map(Reply::Issues).map_err(failed),
                Query::JobRuns { job, state, limit } => {
                    db.runs(RunFilter { job, state }, limit.min(LONGEST_LIST)).await.map(Reply::JobRuns).map_err(unread)
                }
                Query::Run { run_id } => run_detail(&db, run_id).await.map_err(unread).and_then(|found| {
                    found.map(|d| Reply::Run(Box::new(d))).ok_or_else(|| QueryError::Failed(format!("there is no run {run_id}")))
                }),
                Query::Job { .. } => job.map(|d| Reply::Job(Box::new(d))).ok_or(QueryError::Gone),
                Query::ConfigChanges { limit } => {
                    db.config_changes(limit.min(LONGEST_LIST)).await.map(Reply::ConfigChanges).map_err(unread)
                }
                Query::Features { strategy } => {
                    let asked = feature_pages::Asked { strategy, master: pipeline.reads.clone(), universe, rules, now };
                    let read = tokio::task::spawn_blocking(move || feature_pages::list(&asked)).await;
                    read.map(|list| Reply::Features(Box::new(list))).map_err(|e| QueryError::Failed(e.to_string()))
                }
                Query::Feature { strategy, name } => {
                    let asked = feature_pages::Asked { strategy, master: pipeline.reads.clone(), universe, rules, now };
                    let none = || QueryError::Failed(format!("there is no feature {name}"));
                    let wanted = name.clone();
                    let read = tokio::task::spawn_blocking(move || feature_pages::detail(&asked, &wanted)).await;
                    read.map_err(|e| QueryError::Failed(e.to_string()))?.map(|d| Reply::Feature(Box::new(d))).ok_or_else(none)
                }
                Query::Models { .. } | Query::Model { .. } | Query::Training { .. } => learned.await,
                Query::Drift { .. } | Query::Subject { .. } | Query::Signals { .. } | Query::Signal { .. } | Query::Sectors { .. } => {
                    watched.await
                }
                Query::Runs { limit } => pipeline.reads.with(move |r| r.runs(limit)).await.map(Reply::Runs).map_err(failed),
            }
        }
    }
}

/// Whether a job is run by strategy, and as `spec` asks.
fn watchable(job: Job, spec: &WatchSpec) -> Result<(), CommandError> {
    if !matches!(job, Job::Scan | Job::Backtest | Job::Drift) {
        return Err(CommandError::Refused(format!("{job} is not run by strategy: ask for the job itself")));
    }
    if spec.run.is_some() && (job != Job::Backtest || spec.chosen().len() != 1) {
        let why = "a training run is named for the backtest of one strategy only: runs are numbered by strategy";
        return Err(CommandError::Refused(why.to_owned()));
    }
    Ok(())
}

/// What a run is asked for, as its record keeps it: nothing for the job's normal work.
fn params<T: Default + PartialEq + Serialize>(spec: &T) -> Result<Option<String>, CommandError> {
    let text = (*spec != T::default()).then(|| serde_json::to_string(spec)).transpose();
    text.map_err(|e| CommandError::Refused(e.to_string()))
}

/// Everything the run page shows.
async fn run_detail(db: &SchedulerDb, run_id: i64) -> Result<Option<RunDetail>, SchedulerDbError> {
    let Some(run) = db.run(run_id).await? else { return Ok(None) };
    let events = db.run_events(run_id, STORY_SHOWN).await?;
    let mut attempts = match run.scheduled_for {
        Some(tick) => db.attempts(run.job, tick).await?,
        None => Vec::new(),
    };
    attempts.retain(|r| r.id != run_id);
    Ok(Some(RunDetail { run, events, attempts }))
}

pub(super) fn refused(e: &StoreError) -> CommandError {
    CommandError::Refused(e.to_string())
}

fn unknown(series: Series) -> QueryError {
    QueryError::Failed(format!("{} is not in universe.toml", series.symbol))
}
