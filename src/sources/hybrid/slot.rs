//! One source with its breaker: the merged status, and the task that probes an open breaker.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::market::{Clock, SourceId};
use crate::sources::breaker::Breaker;
use crate::sources::{Fault, LinkState, Outcome, Source, SourceStatus};

/// Sources bound their probes themselves; this is for one that does not.
const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// A source and its breaker.
pub(super) struct Slot {
    pub(super) source: Arc<dyn Source>,
    breaker: watch::Sender<Breaker>,
    merged: watch::Sender<SourceStatus>,
    /// Held while a probe is out.
    probing: Mutex<()>,
    /// Rung when an open breaker closes.
    bell: Option<Arc<watch::Sender<u64>>>,
    clock: Arc<dyn Clock>,
}

impl Slot {
    pub(super) fn new(source: Arc<dyn Source>, breaker: Breaker, bell: Option<Arc<watch::Sender<u64>>>, clock: Arc<dyn Clock>) -> Self {
        let status = source.status().borrow().clone();
        Self { source, breaker: watch::Sender::new(breaker), merged: watch::Sender::new(status), probing: Mutex::new(()), bell, clock }
    }

    pub(super) fn id(&self) -> SourceId {
        self.source.id()
    }

    pub(super) fn allows(&self) -> bool {
        self.breaker.borrow().allows()
    }

    pub(super) fn status(&self) -> watch::Receiver<SourceStatus> {
        self.merged.subscribe()
    }

    /// What ails the source, in a few words.
    pub(super) fn trouble(&self) -> String {
        let status = self.source.status();
        let status = status.borrow();
        match (&status.link, &status.last_error) {
            (LinkState::Down { cause, .. }, _) => cause.clone(),
            (_, Some((_, error))) => error.clone(),
            _ => "no answer".into(),
        }
    }

    /// A request was answered.
    pub(super) fn answered(&self) {
        let mut closed = false;
        self.breaker.send_if_modified(|b| {
            let before = b.clone();
            closed = b.success();
            *b != before
        });
        if closed {
            self.ring();
        }
    }

    /// A request failed. A lost connection opens the breaker at once where another source can take over; where none
    /// can, the retries are the better chance.
    pub(super) fn failed(&self, other_source: bool, why: &str) {
        let down = matches!(self.source.status().borrow().link, LinkState::Down { .. });
        let mut opened = false;
        self.breaker.send_if_modified(|b| {
            opened = b.failure(down && other_source, Instant::now(), self.clock.now());
            opened
        });
        if opened {
            tracing::warn!(target: "ingest", source = %self.id(), why, "Breaker open: the source is left alone until a probe succeeds");
        }
    }

    /// Probes the source, one caller at a time. `forced` probes a closed breaker as well, without effect on it.
    pub(super) async fn probe(&self, forced: bool) -> Outcome<()> {
        let _one = self.probing.lock().await;
        let mut claimed = false;
        self.breaker.send_if_modified(|b| {
            claimed = b.claim_probe();
            claimed
        });
        if !claimed && !forced {
            return Outcome::Data(());
        }
        let mut claim = Claim { slot: self, good: false, claimed };
        let outcome = timeout(PROBE_LIMIT, self.source.probe())
            .await
            .unwrap_or_else(|_| Outcome::Transient(Fault::new(format!("{}: no answer to a probe", self.id()))));
        claim.good = outcome.fault().is_none();
        outcome
    }

    fn ring(&self) {
        tracing::info!(target: "ingest", source = %self.id(), "Breaker closed: the source answers again");
        if let Some(bell) = &self.bell {
            bell.send_modify(|n| *n += 1);
        }
    }

    /// Keeps the merged status current.
    async fn mirror(&self) {
        let mut status = self.source.status();
        let mut breaker = self.breaker.subscribe();
        loop {
            let mut next = status.borrow_and_update().clone();
            next.breaker = breaker.borrow_and_update().shown();
            self.merged.send_if_modified(|s| {
                let changed = *s != next;
                *s = next;
                changed
            });
            tokio::select! {
                r = status.changed() => if r.is_err() { return },
                r = breaker.changed() => if r.is_err() { return },
            }
        }
    }

    /// Probes whenever an open breaker has rested.
    async fn revive(&self) {
        let mut breaker = self.breaker.subscribe();
        loop {
            let due = breaker.borrow_and_update().probe_due();
            let changed = breaker.changed();
            match due {
                None => {
                    if changed.await.is_err() {
                        return;
                    }
                }
                Some(at) => {
                    let rested = tokio::select! {
                        () = sleep_until(at) => true,
                        r = changed => if r.is_err() { return } else { false },
                    };
                    if rested && let Some(f) = self.probe(false).await.fault() {
                        tracing::debug!(target: "ingest", source = %self.id(), why = %f.message, "Probe failed");
                    }
                }
            }
        }
    }
}

/// A claimed probe. Its end is booked when it is dropped, so that a cancelled probe does not leave the breaker
/// half-open for ever.
struct Claim<'a> {
    slot: &'a Slot,
    good: bool,
    claimed: bool,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.claimed {
            return;
        }
        let mut closed = false;
        self.slot.breaker.send_modify(|b| closed = b.probed(self.good, Instant::now(), self.slot.clock.now()));
        if closed {
            self.slot.ring();
        }
    }
}

/// The two tasks of a slot; they end with `stop`.
pub(super) fn tasks(slot: &Arc<Slot>, stop: &CancellationToken) -> [JoinHandle<()>; 2] {
    let (a, b) = (slot.clone(), slot.clone());
    let (stop_a, stop_b) = (stop.clone(), stop.clone());
    [
        tokio::spawn(async move {
            tokio::select! { () = stop_a.cancelled() => {}, () = a.mirror() => {} }
        }),
        tokio::spawn(async move {
            tokio::select! { () = stop_b.cancelled() => {}, () = b.revive() => {} }
        }),
    ]
}
