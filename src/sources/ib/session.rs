//! The connection to the gateway, kept by one supervisor task.
//!
//! Each session is a new `ibapi::Client` whose own reconnect is off: that reconnect has no time limit and silently
//! sends requests again, which would break the pacer's account. The supervisor connects at first need, rotates client
//! ids when one is taken, watches the gateway's pulse, and backs off between tries. Requests borrow the client
//! through [`Session::client`].

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use ibapi::Client;
use ibapi::subscriptions::NoticeStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::classify::classify;
use super::link::Effect;
use super::meter::Meter;
use super::pacer::Pacer;
use crate::market::Clock;
use crate::sources::backoff::Backoff;
use crate::sources::{Fault, LinkState, Outcome};

/// Where and how to connect.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// `host:port`.
    pub(super) endpoint: String,
    /// First client id.
    pub(super) client_id: i32,
    /// How many ids to rotate through.
    pub(super) client_ids: u8,
}

/// The session's time limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) connect: Duration,
    pub(super) watchdog: Duration,
    pub(super) pulse: Duration,
    pub(super) farewell: Duration,
    pub(super) backoff_first: Duration,
    pub(super) backoff_most: Duration,
}

/// A session that lasted this long starts its next back-off from the shortest pause.
const STABLE: Duration = Duration::from_secs(30);
/// Pulses that may be missed before the session is dropped.
const MISSES: u32 = 2;

/// Nobody listens at the address.
const REFUSED: &str = "connection refused: start IB Gateway, or correct ib.host and ib.port";

#[derive(Clone)]
enum Phase {
    Idle,
    Connecting,
    Up(Arc<Client>),
    Down(String),
    Closed,
}

/// Shared between the supervisor and the requests.
pub(super) struct Session {
    address: Address,
    patience: Patience,
    phase: watch::Sender<Phase>,
    wanted: Notify,
    broken: Notify,
    meter: Arc<Meter>,
    pacer: Arc<Pacer>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
}

impl Session {
    pub(super) fn new(
        address: Address,
        patience: Patience,
        meter: Arc<Meter>,
        pacer: Arc<Pacer>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> Self {
        let phase = watch::Sender::new(Phase::Idle);
        Self { address, patience, phase, wanted: Notify::new(), broken: Notify::new(), meter, pacer, clock, stop }
    }

    /// The connected client. Starts the first connection, waits for one in progress (within the connect limit), and
    /// fails at once with the reason while the supervisor backs off.
    pub(super) async fn client(&self) -> Result<Arc<Client>, Fault> {
        self.wanted.notify_one();
        let mut rx = self.phase.subscribe();
        let settled = rx.wait_for(|p| matches!(p, Phase::Up(_) | Phase::Down(_) | Phase::Closed));
        match timeout(self.patience.connect + self.patience.farewell, settled).await {
            Ok(Ok(phase)) => match &*phase {
                Phase::Up(client) => Ok(client.clone()),
                Phase::Down(cause) => Err(Fault::new(format!("IB Gateway at {} is not connected: {cause}", self.address.endpoint))),
                _ => Err(Fault::new("the IB source is shut down")),
            },
            _ => Err(Fault::new(format!("IB Gateway at {} is still connecting", self.address.endpoint))),
        }
    }

    /// The client, if it is connected at this moment.
    pub(super) fn connected(&self) -> Option<Arc<Client>> {
        match &*self.phase.borrow() {
            Phase::Up(client) => Some(Arc::clone(client)),
            _ => None,
        }
    }

    /// Connects now, whatever the back-off says, and returns the client.
    pub(super) async fn client_now(&self) -> Result<Arc<Client>, Fault> {
        self.phase.send_if_modified(|p| {
            let down = matches!(p, Phase::Down(_));
            if down {
                *p = Phase::Connecting;
            }
            down
        });
        self.client().await
    }

    /// A request found the connection of `client` unusable.
    pub(super) fn report_broken(&self, client: &Arc<Client>) {
        let current = matches!(&*self.phase.borrow(), Phase::Up(c) if Arc::ptr_eq(c, client));
        if current {
            self.broken.notify_one();
        }
    }

    /// The supervisor: runs until the stop token falls.
    pub(super) async fn supervise(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.wanted.notified() => self.sessions().await,
        }
        self.meter.session(LinkState::Down { cause: "shut down".into(), retry_at: None });
        self.phase.send_replace(Phase::Closed);
    }

    async fn sessions(&self) {
        let seed = self.clock.mono().as_nanos() as u64 ^ (u64::from(std::process::id()) << 32) ^ self.clock.now_ms() as u64;
        let mut backoff = Backoff::new(self.patience.backoff_first, self.patience.backoff_most, seed);
        let (mut attempt, mut id) = (1_u32, 0_u8);
        loop {
            self.phase.send_replace(Phase::Connecting);
            self.meter.session(LinkState::Connecting { attempt });
            let connected = tokio::select! {
                () = self.stop.cancelled() => return,
                c = self.connect(self.address.client_id + i32::from(id)) => c,
            };
            let cause = match connected {
                Ok((client, notices)) => {
                    attempt = 0;
                    let since = Instant::now();
                    let cause = self.serve(client, notices).await;
                    if since.elapsed() >= STABLE {
                        backoff.reset();
                    }
                    cause
                }
                Err(Refusal::IdTaken) => {
                    let taken = self.address.client_id + i32::from(id);
                    id = (id + 1) % self.address.client_ids.max(1);
                    if id != 0 {
                        tracing::warn!(target: "ib", client_id = taken, "Client id is taken, trying the next one");
                        continue;
                    }
                    "all client ids are in use by other programs; close one, or raise ib.client_ids".into()
                }
                Err(Refusal::Other(cause)) => cause,
            };
            if self.stop.is_cancelled() {
                return;
            }
            attempt += 1;
            self.pause(backoff.pause(), cause).await;
            if self.stop.is_cancelled() {
                return;
            }
        }
    }

    /// Stays down for `pause`, or until a probe asks for a connection now.
    async fn pause(&self, pause: Duration, cause: String) {
        let retry_at = self.clock.now() + pause.as_secs_f64().ceil() as i64;
        tracing::warn!(target: "ib", endpoint = %self.address.endpoint, %cause, retry_in_ms = pause.as_millis() as u64, "Not connected");
        let mut rx = self.phase.subscribe();
        // Shown before it is felt: who fails on this phase finds the link down.
        self.meter.session(LinkState::Down { cause: cause.clone(), retry_at: Some(retry_at) });
        self.phase.send_replace(Phase::Down(cause));
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = sleep(pause) => {}
            _ = rx.wait_for(|p| matches!(p, Phase::Connecting)) => {}
        }
    }

    async fn connect(&self, client_id: i32) -> Result<(Arc<Client>, NoticeStream), Refusal> {
        let connecting = Client::builder()
            .address(self.address.endpoint.as_str())
            .client_id(client_id)
            .max_reconnect_attempts(0)
            .connect_with_notice_stream();
        match timeout(self.patience.connect, connecting).await {
            Ok(Ok((client, notices))) => {
                tracing::info!(
                    target: "ib",
                    endpoint = %self.address.endpoint, client_id, server_version = client.server_version(), "Connected to the gateway"
                );
                Ok((Arc::new(client), notices))
            }
            Ok(Err(ibapi::Error::ClientIdInUse { .. })) => Err(Refusal::IdTaken),
            // A close before the handshake arrives as an end of file or, if it was quick, as a reset.
            Ok(Err(ibapi::Error::Io(e))) if hung_up(e.kind()) => {
                Err(Refusal::Other(refusal_text(&ibapi::Error::ConnectionRejected(e.to_string()))))
            }
            Ok(Err(ibapi::Error::Io(e))) if e.kind() == std::io::ErrorKind::ConnectionRefused => Err(Refusal::Other(REFUSED.into())),
            Ok(Err(e)) => Err(Refusal::Other(refusal_text(&e))),
            Err(_) => Err(Refusal::Other(format!(
                "the gateway accepted the connection but did not answer within {} s; is its login complete?",
                self.patience.connect.as_secs_f32()
            ))),
        }
    }

    /// Serves one session to its end and says why it ended.
    async fn serve(&self, client: Arc<Client>, mut notices: NoticeStream) -> String {
        // When a session broke, many requests report it, and one report too many waits here for the next session.
        let _ = self.broken.notified().now_or_never();
        self.meter.session(LinkState::Up);
        self.phase.send_replace(Phase::Up(client.clone()));
        let pulse = self.pulse(&client);
        tokio::pin!(pulse);
        let cause = loop {
            tokio::select! {
                () = self.stop.cancelled() => break "shut down".to_owned(),
                () = self.broken.notified() => break "the connection was lost".to_owned(),
                why = &mut pulse => break why,
                notice = notices.next() => match notice {
                    None => break "the gateway closed the connection".to_owned(),
                    Some(n) => if let Some(why) = self.heed(n.code, &n.message) { break why },
                },
            }
        };
        // No request may take a client that is on its way out.
        self.phase.send_replace(Phase::Connecting);
        if timeout(self.patience.farewell, client.disconnect()).await.is_err() {
            tracing::warn!(target: "ib", "The connection did not close in time and is abandoned");
        }
        cause
    }

    fn heed(&self, code: i32, text: &str) -> Option<String> {
        match self.meter.notice(code, text) {
            Effect::TooFast => {
                tracing::warn!(target: "ib", code, text, "The gateway says that we send too fast; pausing");
                self.pacer.strike();
            }
            Effect::Ending => return Some("the gateway reset its port (1300)".into()),
            Effect::Changed => tracing::info!(target: "ib", code, text, "Gateway notice"),
            Effect::None => tracing::debug!(target: "ib", code, text, "Gateway notice"),
        }
        None
    }

    /// Asks for the gateway's time at intervals; ends with the reason when the gateway stopped answering. A half-open
    /// TCP connection shows in no other way.
    async fn pulse(&self, client: &Client) -> String {
        let mut missed = 0;
        loop {
            sleep(self.patience.watchdog).await;
            self.pacer.message().await;
            match timeout(self.patience.pulse, client.server_time()).await {
                Ok(Ok(at)) => {
                    missed = 0;
                    let skew = at.unix_timestamp() - self.clock.now();
                    if skew.abs() > 5 {
                        tracing::warn!(target: "ib", skew_s = skew, "The gateway's clock and this machine's differ");
                    }
                }
                Ok(Err(e)) if e.is_connection_lost() || matches!(e, ibapi::Error::ConnectionFailed | ibapi::Error::Shutdown) => {
                    return "the connection was lost".into();
                }
                // Any other answer is a sign of life.
                Ok(Err(e)) if !matches!(e, ibapi::Error::Timeout) => missed = 0,
                _ => {
                    missed += 1;
                    tracing::warn!(target: "ib", missed, "The gateway missed a liveness check");
                    if missed >= MISSES {
                        return "the gateway stopped answering".into();
                    }
                }
            }
        }
    }

    /// Asks for the gateway's time once.
    pub(super) async fn probe(&self) -> Outcome<()> {
        let client = match self.client_now().await {
            Ok(c) => c,
            Err(f) => return Outcome::Transient(f),
        };
        self.pacer.message().await;
        match timeout(self.patience.pulse, client.server_time()).await {
            Ok(Ok(_)) => Outcome::Data(()),
            Ok(Err(e)) => classify(&e, "the gateway's time"),
            Err(_) => Outcome::Transient(Fault::new("the gateway did not answer a request for its time")),
        }
    }
}

enum Refusal {
    IdTaken,
    Other(String),
}

fn refusal_text(error: &ibapi::Error) -> String {
    classify::<()>(error, "connecting").fault().map_or_else(|| error.to_string(), |f| f.message.clone())
}

const fn hung_up(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind;
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{ManualClock, Universe};
    use crate::sim::MarketFeed;
    use crate::sim::ib::{Gateway, GatewayOptions};
    use crate::sources::ib::pacer::Limits;

    #[tokio::test]
    async fn a_break_that_two_requests_report_costs_one_session() {
        let clock = ManualClock::at(1_795_032_020);
        let feed = Arc::new(MarketFeed::new(Universe { instruments: Vec::new() }, 7));
        let gateway = Gateway::start(GatewayOptions::new(feed, clock.clone())).await.unwrap();
        let pacer = Arc::new(Pacer::new(Limits::default()));
        let meter = Arc::new(Meter::new("gateway".into(), 40, pacer.clone(), clock.clone()));
        let (pause, limit) = (Duration::from_millis(10), Duration::from_secs(5));
        let patience =
            Patience { connect: limit, watchdog: limit, pulse: limit, farewell: limit, backoff_first: pause, backoff_most: pause };
        let address = Address { endpoint: gateway.addr().to_string(), client_id: 1, client_ids: 1 };
        let session = Arc::new(Session::new(address, patience, meter, pacer, clock, CancellationToken::new()));
        let supervisor = tokio::spawn({
            let session = session.clone();
            async move { session.supervise().await }
        });
        let first = session.client().await.unwrap();
        session.report_broken(&first);
        session.report_broken(&first);
        let mut phases = session.phase.subscribe();
        let second = |p: &Phase| matches!(p, Phase::Up(c) if !Arc::ptr_eq(c, &first));
        assert!(phases.wait_for(second).await.is_ok());
        assert!(timeout(pause * 10, phases.changed()).await.is_err(), "the second session stays");
        session.stop.cancel();
        supervisor.await.unwrap();
        gateway.shutdown().await;
    }
}
