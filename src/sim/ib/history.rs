//! Historical requests: checks, pacing, latency, the answer, and the faults that spoil it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::bars::{self, WireBar};
use super::contracts::Listing;
use super::encode::{BarStyle, Bounds};
use super::outbox::Out;
use super::pacing::OPEN_HISTORY;
use super::proto;
use super::query::{self, BarSize, Query, Show};
use super::request::History;
use super::session::{Line, Open, find};
use super::{Restart, Shared};
use crate::market::Timeframe;
use crate::sim::FaultName;

/// How often a subscription is kept up to date.
const UPDATES: Duration = Duration::from_secs(5);

/// Faults of an answer, in the order in which they are tried.
const FAULTS: [FaultName; 18] = [
    FaultName::Restart,
    FaultName::LinkDown,
    FaultName::Hang,
    FaultName::Pacing,
    FaultName::NoPermission,
    FaultName::NoData,
    FaultName::CompetingLogin,
    FaultName::AbortMidFrame,
    FaultName::TruncatedFrame,
    FaultName::OversizeFrame,
    FaultName::UnknownFrame,
    FaultName::NoEndMarker,
    FaultName::SlowDrip,
    FaultName::UnknownZone,
    FaultName::ZonelessEnd,
    FaultName::DuplicateBars,
    FaultName::OutOfOrderBars,
    FaultName::Empty,
];

/// A historical request that passed all checks.
struct Job {
    request: History,
    listing: Listing,
    query: Query,
    fault: Option<FaultName>,
    bad_volume: bool,
}

/// An open request; dropping it gives its slot back, however the request ended.
struct Slot {
    line: Arc<Line>,
    id: i32,
    serial: u64,
}

impl Slot {
    fn take(line: &Arc<Line>, id: i32) -> Self {
        line.shared.journal.count(|c| {
            c.open_history += 1;
            c.max_open_history = c.max_open_history.max(c.open_history);
        });
        Self { line: Arc::clone(line), id, serial: line.serial.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.line.open();
        if open.get(&self.id).is_some_and(|o| o.serial == self.serial) {
            open.remove(&self.id);
        }
        drop(open);
        self.line.shared.journal.count(|c| c.open_history -= 1);
    }
}

/// Checks a request and starts to work on it; other requests are not held up.
pub(super) async fn accept(line: &Arc<Line>, request: History) {
    let shared = &line.shared;
    shared.journal.count(|c| c.history_requests += 1);
    let id = request.id;
    let job = match prepare(line, request) {
        Ok(job) => job,
        Err((code, text)) => return line.error(id, code, &text).await,
    };
    if line.open().contains_key(&id) {
        return line.error(id, 322, "Error processing request.-'bM' : cause - Duplicate ticker ID for API historical data query").await;
    }
    match job.fault {
        Some(FaultName::Restart) => {
            // A full queue means that a restart is already ordered.
            let _ = shared.restarts.try_send(Restart { down: shared.outage, done: None });
        }
        Some(FaultName::LinkDown) => shared.drop_link(),
        _ => {}
    }
    let slot = Slot::take(line, id);
    let serial = slot.serial;
    // The task cannot finish before it is listed: it waits for the lock that is held here.
    let mut open = line.open();
    let task = shared.tasks.spawn(work(slot, job));
    open.insert(id, Open { serial, task: task.abort_handle() });
}

fn prepare(line: &Line, request: History) -> Result<Job, query::Refusal> {
    let shared = &line.shared;
    let listing = find(line, &request.contract).ok_or_else(|| (200, "No security definition has been found for the request".to_owned()))?;
    let query = query::check(&request, listing.instrument.asset, shared.clock.now())?;
    pace(shared, &request, &query, listing)?;
    let symbol = Some(listing.instrument.symbol);
    let hmds = shared.faults.strike(FaultName::HmdsDown, symbol);
    shared.set_hmds(hmds);
    let out_of_service = hmds || shared.link_down.load(Ordering::SeqCst);
    let strike = || FAULTS.into_iter().find(|&name| shared.faults.strike(name, symbol));
    let fault = if out_of_service { Some(FaultName::Hang) } else { strike() };
    let bad_volume = shared.faults.strike(FaultName::NanVolume, symbol);
    Ok(Job { listing: listing.clone(), query, fault, bad_volume, request })
}

/// The limits on open requests and on small bars.
fn pace(shared: &Shared, request: &History, query: &Query, listing: &Listing) -> Result<(), query::Refusal> {
    if shared.journal.counters().open_history >= OPEN_HISTORY {
        shared.journal.count(|c| c.open_violations += 1);
        if shared.enforce_pacing {
            return Err(service("Only 50 simultaneous API historical data requests allowed."));
        }
    }
    if let BarSize::Seconds(_) = query.bar {
        let line = format!("{} {} {}", listing.con_id, request.contract.exchange, request.what);
        let whole = format!("{line} {} {} {}", request.bar_size, request.duration, request.end);
        let weight = if request.what == "BID_ASK" { 2 } else { 1 };
        if !shared.pacer.small_bar(Instant::now(), &line, whole, weight) {
            shared.journal.count(|c| c.small_bar_violations += 1);
            if shared.enforce_pacing {
                return Err(service("Historical data request pacing violation"));
            }
        }
    }
    Ok(())
}

/// Error 162 with its usual prefix.
fn service(text: &str) -> query::Refusal {
    (162, format!("Historical Market Data Service error message:{text}"))
}

fn no_data(job: &Job) -> query::Refusal {
    let what = if job.request.what == "AGGTRADES" { "AggTrades" } else { "Trades" };
    service(&format!("HMDS query returned no data: {}@{} {what}", job.listing.symbol, job.listing.exchange()))
}

async fn work(slot: Slot, job: Job) {
    let (line, shared) = (&slot.line, &slot.line.shared);
    // Wait until the request is listed as open, see `accept`.
    drop(line.open());
    if !shared.latency.is_zero() {
        tokio::time::sleep(shared.latency).await;
    }
    let id = job.request.id;
    let refusal = match job.fault {
        Some(FaultName::Hang | FaultName::LinkDown | FaultName::Restart) => return std::future::pending().await,
        Some(FaultName::Pacing) => Some(service("Historical data request pacing violation")),
        Some(FaultName::NoPermission) => Some(service(&format!("No market data permissions for ISLAND {}", job.listing.sec_type()))),
        Some(FaultName::NoData) => Some(no_data(&job)),
        Some(FaultName::CompetingLogin) => Some((10197, "No market data during competing live session".to_owned())),
        _ => None,
    };
    let answer = refusal.map_or_else(|| compose(line, &job), Err);
    match answer {
        Err((code, text)) => line.error(id, code, &text).await,
        Ok(answer) => {
            shared.journal.count(|c| {
                c.answered += 1;
                c.bars += answer.bars;
            });
            deliver(line, &job, answer).await;
        }
    }
}

/// An answer on its way out.
struct Answer {
    bars: u64,
    /// The bars or schedule frame.
    body: Vec<u8>,
    /// The end marker, where there is one.
    end: Vec<u8>,
}

fn compose(line: &Line, job: &Job) -> Result<Answer, query::Refusal> {
    let now = line.shared.clock.now();
    match (job.query.show, job.query.bar) {
        (Show::Schedule, _) => Ok(Answer { bars: 0, body: line.encoder.schedule(&schedule(job)), end: Vec::new() }),
        (Show::Nothing, _) | (_, BarSize::Seconds(_)) => Err(no_data(job)),
        (Show::Trades | Show::Quotes, BarSize::Frame(timeframe)) => {
            let bars = served(&line.shared, job, timeframe, now);
            if bars.is_empty() && job.fault != Some(FaultName::Empty) {
                return Err(no_data(job));
            }
            let (id, bounds) = (job.request.id, bounds(job));
            let body = line.encoder.history(id, &bars, style(job), &bounds);
            let body = body.ok_or_else(|| service("The answer does not fit into one message; ask for a shorter duration"))?;
            Ok(Answer { bars: bars.len() as u64, body, end: line.encoder.history_end(id, &bounds) })
        }
    }
}

fn style(job: &Job) -> BarStyle {
    BarStyle { epoch: job.request.format_date == 2, traded: job.query.show == Show::Trades, bad_volume: job.bad_volume }
}

fn served(shared: &Shared, job: &Job, timeframe: Timeframe, now: i64) -> Vec<WireBar> {
    let q = &job.query;
    let mut bars = bars::bars(&shared.feed, &job.listing.instrument, timeframe, q.start, q.end, now);
    match job.fault {
        Some(FaultName::DuplicateBars) => bars = bars.into_iter().flat_map(|b| [b, b]).collect(),
        // Every other pair changes places.
        Some(FaultName::OutOfOrderBars) => bars.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1)),
        Some(FaultName::Empty) => bars.clear(),
        _ => {}
    }
    bars
}

fn bounds(job: &Job) -> Bounds {
    let zone = match job.fault {
        Some(FaultName::UnknownZone) => " Weird/Zone",
        Some(FaultName::ZonelessEnd) => "",
        _ => " US/Eastern",
    };
    let text = |ts: i64| {
        let at = chrono::DateTime::from_timestamp(ts, 0).unwrap_or_default().with_timezone(&chrono_tz::US::Eastern);
        format!("{}{zone}", at.format("%Y%m%d %H:%M:%S"))
    };
    Bounds { start: text(job.query.start), end: text(job.query.end) }
}

fn schedule(job: &Job) -> proto::Schedule {
    let (listing, q) = (&job.listing, &job.query);
    let text = |ts: i64| Some(listing.local(ts, "%Y%m%d-%H:%M:%S"));
    let sessions = listing.instrument.calendar().sessions(q.start, q.end);
    proto::Schedule {
        req_id: Some(job.request.id),
        start: text(q.start),
        end: text(q.end),
        time_zone: Some(listing.time_zone().into()),
        sessions: sessions
            .map(|s| proto::ScheduleSession {
                start: text(s.open),
                end: text(s.close),
                reference: Some(s.date.format("%Y%m%d").to_string()),
            })
            .collect(),
    }
}

async fn deliver(line: &Line, job: &Job, answer: Answer) {
    let Answer { mut body, end, .. } = answer;
    let last = |bytes: Vec<u8>, reset: bool| Out::Last { bytes, reset };
    let half = body.len() / 2;
    let out = match job.fault {
        Some(FaultName::AbortMidFrame) => last(body[..half].to_vec(), true),
        Some(FaultName::TruncatedFrame) => last(body[..half].to_vec(), false),
        Some(FaultName::OversizeFrame) => Out::Frames(vec![0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
        Some(FaultName::NoEndMarker) if end.is_empty() => return std::future::pending().await,
        Some(FaultName::NoEndMarker) => Out::Frames(body),
        Some(FaultName::SlowDrip) => {
            body.extend(end);
            Out::Drip(body)
        }
        fault => {
            let mut frames = if fault == Some(FaultName::UnknownFrame) { line.encoder.unknown() } else { Vec::new() };
            frames.append(&mut body);
            frames.extend(end);
            Out::Frames(frames)
        }
    };
    // A client that has left no longer wants it.
    let _ = line.out.send(out).await;
    match (job.fault, job.query.bar) {
        (Some(FaultName::NoEndMarker), _) => std::future::pending().await,
        (_, BarSize::Frame(timeframe)) if job.request.keep_up_to_date => keep_up(line, job, timeframe).await,
        _ => {}
    }
}

/// Sends the latest bar every few seconds until the request is cancelled.
async fn keep_up(line: &Line, job: &Job, timeframe: Timeframe) {
    loop {
        tokio::time::sleep(UPDATES).await;
        let now = line.shared.clock.now();
        let from = now - 2 * timeframe.seconds();
        if let Some(bar) = bars::bars(&line.shared.feed, &job.listing.instrument, timeframe, from, now + 1, now).last() {
            line.send(line.encoder.update(job.request.id, bar, style(job))).await;
        }
    }
}
