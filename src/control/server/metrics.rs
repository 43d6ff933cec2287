//! `/metrics`: the state as figures, in `OpenMetrics` text, made anew at each scrape.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::{MetricType, info::Info};
use prometheus_client::registry::{Registry, Unit};

use super::Api;
use crate::engine::{AlertLevel, CellState, Snapshot};
use crate::market::Strategy;
use crate::sources::{LinkState, SourceStatus};
use crate::store::scheduler::JobState;
use crate::train::progress::{Standing, TrainingState, TrainingView};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CELL_STATES: [(CellState, &str); 8] = [
    (CellState::Empty, "empty"),
    (CellState::Fresh, "fresh"),
    (CellState::Queued, "queued"),
    (CellState::Fetching, "fetching"),
    (CellState::Late, "late"),
    (CellState::Gap, "gap"),
    (CellState::Failed, "failed"),
    (CellState::Quarantined, "quarantined"),
];

/// The state as figures, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(State(api): State<Arc<Api>>) -> Response {
    let mut registry = Registry::with_prefix("nightdesk");
    let scrape =
        Scrape { state: api.hub.current(), streams: api.hub.streams(), deltas: api.hub.sent(), unwritten: api.engine.logs.unwritten() };
    let version = scrape.state.process.version.clone();
    registry.register("build", "The program", Info::new([("version", version)]));
    registry.register_collector(Box::new(scrape));
    let mut out = String::new();
    match text::encode(&mut out, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], out).into_response(),
        Err(e) => super::Refusal::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, e.to_string()).into_response(),
    }
}

#[derive(Debug)]
struct Scrape {
    state: Arc<Snapshot>,
    streams: usize,
    deltas: u64,
    unwritten: u64,
}

type Labels = Vec<(&'static str, String)>;

/// A family of figures as it is written out.
struct Family<'a> {
    name: &'a str,
    help: &'a str,
    unit: Option<Unit>,
}

const fn family<'a>(name: &'a str, help: &'a str, unit: Option<Unit>) -> Family<'a> {
    Family { name, help, unit }
}

impl Family<'_> {
    fn gauges(&self, e: &mut DescriptorEncoder<'_>, rows: impl IntoIterator<Item = (Labels, f64)>) -> fmt::Result {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut metric = e.encode_descriptor(self.name, self.help, self.unit.as_ref(), MetricType::Gauge)?;
        rows.try_for_each(|(labels, value)| ConstGauge::new(value).encode(metric.encode_family(&labels)?))
    }

    fn gauge(&self, e: &mut DescriptorEncoder<'_>, value: f64) -> fmt::Result {
        ConstGauge::new(value).encode(e.encode_descriptor(self.name, self.help, self.unit.as_ref(), MetricType::Gauge)?)
    }

    fn counters(&self, e: &mut DescriptorEncoder<'_>, rows: impl IntoIterator<Item = (Labels, u64)>) -> fmt::Result {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut metric = e.encode_descriptor(self.name, self.help, self.unit.as_ref(), MetricType::Counter)?;
        rows.try_for_each(|(labels, value)| ConstCounter::new(value).encode(metric.encode_family(&labels)?))
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let e = &mut encoder;
        self.market(e)?;
        self.sources(e)?;
        self.run(e)?;
        self.jobs(e)?;
        self.training(e)?;
        self.process(e)?;
        family("control_streams", "Event streams attached", None).gauge(e, self.streams as f64)?;
        let unwritten = ConstCounter::new(self.unwritten);
        unwritten.encode(e.encode_descriptor("log_lines_lost", "Log lines that did not reach the file", None, MetricType::Counter)?)?;
        let deltas = ConstCounter::new(self.deltas);
        deltas.encode(e.encode_descriptor("control_deltas", "Changes of the state written down for streams", None, MetricType::Counter)?)
    }
}

impl Scrape {
    fn market(&self, e: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let count = |state| self.state.market.count(state) as f64;
        let rows = CELL_STATES.map(|(state, name)| (vec![("state", name.to_owned())], count(state)));
        family("series", "Series by state", None).gauges(e, rows)?;
        let hiding = self.state.quarantined;
        let findings = [("hiding", hiding), ("other", self.state.issues.saturating_sub(hiding))];
        let rows = findings.map(|(kind, n)| (vec![("kind", kind.to_owned())], n as f64));
        family("findings", "Open data-quality findings; hiding ones keep bars from readers", None).gauges(e, rows)?;
        let alerts = [(AlertLevel::Bad, "bad"), (AlertLevel::Warn, "warn")];
        let rows = alerts.map(|(level, name)| {
            let n = self.state.alerts.iter().filter(|a| a.level == level).count();
            (vec![("level", name.to_owned())], n as f64)
        });
        family("alerts", "What needs the operator, by severity", None).gauges(e, rows)
    }

    fn sources(&self, e: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = |s: &SourceStatus| vec![("source", s.source.to_string())];
        let all = &self.state.sources;
        let up = |s: &SourceStatus| f64::from(u8::from(matches!(s.link, LinkState::Up)));
        family("source_up", "Whether the source answers", None).gauges(e, all.iter().map(|s| (name(s), up(s))))?;
        let answered = all.iter().map(|s| (name(s), s.answered));
        family("source_requests_answered", "Requests answered", None).counters(e, answered)?;
        family("source_requests_failed", "Requests that failed", None).counters(e, all.iter().map(|s| (name(s), s.failed)))?;
        let pacing = all.iter().map(|s| (name(s), s.pacing_errors));
        family("source_pacing_errors", "Requests that the source called too many", None).counters(e, pacing)?;
        family("source_bars", "Bars received", None).counters(e, all.iter().map(|s| (name(s), s.bars)))
    }

    fn run(&self, e: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let progress = self.state.active.as_ref().map(|r| &r.progress);
        family("ingest_active", "Whether an ingest runs", None).gauge(e, f64::from(u8::from(progress.is_some())))?;
        let Some(p) = progress else { return Ok(()) };
        family("ingest_series_done", "Series done by the ingest that runs", None).gauge(e, f64::from(p.series_done))?;
        family("ingest_series_planned", "Series that the ingest that runs will work on", None).gauge(e, f64::from(p.series_total))
    }

    fn jobs(&self, e: &mut DescriptorEncoder<'_>) -> fmt::Result {
        family("scheduler_on", "Whether ticks lead to runs", None).gauge(e, f64::from(u8::from(self.state.scheduler.on)))?;
        let jobs = || self.state.jobs.iter().filter(|j| j.missing.is_none());
        let name = |j: &crate::engine::JobView| vec![("job", j.job.to_string())];
        let next = jobs().filter_map(|j| Some((name(j), j.next? as f64)));
        family("job_next_run_timestamp", "When the job's next tick comes", Some(Unit::Seconds)).gauges(e, next)?;
        let ended = jobs().filter_map(|j| Some((name(j), j.last.as_ref()?.ended_at? as f64)));
        family("job_last_end_timestamp", "When the job's last run ended", Some(Unit::Seconds)).gauges(e, ended)?;
        let good = |j: &crate::engine::JobView| Some(f64::from(u8::from(j.last.as_ref()?.state == JobState::Succeeded)));
        let last = jobs().filter_map(|j| Some((name(j), good(j)?)));
        family("job_last_succeeded", "Whether the job's last run succeeded", None).gauges(e, last)?;
        let failures = jobs().map(|j| (name(j), f64::from(j.failures_in_row)));
        family("job_failures_in_row", "Failed ticks in a row", None).gauges(e, failures)?;
        let running = jobs().map(|j| (name(j), f64::from(u8::from(j.active.is_some()))));
        family("job_active", "Whether a run is queued or working", None).gauges(e, running)
    }

    fn training(&self, e: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = |s: Strategy| vec![("strategy", s.to_string())];
        let all = &self.state.training;
        let works = |v: &TrainingView| f64::from(u8::from(v.state == TrainingState::Running));
        family("training_active", "Whether a training run of the strategy works", None)
            .gauges(e, all.iter().map(|v| (name(v.strategy), works(v))))?;
        let done = all.iter().map(|v| (name(v.strategy), v.steps_done() as f64));
        family("training_steps_done", "Steps that the strategy's last training run has finished, of twelve", None).gauges(e, done)?;
        let verdict = all.iter().filter(|v| v.state.judged()).filter_map(|v| Some((name(v.strategy), v.ended_at? as f64)));
        family("training_verdict_timestamp", "When the strategy's last training run came to its verdict, if it did", Some(Unit::Seconds))
            .gauges(e, verdict)?;
        let halted = |s: Strategy| self.state.drift.iter().any(|d| d.strategy == s && d.halted.is_some());
        let gives = |s: &Standing| f64::from(u8::from(s.champion.as_ref().is_some_and(|c| !c.expired) && !halted(s.strategy)));
        let serving = self.state.standings.iter().map(|s| (name(s.strategy), gives(s)));
        family("champion_present", "Whether the strategy has a champion that gives signals", None).gauges(e, serving)?;
        let expiry = self.state.standings.iter().filter_map(|s| Some((name(s.strategy), s.champion.as_ref()?.expires_at as f64)));
        family("champion_expiry_timestamp", "When the strategy's champion grows too old", Some(Unit::Seconds)).gauges(e, expiry)
    }

    fn process(&self, e: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let host = &self.state.host;
        family("start_timestamp", "When the process started", Some(Unit::Seconds)).gauge(e, self.state.process.started_at as f64)?;
        family("cpu_cores", "Processor cores in use by this process", None).gauge(e, f64::from(host.cpu))?;
        family("resident_memory", "Memory of this process", Some(Unit::Bytes)).gauge(e, host.rss as f64)?;
        family("database_size", "Master database with its write-ahead log", Some(Unit::Bytes)).gauge(e, host.database as f64)?;
        family("disk_free", "Free space in the data folder", Some(Unit::Bytes)).gauge(e, host.disk_free as f64)
    }
}
