//! One client's connection, from the handshake to the end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{broadcast, mpsc};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};
use tokio_util::sync::CancellationToken;

use super::contracts::Listing;
use super::encode::Encoder;
use super::history;
use super::journal::Entry;
use super::outbox::{self, Out};
use super::pacing::MESSAGES;
use super::request::{self, ContractKey, Request};
use super::text::Fields;
use super::wire::{self, MAX_BODY};
use super::{HMDS_BROKEN, HMDS_OK, Shared, Signal};
use crate::market::date_to_ts;
use crate::sim::FaultName;

/// Answers waiting for a slow client; further requests wait with them.
const OUTBOX: usize = 64;

/// Violations of the message rate that end a session.
const STRIKES: u8 = 3;

/// What a session's requests share.
pub(super) struct Line {
    pub shared: Arc<Shared>,
    pub encoder: Encoder,
    pub out: mpsc::Sender<Out>,
    /// Historical requests without a final answer, by request id.
    pub open: Mutex<HashMap<i32, Open>>,
    /// Historical requests accepted so far.
    pub serial: AtomicU64,
}

/// A historical request at work. A client may use an id again at once, so the serial number tells the two apart.
pub(super) struct Open {
    pub serial: u64,
    pub task: AbortHandle,
}

impl Line {
    /// Queues frames; a client that has left no longer wants them.
    pub(super) async fn send(&self, frames: Vec<u8>) {
        let _ = self.out.send(Out::Frames(frames)).await;
    }

    /// Sends an error for a request (or, with id -1, a notice).
    pub(super) async fn error(&self, id: i32, code: i32, text: &str) {
        if id != -1 {
            self.shared.journal.count(|c| c.errors += 1);
        }
        self.send(self.encoder.error(id, code, text, self.shared.clock.now_ms())).await;
    }

    pub(super) fn open(&self) -> std::sync::MutexGuard<'_, HashMap<i32, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the session goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    Stop,
}

struct Session {
    line: Arc<Line>,
    client_id: Option<i32>,
    strikes: u8,
}

/// Serves one connection until either side ends it.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    shared.journal.count(|c| {
        c.connections += 1;
        c.open_connections += 1;
    });
    tokio::select! {
        () = converse(&shared, stream) => {}
        () = shared.stop.cancelled() => {}
    }
    shared.journal.count(|c| c.open_connections -= 1);
}

async fn converse(shared: &Arc<Shared>, mut stream: TcpStream) {
    if shared.faults.strike(FaultName::CloseAfterAccept, None) {
        // The client's greeting is read away: closing over unread bytes would reset the connection instead.
        let _ = stream.shutdown().await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        return;
    }
    // Small frames should not wait for each other; failing to say so changes nothing but speed.
    let _ = stream.set_nodelay(true);
    if shared.faults.strike(FaultName::AcceptSilent, None) {
        // Until the client gives up.
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        return;
    }
    let signals = shared.signals.subscribe();
    let Ok(Some(version)) = wire::handshake(&mut stream, shared.clock.utc()).await else { return };
    let (reader, writer) = stream.into_split();
    let (out, outs) = mpsc::channel(OUTBOX);
    let over = shared.stop.child_token();
    let writing = shared.tasks.spawn(outbox::write(writer, outs, over.clone()));
    let line =
        Arc::new(Line { shared: Arc::clone(shared), encoder: Encoder { version }, out, open: Mutex::default(), serial: AtomicU64::new(0) });
    let mut session = Session { line, client_id: None, strikes: 0 };
    session.run(reader, signals, &over).await;
    let unfinished: Vec<Open> = session.line.open().drain().map(|(_, open)| open).collect();
    for open in unfinished {
        open.task.abort();
    }
    if let Some(id) = session.client_id {
        shared.clients().remove(&id);
    }
    drop(session);
    // The writer ends with the last sender, or at once when the client is gone.
    let _ = writing.await;
}

impl Session {
    async fn run(&mut self, reader: OwnedReadHalf, mut signals: broadcast::Receiver<Signal>, over: &CancellationToken) {
        let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_BODY).new_codec();
        let mut frames = FramedRead::new(reader, codec);
        loop {
            let next = tokio::select! {
                () = over.cancelled() => return,
                frame = frames.next() => {
                    let Some(Ok(body)) = frame else {
                        // The end, a reset, or a length beyond the limit.
                        over.cancel();
                        return;
                    };
                    self.message(&body).await
                }
                signal = signals.recv() => match signal {
                    Ok(signal) => self.signal(signal).await,
                    // A session that lags behind has missed notices only.
                    Err(broadcast::error::RecvError::Lagged(_)) => Next::Go,
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            };
            if next == Next::Stop {
                return;
            }
        }
    }

    async fn signal(&self, signal: Signal) -> Next {
        let ready = self.client_id.is_some();
        match signal {
            Signal::Notice(code, text) if ready => self.line.error(-1, code, text).await,
            Signal::Notice(..) => {}
            Signal::Dropped => {
                if ready {
                    let text = "TWS socket port has been reset and this connection is being dropped. Please reconnect on the new port";
                    self.line.error(-1, 1300, text).await;
                }
                return Next::Stop;
            }
        }
        Next::Go
    }

    async fn message(&mut self, body: &[u8]) -> Next {
        let shared = Arc::clone(&self.line.shared);
        let within = shared.pacer.message(Instant::now());
        shared.journal.count(|c| {
            c.messages += 1;
            c.rate_violations += u64::from(!within);
        });
        if !within && shared.enforce_pacing {
            return self.too_fast().await;
        }
        let (message, request) = match request::read(self.line.encoder.version.dialect, body) {
            Ok(read) => read,
            Err(e) => {
                self.line.error(-1, 320, &format!("Error reading request. {e}")).await;
                return Next::Go;
            }
        };
        let at_ms = shared.clock.now_ms();
        let client_id = self.client_id.unwrap_or_default();
        shared.journal.record(Entry { at_ms, client_id, message, what: summary(&request) });
        match (&request, self.client_id) {
            (Request::StartApi { client_id }, None) => self.start(*client_id).await,
            // Nothing is answered before START_API.
            (_, None) => Next::Go,
            (_, Some(_)) => {
                self.answer(request, message).await;
                Next::Go
            }
        }
    }

    async fn too_fast(&mut self) -> Next {
        self.strikes += 1;
        let text = format!("Max rate of messages per second has been exceeded:max={MESSAGES} rec={} ({})", MESSAGES + 1, self.strikes);
        self.line.error(-1, 100, &text).await;
        if self.strikes >= STRIKES { Next::Stop } else { Next::Go }
    }

    async fn start(&mut self, client_id: i32) -> Next {
        let shared = &self.line.shared;
        let taken = shared.faults.strike(FaultName::ClientIdInUse, None) || !shared.clients().insert(client_id);
        if taken {
            let text = "Unable to connect as the client id is already in use. Retry with a unique client id.";
            self.line.error(-1, 326, text).await;
            return Next::Stop;
        }
        self.client_id = Some(client_id);
        let encoder = self.line.encoder;
        let mut hello = encoder.accounts(&shared.accounts);
        hello.extend(encoder.next_id(1));
        let hmds = if shared.hmds_down.load(Ordering::SeqCst) { HMDS_BROKEN } else { HMDS_OK };
        let farm = (2104, "Market data farm connection is OK:usfarm");
        for (code, text) in [farm, hmds, (2158, "Sec-def data farm connection is OK:secdefil")] {
            hello.extend(encoder.error(-1, code, text, shared.clock.now_ms()));
        }
        self.line.send(hello).await;
        shared.journal.count(|c| c.sessions += 1);
        tracing::debug!(target: "sim", client_id, version = encoder.version.number, "Client connected to the simulated gateway");
        Next::Go
    }

    async fn answer(&self, request: Request, message: i32) {
        let (line, shared, encoder) = (&self.line, &self.line.shared, self.line.encoder);
        match request {
            Request::StartApi { .. } | Request::CancelContract | Request::CancelHead { .. } | Request::Silent => {}
            Request::NextId => line.send(encoder.next_id(1)).await,
            Request::Accounts => line.send(encoder.accounts(&shared.accounts)).await,
            Request::Time => line.send(encoder.time(shared.clock.now())).await,
            Request::TimeMillis => line.send(encoder.time_millis(shared.clock.now_ms())).await,
            Request::Contract { id, contract } => self.contract(id, &contract).await,
            Request::Head { id, contract, what, format_date } => self.head(id, &contract, &what, format_date).await,
            Request::History(request) => history::accept(line, *request).await,
            Request::CancelHistory { id } => self.cancel(id).await,
            Request::RealTimeBars { id } => {
                line.error(id, 420, "Invalid Real-time Query:Real time bars are not simulated; ask for historical bars").await;
            }
            Request::Positions => line.send(Fields::of("62").put(1).frame()).await,
            Request::OpenOrders => line.send(Fields::of("53").put(1).frame()).await,
            Request::CompletedOrders => line.send(Fields::of("102").frame()).await,
            Request::AccountUpdates { account } => line.send(Fields::of("54").put(1).put(account).frame()).await,
            Request::AccountUpdatesMulti { id } => line.send(Fields::of("74").put(1).put(id).frame()).await,
            Request::Executions { id } => line.send(Fields::of("55").put(1).put(id).frame()).await,
            Request::Unknown => line.error(-1, 505, &format!("Fatal Error: Unknown message id {message}")).await,
        }
    }

    /// Finds the instrument, or says 200.
    async fn listing(&self, id: i32, contract: &ContractKey) -> Option<&Listing> {
        let found = find(&self.line, contract);
        if found.is_none() {
            self.line.error(id, 200, "No security definition has been found for the request").await;
        }
        found
    }

    async fn contract(&self, id: i32, contract: &ContractKey) {
        let shared = &self.line.shared;
        shared.journal.count(|c| c.contract_requests += 1);
        let Some(listing) = self.listing(id, contract).await else { return };
        let mut answer = self.line.encoder.contract(id, listing, shared.clock.now());
        answer.extend(self.line.encoder.contract_end(id));
        self.line.send(answer).await;
    }

    async fn head(&self, id: i32, contract: &ContractKey, what: &str, format_date: i32) {
        let shared = &self.line.shared;
        shared.journal.count(|c| c.head_requests += 1);
        let Some(listing) = self.listing(id, contract).await else { return };
        if what == "TRADES" && listing.sec_type() == "CRYPTO" {
            self.line.error(id, 10299, "Expected what to show is AGGTRADES, please use that instead of TRADES.").await;
            return;
        }
        let date = shared.feed.first_trade_date(&listing.instrument);
        let session = listing.instrument.calendar().session_on(date);
        let ts = session.map_or(date_to_ts(date), |s| s.open);
        let text = if format_date == 2 { ts.to_string() } else { listing.local(ts, "%Y%m%d-%H:%M:%S") };
        self.line.send(self.line.encoder.head(id, &text)).await;
    }

    async fn cancel(&self, id: i32) {
        let open = self.line.open().remove(&id);
        if let Some(open) = open {
            open.task.abort();
            self.line.shared.journal.count(|c| c.cancelled += 1);
            let text = format!("Historical Market Data Service error message:API historical data query cancelled: {id}");
            self.line.error(id, 162, &text).await;
        } else {
            self.line.error(id, 366, &format!("No historical data query found for ticker id:{id}")).await;
        }
    }
}

/// The instrument of a contract, unless the fault `spurious-200` hides it.
pub(super) fn find<'a>(line: &'a Line, contract: &ContractKey) -> Option<&'a Listing> {
    let listing = line.shared.directory.find(contract)?;
    let hidden = line.shared.faults.strike(FaultName::Spurious200, Some(listing.instrument.symbol));
    (!hidden).then_some(listing)
}

fn summary(request: &Request) -> String {
    match request {
        Request::History(h) => {
            let end = if h.end.is_empty() { "now" } else { &h.end };
            format!("{} {} {} to {end} {}", h.contract.symbol, h.bar_size, h.duration, h.what)
        }
        Request::Contract { contract, .. } | Request::Head { contract, .. } => contract.symbol.clone(),
        Request::StartApi { client_id } => format!("client {client_id}"),
        Request::CancelHistory { id } => format!("cancel {id}"),
        _ => String::new(),
    }
}
