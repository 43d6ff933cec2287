//! Watches the engine's state and sends what a person away from the screen should know through the webhook.
//!
//! The daemon starts one [`Outbox`] beside its engine. It never makes the engine wait: it reads snapshots, and hands
//! alerts to a sender of its own through a bounded queue. What the queue cannot take stays due and is offered again.

mod causes;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::Snapshot;
use crate::webhook::{Notice, Webhook};
use causes::Causes;

/// Alerts that may wait for their delivery.
const QUEUE: usize = 64;
/// How soon alerts that found the queue full are offered again.
const OFFER_AGAIN: Duration = Duration::from_secs(5);

/// A running watch; it ends with the engine, or with [`Outbox::stop`].
pub struct Outbox {
    stop: CancellationToken,
    watching: JoinHandle<()>,
    sending: JoinHandle<()>,
}

/// An alert on its way, under an identity that stays the same however often it is sent.
struct Parcel {
    id: String,
    notice: Notice,
}

impl Outbox {
    /// Starts watching `state`, as [`crate::control::Client::state`] gives it.
    pub fn start(state: watch::Receiver<Arc<Snapshot>>, webhook: Arc<Webhook>) -> Self {
        let (queue, parcels) = mpsc::channel(QUEUE);
        let stop = CancellationToken::new();
        let watching = tokio::spawn(watch_state(state, Arc::clone(&webhook), queue, stop.clone()));
        let sending = tokio::spawn(send(parcels, webhook, stop.clone()));
        Self { stop, watching, sending }
    }

    /// Ends it; alerts that are not delivered by now are given up, and the log says how many.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in [self.watching, self.sending] {
            if let Err(e) = task.await {
                tracing::error!(target: "control", error = %e, "The alerts' task ended unexpectedly");
            }
        }
    }
}

async fn watch_state(
    mut state: watch::Receiver<Arc<Snapshot>>,
    webhook: Arc<Webhook>,
    queue: mpsc::Sender<Parcel>,
    stop: CancellationToken,
) {
    let mut causes = Causes::default();
    let mut sent = 0_u64;
    loop {
        let now = Instant::now();
        let snapshot = Arc::clone(&state.borrow_and_update());
        causes.observe(&snapshot, now);
        let mut next = causes.next_due(now);
        for (key, notice) in causes.due(now) {
            if !webhook.configured() {
                causes.settled(&key);
                continue;
            }
            let id = format!("{}-{}", snapshot.epoch, sent + 1);
            if queue.try_send(Parcel { id, notice }).is_err() {
                tracing::warn!(target: "control", "Many alerts wait for the webhook, the rest is offered again");
                next = Some(now + OFFER_AGAIN);
                break;
            }
            sent += 1;
            causes.settled(&key);
        }
        drop(snapshot);
        tokio::select! { biased;
            () = stop.cancelled() => return,
            changed = state.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(next.unwrap_or(now)), if next.is_some() => {}
        }
    }
}

async fn send(mut parcels: mpsc::Receiver<Parcel>, webhook: Arc<Webhook>, stop: CancellationToken) {
    while let Some(Parcel { id, notice }) = parcels.recv().await {
        let ended = tokio::select! { biased;
            ended = webhook.deliver(&id, &notice) => ended,
            () = stop.cancelled() => {
                tracing::warn!(target: "control", alerts = parcels.len() + 1, "Alerts were not delivered before the end");
                return;
            }
        };
        match ended {
            Ok(answer) => tracing::info!(target: "control", id, host = answer.host, attempts = answer.attempts, "Alert delivered"),
            Err(e) => tracing::warn!(target: "control", id, text = notice.text, error = %e, "Alert not delivered"),
        }
    }
}
