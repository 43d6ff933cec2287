//! Whether the engine lives: asked by the daemon's watchdog and by the readiness check of the control API; and the engine's
//! own look at its writer, for the operator.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Request;
use crate::store::master::Writer;

/// Time between two looks at the writer.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Longer than any transaction takes on a disk that works, and as long as the watchdog of the shipped unit waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Feels the pulse of the owner task and of the writer thread. Cheap: two messages, no disk.
#[derive(Clone, Debug)]
pub struct Pulse {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) writer: Writer,
}

/// Who gave no sign of life in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Silent {
    /// The owner task, which dispatches jobs and answers commands.
    #[error("the dispatcher gives no sign of life")]
    Dispatcher,
    /// The thread that writes the master database.
    #[error("the database writer gives no sign of life")]
    Writer,
}

impl Pulse {
    /// Waits until one of them has ended.
    pub async fn gone(&self) {
        tokio::select! {
            () = self.requests.closed() => {}
            () = self.writer.gone() => {}
        }
    }

    /// Waits until both have answered, each for at most `within`.
    pub async fn beat(&self, within: Duration) -> Result<(), Silent> {
        let owner = async {
            let (back, answer) = oneshot::channel();
            self.requests.send(Request::Pulse(back)).await.ok()?;
            answer.await.ok()
        };
        let (owner, writer) = tokio::join!(timeout(within, owner), timeout(within, self.writer.pulse()));
        if !matches!(owner, Ok(Some(()))) {
            return Err(Silent::Dispatcher);
        }
        if matches!(writer, Ok(Ok(()))) { Ok(()) } else { Err(Silent::Writer) }
    }
}

/// Keeps `silent` true while the writer has not answered for longer than a healthy one takes; ends with the writer or the
/// last receiver.
pub(super) async fn watch_writer(writer: Writer, silent: watch::Sender<bool>) {
    let looks = async {
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let mut answer = std::pin::pin!(writer.pulse());
            let end = if let Ok(end) = timeout(PATIENCE, &mut answer).await {
                end
            } else {
                tracing::error!(target: "engine", "{}, nothing is stored", Silent::Writer);
                silent.send_replace(true);
                let end = answer.await;
                if end.is_ok() {
                    tracing::warn!(target: "engine", "The database writer answers again");
                    silent.send_replace(false);
                }
                end
            };
            if end.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = looks => {}
        () = silent.closed() => {}
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::market::ManualClock;
    use crate::store::StoreError;
    use crate::store::master::WriterOptions;

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_hangs_is_noticed_and_so_is_its_return() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("market_data.db");
        let writer = Writer::open(&path, WriterOptions { cache_mib: 1, demo: false, clock: ManualClock::at(0) }).unwrap();
        let (silent, mut seen) = watch::channel(false);
        tokio::spawn(watch_writer(writer.clone(), silent));
        // Another program holds the file: the writer waits for it, while 30 s pass at once.
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let waiting = tokio::spawn({
            let writer = writer.clone();
            async move { writer.set_meta("a".into(), "b".into()).await }
        });
        seen.changed().await.unwrap();
        assert!(*seen.borrow_and_update());
        other.execute_batch("ROLLBACK").unwrap();
        seen.changed().await.unwrap();
        assert!(!*seen.borrow_and_update());
        waiting.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn an_engine_whose_owner_or_writer_has_ended_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            let options = WriterOptions { cache_mib: 1, demo: false, clock: ManualClock::at(0) };
            Writer::open(&dir.path().join(name).join("market_data.db"), options).unwrap()
        };
        let (requests, owner) = mpsc::channel(1);
        let pulse = Pulse { requests: requests.clone(), writer: open("a") };
        let mut gone = Box::pin(pulse.gone());
        assert!(gone.as_mut().now_or_never().is_none(), "both are there");
        pulse.writer.clone().close().await.unwrap();
        gone.await;
        assert_eq!(pulse.writer.pulse().await.map_err(|e| e.to_string()), Err(StoreError::WriterGone.to_string()));
        let pulse = Pulse { requests, writer: open("b") };
        drop(owner);
        pulse.gone().await;
        assert_eq!(pulse.beat(PATIENCE).await, Err(Silent::Dispatcher));
    }
}
